// SPDX-License-Identifier: Apache-2.0
#include "client.h"

#include "ask_person.h"
#include "protocol.h"
#include "start.h"

#include <poll.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#define START_MS  5000
#define RETRY_MS  20
#define ANSWER_MS 10000
#define PERSON_MS 75000 // a person is asked for a minute, and then the role is fetched

int64_t cli_now_ms(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

// 0, or -errno of what failed.
static int try_connect(int *ret, const struct sockaddr_un *a, int64_t deadline_ms)
{
        int64_t left = deadline_ms - cli_now_ms();
        struct timeval patience = {.tv_sec = left > 1000 ? left / 1000 : 1};
        cleanup_fd int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) < 0 ||
                connect(fd, (const struct sockaddr *)a, sizeof *a) < 0)
                return -errno;
        *ret = TAKE_FD(fd);
        return 0;
}

static bool is_absent(int r)
{
        return r == -ENOENT || r == -ECONNREFUSED || r == -ENOTDIR;
}

static int address(struct sockaddr_un *a)
{
        const char *dir = secure_getenv("XDG_RUNTIME_DIR");
        int n;

        *a = (struct sockaddr_un){.sun_family = AF_UNIX};
        if (dir && dir[0] == '/')
                n = snprintf(a->sun_path, sizeof a->sun_path, "%s/valetkey/credentials.sock", dir);
        else
                n = snprintf(a->sun_path, sizeof a->sun_path, "/run/user/%u/valetkey/credentials.sock",
                        (unsigned)geteuid());
        return n < 0 || (size_t)n >= sizeof a->sun_path ? -ENAMETOOLONG : 0;
}

static enum outcome check_peer(int fd, struct err *err)
{
        struct ucred peer;
        socklen_t n = sizeof peer;

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 && peer.uid == geteuid())
                return OUTCOME_OK;
        err_set(err, "the broker's socket belongs to another user; not asking");
        return OUTCOME_ACCESS_DENIED;
}

enum outcome client_open(struct client *c, const struct cli *cli, struct err *err)
{
        int64_t deadline = cli->deadline_ms ? cli->deadline_ms : cli_now_ms() + START_MS;
        const struct timespec pause = {.tv_nsec = RETRY_MS * 1000000L};
        struct sockaddr_un a;
        int r = address(&a);

        *c = (struct client){.fd = -1, .received_fd = -1};
        if (r == 0)
                r = try_connect(&c->fd, &a, deadline);
        if (is_absent(r) && !cli->no_start) {
                enum outcome o = start_broker(cli, deadline, err);

                if (o != OUTCOME_OK)
                        return o;
                while (is_absent(r = try_connect(&c->fd, &a, deadline)) && cli_now_ms() < deadline)
                        nanosleep(&pause, NULL);
        }
        if (r == 0)
                return check_peer(c->fd, err);
        err_set(err, "the credential broker does not answer at %s: %s", a.sun_path, strerror(-r));
        return OUTCOME_NO_BROKER;
}

enum outcome client_send(struct client *c, struct frame_writer *w, struct err *err)
{
        size_t n = frame_end(w);

        if (n == 0) {
                err_set(err, "the request is too long");
                return OUTCOME_INVALID_REQUEST;
        }
        if (send(c->fd, w->p, n, MSG_NOSIGNAL) == (ssize_t)n)
                return OUTCOME_OK;
        err_set(err, "the credential broker hung up: %s", strerror(errno));
        return OUTCOME_NO_BROKER;
}

static void take_fd(struct client *c, struct msghdr *m)
{
        for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
                size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);

                if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
                        continue;
                for (size_t i = 0; i < n; i++) {
                        int fd;

                        memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
                        if (c->received_fd < 0)
                                c->received_fd = fd;
                        else
                                close(fd);
                }
        }
}

static enum outcome receive_packet(struct client *c, struct err *err)
{
        union {
                struct cmsghdr align;
                char room[CMSG_SPACE(sizeof(int) * 4)];
        } u;
        struct iovec io = {.iov_base = c->packet, .iov_len = sizeof c->packet};
        struct msghdr m = {
                .msg_iov = &io, .msg_iovlen = 1, .msg_control = u.room, .msg_controllen = sizeof u.room};
        ssize_t n = recvmsg(c->fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

        if (n <= 0) {
                err_set(err, "the credential broker hung up without an answer");
                return OUTCOME_NO_BROKER;
        }
        take_fd(c, &m);
        if ((m.msg_flags & MSG_TRUNC) || !frame_parse(&c->frame, c->packet, (size_t)n)) {
                err_set(err, "the credential broker's answer makes no sense");
                return OUTCOME_BAD_ANSWER;
        }
        return OUTCOME_OK;
}

enum outcome client_receive(struct client *c, int64_t deadline_ms, struct err *err)
{
        struct pollfd p = {.fd = c->fd, .events = POLLIN};
        char text[1024], clean[ERR_MAX];
        enum outcome o;
        uint32_t code;
        int r;

