// SPDX-License-Identifier: Apache-2.0
//
// A refused request: what is known of it, gathered from AWS as far as the role may ask (why_ask.c), and what that says of each of
// the six causes a refusal has (why_causes.c).
#pragma once

#include "authz.h"
#include "iam.h"
#include "outcome.h"
#include "policy_args.h"
#include "sts.h"

#define WHY_REGION 33

struct why_facts {
        // what is asked; borrowed
        const char *role, *role_arn, *action, *resource;
        const char *role_region;    // where programs of the role ask unless they are told; NULL
        const char *request_region; // where this request goes; NULL: not known
        bool region_given;          // by a person
        char partition[17], account[13], role_name[65]; // of the role
        char resource_partition[17], resource_region[WHY_REGION],
                resource_account[13]; // "": its ARN does not say

        // who asks, by STS
        enum outcome who_outcome; // OUTCOME_OK: caller_arn is known
        enum sts_error who_error;
        struct err who_err;
        char caller_arn[AUTHZ_ARN_MAX];
        int64_t skew_s;      // what AWS's clock is ahead of ours
        char otherwise[320]; // what programs that choose nothing would use here instead; ""
        bool otherwise_keys; // and they are keys in the environment, which nothing overrules

        // what AWS's simulator says
        bool simulated;
        struct iam_simulation simulation;
        bool allowed_at_home; // it is allowed in role_region, though not where the request goes
        bool simulate_denied; // for want of the permission, and of nothing else
        struct err simulate_err;

        // policies at hand: read from IAM, of the configuration, of files; and what the engine says of them
        struct policy_args args;
        bool identity_read; // all of the role's own are there
        struct err read_err;
        bool session_unknown; // the session is narrowed by policies that could not be read
        struct policy_outcome own;

        // what the service said when it refused
        bool refused;
        struct authz refusal;
        struct err decode_err; // its encoded message could not be read
};

enum why_state {
        WHY_RULED_OUT,
        WHY_FOUND,
        WHY_NOT_CHECKABLE,
};
const char *why_state_name(enum why_state s); // "ruled-out", "found", "not-checkable"

enum why_cause_id { // in the order they are worked through
        WHY_ROLE,
        WHY_PERMISSION,
        WHY_DENY,
        WHY_RESOURCE,
        WHY_REGION_CAUSE,
        WHY_ENDPOINT,
        WHY_CAUSES_,
};
struct why_cause {
        const char *id, *title; // a stable word; for people
        enum why_state state;
        char text[1024], mend[512]; // mend "": there is none to name
};
void why_causes(struct why_cause ret[WHY_CAUSES_], const struct why_facts *f);
// "allowed", "explicitDeny", "implicitDeny", as far as it could be looked at; NULL: it could not.
const char *why_decision(const struct why_facts *f, const struct why_cause causes[WHY_CAUSES_]);
