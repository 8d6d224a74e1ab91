// SPDX-License-Identifier: Apache-2.0
//
// Packets: whole frames or the end, descriptors that never leak, peers that flood, hang up or do not read.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fault.h"
#include "packet.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

struct side {
        struct packet_conn *c;
        unsigned frames, closed;
        uint16_t type;
        char text[64];
        size_t n_fds;
        int taken;
        struct err err;
        bool take_fd, free_in_frame, keep_in_closed;
};

static struct clock_fake clk;
static struct loop *l;
static struct packet_listener *listener;
static struct side server, client;
static char path[64];
static const uint8_t *watched;

static void on_frame(struct packet_conn *c, const struct frame *f, int *fds, size_t n_fds, void *arg)
{
        struct side *s = arg;

        assert_ptr_equal(c, s->c);
        s->frames++;
        s->type = f->type;
        s->n_fds = n_fds;
        frame_get_str(f, 5, s->text, sizeof s->text);
        watched = f->n_fields ? f->fields[0].p : NULL;
        if (s->take_fd && n_fds)
                s->taken = TAKE_FD(fds[0]);
        if (s->free_in_frame)
                s->c = packet_conn_free(c);
}

static void on_closed(struct packet_conn *c, const struct err *err, void *arg)
{
        struct side *s = arg;

        s->closed++;
        s->err = *err;
        if (!s->keep_in_closed)
                s->c = packet_conn_free(c);
}

static const struct packet_handlers handlers = {.frame = on_frame, .closed = on_closed};

static void on_accepted(struct packet_conn *c, void *arg)
{
        struct side *s = arg;

        assert_int_equal(packet_conn_peer(c)->uid, getuid());
        assert_int_equal(packet_conn_peer(c)->pid, getpid());
        if (s->c) { // the test has one connection at a time, unless it counts them
                packet_conn_free(c);
                return;
        }
        s->c = c;
        packet_conn_set(c, &handlers, s);
}

static int count_fds(void)
{
        DIR *d = opendir("/proc/self/fd");
        int n = 0;

        while (readdir(d))
                n++;
        closedir(d);
        return n;
}

static int fds_before;

static int setup(void **state _unused_)
{
        memset(&server, 0, sizeof server);
        memset(&client, 0, sizeof client);
        server.taken = client.taken = -1;
        fds_before = count_fds();
        snprintf(path, sizeof path, "/tmp/valetkey-packet-%d.sock", (int)getpid());
        clock_fake_init(&clk, 1000);
        return loop_new(&l, &clk.clock) < 0 ||
                               packet_listen_path(&listener, l, path, 0600, on_accepted, &server) < 0
                       ? -1
                       : 0;
}

static int teardown(void **state _unused_)
{
        packet_conn_free(server.c);
        packet_conn_free(client.c);
        listener = packet_listener_free(listener);
        l = loop_free(l);
        return access(path, F_OK) == 0 || count_fds() != fds_before ? -1 : 0; // nothing left behind
}

static void settle(void)
{
        for (int i = 0; i < 20; i++)
                assert_int_equal(loop_run_once(l, 0), 0);
}

static void connect_both(void)
{
        assert_int_equal(packet_connect(&client.c, l, path), 0);
        packet_conn_set(client.c, &handlers, &client);
        settle();
        assert_non_null(server.c);
}

static size_t make(uint8_t room[FRAME_MAX], uint16_t type, const char *text)
{
        struct frame_writer w;

        frame_begin(&w, room, FRAME_MAX, type);
        frame_put_str(&w, 5, text);
        return frame_end(&w);
}

static int say(struct packet_conn *c, uint16_t type, const char *text)
{
        uint8_t room[FRAME_MAX];

        return packet_send(c, room, make(room, type, text), NULL, 0);
}

// A raw client of the listener.
static int raw(void)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

        memcpy(a.sun_path, path, strlen(path));
        assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
        settle();
        assert_non_null(server.c);
        return fd;
}

