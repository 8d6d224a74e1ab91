// SPDX-License-Identifier: Apache-2.0
//
// Where a port comes from: a hash of the uid says where to begin, and the first that is neither given nor in use from there
// on is it. First those above what the kernel gives to sockets that connect (ip_local_port_range), then those below, last the
// others: a port that a connection happens to use cannot be bound just then.
#include "ports.h"

#include "log.h"
#include "ports_file.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

struct ports {
        char *path;
        struct ports_stored stored;
        struct ports_list list;
        int *fds;    // of the list's entries; -1: not bound
        int *parked; // of nobody the file knows
        size_t n_parked;
        uint16_t low, high; // what the kernel gives away itself
};

static const struct {
        uint16_t first, last;
} ranges[] = {{61000, 65535}, {20000, 32767}, {32768, 60999}};

static void read_kernel_range(struct ports *p)
{
        FILE *f = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
        char line[64] = "";
        char *end;

        // Where /proc is closed to the daemon, the kernel's own default.
        p->low = 32768;
        p->high = 60999;
        if (f && fgets(line, sizeof line, f)) {
                unsigned long low = strtoul(line, &end, 10), high = strtoul(end, NULL, 10);

                if (low > 0 && low <= high && high <= UINT16_MAX) {
                        p->low = (uint16_t)low;
                        p->high = (uint16_t)high;
                }
        }
        if (f)
                fclose(f);
}

static int find(const struct ports *p, uid_t uid)
{
        for (size_t i = 0; i < p->list.n; i++)
                if (p->list.e[i].uid == uid)
                        return (int)i;
        return -1;
}

static int bind_to(int fd, uint16_t port)
{
        const struct sockaddr_in a = {
                .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

        return bind(fd, (const struct sockaddr *)&a, sizeof a);
}

// Connections that ended a moment ago would keep the next broker from listening. Of the two ways around that SO_REUSEADDR
// lets a stranger bind the same port while nobody listens; SO_REUSEPORT lets nobody but the uid that made the socket, and that
// is the daemon's own.
static int bind_port(int *ret, uint16_t port)
{
        cleanup_fd int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        const int one = 1;

        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) < 0 || bind_to(fd, port) < 0)
                return -errno;
        *ret = TAKE_FD(fd);
        return 0;
}

// A new user's port is nobody's at all: a broker of before may still listen on a port of the daemon's that no file knows.
static bool is_free(uint16_t port)
{
        cleanup_fd int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        return fd >= 0 && bind_to(fd, port) == 0;
}

static uint16_t port_of(int fd)
{
        struct sockaddr_in a = {0};
        socklen_t n = sizeof a;

        if (getsockname(fd, (struct sockaddr *)&a, &n) < 0 || a.sin_family != AF_INET ||
                a.sin_addr.s_addr != htonl(INADDR_LOOPBACK))
                return 0;
        return ntohs(a.sin_port);
}

static void store(const struct ports *p, int fd)
{
        if (p->stored.store)
                p->stored.store(p->stored.arg, fd);
}

// ---- a new one --------------------------------------------------------------------------------------------------

static void mark_used(const struct ports *p, bool used[UINT16_MAX + 1])
{
        for (size_t i = 0; i < p->list.n; i++)
                used[p->list.e[i].port] = true;
        for (size_t i = 0; i < p->n_parked; i++)
                used[port_of(p->parked[i])] = true;
}

// One pass over a range from where the uid's hash points. 0, -EADDRINUSE (all of them are), -errno.
static int search(const struct ports *p, uid_t uid, size_t range, bool outside, const bool *used,
        uint16_t *ret_port, int *ret_fd)
{
        uint32_t n = (uint32_t)(ranges[range].last - ranges[range].first) + 1;
        uint32_t start = ((uint32_t)uid * UINT32_C(2654435761) >> 8) % n;

        for (uint32_t i = 0; i < n; i++) {
                uint16_t port = (uint16_t)(ranges[range].first + (start + i) % n);
                bool is_outside = port < p->low || port > p->high;
                int r;

                if (used[port] || is_outside != outside || !is_free(port))
                        continue;
                r = bind_port(ret_fd, port);
                if (r != -EADDRINUSE && r != -EACCES) {
                        *ret_port = port;
                        return r;
                }
        }
        return -EADDRINUSE;
}

static int take_free(const struct ports *p, uid_t uid, uint16_t *ret_port, int *ret_fd)
{
        static bool used[UINT16_MAX + 1];
        int r = -EADDRINUSE;

        memset(used, 0, sizeof used);
        mark_used(p, used);
        for (int outside = 1; outside >= 0 && r == -EADDRINUSE; outside--)
                for (size_t i = 0; i < ARRAY_SIZE(ranges) && r == -EADDRINUSE; i++)
                        r = search(p, uid, i, outside, used, ret_port, ret_fd);
        return r == -EADDRINUSE ? PORTS_E_FULL : r;
}

