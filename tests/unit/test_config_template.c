// SPDX-License-Identifier: Apache-2.0
//
// Accounts and templates: which roles they make, what those inherit from whom, and every way in which two could be
// meant, refused with the places of both.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <time.h>

#include "buf.h"
#include "config_case.h"
#include "config_draft.h"
#include "fault.h"

#define IDENTITY "[identity corp]\nissuer = https://login.example.com\nclient_id = valetkey\n" // 3 lines
#define DEFAULTS "[defaults]\nregion = eu-central-1\n"                                         // 2
#define PAYMENTS "[account 111111111111]\nalias = payments\n"                                  // 2
#define DATA     "[account 222222222222]\nalias = data\n"                                      // 2
#define HEAD     IDENTITY DEFAULTS PAYMENTS DATA                                               // 9
#define DEV      "[role-template developer]\naccounts = payments data\nrole_name = team/dev\n" // 3

static const struct config_role *role(const struct config *c, const char *name)
{
        const struct config_role *r = config_find_role(c, name);

        if (!r)
                fail_msg("there is no role %s", name);
        return r;
}

static void each_account_gets_a_role(void **state _unused_)
{
        struct config *c = taken(HEAD DEV);

        assert_int_equal(c->n_roles, 2);
        assert_string_equal(c->roles[0].name, "payments/dev"); // in the order of the list
        assert_string_equal(c->roles[1].name, "data/dev");
        assert_string_equal(role(c, "payments/dev")->role_arn, "arn:aws:iam::111111111111:role/team/dev");
        assert_string_equal(role(c, "data/dev")->role_arn, "arn:aws:iam::222222222222:role/team/dev");
        assert_string_equal(role(c, "data/dev")->identity, "corp");
        assert_string_equal(role(c, "data/dev")->sts_region, "eu-central-1");
        assert_int_equal(role(c, "data/dev")->duration_s, 3600);
        assert_null(config_find_role(c, "developer"));
        config_unref(c);
}

static void roles_stand_in_the_order_of_the_files(void **state _unused_)
{
        struct config *c = taken(HEAD "[role z]\nrole_arn = arn:aws:iam::111111111111:role/z\n" DEV
                                      "[role a]\nrole_arn = arn:aws:iam::111111111111:role/a\n");

        assert_int_equal(c->n_roles, 4);
        assert_string_equal(c->roles[0].name, "z");
        assert_string_equal(c->roles[2].name, "data/dev");
        assert_string_equal(c->roles[3].name, "a");
        for (size_t i = 0; i < c->n_roles; i++)
                assert_ptr_equal(config_find_role(c, c->roles[i].name), &c->roles[i]);
        config_unref(c);
}

static void a_pattern_makes_the_names(void **state _unused_)
{
        struct config *c = taken(
                HEAD "[account 333333333333]\n"
                     "[role-template t]\naccounts = 111111111111 333333333333\nrole_name = p/q/ReadOnly\n"
                     "name = ro.{account}.x\n"
                     "[role-template one]\naccounts = data\nrole_name = ops\nname = {role}-{role}\n"
                     "[role-template literal]\naccounts = data\nrole_name = ops\nname = the-ops\n");

        assert_int_equal(c->n_roles, 4);
        assert_string_equal(
                role(c, "ro.payments.x")->role_arn, "arn:aws:iam::111111111111:role/p/q/ReadOnly");
        role(c, "ro.333333333333.x"); // an account without an alias is called by its id
        assert_string_equal(role(c, "ops-ops")->role_arn, "arn:aws:iam::222222222222:role/ops");
        role(c, "the-ops");
        config_unref(c);
        // Names are in small letters; IAM takes names that differ in nothing else for one.
        c = taken(HEAD "[role-template t]\naccounts = data\nrole_name = ReadOnly\n");
        assert_string_equal(role(c, "data/readonly")->role_arn, "arn:aws:iam::222222222222:role/ReadOnly");
        config_unref(c);
}

