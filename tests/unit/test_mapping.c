// SPDX-License-Identifier: Apache-2.0
//
// Who may be whom: bound accounts, claims that bind, groups. Each of the ways in which others let the wrong person in
// is a row here.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "mapping.h"

#define ISSUER "https://login.example.com"

static struct config_identity identity;
static struct table_user entry;
static bool bind;
static struct err err;

static int set_up(void **state)
{
        (void)state;
        identity = (struct config_identity){
                .name = (char *)"corp", .issuer = (char *)ISSUER, .groups_claim = (char *)"groups"};
        entry = (struct table_user){.name = "alice", .issuer = ISSUER, .subject = "248289761001"};
        return 0;
}

static enum outcome decide(const char *sub, const char *more)
{
        char text[4096];
        struct jwt_claims c = {.iss = ISSUER};
        struct mapping m = {.entry = &entry, .identity = &identity, .claims = &c};
        enum outcome o;

        snprintf(text, sizeof text, "{\"x\":1%s%s}", more ? "," : "", more ? more : "");
        c.all = json_loads(text, 0, NULL);
        assert_non_null(c.all);
        c.sub = sub;
        err = ERR_INIT;
        o = mapping_decide(&m, &bind, &err);
        if (o != OUTCOME_OK) {
                assert_true(err.text[0]);
                assert_false(bind);
        }
        json_decref(c.all);
        return o;
}

static void a_bound_account_opens_to_its_subject_only(void **state)
{
        (void)state;
        assert_int_equal(decide("248289761001", NULL), OUTCOME_OK);
        assert_false(bind);
        assert_int_equal(decide("24828976100", NULL), OUTCOME_WRONG_SUBJECT);
        assert_int_equal(decide("2482897610011", NULL), OUTCOME_WRONG_SUBJECT);
        assert_int_equal(decide("", NULL), OUTCOME_WRONG_SUBJECT);
        assert_int_equal(decide(NULL, NULL), OUTCOME_WRONG_SUBJECT);
        assert_int_equal(decide("248289761001 ", NULL), OUTCOME_WRONG_SUBJECT);
        strcpy(entry.issuer, "https://login.example.com/");
        assert_int_equal(decide("248289761001", NULL), OUTCOME_WRONG_SUBJECT);
}

// A name in a claim opens nothing once the account is bound: names can be changed, and given to somebody else.
static void a_claim_does_not_open_a_bound_account(void **state)
{
        (void)state;
        identity.username_claim = (char *)"preferred_username";
        identity.username_claim_is_immutable = true;
        assert_int_equal(decide("999", "\"preferred_username\":\"alice\""), OUTCOME_WRONG_SUBJECT);
        assert_int_equal(decide("248289761001", "\"preferred_username\":\"mallory\""), OUTCOME_OK);
}

static void an_unbound_account_is_bound_by_an_immutable_claim(void **state)
{
        (void)state;
        entry.subject[0] = 0;
        assert_int_equal(decide("1", "\"preferred_username\":\"alice\""), OUTCOME_MISCONFIGURED);
        identity.username_claim = (char *)"preferred_username";
        assert_int_equal(decide("1", "\"preferred_username\":\"alice\""), OUTCOME_MISCONFIGURED);
        identity.username_claim_is_immutable = true;
        assert_int_equal(decide("1", "\"preferred_username\":\"alice\""), OUTCOME_OK);
        assert_true(bind);
        assert_int_equal(decide("1", NULL), OUTCOME_WRONG_SUBJECT);
        assert_int_equal(decide("1", "\"preferred_username\":\"\""), OUTCOME_WRONG_SUBJECT);
        assert_int_equal(decide("1", "\"preferred_username\":\"Alice\""), OUTCOME_WRONG_SUBJECT);
        assert_int_equal(decide("1", "\"preferred_username\":\"alic\""), OUTCOME_WRONG_SUBJECT);
        assert_int_equal(decide("1", "\"preferred_username\":\"alice2\""), OUTCOME_WRONG_SUBJECT);
        assert_int_equal(decide("1", "\"preferred_username\":[\"alice\"]"), OUTCOME_WRONG_SUBJECT);
        assert_int_equal(decide("1", "\"preferred_username\":1"), OUTCOME_WRONG_SUBJECT);
        assert_int_equal(decide("1", "\"preferred_username\":\"alice@example.com\""), OUTCOME_WRONG_SUBJECT);
}

static void a_suffix_must_be_there_to_be_stripped(void **state)
{
        (void)state;
        entry.subject[0] = 0;
        identity.username_claim = (char *)"upn";
        identity.username_claim_is_immutable = true;
        identity.username_strip = (char *)"@example.com";
        assert_int_equal(decide("1", "\"upn\":\"alice@example.com\""), OUTCOME_OK);
        assert_int_equal(decide("1", "\"upn\":\"alice\""), OUTCOME_WRONG_SUBJECT);
        assert_int_equal(decide("1", "\"upn\":\"alice@evil.example\""), OUTCOME_WRONG_SUBJECT);
        assert_int_equal(decide("1", "\"upn\":\"alice@evil.example@example.com\""), OUTCOME_WRONG_SUBJECT);
        assert_int_equal(decide("1", "\"upn\":\"alice@example.com.evil\""), OUTCOME_WRONG_SUBJECT);
        assert_int_equal(decide("1", "\"upn\":\"@example.com\""), OUTCOME_WRONG_SUBJECT);
}

