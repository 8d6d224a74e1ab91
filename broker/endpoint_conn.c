// SPDX-License-Identifier: Apache-2.0
//
// A connection: who is at its other end is asked once, when it comes; then request after request, each answered before the
// next is looked at, however many were sent at once. Most answers are made and sent in the turn of the loop that read the
// request; a connection that is not in the middle of something owns no memory but itself.
//
// Nobody can take the port away from others: half a request has five seconds, whatever trickles in; who does not read his
// answer is cut off; an idle connection gives its place to a new one; and strangers have places of their own, few of them.
#include "endpoint_internal.h"

#include <stdio.h>
#include <sys/socket.h>

#define IDLE_MS     INT64_C(30000)
#define REQUEST_MS  INT64_C(5000)
#define STRANGER_MS INT64_C(2000)
#define WRITING_MS  INT64_C(5000)
#define DRAINING_MS INT64_C(1000)

// Requests are read into here: one loop, one thread.
static char room[2 * HTTP_HEAD_MAX];

static int64_t boot_now(const struct endpoint *e)
{
        const struct clock *c = loop_clock(broker_loop(e->broker));

        return c->boot_ms(c);
}

static void forget_in(struct endpoint_conn *c)
{
        if (c->in)
                explicit_bzero(c->in, c->in_n);
        free(c->in);
        c->in = NULL;
        c->in_n = 0;
}

struct endpoint_conn *endpoint_conn_free(struct endpoint_conn *c)
{
        if (!c)
                return NULL;
        *c->link = c->next;
        if (c->next)
                c->next->link = c->link;
        c->endpoint->n_conns--;
        c->endpoint->n_strangers -= c->stranger;
        handout_free(c->handout);
        watch_free(c->watch);
        close(c->fd);
        forget_in(c);
        buf_deinit(&c->out);
        free(c);
        return NULL;
}

static void enter(struct endpoint_conn *c, enum endpoint_conn_state state)
{
        static const unsigned what[] = {
                [ENDPOINT_READING] = WATCH_READ,
                [ENDPOINT_WAITING] = 0,
                [ENDPOINT_WRITING] = WATCH_WRITE,
                [ENDPOINT_DRAINING] = WATCH_READ,
        };

        if (c->state != state)
                watch_set(c->watch, what[state]);
        c->state = state;
        c->since_boot_ms = boot_now(c->endpoint);
}

// ---- out --------------------------------------------------------------------------------------------------------

// The answer is out. False when the connection is gone.
static bool answered(struct endpoint_conn *c)
{
        c->asked = true;
        if (c->keep_alive) {
                enter(c, ENDPOINT_READING);
                return true;
        }
        if (!c->unread && c->in_n == 0) {
                endpoint_conn_free(c);
                return false;
        }
        // Closing over bytes that nobody read would take the answer back.
        if (shutdown(c->fd, SHUT_WR) < 0) {
                endpoint_conn_free(c);
                return false;
        }
        forget_in(c);
        enter(c, ENDPOINT_DRAINING);
        return true;
}

// Sends as much as goes; *sent counts. False when the connection is of no more use.
static bool push(struct endpoint_conn *c, const char *p, size_t n, size_t *sent)
{
        while (*sent < n) {
                ssize_t k = send(c->fd, p + *sent, n - *sent, MSG_NOSIGNAL | MSG_DONTWAIT);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return errno == EAGAIN;
                *sent += (size_t)k;
        }
        return true;
}

// Sends what was made. False when the connection is gone.
static bool send_answer(struct endpoint_conn *c)
{
        struct buf *a = &c->endpoint->answer;
        size_t sent = 0;
        bool ok = buf_error(a) == 0 && push(c, a->p, a->n, &sent);

        if (ok && sent < a->n) {
                c->out = BUF_INIT(a->n - sent);
                c->sent = 0;
                ok = buf_append(&c->out, a->p + sent, a->n - sent) == 0;
                if (ok)
                        enter(c, ENDPOINT_WRITING);
        } else if (ok) {
                buf_reset(a);
                return answered(c);
        }
        buf_reset(a);
        if (!ok)
                endpoint_conn_free(c);
        return ok;
}

static void take_requests(struct endpoint_conn *c, const char *p, size_t n);

// What came in behind the request that has its answer now.
static void go_on(struct endpoint_conn *c)
{
        char *in = TAKE_PTR(c->in);
        size_t n = c->in_n;

        c->in_n = 0;
        if (in)
                take_requests(c, in, n);
        if (in)
                explicit_bzero(in, n);
        free(in);
}

static void on_writable(struct endpoint_conn *c)
{
        if (!push(c, c->out.p, c->out.n, &c->sent)) {
                endpoint_conn_free(c);
                return;
        }
        if (c->sent < c->out.n)
                return;
        buf_deinit(&c->out);
        if (answered(c) && c->state == ENDPOINT_READING)
                go_on(c);
}

// ---- roles ------------------------------------------------------------------------------------------------------

