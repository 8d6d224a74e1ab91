// SPDX-License-Identifier: Apache-2.0
//
// Which sign-ins count for the next one, and for how long: a request that differs in anything is another one.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fault.h"
#include "reauth.h"

#include <stdio.h>

static struct clock_fake now;
static struct reauth *r;
static const struct table_user alice = {.issuer = "https://login.example.com", .subject = "s-1"};
static const struct reauth_request ssh = {.user = "alice",
        .service = "sshd",
        .rhost = "192.0.2.7",
        .tty = "ssh",
        .key = "SHA256:k",
        .remote = true};
static const struct reauth_request sudo_ = {
        .user = "alice", .service = "sudo", .tty = "/dev/pts/1", .ruser = "alice", .by = 7};

static int up(void **state)
{
        (void)state;
        clock_fake_init(&now, 1800000000);
        return reauth_new(&r, &now.clock);
}

static int down(void **state)
{
        (void)state;
        r = reauth_free(r);
        return 0;
}

static bool knows(const struct reauth_request *q)
{
        int64_t age_s = -1;

        return reauth_knows(r, q, 7, &alice, &age_s);
}

static void anything_that_differs_is_another_request(void **state)
{
        struct reauth_request q;

        (void)state;
        for (int i = 0; i < 2; i++)
                assert_int_equal(reauth_remember(r, i ? &ssh : &sudo_, 7, &alice, 60), 0);
        assert_true(knows(&ssh) && knows(&sudo_));
#define OTHER(of, field, value)                                                                              \
        do {                                                                                                 \
                q = of;                                                                                      \
                q.field = value;                                                                             \
                assert_false(knows(&q));                                                                     \
        } while (0)
        OTHER(ssh, user, "alic");
        OTHER(ssh, service, "sshd2");
        OTHER(ssh, rhost, "192.0.2.70");
        OTHER(ssh, rhost, NULL);
        OTHER(ssh, tty, NULL);
        OTHER(ssh, ruser, "");
        OTHER(ssh, key, "SHA256:K");
        OTHER(ssh, remote, false);
        OTHER(sudo_, ruser, "bob");
        OTHER(sudo_, rhost, "");
        assert_int_equal(reauth_count(r), 2);
}

static void where_nothing_says_who_asks_nothing_is_remembered(void **state)
{
        struct reauth_request q = ssh;

        (void)state;
        q.key = NULL;
        q.ruser = "alice"; // from afar a name is anybody's
        assert_false(reauth_is_possible(&q));
        assert_int_equal(reauth_remember(r, &q, 7, &alice, 60), 0);
        q.key = "";
        assert_false(reauth_is_possible(&q));
        q = sudo_;
        q.by = (uid_t)-1; // whom nobody knows
        assert_false(reauth_is_possible(&q));
        q = sudo_;
        q.ruser = NULL;
        q.key = "SHA256:k"; // at the machine no key was taken
        assert_false(reauth_is_possible(&q));
        assert_int_equal(reauth_remember(r, &q, 7, &alice, 60), 0);
        assert_int_equal(reauth_remember(r, &ssh, 7, &alice, 0), 0);
        assert_int_equal(
                reauth_remember(r, &ssh, 7, &(struct table_user){.issuer = "x"}, 60), 0); // not bound
        assert_int_equal(reauth_count(r), 0);
}

static void it_is_counted_from_the_sign_in(void **state)
{
        int64_t age_s = 0;

        (void)state;
        assert_int_equal(reauth_remember(r, &ssh, 7, &alice, 60), 0);
        for (int i = 0; i < 59; i++) {
                clock_fake_advance_ms(&now, 1000);
                assert_true(knows(&ssh));
        }
        assert_true(reauth_knows(r, &ssh, 7, &alice, &age_s));
        assert_int_equal(age_s, 59);
        clock_fake_advance_ms(&now, 1000);
        assert_false(knows(&ssh));
        assert_int_equal(reauth_count(r), 0);
        assert_int_equal(reauth_remember(r, &ssh, 7, &alice, 60), 0);
        assert_int_equal(reauth_remember(r, &ssh, 7, &alice, 10), 0); // the newer one counts
        clock_fake_advance_ms(&now, 10000);
        assert_false(knows(&ssh));
}

