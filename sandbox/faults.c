// SPDX-License-Identifier: Apache-2.0
//
// One table says of every switch what its value means; parsing, listing and the man page's test follow it.
// COUNT switches strike a number of times ("5xx=2": the next two requests) or, without a value, until they
// are cleared; NUMBER switches carry a quantity and stay.
#include "faults.h"

#include <stdio.h>

#define FAULTS_SET_MAX 64

enum kind {
        COUNT,
        NUMBER,
};

static const struct known {
        const char *name;
        enum kind kind;
        int64_t min, max;
        const char *help;
} known[FAULTS_MAX_] = {
        [FAULTS_DELAY] = {"delay", NUMBER, 1, 600000, "answer so many milliseconds late"},
        [FAULTS_5XX] = {"5xx", COUNT, 1, 1000000, "answer 503 Service Unavailable"},
        [FAULTS_THROTTLE] = {"throttle", COUNT, 1, 1000000, "answer that the rate is exceeded"},
        [FAULTS_DROP] = {"drop", COUNT, 1, 1000000, "close the connection before doing anything"},
        [FAULTS_LOSE] = {"lose", COUNT, 1, 1000000, "do what is asked, then close the connection unanswered"},
        [FAULTS_HALF] = {"half", COUNT, 1, 1000000, "send half of the answer, then close the connection"},
        [FAULTS_HUGE] = {"huge", COUNT, 1, 1000000, "send eight megabytes of white space before the answer"},
        [FAULTS_EMPTY] = {"empty", COUNT, 1, 1000000, "send an answer without a body"},
        [FAULTS_GARBAGE] = {"garbage", COUNT, 1, 1000000, "send a body that is neither JSON nor XML"},
        [FAULTS_DOCTYPE] = {"doctype", COUNT, 1, 1000000, "put a DOCTYPE with an entity into XML answers"},
        [FAULTS_TRICKLE] = {"trickle", NUMBER, 1, 10000, "send one byte every so many milliseconds"},
        [FAULTS_CLOCK_SKEW] = {"clock_skew", NUMBER, -315360000, 315360000,
                "run the clock so many seconds ahead"},
        [FAULTS_WRONG_SIGNATURE] = {"wrong_signature", COUNT, 1, 1000000,
                "change the ID token after signing it"},
        [FAULTS_WRONG_KEY] = {"wrong_key", COUNT, 1, 1000000,
                "sign the ID token with a key that is not in the JWKS"},
        [FAULTS_WRONG_ISSUER] = {"wrong_issuer", COUNT, 1, 1000000, "name another issuer in the ID token"},
        [FAULTS_WRONG_AUDIENCE] = {"wrong_audience", COUNT, 1, 1000000,
                "name another client in the ID token"},
        [FAULTS_WRONG_NONCE] = {"wrong_nonce", COUNT, 1, 1000000, "put another nonce into the ID token"},
        [FAULTS_ALG_NONE] = {"alg_none", COUNT, 1, 1000000,
                "send the ID token with alg none and no signature"},
        [FAULTS_EXPIRED_TOKEN] = {"expired_token", COUNT, 1, 1000000,
                "send an ID token that expired an hour ago"},
        [FAULTS_NO_SUB] = {"no_sub", COUNT, 1, 1000000, "leave sub out of the ID token"},
        [FAULTS_HUGE_SUB] = {"huge_sub", COUNT, 1, 1000000, "make sub one megabyte long"},
        [FAULTS_DISCOVERY_ISSUER] = {"discovery_issuer", COUNT, 1, 1000000,
                "name another issuer in the discovery document"},
        [FAULTS_JWKS_NO_KID] = {"jwks_no_kid", COUNT, 1, 1000000, "publish other keys than those that sign"},
        [FAULTS_JWKS_MANY] = {"jwks_many", COUNT, 1, 1000000,
                "publish a thousand other keys before the right ones"},
        [FAULTS_JWKS_JUNK] = {"jwks_junk", COUNT, 1, 1000000,
                "publish entries that are no keys among the right ones"},
        [FAULTS_NO_ID_TOKEN_ON_REFRESH] = {"no_id_token_on_refresh", COUNT, 1, 1000000,
                "answer a refresh without an ID token"},
        [FAULTS_NO_REFRESH_ROTATION] = {"no_refresh_rotation", COUNT, 1, 1000000,
                "let a refresh keep its refresh token"},
        [FAULTS_REVOKE_ENDS_ALL] = {"revoke_ends_all", COUNT, 1, 1000000,
                "let a revocation end every grant of the user"},
        [FAULTS_SLOW_DOWN] = {"slow_down", COUNT, 1, 1000000, "answer device polls with slow_down"},
        [FAULTS_DURATION_DENIED] = {"duration_denied", COUNT, 1, 1000000,
                "let STS refuse a duration with AccessDenied, as it sometimes does"},
        [FAULTS_IDP_COMMUNICATION] = {"idp_communication", COUNT, 1, 1000000,
                "let STS answer IDPCommunicationError"},
        [FAULTS_VERIFICATION_KEY] = {"verification_key", COUNT, 1, 1000000,
                "let STS answer that it couldn't retrieve the verification key"},
        [FAULTS_ID_TOKEN_TTL] = {"id_token_ttl", NUMBER, 1, 86400, "seconds an ID token lives"},
        [FAULTS_SESSION_TTL] = {"session_ttl", NUMBER, 1, 43200,
                "seconds a role session really lives, whatever was asked"},
        [FAULTS_IDLE_LIMIT] = {"idle_limit", NUMBER, 1, 315360000,
                "seconds after which an unused refresh token is dead"},
        [FAULTS_REFRESH_EXPIRES_IN] = {"refresh_expires_in", NUMBER, 1, 315360000,
                "tell that a refresh token lives so many seconds"},
        [FAULTS_DEVICE_TTL] = {"device_ttl", NUMBER, 1, 86400, "seconds a device code lives"},
        [FAULTS_INTERVAL] = {"interval", NUMBER, 0, 600,
                "seconds between device polls; 0 leaves interval out of the answer"},
};

