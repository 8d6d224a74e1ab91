// SPDX-License-Identifier: Apache-2.0
//
// Once the program is attached, capabilities are of no more use, and are dropped before anything is read that another process
// wrote. Then two descriptors are waited for, signals and the folder of the ports, and once a minute where a port is somebody
// else's. A file that makes no sense changes nothing: who is redirected stays so.
#include "imds.h"

#include "holds.h"
#include "log.h"
#include "ports_watch.h"
#include "service.h"
#include "table.h"

#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>

#define AGAIN_MS 60000

struct imds {
        const struct imds_options *o;
        char path[4096];
        struct redirect *redirect;
        struct holds *holds;
        struct ports_list list;
        int folder, signals;
};

static void look(struct imds *m)
{
        _cleanup_(whose_deinit) struct whose whose = {0};
        struct err err = ERR_INIT;
        size_t had = holds_count(m->holds);
        int r = ports_watch_read(&m->list, m->path, &err);

        if (r == 0)
                r = whose_read(&whose, m->o->root_table, m->o->passwd);
        if (r == 0 && whose.fault)
                log_event(LOG_E_WARNING, "imds.table", "file=%s reason=%s", m->o->root_table,
                        table_result_text(whose.fault));
        if (r == 0)
                r = holds_update(m->holds, &m->list, &whose);
        if (r < 0)
                log_event(LOG_E_ERROR, "imds.failed", "reason=%s", err.text[0] ? err.text : strerror(-r));
        if (holds_count(m->holds) != had)
                log_event(LOG_E_INFO, "imds.users", "n=%zu", holds_count(m->holds));
}

static int watch_signals(void)
{
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGHUP);
        return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

// The map is written by its descriptor alone (Linux 5.19 and later).
static int drop_capabilities(void)
{
        struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
        const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
                prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
                syscall(SYS_capset, &h, none) < 0)
                return -errno;
        return 0;
}

static int begin(struct imds *m, struct err *err)
{
        int r;

        if (snprintf(m->path, sizeof m->path, "%s/ports", m->o->state_dir) >= (int)sizeof m->path)
                return -ENAMETOOLONG;
        m->list.e = calloc(PORTS_LIST_MAX, sizeof *m->list.e);
        if (!m->list.e)
                return -ENOMEM;
        m->signals = watch_signals();
        if (m->signals < 0)
                return -errno;
        m->folder = ports_watch_open(m->o->state_dir, err);
        if (m->folder < 0)
                return m->folder;
        r = redirect_new(&m->redirect, PORTS_LIST_MAX, m->o->pass_below, err);
        if (r == 0)
                r = holds_new(&m->holds, m->redirect);
        if (r == 0)
                r = redirect_attach(m->redirect, m->o->cgroup, err);
        if (r == 0)
                r = drop_capabilities();
        if (r == 0)
                look(m);
        return r;
}

// The signal that ends it, or 0.
static int next_signal(struct imds *m)
{
        struct signalfd_siginfo s;

        while (read(m->signals, &s, sizeof s) == (ssize_t)sizeof s) {
                if (s.ssi_signo != SIGHUP)
                        return (int)s.ssi_signo;
                look(m);
        }
        return 0;
}

static int turn(struct imds *m, struct err *err)
{
        struct pollfd fds[] = {{.fd = m->signals, .events = POLLIN}, {.fd = m->folder, .events = POLLIN}};
        bool gone;

        for (;;) {
                int ready = poll(fds, ARRAY_SIZE(fds), holds_lacks(m->holds) ? AGAIN_MS : -1), s;

                if (ready < 0 && errno != EINTR)
                        return -errno;
                s = next_signal(m);
                if (s) {
                        log_event(LOG_E_NOTICE, "daemon.stopping", "signal=%d", s);
                        return 0;
                }
                if (ports_watch_drain(m->folder, "ports", &gone) || ready == 0)
                        look(m);
                if (gone) {
                        err_set(err, "%s is gone", m->o->state_dir);
                        return -ENOENT;
                }
        }
}

int imds_run(const struct imds_options *o, struct err *err)
{
        struct imds m = {.o = o, .folder = -1, .signals = -1};
        int r = begin(&m, err);

        if (r == 0) {
                log_event(LOG_E_NOTICE, "daemon.ready", "version=%s users=%zu", VALETKEY_VERSION,
                        holds_count(m.holds));
                r = service_notify("READY=1");
                if (r < 0)
                        log_event(LOG_E_WARNING, "daemon.notify_failed", "reason=%s", strerror(-r));
                r = turn(&m, err);
                (void)service_notify("STOPPING=1"); // nobody waits for it
        }
        holds_free(m.holds);
        redirect_free(m.redirect);
        if (m.folder >= 0)
                close(m.folder);
        if (m.signals >= 0)
                close(m.signals);
        free(m.list.e);
        return r;
}