static void a_star_is_every_account(void **state _unused_)
{
        struct config *c = taken(HEAD "[role-template t]\naccounts = *\nrole_name = ops\n"
                                      "[account 333333333333]\n");

        assert_int_equal(c->n_roles, 3);
        role(c, "payments/ops");
        role(c, "333333333333/ops");
        config_unref(c);
        refused(HEAD "[role-template t]\naccounts = * data\nrole_name = ops\n",
                "x.conf:11: [role-template t] names the account *, about which there is no [account ID]");
        refused(IDENTITY DEFAULTS "[role-template t]\naccounts = *\nrole_name = ops\n",
                "x.conf:7: [role-template t] is for all accounts, and there is no [account ID]");
}

static void a_template_may_say_what_a_role_may(void **state _unused_)
{
        struct config *c = taken(
                HEAD "[identity two]\nissuer = https://b.example\nclient_id = x\n"
                     "[role-template web]\naccounts = payments data\nrole_name = w\nidentity = two\nduration "
                     "= 2h\n"
                     "region = eu-west-1\nsts_region = eu-west-2\nsts_endpoint = https://sts.example.com\n"
                     "ca_file = /ca.pem\nsession_name = me\nsession_policy = /p.json\n"
                     "policy_arns = arn:aws:iam::aws:policy/ReadOnlyAccess arn:aws:iam::aws:policy/B\n"
                     "[role-template chained]\naccounts = *\nrole_name = c\nsource_role = data/w\n"
                     "external_id = xyz\nsource_identity = alice\n");
        const struct config_role *r = role(c, "data/w");

        assert_string_equal(r->identity, "two");
        assert_int_equal(r->duration_s, 7200);
        assert_string_equal(r->region, "eu-west-1");
        assert_string_equal(r->sts_region, "eu-west-2");
        assert_string_equal(r->sts_endpoint, "https://sts.example.com");
        assert_string_equal(r->ca_file, "/ca.pem");
        assert_string_equal(r->session_name, "me");
        assert_string_equal(r->session_policy, "/p.json");
        assert_string_equal(r->policy_arns[1], "arn:aws:iam::aws:policy/B");
        assert_null(r->policy_arns[2]);
        r = role(c, "payments/c");
        assert_string_equal(r->source_role, "data/w");
        assert_string_equal(r->external_id, "xyz");
        assert_string_equal(r->source_identity, "alice");
        assert_string_equal(r->identity, "two"); // its source's
        config_unref(c);
}

// Every key of [role] but the ARN is one of [role-template] too, and the other way round but for the three.
static void templates_and_roles_have_the_same_keys(void **state _unused_)
{
        unsigned of_roles = 0, of_templates = 0;
        const char *key;

        for (size_t i = 0; (key = config_known_key(i)); i++) {
                of_templates += strncmp(key, "role-template ", 14) == 0;
                if (strncmp(key, "role ", 5) != 0 || strcmp(key, "role role_arn") == 0)
                        continue;
                if (config_key_find(CONFIG_TEMPLATE, key + 5) < 0)
                        fail_msg("[role-template] does not know %s", key + 5);
                of_roles++;
        }
        assert_int_equal(of_templates, of_roles + 3); // accounts, role_name, name
}

static void the_nearest_one_who_says_it_counts(void **state _unused_)
{
        static const char text[] = IDENTITY
                "[defaults]\nregion = eu-central-1\nsts_region = eu-central-1\n"
                "[account 111111111111]\nalias = a\nregion = us-east-1\nsts_region = us-east-2\n"
                "[account 222222222222]\nalias = b\n"
                "[role-template own]\naccounts = a b\nrole_name = own\nregion = eu-west-3\n"
                "[role-template none]\naccounts = a b\nrole_name = none\n"
                "[role in-a]\nrole_arn = arn:aws:iam::111111111111:role/x\n"
                "[role in-a-own]\nrole_arn = arn:aws:iam::111111111111:role/y\nsts_region = eu-west-3\n"
                "[role elsewhere]\nrole_arn = arn:aws:iam::333333333333:role/x\n";
        static const struct {
                const char *role, *region, *sts_region;
        } want[] = {
                {"a/own", "eu-west-3", "us-east-2"},
                {"b/own", "eu-west-3", "eu-central-1"},
                {"a/none", "us-east-1", "us-east-2"},
                {"b/none", "eu-central-1", "eu-central-1"},
                {"in-a", "us-east-1", "us-east-2"},
                {"in-a-own", "us-east-1", "eu-west-3"},
                {"elsewhere", "eu-central-1", "eu-central-1"},
        };
        struct config *c = taken(text);

        for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
                assert_string_equal(role(c, want[i].role)->region, want[i].region);
                assert_string_equal(role(c, want[i].role)->sts_region, want[i].sts_region);
        }
        config_unref(c);
}