static void frames_travel_both_ways_in_order(void **state _unused_)
{
        connect_both();
        assert_int_equal(packet_listener_count(listener, getuid()), 1);
        assert_int_equal(say(client.c, 1, "one"), 0);
        assert_int_equal(server.frames, 0); // only from the loop
        settle();
        assert_int_equal(server.frames, 1);
        assert_string_equal(server.text, "one");
        for (uint16_t i = 0; i < 20; i++)
                assert_int_equal(say(server.c, i, "x"), 0);
        settle();
        settle();
        assert_int_equal(client.frames, 20);
        assert_int_equal(client.type, 19);
        client.c = packet_conn_free(client.c);
        settle();
        assert_int_equal(server.closed, 1);
        assert_string_equal(server.err.text, "");
        assert_int_equal(packet_listener_count(listener, getuid()), 0);
}

// The answer is there before the loop turns; what is closed then is told from the loop all the same.
static void an_answer_leaves_at_once(void **state _unused_)
{
        uint8_t room[FRAME_MAX];
        int fd = raw();

        assert_int_equal(say(server.c, 7, "now"), 0);
        assert_true(recv(fd, room, sizeof room, MSG_DONTWAIT) > 0);
        close(fd);
        assert_int_equal(say(server.c, 7, "to nobody"), 0);
        assert_int_equal(server.closed, 0);
        settle();
        assert_int_equal(server.closed, 1);
}

static void a_frame_of_the_largest_size_passes(void **state _unused_)
{
        static char text[FRAME_MAX];
        static uint8_t room[FRAME_MAX + 1];
        int fd = raw();
        size_t n;

        memset(text, 'x', sizeof text);
        text[FRAME_MAX - FRAME_HEADER - 4] = 0;
        n = make(room, 1, text);
        assert_int_equal(n, FRAME_MAX);
        assert_int_equal(send(fd, room, n, 0), n);
        settle();
        assert_int_equal(server.frames, 1);
        assert_int_equal(send(fd, room, n + 1, 0), n + 1);
        settle();
        assert_int_equal(server.closed, 1);
        assert_string_equal(server.err.text, "a packet is larger than 65536 bytes");
        close(fd);
}

static void received_bytes_are_cleared(void **state _unused_)
{
        connect_both();
        assert_int_equal(say(client.c, 1, "the-secret-of-this-test"), 0);
        settle();
        assert_string_equal(server.text, "the-secret-of-this-test");
        assert_non_null(watched); // where the field lay: the room of received packets, which is static
        for (int i = 0; i < 23; i++)
                assert_int_equal(watched[i], 0);
}

static void half_a_message_ends_the_connection(void **state _unused_)
{
        uint8_t room[FRAME_MAX];
        size_t n = make(room, 1, "hello");

        for (size_t k = 1; k < n; k++) {
                int fd = raw();

                assert_int_equal(send(fd, room, k, 0), k);
                settle();
                assert_null(server.c);
                assert_string_equal(server.err.text, "a packet is not a frame");
                close(fd);
        }
        assert_int_equal(server.closed, n - 1);
        assert_int_equal(server.frames, 0);
}

static void empty_packets_and_half_open_peers_are_the_end(void **state _unused_)
{
        int fd = raw();

        assert_int_equal(send(fd, "", 0, 0), 0);
        settle();
        assert_int_equal(server.closed, 1);
        close(fd);
        fd = raw();
        assert_int_equal(shutdown(fd, SHUT_WR), 0);
        settle();
        assert_int_equal(server.closed, 2);
        close(fd);
        fd = raw();
        close(fd);
        settle();
        assert_int_equal(server.closed, 3);
}

static void a_request_before_the_end_is_heard(void **state _unused_)
{
        uint8_t room[FRAME_MAX];
        size_t n = make(room, 7, "bye");
        int fd = raw();

        assert_int_equal(send(fd, room, n, 0), n);
        close(fd);
        settle();
        assert_int_equal(server.frames, 1);
        assert_int_equal(server.closed, 1);
}

