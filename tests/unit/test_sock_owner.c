// SPDX-License-Identifier: Apache-2.0
//
// Whose a connection is: answers of the kernel as it gives them, answers as it does not, and the kernel itself.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "peer_owner.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

static const struct sock_tuple tuple = {
        .local = 0x7f000001, .local_port = 40000, .remote = 0x7f000001, .remote_port = 61000};

struct answer {
        struct nlmsghdr h;
        struct inet_diag_msg m;
        struct rtattr a;
        uint64_t cgroup;
} __attribute__((packed));

static struct answer good(void)
{
        struct answer a = {
                .h = {.nlmsg_len = sizeof a, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_seq = 7},
                .m = {.idiag_family = AF_INET,
                        .idiag_state = TCP_ESTABLISHED,
                        .id = {.idiag_sport = htons(40000),
                                .idiag_dport = htons(61000),
                                .idiag_src = {htonl(0x7f000001)},
                                .idiag_dst = {htonl(0x7f000001)}},
                        .idiag_uid = 1000,
                        .idiag_inode = 4711},
                .a = {.rta_len = RTA_LENGTH(8), .rta_type = INET_DIAG_CGROUP_ID},
                .cgroup = 99,
        };

        return a;
}

static int read_answer(const struct answer *a, size_t n, struct sock_owner *ret)
{
        return sock_diag_read(ret, a, n, &tuple, 7);
}

static void an_answer(void **state)
{
        struct answer a = good();
        struct sock_owner o;

        (void)state;
        assert_int_equal(read_answer(&a, sizeof a, &o), 0);
        assert_int_equal(o.uid, 1000);
        assert_int_equal(o.inode, 4711);
        assert_int_equal(o.cgroup_id, 99);
        a.a.rta_type = INET_DIAG_SHUTDOWN; // an older kernel
        assert_int_equal(read_answer(&a, sizeof a, &o), 0);
        assert_int_equal(o.cgroup_id, 0);
        a.m.idiag_family = AF_INET6;
        a.m.id.idiag_src[0] = a.m.id.idiag_dst[0] = 0;
        a.m.id.idiag_src[2] = a.m.id.idiag_dst[2] = htonl(0xffff);
        a.m.id.idiag_src[3] = a.m.id.idiag_dst[3] = htonl(0x7f000001);
        assert_int_equal(read_answer(&a, sizeof a, &o), 0);
        a.m.id.idiag_src[2] = 0;
        assert_int_equal(read_answer(&a, sizeof a, &o), SOCK_OWNER_E_NONE);
}

static void only_that_socket_and_only_while_it_is_somebodys(void **state)
{
        struct sock_owner o = {.uid = 5};
        struct answer a;

        (void)state;
        for (unsigned i = 0; i < 4; i++) {
                a = good();
                if (i == 0)
                        a.m.id.idiag_sport = htons(40001);
                else if (i == 1)
                        a.m.id.idiag_dport = 0;
                else if (i == 2)
                        a.m.id.idiag_src[0] = 0;
                else
                        a.m.id.idiag_dst[0] = htonl(0x7f000002);
                assert_int_equal(read_answer(&a, sizeof a, &o), SOCK_OWNER_E_NONE);
        }
        for (uint8_t state_ = 0; state_ < 13; state_++) {
                a = good();
                a.m.idiag_state = state_;
                assert_int_equal(
                        read_answer(&a, sizeof a, &o), state_ == TCP_ESTABLISHED ? 0 : SOCK_OWNER_E_CLOSED);
        }
        a = good();
        a.m.idiag_inode = 0; // closed: it reads as root's
        a.m.idiag_uid = 0;
        o.uid = 5;
        assert_int_equal(read_answer(&a, sizeof a, &o), SOCK_OWNER_E_CLOSED);
        assert_int_equal(o.uid, 5);
}

static void every_cut_is_unclear(void **state)
{
        struct answer a = good();
        struct sock_owner o;

        (void)state;
        for (size_t n = 0; n < sizeof a; n++)
                assert_int_equal(read_answer(&a, n, &o), SOCK_OWNER_E_UNCLEAR);
        for (uint32_t len = 0; len < sizeof a; len++) {
                a.h.nlmsg_len = len;
                assert_true(read_answer(&a, sizeof a, &o) != 0 ||
                            len == sizeof a - sizeof a.a - sizeof a.cgroup || len >= sizeof a - 3);
        }
        a = good();
        a.a.rta_len = 3;
        assert_int_equal(read_answer(&a, sizeof a, &o), SOCK_OWNER_E_UNCLEAR);
        a.a.rta_len = 200;
        assert_int_equal(read_answer(&a, sizeof a, &o), SOCK_OWNER_E_UNCLEAR);
        a.a.rta_len = RTA_LENGTH(4);
        assert_int_equal(read_answer(&a, sizeof a, &o), SOCK_OWNER_E_UNCLEAR);
        a = good();
        a.h.nlmsg_type = NLMSG_DONE;
        assert_int_equal(read_answer(&a, sizeof a, &o), SOCK_OWNER_E_UNCLEAR);
        a = good();
        a.h.nlmsg_seq = 6;
        assert_int_equal(read_answer(&a, sizeof a, &o), -EAGAIN);
}

