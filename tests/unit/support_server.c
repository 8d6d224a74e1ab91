// SPDX-License-Identifier: Apache-2.0
//
// bufferevents of libevent.
#include "support_server.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

struct server_conn {
        struct server *server;
        struct server_conn *next;
        struct bufferevent *be;
        struct event *drip;
        char *text;
        size_t at;
        struct timeval every;
        bool close_when_empty;
};

struct server {
        struct loop *loop;
        struct evconnlistener *listener;
        server_handler handler;
        void *arg;
        char url[64];
        unsigned requests, connections;
        struct server_conn *first;
};

#define MUST(x)                                                                                              \
        do {                                                                                                 \
                if (!(x)) {                                                                                  \
                        perror(#x);                                                                          \
                        abort();                                                                             \
                }                                                                                            \
        } while (0)

static void conn_free(struct server_conn *c)
{
        struct server_conn **p = &c->server->first;

        while (*p != c)
                p = &(*p)->next;
        *p = c->next;
        if (c->drip)
                event_free(c->drip);
        bufferevent_free(c->be);
        free(c->text);
        free(c);
}

static size_t content_length(const char *head)
{
        const char *p = strcasestr(head, "\r\nContent-Length:");

        return p ? strtoul(p + 17, NULL, 10) : 0;
}

// Hands over each whole request that has arrived.
static void on_read(struct bufferevent *be, void *arg)
{
        struct server_conn *c = arg;
        struct evbuffer *in = bufferevent_get_input(be);
        struct evbuffer_ptr end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
        struct server_request q = {.conn = c};
        size_t head = (size_t)end.pos + 4, all = evbuffer_get_length(in);
        char *text;

        if (end.pos < 0)
                return;
        text = calloc(1, all + 2);
        if (!text) {
                conn_free(c);
                return;
        }
        MUST(evbuffer_copyout(in, text, all) == (ssize_t)all);
        text[head - 1] = 0;
        q.body_len = content_length(text);
        if (all >= head + q.body_len) {
                text[head + q.body_len] = 0;
                q.head = text;
                q.body = text + head;
                q.n = ++c->server->requests;
                MUST(sscanf(text, "%15s %511s", q.method, q.path) == 2);
                evbuffer_drain(in, head + q.body_len);
                c->server->handler(c->server, &q, c->server->arg); // may free c
        }
        free(text);
}

static void on_written(struct bufferevent *be _unused_, void *arg)
{
        struct server_conn *c = arg;

        if (c->close_when_empty)
                conn_free(c);
}

static void on_event(struct bufferevent *be _unused_, short what _unused_, void *arg)
{
        conn_free(arg);
}

static void on_accept(struct evconnlistener *l _unused_, evutil_socket_t fd, struct sockaddr *a _unused_,
        int n _unused_, void *arg)
{
        struct server *s = arg;
        struct server_conn *c = calloc(1, sizeof *c);

        // A test that makes memory fail may hit the server: it hangs up then.
        if (c)
                c->be = bufferevent_socket_new(loop_base(s->loop), fd, BEV_OPT_CLOSE_ON_FREE);
        if (!c || !c->be) {
                free(c);
                close(fd);
                return;
        }
        c->server = s;
        c->next = s->first;
        s->first = c;
        s->connections++;
        bufferevent_setcb(c->be, on_read, on_written, on_event, c);
        if (bufferevent_enable(c->be, EV_READ | EV_WRITE) < 0)
                conn_free(c);
}

void server_new(struct server **ret, struct loop *l, server_handler handler, void *arg)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t n = sizeof a;
        struct server *s = calloc(1, sizeof *s);

        MUST(s);
        *s = (struct server){.loop = l, .handler = handler, .arg = arg};
        MUST(s->listener = evconnlistener_new_bind(loop_base(l), on_accept, s,
                     LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, 64,
                     (struct sockaddr *)&a, sizeof a));
        MUST(getsockname(evconnlistener_get_fd(s->listener), (struct sockaddr *)&a, &n) == 0);
        snprintf(s->url, sizeof s->url, "http://127.0.0.1:%u", ntohs(a.sin_port));
        *ret = s;
}

struct server *server_free(struct server *s)
{
        if (!s)
                return NULL;
        while (s->first)
                conn_free(s->first);
        evconnlistener_free(s->listener);
        free(s);
        return NULL;
}

const char *server_url(const struct server *s)
{
        return s->url;
}

unsigned server_count(const struct server *s)
{
        return s->requests;
}

unsigned server_connections(const struct server *s)
{
        return s->connections;
}

void server_answer(const struct server_request *q, int status, const char *type, const char *extra,
        int64_t date_s, const char *body)
{
        struct evbuffer *out = bufferevent_get_output(q->conn->be);
        char date[64] = "";
        time_t t = (time_t)date_s;
        struct tm tm;

        if (date_s)
                strftime(date, sizeof date, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", gmtime_r(&t, &tm));
        evbuffer_add_printf(out,
                "HTTP/1.1 %d Status\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s%s\r\n%s", status, type,
                strlen(body), date, extra ? extra : "", body);
}

void server_raw(const struct server_request *q, const void *p, size_t n, enum server_end end)
{
        struct server_conn *c = q->conn;

        evbuffer_add(bufferevent_get_output(c->be), p, n);
        c->close_when_empty = end == SERVER_CLOSE && n > 0;
        if (end == SERVER_RESET) {
                struct linger l = {.l_onoff = 1};

                MUST(setsockopt(bufferevent_getfd(c->be), SOL_SOCKET, SO_LINGER, &l, sizeof l) == 0);
        }
        if (end == SERVER_RESET || (end == SERVER_CLOSE && n == 0))
                conn_free(c);
}

static void on_drip(evutil_socket_t fd _unused_, short what _unused_, void *arg)
{
        struct server_conn *c = arg;

        if (!c->text[c->at]) {
                conn_free(c);
                return;
        }
        evbuffer_add(bufferevent_get_output(c->be), c->text + c->at++, 1);
        event_add(c->drip, &c->every);
}

void server_drip(const struct server_request *q, const char *text, int ms)
{
        struct server_conn *c = q->conn;

        c->every = (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
        MUST(c->text = strdup(text));
        MUST(c->drip = event_new(loop_base(c->server->loop), -1, 0, on_drip, c));
        event_add(c->drip, &c->every);
}
