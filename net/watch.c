// SPDX-License-Identifier: Apache-2.0
//
// A watch is one persistent libevent event per direction, so that changing what is watched never allocates
// and never loses the other direction. A hang-up or an error arrives as "ready" in the directions watched:
// the owner's next read or write tells what happened.
#include "loop_internal.h"

#include "log.h"

struct watch {
        struct event *read, *write;
        unsigned what;
        void (*cb)(unsigned ready, void *arg);
        void *arg;
};

static void on_ready(evutil_socket_t fd _unused_, short what, void *arg)
{
        struct watch *w = arg;

        w->cb(what & EV_WRITE ? WATCH_WRITE : WATCH_READ, w->arg); // may free w
}

static int direction(struct event *e, bool on)
{
        if (!on)
                return event_del(e);
        return event_pending(e, EV_READ | EV_WRITE, NULL) ? 0 : event_add(e, NULL);
}

// ret: freed by watch_free, before fd is closed. 0, -ENOMEM, -EBADF (a descriptor that cannot be watched).
int watch_new(struct watch **ret, struct loop *l, int fd, unsigned what,
        void (*cb)(unsigned ready, void *arg), void *arg)
{
        struct watch *w = calloc(1, sizeof *w);

        if (!w)
                return -ENOMEM;
        *w = (struct watch){.what = what, .cb = cb, .arg = arg};
        w->read = event_new(l->base, fd, EV_READ | EV_PERSIST, on_ready, w);
        w->write = event_new(l->base, fd, EV_WRITE | EV_PERSIST, on_ready, w);
        if (!w->read || !w->write) {
                watch_free(w);
                return -ENOMEM;
        }
        if (direction(w->read, what & WATCH_READ) < 0 || direction(w->write, what & WATCH_WRITE) < 0) {
                watch_free(w);
                return -EBADF;
        }
        *ret = w;
        return 0;
}

// Where the kernel refuses (out of memory for the epoll set), the owner is called once as if ready: its I/O
// does not block, and its deadline stands.
void watch_set(struct watch *w, unsigned what)
{
        w->what = what;
        if (direction(w->read, what & WATCH_READ) < 0 && what & WATCH_READ) {
                log_event(LOG_E_ERROR, "loop.watch", "direction=read");
                event_active(w->read, EV_READ, 1);
        }
        if (direction(w->write, what & WATCH_WRITE) < 0 && what & WATCH_WRITE) {
                log_event(LOG_E_ERROR, "loop.watch", "direction=write");
                event_active(w->write, EV_WRITE, 1);
        }
}

struct watch *watch_free(struct watch *w)
{
        if (!w)
                return NULL;
        if (w->read)
                event_free(w->read);
        if (w->write)
                event_free(w->write);
        free(w);
        return NULL;
}
