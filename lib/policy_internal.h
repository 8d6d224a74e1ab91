// SPDX-License-Identifier: Apache-2.0
//
// The compiled form of a policy and what its parser, its matcher and its evaluator share. Strings are
// borrowed from the JSON document, which the policy keeps.
#pragma once

#include <jansson.h>

#include "buf.h"
#include "policy.h"

struct policy_strings {
        const char **v;
        size_t n;
};

enum policy_op { // the comparison, without negation, IfExists and set qualifier
        POLICY_OP_STRING_EQUALS,
        POLICY_OP_STRING_EQUALS_IGNORE_CASE,
        POLICY_OP_STRING_LIKE,
        POLICY_OP_NUMERIC,
        POLICY_OP_DATE,
        POLICY_OP_BOOL,
        POLICY_OP_BINARY,
        POLICY_OP_IP,
        POLICY_OP_ARN,
        POLICY_OP_NULL,
};
enum policy_order { // what NUMERIC and DATE compare by
        POLICY_EQ,
        POLICY_LT,
        POLICY_LE,
        POLICY_GT,
        POLICY_GE,
};
enum policy_set {
        POLICY_SET_NONE,
        POLICY_SET_ANY, // ForAnyValue:
        POLICY_SET_ALL, // ForAllValues:
};

struct policy_condition {
        const char *name; // the operator as written
        enum policy_op op;
        enum policy_order order;
        enum policy_set set;
        bool negated, if_exists;
        const char *key;
        struct policy_strings values;
};

struct policy_statement {
        const char *sid; // NULL
        bool deny;
        bool any_principal;                            // "*"
        bool not_principal;                            // a Deny for everybody but these
        struct policy_strings aws, federated, service; // n 0: none
        struct policy_strings canonical; // S3's canonical ids of accounts, which no request here has
        bool not_action, not_resource;
        struct policy_strings actions, resources;
        struct policy_condition *conditions;
        size_t n_conditions;
        unsigned line;
};

struct policy {
        json_t *doc;
        enum policy_kind kind;
        bool variables; // Version 2012-10-17 knows ${…}
        struct policy_statement *statements;
        size_t n_statements;
};

// Finds an operator by its name without qualifiers ("StringNotEquals"); false when there is none.
bool policy_operator_find(struct policy_condition *ret, const char *name, size_t n);
// Is this a value the operator can compare with? NULL, or what it should have been.
const char *policy_operator_wants(const struct policy_condition *c, const char *value);
// 1: holds, 0: does not, -ENOMEM. err: which and why not.
int policy_condition_holds(
        const struct policy_condition *c, bool variables, const struct policy_context *ctx, struct err *why);

// A pattern ready to match: '*' and '?' of the document stand as these bytes, so that what a variable brought
// in is only text.
#define POLICY_ANY_RUN  '\x01'
#define POLICY_ANY_CHAR '\x02'
enum policy_expand_flags {
        POLICY_WILDCARDS = 1 << 0,
        POLICY_VARIABLES = 1 << 1,
};
// 0; -ENOENT when a variable has no value (the pattern then matches nothing); -ENOMEM; -EMSGSIZE.
int policy_expand(struct buf *out, const char *s, unsigned flags, const struct policy_context *ctx);
bool policy_wildcard_match(const char *pattern, size_t pattern_n, const char *s, size_t n, bool fold);
// ARNs compare segment by segment; the last segment is everything after the fifth colon.
bool policy_arn_match(const char *pattern, const char *arn);

const struct policy_strings *policy_context_get(const struct policy_context *c, const char *key);

// The line each statement of the document begins on, into lines[0..n-1] (0 where it cannot be told).
void policy_find_lines(const char *text, size_t text_n, unsigned *lines, size_t n);
