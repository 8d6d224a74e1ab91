// SPDX-License-Identifier: Apache-2.0
//
// What AWS decides when all the policies that concern a request are taken together (IAM user guide, "Policy evaluation
// logic": within one account, across two, and what a resource's policy grants by itself). One finding a kind of policy
// says what that kind said and whether the request needed its Allow; the decision is read off them.
#pragma once

#include "policy.h"

enum policy_layer {                    // in the order AWS enforces them
        POLICY_LAYER_RESOURCE_CONTROL, // RCPs of the resource's organisation
        POLICY_LAYER_SERVICE_CONTROL,  // SCPs of the principal's organisation
        POLICY_LAYER_VPC_ENDPOINT,
        POLICY_LAYER_RESOURCE, // the resource's own policy; a role's trust policy
        POLICY_LAYER_IDENTITY,
        POLICY_LAYER_BOUNDARY,
        POLICY_LAYER_SESSION,
        POLICY_LAYERS_,
};
const char *policy_layer_name(enum policy_layer l); // "permissions boundary"
// What a document of that layer must look like. trust: the resource is a role that is to be assumed.
enum policy_kind policy_layer_kind(enum policy_layer l, bool trust);

#define POLICY_LEVELS_MAX 8u // the root, five levels of units, the account; AWS Organizations has no more

struct policy_document { // borrowed
        const struct policy *policy;
        enum policy_layer layer;
        unsigned level; // control policies: each level of the organisation must allow; 0 elsewhere
};

// The resources that nobody gets at by his own policies alone, in their own account either: KMS keys and roles to assume.
bool policy_opens_alone(const char *action, const char *resource);

struct policy_case {
        const struct policy_document
                *documents; // a layer without any is not there: nothing limits, nothing grants
        size_t n_documents;
        struct policy_request request; // its principal is set; has_boundary is set by the decision
        // Of the resource; NULL: the principal's. Its policy must allow by itself across accounts.
        const char *resource_account;
        // The resource's policy alone opens it, also to its own account: KMS keys and roles.
        bool resource_must_allow;
        bool trust; // the resource's policy is a role's trust policy
};

const char *policy_case_layer_name(const struct policy_case *c, enum policy_layer l);

enum policy_need {
        POLICY_NOT_THERE,      // no such document
        POLICY_NOT_APPLICABLE, // it does not concern this principal: it is not asked
        POLICY_NOT_NEEDED,     // another kind of policy grants it by itself; its Deny counts
        POLICY_NEEDED,         // without its Allow the request is refused
};
struct policy_finding {
        enum policy_need need;
        size_t document; // the one whose verdict this is, in the case's list; SIZE_MAX where there is none
        unsigned level;
        struct policy_verdict verdict; // an explicit deny, else the allow that counts, else why there is none
        unsigned n_denies;             // statements that deny, in all its documents
        unsigned n_missing;            // levels without an Allow
        bool grants;                   // without its denies it would allow
        enum policy_match granted;     // and this would be how
};

struct policy_outcome {
        enum policy_decision decision;
        enum policy_layer decided; // by whose finding
        bool across_accounts;
        struct policy_finding findings[POLICY_LAYERS_];
        unsigned n_denies, n_missing; // statements that deny; Allows that are needed and not there
        struct err why;               // one sentence
};
// 0 or -ENOMEM (then nothing is allowed); -EINVAL for a case that makes no sense.
int policy_decide(struct policy_outcome *ret, const struct policy_case *c) _must_check_;
