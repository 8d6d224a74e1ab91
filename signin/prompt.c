// SPDX-License-Identifier: Apache-2.0
//
// The text of a sign-in. Names come from the network (a remote host name is whatever its owner's DNS says) and are cleaned
// of everything a terminal interprets; the address and the code were checked when the provider's answer was parsed.
//
// The QR code is drawn with half blocks, two rows of modules a line, light modules as ink: on the usual dark terminal
// that is a dark code on a light field, which is what cameras look for.
#include "prompt.h"

#include <qrencode.h>

#define QUIET  2 // modules of light around the code; readers manage with two
#define INDENT "  "
#define CELLS  80 // of a terminal's line: a code that is wider would be broken there, and PROMPT_MAX with it

static bool light(const QRcode *q, int x, int y)
{
        if (x < -QUIET || y < -QUIET || x >= q->width + QUIET || y >= q->width + QUIET)
                return false; // below the last row of an odd-sized code there is nothing
        if (x < 0 || y < 0 || x >= q->width || y >= q->width)
                return true;
        return !(q->data[y * q->width + x] & 1);
}

static int draw(struct buf *out, const char *text)
{
        QRcode *q = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);

        if (!q)
                // Too long for any code, or no memory: the address stands above in letters.
                return 0;
        if (q->width + 2 * QUIET + (int)strlen(INDENT) > CELLS) {
                QRcode_free(q);
                return 0;
        }
        for (int y = -QUIET; y < q->width + QUIET; y += 2) {
                buf_append_str(out, INDENT);
                for (int x = -QUIET; x < q->width + QUIET; x++) {
                        bool up = light(q, x, y), down = light(q, x, y + 1);

                        buf_append_str(out, up && down ? "█" : up ? "▀" : down ? "▄" : " ");
                }
                buf_append_char(out, '\n');
        }
        QRcode_free(q);
        return buf_error(out);
}

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
                int r = draw(out,
                        d->verification_uri_complete ? d->verification_uri_complete : d->verification_uri);

                if (r < 0)
                        return err_trace(r);
                buf_append_char(out, '\n');
        }
        buf_append_str(out, "The code is good for ");
        append_life(out, d->expires_in_s);
        buf_append_str(out, ". If you did not start this sign-in yourself, do not enter it.\n");
        return buf_error(out);
}