static void an_account_is_in_the_partition_of_its_region(void **state _unused_)
{
        struct config *c = taken(IDENTITY DEFAULTS
                "[account 111111111111]\nalias = cn\nregion = cn-north-1\n"
                "[account 222222222222]\nalias = gov\nsts_region = us-gov-west-1\n"
                "[account 333333333333]\nalias = com\n"
                "[role-template t]\naccounts = cn gov com\nrole_name = x\n"
                "[role-template s]\naccounts = com\nrole_name = y\nsts_region = cn-north-1\n");

        assert_string_equal(role(c, "cn/x")->role_arn, "arn:aws-cn:iam::111111111111:role/x");
        assert_string_equal(role(c, "gov/x")->role_arn, "arn:aws-us-gov:iam::222222222222:role/x");
        assert_string_equal(role(c, "com/x")->role_arn, "arn:aws:iam::333333333333:role/x");
        assert_string_equal(role(c, "com/y")->role_arn, "arn:aws-cn:iam::333333333333:role/y");
        config_unref(c);
        // Nobody says a region: an STS of one's own.
        c = taken(IDENTITY "[account 111111111111]\n[role-template t]\naccounts = *\nrole_name = x\n"
                           "sts_endpoint = https://sts.lab.example\n");
        assert_string_equal(c->roles[0].role_arn, "arn:aws:iam::111111111111:role/x");
        config_unref(c);
        refused(IDENTITY DEFAULTS "[account 111111111111]\nregion = cn-north-1\n"
                                  "[role-template t]\naccounts = *\nrole_name = x\nsts_region = eu-west-1\n",
                "x.conf:11: [role-template t] for 111111111111/x asks the STS of eu-west-1, which is in "
                "partition "
                "aws, for a role in aws-cn");
        refused(IDENTITY "[account 111111111111]\nregion = cn-north-1\nsts_region = eu-west-1\n",
                "x.conf:6: [account 111111111111] sts_region is in another partition than region, and an "
                "account is "
                "in one");
}

static void chains_go_through_templates_both_ways(void **state _unused_)
{
        struct config *c = taken(
                HEAD "[role audit]\nsource_role = data/hop\nrole_arn = arn:aws:iam::999988887777:role/audit\n"
                     "[role-template hop]\naccounts = *\nrole_name = hop\nsource_role = entry\n"
                     "[role entry]\nrole_arn = arn:aws:iam::999988887777:role/entry\n");

        assert_string_equal(role(c, "audit")->identity, "corp");
        assert_string_equal(role(c, "payments/hop")->identity, "corp");
        config_unref(c);
        refused(HEAD "[role-template hop]\naccounts = *\nrole_name = hop\nsource_role = data/hop\n",
                "x.conf:13: [role-template hop] for payments/hop comes from itself: its chain of source_role "
                "is a "
                "circle");
        refused(HEAD "[role-template hop]\naccounts = data\nrole_name = hop\nsource_role = nobody\n",
                "x.conf:13: [role-template hop] for data/hop comes from the role nobody, which is not "
                "configured");
}

static void a_made_role_may_be_the_default(void **state _unused_)
{
        struct config *c = taken(IDENTITY DEFAULTS "default_role = data/dev\n" PAYMENTS DATA DEV);

        assert_string_equal(c->default_role, "data/dev");
        config_unref(c);
}

