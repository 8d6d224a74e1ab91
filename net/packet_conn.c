// SPDX-License-Identifier: Apache-2.0
//
// One connection. Whatever has to be told the owner happens from the loop, so no function called by the owner ever calls the
// owner back. The received packet and its descriptors live on the stack for the time of one callback: freeing the
// connection in there needs no care, because nothing of it is touched afterwards.
//
// A peer that shuts down its sending side counts as gone: every answer of ours is wanted by somebody who
// still listens for "cancel", and one who cannot speak any more cannot cancel.
#include "packet.h"

#include "packet_internal.h"

#include <assert.h>
#include <fcntl.h>
#include <sys/socket.h>

#define FDS_MAX         4
#define QUEUE_MAX       64         // frames
#define QUEUE_BYTES_MAX (1u << 20) // for a peer that does not read
#define DRAIN_MS        5000

struct packet_out {
        struct packet_out *next;
        int fds[FDS_MAX];
        size_t n_fds, n;
        uint8_t p[];
};

static void close_all(int *fds, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (fds[i] >= 0)
                        close(fds[i]);
}

static void out_free(struct packet_out *o)
{
        close_all(o->fds, o->n_fds);
        explicit_bzero(o->p, o->n);
        free(o);
}

static void drop_first(struct packet_conn *c)
{
        struct packet_out *o = c->first;

        c->first = o->next;
        if (!c->first)
                c->last = &c->first;
        c->n_queued--;
        c->bytes_queued -= o->n;
        out_free(o);
}

// The last thing done with a connection in any path: closed() may free it.
static void conn_closed(struct packet_conn *c, const struct err *err)
{
        c->watch = watch_free(c->watch);
        timer_disarm(c->drain);
        c->handlers.closed(c, err, c->arg);
}

static void on_drain_deadline(void *arg)
{
        struct err err = ERR_INIT;

        err_set(&err, "the peer does not read its answer");
        conn_closed(arg, &err);
}

static ssize_t send_one(struct packet_conn *c, struct packet_out *o)
{
        union {
                struct cmsghdr align;
                char room[CMSG_SPACE(sizeof(int) * FDS_MAX)];
        } u;
        struct iovec io = {.iov_base = o->p, .iov_len = o->n};
        struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1};

        memset(&u, 0, sizeof u);
        if (o->n_fds) {
                struct cmsghdr *h;

                m.msg_control = u.room;
                m.msg_controllen = CMSG_SPACE(sizeof(int) * o->n_fds);
                h = CMSG_FIRSTHDR(&m);
                assert(h); // there is room for it
                h->cmsg_level = SOL_SOCKET;
                h->cmsg_type = SCM_RIGHTS;
                h->cmsg_len = CMSG_LEN(sizeof(int) * o->n_fds);
                memcpy(CMSG_DATA(h), o->fds, sizeof(int) * o->n_fds);
        }
        return sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

// Returns false when the connection is closed and may be gone.
static bool flush(struct packet_conn *c)
{
        struct err err = ERR_INIT;

        while (c->first) {
                ssize_t r = send_one(c, c->first);

                if (r < 0 && errno == EINTR)
                        continue;
                if (r < 0 && (errno == EAGAIN || errno == ENOBUFS))
                        return true;
                if (r < 0) {
                        if (errno != EPIPE && errno != ECONNRESET)
                                err_set(&err, "cannot send: %s", strerror(errno));
                        conn_closed(c, &err);
                        return false;
                }
                drop_first(c);
        }
        if (c->closing) {
                conn_closed(c, &err);
                return false;
        }
        watch_set(c->watch, WATCH_READ);
        return true;
}

// Moves received descriptors into fds; -EBADMSG for control data of another kind.
static int take_fds(struct msghdr *m, int *fds, size_t *n_fds)
{
        int r = 0;

        for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
                size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);

                if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS || n > FDS_MAX - *n_fds) {
                        r = -EBADMSG;
                        continue;
                }
                memcpy(fds + *n_fds, CMSG_DATA(h), n * sizeof(int));
                *n_fds += n;
        }
        return r;
}

// 1: a frame; 0: nothing there; -1: the end, with err where it is not an orderly one.
static int receive(struct packet_conn *c, uint8_t *room, size_t *n, struct frame *f, int *fds, size_t *n_fds,
        struct err *err)
{
        union {
                struct cmsghdr align;
                char room[CMSG_SPACE(sizeof(int) * FDS_MAX)];
        } u;
        struct iovec io = {.iov_base = room, .iov_len = FRAME_MAX};
        struct msghdr m = {
                .msg_iov = &io, .msg_iovlen = 1, .msg_control = u.room, .msg_controllen = sizeof u.room};
        ssize_t r = recvmsg(c->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        int taken;

        if (r < 0) {
                if (errno == EAGAIN || errno == EINTR)
                        return 0;
                if (errno != ECONNRESET)
                        err_set(err, "cannot receive: %s", strerror(errno));
                return -1;
        }
        *n = (size_t)r;
        taken = take_fds(&m, fds, n_fds);
        if (r == 0)
                return -1; // the end, or an empty packet, which is no frame either
        if (m.msg_flags & MSG_TRUNC)
                err_set(err, "a packet is larger than %u bytes", FRAME_MAX);
        else if (m.msg_flags & MSG_CTRUNC || taken < 0)
                err_set(err, "a packet brings more than %d descriptors, or something else than those",
                        FDS_MAX);
        else if (!frame_parse(f, room, (size_t)r))
                err_set(err, "a packet is not a frame");
        else
                return 1;
        return -1;
}

static void on_ready(unsigned ready, void *arg)
{
        static uint8_t room[FRAME_MAX]; // one loop, one thread, and callbacks do not run the loop
        struct packet_conn *c = arg;
        struct err err = ERR_INIT;
        int fds[FDS_MAX] = {-1, -1, -1, -1};
        size_t n = 0, n_fds = 0;
        struct frame f;
        int r;

        if (ready & WATCH_WRITE) {
                flush(c);
                return;
        }
        r = receive(c, room, &n, &f, fds, &n_fds, &err);
        if (r > 0)
                c->handlers.frame(c, &f, fds, n_fds, c->arg);
        explicit_bzero(room, n);
        close_all(fds, n_fds);
        if (r < 0)
                conn_closed(c, &err);
}

static int read_peer(struct packet_conn *c)
{
        struct ucred u;
        socklen_t n = sizeof u;

        if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &u, &n) < 0)
                return -errno;
        if (n != sizeof u)
                return -EPROTO;
        c->peer = (struct packet_peer){.uid = u.uid, .gid = u.gid, .pid = u.pid};
        return 0;
}

