// SPDX-License-Identifier: Apache-2.0
//
// Condition operators (IAM user guide, "IAM JSON policy elements: Condition operators"). One table names
// them; the rest is one comparison of one value of the request with one value of the policy, and the rules
// for many: policy values are alternatives, a negated operator wants none of them to match, ForAnyValue and
// ForAllValues quantify over the request's values, a missing key fails every operator but the negated ones,
// …IfExists and ForAllValues.
#include "policy_internal.h"

#include <strings.h>

#include "policy_value.h"

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

// ---- one value with one value --------------------------------------------------------------------------------------

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

static bool takes_variables(const struct policy_condition *c)
{
        return c->op <= POLICY_OP_STRING_LIKE || c->op == POLICY_OP_ARN || c->op == POLICY_OP_BOOL;
}

const char *policy_operator_wants(const struct policy_condition *c, const char *value, bool variables)
{
        unsigned char addr[16];
        unsigned bits;
        double d;
        bool b;

        // A value that depends on the request can only be judged then.
        if (variables && takes_variables(c) && strstr(value, "${"))
                return NULL;
        switch (c->op) {
        case POLICY_OP_NUMERIC:
                return policy_read_number(value, &d) ? NULL : "a number";
        case POLICY_OP_DATE:
                return policy_read_date(value, &d) ? NULL : "a date (2026-11-22T02:22:04Z)";
        case POLICY_OP_BOOL:
        case POLICY_OP_NULL:
                return policy_read_bool(value, &b) ? NULL : "true or false";
        case POLICY_OP_BINARY:
                return policy_is_binary(value) ? NULL : "base64";
        case POLICY_OP_IP:
                return policy_read_range(value, addr, &bits) ? NULL : "an address or a range (192.0.2.0/24)";
        default:
                return NULL;
        }
}

// want: the policy's value, ready to match.
static bool value_matches(const struct policy_condition *c, const char *want, size_t want_n, const char *have)
{
        double a, b;
        bool x, y;

        switch (c->op) {
        case POLICY_OP_STRING_EQUALS:
                return strcmp(want, have) == 0;
        case POLICY_OP_STRING_EQUALS_IGNORE_CASE:
                return strcasecmp(want, have) == 0;
        case POLICY_OP_STRING_LIKE:
                return policy_wildcard_match(want, want_n, have, strlen(have), false);
        case POLICY_OP_ARN:
                return policy_arn_match(want, have);
        case POLICY_OP_NUMERIC:
                return policy_read_number(want, &a) && policy_read_number(have, &b) &&
                       ordered(c->order, b, a);
        case POLICY_OP_DATE:
                return policy_read_date(want, &a) && policy_read_date(have, &b) && ordered(c->order, b, a);
        case POLICY_OP_BOOL:
                return policy_read_bool(want, &x) && policy_read_bool(have, &y) && x == y;
        case POLICY_OP_BINARY:
                return policy_binary_equals(want, have);
        case POLICY_OP_IP:
                return policy_range_has(want, have);
        case POLICY_OP_NULL:
                break;
        }
        return false;
}

unsigned policy_condition_flags(const struct policy_condition *c, bool variables)
{
        return (c->op == POLICY_OP_STRING_LIKE || c->op == POLICY_OP_ARN ? POLICY_WILDCARDS : 0u) |
               (variables && takes_variables(c) ? POLICY_VARIABLES : 0u);
}

// Does the request's value match any of the policy's? 1, 0, -ENOMEM.
static int matches_any(
        const struct policy_condition *c, unsigned flags, const struct policy_context *ctx, const char *have)
{
        cleanup_buf struct buf room = BUF_INIT(1);

        for (size_t i = 0; i < c->values.n; i++) {
                const char *want;
                size_t n;
                int r = policy_pattern_get(&want, &n, &room, &c->values.v[i], flags, ctx);

                if (r == -ENOMEM)
                        return r;
                if (r == 0 && value_matches(c, want, n, have))
                        return 1;
        }
        return 0;
}

// ---- the rules for many --------------------------------------------------------------------------------------------

static int null_holds(const struct policy_condition *c, const struct policy_context *ctx)
{
        bool absent = !policy_context_has(ctx, c->key), want;

        for (size_t i = 0; i < c->values.n; i++)
                if (policy_read_bool(c->values.v[i].source, &want) && want == absent)
                        return 1;
        return 0;
}

// To a set qualifier a key whose only value is empty has none (IAM user guide, "Multivalued context keys": "a null
// data set, such as an empty string").
static bool is_empty(const struct policy_condition *c, const struct policy_strings *have)
{
        return !have || (c->set != POLICY_SET_NONE && have->n == 1 && !*have->v[0]);
}

static int holds(const struct policy_condition *c, bool variables, const struct policy_context *ctx)
{
        const struct policy_strings *have = policy_context_get(ctx, c->key);
        unsigned flags = policy_condition_flags(c, variables);
        bool any = false, all = true;

        if (c->op == POLICY_OP_NULL)
                return null_holds(c, ctx);
        if (is_empty(c, have))
                return (c->if_exists && !have) || c->set == POLICY_SET_ALL ||
                       (c->negated && c->set == POLICY_SET_NONE);
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

// Who wrote the policy is not who reads this.
static void explain(const struct policy_condition *c, const struct policy_context *ctx, struct err *why)
{
        const struct policy_strings *have = policy_context_get(ctx, c->key);
        const char *value = have ? have->v[0] : "", *wanted = c->values.v[0].source;
        char key[ERR_MAX], has[61], wants[61];

        err_sanitise(key, sizeof key, c->key, strlen(c->key));
        if (!have)
                err_set(why, "condition %s on %s does not hold: the request has no such key", c->name, key);
        else
                err_set(why,
                        "condition %s on %s does not hold: the request has \"%s\"%s, the policy says "
                        "\"%s\"%s",
                        c->name, key, err_sanitise(has, sizeof has, value, strlen(value)),
                        have->n > 1 ? ", …" : "", err_sanitise(wants, sizeof wants, wanted, strlen(wanted)),
                        c->values.n > 1 ? ", …" : "");
}

int policy_condition_holds(
        const struct policy_condition *c, bool variables, const struct policy_context *ctx, struct err *why)
{
        int r = holds(c, variables, ctx);

        if (r == 0 && why)
                explain(c, ctx, why);
        return r;
}
