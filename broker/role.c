// SPDX-License-Identifier: Apache-2.0
//
// The rotation of one role. Life is counted on the boot clock from the moment the session was obtained: the
// server's own clock (its Date header) says how long the session lives, and from then on neither suspend nor
// anybody who sets the wall clock can make it look alive or dead. One timer serves rotation, the next attempt
// after a failure, and the end of life; another the waiters' deadlines.
//
// While real life is left, what there is is served, however often its replacement fails. After that an error
// is served: never something stale, never something empty.
#include "role.h"

#include "schedule.h"

#include <inttypes.h>
#include <stdio.h>

// Date headers have whole seconds and answers take their time: below this, a skew is noise.
#define SKEW_NOISE_S 2

struct role_waiter {
        struct role *role;
        struct role_waiter *next, **link; // link: NULL once it is answered
        int64_t min_ttl_s, deadline_boot_ms;
        role_done_fn done;
        void *arg;
};

struct role {
        struct loop *loop;
        const struct config_role *conf;
        struct source *source;
        const struct role_events *events;
        void *arg;

        enum role_state state;
        bool asked; // somebody wanted it since the last drop: it is kept fresh
        bool had;   // there was a role session since the last drop
        struct sts_credentials credentials;
        bool has; // credentials are filled; whether they are alive, the clock says
        int64_t lifetime_ms, expires_boot_ms;

        struct source_op *flight;
        struct timer *timer, *deadline;
        int64_t next_try_boot_ms; // rotation or another attempt; 0: none planned
        struct role_waiter *waiters;

        unsigned failures;           // in a row
        int64_t remember_until_boot; // until then a failure is answered from memory
        enum outcome last_outcome;
        struct err last_err;
        char last_request_id[128];
};

const char *role_state_name(enum role_state s)
{
        static const char *const names[] = {
                [ROLE_EMPTY] = "empty",
                [ROLE_FETCHING] = "fetching",
                [ROLE_VALID] = "valid",
                [ROLE_REFRESHING] = "refreshing",
                [ROLE_EXPIRED] = "expired",
                [ROLE_NEEDS_LOGIN] = "needs-login",
        };

        return names[s];
}

static int64_t boot_now(const struct role *r)
{
        const struct clock *c = loop_clock(r->loop);

        return c->boot_ms(c);
}

static int64_t left_ms(const struct role *r)
{
        return r->has ? r->expires_boot_ms - boot_now(r) : 0;
}

static void wipe(struct role *r)
{
        sts_credentials_deinit(&r->credentials);
        r->credentials = (struct sts_credentials){0};
        r->has = false;
        r->lifetime_ms = r->expires_boot_ms = 0;
}

static void set_state(struct role *r)
{
        enum role_state s;

        if (r->has)
                s = r->flight ? ROLE_REFRESHING : ROLE_VALID;
        else if (r->flight)
                s = ROLE_FETCHING;
        else if (r->last_outcome == OUTCOME_NEEDS_LOGIN)
                s = ROLE_NEEDS_LOGIN;
        else
                s = r->had ? ROLE_EXPIRED : ROLE_EMPTY;
        if (s == r->state)
                return;
        r->state = s;
        if (r->events->changed)
                r->events->changed(r, r->arg);
}

// Sets the timer to whichever comes first: the next attempt or the end of life.
static void plan(struct role *r)
{
        int64_t next = r->next_try_boot_ms, now = boot_now(r);

        if (r->has && (next == 0 || r->expires_boot_ms < next))
                next = r->expires_boot_ms;
        if (next == 0)
                timer_disarm(r->timer);
        else
                timer_arm_in(r->timer, next > now ? next - now : 0);
}

static void forget_failure(struct role *r)
{
        r->failures = 0;
        r->remember_until_boot = 0;
        r->last_outcome = OUTCOME_OK;
        err_clear(&r->last_err);
        r->last_request_id[0] = 0;
}

// ---- what is handed out

int64_t role_get_expiration_s(const struct role *r)
{
        const struct clock *c = loop_clock(r->loop);
        int64_t left = left_ms(r), by_us;

        if (left <= 0)
                return 0;
        // The server's figure, unless this machine's clock differs: then the moment its programs will see.
        by_us = (c->wall_ms(c) + left) / 1000;
        if (by_us - r->credentials.expiration_s <= SKEW_NOISE_S &&
                r->credentials.expiration_s - by_us <= SKEW_NOISE_S)
                return r->credentials.expiration_s;
        return by_us;
}

// Life by the expiry that is told; the real life where so little is left that the told expiry has passed.
static int64_t told_left_ms(const struct role *r)
{
        int64_t left = left_ms(r), less = schedule_understate_ms(r->lifetime_ms);

        return left > less ? left - less : left;
}

