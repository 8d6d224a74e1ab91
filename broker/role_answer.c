// SPDX-License-Identifier: Apache-2.0
//
// What is handed out of a role's session, and what is said where nothing can be. The expiry that is told is that of the
// clock its reader looks at: this machine's.
#include "role_internal.h"

#include "schedule.h"

#include <inttypes.h>

int64_t role_get_expiration_s(const struct role *r)
{
        const struct clock *c = loop_clock(r->loop);
        int64_t left = role_left_ms(r), by_us;

        if (left <= 0)
                return 0;
        // The server's figure, unless this machine's clock differs: then the moment its programs will see.
        by_us = (c->wall_ms(c) + left) / 1000;
        if (by_us - r->credentials.expiration_s <= SKEW_NOISE_S &&
                r->credentials.expiration_s - by_us <= SKEW_NOISE_S)
                return r->credentials.expiration_s;
        return by_us;
}

// What is taken off the expiry that is told; nothing where so little is left that the told expiry has passed.
static int64_t less_ms(const struct role *r, int64_t left_ms)
{
        int64_t less = schedule_understate_ms(r->lifetime_ms);

        return left_ms > less ? less : 0;
}

bool role_serves(const struct role *r, int64_t min_ttl_s)
{
        int64_t left = role_left_ms(r);

        return left > 0 && (left - less_ms(r, left)) / 1000 >= min_ttl_s;
}

void role_fill_ok(const struct role *r, struct role_answer *ret)
{
        const struct clock *c = loop_clock(r->loop);
        int64_t real = role_get_expiration_s(r), told = real - (less_ms(r, role_left_ms(r)) + 999) / 1000;

        if (told <= clock_wall_s(c))
                told = real;
        *ret = (struct role_answer){
                .outcome = OUTCOME_OK,
                .message = "",
                .request_id = "",
                .credentials = &r->credentials,
                .expiration_s = real,
                .reported_expiration_s = told,
                .role_arn = r->conf->role_arn,
                .lifetime_s = (r->lifetime_ms + 999) / 1000,
        };
}

void role_fill_error(const struct role *r, enum outcome o, const struct err *err, struct role_answer *ret)
{
        *ret = (struct role_answer){
                .outcome = o,
                .message = err->text,
                .request_id = o == r->last_outcome ? r->last_request_id : "",
                .unanswered = o == r->last_outcome && r->unanswered,
        };
}

// More life than a session of this role ever has: no call can help.
static bool impossible(const struct role *r, int64_t min_ttl_s)
{
        return r->has && min_ttl_s > (r->lifetime_ms - schedule_understate_ms(r->lifetime_ms)) / 1000;
}

void role_say_impossible(const struct role *r, int64_t min_ttl_s, struct err *err)
{
        err_set(err,
                "role %s: %" PRId64 " seconds of life were asked for, but its sessions live %" PRId64
                " seconds; raise its duration",
                r->conf->name, min_ttl_s, (r->lifetime_ms + 500) / 1000);
}

bool role_peek(struct role *r, int64_t min_ttl_s, struct role_answer *ret)
{
        if (role_serves(r, min_ttl_s)) {
                role_fill_ok(r, ret);
                return true;
        }
        if (role_left_ms(r) > 0 && impossible(r, min_ttl_s) && r->last_outcome == OUTCOME_OK) {
                // The sentence lives in last_err, the outcome of the source stays OK.
                err_clear(&r->last_err);
                role_say_impossible(r, min_ttl_s, &r->last_err);
                role_fill_error(r, OUTCOME_MISCONFIGURED, &r->last_err, ret);
                return true;
        }
        if (role_left_ms(r) > 0 && !r->flight && r->last_outcome == OUTCOME_OK && role_anew_wait_ms(r) > 0) {
                // It lives, and not for as long as this caller wants: one that wants that always is no loop at STS.
                err_clear(&r->last_err);
                role_say_too_often(r, &r->last_err);
                role_fill_error(r, OUTCOME_THROTTLED, &r->last_err, ret);
                return true;
        }
        if (r->last_outcome != OUTCOME_OK && role_boot_now(r) < r->remember_until_boot) {
                role_fill_error(r, r->last_outcome, &r->last_err, ret);
                return true;
        }
        return false;
}