int packet_conn_new(struct packet_conn **ret, struct loop *l, int fd)
{
        struct packet_conn *c = calloc(1, sizeof *c);
        int r;

        if (!c) {
                close(fd);
                return -ENOMEM;
        }
        c->loop = l;
        c->fd = fd;
        c->last = &c->first;
        r = read_peer(c);
        if (r == 0)
                r = timer_new(&c->drain, l, on_drain_deadline, c);
        if (r == 0)
                r = watch_new(&c->watch, l, fd, 0, on_ready, c);
        if (r < 0) {
                packet_conn_free(c);
                return err_trace(r);
        }
        *ret = c;
        return 0;
}

// h: copied; arg: borrowed. From now on the connection is read.
void packet_conn_set(struct packet_conn *c, const struct packet_handlers *h, void *arg)
{
        c->handlers = *h;
        c->arg = arg;
        if (c->watch && !c->closing)
                watch_set(c->watch, WATCH_READ | (c->first ? WATCH_WRITE : 0));
}

#ifndef SO_PEERPIDFD // Linux 6.5
#define SO_PEERPIDFD 77
#endif

int packet_conn_open_process(const struct packet_conn *c)
{
        int fd = -1;
        socklen_t n = sizeof fd;

        if (getsockopt(c->fd, SOL_SOCKET, SO_PEERPIDFD, &fd, &n) == 0)
                return fd;
        return errno == ENOPROTOOPT ? -EOPNOTSUPP : -errno;
}

int packet_conn_label(const struct packet_conn *c, char *dst, size_t n)
{
        socklen_t len = (socklen_t)n - 1;

        dst[0] = 0;
        if (getsockopt(c->fd, SOL_SOCKET, SO_PEERSEC, dst, &len) < 0)
                return errno == ENOPROTOOPT ? 0 : -errno;
        dst[len] = 0;
        return 0;
}

const struct packet_peer *packet_conn_peer(const struct packet_conn *c)
{
        return &c->peer;
}

// 0; -EMSGSIZE (no frame is that long), -ENOBUFS (the peer does not read), -EPIPE (closed, or closing),
// -ENOMEM, -EMFILE, -EBADF. On failure nothing was queued. What can be sent at once is: the caller has its answer a turn of the
// loop earlier, and there is no copy of it. Whatever goes wrong with that the loop will meet again, and say.
int packet_send(struct packet_conn *c, const void *frame, size_t n, const int *fds, size_t n_fds)
{
        struct packet_out *o;

        if (n < FRAME_HEADER || n > FRAME_MAX || n_fds > FDS_MAX)
                return -EMSGSIZE;
        if (!c->watch || c->closing)
                return -EPIPE;
        if (c->n_queued == QUEUE_MAX || c->bytes_queued + n > QUEUE_BYTES_MAX)
                return -ENOBUFS;
        if (!c->first && n_fds == 0 && send(c->fd, frame, n, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)n)
                return 0;
        o = malloc(sizeof *o + n);
        if (!o)
                return -ENOMEM;
        *o = (struct packet_out){.n = n};
        memcpy(o->p, frame, n);
        for (; o->n_fds < n_fds; o->n_fds++) {
                o->fds[o->n_fds] = fcntl(fds[o->n_fds], F_DUPFD_CLOEXEC, 3);
                if (o->fds[o->n_fds] < 0) {
                        int r = -errno;

                        out_free(o);
                        return r;
                }
        }
        *c->last = o;
        c->last = &o->next;
        c->n_queued++;
        c->bytes_queued += n;
        watch_set(c->watch, WATCH_WRITE | (c->handlers.frame ? WATCH_READ : 0));
        return 0;
}

// Nothing is read any more; a peer that does not take its answer within five seconds is left.
void packet_close_after_send(struct packet_conn *c)
{
        if (!c->watch || c->closing)
                return;
        c->closing = true;
        timer_arm_in(c->drain, DRAIN_MS);
        watch_set(c->watch, WATCH_WRITE);
}

struct packet_conn *packet_conn_free(struct packet_conn *c)
{
        if (!c)
                return NULL;
        if (c->prev) {
                *c->prev = c->next;
                if (c->next)
                        c->next->prev = c->prev;
        }
        watch_free(c->watch);
        timer_free(c->drain);
        while (c->first)
                drop_first(c);
        close(c->fd);
        free(c);
        return NULL;
}
