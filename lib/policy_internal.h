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

// A text of the document that is matched. What no request can change is made ready once.
struct policy_pattern {
        const char *source; // as written
        char *ready;        // to match with; NULL: it has a variable and is made ready for each request
        size_t ready_n;
        size_t fixed_n; // so many bytes at its beginning are as written, whatever the request
};
struct policy_patterns {
        struct policy_pattern *v;
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
        struct policy_patterns values;
};

struct policy_statement {
        const char *sid; // NULL
        bool deny;
        bool any_principal;                            // "*"
        bool not_principal;                            // a Deny for everybody but these
        struct policy_strings aws, federated, service; // n 0: none
        struct policy_strings canonical; // S3's canonical ids of accounts, which no request here has
        bool not_action, not_resource;
        struct policy_patterns actions, resources;
        struct policy_condition *conditions;
        size_t n_conditions;
        struct policy_place place;
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
// Is this a value the operator can compare with? NULL, or what it should have been. variables: the document knows them.
const char *policy_operator_wants(const struct policy_condition *c, const char *value, bool variables);
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
// Makes the patterns ready that have no variable. 0, -ENOMEM, -EMSGSIZE (one is too long to match anything).
int policy_patterns_prepare(struct policy_patterns *p, unsigned flags) _must_check_;
void policy_patterns_deinit(struct policy_patterns *p);
// The pattern ready to match: room is for one that has a variable. The results of policy_expand().
int policy_pattern_get(const char **ret, size_t *ret_n, struct buf *room, const struct policy_pattern *p,
        unsigned flags, const struct policy_context *ctx);
bool policy_wildcard_match(const char *pattern, size_t pattern_n, const char *s, size_t n, bool fold);
// Whether the beginning that is fixed is that of s: a pattern of which it is not need not be made ready.
static inline bool policy_pattern_begins(const struct policy_pattern *p, const char *s)
{
        return strncmp(p->source, s, p->fixed_n) == 0;
}
// ARNs compare segment by segment; the last segment is everything after the fifth colon.
bool policy_arn_match(const char *pattern, const char *arn);
// How the values of a condition are made ready.
unsigned policy_condition_flags(const struct policy_condition *c, bool variables);

const struct policy_strings *policy_context_get(const struct policy_context *c, const char *key);

// Where each statement of the document stands, into places[0..n-1] (all 0 where it cannot be told).
void policy_find_places(const char *text, size_t text_n, struct policy_place *places, size_t n);
