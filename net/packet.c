// SPDX-License-Identifier: Apache-2.0
//
// Listeners. Their sockets are open to every user of the machine, so two things are bounded: the connections
// of one uid, and the connections of all; the last places are kept for root, whose sign-ins must get through
// while somebody fills the table. Too many: accepted and closed at once, so that nobody's wait is a hang.
#include "packet.h"

#include "log.h"
#include "packet_internal.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define CONNS_MAX      512
#define CONNS_MAX_UID  256
#define CONNS_FOR_ROOT 64
#define BACKLOG        128
#define PAUSE_MS       100 // out of descriptors: look again then, instead of spinning

struct packet_listener {
        struct loop *loop;
        int fd;
        struct watch *watch;
        struct timer *pause;
        void (*accepted)(struct packet_conn *c, void *arg);
        void *arg;
        struct packet_conn *first;
        unsigned all_max, uid_max;
        struct log_limit full;
        char path[sizeof((struct sockaddr_un *)0)->sun_path]; // "": not ours to remove
        dev_t dev;
        ino_t ino;
};

unsigned packet_listener_count(const struct packet_listener *p, uid_t uid)
{
        unsigned n = 0;

        for (const struct packet_conn *c = p->first; c; c = c->next)
                n += c->peer.uid == uid;
        return n;
}

static bool has_room(const struct packet_listener *p, uid_t uid)
{
        unsigned all = 0, of_uid = 0;

        for (const struct packet_conn *c = p->first; c; c = c->next) {
                all++;
                of_uid += c->peer.uid == uid;
        }
        if (uid == 0)
                return all < p->all_max;
        return all < p->all_max - CONNS_FOR_ROOT && of_uid < p->uid_max;
}

// all: more than the places kept for root.
void packet_listener_limit(struct packet_listener *p, unsigned all, unsigned of_uid)
{
        p->all_max = all > CONNS_FOR_ROOT ? all : CONNS_FOR_ROOT + 1;
        p->uid_max = of_uid;
}

static void adopt(struct packet_listener *p, struct packet_conn *c)
{
        c->listener = p;
        c->next = p->first;
        c->prev = &p->first;
        if (c->next)
                c->next->prev = &c->next;
        p->first = c;
}

static void on_connection(unsigned ready _unused_, void *arg)
{
        struct packet_listener *p = arg;
        struct packet_conn *c = NULL;
        // cppcheck-suppress nullPointer // legal: the address is not asked for
        int fd = accept4(p->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), r;

        if (fd < 0) {
                if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                        log_event(LOG_E_ERROR, "socket.accept", "error=%s", strerror(errno));
                        watch_set(p->watch, 0);
                        timer_arm_in(p->pause, PAUSE_MS);
                }
                return;
        }
        r = packet_conn_new(&c, p->loop, fd);
        if (r < 0) {
                log_event(LOG_E_ERROR, "socket.accept", "error=%s", strerror(-r));
                return;
        }
        if (!has_room(p, c->peer.uid)) {
                if (log_limit_allows(&p->full, "socket.full", loop_clock(p->loop)))
                        log_event(
                                LOG_E_WARNING, "socket.full", "uid=%u pid=%d", c->peer.uid, (int)c->peer.pid);
                packet_conn_free(c);
                return;
        }
        adopt(p, c);
        // accepted() may free c, and also (a daemon that ends) the listener: then nothing of it is touched.
        p->accepted(c, p->arg);
}

static void on_pause_over(void *arg)
{
        struct packet_listener *p = arg;

        watch_set(p->watch, WATCH_READ);
}

static int listener_new(struct packet_listener **ret, struct loop *l, int fd,
        void (*accepted)(struct packet_conn *c, void *arg), void *arg)
{
        struct packet_listener *p = calloc(1, sizeof *p);
        int r;

        if (!p) {
                close(fd);
                return -ENOMEM;
        }
        *p = (struct packet_listener){.loop = l, .fd = fd, .accepted = accepted, .arg = arg};
        packet_listener_limit(p, CONNS_MAX, CONNS_MAX_UID);
        r = timer_new(&p->pause, l, on_pause_over, p);
        if (r == 0)
                r = watch_new(&p->watch, l, fd, WATCH_READ, on_connection, p);
        if (r < 0) {
                packet_listener_free(p);
                return err_trace(r);
        }
        *ret = p;
        return 0;
}

static int socket_option(int fd, int option)
{
        int v = -1;
        socklen_t n = sizeof v;

        return getsockopt(fd, SOL_SOCKET, option, &v, &n) < 0 ? -1 : v;
}