// A place in the list: a new one, or that of somebody who did not come since the machine was started. -1: there is none.
static int find_place(const struct ports *p)
{
        if (p->list.n < PORTS_MAX)
                return (int)p->list.n;
        for (size_t i = 0; i < p->list.n; i++)
                if (p->fds[i] < 0)
                        return (int)i;
        return -1;
}

// Gives uid a port other than the one it may have had (at: its entry, or -1). It counts once it is written down.
static int give(struct ports *p, uid_t uid, int at)
{
        struct ports_entry before = {0};
        size_t n_before = p->list.n;
        cleanup_fd int fd = -1;
        uint16_t port;
        int r = take_free(p, uid, &port, &fd);

        if (r != 0)
                return r;
        if (at < 0)
                at = find_place(p);
        if (at < 0)
                return PORTS_E_FULL;
        if ((size_t)at < p->list.n)
                before = p->list.e[at];
        else
                p->list.n++;
        p->list.e[at] = (struct ports_entry){.uid = uid, .port = port};
        r = ports_file_write(p->path, &p->list);
        if (r < 0) {
                log_event(LOG_E_ERROR, "port.unsaved", "uid=%u file=%s reason=%s", (unsigned)uid, p->path,
                        strerror(-r));
                p->list.n = n_before;
                p->list.e[at] = before;
                return PORTS_E_UNSAVED;
        }
        log_event(LOG_E_NOTICE, "port.given", "uid=%u port=%u before=%u", (unsigned)uid, port,
                before.uid == uid ? before.port : 0u);
        p->fds[at] = TAKE_FD(fd);
        store(p, p->fds[at]);
        return 0;
}

int ports_get(struct ports *p, uid_t uid, uint16_t *ret_port, int *ret_fd)
{
        int at = find(p, uid), r = 0;

        if (at >= 0 && p->fds[at] < 0) {
                r = bind_port(&p->fds[at], p->list.e[at].port);
                if (r == 0)
                        store(p, p->fds[at]);
        }
        if (at < 0 || r == -EADDRINUSE)
                r = give(p, uid, at);
        if (r != 0)
                return r;
        at = find(p, uid);
        *ret_port = p->list.e[at].port;
        *ret_fd = p->fds[at];
        return 0;
}

// ---- from before ------------------------------------------------------------------------------------------------

void ports_adopt(struct ports *p, int fd)
{
        uint16_t port = port_of(fd);

        for (size_t i = 0; port && i < p->list.n; i++) {
                if (p->list.e[i].port != port || p->fds[i] >= 0)
                        continue;
                p->fds[i] = fd;
                return;
        }
        // Whose it was is not known any more; it shall not become anybody's.
        if (port && p->n_parked < PORTS_MAX) {
                log_event(LOG_E_WARNING, "port.parked", "port=%u", port);
                p->parked[p->n_parked++] = fd;
                return;
        }
        close(fd);
}

void ports_bind_all(struct ports *p)
{
        for (size_t i = 0; i < p->list.n; i++) {
                if (p->fds[i] >= 0)
                        continue;
                if (bind_port(&p->fds[i], p->list.e[i].port) == 0)
                        store(p, p->fds[i]);
                else
                        log_event(LOG_E_WARNING, "port.taken", "uid=%u port=%u reason=%s",
                                (unsigned)p->list.e[i].uid, p->list.e[i].port,
                                "somebody else listens there; the user gets another");
        }
}

int ports_new(struct ports **ret, const char *path, const struct ports_stored *stored)
{
        struct ports *p = calloc(1, sizeof *p);
        int r = -ENOMEM;

        if (!p)
                return -ENOMEM;
        p->path = strdup(path);
        p->list.e = calloc(PORTS_MAX, sizeof *p->list.e);
        p->fds = calloc(PORTS_MAX, sizeof *p->fds);
        p->parked = calloc(PORTS_MAX, sizeof *p->parked);
        if (stored)
                p->stored = *stored;
        read_kernel_range(p);
        if (p->path && p->list.e && p->fds && p->parked)
                r = ports_file_read(&p->list, PORTS_MAX, p->path);
        if (r < 0) {
                p->list.n = 0;
                ports_free(p);
                return err_trace(r);
        }
        for (size_t i = 0; i < PORTS_MAX; i++)
                p->fds[i] = -1;
        *ret = p;
        return 0;
}

struct ports *ports_free(struct ports *p)
{
        if (!p)
                return NULL;
        for (size_t i = 0; p->fds && i < p->list.n; i++)
                if (p->fds[i] >= 0)
                        close(p->fds[i]);
        for (size_t i = 0; i < p->n_parked; i++)
                close(p->parked[i]);
        free(p->path);
        free(p->list.e);
        free(p->fds);
        free(p->parked);
        free(p);
        return NULL;
}
