// SPDX-License-Identifier: Apache-2.0
//
// The rotation of one role. Life is counted on the boot clock from the moment the session was obtained: the
// server's own clock (its Date header) says how long the session lives, and from then on neither suspend nor
// anybody who sets the wall clock can make it look alive or dead. One timer serves rotation, the next attempt
// after a failure, and the end of life; another the waiters' deadlines.
//
// While real life is left, what there is is served, however often its replacement fails. After that an error
// is served: never something stale, never something empty.
#include "role_internal.h"

#include "schedule.h"
#include "timefmt.h"

#include <inttypes.h>
#include <stdio.h>

// What programs may have fetched though it was not due: a person who tries things out is not in the way, one that asks
// in a loop does not become a loop at STS.
#define ANEW_AT_ONCE  5u
#define ANEW_EVERY_MS INT64_C(10000)

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
        int64_t next = r->next_try_boot_ms, now = role_boot_now(r);

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
        r->unanswered = false;
        r->remember_until_boot = 0;
        r->last_outcome = OUTCOME_OK;
        err_clear(&r->last_err);
        r->last_request_id[0] = 0;
}

// ---- flights

static void failed(struct role *r, enum outcome o, const struct err *err, const char *request_id)
{
        const struct outcome_info *info = outcome_info(o);
        int64_t wait, left = role_left_ms(r);
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
                r->remember_until_boot = role_boot_now(r) + wait;
                if (left > 0 || (info->retry && r->had))
                        r->next_try_boot_ms = r->remember_until_boot;
        }
        plan(r);
        set_state(r);
        if (r->events->refused)
                r->events->refused(r, r->arg);
        role_answer_waiters(r, o, &said);
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
                char now[TIME_ISO_LEN + 1], end[TIME_ISO_LEN + 1];

                time_format_iso(now, clock_wall_s(c));
                time_format_iso(end, result->credentials.expiration_s);
                err_set(&err,
                        "role %s: the credentials just fetched expired at %s, by STS; this machine's clock "
                        "says "
                        "%s and STS told no time: is the clock right?",
                        r->conf->name, end, now);
                failed(r, OUTCOME_CLOCK_SKEW, &err, "");
                return;
        }
        wipe(r);
        r->credentials = result->credentials;
        result->credentials = (struct sts_credentials){0};
        r->has = r->had = true;
        r->lifetime_ms = lifetime;
        r->expires_boot_ms = role_boot_now(r) + lifetime;
        r->next_try_boot_ms = role_boot_now(r) + schedule_rotate_in_ms(lifetime, arc4random());
        forget_failure(r);
        plan(r);
        set_state(r);
        if (r->events->obtained)
                r->events->obtained(r, &r->credentials, r->arg);
        role_answer_waiters(r, OUTCOME_OK, NULL);
}

static void start_background(struct role *r);

static void on_flight(void *arg, struct source_result *result)
{
        struct role *r = arg;

        r->flight = r->source->ops->op_free(r->flight);
        r->unanswered = result->unanswered;
        if (result->outcome == OUTCOME_OK)
                obtained(r, result);
        else if (result->duration_refused && role_shorten(r))
                start_background(r);
        else
                failed(r, result->outcome, &result->err, result->request_id);
}

int role_start_flight(struct role *r)
{
        int e;

        if (r->flight)
                return 0;
        e = r->source->ops->obtain(&r->flight, r->source, r->conf, role_get_duration_s(r), on_flight, r);
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
        int e = role_start_flight(r);

        if (e == 0)
                return;
        err_set(&err, "role %s: cannot fetch credentials: %s", r->conf->name, strerror(-e));
        failed(r, OUTCOME_INTERNAL, &err, "");
}

static void on_timer(void *arg)
{
        struct role *r = arg;

        if (r->has && role_left_ms(r) <= 0) {
                wipe(r);
                set_state(r);
        }
        if (r->next_try_boot_ms != 0 && role_boot_now(r) >= r->next_try_boot_ms)
                start_background(r);
        else
                plan(r);
}

static void cancel_flight(struct role *r)
{
        if (r->flight)
                r->flight = r->source->ops->op_free(r->flight);
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
        int64_t now = role_boot_now(r), left = t->expires_boot_ms - now;

        if (left <= 0 || left > t->lifetime_ms || r->has || r->flight)
                return false;
        r->credentials = *c;
        *c = (struct sts_credentials){0};
        r->has = r->had = r->asked = true;
        r->lifetime_ms = t->lifetime_ms;
        r->expires_boot_ms = t->expires_boot_ms;
        role_recall_duration(r);
        // None was planned while its successor was under way: that flight died with the process.
        r->next_try_boot_ms = t->next_try_boot_ms > 0 ? t->next_try_boot_ms : now;
        plan(r);
        set_state(r);
        return true;
}