static void collisions_name_both(void **state _unused_)
{
        refused(HEAD DEV "[role data/dev]\nrole_arn = arn:aws:iam::222222222222:role/other\n",
                "x.conf:13: [role data/dev] makes the role data/dev, as does x.conf:10: [role-template "
                "developer]");
        refused(HEAD "[role data/dev]\nrole_arn = arn:aws:iam::222222222222:role/dev\n" DEV,
                "x.conf:12: [role-template developer] makes the role data/dev, as does x.conf:10: [role "
                "data/dev]");
        refused(HEAD DEV "[role-template other]\naccounts = data\nrole_name = dev\n",
                "x.conf:13: [role-template other] makes the role data/dev, as does x.conf:10: [role-template "
                "developer]");
        refused(IDENTITY DEFAULTS "[account 111111111111]\nalias = a\n[account 222222222222]\nalias = a\n",
                "x.conf:9: [account 222222222222] has the alias a, as does x.conf:6: [account 111111111111]");
        // The alias of one and a name with the same letters: found where the names meet.
        refused(IDENTITY DEFAULTS "[account 111111111111]\nalias = a/b\n[account 222222222222]\nalias = a\n"
                                  "[role-template t]\naccounts = 111111111111\nrole_name = c\n"
                                  "[role-template u]\naccounts = a\nrole_name = c\nname = {account}/b/c\n",
                "x.conf:13: [role-template u] makes the role a/b/c, as does x.conf:10: [role-template t]");
}

static void accounts_that_are_none(void **state _unused_)
{
        refused("[account payments]\n",
                "x.conf:1: [account payments] an account is named by its id of 12 digits");
        refused("[account 1234567890123]\n",
                "x.conf:1: [account 1234567890123] an account is named by its id of 12 digits");
        refused("[account]\n", "x.conf:1: [account] needs a name: [account NAME]");
        refused("[account 111111111111]\nalias = Payments\n",
                "x.conf:2: alias: must be 1 to 64 of a-z 0-9 . _ / - and begin with a letter or digit");
        refused("[account 111111111111]\nalias = 222222222222\n",
                "x.conf:2: alias: must not look like an account's id");
        refused("[account 111111111111]\nduration = 1h\n", "x.conf:2: unknown key duration in [account]");
        refused("[account 111111111111]\n[account 111111111111]\n",
                "x.conf:2: [account 111111111111] stands in line 1 already");
        config_unref(taken("[account 111111111111]\nalias = 1\n"));
}

static void templates_that_make_no_sense(void **state _unused_)
{
        refused(HEAD "[role-template t]\nrole_name = x\n", "x.conf:10: [role-template t] lacks accounts");
        refused(HEAD "[role-template t]\naccounts = data\n", "x.conf:10: [role-template t] lacks role_name");
        refused(HEAD "[role-template t]\nrole_name = x\naccounts = data web\n",
                "x.conf:12: [role-template t] names the account web, about which there is no [account ID]");
        refused(HEAD "[role-template t]\nrole_name = x\naccounts = 123456789012\n",
                "x.conf:12: [role-template t] names the account 123456789012, about which there is no "
                "[account ID]");
        refused(HEAD "[role-template t]\nrole_name = x\naccounts = data data\n",
                "x.conf:12: accounts: names something twice");
        refused(HEAD "[role-template t]\nrole_name = x\naccounts = data 222222222222\n",
                "x.conf:12: [role-template t] names the account 222222222222 twice, by its id and by its "
                "alias");
        refused(HEAD DEV "name = {role}\n",
                "x.conf:13: [role-template developer] name needs {account}: the roles of "
                "several accounts would have one name");
        refused(HEAD DEV "role_arn = arn:aws:iam::222222222222:role/dev\n",
                "x.conf:13: unknown key role_arn in [role-template]");
        refused(HEAD DEV "external_id = xyz\n",
                "x.conf:13: [role-template developer] for payments/dev external_id "
                "needs source_role: a web-identity call has none");
        refused(IDENTITY PAYMENTS DATA DEV,
                "x.conf:8: [role-template developer] for payments/dev lacks sts_region "
                "(or region, or sts_endpoint): which STS is asked?");
        refused(HEAD DEV "duration = 60s\n",
                "x.conf:13: [role-template developer] for payments/dev duration is less "
                "than STS's least, 15m");
}

