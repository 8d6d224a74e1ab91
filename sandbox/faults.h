// SPDX-License-Identifier: Apache-2.0
//
// The fault switches: what the sandbox does wrong on purpose. A switch is written [TARGET.]NAME[=VALUE];
// TARGET is "oidc", "sts" or the name of one operation as the statistics count it ("token.refresh"), and
// without one the switch is for everything it makes sense for.
#pragma once

#include <jansson.h>

#include "err.h"
#include "util.h"

enum faults_name {
        FAULTS_DELAY,
        FAULTS_5XX,
        FAULTS_THROTTLE,
        FAULTS_DROP,
        FAULTS_LOSE,
        FAULTS_HALF,
        FAULTS_HUGE,
        FAULTS_EMPTY,
        FAULTS_GARBAGE,
        FAULTS_DOCTYPE,
        FAULTS_TRICKLE,
        FAULTS_CLOCK_SKEW,
        FAULTS_WRONG_SIGNATURE,
        FAULTS_WRONG_KEY,
        FAULTS_WRONG_ISSUER,
        FAULTS_WRONG_AUDIENCE,
        FAULTS_WRONG_NONCE,
        FAULTS_ALG_NONE,
        FAULTS_EXPIRED_TOKEN,
        FAULTS_NO_SUB,
        FAULTS_HUGE_SUB,
        FAULTS_DISCOVERY_ISSUER,
        FAULTS_JWKS_NO_KID,
        FAULTS_JWKS_MANY,
        FAULTS_JWKS_JUNK,
        FAULTS_NO_ID_TOKEN_ON_REFRESH,
        FAULTS_NO_REFRESH_ROTATION,
        FAULTS_REVOKE_ENDS_ALL,
        FAULTS_SLOW_DOWN,
        FAULTS_DURATION_DENIED,
        FAULTS_IDP_COMMUNICATION,
        FAULTS_VERIFICATION_KEY,
        FAULTS_ID_TOKEN_TTL,
        FAULTS_SESSION_TTL,
        FAULTS_IDLE_LIMIT,
        FAULTS_REFRESH_EXPIRES_IN,
        FAULTS_DEVICE_TTL,
        FAULTS_INTERVAL,
        FAULTS_MAX_
};

struct faults;
int faults_new(struct faults **ret) _must_check_;
struct faults *faults_free(struct faults *f);

// "sts.5xx=2". 0, -ENOMEM, -EINVAL with err in one sentence, -E2BIG when too many are set.
int faults_set(struct faults *f, const char *text, struct err *err) _must_check_;
// "sts.5xx" or "all". 0; -ENOENT when no such switch is set.
int faults_clear(struct faults *f, const char *text) _must_check_;
// Does the switch strike this time? Counted ones are used up by it. service, op: who is asking.
bool faults_take(struct faults *f, enum faults_name name, const char *service, const char *op);
// The number a switch carries, otherwise when it is not set.
int64_t faults_value(const struct faults *f, enum faults_name name, const char *service, const char *op,
        int64_t otherwise);
// {"set": {...}, "known": {name: help}}; NULL when memory runs out.
json_t *faults_to_json(const struct faults *f);
