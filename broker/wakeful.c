// SPDX-License-Identifier: Apache-2.0
//
// The kernel itself tells of a clock that was set and of a machine that woke up (net/timer.c), and of links, addresses and
// routes (net/network.c). Where there is logind it tells of waking up as well: also in a virtual machine or under a kernel
// whose clocks show nothing of it.
#include "wakeful.h"

#include "log.h"
#include "network.h"

#include <inttypes.h>

struct wakeful {
        struct broker *broker;
        struct network *network;
        struct login1_listener *login1;
};

static bool look(struct wakeful *w, const char *why)
{
        bool any = broker_look_again(w->broker);

        if (any)
                log_event(LOG_E_INFO, "broker.looks_again", "reason=%s", why);
        return any;
}

static void on_time(int64_t stepped_ms, void *arg)
{
        if (stepped_ms)
                log_event(LOG_E_NOTICE, "clock.set", "by_ms=%" PRId64, stepped_ms);
        look(arg, stepped_ms ? "the clock was set" : "the machine woke up");
}

static bool on_network(void *arg)
{
        return look(arg, "the network changed");
}

static void on_login1(void *arg, const char *member, DBusMessage *m)
{
        dbus_bool_t begins = TRUE;

        if (strcmp(member, "PrepareForSleep") == 0 &&
                dbus_message_get_args(m, NULL, DBUS_TYPE_BOOLEAN, &begins, DBUS_TYPE_INVALID) && !begins)
                look(arg, "the machine woke up");
}

int wakeful_new(struct wakeful **ret, struct broker *b, struct login1 *login1)
{
        static const struct login1_events events = {.signal = on_login1};
        struct wakeful *w = calloc(1, sizeof *w);
        int r;

        if (!w)
                return -ENOMEM;
        w->broker = b;
        r = login1_listen(&w->login1, login1, &events, w);
        if (r == 0)
                r = network_new(&w->network, broker_loop(b), on_network, w);
        if (r == -ENOMEM) {
                wakeful_free(w);
                return r;
        }
        if (r < 0)
                log_event(LOG_E_NOTICE, "network.unwatched", "reason=%s", strerror(-r));
        loop_on_time(broker_loop(b), on_time, w);
        *ret = w;
        return 0;
}

struct wakeful *wakeful_free(struct wakeful *w)
{
        if (!w)
                return NULL;
        loop_on_time(broker_loop(w->broker), NULL, NULL);
        network_free(w->network);
        login1_unlisten(w->login1);
        free(w);
        return NULL;
}