static void answer_credentials(
        struct endpoint_conn *c, const struct endpoint_route *route, const struct role_answer *a)
{
        cleanup_buf struct buf body = BUF_INIT(ENDPOINT_DOCUMENT_MAX);

        if (a->outcome != OUTCOME_OK)
                endpoint_answer_outcome(c, a->outcome, a->message);
        else if (route->document(&body, a) < 0)
                endpoint_answer_outcome(
                        c, OUTCOME_INTERNAL, "the credentials do not fit into what SDKs read at this door");
        else
                endpoint_answer(c, 200, "application/json", route->extra, body.p, body.n);
}

static void on_handout(void *arg, const struct role_answer *a)
{
        struct endpoint_conn *c = arg;

        c->handout = handout_free(c->handout);
        if (c->endpoint->paused)
                c->keep_alive = false;
        answer_credentials(c, c->route, a);
        if (send_answer(c) && c->state == ENDPOINT_READING)
                go_on(c);
}

void endpoint_hand_out(
        struct endpoint_conn *c, const struct endpoint_route *route, const char *role, bool by_name)
{
        struct handout_request q = {
                .caller = &c->caller, .role = role, .by_name = by_name, .deadline_ms = ENDPOINT_HANDOUT_MS};
        struct role_answer a;

        c->caller.door = route->door;
        c->route = route;
        if (handout_now(c->endpoint->broker, &q, &a))
                answer_credentials(c, route, &a);
        else if (handout_start(&c->handout, c->endpoint->broker, &q, on_handout, c) < 0)
                endpoint_answer_outcome(c, OUTCOME_INTERNAL, NULL);
}

// ---- in ---------------------------------------------------------------------------------------------------------

static bool keep(struct endpoint_conn *c, const char *p, size_t n)
{
        c->in = malloc(n);
        if (!c->in)
                return false;
        memcpy(c->in, p, n);
        c->in_n = n;
        return true;
}

static void answer_broken(struct endpoint_conn *c, int result)
{
        static const struct {
                int status;
                const char *message;
        } answers[] = {
                [HTTP_HEAD_E_BAD] = {400, "this is not an HTTP request that is understood here"},
                [HTTP_HEAD_E_TOO_LARGE] = {431, "the request's head is too large"},
                [HTTP_HEAD_E_VERSION] = {505, "HTTP/1.1 is spoken here"},
        };

        if (log_limit_allows(
                    &c->endpoint->broken, "endpoint.broken", loop_clock(broker_loop(c->endpoint->broker))))
                log_event(LOG_E_INFO, "endpoint.broken", "uid=%u app=%s reason=%s", (unsigned)c->caller.uid,
                        c->caller.app[0] ? c->caller.app : "-", answers[result].message);
        c->keep_alive = false;
        c->unread = true;
        endpoint_answer_error(c, answers[result].status, "InvalidRequest", answers[result].message);
}

static void answer_request(struct endpoint_conn *c, const struct http_head *head)
{
        // Who asks for a head alone reads on where ours is followed by a sentence: his next answer would begin there.
        c->keep_alive = head->keep_alive && !c->endpoint->paused && !c->refusal.text[0] &&
                        !http_text_is(&head->method, "HEAD");
        c->skip = head->body_len;
        c->unread = c->skip > 0;
        if (c->skip > ENDPOINT_BODY_MAX) {
                c->keep_alive = false;
                endpoint_answer_error(c, 413, "InvalidRequest", "nothing that is asked here has a body");
                return;
        }
        endpoint_request(c, head);
}

// Requests from the n bytes at p on, until one waits or is not whole. The connection may be gone afterwards.
static void take_requests(struct endpoint_conn *c, const char *p, size_t n)
{
        while (n > 0 && c->state == ENDPOINT_READING) {
                struct http_head head;
                size_t used = n < c->skip ? n : c->skip;
                int r;

                c->skip -= used;
                p += used;
                n -= used;
                if (n == 0)
                        return;
                r = http_head_parse(&head, p, n, &used);
                if (r == HTTP_HEAD_E_MORE)
                        break;
                if (r != 0) {
                        answer_broken(c, r);
                        used = n;
                } else {
                        answer_request(c, &head);
                }
                p += used;
                n -= used;
                if (c->handout)
                        enter(c, ENDPOINT_WAITING);
                else if (!send_answer(c))
                        return;
        }
        if (n > 0 && c->state != ENDPOINT_DRAINING && !keep(c, p, n))
                endpoint_conn_free(c);
}

static void on_readable(struct endpoint_conn *c)
{
        size_t had = c->state == ENDPOINT_READING ? c->in_n : 0;
        ssize_t n;

        if (had)
                memcpy(room, c->in, had);
        n = recv(c->fd, room + had, sizeof room - had, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0) {
                endpoint_conn_free(c);
                return;
        }
        if (c->state == ENDPOINT_READING) {
                // A body that nobody keeps has no more time than a head.
                if (had == 0 && c->skip == 0)
                        c->since_boot_ms = boot_now(c->endpoint);
                forget_in(c);
                take_requests(c, room, had + (size_t)n);
        }
        explicit_bzero(room, had + (size_t)n);
}

