// SPDX-License-Identifier: Apache-2.0
//
// A connection: one request after the other, each answered before the next is looked at. Either direction waits for the other:
// what is not taken there is not read here, so a gateway holds a few hundred kilobytes of each connection however large what
// passes is.
#include "gateway_internal.h"

#include <sys/socket.h>

#define HEAD_MS     INT64_C(10000)
#define IDLE_MS     INT64_C(120000)
#define STALLED_MS  INT64_C(60000)
#define STRANGER_MS INT64_C(2000)
#define DRAINING_MS INT64_C(1000)

static int64_t boot_now(const struct gateway_conn *c)
{
        const struct clock *k = loop_clock(c->gateway->loop);

        return k->boot_ms(k);
}

struct gateway_conn *gateway_conn_free(struct gateway_conn *c)
{
        if (!c)
                return NULL;
        *c->link = c->next;
        if (c->next)
                c->next->link = c->link;
        c->gateway->n_conns--;
        c->gateway->n_strangers -= c->stranger;
        gateway_request_forget(c);
        watch_free(c->watch);
        close(c->fd);
        buf_deinit(&c->out);
        explicit_bzero(c->in, c->in_n);
        free(c);
        return NULL;
}

bool gateway_conn_push(struct gateway_conn *c)
{
        while (c->sent < c->out.n) {
                ssize_t k = send(c->fd, c->out.p + c->sent, c->out.n - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return errno == EAGAIN;
                c->sent += (size_t)k;
                c->since_boot_ms = boot_now(c);
        }
        buf_reset(&c->out);
        c->sent = 0;
        return true;
}

static void take(struct gateway_conn *c, size_t n)
{
        memmove(c->in, c->in + n, c->in_n - n);
        c->in_n -= n;
}

// A head that is whole begins a request.
static void read_head(struct gateway_conn *c)
{
        size_t n;
        int r = http_head_parse_any(&c->head, c->in, c->in_n, GATEWAY_HEAD_MAX, &n);

        if (r == HTTP_HEAD_E_MORE)
                return;
        c->keep_alive = false;
        if (r != 0) {
                c->in_n = 0;
                gateway_answer_error(c,
                        r == HTTP_HEAD_E_TOO_LARGE ? 431
                        : r == HTTP_HEAD_E_VERSION ? 505
                                                   : 400,
                        r == HTTP_HEAD_E_TOO_LARGE
                                ? "the request's head is too large: 64 headers and 32 KiB are read"
                        : r == HTTP_HEAD_E_VERSION ? "HTTP/1.1 is spoken here"
                                                   : "this is not an HTTP request that can be passed on");
                return;
        }
        // What was found points into the text, which goes on to be overwritten.
        c->text = malloc(n);
        if (!c->text) {
                gateway_answer_error(c, 500, "out of memory");
                return;
        }
        memcpy(c->text, c->in, n);
        take(c, n);
        if (http_head_parse_any(&c->head, c->text, n, GATEWAY_HEAD_MAX, &n) != 0) {
                gateway_answer_error(c, 500, "what was read has changed");
                return;
        }
        gateway_request_begin(c);
}

static void answered(struct gateway_conn *c)
{
        bool more = c->keep_alive;

        gateway_request_forget(c);
        c->state = GATEWAY_HEAD;
        c->since_boot_ms = boot_now(c);
        if (more)
                return;
        // Closing over bytes that nobody read would take the answer back.
        c->state = GATEWAY_DRAIN;
        c->in_n = 0;
        (void)shutdown(c->fd, SHUT_WR);
}

static unsigned what_is_awaited(const struct gateway_conn *c)
{
        unsigned what = c->sent < c->out.n ? WATCH_WRITE : 0;

        // While it is answered something is read, too: whoever goes away is not answered on.
        return what | (c->in_n < sizeof c->in ? WATCH_READ : 0);
}

// Goes as far as there is something to go on with.
void gateway_conn_settle(struct gateway_conn *c)
{
        for (;;) {
                size_t had = c->in_n;

                if (c->state == GATEWAY_HEAD && c->in_n > 0) {
                        read_head(c);
                        if (c->state == GATEWAY_HEAD && !c->over)
                                break;
                } else if (c->state == GATEWAY_BODY) {
                        take(c, gateway_request_body(c, c->in, c->in_n));
                        if (c->state == GATEWAY_BODY && c->in_n == had && !c->over)
                                break;
                        if (c->state == GATEWAY_BODY && c->in_n == 0)
                                break;
                } else if (c->state == GATEWAY_DRAIN || c->state == GATEWAY_CUT) {
                        c->in_n = 0;
                        break;
                } else if (!c->over) {
                        break;
                }
                if (c->state == GATEWAY_CUT)
                        break;
                if (!gateway_conn_push(c)) {
                        gateway_conn_free(c);
                        return;
                }
                if (c->over && c->out.n == 0)
                        answered(c);
                else if (c->over)
                        break;
        }
        if (c->state == GATEWAY_CUT || buf_error(&c->out)) {
                const struct linger now = {.l_onoff = 1};

                (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
                gateway_conn_free(c);
                return;
        }
        watch_set(c->watch, what_is_awaited(c));
}

static void on_readable(struct gateway_conn *c)
{
        ssize_t n = recv(c->fd, c->in + c->in_n, sizeof c->in - c->in_n, MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0) {
                gateway_conn_free(c);
                return;
        }
        if (c->state != GATEWAY_HEAD || c->in_n == 0)
                c->since_boot_ms = boot_now(c);
        c->in_n += (size_t)n;
        if (c->read_waits) {
                c->read_waits = false;
                http_op_resume(c->op);
        }
        gateway_conn_settle(c);
}

static void on_ready(unsigned ready, void *arg)
{
        struct gateway_conn *c = arg;

        if (!(ready & WATCH_WRITE)) {
                on_readable(c);
                return;
        }
        if (!gateway_conn_push(c)) {
                gateway_conn_free(c);
                return;
        }
        if (c->answer_waits && c->out.n == 0) {
                c->answer_waits = false;
                http_op_resume(c->op);
        }
        gateway_conn_settle(c);
}

void gateway_conn_accepted(struct gateway *g, int fd)
{
        struct gateway_conn *c = calloc(1, sizeof *c);

        if (!c || watch_new(&c->watch, g->loop, fd, WATCH_READ, on_ready, c) < 0) {
                free(c);
                close(fd);
                return;
        }
        c->gateway = g;
        c->fd = fd;
        c->out = BUF_INIT(2 * GATEWAY_OUT_MAX);
        c->since_boot_ms = boot_now(c);
        // Who is refused takes nobody's place, whoever he is: a sandbox may be this user's.
        c->stranger = !g->owner.admit(g->owner.arg, fd, &c->refusal) || c->refusal.text[0];
        if (g->n_conns >= GATEWAY_CONNS_MAX || (c->stranger && g->n_strangers >= GATEWAY_STRANGERS_MAX)) {
                watch_free(c->watch);
                close(fd);
                free(c);
                return;
        }
        if (c->refusal.text[0] && log_limit_allows(&g->refused, "caller.refused", loop_clock(g->loop)))
                log_event(LOG_E_WARNING, "caller.refused", "reason=%s", c->refusal.text);
        c->next = g->conns;
        c->link = &g->conns;
        if (c->next)
                c->next->link = &c->next;
        g->conns = c;
        g->n_conns++;
        g->n_strangers += c->stranger;
}

// Whether its time is over. A request that waits for an answer waits as long as its program does.
static bool is_late(const struct gateway_conn *c)
{
        int64_t ms = boot_now(c) - c->since_boot_ms;

        if (c->stranger && ms > STRANGER_MS)
                return true;
        if (c->sent < c->out.n || c->state == GATEWAY_BODY || c->read_waits)
                return ms > STALLED_MS;
        return (c->state == GATEWAY_HEAD && ms > (c->in_n ? HEAD_MS : IDLE_MS)) ||
               (c->state == GATEWAY_DRAIN && ms > DRAINING_MS);
}

void gateway_conns_sweep(struct gateway *g)
{
        struct gateway_conn *next;

        for (struct gateway_conn *c = g->conns; c; c = next) {
                next = c->next;
                if (!is_late(c))
                        continue;
                if (c->state == GATEWAY_HEAD && c->in_n > 0 && !c->stranger) {
                        c->in_n = 0;
                        gateway_answer_error(c, 408, "the request did not come in time");
                        gateway_conn_settle(c);
                } else {
                        gateway_conn_free(c);
                }
        }
}
