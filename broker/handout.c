// SPDX-License-Identifier: Apache-2.0
//
// Which role is meant and whether this caller may have it; then the answer, from memory or after a flight; then a line that
// says who got what. Nothing is handed out by any other way.
#include "handout.h"

#include "log.h"

struct handout {
        struct broker *broker;
        struct caller caller;
        struct role *role;
        struct role_waiter *waiter;
        struct timer *later; // a refusal is told from the loop, too
        enum outcome outcome;
        struct err err;
        handout_done_fn done;
        void *arg;
};

// What cannot be undone stands in the log: who got which credentials, when, through which door.
static void log_answer(const struct caller *c, const struct role *r, const struct role_answer *a)
{
        const struct sts_credentials *s = a->credentials;

        if (a->outcome != OUTCOME_OK)
                return; // role.refused says why, once for all who wait
        log_event(LOG_E_NOTICE, "credentials.handed_out",
                "role=%s app=%s door=%s pid=%d exe=%s access_key_id=%s request_id=%s",
                role_get_config(r)->name, c->app[0] ? c->app : "-", c->door, (int)c->pid,
                c->exe[0] ? c->exe : "-", s->access_key_id, s->request_id ? s->request_id : "-");
}

static enum outcome resolve(
        struct broker *b, const struct handout_request *q, struct role **ret, struct err *err)
{
        char who[APP_ID_MAX + 16];

        if (caller_is_sandboxed(q->caller)) {
                err_set(err, "%s is granted no role; that takes a section [app …] in valetkey.conf",
                        caller_describe(q->caller, who, sizeof who));
                return OUTCOME_ACCESS_DENIED;
        }
        return broker_find_role(b, q->role, ret, err);
}

bool handout_may_see(struct broker *b _unused_, const struct caller *c, const struct role *r _unused_,
        bool by_name _unused_)
{
        return !caller_is_sandboxed(c);
}

bool handout_now(struct broker *b, const struct handout_request *q, struct role_answer *ret)
{
        static struct err err;
        struct role *r = NULL;
        enum outcome o;

        err_clear(&err);
        o = resolve(b, q, &r, &err);
        if (o != OUTCOME_OK) {
                *ret = (struct role_answer){.outcome = o, .message = err.text, .request_id = ""};
                return true;
        }
        if (!role_peek(r, q->min_ttl_s, ret))
                return false;
        log_answer(q->caller, r, ret);
        return true;
}

static void on_answer(void *arg, const struct role_answer *a)
{
        struct handout *h = arg;

        h->waiter = role_waiter_free(h->waiter);
        log_answer(&h->caller, h->role, a);
        h->done(h->arg, a); // may free h
}

static void on_later(void *arg)
{
        struct handout *h = arg;
        const struct role_answer a = {.outcome = h->outcome, .message = h->err.text, .request_id = ""};

        h->done(h->arg, &a); // may free h
}

int handout_start(struct handout **ret, struct broker *b, const struct handout_request *q,
        handout_done_fn done, void *arg)
{
        struct handout *h = calloc(1, sizeof *h);
        int r;

        if (!h)
                return -ENOMEM;
        *h = (struct handout){.broker = b, .caller = *q->caller, .done = done, .arg = arg};
        r = timer_new(&h->later, broker_loop(b), on_later, h);
        if (r == 0) {
                h->outcome = resolve(b, q, &h->role, &h->err);
                if (h->outcome != OUTCOME_OK)
                        timer_arm_in(h->later, 0);
                else
                        r = role_wait_start(&h->waiter, h->role, q->min_ttl_s, q->deadline_ms, on_answer, h);
        }
        if (r < 0) {
                handout_free(h);
                return err_trace(r);
        }
        *ret = h;
        return 0;
}

struct handout *handout_free(struct handout *h)
{
        if (!h)
                return NULL;
        role_waiter_free(h->waiter);
        timer_free(h->later);
        free(h);
        return NULL;
}