static void descriptors_travel_and_never_leak(void **state _unused_)
{
        int mem = memfd_create("t", MFD_CLOEXEC), fds[5] = {mem, mem, mem, mem, mem}, before;
        uint8_t room[FRAME_MAX];
        size_t n = make(room, 1, "fds");

        connect_both();
        assert_int_equal(packet_send(client.c, room, n, fds, 5), -EMSGSIZE);
        before = count_fds();
        assert_int_equal(packet_send(client.c, room, n, fds, 4), 0);
        settle();
        assert_int_equal(server.n_fds, 4);
        assert_int_equal(count_fds(), before); // nobody took them
        server.take_fd = true;
        assert_int_equal(packet_send(client.c, room, n, fds, 1), 0);
        settle();
        assert_int_equal(server.n_fds, 1);
        assert_true(server.taken >= 0);
        assert_int_equal(fcntl(server.taken, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        close(server.taken);
        fds[1] = 9999;
        assert_int_equal(packet_send(client.c, room, n, fds, 2), -EBADF); // and the first one is closed again
        assert_int_equal(packet_send(client.c, room, n, fds, 1), 0);
        client.c = packet_conn_free(client.c); // unsent descriptors go too
        close(mem);
}

static void too_many_descriptors_end_the_connection(void **state _unused_)
{
        union {
                struct cmsghdr h;
                char room[CMSG_SPACE(sizeof(int) * 6)];
        } u;
        uint8_t room[FRAME_MAX];
        struct iovec io = {room, make(room, 1, "x")};
        struct msghdr m = {
                .msg_iov = &io, .msg_iovlen = 1, .msg_control = u.room, .msg_controllen = sizeof u.room};
        int fd = raw(), before = count_fds(), fds[6] = {fd, fd, fd, fd, fd, fd};

        memset(&u, 0, sizeof u);
        u.h = (struct cmsghdr){
                .cmsg_len = CMSG_LEN(sizeof fds), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&u.h), fds, sizeof fds);
        assert_true(sendmsg(fd, &m, 0) > 0);
        server.keep_in_closed = true;
        settle();
        assert_int_equal(server.frames, 0);
        assert_int_equal(server.closed, 1);
        assert_non_null(strstr(server.err.text, "more than 4 descriptors"));
        assert_int_equal(count_fds(), before);
        close(fd);
}

static void freeing_inside_a_callback_is_the_last_word(void **state _unused_)
{
        connect_both();
        server.free_in_frame = true;
        assert_int_equal(say(client.c, 1, "a"), 0);
        assert_int_equal(say(client.c, 2, "b"), 0);
        settle();
        assert_int_equal(server.frames, 1);
        assert_int_equal(server.closed, 0);
        assert_int_equal(client.closed, 1);
}

static void closing_after_the_last_word(void **state _unused_)
{
        connect_both();
        assert_int_equal(say(server.c, 9, "last"), 0);
        packet_close_after_send(server.c);
        packet_close_after_send(server.c);
        assert_int_equal(say(server.c, 9, "more"), -EPIPE);
        assert_int_equal(server.closed, 0);
        settle();
        assert_int_equal(server.closed, 1);
        assert_string_equal(client.text, "last");
        assert_int_equal(client.closed, 1);
        connect_both(); // with nothing to send: closed all the same, from the loop
        packet_close_after_send(server.c);
        assert_int_equal(server.closed, 1);
        settle();
        assert_int_equal(server.closed, 2);
}

static void a_peer_that_does_not_read_is_bounded(void **state _unused_)
{
        static char text[60000];
        int fd = raw(), r = 0, sent = 0;

        memset(text, 'x', sizeof text - 1);
        while (r == 0 && sent < 1000) {
                r = say(server.c, 1, text);
                settle();
                sent += r == 0;
        }
        assert_int_equal(r, -ENOBUFS);
        assert_true(sent < 200);
        packet_close_after_send(server.c);
        loop_turn(l, &clk, 4999);
        assert_int_equal(server.closed, 0);
        loop_turn(l, &clk, 1);
        assert_int_equal(server.closed, 1);
        assert_string_equal(server.err.text, "the peer does not read its answer");
        close(fd);
}

static void a_live_socket_is_not_taken_and_a_stale_one_is(void **state _unused_)
{
        struct packet_listener *p = NULL;
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        struct stat st;
        char other[80], saved[64];
        int fd;

        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_int_equal(packet_listen_path(&p, l, path, 0600, on_accepted, &server), -EADDRINUSE);
        snprintf(other, sizeof other, "%s.2", path);
        memcpy(a.sun_path, other, strlen(other));
        fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
        close(fd); // stale: nobody listens
        assert_int_equal(packet_listen_path(&p, l, other, 0666, on_accepted, &server), 0);
        assert_int_equal(stat(other, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0666); // whatever the umask
        // replaced under our feet: not ours to remove
        unlink(other);
        fd = open(other, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        close(fd);
        packet_listener_free(p);
        assert_int_equal(access(other, F_OK), 0);
        assert_int_equal(
                packet_listen_path(&p, l, other, 0600, on_accepted, &server), -EEXIST); // a plain file
        unlink(other);
        memcpy(saved, path, sizeof saved);
        assert_int_equal(packet_listen_path(&p, l, "", 0600, on_accepted, &server), -ENAMETOOLONG);
        assert_int_equal(symlink(saved, other), 0);
        assert_int_equal(packet_listen_path(&p, l, other, 0600, on_accepted, &server), -EEXIST);
        unlink(other);
        assert_int_equal(packet_connect(&client.c, l, other), -ENOENT);
}

static void somebody_elses_stale_socket_is_left(void **state _unused_)
{
        struct packet_listener *p = NULL;
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        char other[80];
        int fd;

        if (getuid() != 0) {
                print_message("needs root to make another user's socket\n");
                skip();
        }
        snprintf(other, sizeof other, "%s.3", path);
        memcpy(a.sun_path, other, strlen(other));
        fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
        close(fd);
        assert_int_equal(chown(other, 1234, 1234), 0);
        assert_int_equal(packet_listen_path(&p, l, other, 0600, on_accepted, &server), -EPERM);
        unlink(other);
}

static void activation_hands_over_only_what_fits(void **state _unused_)
{
        struct packet_listener *p = NULL;
        int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

        assert_int_equal(packet_listen_fd(&p, l, fd, on_accepted, &server), -EINVAL); // does not listen
        assert_int_equal(fcntl(fd, F_GETFD), -1);                                     // taken all the same
        fd = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal(packet_listen_fd(&p, l, fd, on_accepted, &server), -EINVAL);
        fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&(struct sockaddr_un){.sun_family = AF_UNIX},
                                 sizeof(sa_family_t)),
                0);
        assert_int_equal(listen(fd, 5), 0);
        assert_int_equal(packet_listen_fd(&p, l, fd, on_accepted, &server), 0);
        assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
        packet_listener_free(p);
}

static struct packet_conn *kept[600];
static unsigned n_kept;

static void keep(struct packet_conn *c, void *arg _unused_)
{
        kept[n_kept++] = c;
        packet_conn_set(c, &handlers, &server);
}

static void a_full_table_turns_away_at_once(void **state _unused_)
{
        struct packet_listener *p = NULL;
        struct packet_conn *many[520] = {NULL};
        struct rlimit old, lim;
        unsigned limit = getuid() == 0 ? 512 : 256;
        char other[80], one;
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        int fd;

        assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
        lim = (struct rlimit){.rlim_cur = 4096, .rlim_max = old.rlim_max};
        if (old.rlim_cur < 4096 && setrlimit(RLIMIT_NOFILE, &lim) < 0) {
                print_message("needs 4096 descriptors\n");
                skip();
        }
        snprintf(other, sizeof other, "%s.4", path);
        assert_int_equal(packet_listen_path(&p, l, other, 0600, keep, NULL), 0);
        for (unsigned i = 0; i < limit; i++) {
                assert_int_equal(packet_connect(&many[i], l, other), 0);
                loop_run_once(l, 0);
        }
        settle();
        assert_int_equal(n_kept, limit);
        assert_int_equal(packet_listener_count(p, getuid()), limit);
        memcpy(a.sun_path, other, strlen(other));
        fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
        settle();
        assert_int_equal(recv(fd, &one, 1, MSG_DONTWAIT), 0); // closed, not left waiting
        close(fd);
        kept[0] = packet_conn_free(kept[0]); // one leaves, the next is let in
        fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
        settle();
        assert_int_equal(n_kept, limit + 1);
        close(fd);
        for (unsigned i = 0; i < limit; i++)
                packet_conn_free(many[i]);
        packet_listener_free(p); // before its connections
        for (unsigned i = 0; i < n_kept; i++)
                packet_conn_free(kept[i]);
        setrlimit(RLIMIT_NOFILE, &old);
}

static void out_of_descriptors_pauses_instead_of_spinning(void **state _unused_)
{
        struct rlimit old, lim;
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), top = dup(0);
        struct sockaddr_un a = {.sun_family = AF_UNIX};

        memcpy(a.sun_path, path, strlen(path));
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
        close(top);
        lim = (struct rlimit){.rlim_cur = (rlim_t)top, .rlim_max = old.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &lim), 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
        settle();
        setrlimit(RLIMIT_NOFILE, &old);
        settle();
        assert_null(server.c); // still pausing
        loop_turn(l, &clk, 100);
        settle();
        assert_non_null(server.c);
        close(fd);
}

