// SPDX-License-Identifier: Apache-2.0
//
// Anybody on the machine can connect here, and every page the person's browser shows can make it do so. So: a connection of
// another user is turned away by what the kernel says of its socket; what came is judged in callback_request.c, and its query
// by whoever knows the state; a place that is needed is taken from who says nothing. A browser that
// brought our answer is kept waiting until there is something to tell.
#include "callback.h"

#include "callback_page.h"
#include "callback_request.h"
#include "http_head.h"
#include "log.h"
#include "peer_owner.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define PLACES      8u
#define REQUEST_MS  INT64_C(10000)
#define SWEEP_MS    INT64_C(1000)
#define LISTENERS   2
#define FIND_PORT_N 16 // free in both families

struct place {
        struct callback *callback;
        int fd; // -1: free
        struct watch *watch;
        int64_t since_boot_ms;
        bool waits; // it brought our answer
        size_t n;
        char in[HTTP_HEAD_MAX];
};

struct callback {
        struct loop *loop;
        const struct callback_events *events;
        void *arg;
        struct listener {
                struct callback *callback;
                int fd; // -1: this family is not there
                struct watch *watch;
                struct peer_owner *owners;
        } listeners[LISTENERS];
        struct timer *sweep;
        struct place places[PLACES];
        struct log_limit strangers, pages; // lines about other users, and about what a browser brings
        char host[16], redirect_uri[64];
        uint16_t port;
};

static int64_t boot_now(const struct callback *c)
{
        const struct clock *k = loop_clock(c->loop);

        return k->boot_ms(k);
}

static void place_free(struct place *p)
{
        if (p->fd < 0)
                return;
        p->watch = watch_free(p->watch);
        close(p->fd);
        explicit_bzero(p->in, p->n); // there was a code in it
        p->fd = -1;
        p->n = 0;
        p->waits = false;
}

// A page is smaller than what a socket takes at once.
static void answer(struct place *p, int status, const char *title, const char *text)
{
        cleanup_buf struct buf page = BUF_INIT(32u << 10);
        char rest[512];

        if (callback_page(&page, status, title, text) == 0 &&
                send(p->fd, page.p, page.n, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)page.n)
                (void)shutdown(p->fd, SHUT_WR);
        // Closing over bytes that nobody read would take the answer back.
        while (recv(p->fd, rest, sizeof rest, MSG_DONTWAIT) > 0)
                ;
        place_free(p);
}

// ---- a request

static void take_query(struct place *p, const struct callback_request *q)
{
        int r = p->callback->events->query(p->callback->arg, q->query, q->query_n);

        if (r == 0 || r == -EALREADY) {
                p->waits = true;
                return;
        }
        if (log_limit_allows(&p->callback->pages, "signin.callback_refused", loop_clock(p->callback->loop)))
                log_event(LOG_E_WARNING, "signin.callback_refused", "reason=%s",
                        r == -EPERM ? "its state is not this sign-in's" : strerror(-r));
        answer(p, 400, "Not this sign-in",
                "This page does not belong to the sign-in that valetkey waits for. Nothing was done. If you "
                "have just signed in, start again: the tab may be an old one.");
}

static void on_readable(unsigned ready _unused_, void *arg)
{
        struct place *p = arg;
        struct callback_request q;
        ssize_t n;

        if (p->waits) { // until there is something to tell, or nobody to tell it to
                char rest[512];

                n = recv(p->fd, rest, sizeof rest, MSG_DONTWAIT);
                if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
                        place_free(p);
                return;
        }
        n = recv(p->fd, p->in + p->n, sizeof p->in - p->n, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0) {
                place_free(p);
                return;
        }
        p->n += (size_t)n;
        callback_request_read(&q, p->in, p->n, p->n == sizeof p->in, p->callback->port);
        if (q.verdict == CALLBACK_QUERY)
                take_query(p, &q);
        else if (q.verdict == CALLBACK_REFUSE)
                answer(p, q.status, q.title, q.text);
}

// ---- connections

static struct place *find_place(struct callback *c)
{
        struct place *oldest = NULL;

        for (size_t i = 0; i < PLACES; i++) {
                struct place *p = &c->places[i];

                if (p->fd < 0)
                        return p;
                if (!p->waits && (!oldest || p->since_boot_ms < oldest->since_boot_ms))
                        oldest = p;
        }
        if (oldest)
                place_free(oldest);
        return oldest;
}

static bool is_ours(struct listener *l, int fd)
{
        struct sock_owner owner;
        int r = peer_owner_find(l->owners, fd, &owner);

        if (r == 0 && owner.uid == geteuid())
                return true;
        if (log_limit_allows(
                    &l->callback->strangers, "signin.callback_refused", loop_clock(l->callback->loop)))
                log_event(LOG_E_WARNING, "signin.callback_refused", "uid=%d reason=%s",
                        r == 0 ? (int)owner.uid : -1,
                        r == 0 ? "another user's program" : "whose program it is cannot be told");
        return false;
}

