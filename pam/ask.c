// SPDX-License-Identifier: Apache-2.0
//
// The socket stays blocking with SO_SNDTIMEO, which bounds connect() on a full backlog too: a non-blocking
// connect() would fail there at once and could not be waited for. Receiving waits in poll().
#include "ask.h"

#include "protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

int64_t ask_now_ms(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_BOOTTIME, &ts);
        return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static enum outcome fail(struct ask *a, enum outcome o, const char *fault, int error)
{
        a->fault = fault;
        a->error = error;
        return o;
}

// Bounds what connect() and send() may wait from now on.
static bool limit_send(int fd, int64_t deadline_ms)
{
        int64_t left = deadline_ms - ask_now_ms();
        struct timeval tv;

        if (left <= 0)
                return false;
        tv = (struct timeval){.tv_sec = left / 1000, .tv_usec = left % 1000 * 1000};
        return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv) == 0;
}

static int open_socket(void)
{
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), high;

        if (fd < 0 || fd > 2)
                return fd;
        // The host has closed its standard streams; what it prints must not reach the daemon.
        high = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        close(fd);
        return high;
}

enum outcome ask_open(struct ask *a, const struct arguments *o, int64_t deadline_ms)
{
        struct sockaddr_un addr = {.sun_family = AF_UNIX};
        struct ucred peer;
        socklen_t len = sizeof peer;

        *a = (struct ask)ASK_INIT;
        if (strlen(o->socket) >= sizeof addr.sun_path)
                return fail(a, OUTCOME_NO_DAEMON, "the socket's path is too long", 0);
        memcpy(addr.sun_path, o->socket, strlen(o->socket) + 1);
        a->room = malloc(FRAME_MAX);
        if (!a->room)
                return fail(a, OUTCOME_INTERNAL, "no memory", ENOMEM);
        a->fd = open_socket();
        if (a->fd < 0)
                return fail(a, OUTCOME_INTERNAL, "no socket", errno);
        do {
                if (!limit_send(a->fd, deadline_ms))
                        return fail(a, OUTCOME_NO_DAEMON, "no connection in time", 0);
                if (connect(a->fd, (const struct sockaddr *)&addr, sizeof addr) == 0)
                        break;
                if (errno != EINTR)
                        return fail(a, OUTCOME_NO_DAEMON, "cannot connect", errno);
        } while (true);
        if (getsockopt(a->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || len != sizeof peer)
                return fail(a, OUTCOME_INTERNAL, "cannot tell who listens", errno);
        if (!arguments_is_server(o, peer.uid))
                return fail(a, OUTCOME_NO_DAEMON, "another user's process listens on the socket", 0);
        return OUTCOME_OK;
}

enum outcome ask_send(struct ask *a, const void *frame, size_t n)
{
        ssize_t k;

        if (n == 0)
                return fail(a, OUTCOME_INVALID_REQUEST, "the request does not fit a frame", 0);
        do
                k = send(a->fd, frame, n, MSG_NOSIGNAL);
        while (k < 0 && errno == EINTR);
        return k == (ssize_t)n ? OUTCOME_OK : fail(a, OUTCOME_NO_DAEMON, "cannot send", errno);
}

enum outcome ask_receive(struct ask *a, struct frame *ret, int64_t deadline_ms)
{
        struct pollfd p = {.fd = a->fd, .events = POLLIN};
        ssize_t n;

        do {
                int64_t left = deadline_ms - ask_now_ms();
                int r;

                if (left <= 0)
                        return fail(a, OUTCOME_NO_DAEMON, "no answer in time", 0);
                r = poll(&p, 1, left > 60000 ? 60000 : (int)left);
                if (r < 0 && errno != EINTR)
                        return fail(a, OUTCOME_INTERNAL, "cannot wait", errno);
                if (r <= 0)
                        continue;
                n = recv(a->fd, a->room, FRAME_MAX, MSG_DONTWAIT | MSG_TRUNC);
                if (n >= 0)
                        break;
                if (errno != EINTR && errno != EAGAIN)
                        return fail(a, OUTCOME_NO_DAEMON, "cannot receive", errno);
        } while (true);
        if (n == 0)
                return fail(a, OUTCOME_NO_DAEMON, "the connection was closed", 0);
        if ((size_t)n > FRAME_MAX || !frame_parse(ret, a->room, (size_t)n))
                return fail(a, OUTCOME_NO_DAEMON, "the answer is not a frame", 0);
        return OUTCOME_OK;
}

void ask_close(struct ask *a)
{
        if (a->fd >= 0)
                close(a->fd);
        if (a->room)
                explicit_bzero(a->room, FRAME_MAX);
        free(a->room);
        a->fd = -1;
        a->room = NULL;
}

enum outcome ask_error(const struct frame *f)
{
        uint32_t o;

        if (!frame_get_u32(f, TAG_OUTCOME, &o) || o == OUTCOME_OK || o >= OUTCOME_MAX_)
                return OUTCOME_INTERNAL;
        return (enum outcome)o;
}

enum outcome ask_once(struct ask *a, const struct arguments *o, int64_t patience_ms, const void *frame,
        size_t n, uint16_t expect, struct frame *ret)
{
        int64_t deadline = ask_now_ms() + (patience_ms < o->timeout_ms ? patience_ms : o->timeout_ms);
        enum outcome r = ask_open(a, o, deadline);

        if (r == OUTCOME_OK)
                r = ask_send(a, frame, n);
        if (r == OUTCOME_OK)
                r = ask_receive(a, ret, deadline);
        if (r != OUTCOME_OK)
                return r;
        if (ret->type == MSG_ERROR)
                return fail(a, ask_error(ret), "the daemon refused", 0);
        return ret->type == expect ? OUTCOME_OK : fail(a, OUTCOME_NO_DAEMON, "an unexpected answer", 0);
}
