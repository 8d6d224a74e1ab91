// SPDX-License-Identifier: Apache-2.0
//
// [registry …]: a host and a role that there is.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "config.h"
#include "fault.h"

#include <stdio.h>

#define BASE                                                                                                 \
        "[identity i]\ntype = oidc\nissuer = https://login.example.com\nclient_id = c\n[role dev]\n"         \
        "role_arn = arn:aws:iam::123456789012:role/dev\nsts_region = eu-central-1\n"
#define HOST "123456789012.dkr.ecr.eu-central-1.amazonaws.com"

static int parse(struct config **c, const char *text, struct err *err)
{
        char all[1024];
        int n = snprintf(all, sizeof all, "%s%s\n", BASE, text);

        return config_parse(c, "x.conf", all, (size_t)n, err);
}

static void a_registry(void **state)
{
        _cleanup_(config_unrefp) struct config *c = NULL;
        struct err err = ERR_INIT;

        (void)state;
        assert_int_equal(
                parse(&c, "[registry " HOST "]\nrole = dev\n[registry public.ecr.aws]\nrole = dev", &err), 0);
        assert_int_equal(c->n_registries, 2);
        assert_string_equal(c->registries[0].host, HOST);
        assert_string_equal(c->registries[0].role, "dev");
}

static void what_makes_no_sense(void **state)
{
        static const struct {
                const char *text, *says;
        } rows[] = {
                {"[registry]\nrole = dev", "needs a name"},
                {"[registry " HOST "]", "lacks role"},
                {"[registry " HOST "]\nrole = nope", "names no role that is configured"},
                {"[registry localhost]\nrole = dev", "is not the name of a host"},
                {"[registry a.b/c]\nrole = dev", "is not the name of a host"},
                {"[registry *]\nrole = dev", "is no section"},
                {"[registry " HOST "]\nrole = dev\n[registry " HOST "]", "stands in line"},
                {"[registry " HOST "]\nuser = dev", "user"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct err err = ERR_INIT;
                struct config *c = NULL;

                assert_int_equal(parse(&c, rows[i].text, &err), -EBADMSG);
                if (!strstr(err.text, rows[i].says) || strncmp(err.text, "x.conf:", 7) != 0)
                        fail_msg("says \"%s\" and not \"%s\"", err.text, rows[i].says);
        }
}

static void no_memory(void **state)
{
        struct config *c = NULL;
        struct err err = ERR_INIT;
        int r = 0;

        (void)state;
        FAULT_EACH(2000, r = parse(&c, "[registry " HOST "]\nrole = dev", &err))
        {
                assert_int_equal(r, -ENOMEM);
                assert_null(c);
        }
        assert_int_equal(r, 0);
        config_unref(c);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_registry),
                cmocka_unit_test(what_makes_no_sense),
                cmocka_unit_test(no_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
