// SPDX-License-Identifier: Apache-2.0
//
// Answers as bytes. SDKs differ in how they read an error: Go looks for "code", JavaScript for "Code"; all of them get both.
#include "endpoint_internal.h"

#include "json_text.h"
#include "outcome.h"

#include <stdio.h>
#include <time.h>

static const char *reason_of(int status)
{
        switch (status) {
        case 200:
                return "OK";
        case 400:
                return "Bad Request";
        case 401:
                return "Unauthorized";
        case 403:
                return "Forbidden";
        case 404:
                return "Not Found";
        case 405:
                return "Method Not Allowed";
        case 408:
                return "Request Timeout";
        case 413:
                return "Content Too Large";
        case 417:
                return "Expectation Failed";
        case 431:
                return "Request Header Fields Too Large";
        case 503:
                return "Service Unavailable";
        case 505:
                return "HTTP Version Not Supported";
        default:
                return "Internal Server Error";
        }
}

// "Sun, 22 Nov 2026 06:00:00 GMT", made once a second.
static const char *date_of(const struct endpoint *e)
{
        static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
        static const char *const months[] = {
                "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        static char text[40];
        static time_t of;
        time_t now = (time_t)clock_wall_s(loop_clock(broker_loop(e->broker)));
        struct tm t;

        if (now != of && gmtime_r(&now, &t)) {
                snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[t.tm_wday], t.tm_mday,
                        months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
                of = now;
        }
        return text;
}

void endpoint_answer(
        struct endpoint_conn *c, int status, const char *type, const char *extra, const void *body, size_t n)
{
        struct buf *out = &c->endpoint->answer;

        buf_printf(out,
                "HTTP/1.1 %d %s\r\nDate: %s\r\nServer: valetkey\r\nContent-Type: %s\r\nContent-Length: "
                "%zu\r\n"
                "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n%s%s\r\n",
                status, reason_of(status), date_of(c->endpoint), type, n, extra,
                c->keep_alive ? "" : "Connection: close\r\n");
        buf_append(out, body, n);
}

void endpoint_answer_error(struct endpoint_conn *c, int status, const char *code, const char *message)
{
        cleanup_buf struct buf body = BUF_INIT(4096);
        char text[ERR_MAX];

        // What a sentence quotes may be in any script; this document is ASCII.
        snprintf(text, sizeof text, "%s", message);
        for (char *p = text; *p; p++)
                if ((unsigned char)*p > 0x7e)
                        *p = '?';
        buf_append_char(&body, '{');
        (void)json_text_member_str(&body, "code", code);
        (void)json_text_member_str(&body, "message", text);
        (void)json_text_member_str(&body, "Code", code);
        (void)json_text_member_str(&body, "Message", text);
        buf_append_char(&body, '}');
        endpoint_answer(c, status, "application/json",
                status == 503   ? "Retry-After: " ENDPOINT_RETRY_AFTER_S "\r\n"
                : status == 405 ? "Allow: GET, PUT\r\n"
                                : "",
                buf_str(&body), body.n);
}

static int status_of(enum outcome o)
{
        switch (o) {
        case OUTCOME_INVALID_REQUEST:
                return 400;
        case OUTCOME_NEEDS_LOGIN:
        case OUTCOME_ACCESS_DENIED:
        case OUTCOME_DENIED_BY_USER:
                return 403;
        case OUTCOME_UNKNOWN_ROLE:
                return 404;
        case OUTCOME_INTERNAL:
        case OUTCOME_MISCONFIGURED:
        case OUTCOME_BAD_ANSWER:
                return 500;
        default:
                return 503;
        }
}

// The code is the last word of the outcome's D-Bus error: programs that know one know the other.
void endpoint_answer_outcome(struct endpoint_conn *c, enum outcome o, const char *message)
{
        const char *name = outcome_info(o)->dbus_error, *dot = name ? strrchr(name, '.') : NULL;

        endpoint_answer_error(c, status_of(o), dot ? dot + 1 : "Internal",
                message && message[0] ? message : outcome_info(o)->text);
}
