// SPDX-License-Identifier: Apache-2.0
//
// Two lists in the order of the uids, walked beside each other. A port is let go of only after its user has been taken out of
// the map, and put into the map only after it has been bound.
#include "holds.h"

#include "log.h"

#include <netinet/in.h>
#include <sys/socket.h>

struct hold {
        struct ports_entry who;
        int fd; // bound; -1: somebody else has the port
};

struct holds {
        struct redirect *redirect;
        struct hold *e;
        size_t n, lacking;
};

static int bind_port(uint16_t port)
{
        const struct sockaddr_in a = {
                .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        cleanup_fd int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        const int one = 1;

        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) < 0 ||
                bind(fd, (const struct sockaddr *)&a, sizeof a) < 0)
                return -errno;
        return TAKE_FD(fd);
}

static int let_go(struct holds *h, struct hold *e)
{
        int r = e->fd >= 0 ? redirect_unset(h->redirect, e->who.uid) : 0;

        // Whoever is still redirected there must not meet a stranger.
        if (r == 0 && e->fd >= 0)
                close(TAKE_FD(e->fd));
        return r;
}

// told: it was so before.
static int hold(struct holds *h, struct hold *e, bool told)
{
        int r = 0;

        e->fd = bind_port(e->who.port);
        if (e->fd >= 0)
                r = redirect_set(h->redirect, e->who.uid, e->who.port);
        else if (!told)
                log_event(LOG_E_WARNING, "imds.port_taken", "uid=%u port=%u reason=%s", (unsigned)e->who.uid,
                        e->who.port, strerror(-e->fd));
        if (r < 0) {
                close(e->fd);
                e->fd = -1;
        }
        return r;
}

static const struct hold *find(const struct holds *h, size_t *at, uid_t uid)
{
        while (*at < h->n && h->e[*at].who.uid < uid)
                ++*at;
        return *at < h->n && h->e[*at].who.uid == uid ? &h->e[*at] : NULL;
}

// Takes out who is not in the list any more, or has another port there.
static int let_go_all(struct holds *h, const struct ports_list *list, const struct whose *whose)
{
        size_t at = 0;
        int r = 0;

        for (size_t i = 0; i < h->n; i++) {
                struct hold *e = &h->e[i];
                int k;

                while (at < list->n && list->e[at].uid < e->who.uid)
                        at++;
                if (at < list->n && list->e[at].uid == e->who.uid && list->e[at].port == e->who.port &&
                        whose_is_ours(whose, e->who.uid))
                        continue;
                k = let_go(h, e);
                if (k < 0)
                        r = k;
        }
        return r;
}

int holds_update(struct holds *h, const struct ports_list *list, const struct whose *whose)
{
        struct hold *e = calloc(list->n + 1, sizeof *e);
        size_t n = 0, lacking = 0, at = 0;
        int r;

        if (!e)
                return -ENOMEM;
        r = let_go_all(h, list, whose);
        if (r < 0) {
                free(e);
                return r;
        }
        for (size_t i = 0; i < list->n; i++) {
                const struct hold *old = find(h, &at, list->e[i].uid);
                bool same = old && old->who.port == list->e[i].port;
                int k = 0;

                if (!whose_is_ours(whose, list->e[i].uid)) {
                        log_event(LOG_E_WARNING, "imds.not_ours", "uid=%u", (unsigned)list->e[i].uid);
                        continue;
                }
                e[n] = (struct hold){.who = list->e[i], .fd = same ? old->fd : -1};
                if (e[n].fd < 0)
                        k = hold(h, &e[n], same);
                if (k < 0)
                        r = k;
                lacking += e[n].fd < 0;
                n++;
        }
        free(h->e);
        h->e = e;
        h->n = n;
        h->lacking = lacking;
        return r;
}

size_t holds_count(const struct holds *h)
{
        return h->n - h->lacking;
}

bool holds_lacks(const struct holds *h)
{
        return h->lacking > 0;
}

int holds_new(struct holds **ret, struct redirect *redirect)
{
        struct holds *h = calloc(1, sizeof *h);

        if (!h)
                return -ENOMEM;
        h->redirect = redirect;
        *ret = h;
        return 0;
}

struct holds *holds_free(struct holds *h)
{
        if (!h)
                return NULL;
        for (size_t i = 0; i < h->n; i++)
                let_go(h,
                        &h->e[i]); // what cannot be taken out stays held until the process ends, with all of it
        free(h->e);
        free(h);
        return NULL;
}
