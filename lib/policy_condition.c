// SPDX-License-Identifier: Apache-2.0
//
// Condition operators (IAM user guide, "IAM JSON policy elements: Condition operators"). One table names
// them; the rest is one comparison of one value of the request with one value of the policy, and the rules
// for many: policy values are alternatives, a negated operator wants none of them to match, ForAnyValue and
// ForAllValues quantify over the request's values, a missing key fails every operator but the negated ones,
// …IfExists and ForAllValues.
#include "policy_internal.h"

#include <arpa/inet.h>
#include <math.h>
#include <strings.h>

#include "timefmt.h"

static const struct operator_name {
        const char *name;
        enum policy_op op;
        enum policy_order order;
        bool negated;
} operators[] = {
        {"StringEquals", POLICY_OP_STRING_EQUALS, POLICY_EQ, false},
        {"StringNotEquals", POLICY_OP_STRING_EQUALS, POLICY_EQ, true},
        {"StringEqualsIgnoreCase", POLICY_OP_STRING_EQUALS_IGNORE_CASE, POLICY_EQ, false},
        {"StringNotEqualsIgnoreCase", POLICY_OP_STRING_EQUALS_IGNORE_CASE, POLICY_EQ, true},
        {"StringLike", POLICY_OP_STRING_LIKE, POLICY_EQ, false},
        {"StringNotLike", POLICY_OP_STRING_LIKE, POLICY_EQ, true},
        {"NumericEquals", POLICY_OP_NUMERIC, POLICY_EQ, false},
        {"NumericNotEquals", POLICY_OP_NUMERIC, POLICY_EQ, true},
        {"NumericLessThan", POLICY_OP_NUMERIC, POLICY_LT, false},
        {"NumericLessThanEquals", POLICY_OP_NUMERIC, POLICY_LE, false},
        {"NumericGreaterThan", POLICY_OP_NUMERIC, POLICY_GT, false},
        {"NumericGreaterThanEquals", POLICY_OP_NUMERIC, POLICY_GE, false},
        {"DateEquals", POLICY_OP_DATE, POLICY_EQ, false},
        {"DateNotEquals", POLICY_OP_DATE, POLICY_EQ, true},
        {"DateLessThan", POLICY_OP_DATE, POLICY_LT, false},
        {"DateLessThanEquals", POLICY_OP_DATE, POLICY_LE, false},
        {"DateGreaterThan", POLICY_OP_DATE, POLICY_GT, false},
        {"DateGreaterThanEquals", POLICY_OP_DATE, POLICY_GE, false},
        {"Bool", POLICY_OP_BOOL, POLICY_EQ, false},
        {"BinaryEquals", POLICY_OP_BINARY, POLICY_EQ, false},
        {"IpAddress", POLICY_OP_IP, POLICY_EQ, false},
        {"NotIpAddress", POLICY_OP_IP, POLICY_EQ, true},
        {"ArnEquals", POLICY_OP_ARN, POLICY_EQ, false},
        {"ArnLike", POLICY_OP_ARN, POLICY_EQ, false},
        {"ArnNotEquals", POLICY_OP_ARN, POLICY_EQ, true},
        {"ArnNotLike", POLICY_OP_ARN, POLICY_EQ, true},
        {"Null", POLICY_OP_NULL, POLICY_EQ, false},
};

bool policy_operator_find(struct policy_condition *ret, const char *name, size_t n)
{
        for (size_t i = 0; i < ARRAY_SIZE(operators); i++)
                if (strlen(operators[i].name) == n && memcmp(operators[i].name, name, n) == 0) {
                        ret->op = operators[i].op;
                        ret->order = operators[i].order;
                        ret->negated = operators[i].negated;
                        return true;
                }
        return false;
}

// ---- values -------------------------------------------------------------------------------------------------------

static bool parse_number(const char *s, double *ret)
{
        char *end;

        // Decimal only: strtod() also reads "inf", "nan" and hexadecimal.
        if (!*s || strspn(s, "+-0123456789.eE") != strlen(s))
                return false;
        *ret = strtod(s, &end);
        return !*end && isfinite(*ret);
}

