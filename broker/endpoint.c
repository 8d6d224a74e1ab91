// SPDX-License-Identifier: Apache-2.0
//
// The port's life. It comes from the process before this one, from systemd's descriptor store, from valetkeyd or, failing
// these, from ourselves. valetkeyd keeps a descriptor of the same socket: when the broker ends for good it shuts it, not only
// closes it, for a socket that is still listened on by nobody would let programs wait for an answer that never comes.
#include "endpoint_internal.h"

#include "b64.h"
#include "random.h"
#include "secret_file.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>

#define BACKLOG    256
#define ACCEPTS    8 // in one turn of the loop, which has other doors
#define SWEEP_MS   1000
#define AGAIN_MS   500
#define PAUSE_MS   100 // out of descriptors: look again then, instead of spinning
#define TOKEN_N    32
#define TOKEN_LEN  43
#define ANSWER_MAX (64u << 10)

static void close_port(struct endpoint *e)
{
        e->watch = watch_free(e->watch);
        e->owners = peer_owner_free(e->owners);
        if (e->fd >= 0)
                close(e->fd);
        e->fd = -1;
        e->url[0] = 0;
}

static void on_connection(unsigned ready _unused_, void *arg)
{
        struct endpoint *e = arg;

        for (int i = 0; i < ACCEPTS && e->fd >= 0; i++) {
                int fd = accept4(e->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

                if (fd >= 0) {
                        endpoint_conn_accepted(e, fd);
                        continue;
                }
                // Another holder of this socket has shut it.
                if (errno == EINVAL && listen(e->fd, BACKLOG) == 0)
                        return;
                if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
                        watch_set(e->watch, 0);
                        timer_arm_in(e->pause, PAUSE_MS);
                }
                break;
        }
        if (e->conns && !timer_is_armed(e->sweep))
                timer_arm_in(e->sweep, SWEEP_MS);
}

static void on_pause_over(void *arg)
{
        struct endpoint *e = arg;

        if (e->watch && !e->paused)
                watch_set(e->watch, WATCH_READ);
}

static void on_sweep(void *arg)
{
        struct endpoint *e = arg;

        endpoint_conns_sweep(e);
        if (e->conns)
                timer_arm_in(e->sweep, SWEEP_MS);
}

// ---- the port ---------------------------------------------------------------------------------------------------

// A stream socket bound to 127.0.0.1, and which port that is. Who passes one on is believed no further than that.
static int port_of(int fd, uint16_t *ret)
{
        struct sockaddr_in a = {0};
        socklen_t n = sizeof a, m = sizeof(int);
        int type = 0;

        if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &m) < 0 ||
                getsockname(fd, (struct sockaddr *)&a, &n) < 0)
                return -errno;
        if (type != SOCK_STREAM || a.sin_family != AF_INET || a.sin_addr.s_addr != htonl(INADDR_LOOPBACK) ||
                !a.sin_port)
                return -EPROTOTYPE;
        *ret = ntohs(a.sin_port);
        return 0;
}

// No answer leaves this machine, whatever routes there are; an answer is one packet, which shall not wait for others; and a
// connection that only the other end holds on to is forgotten after a second.
static int prepare(int fd)
{
        const int one = 1;

        return setsockopt(fd, IPPROTO_IP, IP_TTL, &one, sizeof one) < 0 ||
                               setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0 ||
                               setsockopt(fd, IPPROTO_TCP, TCP_LINGER2, &one, sizeof one) < 0 ||
                               listen(fd, BACKLOG) < 0
                       ? -errno
                       : 0;
}

// A connection of the broker before us is not quite over: the port is ours all the same. Takes fd.
static void wait_for(struct endpoint *e, int fd)
{
        if (e->busy_fd >= 0)
                close(e->busy_fd);
        e->busy_fd = fd;
        timer_arm_in(e->again, AGAIN_MS);
}

// Takes fd. The port before, if there is one, is left: who is connected there is served on.
static int use(struct endpoint *e, int fd, bool own)
{
        struct peer_owner *owners = NULL;
        struct watch *watch = NULL;
        uint16_t port = 0;
        int r = port_of(fd, &port);

        if (r == 0)
                r = prepare(fd);
        if (r == 0)
                r = peer_owner_new(&owners, fd);
        if (r == 0)
                r = watch_new(
                        &watch, broker_loop(e->broker), fd, e->paused ? 0 : WATCH_READ, on_connection, e);
        if (r < 0) {
                peer_owner_free(owners);
                if (r == -EADDRINUSE && !own)
                        wait_for(e, fd);
                else
                        close(fd);
                return r;
        }
        close_port(e);
        e->fd = fd;
        e->watch = watch;
        e->owners = owners;
        e->own = own;
        e->port = port;
        snprintf(e->url, sizeof e->url, "http://127.0.0.1:%u", port);
        log_event(own ? LOG_E_WARNING : LOG_E_NOTICE, "endpoint.listening",
                "port=%u kept_by=%s lookup=%s hint=%s", port, own ? "nobody" : "valetkeyd",
                peer_owner_by_proc(owners) ? "/proc/net/tcp" : "sock_diag",
                own ? "once this broker ends, any user of the machine can listen there" : "-");
        if (e->listening)
                e->listening(e->arg);
        return 0;
}

static void bind_own(struct endpoint *e)
{
        int fd = -1, r = endpoint_port_bind(&fd);

        if (r == 0)
                r = use(e, fd, true);
        if (r < 0)
                log_event(LOG_E_ERROR, "endpoint.none", "reason=%s", strerror(-r));
}

