// SPDX-License-Identifier: Apache-2.0
//
// [service …]: key by key, a service's own word goes before that of [service *], and that before ours.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "config.h"
#include "fault.h"

#include <stdio.h>

#define IDENTITY "[identity corp]\nissuer = https://login.example.com\nclient_id = valetkey\n"

static struct config *parse(const char *text)
{
        struct err err = ERR_INIT;
        struct config *c = NULL;

        if (config_parse(&c, "x.conf", text, strlen(text), &err) < 0)
                fail_msg("%s", err.text);
        return c;
}

static void is(const struct config *c, const char *service, enum config_flow flow, enum config_prior prior,
        int64_t reauth_s)
{
        const struct config_service s = config_service_policy(c, service);

        assert_int_equal(s.flow, flow);
        assert_int_equal(s.require_prior, prior);
        assert_int_equal(s.reauth_for_s, reauth_s);
}

static void without_a_word(void **state)
{
        _cleanup_(config_unrefp) struct config *c = parse(IDENTITY);

        (void)state;
        is(c, "sshd", FLOW_DEVICE, PRIOR_PUBLICKEY, 300);
        is(c, "sudo", FLOW_DEVICE, PRIOR_PUBLICKEY, 0);
        is(c, "anything", FLOW_DEVICE, PRIOR_PUBLICKEY, 0);
        is(c, "*", FLOW_DEVICE, PRIOR_PUBLICKEY, 0);
}

static void its_own_word_goes_first(void **state)
{
        _cleanup_(config_unrefp) struct config *c =
                parse(IDENTITY "[service *]\nflow = none\nreauth_for = 0\n[service sudo]\nreauth_for = 10m\n"
                               "[service sshd]\nrequire_prior = none\nflow = device\n");

        (void)state;
        is(c, "sudo", FLOW_NONE, PRIOR_PUBLICKEY, 600);
        is(c, "sshd", FLOW_DEVICE, PRIOR_NONE, 0);
        is(c, "login", FLOW_NONE, PRIOR_PUBLICKEY, 0);
        is(c, "sshd2", FLOW_NONE, PRIOR_PUBLICKEY, 0); // names are compared whole
        is(c, "ssh", FLOW_NONE, PRIOR_PUBLICKEY, 0);
        is(c, "", FLOW_NONE, PRIOR_PUBLICKEY, 0);
}

static void what_makes_no_sense(void **state)
{
        static const struct {
                const char *text, *says;
        } rows[] = {
                {"[service]\nflow = none", "x.conf:4: [service] needs a name: [service NAME]"},
                {"[service **]\nflow = none", "x.conf:4: a name is 1 to 64"},
                {"[service ssh*]\nflow = none", "x.conf:4: a name is 1 to 64"},
                {"[role *]", "x.conf:4: [role *] is no section"},
                {"[account *]", "x.conf:4: [account *] is no section"},
                {"[service sshd]\nflow = browser", "x.conf:5: flow: must be device or none"},
                {"[service sshd]\nrequire_prior = password",
                        "x.conf:5: require_prior: must be publickey or none"},
                {"[service sshd]\nrequire_prior = publickeys",
                        "x.conf:5: require_prior: must be publickey or none"},
                {"[service sshd]\nreauth_for = 61m", "x.conf:5: reauth_for: must be 0"},
                {"[service sshd]\nreauth_for = -1", "x.conf:5: reauth_for: must be 0"},
                {"[service sshd]\nreauth_for = 0s", "x.conf:5: reauth_for: must be 0"},
                {"[service sshd]\nreauth_for = yes", "x.conf:5: reauth_for: must be 0"},
                {"[service sshd]\nflow = none\n[service sshd]", "x.conf:6: [service sshd] stands in line 4"},
                {"[signin]\nmax_starts_per_user = 0", "x.conf:5: max_starts_per_user: must be a number"},
                {"[signin]\nmax_starts_per_rhost = 1025", "x.conf:5: max_starts_per_rhost: must be a number"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct err err = ERR_INIT;
                struct config *c = NULL;
                char text[512];
                int n = snprintf(text, sizeof text, "%s%s\n", IDENTITY, rows[i].text);

                assert_int_equal(config_parse(&c, "x.conf", text, (size_t)n, &err), -EBADMSG);
                if (strncmp(err.text, rows[i].says, strlen(rows[i].says)) != 0)
                        fail_msg("says \"%s\" and not \"%s\"", err.text, rows[i].says);
        }
}

static void every_allocation_may_fail(void **state)
{
        static const char text[] = IDENTITY "[service *]\nflow = none\n[service sshd]\nflow = device\n";

        struct config *c = NULL;
        unsigned failed = 0;
        int r = 0;

        (void)state;
        FAULT_EACH(300, r = config_parse(&c, "x.conf", text, sizeof text - 1, NULL))
        {
                assert_int_equal(r, -ENOMEM);
                assert_null(c);
                failed++;
        }
        assert_int_equal(r, 0);
        assert_true(failed > 10);
        config_unref(c);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(without_a_word),
                cmocka_unit_test(its_own_word_goes_first),
                cmocka_unit_test(what_makes_no_sense),
                cmocka_unit_test(every_allocation_may_fail),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
