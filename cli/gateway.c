// SPDX-License-Identifier: Apache-2.0
#include "gateway_internal.h"

#include <sys/socket.h>

#define SWEEP_MS 1000
#define ACCEPTS  8

static void on_connection(unsigned ready _unused_, void *arg)
{
        struct gateway *g = arg;

        for (int i = 0; i < ACCEPTS; i++) {
                int fd = accept4(g->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

                if (fd >= 0) {
                        gateway_conn_accepted(g, fd);
                        continue;
                }
                // Out of descriptors: the next sweep looks again, instead of the loop spinning until then.
                if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
                        watch_set(g->watch, 0);
                break;
        }
}

static void on_sweep(void *arg)
{
        struct gateway *g = arg;

        gateway_conns_sweep(g);
        watch_set(g->watch, WATCH_READ);
        timer_arm_in(g->sweep, SWEEP_MS);
}

int gateway_new(
        struct gateway **ret, struct loop *l, int fd, uint64_t body_max, const struct gateway_owner *owner)
{
        struct gateway *g = calloc(1, sizeof *g);
        int r;

        if (!g) {
                close(fd);
                return -ENOMEM;
        }
        *g = (struct gateway){.loop = l, .owner = *owner, .body_max = body_max, .fd = fd};
        r = http_new(&g->http, l);
        if (r == 0)
                r = timer_new(&g->sweep, l, on_sweep, g);
        if (r == 0)
                r = watch_new(&g->watch, l, fd, WATCH_READ, on_connection, g);
        if (r < 0) {
                gateway_free(g);
                return r;
        }
        timer_arm_in(g->sweep, SWEEP_MS);
        *ret = g;
        return 0;
}

struct gateway *gateway_free(struct gateway *g)
{
        if (!g)
                return NULL;
        while (g->conns)
                gateway_conn_free(g->conns);
        watch_free(g->watch);
        timer_free(g->sweep);
        http_free(g->http);
        close(g->fd);
        free(g);
        return NULL;
}