static int whole_life(void)
{
        struct packet_listener *p = NULL;
        struct packet_conn *c = NULL;
        uint8_t room[FRAME_MAX];
        char other[80];
        int r;

        snprintf(other, sizeof other, "%s.5", path);
        r = packet_listen_path(&p, l, other, 0600, on_accepted, &server);
        if (r == 0)
                r = packet_connect(&c, l, other);
        if (r == 0)
                r = packet_send(c, room, make(room, 1, "x"), NULL, 0);
        packet_conn_free(c);
        packet_listener_free(p);
        return r;
}

static void every_allocation_may_fail(void **state _unused_)
{
        unsigned failed = 0;
        int r = 0;

        FAULT_EACH(50, r = whole_life())
        {
                assert_int_equal(r, -ENOMEM);
                failed++;
        }
        assert_int_equal(r, 0);
        assert_true(failed >= 6);
}

static void accepting_without_memory_closes_and_goes_on(void **state _unused_)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        char one;

        memcpy(a.sun_path, path, strlen(path));
        for (unsigned n = 1; n <= 3; n++) {
                int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

                assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
                fault_fail_nth(n);
                settle();
                assert_true(fault_struck());
                assert_null(server.c);
                assert_int_equal(recv(fd, &one, 1, MSG_DONTWAIT), 0);
                close(fd);
        }
        close(raw());
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(frames_travel_both_ways_in_order),
                T(an_answer_leaves_at_once),
                T(a_frame_of_the_largest_size_passes),
                T(received_bytes_are_cleared),
                T(half_a_message_ends_the_connection),
                T(empty_packets_and_half_open_peers_are_the_end),
                T(a_request_before_the_end_is_heard),
                T(descriptors_travel_and_never_leak),
                T(too_many_descriptors_end_the_connection),
                T(freeing_inside_a_callback_is_the_last_word),
                T(closing_after_the_last_word),
                T(a_peer_that_does_not_read_is_bounded),
                T(a_live_socket_is_not_taken_and_a_stale_one_is),
                T(somebody_elses_stale_socket_is_left),
                T(activation_hands_over_only_what_fits),
                T(a_full_table_turns_away_at_once),
                T(out_of_descriptors_pauses_instead_of_spinning),
                T(every_allocation_may_fail),
                T(accepting_without_memory_closes_and_goes_on),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
