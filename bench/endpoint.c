// SPDX-License-Identifier: Apache-2.0
//
// Requests over connections that stay open, one at a time on each, and how long each took. All answers must be as long as the
// first. The server's CPU time is taken by its process's own clock, so that what this program costs is not in it.
//
//     endpoint PORT PID CONNECTIONS MILLISECONDS FILE      (FILE: the request, as it is sent)
#include "util.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#define SAMPLES 4000000u

static char request[8192];
static size_t request_n, answer_n;
static uint32_t *samples;
static size_t n_samples;

struct conn {
        int fd;
        size_t got;
        int64_t start_ns;
};

static int64_t read_clock(clockid_t c)
{
        struct timespec t;

        if (clock_gettime(c, &t) < 0)
                abort();
        return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void fail(const char *what)
{
        fprintf(stderr, "bench/endpoint: %s: %s\n", what, strerror(errno));
        exit(1);
}

static int connect_to(uint16_t port)
{
        const struct sockaddr_in a = {
                .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

        if (fd < 0 || connect(fd, (const struct sockaddr *)&a, sizeof a) < 0 ||
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0)
                fail("connect");
        return fd;
}

static void ask(struct conn *c)
{
        c->got = 0;
        c->start_ns = read_clock(CLOCK_MONOTONIC);
        if (send(c->fd, request, request_n, MSG_NOSIGNAL) != (ssize_t)request_n)
                fail("send");
}

// The first answer says how long all are.
static void learn(uint16_t port)
{
        char answer[65536] = "";
        struct conn c = {.fd = connect_to(port)};
        const char *body, *length;
        size_t n = 0;

        ask(&c);
        do {
                ssize_t k = recv(c.fd, answer + n, sizeof answer - 1 - n, 0);

                if (k <= 0)
                        fail("recv");
                n += (size_t)k;
                answer[n] = 0;
                body = strstr(answer, "\r\n\r\n");
                length = strcasestr(answer, "content-length: ");
        } while (!body || !length);
        if (strncmp(answer, "HTTP/1.1 200 ", 13) != 0) {
                fprintf(stderr, "bench/endpoint: %.200s\n", answer);
                exit(1);
        }
        answer_n = (size_t)(body + 4 - answer) + strtoul(length + 16, NULL, 10);
        close(c.fd);
}

static void on_answer(struct conn *c)
{
        char part[65536];
        ssize_t k = recv(c->fd, part, sizeof part, MSG_DONTWAIT);

        if (k <= 0)
                fail("recv");
        c->got += (size_t)k;
        if (c->got > answer_n || (c->got == (size_t)k && strncmp(part, "HTTP/1.1 200 ", 13) != 0)) {
                fputs("bench/endpoint: an answer that is not like the first\n", stderr);
                exit(1);
        }
        if (c->got < answer_n)
                return;
        if (n_samples < SAMPLES)
                samples[n_samples++] = (uint32_t)(read_clock(CLOCK_MONOTONIC) - c->start_ns);
        ask(c);
}

static int compare(const void *a, const void *b)
{
        const uint32_t *x = a, *y = b;

        return (*x > *y) - (*x < *y);
}

// Each connection has had an answer before it counts: who is at its other end is asked once.
static struct conn *open_all(int ep, uint16_t port, unsigned n_conns)
{
        struct conn *conns = calloc(n_conns, sizeof *conns);

        if (!conns)
                fail("memory");
        for (unsigned i = 0; i < n_conns; i++) {
                struct epoll_event e = {.events = EPOLLIN, .data.ptr = &conns[i]};

                conns[i].fd = connect_to(port);
                ask(&conns[i]);
                while (conns[i].got < answer_n) {
                        char part[65536];
                        ssize_t k = recv(conns[i].fd, part, sizeof part, 0);

                        if (k <= 0)
                                fail("recv");
                        conns[i].got += (size_t)k;
                }
                if (epoll_ctl(ep, EPOLL_CTL_ADD, conns[i].fd, &e) < 0)
                        fail("epoll_ctl");
        }
        return conns;
}

static void run(int ep, struct conn *conns, unsigned n_conns, int64_t ms)
{
        struct epoll_event ready[256];
        int64_t end = read_clock(CLOCK_MONOTONIC) + ms * 1000000;

        for (unsigned i = 0; i < n_conns; i++)
                ask(&conns[i]);
        while (read_clock(CLOCK_MONOTONIC) < end) {
                int k = epoll_wait(ep, ready, ARRAY_SIZE(ready), 1000);

                if (k <= 0)
                        fail("epoll_wait");
                for (int i = 0; i < k; i++)
                        on_answer(ready[i].data.ptr);
        }
        for (unsigned i = 0; i < n_conns; i++)
                close(conns[i].fd);
}

int main(int argc, char *argv[])
{
        clockid_t cpu;
        int64_t before, after, start;
        size_t half, most;
        double wall_s, cpu_s;
        struct conn *conns;
        unsigned n_conns;
        uint16_t port;
        ssize_t n;
        int fd, ep = epoll_create1(EPOLL_CLOEXEC);

        if (argc != 6 || ep < 0)
                return 2;
        port = (uint16_t)strtoul(argv[1], NULL, 10);
        fd = open(argv[5], O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? -1 : read(fd, request, sizeof request);
        samples = malloc(SAMPLES * sizeof *samples);
        if (n <= 0 || !samples)
                fail(argv[5]);
        request_n = (size_t)n;
        if (clock_getcpuclockid((pid_t)strtol(argv[2], NULL, 10), &cpu) != 0)
                fail("clock of the server");
        n_conns = (unsigned)strtoul(argv[3], NULL, 10);
        learn(port);
        conns = open_all(ep, port, n_conns);
        before = read_clock(cpu);
        start = read_clock(CLOCK_MONOTONIC);
        run(ep, conns, n_conns, strtol(argv[4], NULL, 10));
        wall_s = (double)(read_clock(CLOCK_MONOTONIC) - start) / 1e9;
        after = read_clock(cpu);
        cpu_s = (double)(after - before) / 1e9;
        qsort(samples, n_samples, sizeof *samples, compare);
        if (n_samples < 100)
                fail("too few answers");
        half = n_samples / 2;
        most = n_samples - n_samples / 100 - 1;
        printf("%zu %.1f %.1f %.3f %.3f\n", n_samples, samples[half] / 1e3, samples[most] / 1e3, wall_s,
                cpu_s);
        free(conns);
        return 0;
}
