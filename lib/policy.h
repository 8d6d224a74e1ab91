// SPDX-License-Identifier: Apache-2.0
//
// IAM policies: reading a document as strictly as IAM does, and evaluating one document against one request: what
// it says, which statement decided, and in one sentence why. Which documents have to agree (same account, cross
// account, session policy, boundary …) is policy_decide.h.
#pragma once

#include "err.h"
#include "util.h"

#define POLICY_SIZE_MAX (128u << 10)

enum policy_kind {
        POLICY_IDENTITY, // attached to a role, or passed with a session: no Principal, a Resource
        POLICY_RESOURCE, // attached to a resource: a Principal
        POLICY_TRUST,    // a role's trust policy: a Principal, no Resource, sts actions only
        POLICY_CONTROL,  // a resource control policy: Principal "*" and a Resource
};

struct policy_place { // of a statement: lines and columns from 1; all 0: not known
        unsigned line, column, end_line, end_column;
};

struct policy;
// 0; -EBADMSG with err naming line and reason; -ENOMEM.
int policy_parse(
        struct policy **ret, enum policy_kind kind, const void *text, size_t n, struct err *err) _must_check_;
struct policy *policy_free(struct policy *p);
DEFINE_CLEANUP(struct policy *, policy_free);
// The n-th statement as it was read, from 1; borrowed.
struct json_t;
struct json_t *policy_statement_json(const struct policy *p, unsigned n);
// Calls cb with every condition key the document names (as written there), in a variable too, and the statement's line.
void policy_each_key(
        const struct policy *p, void (*cb)(const char *key, unsigned line, void *arg), void *arg);

// The request context: condition keys, without regard to case, each with one or more values.
struct policy_context;
int policy_context_new(struct policy_context **ret) _must_check_;
struct policy_context *policy_context_free(struct policy_context *c);
DEFINE_CLEANUP(struct policy_context *, policy_context_free);
// One more value for the key; both are copied. value NULL: nothing is added.
int policy_context_add(struct policy_context *c, const char *key, const char *value) _must_check_;
// True when the key has a value.
bool policy_context_has(const struct policy_context *c, const char *key);

// The same keys, but for one of them, which then has this value only.
int policy_context_copy(struct policy_context **ret, const struct policy_context *c, const char *key,
        const char *value) _must_check_;
// Calls cb for every key that has values, in the order they came.
void policy_context_each(const struct policy_context *c,
        void (*cb)(const char *key, const char *const *values, size_t n, void *arg), void *arg);

enum policy_principal_type {
        POLICY_PRINCIPAL_AWS,       // a user or a role session
        POLICY_PRINCIPAL_FEDERATED, // an identity provider
        POLICY_PRINCIPAL_SERVICE,
};
struct policy_principal { // all borrowed
        enum policy_principal_type type;
        const char *arn;      // of the user, of the session, of the provider; a service's name
        const char *role_arn; // of a role session: the role; else NULL
        const char *account;  // NULL for a service
        bool root;            // the account's root user: it has no policies of its own
};

struct policy_request {                           // all borrowed
        const struct policy_principal *principal; // NULL where the document has none (POLICY_IDENTITY)
        const char *action;                       // "sts:AssumeRole"
        const char *resource;                     // ARN; NULL for POLICY_TRUST
        const struct policy_context *context;
        // A permissions boundary is attached to the principal: no NotPrincipal spares it then (IAM user guide,
        // "NotPrincipal").
        bool has_boundary;
};

enum policy_decision {
        POLICY_IMPLICIT_DENY = 1, // nothing in it applies
        POLICY_EXPLICIT_DENY,
        POLICY_ALLOW,
};

// How the Allow that decided names the principal: the narrower, the more it grants by itself.
enum policy_match {
        POLICY_MATCH_NONE,    // the document has no principals
        POLICY_MATCH_ACCOUNT, // the whole account: it delegates, the principal's own policies must allow too
        POLICY_MATCH_ANY,     // "*"
        POLICY_MATCH_ROLE,
        POLICY_MATCH_EXACT, // the user, the very session, the provider, the service
};

struct policy_verdict {
        enum policy_decision decision;
        enum policy_match match;
        unsigned statement, line;  // that decided, counted from 1; 0: none did
        unsigned n_denies;         // statements that deny; the first decided
        bool grants;               // an Allow applies, whatever denies besides
        enum policy_match granted; // and how the most granting one names the principal
        struct err why;            // one sentence; may quote values of the request
};
// 0 or -ENOMEM (then nothing is allowed).
int policy_evaluate(
        struct policy_verdict *ret, const struct policy *p, const struct policy_request *q) _must_check_;
// Calls cb for every statement of that effect that applies. 0 or -ENOMEM.
int policy_each_match(const struct policy *p, const struct policy_request *q, bool deny,
        void (*cb)(unsigned statement, const struct policy_place *place, void *arg), void *arg) _must_check_;