struct active {
        enum faults_name name;
        char target[48]; // "" for everybody
        int64_t value;   // COUNT: strikes left, -1 without end
};

struct faults {
        struct active set[FAULTS_SET_MAX];
        size_t n;
};

int faults_new(struct faults **ret)
{
        struct faults *f = calloc(1, sizeof *f);

        if (!f)
                return -ENOMEM;
        *ret = f;
        return 0;
}

struct faults *faults_free(struct faults *f)
{
        free(f);
        return NULL;
}

// Splits "[TARGET.]NAME": the name is what follows the last dot.
static int split(const char *s, size_t n, char target[48], enum faults_name *ret)
{
        const char *dot = memrchr(s, '.', n);
        const char *name = dot ? dot + 1 : s;
        size_t name_n = n - (size_t)(name - s), target_n = dot ? (size_t)(dot - s) : 0;

        if (target_n >= 48)
                return -EINVAL;
        for (int i = 0; i < FAULTS_MAX_; i++)
                if (strlen(known[i].name) == name_n && memcmp(known[i].name, name, name_n) == 0) {
                        memcpy(target, s, target_n);
                        target[target_n] = 0;
                        *ret = (enum faults_name)i;
                        return 0;
                }
        return -EINVAL;
}

static int parse_value(const struct known *k, const char *s, int64_t *ret, struct err *err)
{
        char *end;
        long long v;

        errno = 0;
        v = strtoll(s, &end, 10);
        if (errno || end == s || *end || v < k->min || v > k->max) {
                err_set(err, "fault %s: the value must be a whole number from %lld to %lld", k->name,
                        (long long)k->min, (long long)k->max);
                return -EINVAL;
        }
        *ret = v;
        return 0;
}

static struct active *find(struct faults *f, enum faults_name name, const char *target)
{
        for (size_t i = 0; i < f->n; i++)
                if (f->set[i].name == name && strcmp(f->set[i].target, target) == 0)
                        return &f->set[i];
        return NULL;
}

int faults_set(struct faults *f, const char *text, struct err *err)
{
        const char *eq = strchr(text, '=');
        size_t n = eq ? (size_t)(eq - text) : strlen(text);
        struct active a = {.value = -1}, *old;
        int r;

        if (split(text, n, a.target, &a.name) < 0) {
                err_set(err, "no such fault; GET /_sandbox/fault lists them");
                return -EINVAL;
        }
        if (eq) {
                r = parse_value(&known[a.name], eq + 1, &a.value, err);
                if (r < 0)
                        return r;
        } else if (known[a.name].kind == NUMBER) {
                err_set(err, "fault %s needs a value: %s=N", known[a.name].name, known[a.name].name);
                return -EINVAL;
        }
        old = find(f, a.name, a.target);
        if (old) {
                *old = a;
                return 0;
        }
        if (f->n == FAULTS_SET_MAX) {
                err_set(err, "more than %d faults at once", FAULTS_SET_MAX);
                return -E2BIG;
        }
        f->set[f->n++] = a;
        return 0;
}

int faults_clear(struct faults *f, const char *text)
{
        enum faults_name name;
        char target[48];
        struct active *a;

        if (strcmp(text, "all") == 0) {
                f->n = 0;
                return 0;
        }
        if (split(text, strlen(text), target, &name) < 0)
                return -ENOENT;
        a = find(f, name, target);
        if (!a)
                return -ENOENT;
        *a = f->set[--f->n];
        return 0;
}

// The switch that applies: one for the operation goes before one for the service, that before one for all.
static const struct active *pick(
        const struct faults *f, enum faults_name name, const char *service, const char *op)
{
        const struct active *best = NULL;
        int best_rank = 0;

        for (size_t i = 0; i < f->n; i++) {
                const struct active *a = &f->set[i];
                int rank = 0;

                if (a->name != name)
                        continue;
                if (!a->target[0])
                        rank = 1;
                else if (service && strcmp(a->target, service) == 0)
                        rank = 2;
                else if (op && strcmp(a->target, op) == 0)
                        rank = 3;
                if (rank > best_rank) {
                        best = a;
                        best_rank = rank;
                }
        }
        return best;
}

bool faults_take(struct faults *f, enum faults_name name, const char *service, const char *op)
{
        const struct active *a = pick(f, name, service, op);
        struct active *used;

        if (!a)
                return false;
        used = &f->set[a - f->set];
        if (known[name].kind == COUNT && used->value > 0 && --used->value == 0)
                *used = f->set[--f->n];
        return true;
}

int64_t faults_value(
        const struct faults *f, enum faults_name name, const char *service, const char *op, int64_t otherwise)
{
        const struct active *a = pick(f, name, service, op);

        return a ? a->value : otherwise;
}

json_t *faults_to_json(const struct faults *f)
{
        json_t *set = json_object(), *all = json_object();

        for (size_t i = 0; i < f->n; i++) {
                const struct active *a = &f->set[i];
                char name[96];

                snprintf(
                        name, sizeof name, "%s%s%s", a->target, a->target[0] ? "." : "", known[a->name].name);
                json_object_set_new(set, name,
                        a->value < 0 && known[a->name].kind == COUNT ? json_true() : json_integer(a->value));
        }
        for (int i = 0; i < FAULTS_MAX_; i++)
                json_object_set_new(all, known[i].name, json_string(known[i].help));
        return json_pack("{s:o, s:o}", "set", set, "known", all);
}
