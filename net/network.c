// SPDX-License-Identifier: Apache-2.0
//
// A machine that routes for a living, or starts containers all day, has thousands of such messages; so the socket is looked
// at once in a while however many wait in it, and what does not fit into it is lost, which is news as well.
#include "network.h"

#include "bucket.h"
#include "rtnl.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#define SETTLE_MS   200 // links, addresses and routes come together
#define PACKETS_MAX 64  // looked at in one go
#define ROOM        (16 << 10)
#define AT_ONCE     10u
#define EVERY_MS    INT64_C(10000)
#define GROUPS      (RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE)

struct network {
        struct loop *loop;
        int fd;
        struct watch *watch;
        struct timer *settle;
        bool news; // not told yet
        struct bucket told;
        bool (*came_back)(void *arg);
        void *arg;
};

// One packet; false: there is none.
static bool read_packet(struct network *n)
{
        char room[8192];
        struct sockaddr_nl from = {0};
        struct iovec v = {.iov_base = room, .iov_len = sizeof room};
        struct msghdr m = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &v, .msg_iovlen = 1};
        ssize_t got = recvmsg(n->fd, &m, MSG_DONTWAIT);

        if (got < 0 && (errno == ENOBUFS || errno == EINTR)) {
                n->news |= errno == ENOBUFS;
                return true;
        }
        if (got <= 0)
                return false;
        // Only the kernel has number 0.
        if (m.msg_namelen == sizeof from && from.nl_pid == 0)
                n->news |= rtnl_brings_network(room, (size_t)got);
        return true;
}

static void on_settle(void *arg)
{
        struct network *n = arg;
        const struct clock *c = loop_clock(n->loop);
        int64_t now = c->boot_ms(c), wait = bucket_wait_ms(&n->told, now, AT_ONCE, EVERY_MS);
        unsigned i = 0;

        while (i < PACKETS_MAX && read_packet(n))
                i++;
        n->news |= i == PACKETS_MAX;
        watch_set(n->watch, WATCH_READ);
        if (!n->news)
                return;
        if (wait > 0) {
                timer_arm_in(n->settle, wait);
                return;
        }
        n->news = false;
        if (n->came_back(n->arg))
                bucket_take(&n->told, now, AT_ONCE, EVERY_MS);
}

static void on_ready(unsigned ready _unused_, void *arg)
{
        struct network *n = arg;

        watch_set(n->watch, 0);
        if (!timer_is_armed(n->settle))
                timer_arm_in(n->settle, SETTLE_MS);
}

static int open_socket(struct network *n)
{
        const struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_groups = GROUPS};
        const int room = ROOM;

        n->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
        if (n->fd < 0)
                return -errno;
        // Without it the kernel keeps more for us, and no more than that.
        setsockopt(n->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
        return bind(n->fd, (const struct sockaddr *)&a, sizeof a) < 0 ? -errno : 0;
}

// ret: freed by network_free. 0; -ENOMEM; -errno where this process may not listen to the kernel.
int network_new(struct network **ret, struct loop *l, bool (*came_back)(void *arg), void *arg)
{
        struct network *n = calloc(1, sizeof *n);
        int r;

        if (!n)
                return -ENOMEM;
        *n = (struct network){.loop = l, .fd = -1, .came_back = came_back, .arg = arg};
        r = timer_new(&n->settle, l, on_settle, n);
        if (r == 0)
                r = open_socket(n);
        if (r == 0)
                r = watch_new(&n->watch, l, n->fd, WATCH_READ, on_ready, n);
        if (r < 0) {
                network_free(n);
                return err_trace(r);
        }
        *ret = n;
        return 0;
}

struct network *network_free(struct network *n)
{
        if (!n)
                return NULL;
        watch_free(n->watch);
        if (n->settle)
                timer_free(n->settle);
        if (n->fd >= 0)
                close(n->fd);
        free(n);
        return NULL;
}