        do {
                int64_t left = deadline_ms - cli_now_ms();

                r = poll(&p, 1, deadline_ms == 0 ? -1 : left > 0 ? (int)left : 0);
        } while (r < 0 && errno == EINTR);
        if (r <= 0) {
                err_set(err, "the credential broker gave no answer in time");
                return OUTCOME_TIMEOUT;
        }
        // From now on there is a secret here. Not before: the broker looks who asks, and a process that is not dumpable
        // cannot be told from one that hides.
        if (c->secret && prctl(PR_SET_DUMPABLE, 0) < 0) {
                err_set(err, "cannot close this process to others: %s", strerror(errno));
                return OUTCOME_INTERNAL;
        }
        o = receive_packet(c, err);
        if (o != OUTCOME_OK || c->frame.type != MSG_ERROR)
                return o;
        if (!frame_get_u32(&c->frame, TAG_OUTCOME, &code) || code == OUTCOME_OK || code >= OUTCOME_MAX_)
                code = OUTCOME_INTERNAL;
        if (frame_get_str(&c->frame, TAG_MESSAGE, text, sizeof text))
                err_set(err, "%s", err_sanitise(clean, sizeof clean, text, strlen(text)));
        return (enum outcome)code;
}

void client_close(struct client *c)
{
        if (c->fd >= 0)
                close(c->fd);
        if (c->received_fd >= 0)
                close(c->received_fd);
        explicit_bzero(c, sizeof *c);
        c->fd = c->received_fd = -1;
}

enum outcome client_ask(struct client *c, const struct cli *cli, uint16_t type, uint16_t tag,
        const char *text, uint16_t wanted, struct err *err)
{
        struct frame_writer w;
        enum outcome o = client_open(c, cli, err);

        if (o != OUTCOME_OK)
                return o;
        frame_begin(&w, c->packet, sizeof c->packet, type);
        frame_put_str(&w, tag, text);
        o = client_send(c, &w, err);
        if (o == OUTCOME_OK)
                o = client_receive(c, cli->deadline_ms ? cli->deadline_ms : cli_now_ms() + ANSWER_MS, err);
        if (o == OUTCOME_OK && c->frame.type != wanted) {
                err_set(err, "the credential broker's answer makes no sense");
                o = OUTCOME_BAD_ANSWER;
        }
        return o;
}

// The broker may want the person asked first.
static enum outcome receive_credentials(
        struct client *c, const struct cli *cli, int terminal, struct err *err)
{
        int64_t patience = terminal >= 0 ? PERSON_MS : ANSWER_MS;
        enum outcome o =
                client_receive(c, cli->deadline_ms ? cli->deadline_ms : cli_now_ms() + patience, err);

        if (o != OUTCOME_OK || terminal < 0 || c->frame.type != MSG_QUESTION)
                return o;
        o = terminal_answer(terminal, c, err);
        return o == OUTCOME_OK ? client_receive(c, cli_now_ms() + PERSON_MS, err) : o;
}

enum outcome client_ask_credentials(struct client *c, const struct cli *cli, const char *role,
        uint32_t min_ttl, const struct frame_field **ret, struct err *err)
{
        struct frame_writer w;
        enum outcome o = client_open(c, cli, err);
        // Where somebody's patience is measured, an SDK waits, and its terminal is not ours.
        cleanup_fd int terminal = o == OUTCOME_OK && !cli->deadline_ms ? terminal_open() : -1;

        if (o != OUTCOME_OK)
                return o;
        c->secret = true;
        frame_begin(&w, c->packet, sizeof c->packet, MSG_GET_CREDENTIALS);
        frame_put_str(&w, TAG_ROLE, role);
        if (min_ttl)
                frame_put_u32(&w, TAG_MIN_TTL, min_ttl);
        if (terminal >= 0)
                frame_put_u32(&w, TAG_INTERACTIVE, 1);
        o = client_send(c, &w, err);
        if (o == OUTCOME_OK)
                o = receive_credentials(c, cli, terminal, err);
        if (o != OUTCOME_OK)
                return o;
        *ret = frame_find(&c->frame, TAG_JSON);
        if (c->frame.type != MSG_CREDENTIALS || !*ret || (*ret)->n == 0) {
                err_set(err, "the credential broker's answer makes no sense");
                return OUTCOME_BAD_ANSWER;
        }
        return OUTCOME_OK;
}