// From the process before, from valetkeyd, or from there once more: the same port is no news.
static int take(struct endpoint *e, int fd)
{
        uint16_t port = 0;
        int r = port_of(fd, &port);

        if (r == 0 && (e->fd < 0 || e->own || port != e->port))
                return use(e, fd, false);
        close(fd);
        return r;
}

static void on_asked(void *arg, int fd, const char *reason)
{
        struct endpoint *e = arg;
        int r = fd >= 0 ? take(e, fd) : 0;

        e->asking = endpoint_port_free(e->asking);
        if (reason[0] || r < 0)
                log_event(LOG_E_WARNING, "endpoint.no_kept_port", "reason=%s", r < 0 ? strerror(-r) : reason);
        if (e->fd < 0 && e->busy_fd < 0)
                bind_own(e);
}

static void on_again(void *arg)
{
        struct endpoint *e = arg;

        if (e->busy_fd >= 0 && use(e, TAKE_FD(e->busy_fd), false) < 0 && e->busy_fd < 0)
                bind_own(e);
}

void endpoint_offer(struct endpoint *e, int fd)
{
        int r = -ECANCELED;

        if (e->config->imds || e->config->container)
                r = take(e, fd);
        else
                close(fd);
        if (r < 0 && r != -ECANCELED)
                log_event(LOG_E_WARNING, "endpoint.no_kept_port", "reason=%s", strerror(-r));
}

// ---- the token --------------------------------------------------------------------------------------------------

static int make_token(struct secret **ret)
{
        cleanup_buf struct buf text = BUF_INIT(TOKEN_LEN);
        uint8_t raw[TOKEN_N];
        int r = random_bytes(raw, sizeof raw);

        if (r == 0)
                r = b64url_encode(&text, raw, sizeof raw);
        explicit_bzero(raw, sizeof raw);
        return r < 0 ? r : buf_take_secret(&text, ret);
}

// What a broker of this session left is gone on with: programs have it in their environment.
static int set_token(struct endpoint *e)
{
        cleanup_buf struct buf raw = BUF_INIT(TOKEN_N);
        int r = secret_file_read(&e->token, e->token_path, TOKEN_LEN);

        if (r == 0 && b64url_decode(&raw, secret_str(e->token), secret_len(e->token)) == 0 &&
                raw.n == TOKEN_N)
                return 0;
        e->token = secret_free(e->token);
        r = make_token(&e->token);
        return r < 0 ? r : secret_file_write(e->token_path, e->token);
}

// ---- for others -------------------------------------------------------------------------------------------------

void endpoint_pause(struct endpoint *e, bool paused)
{
        e->paused = paused;
        if (e->watch)
                watch_set(e->watch, paused ? 0 : WATCH_READ);
        if (paused)
                endpoint_conns_close_idle(e);
}

bool endpoint_is_waiting(const struct endpoint *e)
{
        for (const struct endpoint_conn *c = e->conns; c; c = c->next)
                if (c->state == ENDPOINT_WAITING)
                        return true;
        return false;
}

bool endpoint_is_idle(const struct endpoint *e)
{
        return !e->conns;
}

int endpoint_get_fd(const struct endpoint *e)
{
        return e->fd;
}

const char *endpoint_get_url(const struct endpoint *e)
{
        return e->url;
}

const char *endpoint_get_token_file(const struct endpoint *e)
{
        return e->token_path;
}

bool endpoint_is_own(const struct endpoint *e)
{
        return e->own;
}

// ---- life -------------------------------------------------------------------------------------------------------

static int set_up(struct endpoint *e, const struct endpoint_options *o, int *fd)
{
        struct loop *l = broker_loop(o->broker);
        int r;

        if (asprintf(&e->token_path, "%s/endpoint-token", o->runtime_dir) < 0) {
                e->token_path = NULL;
                return -ENOMEM;
        }
        r = timer_new(&e->sweep, l, on_sweep, e);
        if (r == 0)
                r = timer_new(&e->pause, l, on_pause_over, e);
        if (r == 0)
                r = timer_new(&e->again, l, on_again, e);
        if (r == 0)
                r = set_token(e);
        if (r < 0 || (!e->config->imds && !e->config->container))
                return r;
        if (*fd >= 0 && use(e, TAKE_FD(*fd), o->own) == 0)
                return 0;
        return endpoint_port_ask(&e->asking, l, o->claim_path, o->server_uid, on_asked, e);
}

int endpoint_new(struct endpoint **ret, const struct endpoint_options *o)
{
        struct endpoint *e = calloc(1, sizeof *e);
        cleanup_fd int fd = o->fd;
        int r;

        if (!e)
                return -ENOMEM;
        *e = (struct endpoint){.broker = o->broker,
                .config = o->config,
                .fd = -1,
                .busy_fd = -1,
                .answer = BUF_INIT(ANSWER_MAX),
                .listening = o->listening,
                .arg = o->arg};
        *ret = e; // for listening()
        r = set_up(e, o, &fd);
        if (r < 0)
                *ret = endpoint_free(e);
        return r;
}

void endpoint_end(struct endpoint *e)
{
        if (e->fd >= 0 && shutdown(e->fd, SHUT_RDWR) < 0)
                log_event(LOG_E_WARNING, "endpoint.unshut", "reason=%s", strerror(errno));
        secret_file_remove(e->token_path);
}

struct endpoint *endpoint_free(struct endpoint *e)
{
        if (!e)
                return NULL;
        while (e->conns)
                endpoint_conn_free(e->conns);
        e->asking = endpoint_port_free(e->asking);
        close_port(e);
        timer_free(e->sweep);
        timer_free(e->pause);
        timer_free(e->again);
        if (e->busy_fd >= 0)
                close(e->busy_fd);
        secret_free(e->token);
        buf_deinit(&e->answer);
        free(e->token_path);
        free(e);
        return NULL;
}