static bool serves(const struct role *r, int64_t min_ttl_s)
{
        return left_ms(r) > 0 && told_left_ms(r) / 1000 >= min_ttl_s;
}

static void fill_ok(const struct role *r, struct role_answer *ret)
{
        const struct clock *c = loop_clock(r->loop);
        int64_t real = role_get_expiration_s(r), told = real - (left_ms(r) - told_left_ms(r) + 999) / 1000;

        if (told <= clock_wall_s(c))
                told = real;
        *ret = (struct role_answer){
                .outcome = OUTCOME_OK,
                .message = "",
                .request_id = "",
                .credentials = &r->credentials,
                .expiration_s = real,
                .reported_expiration_s = told,
        };
}

static void fill_error(const struct role *r, enum outcome o, const struct err *err, struct role_answer *ret)
{
        *ret = (struct role_answer){
                .outcome = o,
                .message = err->text,
                .request_id = o == r->last_outcome ? r->last_request_id : "",
        };
}

// More life than a session of this role ever has: no call can help.
static bool impossible(const struct role *r, int64_t min_ttl_s)
{
        return r->has && min_ttl_s > (r->lifetime_ms - schedule_understate_ms(r->lifetime_ms)) / 1000;
}

static void say_impossible(const struct role *r, int64_t min_ttl_s, struct err *err)
{
        err_set(err,
                "role %s: %" PRId64 " seconds of life were asked for, but its sessions live %" PRId64
                " seconds; raise its duration",
                r->conf->name, min_ttl_s, (r->lifetime_ms + 500) / 1000);
}

bool role_peek(struct role *r, int64_t min_ttl_s, struct role_answer *ret)
{
        if (serves(r, min_ttl_s)) {
                fill_ok(r, ret);
                return true;
        }
        if (left_ms(r) > 0 && impossible(r, min_ttl_s) && r->last_outcome == OUTCOME_OK) {
                // The sentence lives in last_err, the outcome of the source stays OK.
                err_clear(&r->last_err);
                say_impossible(r, min_ttl_s, &r->last_err);
                fill_error(r, OUTCOME_MISCONFIGURED, &r->last_err, ret);
                return true;
        }
        if (r->last_outcome != OUTCOME_OK && boot_now(r) < r->remember_until_boot) {
                fill_error(r, r->last_outcome, &r->last_err, ret);
                return true;
        }
        return false;
}

// ---- waiters

static void waiter_unlink(struct role_waiter *w)
{
        if (!w->link)
                return;
        *w->link = w->next;
        if (w->next)
                w->next->link = w->link;
        w->link = NULL;
        w->next = NULL;
}

static void waiter_link(struct role_waiter **head, struct role_waiter *w)
{
        w->next = *head;
        w->link = head;
        if (*head)
                (*head)->link = &w->next;
        *head = w;
}

static void waiter_answer(struct role_waiter *w, const struct role_answer *a)
{
        waiter_unlink(w);
        w->done(w->arg, a); // may free w, or any other
}

// Tells every waiter how the flight ended. They are moved aside first: an answer may bring a new question.
static void answer_all(struct role *r, enum outcome o, const struct err *err)
{
        struct role_waiter *all = r->waiters, *w;

        r->waiters = NULL;
        if (all)
                all->link = &all;
        while ((w = all)) {
                struct role_answer a;
                struct err impossible_err = ERR_INIT;

                if (serves(r, w->min_ttl_s)) {
                        fill_ok(r, &a);
                } else if (o == OUTCOME_OK) {
                        say_impossible(r, w->min_ttl_s, &impossible_err);
                        fill_error(r, OUTCOME_MISCONFIGURED, &impossible_err, &a);
                } else {
                        fill_error(r, o, err, &a);
                }
                waiter_answer(w, &a);
        }
}

static void plan_deadline(struct role *r)
{
        int64_t first = INT64_MAX, now = boot_now(r);

        for (struct role_waiter *w = r->waiters; w; w = w->next)
                if (w->deadline_boot_ms < first)
                        first = w->deadline_boot_ms;
        if (first == INT64_MAX)
                timer_disarm(r->deadline);
        else
                timer_arm_in(r->deadline, first > now ? first - now : 0);
}

static struct role_waiter *overdue(struct role *r)
{
        int64_t now = boot_now(r);

        for (struct role_waiter *w = r->waiters; w; w = w->next)
                if (w->deadline_boot_ms <= now)
                        return w;
        return NULL;
}

static void on_deadline(void *arg)
{
        struct role *r = arg;
        struct err err = ERR_INIT;
        struct role_answer a;
        struct role_waiter *w;

        err_set(&err,
                "role %s: its credentials are being fetched, but no answer came in time; try again shortly",
                r->conf->name);
        fill_error(r, OUTCOME_TIMEOUT, &err, &a);
        while ((w = overdue(r)))
                waiter_answer(w, &a);
        plan_deadline(r);
}