static void an_email_counts_when_it_is_verified(void **state)
{
        (void)state;
        entry.subject[0] = 0;
        identity.username_claim = (char *)"email";
        identity.username_claim_is_immutable = true;
        identity.username_strip = (char *)"@example.com";
        assert_int_equal(decide("1", "\"email\":\"alice@example.com\""), OUTCOME_WRONG_SUBJECT);
        assert_int_equal(decide("1", "\"email\":\"alice@example.com\",\"email_verified\":false"),
                OUTCOME_WRONG_SUBJECT);
        assert_int_equal(decide("1", "\"email\":\"alice@example.com\",\"email_verified\":\"true\""),
                OUTCOME_WRONG_SUBJECT);
        assert_int_equal(decide("1", "\"email\":\"alice@example.com\",\"email_verified\":true"), OUTCOME_OK);
}

static void groups_are_matched_whole(void **state)
{
        static char *allowed[] = {(char *)"3f0c9a4e", (char *)"admins", NULL};

        (void)state;
        identity.allow_groups = allowed;
        assert_int_equal(decide("248289761001", NULL), OUTCOME_ACCESS_DENIED);
        assert_int_equal(decide("248289761001", "\"groups\":[]"), OUTCOME_ACCESS_DENIED);
        assert_int_equal(decide("248289761001", "\"groups\":[\"3f0c9a4\",\"3f0c9a4e2\",7,null]"),
                OUTCOME_ACCESS_DENIED);
        assert_int_equal(decide("248289761001", "\"groups\":{\"admins\":true}"), OUTCOME_ACCESS_DENIED);
        assert_int_equal(decide("248289761001", "\"roles\":[\"admins\"]"), OUTCOME_ACCESS_DENIED);
        assert_int_equal(decide("248289761001", "\"groups\":\"admins,x\""), OUTCOME_ACCESS_DENIED);
        assert_int_equal(decide("248289761001", "\"groups\":\"admins\""), OUTCOME_OK);
        assert_int_equal(decide("248289761001", "\"groups\":[\"x\",\"3f0c9a4e\"]"), OUTCOME_OK);
        assert_int_equal(decide("999", "\"groups\":[\"admins\"]"), OUTCOME_WRONG_SUBJECT);
        // Nobody is bound who may not come in.
        entry.subject[0] = 0;
        identity.username_claim = (char *)"preferred_username";
        identity.username_claim_is_immutable = true;
        assert_int_equal(decide("1", "\"preferred_username\":\"alice\""), OUTCOME_ACCESS_DENIED);
        identity.groups_claim = (char *)"roles";
        assert_int_equal(decide("1", "\"preferred_username\":\"alice\",\"roles\":[\"admins\"]"), OUTCOME_OK);
}

// Entra ID leaves groups out when there are too many. Not to know them is not to know that there are none.
static void too_many_groups_are_not_none(void **state)
{
        static char *allowed[] = {(char *)"3f0c9a4e", NULL};
        static const char *const overage[] = {"\"_claim_names\":{\"groups\":\"src1\"}", "\"hasgroups\":true",
                "\"hasgroups\":\"true\"", "\"groups\":[],\"_claim_names\":{\"groups\":\"src1\"}"};

        (void)state;
        identity.allow_groups = allowed;
        for (size_t i = 0; i < ARRAY_SIZE(overage); i++) {
                assert_int_equal(decide("248289761001", overage[i]), OUTCOME_MISCONFIGURED);
                assert_non_null(strstr(err.text, "too many"));
        }
        assert_int_equal(
                decide("248289761001", "\"_claim_names\":{\"other\":\"src1\"}"), OUTCOME_ACCESS_DENIED);
        assert_int_equal(decide("248289761001", "\"_claim_names\":\"groups\""), OUTCOME_ACCESS_DENIED);
        assert_int_equal(decide("248289761001", "\"hasgroups\":false"), OUTCOME_ACCESS_DENIED);
        // What is told all the same counts, and another person is another person.
        assert_int_equal(decide("248289761001", "\"hasgroups\":true,\"groups\":[\"3f0c9a4e\"]"), OUTCOME_OK);
        assert_int_equal(decide("999", overage[0]), OUTCOME_WRONG_SUBJECT);
}

static void the_display_name(void **state)
{
        json_t *all = json_object();
        struct jwt_claims c = {.all = all, .sub = "s-1"};

        (void)state;
        assert_string_equal(mapping_display(&c), "s-1");
        json_object_set_new(all, "email", json_string("a@example.com"));
        assert_string_equal(mapping_display(&c), "a@example.com");
        json_object_set_new(all, "preferred_username", json_string("alice"));
        assert_string_equal(mapping_display(&c), "alice");
        json_object_set_new(all, "preferred_username", json_string(""));
        assert_string_equal(mapping_display(&c), "a@example.com");
        json_decref(all);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup(f, set_up)
                T(a_bound_account_opens_to_its_subject_only),
                T(a_claim_does_not_open_a_bound_account),
                T(an_unbound_account_is_bound_by_an_immutable_claim),
                T(a_suffix_must_be_there_to_be_stripped),
                T(an_email_counts_when_it_is_verified),
                T(groups_are_matched_whole),
                T(too_many_groups_are_not_none),
                T(the_display_name),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
