// SPDX-License-Identifier: Apache-2.0
//
// What sshd says of earlier factors: a fingerprint comes out only where a line begins with "publickey ", and has the form of
// one; whatever is refused leaves none behind.
#include "prior.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool has_a_key_line(const char *s)
{
        for (; s; s = strchr(s, '\n') ? strchr(s, '\n') + 1 : NULL)
                if (strncmp(s, "publickey ", 10) == 0)
                        return true;
        return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *s = malloc(size + 1);
        struct prior p;
        int r;

        if (!s)
                return 0;
        if (size)
                memcpy(s, data, size);
        s[size] = 0;
        r = prior_parse(&p, s);
        if (r < 0 && p.fingerprint[0])
                abort();
        if (p.fingerprint[0] && (!has_a_key_line(s) || strlen(p.fingerprint) != PRIOR_FINGERPRINT_MAX - 1 ||
                                        strncmp(p.fingerprint, "SHA256:", 7) != 0))
                abort();
        if (r == 0 && has_a_key_line(s) && !p.fingerprint[0])
                abort();
        free(s);
        return 0;
}
