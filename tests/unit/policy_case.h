// SPDX-License-Identifier: Apache-2.0
//
// What the tests of lib/policy share: documents in short, and one call that parses and evaluates.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "policy.h"

#define P(statements) "{\"Version\":\"2012-10-17\",\"Statement\":" statements "}"
#define ISS           "idp.example.com/oidc"
#define PROVIDER      "arn:aws:iam::123456789012:oidc-provider/" ISS
#define TRUST(condition)                                                                                     \
        P("{\"Effect\":\"Allow\",\"Principal\":{\"Federated\":\"" PROVIDER                                   \
          "\"},\"Action\":\"sts:AssumeRoleWithWebIdentity\",\"Condition\":" condition "}")

static inline struct policy *parse(enum policy_kind kind, const char *text)
{
        struct policy *p = NULL;
        struct err err = ERR_INIT;

        if (policy_parse(&p, kind, text, strlen(text), &err) != 0)
                fail_msg("refused: %s", err.text);
        return p;
}

static inline void assert_refused(enum policy_kind kind, const char *text, const char *reason)
{
        struct policy *p = NULL;
        struct err err = ERR_INIT;

        assert_int_equal(policy_parse(&p, kind, text, strlen(text), &err), -EBADMSG);
        assert_null(p);
        if (!strstr(err.text, reason))
                fail_msg("\"%s\" does not say \"%s\"", err.text, reason);
}

// keys: "name", "value", …, NULL; a name may come again.
static inline struct policy_context *context(const char *const *keys)
{
        struct policy_context *c = NULL;

        assert_int_equal(policy_context_new(&c), 0);
        for (; keys && *keys; keys += 2)
                assert_int_equal(policy_context_add(c, keys[0], keys[1]), 0);
        return c;
}

static inline struct policy_verdict evaluate(enum policy_kind kind, const char *text,
        const struct policy_principal *principal, const char *action, const char *resource,
        const char *const *keys)
{
        struct policy_context *c = context(keys);
        struct policy *p = parse(kind, text);
        struct policy_request q = {
                .principal = principal, .action = action, .resource = resource, .context = c};
        struct policy_verdict v;

        assert_int_equal(policy_evaluate(&v, p, &q), 0);
        policy_free(p);
        policy_context_free(c);
        return v;
}

static const struct policy_principal idp = {
        POLICY_PRINCIPAL_FEDERATED, PROVIDER, NULL, "123456789012", false};
static const struct policy_principal session = {POLICY_PRINCIPAL_AWS,
        "arn:aws:sts::123456789012:assumed-role/dev/alice", "arn:aws:iam::123456789012:role/dev",
        "123456789012", false};

// A trust policy with this condition, asked about a web identity.
static inline bool trusts(const char *condition, const char *const *keys)
{
        char text[4096];

        snprintf(text, sizeof text,
                P("{\"Effect\":\"Allow\",\"Principal\":{\"Federated\":\"" PROVIDER
                  "\"},\"Action\":\"sts:AssumeRoleWithWebIdentity\",\"Condition\":%s}"),
                condition);
        return evaluate(POLICY_TRUST, text, &idp, "sts:AssumeRoleWithWebIdentity", NULL, keys).decision ==
               POLICY_ALLOW;
}

#define KEYS(...) ((const char *const[]){__VA_ARGS__, NULL})