// fd: taken, also on failure. -EINVAL when it is not a listening unix SOCK_SEQPACKET socket.
int packet_listen_fd(struct packet_listener **ret, struct loop *l, int fd,
        void (*accepted)(struct packet_conn *c, void *arg), void *arg)
{
        int r = 0;

        if (socket_option(fd, SO_DOMAIN) != AF_UNIX || socket_option(fd, SO_TYPE) != SOCK_SEQPACKET ||
                socket_option(fd, SO_ACCEPTCONN) != 1)
                r = -EINVAL;
        else if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
                r = -errno;
        if (r < 0) {
                close(fd);
                return r;
        }
        return listener_new(ret, l, fd, accepted, arg);
}

static int address(struct sockaddr_un *a, const char *path)
{
        *a = (struct sockaddr_un){.sun_family = AF_UNIX};
        if (!*path || strlen(path) >= sizeof a->sun_path)
                return -ENAMETOOLONG;
        memcpy(a->sun_path, path, strlen(path) + 1);
        return 0;
}

// Removes a socket of ours that nobody listens on. 0 when the path is free now.
static int clear_stale(const struct sockaddr_un *a)
{
        cleanup_fd int fd = -1;
        struct stat st;

        if (lstat(a->sun_path, &st) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (!S_ISSOCK(st.st_mode))
                return -EEXIST;
        if (st.st_uid != geteuid())
                return -EPERM;
        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (const struct sockaddr *)a, sizeof *a) == 0 || errno != ECONNREFUSED)
                return -EADDRINUSE;
        return unlink(a->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

static int bind_path(int fd, const struct sockaddr_un *a, unsigned mode)
{
        mode_t old = umask((mode_t)(~mode & 0777)); // one thread makes files here: ours
        int r = bind(fd, (const struct sockaddr *)a, sizeof *a) < 0 ? -errno : 0;

        umask(old);
        return r;
}

// -EADDRINUSE: somebody listens there. -EEXIST, -EPERM: what is there is no socket, or somebody else's.
int packet_listen_path(struct packet_listener **ret, struct loop *l, const char *path, unsigned mode,
        void (*accepted)(struct packet_conn *c, void *arg), void *arg)
{
        cleanup_fd int fd = -1;
        struct packet_listener *p = NULL;
        struct sockaddr_un a;
        struct stat st;
        int r = address(&a, path);

        if (r == 0)
                r = clear_stale(&a);
        if (r < 0)
                return r;
        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        r = bind_path(fd, &a, mode);
        if (r < 0)
                return r;
        if (lstat(path, &st) < 0 || listen(fd, BACKLOG) < 0)
                return -errno;
        r = listener_new(&p, l, TAKE_FD(fd), accepted, arg);
        if (r < 0) {
                unlink(path);
                return err_trace(r);
        }
        memcpy(p->path, a.sun_path, sizeof p->path);
        p->dev = st.st_dev;
        p->ino = st.st_ino;
        *ret = p;
        return 0;
}

void packet_listener_pause(struct packet_listener *p, bool paused)
{
        timer_disarm(p->pause);
        watch_set(p->watch, paused ? 0 : WATCH_READ);
}

int packet_listener_get_fd(const struct packet_listener *p)
{
        return p->fd;
}

void packet_listener_own(struct packet_listener *p, const char *path)
{
        struct stat st;

        if (strlen(path) >= sizeof p->path || lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
                return;
        memcpy(p->path, path, strlen(path) + 1);
        p->dev = st.st_dev;
        p->ino = st.st_ino;
}

bool packet_listener_owns(const struct packet_listener *p)
{
        return p->path[0];
}

// Connections live on and are freed by their owners. The path goes when it is still the one bound here.
struct packet_listener *packet_listener_free(struct packet_listener *p)
{
        struct packet_conn *c;
        struct stat st;

        if (!p)
                return NULL;
        while ((c = p->first)) {
                p->first = c->next;
                c->next = NULL;
                c->prev = NULL;
                c->listener = NULL;
        }
        if (*p->path && lstat(p->path, &st) == 0 && st.st_dev == p->dev && st.st_ino == p->ino)
                unlink(p->path);
        watch_free(p->watch);
        timer_free(p->pause);
        close(p->fd);
        free(p);
        return NULL;
}

// ret: freed by packet_conn_free. 0; -ENOENT, -ECONNREFUSED (nobody listens), -EAGAIN (its queue is full),
// -errno. The peer's credentials are those of whoever listens.
int packet_connect(struct packet_conn **ret, struct loop *l, const char *path)
{
        cleanup_fd int fd = -1;
        struct sockaddr_un a;
        int r = address(&a, path);

        if (r < 0)
                return r;
        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || connect(fd, (const struct sockaddr *)&a, sizeof a) < 0)
                return -errno;
        return packet_conn_new(ret, l, TAKE_FD(fd));
}