// ---- flights

static void failed(struct role *r, enum outcome o, const struct err *err, const char *request_id)
{
        const struct outcome_info *info = outcome_info(o);
        int64_t wait, left = left_ms(r);
        struct err said = *err;

        r->failures++;
        r->last_outcome = o;
        if (!said.text[0])
                err_set(&said, "role %s: %s", r->conf->name, info->text);
        r->last_err = said;
        snprintf(r->last_request_id, sizeof r->last_request_id, "%s", request_id);
        wait = schedule_backoff_ms(r->failures, info->retry, left, arc4random());
        r->next_try_boot_ms = 0;
        r->remember_until_boot = 0;
        if (o != OUTCOME_NEEDS_LOGIN) {
                // Needs-login is never remembered: every question looks first whether somebody has signed in.
                r->remember_until_boot = boot_now(r) + wait;
                if (left > 0 || (info->retry && r->had))
                        r->next_try_boot_ms = r->remember_until_boot;
        }
        plan(r);
        set_state(r);
        if (r->events->refused)
                r->events->refused(r, r->arg);
        answer_all(r, o, &said);
        plan_deadline(r);
}

static void obtained(struct role *r, struct source_result *result)
{
        const struct clock *c = loop_clock(r->loop);
        int64_t skew = result->server_skew_s, lifetime;
        struct err err = ERR_INIT;

        if (skew >= -SKEW_NOISE_S && skew <= SKEW_NOISE_S)
                skew = 0;
        lifetime = (result->credentials.expiration_s - skew) * 1000 - c->wall_ms(c);
        if (lifetime <= 0) {
                err_set(&err,
                        "role %s: the credentials just fetched have expired already; is this machine's "
                        "clock right?",
                        r->conf->name);
                failed(r, OUTCOME_CLOCK_SKEW, &err, "");
                return;
        }
        wipe(r);
        r->credentials = result->credentials;
        result->credentials = (struct sts_credentials){0};
        r->has = r->had = true;
        r->lifetime_ms = lifetime;
        r->expires_boot_ms = boot_now(r) + lifetime;
        r->next_try_boot_ms = boot_now(r) + schedule_rotate_in_ms(lifetime, arc4random());
        forget_failure(r);
        plan(r);
        set_state(r);
        if (r->events->obtained)
                r->events->obtained(r, &r->credentials, r->arg);
        answer_all(r, OUTCOME_OK, NULL);
        plan_deadline(r);
}

static void on_flight(void *arg, struct source_result *result)
{
        struct role *r = arg;

        r->flight = r->source->ops->op_free(r->flight);
        if (result->outcome == OUTCOME_OK)
                obtained(r, result);
        else
                failed(r, result->outcome, &result->err, result->request_id);
}

static int start_flight(struct role *r)
{
        int e;

        if (r->flight)
                return 0;
        e = r->source->ops->obtain(&r->flight, r->source, r->conf, on_flight, r);
        if (e < 0)
                return err_trace(e);
        r->next_try_boot_ms = 0;
        plan(r);
        set_state(r);
        return 0;
}

// A flight nobody waits for: what stops it from starting is a failure like any other.
static void start_background(struct role *r)
{
        struct err err = ERR_INIT;
        int e = start_flight(r);

        if (e == 0)
                return;
        err_set(&err, "role %s: cannot fetch credentials: %s", r->conf->name, strerror(-e));
        failed(r, OUTCOME_INTERNAL, &err, "");
}

static void on_timer(void *arg)
{
        struct role *r = arg;

        if (r->has && left_ms(r) <= 0) {
                wipe(r);
                set_state(r);
        }
        if (r->next_try_boot_ms != 0 && boot_now(r) >= r->next_try_boot_ms)
                start_background(r);
        else
                plan(r);
}

static void cancel_flight(struct role *r)
{
        if (r->flight)
                r->flight = r->source->ops->op_free(r->flight);
}

int role_wait_start(struct role_waiter **ret, struct role *r, int64_t min_ttl_s, int64_t deadline_ms,
        role_done_fn done, void *arg)
{
        struct role_waiter *w = calloc(1, sizeof *w);
        int e;

        if (!w)
                return -ENOMEM;
        r->asked = true;
        e = start_flight(r);
        if (e < 0) {
                free(w);
                return err_trace(e);
        }
        *w = (struct role_waiter){
                .role = r,
                .min_ttl_s = min_ttl_s,
                .deadline_boot_ms = boot_now(r) + deadline_ms,
                .done = done,
                .arg = arg,
        };
        waiter_link(&r->waiters, w);
        // Deadlines of one door come in order, so this looks at one timer, not at all waiters.
        if (!timer_is_armed(r->deadline) || w->next == NULL)
                timer_arm_in(r->deadline, deadline_ms);
        else if (w->deadline_boot_ms < w->next->deadline_boot_ms)
                plan_deadline(r);
        *ret = w;
        return 0;
}

