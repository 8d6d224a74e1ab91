// SPDX-License-Identifier: Apache-2.0
//
// Signals as bytes on a signalfd: no handler, no interrupted call, and the threads that libcurl starts to
// resolve names inherit the blocked mask.
#include "loop_internal.h"

#include <signal.h>
#include <sys/signalfd.h>

// Also blocks SIGPIPE: whoever writes to a gone peer gets EPIPE.
int loop_block_signals(const int *signals, size_t n)
{
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGPIPE);
        for (size_t i = 0; i < n; i++)
                if (sigaddset(&set, signals[i]) < 0)
                        return -errno;
        return sigprocmask(SIG_BLOCK, &set, NULL) < 0 ? -errno : 0;
}

static void on_signalfd(evutil_socket_t fd, short what _unused_, void *arg)
{
        struct loop *l = arg;
        struct signalfd_siginfo info;

        if (read(fd, &info, sizeof info) != (ssize_t)sizeof info)
                return;
        for (struct signal_entry *e = l->signals; e; e = e->next)
                if (e->signal == (int)info.ssi_signo) {
                        e->cb(e->signal, e->arg);
                        return;
                }
}

static int open_fd(struct loop *l, const sigset_t *set)
{
        int fd = signalfd(l->signal_fd, set, SFD_NONBLOCK | SFD_CLOEXEC);

        if (fd < 0)
                return -errno;
        l->signal_fd = fd;
        if (l->signal_event)
                return 0;
        l->signal_event = event_new(l->base, fd, EV_READ | EV_PERSIST, on_signalfd, l);
        return l->signal_event && event_add(l->signal_event, NULL) == 0 ? 0 : -ENOMEM;
}

// One callback a signal, for the life of the loop. 0, -EBUSY (taken), -EPERM (not blocked), -ENOMEM.
int loop_on_signal(struct loop *l, int signal, void (*cb)(int signal, void *arg), void *arg)
{
        struct signal_entry *n;
        sigset_t set, blocked;
        int r;

        sigemptyset(&set);
        if (sigprocmask(SIG_BLOCK, NULL, &blocked) < 0)
                return -errno;
        if (sigismember(&blocked, signal) != 1)
                return -EPERM;
        for (struct signal_entry *e = l->signals; e; e = e->next) {
                if (e->signal == signal)
                        return -EBUSY;
                sigaddset(&set, e->signal);
        }
        sigaddset(&set, signal);
        n = calloc(1, sizeof *n);
        if (!n)
                return -ENOMEM;
        r = open_fd(l, &set);
        if (r < 0) {
                free(n);
                return r;
        }
        *n = (struct signal_entry){.next = l->signals, .signal = signal, .cb = cb, .arg = arg};
        l->signals = n;
        return 0;
}

void signals_deinit(struct loop *l)
{
        struct signal_entry *e;

        while ((e = l->signals)) {
                l->signals = e->next;
                free(e);
        }
        if (l->signal_event)
                event_free(l->signal_event);
        if (l->signal_fd >= 0)
                close(l->signal_fd);
        l->signal_event = NULL;
        l->signal_fd = -1;
}
