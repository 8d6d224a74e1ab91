// SPDX-License-Identifier: Apache-2.0
//
// Two phases. CALM: the door stays open until nothing is under way that takes long: a person who signs in, a refresh
// token on its way, callers who wait for STS. CLOSING: the door is shut, the few who are inside are answered, which
// takes no time for it was calm. A refresh token is never cut off: its successor would be lost.
#include "restart.h"

#include "log.h"

#define LOOK_MS        100
#define CLOSING_MS     10
#define PERSON_MS      INT64_C(120000) // then a sign-in that is under way has to be begun again
#define CALLERS_MS     INT64_C(10000) // a provider or STS that is slow for everybody holds nothing up for longer
#define SILENT_MS      INT64_C(500) // who connected and says nothing
#define LAST_CALLER_MS INT64_C(2000)

enum phase {
        IDLE,
        CALM,
        CLOSING,
};

struct restart {
        struct restart_parts p;
        struct timer *timer;
        enum phase phase;
        int64_t since_boot_ms;
};

static int64_t phase_ms(const struct restart *r)
{
        const struct clock *c = loop_clock(r->p.loop);

        return c->boot_ms(c) - r->since_boot_ms;
}

static void enter(struct restart *r, enum phase phase)
{
        const struct clock *c = loop_clock(r->p.loop);

        r->phase = phase;
        r->since_boot_ms = c->boot_ms(c);
        server_pause(r->p.server, phase == CLOSING);
        endpoint_pause(r->p.endpoint, phase == CLOSING);
        if (phase == IDLE)
                timer_disarm(r->timer);
        else
                timer_arm_in(r->timer, phase == CALM ? 0 : CLOSING_MS);
}

static bool callers_wait(const struct restart *r)
{
        return server_is_waiting(r->p.server) || !bus_service_is_idle(r->p.bus) ||
               endpoint_is_waiting(r->p.endpoint);
}

static void go(struct restart *r)
{
        struct err err = ERR_INIT;

        log_event(LOG_E_NOTICE, "broker.restarting", "waited_ms=%d", (int)phase_ms(r));
        if (r->p.run_anew(r->p.arg, &err) < 0)
                log_event(LOG_E_ERROR, "broker.restart_failed", "reason=%s", err.text);
        enter(r, IDLE);
}

static void on_timer(void *arg)
{
        struct restart *r = arg;
        int64_t ms = phase_ms(r);

        if (r->phase == CALM) {
                if ((broker_is_busy(r->p.broker) && ms < PERSON_MS) || (callers_wait(r) && ms < CALLERS_MS))
                        timer_arm_in(r->timer, LOOK_MS);
                else
                        enter(r, CLOSING);
                return;
        }
        if (((!server_is_idle(r->p.server) || !endpoint_is_idle(r->p.endpoint)) && ms < SILENT_MS) ||
                (callers_wait(r) && ms < LAST_CALLER_MS))
                timer_arm_in(r->timer, CLOSING_MS);
        else if (broker_is_refreshing(r->p.broker))
                enter(r, CALM);
        else
                go(r);
}

void restart_begin(struct restart *r)
{
        log_event(LOG_E_NOTICE, "broker.reload", "result=%s",
                r->phase == IDLE ? "starting anew once nobody waits" : "under way already");
        if (r->phase == IDLE)
                enter(r, CALM);
}

int restart_new(struct restart **ret, const struct restart_parts *p)
{
        struct restart *r = malloc(sizeof *r);
        int e;

        if (!r)
                return -ENOMEM;
        *r = (struct restart){.p = *p};
        e = timer_new(&r->timer, p->loop, on_timer, r);
        if (e < 0) {
                free(r);
                return err_trace(e);
        }
        *ret = r;
        return 0;
}

struct restart *restart_free(struct restart *r)
{
        if (r)
                timer_free(r->timer);
        free(r);
        return NULL;
}
