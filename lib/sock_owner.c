// SPDX-License-Identifier: Apache-2.0
//
// A program may reach 127.0.0.1 through an IPv6 socket (Java does): the kernel then answers with addresses of the form
// ::ffff:127.0.0.1, which are the same addresses. Where no connection is found the kernel goes on to look for a listening
// socket, which is not what was asked: hence the look at addresses and state.
#include "sock_owner.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

_Static_assert(SOCK_DIAG_REQUEST_N == sizeof(struct nlmsghdr) + sizeof(struct inet_diag_req_v2), "size");

#define MAPPED htonl(0xffffu)

// A listening socket has no other end.
static const struct in6_addr *remote_six(const struct sock_tuple *t)
{
        return t->remote_port ? &in6addr_loopback : &in6addr_any;
}

void sock_diag_request(uint8_t dst[SOCK_DIAG_REQUEST_N], const struct sock_tuple *t, uint32_t seq)
{
        struct nlmsghdr h = {.nlmsg_len = SOCK_DIAG_REQUEST_N,
                .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                .nlmsg_flags = NLM_F_REQUEST,
                .nlmsg_seq = seq};
        struct inet_diag_req_v2 q = {.sdiag_family = t->six ? AF_INET6 : AF_INET,
                .sdiag_protocol = IPPROTO_TCP,
                .idiag_states = UINT32_MAX,
                .id = {.idiag_sport = htons(t->local_port),
                        .idiag_dport = htons(t->remote_port),
                        .idiag_src = {htonl(t->local)},
                        .idiag_dst = {htonl(t->remote)},
                        .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}};

        if (t->six) {
                memcpy(q.id.idiag_src, &in6addr_loopback, sizeof q.id.idiag_src);
                memcpy(q.id.idiag_dst, remote_six(t), sizeof q.id.idiag_dst);
        }
        memcpy(dst, &h, sizeof h);
        memcpy(dst + sizeof h, &q, sizeof q);
}

static bool is_address(uint8_t family, const __be32 a[4], uint32_t address)
{
        if (family == AF_INET)
                return a[0] == htonl(address);
        return family == AF_INET6 && a[0] == 0 && a[1] == 0 && a[2] == MAPPED && a[3] == htonl(address);
}

static bool are_addresses(const struct inet_diag_msg *m, const struct sock_tuple *t)
{
        if (t->six)
                return m->idiag_family == AF_INET6 &&
                       memcmp(m->id.idiag_src, &in6addr_loopback, sizeof m->id.idiag_src) == 0 &&
                       memcmp(m->id.idiag_dst, remote_six(t), sizeof m->id.idiag_dst) == 0;
        return is_address(m->idiag_family, m->id.idiag_src, t->local) &&
               is_address(m->idiag_family, m->id.idiag_dst, t->remote);
}

static bool is_it(const struct inet_diag_msg *m, const struct sock_tuple *t)
{
        return are_addresses(m, t) && m->id.idiag_sport == htons(t->local_port) &&
               m->id.idiag_dport == htons(t->remote_port);
}

// The attributes behind the message: of interest is one.
static int read_cgroup(uint64_t *ret, const uint8_t *p, size_t n)
{
        *ret = 0;
        while (n >= sizeof(struct rtattr)) {
                struct rtattr a;

                memcpy(&a, p, sizeof a);
                if (a.rta_len < sizeof a || a.rta_len > n)
                        return SOCK_OWNER_E_UNCLEAR;
                if (a.rta_type == INET_DIAG_CGROUP_ID) {
                        if (a.rta_len != RTA_LENGTH(sizeof *ret))
                                return SOCK_OWNER_E_UNCLEAR;
                        memcpy(ret, p + RTA_LENGTH(0), sizeof *ret);
                }
                if (RTA_ALIGN(a.rta_len) >= n)
                        return 0;
                p += RTA_ALIGN(a.rta_len);
                n -= RTA_ALIGN(a.rta_len);
        }
        return 0;
}

static int read_socket(struct sock_owner *ret, const uint8_t *p, size_t n, const struct sock_tuple *t)
{
        struct inet_diag_msg m;
        uint64_t cgroup;

        if (n < sizeof m)
                return SOCK_OWNER_E_UNCLEAR;
        memcpy(&m, p, sizeof m);
        if (!is_it(&m, t))
                return SOCK_OWNER_E_NONE;
        if (m.idiag_state != TCP_ESTABLISHED || m.idiag_inode == 0)
                return SOCK_OWNER_E_CLOSED;
        if (read_cgroup(&cgroup, p + sizeof m, n - sizeof m) != 0)
                return SOCK_OWNER_E_UNCLEAR;
        *ret = (struct sock_owner){.uid = m.idiag_uid, .inode = m.idiag_inode, .cgroup_id = cgroup};
        return 0;
}