static void role_names_and_patterns_that_are_none(void **state _unused_)
{
        static const char *const names[] = {"/dev", "a//dev", "dev/", "de:v", "a b", "d\xc3\xbcv",
                "12345678901234567890123456789012345678901234567890123456789012345"};
        static const char *const patterns[] = {
                "{accounts}/x", "{account", "x}", "{}", "{{account}}", "{account}/{role"};
        char text[800];

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                snprintf(text, sizeof text, "[role-template t]\nrole_name = %s\n", names[i]);
                refused(text, "x.conf:2: role_name: must be a role's name in IAM, with its path if it has "
                              "one, like "
                              "team/dev");
        }
        memset(text, 'p', sizeof text);
        memcpy(text, "[role-template t]\nrole_name = ", 30);
        memcpy(text + sizeof text - 3, "/r", 3);
        refused(text, "x.conf:2: role_name: must be a role's name in IAM, with its path if it has one, like "
                      "team/dev");
        for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
                snprintf(text, sizeof text, "[role-template t]\nname = %s\n", patterns[i]);
                refused(text, "x.conf:2: name: must be made of {account}, {role} and what names are made of");
        }
        refused(HEAD "[role-template t]\naccounts = data\nrole_name = r@x\n",
                "x.conf:10: [role-template t] makes the name data/r@x: a name is 1 to 64 of a-z 0-9 . _ "
                "/ - and "
                "begins with a letter or digit");
        refused(HEAD "[role-template t]\naccounts = data\nrole_name = x\nname = /{account}\n",
                "x.conf:13: [role-template t] makes the name /data: a name is 1 to 64 of a-z 0-9 . _ / - and "
                "begins "
                "with a letter or digit");
        refused(HEAD
                "[role-template t]\naccounts = data\nrole_name = x\n"
                "name = {account}{account}{account}{account}{account}{account}{account}{account}{account}"
                "{account}{account}{account}{account}{account}{account}{account}{account}\n",
                "x.conf:13: [role-template t] makes the name "
                "datadatadatadatadatadatadatadatadatadatadatadatadatadatadatadatadata: a name is 1 to 64 of "
                "a-z 0-9 . "
                "_ / - and begins with a letter or digit");
}

static void a_pattern_can_not_grow_without_end(void **state _unused_)
{
        cleanup_buf struct buf text = BUF_INIT(1 << 16);

        buf_append_str(&text, HEAD "[role-template t]\naccounts = data\nrole_name = ");
        for (size_t i = 0; i < 60; i++)
                buf_append_str(&text, "r");
        buf_append_str(&text, "\nname = ");
        for (size_t i = 0; i < 600; i++)
                buf_append_str(&text, "{role}");
        buf_append_str(&text, "\n");
        refused(buf_str(&text), "x.conf:13: [role-template t] makes the name "
                                "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr: a "
                                "name is 1 to 64 of a-z 0-9 "
                                ". _ / - and begins with a letter or digit");
}

// What a person's own file adds. As with [role NAME] and [defaults], which it may also change.
static void a_users_file_may_have_them(void **state _unused_)
{
        static const char theirs[] = HEAD,
                          own[] = "[role-template developer]\naccounts = data\nrole_name = dev\n"
                                  "[account 333333333333]\n";
        struct draft d = {0};
        struct config c = {0};

        assert_int_equal(draft_add(&d, "system", theirs, strlen(theirs), false, NULL), 0);
        assert_int_equal(draft_add(&d, "user", own, strlen(own), true, NULL), 0);
        assert_int_equal(config_build(&c, &d, NULL), 0);
        role(&c, "data/dev");
        config_deinit(&c);
        draft_deinit(&d);
}

