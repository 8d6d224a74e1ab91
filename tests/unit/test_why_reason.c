// SPDX-License-Identifier: Apache-2.0
//
// Each error that AWS documents for a web identity has a text of its own.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "util.h"
#include "why_reason.h"

static void test_distinct(void **state)
{
        // as AWS words them (STS API reference, IAM user guide, botocore's and its users' reports)
        static const char *const rows[][2] = {
                {"role dev: STS refused alice (identity corp, request id 1): InvalidIdentityToken: No "
                 "OpenIDConnect provider "
                 "found in your account for https://idp.example.com",
                        "no-provider"},
                {"InvalidIdentityToken: Incorrect token audience", "audience"},
                {"InvalidIdentityToken: Couldn't retrieve verification key from your identity provider",
                        "verification-key"},
                {"IDPCommunicationError: The request could not be completed", "issuer-unreachable"},
                {"AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity", "denied"},
                {"Throttling: Rate exceeded", "throttled"},
                {"RegionDisabledException: STS is not activated in this region", "region-disabled"},
                {"ExpiredTokenException: Token expired", "skew"},
                {"InvalidClientTokenId: The security token included in the request is invalid", "partition"},
                {"ValidationError: The requested DurationSeconds exceeds the MaxSessionDuration", "duration"},
                {"InvalidIdentityToken: the token is not good", "token"},
                {"something else entirely", "other"},
                {"", "other"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const struct why_reason *r = why_reason(rows[i][0]);

                assert_string_equal(r->id, rows[i][1]);
                assert_true(r->means[0] && r->mend[0]);
                for (size_t k = 0; k + 1 < i; k++)
                        assert_string_not_equal(r->means, why_reason(rows[k][0])->means);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_distinct)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