static void on_ready(unsigned ready, void *arg)
{
        struct endpoint_conn *c = arg;

        if (ready & WATCH_WRITE)
                on_writable(c);
        else
                on_readable(c);
}

// ---- life -------------------------------------------------------------------------------------------------------

static bool is_idle(const struct endpoint_conn *c)
{
        return c->state == ENDPOINT_READING && c->in_n == 0 && c->skip == 0;
}

static bool is_same_caller(const struct caller *a, const struct caller *b)
{
        return a->uid == b->uid && a->kind == b->kind && strcmp(a->app, b->app) == 0;
}

// Of all, or of one caller (NULL: all), the number, and the one that is idle for longest.
static unsigned count(const struct endpoint *e, const struct caller *of, struct endpoint_conn **ret_idle)
{
        unsigned n = 0;

        *ret_idle = NULL;
        for (struct endpoint_conn *c = e->conns; c; c = c->next) {
                if (of && !is_same_caller(&c->caller, of))
                        continue;
                n++;
                if (is_idle(c) && (!*ret_idle || c->since_boot_ms <= (*ret_idle)->since_boot_ms))
                        *ret_idle = c;
        }
        return n;
}

// Whether there is a place for one more like it; where not, one that is idle makes room.
static bool make_room(struct endpoint *e, const struct endpoint_conn *c)
{
        struct endpoint_conn *idle;

        if (c->stranger)
                return e->n_strangers < ENDPOINT_STRANGERS_MAX;
        if (count(e, &c->caller, &idle) < ENDPOINT_CALLER_MAX) {
                if (e->n_conns - e->n_strangers < ENDPOINT_CONNS_MAX)
                        return true;
                (void)count(e, NULL, &idle);
        }
        if (!idle)
                return false;
        endpoint_conn_free(idle);
        return true;
}

static void find_caller(struct endpoint_conn *c)
{
        const struct peer_caller_rules rules = {.owners = c->endpoint->owners,
                .door = "endpoint", // the request says which of the two it is
                .allow_root = c->endpoint->config->allow_root_callers,
                .root_hint = ", or set allow_root_callers = yes in [endpoint] of valetkey.conf"};

        c->stranger = !peer_caller_find(&c->caller, &rules, c->fd, &c->refusal);
}

void endpoint_conn_accepted(struct endpoint *e, int fd)
{
        struct endpoint_conn *c = calloc(1, sizeof *c);

        if (!c || watch_new(&c->watch, broker_loop(e->broker), fd, WATCH_READ, on_ready, c) < 0) {
                free(c);
                close(fd);
                return;
        }
        c->endpoint = e;
        c->fd = fd;
        c->since_boot_ms = boot_now(e);
        find_caller(c);
        if (!make_room(e, c)) {
                if (log_limit_allows(&e->full, "endpoint.full", loop_clock(broker_loop(e->broker))))
                        log_event(LOG_E_WARNING, "endpoint.full", "uid=%u app=%s connections=%u",
                                (unsigned)c->caller.uid, c->caller.app[0] ? c->caller.app : "-", e->n_conns);
                watch_free(c->watch);
                close(fd);
                free(c);
                return;
        }
        c->next = e->conns;
        c->link = &e->conns;
        if (c->next)
                c->next->link = &c->next;
        e->conns = c;
        e->n_conns++;
        e->n_strangers += c->stranger;
}

static void answer_late(struct endpoint_conn *c)
{
        c->keep_alive = false;
        c->unread = true;
        endpoint_answer_error(c, 408, "InvalidRequest", "the request did not come in time");
        (void)send_answer(c);
}

void endpoint_conns_sweep(struct endpoint *e)
{
        int64_t now = boot_now(e);
        struct endpoint_conn *next;

        for (struct endpoint_conn *c = e->conns; c; c = next) {
                int64_t ms = now - c->since_boot_ms;

                next = c->next;
                if (c->state == ENDPOINT_READING && !is_idle(c) &&
                        ms > (c->stranger ? STRANGER_MS : REQUEST_MS))
                        answer_late(c);
                else if ((is_idle(c) && ms > (c->stranger ? STRANGER_MS : IDLE_MS)) ||
                         (c->state == ENDPOINT_WRITING && ms > WRITING_MS) ||
                         (c->state == ENDPOINT_DRAINING && ms > DRAINING_MS))
                        endpoint_conn_free(c);
        }
}

// For a program that is about to be another: a request that has come is answered first, and who has just connected is
// about to ask.
void endpoint_conns_close_idle(struct endpoint *e)
{
        struct endpoint_conn *next;

        for (struct endpoint_conn *c = e->conns; c; c = next) {
                char byte;

                next = c->next;
                if (c->asked && is_idle(c) && recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0)
                        endpoint_conn_free(c);
        }
}