static void later_files_change_templates_key_by_key(void **state _unused_)
{
        static const char first[] = HEAD DEV, second[] = "[role-template developer]\naccounts = data\n";
        static const char third[] = "[role data/dev]\n";
        struct err err = ERR_INIT;
        struct draft d = {0};
        struct config c = {0};

        assert_int_equal(draft_add(&d, "a.conf", first, strlen(first), false, NULL), 0);
        assert_int_equal(draft_add(&d, "b.conf", second, strlen(second), false, NULL), 0);
        assert_int_equal(config_build(&c, &d, NULL), 0);
        assert_int_equal(c.n_roles, 1);
        role(&c, "data/dev");
        config_deinit(&c);
        assert_int_equal(draft_add(&d, "c.conf", third, strlen(third), true, NULL), 0);
        assert_int_equal(config_build(&c, &d, &err), -EBADMSG);
        assert_string_equal(err.text, "c.conf:1: [role data/dev] makes the role data/dev, as does b.conf:1: "
                                      "[role-template developer]");
        draft_deinit(&d);
}

// accounts × templates, each account with an alias of its own.
static void many(struct buf *text, unsigned accounts, unsigned templates)
{
        buf_append_str(text, IDENTITY DEFAULTS);
        for (unsigned i = 0; i < accounts; i++)
                buf_printf(text, "[account %012u]\nalias = account-%u\n", i + 1, i + 1);
        for (unsigned i = 0; i < templates; i++)
                buf_printf(text, "[role-template t%u]\naccounts = *\nrole_name = role-%u\n", i + 1, i + 1);
        assert_int_equal(buf_error(text), 0);
}

static void forty_accounts_and_five_roles(void **state _unused_)
{
        cleanup_buf struct buf text = BUF_INIT(1 << 20);
        struct config *c;

        many(&text, 40, 5);
        c = taken(buf_str(&text));
        assert_int_equal(c->n_roles, 200);
        assert_string_equal(role(c, "account-40/role-5")->role_arn, "arn:aws:iam::000000000040:role/role-5");
        config_unref(c);
}

// The bound, with every role chained so that the chains are followed too. The time is processor time, with room
// for a sanitiser and a slow machine: what is quadratic takes many times as long.
static void ten_thousand_and_not_one_more(void **state _unused_)
{
        cleanup_buf struct buf text = BUF_INIT(1 << 20);
        struct config *c;
        clock_t start, took;

        many(&text, 500, 20);
        start = clock();
        c = taken(buf_str(&text));
        took = clock() - start;
        assert_int_equal(c->n_roles, 10000);
        for (size_t i = 0; i < c->n_roles; i++)
                assert_ptr_equal(config_find_role(c, c->roles[i].name), &c->roles[i]);
        config_unref(c);
        print_message("10000 roles in %.1f ms\n", (double)took * 1e3 / CLOCKS_PER_SEC);
        assert_true(took < CLOCKS_PER_SEC);
        buf_append_str(&text, "[role one-more]\nrole_arn = arn:aws:iam::000000000001:role/x\n");
        refused(buf_str(&text), "x.conf:1064: [role-template t20] makes more than 10000 roles of all");
}

static void long_chains_are_followed_once(void **state _unused_)
{
        cleanup_buf struct buf text = BUF_INIT(1 << 20);
        struct config *c;
        clock_t start;

        many(&text, 500, 0);
        for (unsigned i = 0; i < 19; i++)
                buf_printf(&text,
                        "[role-template t%u]\naccounts = *\nrole_name = role-%u\nsource_role = r0\n", i, i);
        for (unsigned i = 0; i < 400; i++)
                buf_printf(&text,
                        "[role r%u]\nrole_arn = arn:aws:iam::000000000001:role/r\nsource_role = r%u\n", i,
                        i + 1);
        buf_append_str(&text, "[role r400]\nrole_arn = arn:aws:iam::000000000001:role/r\n");
        start = clock();
        c = taken(buf_str(&text));
        assert_true(clock() - start < CLOCKS_PER_SEC);
        assert_int_equal(c->n_roles, 19 * 500 + 401);
        assert_string_equal(role(c, "account-500/role-18")->identity, "corp");
        assert_string_equal(role(c, "r0")->identity, "corp");
        config_unref(c);
}

static void every_allocation_may_fail(void **state _unused_)
{
        static const char text[] = HEAD DEV
                "policy_arns = arn:aws:iam::aws:policy/A\nname = {account}-{role}\nsession_name = me\n"
                "[role-template c]\naccounts = *\nrole_name = c\nsource_role = data-dev\n";
        struct config *c = NULL;
        unsigned failed = 0;
        int r = 0;

        FAULT_EACH(800, r = config_parse(&c, "x.conf", text, strlen(text), NULL))
        {
                assert_int_equal(r, -ENOMEM);
                assert_null(c);
                failed++;
        }
        assert_int_equal(r, 0);
        assert_true(failed > 60);
        config_unref(c);
}

