// SPDX-License-Identifier: Apache-2.0
//
// What a role's STS call is made of: names and tags by template from the claims of the grant's own token, endpoints,
// and everything that STS would refuse said before it is asked.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pwd.h>
#include <stdio.h>

#include "b64.h"
#include "fault.h"
#include "sts_call.h"

#define LONG_64 "0123456789012345678901234567890123456789012345678901234567890123"

static struct grant grant_with(const char *payload)
{
        cleanup_buf struct buf b = BUF_INIT(65536);
        struct grant g = {.display = (char[]){"alice"}};

        buf_append_str(&b, "e30.");
        b64url_encode(&b, payload, strlen(payload));
        buf_append_str(&b, ".c2ln");
        assert_int_equal(secret_new_str(&g.id_token, buf_str(&b)), 0);
        return g;
}

// The name, or the sentence why there is none.
static void name_is(const char *template, const char *payload, const char *want)
{
        static char display[] = "alice";
        struct grant g = grant_with(payload);
        const struct config_role role = {.name = (char *)"dev",
                .session_name = (char *)template,
                .sts_region = (char *)"eu-central-1"};
        struct err err = ERR_INIT;
        struct sts_call c;
        int r;

        g.display = display;
        r = sts_call_make(&c, &role, &g, NULL, &err);
        if (strcmp(r == 0 ? c.session_name : err.text, want) != 0)
                fail_msg("%s and not %s", r == 0 ? c.session_name : err.text, want);
        if (r == 0) {
                assert_in_range(strlen(c.session_name), 2, STS_SESSION_NAME_MAX);
                assert_string_equal(c.target.endpoint, "https://sts.eu-central-1.amazonaws.com");
                sts_call_deinit(&c);
        } else {
                assert_int_equal(sts_call_outcome(r), OUTCOME_MISCONFIGURED);
        }
        secret_free(g.id_token);
}

static void session_names(void **state _unused_)
{
        char me[128], host[65] = "", want[STS_SESSION_NAME_MAX + 1];

        name_is(NULL, "{}", "alice");
        name_is("fixed", "{}", "fixed");
        name_is("{claim:email}", "{\"email\": \"alice@example.com\"}", "alice@example.com");
        name_is("{claim:e}-{claim:n}", "{\"e\": \"A B/C\", \"n\": 7}", "A-B-C-7");
        name_is("{claim:e}", "{\"e\": \"a\"}", "a-");
        name_is("{claim:e}", "{\"e\": \"\xf0\x9f\x98\x80\"}",
                "session_name = {claim:e}: nothing is left of it that STS takes in a name");
        name_is("{claim:e}", "{}", "session_name = {claim:e}: the ID token has no claim e, or an empty one");
        name_is("{claim:e}", "[]", "session_name = {claim:e}: its claims cannot be read from the ID token");
        // Two long names that differ at their end stay two, each always the same.
        name_is("{claim:e}x", "{\"e\": \"" LONG_64 "\"}",
                "0123456789012345678901234567890123456789012345678901234-23975c6d");
        name_is("{claim:e}y", "{\"e\": \"" LONG_64 "\"}",
                "0123456789012345678901234567890123456789012345678901234-d7884854");
        assert_int_equal(gethostname(host, sizeof host - 1), 0);
        snprintf(me, sizeof me, "%s@%s", getpwuid(geteuid())->pw_name, host);
        assert_int_equal(sts_session_name(want, me), 0);
        name_is("{user}@{host}", "{}", want);
}

static void without_a_grant(void **state _unused_)
{
        struct config_role role = {.name = (char *)"audit", .sts_region = (char *)"eu-central-1"};
        struct err err = ERR_INIT;
        struct sts_call c;

        assert_int_equal(sts_call_make(&c, &role, NULL, "bob", &err), 0);
        assert_string_equal(c.session_name, "bob");
        sts_call_deinit(&c);
        role.session_name = (char *)"{claim:email}";
        assert_int_equal(sts_call_make(&c, &role, NULL, "bob", &err), -ENOKEY);
        assert_int_equal(sts_call_outcome(-ENOKEY), OUTCOME_NEEDS_LOGIN);
        assert_non_null(strstr(err.text, "valetkey login"));
}