// An ISO 8601 date or time in UTC, or seconds since the epoch.
static bool parse_date(const char *s, double *ret)
{
        char whole[24];
        int64_t t;

        if (time_parse_iso(s, &t) == 0) {
                *ret = (double)t;
                return true;
        }
        if (strlen(s) == 10 && s[4] == '-') {
                memcpy(whole, s, 10);
                memcpy(whole + 10, "T00:00:00Z", 11);
                if (time_parse_iso(whole, &t) == 0) {
                        *ret = (double)t;
                        return true;
                }
        }
        return *s && strspn(s, "0123456789") == strlen(s) && parse_number(s, ret);
}

static bool parse_bool(const char *s, bool *ret)
{
        *ret = strcasecmp(s, "true") == 0;
        return *ret || strcasecmp(s, "false") == 0;
}

// An address with an optional prefix length, both families as 16 bytes (IPv4 mapped).
static bool parse_cidr(const char *s, unsigned char addr[16], unsigned *bits)
{
        static const unsigned char mapped[12] = {[10] = 0xff, 0xff};
        const char *slash = strchr(s, '/');
        size_t n = slash ? (size_t)(slash - s) : strlen(s);
        char text[INET6_ADDRSTRLEN];
        unsigned max = 128;

        if (n >= sizeof text)
                return false;
        memcpy(text, s, n);
        text[n] = 0;
        if (inet_pton(AF_INET, text, addr + 12) == 1) {
                memcpy(addr, mapped, sizeof mapped);
                max = 32;
        } else if (inet_pton(AF_INET6, text, addr) != 1)
                return false;
        *bits = max;
        if (slash) {
                size_t len = strlen(slash + 1);

                if (len < 1 || len > 3 || strspn(slash + 1, "0123456789") != len)
                        return false;
                *bits = (unsigned)strtoul(slash + 1, NULL, 10);
                if (*bits > max)
                        return false;
        }
        *bits += 128 - max;
        return true;
}

static bool ip_match(const char *cidr, const char *value)
{
        unsigned char net[16], ip[16];
        unsigned bits, all;

        if (!parse_cidr(cidr, net, &bits) || !parse_cidr(value, ip, &all) || all != 128)
                return false;
        if (memcmp(net, ip, bits / 8) != 0)
                return false;
        return bits % 8 == 0 || ((net[bits / 8] ^ ip[bits / 8]) >> (8 - bits % 8)) == 0;
}

static bool ordered(enum policy_order order, double value, double limit)
{
        switch (order) {
        case POLICY_LT:
                return value < limit;
        case POLICY_LE:
                return value <= limit;
        case POLICY_GT:
                return value > limit;
        case POLICY_GE:
                return value >= limit;
        case POLICY_EQ:
                break;
        }
        return !(value < limit) && !(value > limit);
}

const char *policy_operator_wants(const struct policy_condition *c, const char *value)
{
        unsigned char addr[16];
        unsigned bits;
        double d;
        bool b;

        // A value that depends on the request can only be judged then.
        if (strstr(value, "${"))
                return NULL;
        switch (c->op) {
        case POLICY_OP_NUMERIC:
                return parse_number(value, &d) ? NULL : "a number";
        case POLICY_OP_DATE:
                return parse_date(value, &d) ? NULL : "a date (2026-11-22T02:22:04Z)";
        case POLICY_OP_BOOL:
        case POLICY_OP_NULL:
                return parse_bool(value, &b) ? NULL : "true or false";
        case POLICY_OP_IP:
                return parse_cidr(value, addr, &bits) ? NULL : "an address or a range (192.0.2.0/24)";
        default:
                return NULL;
        }
}

// ---- one value with one value --------------------------------------------------------------------------------------

