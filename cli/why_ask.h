// SPDX-License-Identifier: Apache-2.0
//
// Asking AWS about a refused request with the role's own credentials: who they are, what the simulator says, which policies the
// role has, what an encoded message says. Each question may be refused; then it is known what permission lacks.
#pragma once

#include "aws_query.h"
#include "why_facts.h"

struct why_ask {
        struct aws_query sts, iam; // iam.endpoint NULL: nobody knows where it is
        struct err iam_err;        // why
        const char *role_arn;
        char *user_id; // of GetCallerIdentity; owned, NULL
};
void why_ask_deinit(struct why_ask *a);

// These fill what they are about in f; what AWS refuses is no failure of theirs. 0 or -ENOMEM.
int why_ask_who(struct why_ask *a, struct why_facts *f) _must_check_;
int why_ask_simulator(struct why_ask *a, struct why_facts *f) _must_check_;
int why_ask_policies(struct why_ask *a, struct why_facts *f) _must_check_;
// Managed policies that narrow the session.
int why_ask_session_policies(struct why_ask *a, struct why_facts *f, char *const *arns) _must_check_;
int why_ask_decode(struct why_ask *a, struct why_facts *f, const char *encoded) _must_check_;
