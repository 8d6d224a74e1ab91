// SPDX-License-Identifier: Apache-2.0
//
// What providers answer to a refresh, in their own words, and what follows: a person has to sign in, or it is tried again
// later, and never the one for the other. A provider that is down must not sign everybody out; a grant that is over must not
// be asked for until somebody gives up.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "provider_world.h"

struct row {
        const char *who;
        int status;
        const char *body;
};

// clang-format off
static const struct row a_person_has_to[] = {
        {"Keycloak: idle too long", 400, "{\"error\":\"invalid_grant\",\"error_description\":\"Token is not active\"}"},
        {"Keycloak: signed out elsewhere", 400, "{\"error\":\"invalid_grant\",\"error_description\":\"Session not active\"}"},
        {"Keycloak: a spent token", 400, "{\"error\":\"invalid_grant\",\"error_description\":\"Maximum allowed refresh token reuse exceeded\"}"},
        {"Entra: conditional access wants a second factor", 400,
                "{\"error\":\"interaction_required\",\"error_description\":\"AADSTS50076: Due to a configuration change made by your "
                "administrator, or because you moved to a new location, you must use multi-factor authentication to access "
                "'00000003-0000-0000-c000-000000000000'.\\r\\nTrace ID: 5f2a\\r\\nTimestamp: 2026-01-01 00:00:00Z\",\"error_codes\":[50076],"
                "\"timestamp\":\"2026-01-01 00:00:00Z\",\"trace_id\":\"5f2a\",\"correlation_id\":\"c1\",\"suberror\":\"basic_action\","
                "\"claims\":\"{\\\"access_token\\\":{\\\"capolids\\\":{\\\"essential\\\":true,\\\"values\\\":[\\\"a1\\\"]}}}\"}"},
        {"Entra: the device must be managed", 400,
                "{\"error\":\"interaction_required\",\"error_description\":\"AADSTS53000: Device is not in required device state.\","
                "\"error_codes\":[53000],\"suberror\":\"message_only\"}"},
        {"Entra: blocked by conditional access", 400,
                "{\"error\":\"access_denied\",\"error_description\":\"AADSTS53003: Access has been blocked by Conditional Access policies.\","
                "\"error_codes\":[53003],\"suberror\":\"message_only\"}"},
        {"Entra: unused for too long", 400,
                "{\"error\":\"invalid_grant\",\"error_description\":\"AADSTS700082: The refresh token has expired due to inactivity.\","
                "\"error_codes\":[700082],\"suberror\":\"token_expired\"}"},
        {"Entra: the password was changed", 400,
                "{\"error\":\"invalid_grant\",\"error_description\":\"AADSTS50173: The provided grant has expired due to it being revoked, a fresh "
                "auth token is needed.\",\"error_codes\":[50173],\"suberror\":\"bad_token\"}"},
        {"Entra: consent", 400,
                "{\"error\":\"invalid_grant\",\"error_description\":\"AADSTS65001: The user or administrator has not consented.\","
                "\"error_codes\":[65001],\"suberror\":\"consent_required\"}"},
        {"OpenID Core", 400, "{\"error\":\"login_required\"}"},
        {"OpenID Core", 400, "{\"error\":\"consent_required\"}"},
        {"OpenID Core", 400, "{\"error\":\"account_selection_required\"}"},
        {"OpenID Connect Core Error Code", 400, "{\"error\":\"unmet_authentication_requirements\"}"},
        {"Google", 400, "{\"error\":\"invalid_grant\",\"error_description\":\"Token has been expired or revoked.\"}"},
        {"Google Workspace: sign in again", 400,
                "{\"error\":\"invalid_grant\",\"error_subtype\":\"invalid_rapt\",\"error_description\":\"reauth related error (invalid_rapt)\"}"},
        {"Okta", 400, "{\"error\":\"invalid_grant\",\"error_description\":\"The refresh token is invalid or expired.\"}"},
        {"Okta: its policy", 400, "{\"error\":\"access_denied\",\"error_description\":\"Policy evaluation failed for this request, please check the policy configurations.\"}"},
        {"Auth0", 403, "{\"error\":\"invalid_grant\",\"error_description\":\"Unknown or invalid refresh token.\"}"},
        {"Auth0: a second factor", 403, "{\"error\":\"mfa_required\",\"error_description\":\"Multifactor authentication required\",\"mfa_token\":\"Fe26\"}"},
        {"Dex: spent, or of another client", 400, "{\"error\":\"invalid_request\",\"error_description\":\"Refresh token is invalid or has already been claimed by another client.\"}"},
        {"Dex: too old", 400, "{\"error\":\"invalid_request\",\"error_description\":\"Refresh token expired.\"}"},
        {"oidc-provider", 400, "{\"error\":\"invalid_grant\",\"error_description\":\"grant request is invalid\"}"},
        {"glewlwyd", 403, ""},
        {"one that has a word for it", 400, "{\"error\":\"expired_token\"}"},
};

