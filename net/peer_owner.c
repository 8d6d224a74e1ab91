// SPDX-License-Identifier: Apache-2.0
//
// The kernel answers a netlink question inside the call that asks it, so nothing waits here. The question names both
// addresses and ports: it is a lookup in the kernel's own table, however many connections there are. /proc/net/tcp is all of
// them as text, and only read where there is no netlink.
#include "peer_owner.h"

#include "fdio.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define PROC_MAX (16u << 20)

struct peer_owner {
        int fd; // -1: by /proc
        uint32_t seq;
};

union address {
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
};

static bool is_six(const union address *a)
{
        return a->any.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&a->six.sin6_addr);
}

// The end at the other side of fd, as it sees itself.
static int tuple_of(struct sock_tuple *ret, int fd, bool listening)
{
        union address here = {0}, there = {0};
        socklen_t n = sizeof here, m = sizeof there;

        if (getsockname(fd, &here.any, &n) < 0 || (!listening && getpeername(fd, &there.any, &m) < 0))
                return SOCK_OWNER_E_NONE;
        if (is_six(&here) && (listening || is_six(&there))) {
                *ret = (struct sock_tuple){.six = true,
                        .local_port = ntohs(there.six.sin6_port),
                        .remote_port = ntohs(here.six.sin6_port)};
                return 0;
        }
        if (here.any.sa_family != AF_INET || (!listening && there.any.sa_family != AF_INET))
                return SOCK_OWNER_E_UNCLEAR;
        *ret = (struct sock_tuple){.local = ntohl(there.four.sin_addr.s_addr),
                .local_port = ntohs(there.four.sin_port),
                .remote = ntohl(here.four.sin_addr.s_addr),
                .remote_port = ntohs(here.four.sin_port)};
        return 0;
}

static int ask_kernel(struct peer_owner *p, const struct sock_tuple *t, struct sock_owner *ret)
{
        static const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
        uint8_t question[SOCK_DIAG_REQUEST_N];
        _Alignas(struct nlmsghdr) uint8_t answer[8192];
        int r;

        sock_diag_request(question, t, ++p->seq);
        if (sendto(p->fd, question, sizeof question, 0, (const struct sockaddr *)&kernel, sizeof kernel) < 0)
                return SOCK_OWNER_E_UNAVAILABLE;
        do {
                struct sockaddr_nl from = {0};
                socklen_t from_n = sizeof from;
                ssize_t n = recvfrom(p->fd, answer, sizeof answer, MSG_DONTWAIT | MSG_TRUNC,
                        (struct sockaddr *)&from, &from_n);

                if (n < 0)
                        return SOCK_OWNER_E_UNAVAILABLE;
                if ((size_t)n > sizeof answer)
                        return SOCK_OWNER_E_UNCLEAR;
                // Other processes can send to us as well.
                r = from.nl_pid == 0 ? sock_diag_read(ret, answer, (size_t)n, t, p->seq) : -EAGAIN;
        } while (r == -EAGAIN);
        return r;
}

static int ask_proc(const struct sock_tuple *t, struct sock_owner *ret)
{
        static const char *const files[] = {"/proc/net/tcp", "/proc/net/tcp6"};
        unsigned found = 0;

        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                cleanup_buf struct buf text = BUF_INIT(PROC_MAX);
                cleanup_fd int fd = open(files[i], O_RDONLY | O_CLOEXEC);
                int r = fd < 0 ? -errno : fdio_read(&text, fd);

                if (r == -ENOENT && i == 1)
                        continue; // no IPv6 here
                if (r < 0)
                        return SOCK_OWNER_E_UNAVAILABLE;
                sock_proc_read(ret, &found, buf_str(&text), text.n, t, i == 1);
        }
        return found == 1 ? 0 : found ? SOCK_OWNER_E_UNCLEAR : SOCK_OWNER_E_NONE;
}

static bool is_established(int fd)
{
        struct tcp_info info = {0};
        socklen_t n = sizeof info;

        return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) == 0 && info.tcpi_state == TCP_ESTABLISHED;
}

int peer_owner_find(struct peer_owner *p, int fd, struct sock_owner *ret)
{
        struct sock_owner owner;
        struct sock_tuple t;
        int r = tuple_of(&t, fd, false);

        if (r == 0)
                r = p->fd >= 0 ? ask_kernel(p, &t, &owner) : ask_proc(&t, &owner);
        if (r == 0 && !is_established(fd))
                r = SOCK_OWNER_E_CLOSED;
        if (r == 0)
                *ret = owner;
        return r;
}

bool peer_owner_by_proc(const struct peer_owner *p)
{
        return p->fd < 0;
}

// A kernel that cannot answer says the same as one that knows no such socket. So it is asked about one that is there.
static bool works(struct peer_owner *p, int listen_fd)
{
        struct sock_owner owner;
        struct sock_tuple t, here;

        if (tuple_of(&t, listen_fd, true) != 0)
                return false;
        here = (struct sock_tuple){.local = t.remote, .local_port = t.remote_port, .six = t.six};
        return ask_kernel(p, &here, &owner) == SOCK_OWNER_E_CLOSED; // found, and listening
}

int peer_owner_new(struct peer_owner **ret, int listen_fd)
{
        struct peer_owner *p = malloc(sizeof *p);

        if (!p)
                return -ENOMEM;
        *p = (struct peer_owner){
                .fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG)};
        if (p->fd >= 0 && !works(p, listen_fd)) {
                close(p->fd);
                p->fd = -1;
        }
        *ret = p;
        return 0;
}

struct peer_owner *peer_owner_free(struct peer_owner *p)
{
        if (p && p->fd >= 0)
                close(p->fd);
        free(p);
        return NULL;
}