static void a_collision_may_fail_to_be_found_too(void **state _unused_)
{
        static const char text[] = HEAD DEV "[role data/dev]\n";
        struct config *c = NULL;
        int r = 0;

        FAULT_EACH(800, r = config_parse(&c, "x.conf", text, strlen(text), NULL))
        assert_int_equal(r, -ENOMEM);
        assert_int_equal(r, -EBADMSG);
        assert_null(c);
}

#define CHAIN                                                                                                \
        "[role hub]\nrole_arn = arn:aws:iam::111111111111:role/hub\n"                                        \
        "[role far]\nrole_arn = arn:aws:iam::222222222222:role/far\nsource_role = hub\n"

// Line 10 is [role hub], 12 is [role far], 15 what follows.
static void tags_and_names_by_template(void **state _unused_)
{
        static const struct {
                const char *text, *why;
        } bad[] = {
                {HEAD CHAIN "tags = team",
                        "x.conf:15: tags: must be key=value, of letters, digits and _.:/+-@, where a "
                        "value may also have = and words in braces"},
                {HEAD CHAIN "tags = te*m=x",
                        "x.conf:15: tags: must be key=value, of letters, digits and _.:/+-@, where a "
                        "value may also have = and words in braces"},
                {HEAD CHAIN "tags = team=a Team=b", "x.conf:15: tags: has a key twice (STS ignores case)"},
                {HEAD CHAIN "tags = team={group}",
                        "x.conf:15: tags: has a word in braces that is none of {user}, {host}, {claim:NAME}"},
                {HEAD CHAIN "tags = team=a\ntransitive_tags = team cost",
                        "x.conf:16: [role far] transitive_tags names cost, which is none of its tags"},
                {HEAD CHAIN "transitive_tags = team",
                        "x.conf:15: [role far] transitive_tags names team, which is none of its tags"},
                {HEAD CHAIN "tags = team=a\ntransitive_tags = TEAM\n"
                            "[role top]\nrole_arn = arn:aws:iam::111111111111:role/top\nsource_role = far\n"
                            "tags = cost=1 Team=b",
                        "x.conf:20: [role top] sets the tag TEAM, which it has from role far: a transitive "
                        "tag cannot be set "
                        "again"},
                {HEAD "[role hub]\nrole_arn = arn:aws:iam::111111111111:role/hub\ntags = a=b",
                        "x.conf:12: [role hub] tags need source_role: for a web identity the provider's "
                        "token says them"},
                {HEAD CHAIN "session_name = {claim:}", "x.conf:15: session_name: has a word in braces that "
                                                       "is none of {user}, {host}, {claim:NAME}"},
                {HEAD CHAIN "session_name = {user",
                        "x.conf:15: session_name: has a brace without its other half"},
                {HEAD CHAIN "session_name = {user} {host}",
                        "x.conf:15: session_name: must be 2 to 64 letters, digits or _+=,.@-"},
        };
        struct config *c = taken(HEAD CHAIN "tags = team={claim:team} cost=a=b\ntransitive_tags = Team\n"
                                            "session_name = {user}@{host}\n");
        const struct config_role *r = role(c, "far");

        assert_string_equal(config_find_tag(r->tags, "TEAM"), "team={claim:team}");
        assert_string_equal(config_find_tag(r->tags, "cost"), "cost=a=b");
        assert_null(config_find_tag(r->tags, "cos"));
        assert_string_equal(r->session_name, "{user}@{host}");
        config_unref(c);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                refused(bad[i].text, bad[i].why);
}

