// SPDX-License-Identifier: Apache-2.0
#include "qr.h"

#include <qrencode.h>

#define QUIET 2 // modules of light around the code; readers manage with two

static bool light(const QRcode *q, int x, int y)
{
        if (x < -QUIET || y < -QUIET || x >= q->width + QUIET || y >= q->width + QUIET)
                return false; // below the last row of an odd-sized code there is nothing
        if (x < 0 || y < 0 || x >= q->width || y >= q->width)
                return true;
        return !(q->data[y * q->width + x] & 1);
}

int qr_draw(struct buf *out, const char *text, const char *indent, unsigned cells)
{
        QRcode *q = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);

        if (!q)
                return 0; // too long for any code, or no memory
        if ((size_t)q->width + 2 * QUIET + strlen(indent) > cells) {
                QRcode_free(q);
                return 0;
        }
        for (int y = -QUIET; y < q->width + QUIET; y += 2) {
                buf_append_str(out, indent);
                for (int x = -QUIET; x < q->width + QUIET; x++) {
                        bool up = light(q, x, y), down = light(q, x, y + 1);

                        buf_append_str(out, up && down ? "█" : up ? "▀" : down ? "▄" : " ");
                }
                buf_append_char(out, '\n');
        }
        QRcode_free(q);
        return buf_error(out);
}