static void the_account_of_another_person_is_not_entered(void **state)
{
        const struct table_user others[] = {{.issuer = "https://login.example.com", .subject = "s-2"},
                {.issuer = "https://login.example.org", .subject = "s-1"},
                {.issuer = "https://login.example.com", .subject = ""}};
        int64_t age_s;

        (void)state;
        for (size_t i = 0; i <= ARRAY_SIZE(others); i++) {
                const bool uid = i == ARRAY_SIZE(others);

                assert_int_equal(reauth_remember(r, &ssh, 7, &alice, 60), 0);
                assert_false(reauth_knows(r, &ssh, uid ? 8 : 7, uid ? &alice : &others[i], &age_s));
                assert_false(knows(&ssh)); // and it is over
        }
}

static bool stays(const char *user, uid_t uid, void *arg)
{
        (void)arg;
        return uid == 7 && strcmp(user, "alice") == 0;
}

static void who_leaves_is_forgotten(void **state)
{
        struct reauth_request bob = ssh;

        (void)state;
        bob.user = "bob";
        for (int i = 0; i < 3; i++) {
                assert_int_equal(reauth_remember(r, &ssh, 7, &alice, 60), 0);
                assert_int_equal(reauth_remember(r, &sudo_, 7, &alice, 60), 0);
                assert_int_equal(reauth_remember(r, &bob, 8, &alice, 60), 0);
                if (i == 0) {
                        reauth_forget_uid(r, 7, "left");
                        assert_int_equal(reauth_count(r), 1);
                } else if (i == 1) {
                        reauth_review(r, stays, NULL, "locked");
                        assert_int_equal(reauth_count(r), 2);
                        assert_true(knows(&ssh) && knows(&sudo_));
                }
                reauth_forget_all(r, "clock");
                assert_int_equal(reauth_count(r), 0);
        }
}

// su: bob is asked for alice's sign-in, and leaves.
static void who_asked_and_leaves_is_forgotten(void **state)
{
        struct reauth_request q = sudo_;

        (void)state;
        q.service = "su";
        q.ruser = "bob";
        q.by = 8;
        assert_int_equal(reauth_remember(r, &q, 7, &alice, 60), 0);
        assert_int_equal(reauth_remember(r, &ssh, 7, &alice, 60), 0);
        reauth_forget_uid(r, 8, "left");
        assert_false(knows(&q));
        assert_true(knows(&ssh));
}

static void there_is_a_limit(void **state)
{
        struct reauth_request q = ssh;
        char user[32];

        (void)state;
        q.user = user;
        for (unsigned i = 0; i < REAUTH_MAX + 3; i++) {
                snprintf(user, sizeof user, "u%u", i);
                assert_int_equal(reauth_remember(r, &q, 7, &alice, 60), 0);
        }
        assert_int_equal(reauth_count(r), REAUTH_MAX);
        snprintf(user, sizeof user, "u2");
        assert_false(knows(&q));
        snprintf(user, sizeof user, "u3");
        assert_true(knows(&q));
}

static void memory_that_runs_out_remembers_nothing(void **state)
{
        unsigned failed = 0;
        int e = 0;

        (void)state;
        FAULT_EACH(50, e = reauth_remember(r, &ssh, 7, &alice, 60))
        {
                assert_int_equal(e, -ENOMEM);
                assert_int_equal(reauth_count(r), 0);
                failed++;
        }
        assert_int_equal(e, 0);
        assert_true(failed >= 7);
        assert_true(knows(&ssh));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
                T(anything_that_differs_is_another_request),
                T(where_nothing_says_who_asks_nothing_is_remembered),
                T(it_is_counted_from_the_sign_in),
                T(the_account_of_another_person_is_not_entered),
                T(who_leaves_is_forgotten),
                T(who_asked_and_leaves_is_forgotten),
                T(there_is_a_limit),
                T(memory_that_runs_out_remembers_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
