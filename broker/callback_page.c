// SPDX-License-Identifier: Apache-2.0
#include "callback_page.h"

#include <stdio.h>

// Its digest stands in the policy below, which allows no other style; a test holds the two together.
static const char style[] =
        "html{color-scheme:light dark}body{font:1.1em/1.5 system-ui,sans-serif;max-width:34em;margin:18vh "
        "auto;padding:0 1em}"
        "h1{font-size:1.5em}p{overflow-wrap:anywhere}footer{opacity:.6;font-size:.8em;margin-top:3em}";
#define STYLE_DIGEST "sha256-4L5SrzA2wEGM0mySm9cPiMVuYdpWsnGK8CBLkB8teaw="

static const char *reason_of(int status)
{
        return status == 200   ? "OK"
               : status == 404 ? "Not Found"
               : status == 403 ? "Forbidden"
                               : "Bad Request";
}

static void escape(struct buf *out, const char *s)
{
        for (; *s; s++) {
                switch (*s) {
                case '&':
                        buf_append_str(out, "&amp;");
                        break;
                case '<':
                        buf_append_str(out, "&lt;");
                        break;
                case '>':
                        buf_append_str(out, "&gt;");
                        break;
                case '"':
                        buf_append_str(out, "&quot;");
                        break;
                case '\'':
                        buf_append_str(out, "&#39;");
                        break;
                default:
                        buf_append_char(out, *s);
                }
        }
}

int callback_page(struct buf *out, int status, const char *title, const char *text)
{
        cleanup_buf struct buf body = BUF_INIT(16u << 10);

        buf_append_str(&body, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                              "<meta name=\"viewport\" content=\"width=device-width\"><title>");
        escape(&body, title);
        buf_printf(&body, "</title><style>%s</style></head>\n<body><h1>", style);
        escape(&body, title);
        buf_append_str(&body, "</h1><p>");
        escape(&body, text);
        buf_append_str(&body, "</p><footer>valetkey</footer></body></html>\n");
        if (buf_error(&body))
                return buf_error(&body);
        buf_printf(out,
                "HTTP/1.1 %d %s\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: %zu\r\n"
                "Content-Security-Policy: default-src 'none'; style-src '" STYLE_DIGEST
                "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
                "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nCache-Control: "
                "no-store\r\n"
                "Cross-Origin-Opener-Policy: same-origin\r\nConnection: close\r\n\r\n",
                status, reason_of(status), body.n);
        return buf_append(out, buf_str(&body), body.n);
}
