// SPDX-License-Identifier: Apache-2.0
//
// Which role is meant and whether this caller may have it; then the answer, from memory or after a flight; then a line that
// says who got what. Nothing is handed out by any other way.
#include "handout.h"

#include "app_role.h"
#include "handout_log.h"
#include "handout_policy.h"
#include "handout_ring.h"

struct handouts {
        struct app_roles *own;
        struct handout_log *log;
        struct handout_ring *ring;
        const struct clock *clock;
        struct confirm *confirm;
        struct err err; // of the last refusal that was answered at once
};

// What was asked for, looked up.
struct wanted {
        struct role *role;
        const struct config_app *app;
        const struct config_role *conf; // of the configuration or of a claim
        const char *name;               // what is written in the log
};

struct handout {
        struct broker *broker;
        struct caller caller;
        char *role; // as it was asked for: what is waited for may bring and take roles
        bool by_name;
        struct wanted wanted; // until the loop turns, or its waiter hears
        int64_t min_ttl_s, deadline_boot_ms;
        struct keeper_waiter *sign_in; // while a sign-in that waits may bring the role
        size_t n_awaited;              // sign-ins that did not come
        bool interactive;
        struct confirm_waiter *confirm; // while a person is asked
        char *asked_arn;                // what the person was, or is, asked about
        struct role_waiter *waiter;     // while credentials are fetched
        struct timer *
                later; // what is known already is told from the loop, too; and the deadline of a person's answer
        enum outcome outcome;
        struct err err;
        handout_done_fn done;
        void (*ask)(void *arg, const struct confirm_question *q);
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
        w->conf = role_get_config(base);
        w->name = w->conf->name;
        if (w->conf->by_name_only && !q->by_name) {
                err_set(err, "role %s is only for programs that ask for it by name (ambient = no)", w->name);
                return OUTCOME_ACCESS_DENIED;
        }
        w->role = base;
        return w->app ? app_roles_get(&w->role, broker_handouts(b)->own, base, w->app, err) : OUTCOME_OK;
}

static enum outcome resolve(
        struct broker *b, const struct handout_request *q, struct wanted *w, struct err *err)
{
        enum outcome o;

        *w = (struct wanted){.name = q->role};
        o = broker_check_account(b, err);
        if (o == OUTCOME_OK)
                o = look_up(b, q, w, err);
        if (o != OUTCOME_OK && o != OUTCOME_NEEDS_LOGIN)
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

// ---- is a person to be asked?

static bool can_ask(const struct handout_request *q)
{
        return q->interactive && q->ask && !caller_is_sandboxed(q->caller);
}

static enum outcome refuse(struct broker *b, const struct caller *who, const char *role,
        const struct config_app *app, enum confirm_result why, struct err *err)
{
        enum outcome o = why == CONFIRM_REFUSED ? OUTCOME_DENIED_BY_USER : OUTCOME_NEEDS_CONFIRMATION;

        confirm_explain(err, role, why);
        handout_log_refused(broker_handouts(b)->log, who, app ? app->name : NULL, role, o, err->text);
        return o;
}

// OK; a refusal with its sentence; *ret_ask: only a person can tell.
static enum outcome recall(struct broker *b, const struct handout_request *q, const struct wanted *w,
        bool *ret_ask, struct err *err)
{
        enum confirm_result r;

        *ret_ask = false;
        if (w->conf->confirm != CONFIRM_ASK)
                return OUTCOME_OK;
        r = confirm_recall(broker_handouts(b)->confirm, w->conf, q->caller, can_ask(q));
        *ret_ask = r == CONFIRM_UNKNOWN;
        if (r == CONFIRM_GRANTED || r == CONFIRM_UNKNOWN)
                return OUTCOME_OK;
        return refuse(b, q->caller, w->name, w->app, r, err);
}

// ---- handing out

static void given(
        struct broker *b, const struct caller *c, const struct wanted *w, const struct role_answer *a)
{
        struct handouts *h = broker_handouts(b);