static void on_connection(unsigned ready _unused_, void *arg)
{
        struct listener *l = arg;
        struct callback *c = l->callback;
        int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        struct place *p;

        if (fd < 0) {
                // Without descriptors the connection stays in the queue: ask again in a second, not at once for ever.
                if (errno == EMFILE || errno == ENFILE) {
                        watch_set(l->watch, 0);
                        timer_arm_in(c->sweep, SWEEP_MS);
                }
                return;
        }
        p = is_ours(l, fd) ? find_place(c) : NULL;
        if (!p || watch_new(&p->watch, c->loop, fd, WATCH_READ, on_readable, p) < 0) {
                close(fd);
                return;
        }
        p->fd = fd;
        p->since_boot_ms = boot_now(c);
        if (!timer_is_armed(c->sweep))
                timer_arm_in(c->sweep, SWEEP_MS);
}

static void on_sweep(void *arg)
{
        struct callback *c = arg;
        bool any = false;

        for (size_t i = 0; i < LISTENERS; i++)
                if (c->listeners[i].watch)
                        watch_set(c->listeners[i].watch, WATCH_READ);
        for (size_t i = 0; i < PLACES; i++) {
                struct place *p = &c->places[i];

                if (p->fd >= 0 && !p->waits && boot_now(c) - p->since_boot_ms > REQUEST_MS)
                        place_free(p);
                any |= p->fd >= 0;
        }
        if (any)
                timer_arm_in(c->sweep, SWEEP_MS);
}

// ---- life

static int bind_one(int *ret, int family, uint16_t port)
{
        cleanup_fd int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
        struct sockaddr_in6 in6 = {
                .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_loopback};
        const struct sockaddr *a =
                family == AF_INET ? (const struct sockaddr *)&in : (const struct sockaddr *)&in6;
        const int on = 1;

        if (fd < 0)
                return -errno;
        in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
                (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) ||
                bind(fd, a, family == AF_INET ? sizeof in : sizeof in6) < 0 || listen(fd, 16) < 0)
                return -errno;
        *ret = TAKE_FD(fd);
        return 0;
}

static uint16_t port_of(int fd)
{
        struct sockaddr_in in = {0};
        socklen_t n = sizeof in;

        return getsockname(fd, (struct sockaddr *)&in, &n) == 0 ? ntohs(in.sin_port) : 0;
}

// The same port in both families, so that "localhost" is ours whatever it resolves to; a machine without IPv6 has one.
static int bind_both(struct callback *c, uint16_t port)
{
        for (int i = 0; i < FIND_PORT_N; i++) {
                int four = -1, six = -1, r = bind_one(&four, AF_INET, port);

                if (r < 0)
                        return r;
                c->port = port_of(four);
                r = bind_one(&six, AF_INET6, c->port);
                if (r == 0 || r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL) {
                        c->listeners[0].fd = four;
                        c->listeners[1].fd = six;
                        return 0;
                }
                close(four);
                if (port || r != -EADDRINUSE)
                        return r;
        }
        return -EADDRINUSE;
}

static int listen_on(struct callback *c, struct listener *l)
{
        int r;

        l->callback = c;
        if (l->fd < 0)
                return 0;
        r = peer_owner_new(&l->owners, l->fd);
        return r < 0 ? r : watch_new(&l->watch, c->loop, l->fd, WATCH_READ, on_connection, l);
}

int callback_new(struct callback **ret, struct loop *l, const char *host, uint16_t port,
        const struct callback_events *events, void *arg)
{
        struct callback *c = calloc(1, sizeof *c);
        int r;

        if (!c)
                return -ENOMEM;
        c->loop = l;
        c->events = events;
        c->arg = arg;
        for (size_t i = 0; i < LISTENERS; i++)
                c->listeners[i].fd = -1;
        for (size_t i = 0; i < PLACES; i++)
                c->places[i] = (struct place){.callback = c, .fd = -1};
        r = timer_new(&c->sweep, l, on_sweep, c);
        if (r == 0)
                r = bind_both(c, port);
        for (size_t i = 0; r == 0 && i < LISTENERS; i++)
                r = listen_on(c, &c->listeners[i]);
        if (r < 0) {
                callback_free(c);
                return r;
        }
        snprintf(c->redirect_uri, sizeof c->redirect_uri, "http://%s:%u" CALLBACK_PATH, host, c->port);
        *ret = c;
        return 0;
}

const char *callback_redirect_uri(const struct callback *c)
{
        return c->redirect_uri;
}

struct callback *callback_end(struct callback *c, bool signed_in, const char *identity, const char *text)
{
        char title[300];

        if (!c)
                return NULL;
        snprintf(
                title, sizeof title, signed_in ? "Signed in to %.200s" : "Not signed in to %.200s", identity);
        for (size_t i = 0; i < PLACES; i++)
                if (c->places[i].fd >= 0 && c->places[i].waits)
                        answer(&c->places[i], 200, title, text);
        return callback_free(c);
}

struct callback *callback_free(struct callback *c)
{
        if (!c)
                return NULL;
        for (size_t i = 0; i < PLACES; i++)
                place_free(&c->places[i]);
        for (size_t i = 0; i < LISTENERS; i++) {
                watch_free(c->listeners[i].watch);
                peer_owner_free(c->listeners[i].owners);
                if (c->listeners[i].fd >= 0)
                        close(c->listeners[i].fd);
        }
        if (c->sweep)
                timer_free(c->sweep);
        free(c);
        return NULL;
}
