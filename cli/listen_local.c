// SPDX-License-Identifier: Apache-2.0
#include "listen_local.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define BACKLOG 64

static bool read_port(uint16_t *ret, const char *s)
{
        unsigned v = 0;

        for (const char *c = s; *c; c++) {
                if (*c < '0' || *c > '9' || v > 65535)
                        return false;
                v = v * 10 + (unsigned)(*c - '0');
        }
        *ret = (uint16_t)v;
        return *s && v <= 65535;
}

int listen_local(const char *address, uint16_t *ret_port, struct err *err)
{
        const int one = 1;
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t n = sizeof a;
        const char *colon = strrchr(address, ':'), *port = colon ? colon + 1 : address;
        size_t host_n = colon ? (size_t)(colon - address) : 0;
        cleanup_fd int fd = -1;

        if (colon && !(host_n == 9 && (memcmp(address, "127.0.0.1", 9) == 0 ||
                                              memcmp(address, "localhost", 9) == 0))) {
                err_set(err, "--listen takes 127.0.0.1:PORT and no other address: what is signed here is "
                             "nobody else's");
                return -1;
        }
        if (!read_port(ret_port, port)) {
                err_set(err, "--listen wants 127.0.0.1:PORT");
                return -1;
        }
        a.sin_port = htons(*ret_port);
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0 ||
                bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, BACKLOG) < 0 ||
                getsockname(fd, (struct sockaddr *)&a, &n) < 0) {
                err_set(err, "cannot listen on 127.0.0.1:%u: %s", *ret_port, strerror(errno));
                return -1;
        }
        *ret_port = ntohs(a.sin_port);
        return TAKE_FD(fd);
}