int64_t role_anew_wait_ms(const struct role *r)
{
        return bucket_wait_ms(&r->asked_anew, role_boot_now(r), ANEW_AT_ONCE, ANEW_EVERY_MS);
}

void role_say_too_often(const struct role *r, struct err *err)
{
        err_set(err, "role %s: it was asked for anew too often; try again in %" PRId64 " s", r->conf->name,
                role_anew_wait_ms(r) / 1000 + 1);
}

bool role_anew_take(struct role *r)
{
        return bucket_take(&r->asked_anew, role_boot_now(r), ANEW_AT_ONCE, ANEW_EVERY_MS);
}

bool role_look_again(struct role *r, int64_t in_ms)
{
        int64_t at = role_boot_now(r) + in_ms;

        if (r->flight)
                return r->source->ops->op_hurry(r->flight);
        if (!r->unanswered && r->last_outcome != OUTCOME_CLOCK_SKEW)
                return false;
        // Not sooner than it was planned, and what fails again now is a first failure.
        r->failures = 0;
        if (r->remember_until_boot > at)
                r->remember_until_boot = at;
        if (r->asked && (r->next_try_boot_ms == 0 || r->next_try_boot_ms > at)) {
                r->next_try_boot_ms = at;
                plan(r);
        }
        return true;
}

enum outcome role_refresh(struct role *r, struct err *err)
{
        if (r->flight)
                return OUTCOME_OK; // there is none newer
        if (r->last_outcome == OUTCOME_THROTTLED && role_boot_now(r) < r->remember_until_boot) {
                err_set(err, "%s", r->last_err.text);
                return OUTCOME_THROTTLED;
        }
        if (!role_anew_take(r)) {
                role_say_too_often(r, err);
                return OUTCOME_THROTTLED;
        }
        r->asked = true;
        r->remember_until_boot = r->short_until_boot_ms = 0;
        start_background(r);
        return OUTCOME_OK;
}

// Wipes everything, and tells who waits.
static void clear(struct role *r, bool signed_out, const char *otherwise)
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
        err_set(&err, "role %s: %s", r->conf->name,
                signed_out ? "signed out meanwhile. Run: valetkey login" : otherwise);
        role_answer_waiters(r, signed_out ? OUTCOME_NEEDS_LOGIN : OUTCOME_CANCELLED, &err);
}

enum outcome role_drop(struct role *r, bool signed_out, struct err *said)
{
        if (!signed_out && !role_anew_take(r)) {
                role_say_too_often(r, said);
                return OUTCOME_THROTTLED;
        }
        clear(r, signed_out, "a program had its credentials dropped meanwhile; ask again");
        return OUTCOME_OK;
}

void role_end(struct role *r, bool signed_out)
{
        clear(r, signed_out, "the claim that named it names it no longer");
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
                e = timer_new(&r->deadline, l, role_on_deadline, r);
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
                role_answer_waiters(r, OUTCOME_CANCELLED, &err);
        }
        timer_free(r->timer);
        timer_free(r->deadline);
        free(r->print);
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

const char *role_get_print(const struct role *r)
{
        return r->print;
}

void role_take_print(struct role *r, char *print)
{
        free_and_replace(r->print, print);
}

bool role_is_awaited(const struct role *r)
{
        return r->flight || r->waiters || r->telling;
}

struct source *role_get_source(const struct role *r)
{
        return r->source;
}

const struct sts_credentials *role_get_credentials(const struct role *r)
{
        return role_left_ms(r) > 0 ? &r->credentials : NULL;
}

int64_t role_get_next_rotation_s(const struct role *r)
{
        const struct clock *c = loop_clock(r->loop);

        return r->next_try_boot_ms ? (c->wall_ms(c) + r->next_try_boot_ms - role_boot_now(r)) / 1000 : 0;
}

enum outcome role_get_last_error(const struct role *r, const char **ret_text, const char **ret_request_id)
{
        *ret_text = r->last_outcome == OUTCOME_OK ? "" : r->last_err.text;
        *ret_request_id = r->last_request_id;
        return r->last_outcome;
}