static void fifty_tags_and_no_more(void **state _unused_)
{
        for (int n = 50; n <= 51; n++) {
                cleanup_buf struct buf b = BUF_INIT(8192);

                buf_append_str(&b, HEAD CHAIN "tags =");
                for (int i = 0; i < n; i++)
                        buf_printf(&b, " k%d=v", i);
                if (n == 50)
                        config_unref(taken(buf_str(&b)));
                else
                        refused(buf_str(&b), "x.conf:15: tags: has more than 50 tags");
        }
}

static void endpoints_by_kind(void **state _unused_)
{
        struct config *c =
                taken(HEAD "[role a]\nrole_arn = arn:aws:iam::111111111111:role/a\nuse_fips_endpoint = yes\n"
                           "[role b]\nrole_arn = arn:aws:iam::111111111111:role/b\n");

        assert_int_equal(role(c, "a")->use_fips, CONFIG_YES);
        assert_int_equal(role(c, "a")->use_dual_stack, CONFIG_NO);
        assert_int_equal(role(c, "b")->use_fips, CONFIG_NO);
        config_unref(c);
        c = taken(IDENTITY DEFAULTS
                "use_fips_endpoint = yes\nuse_dualstack_endpoint = yes\n"
                "[role a]\nrole_arn = arn:aws:iam::111111111111:role/a\nuse_fips_endpoint = no\n");
        assert_int_equal(role(c, "a")->use_fips, CONFIG_NO);
        assert_int_equal(role(c, "a")->use_dual_stack, CONFIG_YES);
        config_unref(c);
        refused(IDENTITY DEFAULTS
                "use_fips_endpoint = yes\n"
                "[role a]\nrole_arn = arn:aws:iam::111111111111:role/a\nsts_endpoint = https://vpce\n",
                "x.conf:6: [role a] has both use_fips_endpoint and an sts_endpoint of its own, which is used "
                "as it stands");
        refused(IDENTITY DEFAULTS
                "sts_endpoint = https://vpce\n"
                "[role a]\nrole_arn = arn:aws:iam::111111111111:role/a\nuse_dualstack_endpoint = yes\n",
                "x.conf:9: [role a] has both use_dualstack_endpoint and an sts_endpoint of its own, which is "
                "used as it stands");
        refused(IDENTITY DEFAULTS "use_fips_endpoint = maybe\n",
                "x.conf:6: use_fips_endpoint: must be yes or no");
        // The region is also what a request to an address of one's own is signed for.
        refused(IDENTITY DEFAULTS "sts_endpoint = https://vpce\n"
                                  "[role a]\nrole_arn = arn:aws-cn:iam::111111111111:role/a\n",
                "x.conf:7: [role a] asks the STS of eu-central-1, which is in partition aws, for a role in "
                "aws-cn");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_account_gets_a_role),
                cmocka_unit_test(roles_stand_in_the_order_of_the_files),
                cmocka_unit_test(a_pattern_makes_the_names),
                cmocka_unit_test(a_star_is_every_account),
                cmocka_unit_test(a_template_may_say_what_a_role_may),
                cmocka_unit_test(templates_and_roles_have_the_same_keys),
                cmocka_unit_test(the_nearest_one_who_says_it_counts),
                cmocka_unit_test(an_account_is_in_the_partition_of_its_region),
                cmocka_unit_test(chains_go_through_templates_both_ways),
                cmocka_unit_test(a_made_role_may_be_the_default),
                cmocka_unit_test(collisions_name_both),
                cmocka_unit_test(accounts_that_are_none),
                cmocka_unit_test(templates_that_make_no_sense),
                cmocka_unit_test(role_names_and_patterns_that_are_none),
                cmocka_unit_test(a_pattern_can_not_grow_without_end),
                cmocka_unit_test(a_users_file_may_have_them),
                cmocka_unit_test(later_files_change_templates_key_by_key),
                cmocka_unit_test(forty_accounts_and_five_roles),
                cmocka_unit_test(ten_thousand_and_not_one_more),
                cmocka_unit_test(long_chains_are_followed_once),
                cmocka_unit_test(every_allocation_may_fail),
                cmocka_unit_test(a_collision_may_fail_to_be_found_too),
                cmocka_unit_test(tags_and_names_by_template),
                cmocka_unit_test(fifty_tags_and_no_more),
                cmocka_unit_test(endpoints_by_kind),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