static void errors_of_the_kernel(void **state)
{
        struct {
                struct nlmsghdr h;
                struct nlmsgerr e;
        } a = {.h = {.nlmsg_len = sizeof a, .nlmsg_type = NLMSG_ERROR, .nlmsg_seq = 7}};
        struct sock_owner o;

        (void)state;
        a.e.error = -ENOENT;
        assert_int_equal(sock_diag_read(&o, &a, sizeof a, &tuple, 7), SOCK_OWNER_E_NONE);
        a.e.error = -EPERM;
        assert_int_equal(sock_diag_read(&o, &a, sizeof a, &tuple, 7), SOCK_OWNER_E_UNAVAILABLE);
        a.e.error = 0;
        assert_int_equal(sock_diag_read(&o, &a, sizeof a, &tuple, 7), SOCK_OWNER_E_UNAVAILABLE);
}

#define HEAD                                                                                                 \
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
#define REST ":00000000 00:00000000 00000000  1000        0 4711 1 0000000000000000 20 4 0 10 -1\n"

static unsigned count(const char *text, bool v6, struct sock_owner *ret)
{
        unsigned n = 0;

        sock_proc_read(ret, &n, text, strlen(text), &tuple, v6);
        return n;
}

// 9C40 is 40000, EE48 is 61000; addresses as a little-endian machine prints them.
static void proc_net_tcp(void **state)
{
        static const char line[] = "   3: 0100007F:9C40 0100007F:EE48 01 00000000" REST;
        static const char *const others[] = {
                "   3: 0100007F:EE48 0100007F:9C40 01 00000000" REST, // our own end
                "   3: 0100007F:9C40 0100007F:EE48 08 00000000" REST, // CLOSE_WAIT
                "   3: 0100007F:9C41 0100007F:EE48 01 00000000" REST,
                "   3: 0200007F:9C40 0100007F:EE48 01 00000000" REST,
                "   3: 0100007F:9C40 0100007F:EE48 01",
                "   3: 0100007f:9C40 0100007F:EE48 01 00000000" REST,
                "   3: 0100007F:9C40 0100007F:EE48 01 0:0 0:0 0 -1 0 4711\n",
                "   3: 0100007F:9C40 0100007F:EE48 01 0:0 0:0 0 4294967296 0 4711\n",
                "   3: 0100007F:9C40 0100007F:EE48 01 0:0 0:0 0 1000 0 0\n",
                "\n\n",
                "",
        };
        char text[1024];
        struct sock_owner o = {0};

        (void)state;
        snprintf(text, sizeof text, "%s%s", HEAD, line);
        assert_int_equal(count(text, false, &o), 1);
        assert_int_equal(o.uid, 1000);
        assert_int_equal(o.inode, 4711);
        assert_int_equal(o.cgroup_id, 0);
        assert_int_equal(count(text, true, &o), 0);
        snprintf(text, sizeof text, "%s%s%s", HEAD, line, line);
        assert_int_equal(count(text, false, &o), 2); // which is no answer
        for (size_t i = 0; i < ARRAY_SIZE(others); i++)
                assert_int_equal(count(others[i], false, &o), 0);
        assert_int_equal(count("   3: 0000000000000000FFFF00000100007F:9C40 "
                               "0000000000000000FFFF00000100007F:EE48 01 00000000" REST,
                                 true, &o),
                1);
        assert_int_equal(count("   3: 00000000000000000000000001000000:9C40 "
                               "00000000000000000000000001000000:EE48 01 00000000" REST,
                                 true, &o),
                0);
}

// ---- the kernel

static int listen_somewhere(struct sockaddr_in *ret)
{
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        socklen_t n = sizeof *ret;

        *ret = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        assert_int_equal(bind(fd, (struct sockaddr *)ret, sizeof *ret), 0);
        assert_int_equal(listen(fd, 8), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)ret, &n), 0);
        return fd;
}

static int connect_to(const struct sockaddr_in *a, bool v6)
{
        struct sockaddr_in6 mapped = {.sin6_family = AF_INET6, .sin6_port = a->sin_port};
        int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int r;

        inet_pton(AF_INET6, "::ffff:127.0.0.1", &mapped.sin6_addr);
        r = v6 ? connect(fd, (struct sockaddr *)&mapped, sizeof mapped)
               : connect(fd, (const struct sockaddr *)a, sizeof *a);
        if (r < 0) {
                close(fd);
                return -1;
        }
        return fd;
}

static void this_kernel_knows_its_sockets(void **state)
{
        struct sockaddr_in a;
        int listener = listen_somewhere(&a);
        struct peer_owner *p;

        (void)state;
        assert_int_equal(peer_owner_new(&p, listener), 0);
        for (int v6 = 0; v6 < 2; v6++) {
                int client = connect_to(&a, v6), fd;
                struct sock_owner o = {.uid = 77};
                struct stat st;

                if (client < 0 && v6) {
                        print_message("no IPv6 here\n");
                        break;
                }
                fd = accept(listener, NULL, NULL);
                assert_int_equal(peer_owner_find(p, fd, &o), 0);
                assert_int_equal(o.uid, geteuid());
                assert_int_equal(fstat(client, &st), 0);
                assert_int_equal(o.inode, st.st_ino);
                // the one at this side of it is not the one that was asked for
                o.inode = 1;
                assert_int_equal(shutdown(client, SHUT_WR), 0);
                assert_int_equal(peer_owner_find(p, fd, &o), SOCK_OWNER_E_CLOSED);
                close(client);
                assert_true(peer_owner_find(p, fd, &o) > 0);
                assert_int_equal(o.inode, 1);
                close(fd);
        }
        peer_owner_free(p);
        close(listener);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_answer),
                cmocka_unit_test(only_that_socket_and_only_while_it_is_somebodys),
                cmocka_unit_test(every_cut_is_unclear),
                cmocka_unit_test(errors_of_the_kernel),
                cmocka_unit_test(proc_net_tcp),
                cmocka_unit_test(this_kernel_knows_its_sockets),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
