// SPDX-License-Identifier: Apache-2.0
//
// An answer on its way back: its head without what is about the other connection, its body as it comes. Its length is told where
// it was told here, else in chunks, and a client that knows no chunks sees the connection end.
#include "gateway_internal.h"

#include "json_text.h"
#include "timefmt.h"

#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>

#define LENGTH_DIGITS_MAX 18u // no length that could overflow

static const char *reason_of(int status)
{
        static const struct {
                int status;
                const char *reason;
        } reasons[] = {{200, "OK"}, {201, "Created"}, {202, "Accepted"}, {204, "No Content"},
                {206, "Partial Content"}, {301, "Moved Permanently"}, {302, "Found"}, {303, "See Other"},
                {304, "Not Modified"}, {307, "Temporary Redirect"}, {308, "Permanent Redirect"},
                {400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"},
                {405, "Method Not Allowed"}, {408, "Request Timeout"}, {409, "Conflict"},
                {412, "Precondition Failed"}, {413, "Content Too Large"}, {416, "Range Not Satisfiable"},
                {417, "Expectation Failed"}, {421, "Misdirected Request"}, {429, "Too Many Requests"},
                {431, "Request Header Fields Too Large"}, {500, "Internal Server Error"},
                {501, "Not Implemented"}, {502, "Bad Gateway"}, {503, "Service Unavailable"},
                {504, "Gateway Timeout"}, {505, "HTTP Version Not Supported"}, {507, "Insufficient Storage"}};

        for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
                if (reasons[i].status == status)
                        return reasons[i].reason;
        return "";
}

// ---- answers of our own

// Half an answer cannot be taken back, and some want none: the connection is cut.
static void fail(struct gateway_conn *c, const char *message)
{
        const struct gateway_owner *owner = &c->gateway->owner;
        struct err err = ERR_INIT;

        err_set(&err, "%s", message);
        if (owner->failed)
                owner->failed(owner->arg, &err);
        c->state = GATEWAY_CUT;
}

void gateway_answer_error(struct gateway_conn *c, int status, const char *message)
{
        cleanup_buf struct buf body = BUF_INIT(4096);
        char text[ERR_MAX];

        if (c->begun || c->gateway->owner.failed) {
                fail(c, message);
                return;
        }
        // What a sentence quotes may be in any script; this document is ASCII.
        snprintf(text, sizeof text, "%s", message);
        for (char *p = text; *p; p++)
                if ((unsigned char)*p > 0x7e)
                        *p = '?';
        c->keep_alive = false; // there may be a body that nobody has read
        c->begun = c->over = true;
        c->state = GATEWAY_ANSWER;
        buf_append_char(&body, '{');
        (void)json_text_member_str(&body, "code", "ValetkeyGateway");
        (void)json_text_member_str(&body, "message", text);
        buf_append_str(&body, "}\n");
        buf_printf(&c->out,
                "HTTP/1.1 %d %s\r\nServer: valetkey\r\nContent-Type: application/json\r\nContent-Length: "
                "%zu\r\n"
                "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
                status, reason_of(status), body.n);
        if (!http_text_is(&c->head.method, "HEAD"))
                buf_append(&c->out, body.p, body.n);
}

static int status_of(enum outcome o)
{
        return o == OUTCOME_TIMEOUT ? 504 : o == OUTCOME_INTERNAL ? 500 : 502;
}

void gateway_answer_done(
        void *conn, enum outcome outcome, struct http_response *response _unused_, const struct err *err)
{
        struct gateway_conn *c = conn;

        c->op = http_op_free(c->op);
        c->read_waits = c->answer_waits = false;
        if (outcome == OUTCOME_CANCELLED) {
                c->state = GATEWAY_CUT; // by this end, which knows
        } else if (outcome != OUTCOME_OK) {
                gateway_answer_error(c, status_of(outcome), err->text);
        } else {
                if (c->chunked)
                        buf_append_str(&c->out, "0\r\n\r\n");
                c->over = true;
                c->keep_alive &=
                        !c->streaming || c->body_left == 0; // answered before all of the body had come
        }
        gateway_conn_settle(c);
}

// ---- answers of others

struct answer {
        struct gateway_conn *c;
        bool has_length;
};

static bool is_dropped(const char *name, size_t n)
{
        // The last two are about TLS and about other addresses of that server, which are none of ours.
        static const char *const dropped[] = {"Connection", "Keep-Alive", "Proxy-Connection",
                "Transfer-Encoding", "Trailer", "Upgrade", "Alt-Svc", "Strict-Transport-Security"};

        for (size_t i = 0; i < ARRAY_SIZE(dropped); i++)
                if (strlen(dropped[i]) == n && strncasecmp(dropped[i], name, n) == 0)
                        return true;
        return false;
}

// Only what can stand on a line of its own: a line that begins with a blank would go on the one before.
static bool name_ok(const char *name, size_t n)
{
        static const char token[] =
                "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

        return n > 0 && strspn(name, token) >= n;
}

static bool is_name(const char *name, size_t n, const char *want)
{
        return strlen(want) == n && strncasecmp(name, want, n) == 0;
}

const char *gateway_location(const struct gateway_route *from, const char *value)
{
        size_t n = strlen(from->origin);
        char named[GATEWAY_NAME + 16];

        if (strncasecmp(value, from->origin, n) == 0 && (value[n] == '/' || !value[n]))
                return value[n] ? value + n : "/";
        n = (size_t)snprintf(named, sizeof named, "%.*s%s", (int)(strcspn(from->origin, "/") + 2),
                from->origin, from->host);
        if (strncasecmp(value, named, n) == 0 && (value[n] == '/' || !value[n]))
                return value[n] ? value + n : "/";
        return value;
}

static const char *location_of(struct gateway_conn *c, const char *value, char room[GATEWAY_LOCATION])
{
        const struct gateway_owner *owner = &c->gateway->owner;

        return owner->location ? owner->location(owner->arg, &c->route, value, room)
                               : gateway_location(&c->route, value);
}

static void learn_clock(struct gateway_conn *c, const char *date)
{
        int64_t s;

        if (c->route.sign && time_parse_http(date, &s) == 0)
                clock_remote_learn(&c->gateway->clock, loop_clock(c->gateway->loop), s);
}

static void pass_header(struct answer *a, const char *line, size_t n)
{
        const char *colon = memchr(line, ':', n);
        size_t name_n = colon ? (size_t)(colon - line) : 0;
        char value[GATEWAY_LOCATION] = "", room[GATEWAY_LOCATION];
        struct gateway_conn *c = a->c;

        while (n > 0 && (line[n - 1] == '\r' || line[n - 1] == '\n' || line[n - 1] == ' '))
                n--;
        if (!name_ok(line, name_n) || is_dropped(line, name_n) || memchr(line, 0, n) || memchr(line, '\r', n))
                return;
        if (!a->has_length && is_name(line, name_n, "Content-Length"))
                return; // it is told in chunks
        for (colon++; colon < line + n && (*colon == ' ' || *colon == '\t');)
                colon++;
        if ((size_t)(line + n - colon) < sizeof value) {
                memcpy(value, colon, (size_t)(line + n - colon));
                value[line + n - colon] = 0;
        }
        if (is_name(line, name_n, "Date"))
                learn_clock(c, value);
        if (is_name(line, name_n, "Location") && value[0]) {
                buf_printf(&c->out, "Location: %s\r\n", location_of(c, value, room));
        } else {
                buf_append(&c->out, line, n);
                buf_append_str(&c->out, "\r\n");
        }
}

// How many lines begin like that; *ret points behind the last one's beginning.
static unsigned find_lines(const char *lines, size_t n, const char *begin, struct http_text *ret)
{
        unsigned found = 0;

        for (const char *s = lines, *end = lines + n, *next; s < end; s = next) {
                const char *lf = memchr(s, '\n', (size_t)(end - s));

                next = lf ? lf + 1 : end;
                if ((size_t)(next - s) < strlen(begin) || strncasecmp(s, begin, strlen(begin)) != 0)
                        continue;
                *ret = (struct http_text){s + strlen(begin), (size_t)(next - s) - strlen(begin)};
                found++;
        }
        return found;
}

// Whether the answer has one length, and one that every reader takes for the same.
static bool has_length(const char *lines, size_t n)
{
        struct http_text v;
        size_t digits = 0;

        if (find_lines(lines, n, "Transfer-Encoding:", &v) > 0 ||
                find_lines(lines, n, "Content-Length:", &v) != 1)
                return false;
        while (v.n > 0 && memchr(" \t\r\n", v.p[v.n - 1], 4))
                v.n--;
        for (; v.n > 0 && (*v.p == ' ' || *v.p == '\t'); v.n--)
                v.p++;
        while (digits < v.n && v.p[digits] >= '0' && v.p[digits] <= '9')
                digits++;
        return digits > 0 && digits == v.n && digits <= LENGTH_DIGITS_MAX;
}

int gateway_answer_head(void *conn, int status, const char *lines, size_t n)
{
        struct gateway_conn *c = conn;
        struct answer a = {.c = c, .has_length = has_length(lines, n)};

        c->begun = true;
        c->no_body = http_text_is(&c->head.method, "HEAD") || status == 204 || status == 304;
        buf_printf(&c->out, "HTTP/1.1 %d %s\r\n", status, reason_of(status));
        for (const char *end = lines + n, *next; lines < end; lines = next) {
                const char *lf = memchr(lines, '\n', (size_t)(end - lines));

                next = lf ? lf + 1 : end;
                pass_header(&a, lines, (size_t)(next - lines));
        }
        c->chunked = !c->no_body && !a.has_length && !c->head.http10;
        c->keep_alive &= c->no_body || a.has_length || c->chunked;
        buf_printf(&c->out, "%s%s\r\n", c->chunked ? "Transfer-Encoding: chunked\r\n" : "",
                c->keep_alive ? "" : "Connection: close\r\n");
        return buf_error(&c->out);
}

int gateway_answer_body(void *conn, const char *p, size_t n)
{
        struct gateway_conn *c = conn;

        if (c->out.n > GATEWAY_OUT_MAX) {
                c->answer_waits = true;
                return HTTP_STREAM_WAIT;
        }
        if (c->chunked)
                buf_printf(&c->out, "%zx\r\n", n);
        buf_append(&c->out, p, n);
        if (c->chunked)
                buf_append_str(&c->out, "\r\n");
        if (buf_error(&c->out))
                return buf_error(&c->out);
        if (!gateway_conn_push(c))
                return -EPIPE;
        if (c->out.n > c->sent)
                watch_set(c->watch, WATCH_WRITE | (c->in_n < sizeof c->in ? WATCH_READ : 0));
        return 0;
}