static void tags(void **state _unused_)
{
        char *list[] = {(char *)"team={claim:team}", (char *)"cost=a=b", (char *)"none=", NULL};
        char *transitive[] = {(char *)"TEAM", NULL};
        struct grant g = grant_with("{\"team\": \"the blue one\"}");
        const struct config_role role = {.name = (char *)"audit",
                .sts_region = (char *)"us-gov-west-1",
                .use_dual_stack = CONFIG_YES,
                .use_fips = CONFIG_YES,
                .tags = list,
                .transitive_tags = transitive};
        struct err err = ERR_INIT;
        struct sts_call c;

        assert_int_equal(sts_call_make(&c, &role, &g, NULL, &err), 0);
        assert_int_equal(c.n_tags, 3);
        assert_string_equal(c.tags[0].key, "team");
        assert_string_equal(c.tags[0].value, "the blue one");
        assert_true(c.tags[0].transitive);
        assert_string_equal(c.tags[1].value, "a=b");
        assert_false(c.tags[1].transitive);
        assert_string_equal(c.tags[2].value, "");
        assert_string_equal(c.target.endpoint, "https://sts-fips.us-gov-west-1.api.aws");
        sts_call_deinit(&c);
        secret_free(g.id_token);
}

static void tags_that_sts_would_refuse(void **state _unused_)
{
        static const struct {
                const char *team, *why;
        } cases[] = {
                {"a*b", "tag team: the value has characters that STS takes in no tag"},
                {"a,b", "tag team: the value has characters that STS takes in no tag"},
                {"" LONG_64 LONG_64 LONG_64 LONG_64 "x", "tag team: the value is longer than 256 characters"},
        };
        char *list[] = {(char *)"team={claim:team}", NULL};
        const struct config_role role = {
                .name = (char *)"a", .sts_region = (char *)"eu-central-1", .tags = list};

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char payload[512];
                struct err err = ERR_INIT;
                struct sts_call c;
                struct grant g;

                snprintf(payload, sizeof payload, "{\"team\": \"%s\"}", cases[i].team);
                g = grant_with(payload);
                g.display = payload;
                assert_int_equal(sts_call_make(&c, &role, &g, NULL, &err), -EINVAL);
                assert_string_equal(err.text, cases[i].why);
                secret_free(g.id_token);
        }
}

static void too_large_is_said_with_its_size(void **state _unused_)
{
        const struct config_role role = {.name = (char *)"dev"};
        struct sts_error_answer e = {.code = STS_E_POLICY,
                .name = "PackedPolicyTooLarge",
                .message = "Packed policy consumes 112% of allotted space, please use smaller policy.",
                .request_id = "r-1"};
        struct err err = ERR_INIT;

        assert_true(sts_call_say_too_large(&role, &e, &err));
        assert_string_equal(err.text,
                "role dev: its session policy, policy_arns and tags take 112 % of the room STS gives "
                "them; shorten them (PackedPolicyTooLarge, request id r-1)");
        err_clear(&err);
        snprintf(e.message, sizeof e.message, "%%");
        assert_true(sts_call_say_too_large(&role, &e, &err));
        assert_non_null(strstr(err.text, "too large"));
        snprintf(e.name, sizeof e.name, "MalformedPolicyDocument");
        assert_false(sts_call_say_too_large(&role, &e, &err));
}

static void memory_runs_out(void **state _unused_)
{
        char *list[] = {(char *)"team={claim:team}", (char *)"who={user}", NULL};
        static char display[] = "alice";
        struct grant g = grant_with("{\"team\": \"blue\"}");
        const struct config_role role = {.name = (char *)"audit",
                .sts_region = (char *)"eu-central-1",
                .session_name = (char *)"{claim:team}@{host}",
                .tags = list};
        struct sts_call c;
        int r = -1;

        g.display = display;
        FAULT_EACH(200, r = sts_call_make(&c, &role, &g, NULL, NULL))
        {
                assert_int_equal(r, -ENOMEM);
        }
        assert_int_equal(r, 0);
        sts_call_deinit(&c);
        secret_free(g.id_token);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(session_names),
                cmocka_unit_test(without_a_grant),
                cmocka_unit_test(tags),
                cmocka_unit_test(tags_that_sts_would_refuse),
                cmocka_unit_test(too_large_is_said_with_its_size),
                cmocka_unit_test(memory_runs_out),
        };

        return cmocka_run_group_tests_name("sts_call", tests, NULL, NULL);
}
