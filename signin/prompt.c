// SPDX-License-Identifier: Apache-2.0
//
// The text of a sign-in. Names come from the network (a remote host name is whatever its owner's DNS says) and are cleaned
// of everything a terminal interprets; the address and the code were checked when the provider's answer was parsed.
#include "prompt.h"

#include "qr.h"

#define INDENT "  "
#define CELLS  80 // of a terminal's line: a code that is wider would be broken there, and PROMPT_MAX with it

static void append_life(struct buf *out, int64_t s)
{
        if (s >= 120)
                buf_printf(out, "%lld minutes", (long long)(s / 60));
        else
                buf_printf(out, "%lld seconds", (long long)s);
}

int prompt_text(struct buf *out, const struct prompt *p)
{
        char host[256], user[128], service[64], rhost[256];
        const struct oidc_device *d = p->device;
        const char *from = p->rhost && p->rhost[0] ? p->rhost : NULL;

        err_sanitise(host, sizeof host, p->host, strlen(p->host));
        err_sanitise(user, sizeof user, p->user, strlen(p->user));
        err_sanitise(service, sizeof service, p->service, strlen(p->service));
        buf_printf(out, "Sign in to %s as %s (%s", host, user, service);
        if (from)
                buf_printf(out, ", from %s", err_sanitise(rhost, sizeof rhost, from, strlen(from)));
        buf_printf(out, ")\n\n  1. Open   %s\n  2. Enter  %s\n\n", d->verification_uri, d->user_code);
        if (p->qr) {
                int r = qr_draw(out,
                        d->verification_uri_complete ? d->verification_uri_complete : d->verification_uri,
                        INDENT, CELLS);

                if (r < 0)
                        return err_trace(r);
                buf_append_char(out, '\n');
        }
        buf_append_str(out, "The code is good for ");
        append_life(out, d->expires_in_s);
        buf_append_str(out, ". If you did not start this sign-in yourself, do not enter it.\n");
        return buf_error(out);
}
