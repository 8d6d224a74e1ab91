// SPDX-License-Identifier: Apache-2.0
//
// What sshd says of the factors that came before this one: SSH_AUTH_INFO_0, which it sets in the PAM environment of its
// own process, as the module hands it on. One line for each: METHOD[/SUBMETHOD] [KEYTYPE BASE64] [more].
#pragma once

#include "util.h"

#define PRIOR_MAX             16384u // with certificates in it
#define PRIOR_FINGERPRINT_MAX 51u    // "SHA256:" and 43 digits, and a NUL

struct prior {
        // Of the first public key that was taken, as ssh-keygen -l writes it (a certificate's own); "": none was.
        char fingerprint[PRIOR_FINGERPRINT_MAX];
};

// NULL and "" say that nothing came before. -EBADMSG: this is not what sshd writes, and nothing is believed of it; -ENOMEM.
int prior_parse(struct prior *ret, const char *text) _must_check_;