struct role_waiter *role_waiter_free(struct role_waiter *w)
{
        if (w)
                waiter_unlink(w);
        free(w);
        return NULL;
}

// ---- events from outside

struct role_times role_get_times(const struct role *r)
{
        return (struct role_times){
                .lifetime_ms = r->lifetime_ms,
                .expires_boot_ms = r->expires_boot_ms,
                .next_try_boot_ms = r->next_try_boot_ms,
        };
}

bool role_restore(struct role *r, struct sts_credentials *c, const struct role_times *t)
{
        int64_t now = boot_now(r), left = t->expires_boot_ms - now;

        if (left <= 0 || left > t->lifetime_ms || r->has || r->flight)
                return false;
        r->credentials = *c;
        *c = (struct sts_credentials){0};
        r->has = r->had = r->asked = true;
        r->lifetime_ms = t->lifetime_ms;
        r->expires_boot_ms = t->expires_boot_ms;
        // None was planned while its successor was under way: that flight died with the process.
        r->next_try_boot_ms = t->next_try_boot_ms > 0 ? t->next_try_boot_ms : now;
        plan(r);
        set_state(r);
        return true;
}

void role_refresh(struct role *r)
{
        r->asked = true;
        r->remember_until_boot = 0;
        start_background(r);
}

void role_drop(struct role *r, bool signed_out)
{
        struct err err = ERR_INIT;

        cancel_flight(r);
        wipe(r);
        forget_failure(r);
        r->asked = r->had = false;
        r->next_try_boot_ms = 0;
        plan(r);
        r->state = ROLE_EMPTY;
        if (r->events->changed)
                r->events->changed(r, r->arg);
        if (signed_out)
                err_set(&err, "role %s: signed out meanwhile. Run: valetkey login", r->conf->name);
        else
                err_set(&err, "role %s: a program had its credentials dropped meanwhile; ask again",
                        r->conf->name);
        answer_all(r, signed_out ? OUTCOME_NEEDS_LOGIN : OUTCOME_CANCELLED, &err);
        plan_deadline(r);
}

void role_grant_new(struct role *r, bool same_person)
{
        bool again = r->asked && (!same_person || r->last_outcome != OUTCOME_OK || (!r->has && !r->flight));

        if (!same_person) {
                // Another person's session must not be served a moment longer, nor fetched.
                cancel_flight(r);
                wipe(r);
                r->had = false;
        }
        forget_failure(r);
        if (again)
                start_background(r);
        plan(r);
        set_state(r);
}

int role_new(struct role **ret, struct loop *l, const struct config_role *conf, struct source *source,
        const struct role_events *events, void *arg)
{
        struct role *r = calloc(1, sizeof *r);
        int e;

        if (!r)
                return -ENOMEM;
        *r = (struct role){
                .loop = l,
                .conf = conf,
                .source = source,
                .events = events,
                .arg = arg,
        };
        e = timer_new(&r->timer, l, on_timer, r);
        if (e == 0)
                e = timer_new(&r->deadline, l, on_deadline, r);
        if (e < 0) {
                role_free(r);
                return err_trace(e);
        }
        *ret = r;
        return 0;
}

void role_stop(struct role *r)
{
        cancel_flight(r);
}

struct role *role_free(struct role *r)
{
        struct err err = ERR_INIT;

        if (!r)
                return NULL;
        cancel_flight(r);
        wipe(r);
        if (r->waiters) {
                err_set(&err, "role %s: the broker is stopping", r->conf->name);
                answer_all(r, OUTCOME_CANCELLED, &err);
        }
        timer_free(r->timer);
        timer_free(r->deadline);
        explicit_bzero(r, sizeof *r);
        free(r);
        return NULL;
}

enum role_state role_get_state(const struct role *r)
{
        return r->state;
}

const struct config_role *role_get_config(const struct role *r)
{
        return r->conf;
}

const struct source *role_get_source(const struct role *r)
{
        return r->source;
}

const struct sts_credentials *role_get_credentials(const struct role *r)
{
        return left_ms(r) > 0 ? &r->credentials : NULL;
}

int64_t role_get_next_rotation_s(const struct role *r)
{
        const struct clock *c = loop_clock(r->loop);

        return r->next_try_boot_ms ? (c->wall_ms(c) + r->next_try_boot_ms - boot_now(r)) / 1000 : 0;
}

enum outcome role_get_last_error(const struct role *r, const char **ret_text, const char **ret_request_id)
{
        *ret_text = r->last_outcome == OUTCOME_OK ? "" : r->last_err.text;
        *ret_request_id = r->last_request_id;
        return r->last_outcome;
}