        if (a->outcome != OUTCOME_OK)
                return;
        handout_log_given(h->log, c, w->app ? w->app->name : NULL, w->name, a->credentials);
        handout_ring_add(
                h->ring, clock_wall_s(h->clock), c, w->app ? w->app->name : NULL, w->name, a->credentials);
        if (w->conf->confirm == CONFIRM_ASK)
                confirm_use(h->confirm, w->conf, c);
        else if (w->conf->confirm == CONFIRM_NOTIFY)
                confirm_tell(h->confirm, w->conf, c);
}

bool handout_now(struct broker *b, const struct handout_request *q, struct role_answer *ret)
{
        struct err *err = &broker_handouts(b)->err;
        struct wanted w;
        enum outcome o;
        bool ask = false;

        err_clear(err);
        o = resolve(b, q, &w, err);
        if (o == OUTCOME_NEEDS_LOGIN)
                return false; // nobody knows the role: a sign-in that waits may bring it
        if (o == OUTCOME_OK)
                o = recall(b, q, &w, &ask, err);
        if (o != OUTCOME_OK) {
                *ret = (struct role_answer){.outcome = o, .message = err->text, .request_id = ""};
                return true;
        }
        if (ask || !role_peek(w.role, q->min_ttl_s, ret))
                return false;
        given(b, q->caller, &w, ret);
        return true;
}

static void end_with(struct handout *h, enum outcome o)
{
        const struct err said = h->err; // outlives h, which is freed inside
        const struct role_answer a = {.outcome = o, .message = said.text, .request_id = ""};

        h->done(h->arg, &a);
}

static void on_answer(void *arg, const struct role_answer *a)
{
        struct handout *h = arg;

        h->waiter = role_waiter_free(h->waiter);
        given(h->broker, &h->caller, &h->wanted, a);
        h->done(h->arg, a); // may free h
}

static int64_t left_ms(const struct handout *h)
{
        const struct clock *c = loop_clock(broker_loop(h->broker));
        int64_t left = h->deadline_boot_ms - c->boot_ms(c);

        return left > 0 ? left : 0;
}

static struct handout_request request_of(const struct handout *h)
{
        return (struct handout_request){.caller = &h->caller,
                .role = h->role,
                .by_name = h->by_name,
                .interactive = h->interactive,
                .ask = h->ask};
}

static int ask_person(struct handout *h, bool at_terminal);

// Looked up anew: a sign-in or a sign-out may have come between, and the name may be another role's now, which nobody allowed.
static void hand_out(struct handout *h)
{
        const struct handout_request q = request_of(h);
        struct role_answer a;
        bool ask = false;
        enum outcome o = resolve(h->broker, &q, &h->wanted, &h->err);

        if (o == OUTCOME_OK && !(h->asked_arn && strcmp(h->asked_arn, h->wanted.conf->role_arn) == 0))
                o = recall(h->broker, &q, &h->wanted, &ask, &h->err);
        if (o != OUTCOME_OK)
                end_with(h, o);
        else if (ask) {
                if (ask_person(h, can_ask(&q)) < 0)
                        end_with(h, OUTCOME_INTERNAL);
        } else if (role_peek(h->wanted.role, h->min_ttl_s, &a))
                on_answer(h, &a);
        else if (role_wait_start(&h->waiter, h->wanted.role, h->min_ttl_s, left_ms(h), on_answer, h) < 0)
                end_with(h, OUTCOME_INTERNAL);
}

static void on_confirmed(void *arg, enum confirm_result said)
{
        struct handout *h = arg;

        h->confirm = confirm_waiter_free(h->confirm);
        timer_disarm(h->later);
        if (said == CONFIRM_GRANTED)
                hand_out(h);
        else
                end_with(h, refuse(h->broker, &h->caller, h->role, h->wanted.app, said, &h->err));
}

static void on_ask(void *arg, const struct confirm_question *q)
{
        struct handout *h = arg;

        h->ask(h->arg, q);
}

static int ask_person(struct handout *h, bool at_terminal)
{
        static const struct confirm_events here = {.done = on_confirmed, .ask = on_ask},
                                           desktop = {.done = on_confirmed};
        char *name = strdup(h->wanted.name); // the default, where none was named
        char *arn = strdup(h->wanted.conf->role_arn);
        int r = name && arn ? 0 : -ENOMEM;

        free_and_replace(h->asked_arn, arn);
        if (name)
                free_and_replace(h->role, name);
        if (r == 0)
                r = confirm_start(&h->confirm, broker_handouts(h->broker)->confirm, h->wanted.conf,
                        &h->caller, at_terminal ? &here : &desktop, h);
        if (r == 0)
                timer_arm_in(h->later, left_ms(h));
        if (r != -EBUSY)
                return r;
        err_set(&h->err, "too many questions wait for an answer already; try again later");
        h->outcome = OUTCOME_BUSY;
        timer_arm_in(h->later, 0);
        return 0;
}

void handout_say(struct handout *h, enum confirm_result said, bool a_while)
{
        if (h->confirm)
                confirm_say(h->confirm, said, a_while);
}

static void on_later(void *arg)
{
        struct handout *h = arg;

        if (h->sign_in) {
                h->sign_in = keeper_waiter_free(h->sign_in);
                end_with(h, h->outcome); // the sentence of when it was not known
        } else if (h->confirm)
                on_confirmed(h, CONFIRM_UNANSWERED); // this caller waits no longer; the question stays
        else if (h->outcome != OUTCOME_OK)
                end_with(h, h->outcome);
        else
                hand_out(h);
}

static void on_signed_in(void *arg, const struct keeper_token *t);

// A role that nobody knows may be one that a claim names. Before it is called unknown, identities that are not signed in are
// asked for their tokens, one after the other: valetkeyd may hold a sign-in, as it does just after a session was opened.
static int await_sign_in(struct handout *h, struct keeper *k)
{
        timer_arm_in(h->later, left_ms(h));
        return keeper_token_start(&h->sign_in, k, 0, on_signed_in, h);
}

static int begin(struct handout *h, const struct handout_request *q)
{
        struct keeper *k;
        bool ask = false;

        err_clear(&h->err);
        h->outcome = resolve(h->broker, q, &h->wanted, &h->err);
        k = h->outcome == OUTCOME_NEEDS_LOGIN ? broker_get_claims_keeper(h->broker, h->n_awaited) : NULL;
        if (k)
                return await_sign_in(h, k);
        if (h->outcome == OUTCOME_OK)
                h->outcome = recall(h->broker, q, &h->wanted, &ask, &h->err);
        if (h->outcome != OUTCOME_OK || !ask) {
                timer_arm_in(h->later, 0);
                return 0;
        }
        return ask_person(h, can_ask(q));
}

static void on_signed_in(void *arg, const struct keeper_token *t)
{
        struct handout *h = arg;
        const struct handout_request q = request_of(h);

        h->sign_in = keeper_waiter_free(h->sign_in);
        if (t->outcome == OUTCOME_NEEDS_LOGIN)
                broker_sign_in_needed(
                        h->broker, broker_get_claims_keeper(h->broker, h->n_awaited), t->err.text);
        if (t->outcome != OUTCOME_OK)
                h->n_awaited++;
        if (begin(h, &q) < 0) {
                err_clear(&h->err);
                end_with(h, OUTCOME_INTERNAL);
        }
}

int handout_start(struct handout **ret, struct broker *b, const struct handout_request *q,
        handout_done_fn done, void *arg)
{
        const struct clock *c = loop_clock(broker_loop(b));
        struct handout *h = calloc(1, sizeof *h);
        int r;

        if (!h)
                return -ENOMEM;
        *h = (struct handout){.broker = b,
                .caller = *q->caller,
                .by_name = q->by_name,
                .interactive = q->interactive,
                .min_ttl_s = q->min_ttl_s,
                .deadline_boot_ms = c->boot_ms(c) + q->deadline_ms,
                .done = done,
                .ask = q->ask,
                .arg = arg};
        h->role = strdup(q->role ? q->role : "");
        r = h->role ? timer_new(&h->later, broker_loop(b), on_later, h) : -ENOMEM;
        if (r == 0)
                r = begin(h, q);
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
        keeper_waiter_free(h->sign_in);
        confirm_waiter_free(h->confirm);
        role_waiter_free(h->waiter);
        timer_free(h->later);
        free(h->role);
        free(h->asked_arn);
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
        h->clock = loop_clock(l);
        r = app_roles_new(&h->own, l);
        if (r == 0)
                r = handout_log_new(&h->log, h->clock);
        if (r == 0)
                r = handout_ring_new(&h->ring);
        if (r == 0)
                r = confirm_new(&h->confirm, l);
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
        confirm_free(h->confirm);
        handout_log_free(h->log);
        handout_ring_free(h->ring);
        free(h);
        return NULL;
}

void handouts_grant_new(struct handouts *h, const char *identity, bool same_person)
{
        app_roles_grant_new(h->own, identity, same_person);
        if (!same_person)
                confirm_forget(h->confirm); // what one person allowed
}

void handouts_sign_out(struct handouts *h, const char *identity)
{
        app_roles_end(h->own, identity);
        confirm_forget(h->confirm); // whoever is asked next may be another person
}

void handouts_refresh(struct handouts *h, const struct role *r)
{
        app_roles_refresh(h->own, r);
}

void handouts_drop(struct handouts *h, const struct role *r)
{
        app_roles_drop(h->own, r);
}

void handouts_role_gone(struct handouts *h, const struct role *r, bool signed_out)
{
        app_roles_forget(h->own, r, signed_out);
}

int handouts_write_log(const struct handouts *h, struct buf *out)
{
        return handout_ring_write(h->ring, out);
}
