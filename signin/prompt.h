// SPDX-License-Identifier: Apache-2.0
//
// What a person is shown when a sign-in starts: one text, because an SSH client shows nothing before the next prompt and
// counts messages. It says first which machine, account, service and remote host this is about — the one thing that lets a
// person notice that somebody else's sign-in is being approved (device-code phishing).
#pragma once

#include "buf.h"
#include "oidc.h"

struct prompt {
        const char *host, *user, *service; // required
        const char *rhost;                 // NULL or "": not a remote sign-in
        const struct oidc_device *device;
        bool qr; // draw the address as a QR code
};

#define PROMPT_MAX 16384u

// Appends the text: lines ended by '\n', the first one plain. 0, -ENOMEM, -EMSGSIZE.
int prompt_text(struct buf *out, const struct prompt *p) _must_check_;