static const struct row later[] = {
        {"Entra: a transient fault", 400, "{\"error\":\"temporarily_unavailable\",\"error_description\":\"AADSTS90033: A transient error has occurred. Please try again.\",\"error_codes\":[90033]}"},
        {"Entra: its own fault", 500, "{\"error\":\"server_error\",\"error_description\":\"AADSTS90012: Request timeout.\"}"},
        {"an overloaded one that says it is our fault", 503, "{\"error\":\"invalid_grant\"}"},
        {"one that throttles and says it is our fault", 429, "{\"error\":\"invalid_grant\"}"},
        {"Okta: its rate limit", 429, "{\"errorCode\":\"E0000047\",\"errorSummary\":\"API call exceeded rate limit due to too many requests.\"}"},
        {"Auth0: its rate limit", 429, "{\"error\":\"too_many_requests\",\"error_description\":\"Global limit has been reached\"}"},
        {"Google: its own fault", 500, "{\"error\":\"internal_failure\"}"},
        {"a gateway in between", 502, "<html><head><title>502 Bad Gateway</title></head></html>"},
        {"a captive portal", 403, "<html>Please accept our terms</html>"},
        {"a captive portal", 200, "<html>Please accept our terms</html>"},
        {"a proxy that wants to know who", 407, "<html>Proxy Authentication Required</html>"},
        {"a client that was switched off", 401, "{\"error\":\"invalid_client\",\"error_description\":\"Invalid client or Invalid client credentials\"}"},
        {"a client without this grant type", 400, "{\"error\":\"unauthorized_client\"}"},
        {"a word nobody knows", 400, "{\"error\":\"out_of_cheese\"}"},
        {"a suberror is not the error", 400, "{\"error\":\"temporarily_unavailable\",\"suberror\":\"interaction_required\"}"},
};
// clang-format on

// keeper_refresh.c ends a grant by these, and by no other.
static bool ends_the_grant(enum outcome o)
{
        return o == OUTCOME_NEEDS_LOGIN || o == OUTCOME_ACCESS_DENIED;
}

static void hold(const struct row *rows, size_t n, bool ends)
{
        for (size_t i = 0; i < n; i++) {
                w.n_token = 0;
                w.token[0] = (struct reply){.status = rows[i].status, .body = rows[i].body};
                w.token[1] = (struct reply){.body = good_answer()};
                start_refresh("alice");
                assert_int_equal(got.n, 1);
                assert_int_equal(w.n_token, 1); // what was sent is never sent again
                if (ends_the_grant(got.outcome) != ends || got.outcome == OUTCOME_OK)
                        fail_msg("%s: %s: %s", rows[i].who, outcome_info(got.outcome)->id, got.err);
                expect(got.outcome, "");
        }
}

static void a_person_has_to_sign_in(void **state _unused_)
{
        hold(a_person_has_to, ARRAY_SIZE(a_person_has_to), true);
}

static void it_is_tried_again_later(void **state _unused_)
{
        hold(later, ARRAY_SIZE(later), false);
}

// The person reads what conditional access wants, without what a terminal would obey.
static void the_reason_reaches_the_person(void **state _unused_)
{
        w.n_token = 0;
        w.token[0] = (struct reply){.status = 400, .body = a_person_has_to[3].body};
        start_refresh("alice");
        assert_non_null(strstr(got.err, "AADSTS50076"));
        assert_null(strpbrk(got.err, "\r\n"));
        expect(OUTCOME_NEEDS_LOGIN, "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(a_person_has_to_sign_in),
                T(it_is_tried_again_later),
                T(the_reason_reaches_the_person),
        };

        return cmocka_run_group_tests(tests, keys, end);
}