// want: the policy's value, variables already in it.
static bool value_matches(const struct policy_condition *c, const struct buf *want, const char *have)
{
        const char *w = buf_str(want);
        double a, b;
        bool x, y;

        switch (c->op) {
        case POLICY_OP_STRING_EQUALS:
        case POLICY_OP_BINARY:
                return strcmp(w, have) == 0;
        case POLICY_OP_STRING_EQUALS_IGNORE_CASE:
                return strcasecmp(w, have) == 0;
        case POLICY_OP_STRING_LIKE:
                return policy_wildcard_match(w, want->n, have, strlen(have), false);
        case POLICY_OP_ARN:
                return policy_arn_match(w, have);
        case POLICY_OP_NUMERIC:
                return parse_number(w, &a) && parse_number(have, &b) && ordered(c->order, b, a);
        case POLICY_OP_DATE:
                return parse_date(w, &a) && parse_date(have, &b) && ordered(c->order, b, a);
        case POLICY_OP_BOOL:
                return parse_bool(w, &x) && parse_bool(have, &y) && x == y;
        case POLICY_OP_IP:
                return ip_match(w, have);
        case POLICY_OP_NULL:
                break;
        }
        return false;
}

// Does the request's value match any of the policy's? 1, 0, -ENOMEM.
static int matches_any(
        const struct policy_condition *c, unsigned flags, const struct policy_context *ctx, const char *have)
{
        cleanup_buf struct buf want = BUF_INIT(1);

        for (size_t i = 0; i < c->values.n; i++) {
                int r = policy_expand(&want, c->values.v[i], flags, ctx);

                if (r == -ENOMEM)
                        return r;
                if (r == 0 && value_matches(c, &want, have))
                        return 1;
        }
        return 0;
}

static unsigned expansion(const struct policy_condition *c, bool variables)
{
        bool text = c->op <= POLICY_OP_STRING_LIKE || c->op == POLICY_OP_ARN;

        return (c->op == POLICY_OP_STRING_LIKE || c->op == POLICY_OP_ARN ? POLICY_WILDCARDS : 0u) |
               (variables && text ? POLICY_VARIABLES : 0u);
}

// ---- the rules for many --------------------------------------------------------------------------------------------

static int null_holds(const struct policy_condition *c, const struct policy_context *ctx)
{
        bool absent = !policy_context_has(ctx, c->key), want;

        for (size_t i = 0; i < c->values.n; i++)
                if (parse_bool(c->values.v[i], &want) && want == absent)
                        return 1;
        return 0;
}

static int holds(const struct policy_condition *c, bool variables, const struct policy_context *ctx)
{
        const struct policy_strings *have = policy_context_get(ctx, c->key);
        unsigned flags = expansion(c, variables);
        bool any = false, all = true;

        if (c->op == POLICY_OP_NULL)
                return null_holds(c, ctx);
        if (!have)
                return c->if_exists || c->set == POLICY_SET_ALL || (c->negated && c->set == POLICY_SET_NONE);
        for (size_t i = 0; i < have->n; i++) {
                int r = matches_any(c, flags, ctx, have->v[i]);

                if (r < 0)
                        return r;
                // With a set qualifier each value of the request is judged by the whole (negated) operator.
                if (c->negated && c->set != POLICY_SET_NONE)
                        r = !r;
                any |= r;
                all &= r;
        }
        switch (c->set) {
        case POLICY_SET_ALL:
                return all;
        case POLICY_SET_ANY:
                return any;
        case POLICY_SET_NONE:
                break;
        }
        return c->negated ? !any : any;
}

static void explain(const struct policy_condition *c, const struct policy_context *ctx, struct err *why)
{
        const struct policy_strings *have = policy_context_get(ctx, c->key);

        if (!have)
                err_set(why, "condition %s on %s does not hold: the request has no such key", c->name,
                        c->key);
        else
                err_set(why,
                        "condition %s on %s does not hold: the request has \"%.60s\"%s, the policy says "
                        "\"%.60s\"%s",
                        c->name, c->key, have->v[0], have->n > 1 ? ", …" : "", c->values.v[0],
                        c->values.n > 1 ? ", …" : "");
}

int policy_condition_holds(
        const struct policy_condition *c, bool variables, const struct policy_context *ctx, struct err *why)
{
        int r = holds(c, variables, ctx);

        if (r == 0)
                explain(c, ctx, why);
        return r;
}
