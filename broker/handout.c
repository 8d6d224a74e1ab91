// SPDX-License-Identifier: Apache-2.0
//
// Which role is meant and whether this caller may have it; then the answer, from memory or after a flight; then a line that
// says who got what. Nothing is handed out by any other way.
#include "handout.h"

#include "app_role.h"
#include "handout_log.h"
#include "handout_policy.h"

struct handouts {
        struct app_roles *own;
        struct handout_log *log;
        struct err err; // of the last refusal that was answered at once
};

// What was asked for, looked up.
struct wanted {
        struct role *role;
        const struct config_app *app;
        const char *name; // what is written in the log
};

struct handout {
        struct broker *broker;
        struct caller caller;
        struct wanted wanted;
        struct role_waiter *waiter;
        struct timer *later; // a refusal, too, is told from the loop
        enum outcome outcome;
        struct err err;
        handout_done_fn done;
        void *arg;
};

// ---- may it have that?

static enum outcome look_up(
        struct broker *b, const struct handout_request *q, struct wanted *w, struct err *err)
{
        enum outcome o = policy_app(broker_config(b), q->caller, &w->app, err);
        struct role *base = NULL;

        if (o == OUTCOME_OK)
                o = policy_role(broker_config(b), q->caller, w->app, q->role, &w->name, err);
        if (o == OUTCOME_OK)
                o = broker_find_role(b, w->name, &base, err);
        if (o != OUTCOME_OK)
                return o;
        w->name = role_get_config(base)->name;
        if (role_get_config(base)->by_name_only && !q->by_name) {
                err_set(err, "role %s is only for programs that ask for it by name (ambient = no)", w->name);
                return OUTCOME_ACCESS_DENIED;
        }
        w->role = w->app ? app_roles_get(broker_handouts(b)->own, base, w->app) : base;
        return w->role ? OUTCOME_OK : OUTCOME_INTERNAL;
}

static enum outcome resolve(
        struct broker *b, const struct handout_request *q, struct wanted *w, struct err *err)
{
        enum outcome o;

        *w = (struct wanted){.name = q->role};
        o = look_up(b, q, w, err);
        if (o != OUTCOME_OK)
                handout_log_refused(broker_handouts(b)->log, q->caller, w->app ? w->app->name : NULL, w->name,
                        o, err->text);
        return o;
}

bool handout_may_see(struct broker *b, const struct caller *c, const struct role *r, bool by_name)
{
        const struct config_role *conf = role_get_config(r);
        const struct config_app *app;
        struct err err = ERR_INIT;

        if (policy_app(broker_config(b), c, &app, &err) != OUTCOME_OK)
                return false;
        return (by_name || !conf->by_name_only) && (!app || config_app_grants(app, conf->name));
}

bool handout_may_manage(const struct caller *c)
{
        return !caller_is_sandboxed(c);
}

bool handout_may_sign_in(struct broker *b, const struct caller *c, struct err *err)
{
        const struct config_app *app;

        return policy_app(broker_config(b), c, &app, err) == OUTCOME_OK;
}

// ---- handing out

static void log_given(
        struct broker *b, const struct caller *c, const struct wanted *w, const struct role_answer *a)
{
        if (a->outcome == OUTCOME_OK)
                handout_log_given(
                        broker_handouts(b)->log, c, w->app ? w->app->name : NULL, w->name, a->credentials);
}

bool handout_now(struct broker *b, const struct handout_request *q, struct role_answer *ret)
{
        struct err *err = &broker_handouts(b)->err;
        struct wanted w;
        enum outcome o;

        err_clear(err);
        o = resolve(b, q, &w, err);
        if (o != OUTCOME_OK) {
                *ret = (struct role_answer){.outcome = o, .message = err->text, .request_id = ""};
                return true;
        }
        if (!role_peek(w.role, q->min_ttl_s, ret))
                return false;
        log_given(b, q->caller, &w, ret);
        return true;
}

static void on_answer(void *arg, const struct role_answer *a)
{
        struct handout *h = arg;

        h->waiter = role_waiter_free(h->waiter);
        log_given(h->broker, &h->caller, &h->wanted, a);
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
                h->outcome = resolve(b, q, &h->wanted, &h->err);
                if (h->outcome != OUTCOME_OK)
                        timer_arm_in(h->later, 0);
                else
                        r = role_wait_start(
                                &h->waiter, h->wanted.role, q->min_ttl_s, q->deadline_ms, on_answer, h);
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

// ---- what is remembered

int handouts_new(struct handouts **ret, struct loop *l)
{
        struct handouts *h = calloc(1, sizeof *h);
        int r;

        if (!h)
                return -ENOMEM;
        r = app_roles_new(&h->own, l);
        if (r == 0)
                r = handout_log_new(&h->log, loop_clock(l));
        if (r < 0) {
                handouts_free(h);
                return err_trace(r);
        }
        *ret = h;
        return 0;
}

struct handouts *handouts_free(struct handouts *h)
{
        if (!h)
                return NULL;
        app_roles_free(h->own);
        handout_log_free(h->log);
        free(h);
        return NULL;
}

void handouts_grant_new(struct handouts *h, const char *identity, bool same_person)
{
        app_roles_grant_new(h->own, identity, same_person);
}

void handouts_sign_out(struct handouts *h, const char *identity)
{
        app_roles_end(h->own, identity);
}

void handouts_refresh(struct handouts *h, const struct role *r)
{
        app_roles_refresh(h->own, r);
}

void handouts_drop(struct handouts *h, const struct role *r)
{
        app_roles_drop(h->own, r);
}

void handouts_role_gone(struct handouts *h, const struct role *r)
{
        app_roles_forget(h->own, r);
}