int sock_diag_read(struct sock_owner *ret, const void *p, size_t n, const struct sock_tuple *t, uint32_t seq)
{
        struct nlmsghdr h;
        struct nlmsgerr e;
        const uint8_t *body = (const uint8_t *)p + sizeof h;

        if (n < sizeof h)
                return SOCK_OWNER_E_UNCLEAR;
        memcpy(&h, p, sizeof h);
        if (h.nlmsg_len < sizeof h || h.nlmsg_len > n)
                return SOCK_OWNER_E_UNCLEAR;
        if (h.nlmsg_seq != seq)
                return -EAGAIN;
        if (h.nlmsg_type == NLMSG_ERROR) {
                if (h.nlmsg_len - sizeof h < sizeof e.error)
                        return SOCK_OWNER_E_UNCLEAR;
                memcpy(&e.error, body, sizeof e.error);
                return e.error == -ENOENT ? SOCK_OWNER_E_NONE : SOCK_OWNER_E_UNAVAILABLE;
        }
        if (h.nlmsg_type != SOCK_DIAG_BY_FAMILY || NLMSG_ALIGN(h.nlmsg_len) < n)
                return SOCK_OWNER_E_UNCLEAR; // more than one message: one was asked for
        return read_socket(ret, body, h.nlmsg_len - sizeof h, t);
}

// ---- /proc/net/tcp

// "   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 12345 …": from *p the next word of
// the line, or NULL.
static const char *next_word(const char **p, const char *end, size_t *ret_n)
{
        const char *s = *p, *word;

        while (s < end && *s == ' ')
                s++;
        word = s;
        while (s < end && *s != ' ')
                s++;
        *p = s;
        *ret_n = (size_t)(s - word);
        return s > word ? word : NULL;
}

static bool read_hex(const char *s, size_t n, uint32_t *ret)
{
        uint32_t v = 0;

        for (size_t i = 0; i < n; i++) {
                unsigned d = s[i] >= '0' && s[i] <= '9'   ? (unsigned)(s[i] - '0')
                             : s[i] >= 'A' && s[i] <= 'F' ? (unsigned)(s[i] - 'A') + 10
                                                          : 16;

                if (d > 15)
                        return false;
                v = v << 4 | d;
        }
        *ret = v;
        return n > 0 && n <= 8;
}

static bool read_decimal(const char *s, size_t n, uint64_t *ret)
{
        uint64_t v = 0;

        for (size_t i = 0; i < n; i++) {
                if (s[i] < '0' || s[i] > '9')
                        return false;
                v = v * 10 + (uint64_t)(s[i] - '0');
        }
        *ret = v;
        return n > 0 && n < 19;
}

// The kernel prints the words of an address as it has them in memory.
static bool is_end(const char *s, size_t n, bool v6, bool six, uint32_t address, uint16_t port)
{
        uint32_t word[4], p;
        size_t words = v6 ? 4 : 1;

        if (n != words * 8 + 5 || s[words * 8] != ':' || !read_hex(s + words * 8 + 1, 4, &p) || p != port)
                return false;
        for (size_t i = 0; i < words; i++)
                if (!read_hex(s + i * 8, 8, &word[i]))
                        return false;
        if (six)
                return v6 && memcmp(word, &in6addr_loopback, sizeof word) == 0;
        if (v6 && (word[0] || word[1] || word[2] != MAPPED))
                return false;
        return word[words - 1] == htonl(address);
}

static bool read_line(
        struct sock_owner *ret, const char *p, const char *end, const struct sock_tuple *t, bool v6)
{
        const char *word[10];
        size_t n[10];
        uint64_t uid, inode;

        for (size_t i = 0; i < ARRAY_SIZE(word); i++) {
                word[i] = next_word(&p, end, &n[i]);
                if (!word[i])
                        return false;
        }
        if (!is_end(word[1], n[1], v6, t->six, t->local, t->local_port) ||
                !is_end(word[2], n[2], v6, t->six, t->remote, t->remote_port))
                return false;
        if (n[3] != 2 || memcmp(word[3], "01", 2) != 0 || !read_decimal(word[7], n[7], &uid) ||
                !read_decimal(word[9], n[9], &inode) || uid > UINT32_MAX || inode == 0)
                return false;
        *ret = (struct sock_owner){.uid = (uid_t)uid, .inode = inode};
        return true;
}

void sock_proc_read(struct sock_owner *ret, unsigned *found, const char *text, size_t n,
        const struct sock_tuple *t, bool v6)
{
        const char *p = text, *end = text + n;

        while (p < end) {
                const char *line_end = memchr(p, '\n', (size_t)(end - p));

                if (!line_end)
                        return; // cut: not a line
                if (read_line(ret, p, line_end, t, v6))
                        ++*found;
                p = line_end + 1;
        }
}
