// SPDX-License-Identifier: Apache-2.0
//
// The way of a grant through valetkeyd: held, committed, in flight, gone; each step with its owner, its limit in time
// and its limit in number.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pending.h"
#include "fault.h"
#include "log.h"

#include <stdio.h>

#define ALICE          1879048193u
#define BOB            1879048194u
#define HANDLE_LIFE_MS 120000
#define GRANT_LIFE_MS  600000

static struct clock_fake now;
static struct pending *p;
static const struct pending_binding from_ssh = {"alice", "sshd", "192.0.2.7"};
static char handle[HANDLE_HEX + 1];
static int here, there; // two connections

static int set_up(void **state)
{
        (void)state;
        clock_fake_init(&now, 1800000000);
        return pending_new(&p, &now.clock, HANDLE_LIFE_MS, GRANT_LIFE_MS);
}

static int tear_down(void **state)
{
        (void)state;
        p = pending_free(p);
        return 0;
}

static int hold(const struct pending_binding *b, uid_t uid, const char *identity, const char *text)
{
        cleanup_secret struct secret *grant = NULL;
        int r;

        assert_int_equal(secret_new_str(&grant, text), 0);
        r = pending_hold(p, b, uid, identity, &grant, handle);
        assert_true(r != 0 || !grant);
        return r;
}

static void hold_and_commit(uid_t uid, const char *identity, const char *text)
{
        uid_t got = 0;

        assert_int_equal(hold(&from_ssh, uid, identity, text), 0);
        assert_int_equal(pending_commit(p, handle, &from_ssh, &got), 0);
        assert_int_equal(got, uid);
}

static uint64_t offered(uid_t uid, const void *to, const char *text)
{
        const struct secret *grant = NULL;
        uint64_t id = 0;

        assert_int_equal(pending_offer(p, uid, to, &id, &grant), 0);
        assert_string_equal(secret_str(grant), text);
        return id;
}

static int offer(uid_t uid, const void *to)
{
        const struct secret *grant = NULL;
        uint64_t id = 0;

        return pending_offer(p, uid, to, &id, &grant);
}

static void from_sign_in_to_broker(void **state)
{
        uint64_t id;

        (void)state;
        assert_int_equal(hold(&from_ssh, ALICE, "corp", "grant-1"), 0);
        assert_int_equal(strspn(handle, "0123456789abcdef"), HANDLE_HEX);
        assert_null(pending_user(p, ALICE));
        assert_int_equal(offer(ALICE, &here), PENDING_E_NOTHING); // nobody's before the session opens
        assert_int_equal(pending_commit(p, handle, &from_ssh, &(uid_t){0}), 0);
        assert_int_equal(offer(BOB, &here), PENDING_E_NOTHING); // nobody else's ever
        assert_int_equal(offer(0, &here), PENDING_E_NOTHING);
        assert_string_equal(pending_user(p, ALICE), "alice");
        assert_null(pending_user(p, BOB));
        id = offered(ALICE, &here, "grant-1");
        assert_string_equal(pending_user(p, ALICE), "alice");
        assert_int_equal(pending_ack(p, &there, id), PENDING_E_UNKNOWN);
        assert_int_equal(pending_ack(p, &here, id + 1), PENDING_E_UNKNOWN);
        assert_int_equal(pending_ack(p, &here, id), 0);
        assert_int_equal(pending_ack(p, &here, id), PENDING_E_UNKNOWN);
        assert_int_equal(offer(ALICE, &here), PENDING_E_NOTHING);
        assert_int_equal(pending_count(p), 0);
}

static void a_handle_is_good_once_and_for_what_it_was_made_for(void **state)
{
        static const struct pending_binding others[] = {
                {"bob", "sshd", "192.0.2.7"},
                {"alice", "login", "192.0.2.7"},
                {"alice", "sshd", "192.0.2.8"},
                {"alice", "sshd", ""},
                {"alice", "sshd", NULL},
        };
        uid_t uid;

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                assert_int_equal(hold(&from_ssh, ALICE, "corp", "g"), 0);
                assert_int_equal(pending_commit(p, handle, &others[i], &uid), PENDING_E_UNKNOWN);
                // Presented is used up: who holds it and is not its owner gets no second try.
                assert_int_equal(pending_commit(p, handle, &from_ssh, &uid), PENDING_E_UNKNOWN);
                assert_int_equal(pending_count(p), 0);
        }
        assert_int_equal(hold(&from_ssh, ALICE, "corp", "g"), 0);
        assert_int_equal(pending_commit(p, handle, &from_ssh, &uid), 0);
        assert_int_equal(pending_commit(p, handle, &from_ssh, &uid), PENDING_E_UNKNOWN);
        assert_int_equal(pending_count(p), 1);
        assert_int_equal(
                pending_commit(p, "00000000000000000000000000000000", &from_ssh, &uid), PENDING_E_UNKNOWN);
        assert_int_equal(pending_commit(p, "", &from_ssh, &uid), PENDING_E_UNKNOWN);
}

static void a_lost_connection_gives_the_grant_back(void **state)
{
        uint64_t id;

        (void)state;
        hold_and_commit(ALICE, "corp", "g");
        for (int i = 0; i < 10; i++) {
                (void)offered(ALICE, &here, "g");
                pending_release(p, &here);
        }
        id = offered(ALICE, &there, "g");
        pending_release(p, &here); // not his any more
        assert_int_equal(pending_ack(p, &there, id), 0);
}

static void two_connections_do_not_share(void **state)
{
        (void)state;
        hold_and_commit(ALICE, "corp", "first");
        hold_and_commit(ALICE, "other", "second");
        (void)offered(ALICE, &here, "first");
        assert_int_equal(offer(ALICE, &there), PENDING_E_BUSY);
        assert_int_equal(offer(ALICE, &here), PENDING_E_BUSY);
        pending_release(p, &here);
        assert_int_equal(pending_ack(p, &there, offered(ALICE, &there, "first")), 0);
        (void)offered(ALICE, &here, "second");
}

static void a_newer_sign_in_replaces_one_that_waits(void **state)
{
        uint64_t id;

        (void)state;
        hold_and_commit(ALICE, "corp", "old");
        hold_and_commit(BOB, "corp", "bobs");
        hold_and_commit(ALICE, "corp", "new");
        assert_int_equal(pending_count(p), 2);
        id = offered(ALICE, &here, "new");
        // One in flight may be stored already: the next one follows it.
        hold_and_commit(ALICE, "corp", "newest");
        assert_int_equal(pending_count(p), 3);
        assert_int_equal(pending_ack(p, &here, id), 0);
        assert_int_equal(pending_ack(p, &here, offered(ALICE, &here, "newest")), 0);
        (void)offered(BOB, &here, "bobs");
}

static void time_ends_each_step(void **state)
{
        (void)state;
        assert_int_equal(pending_reap(p), -1);
        assert_int_equal(hold(&from_ssh, ALICE, "corp", "held"), 0);
        assert_int_equal(pending_reap(p), HANDLE_LIFE_MS);
        clock_fake_advance_ms(&now, HANDLE_LIFE_MS - 1);
        assert_int_equal(pending_reap(p), 1);
        clock_fake_advance_ms(&now, 1);
        assert_int_equal(pending_reap(p), -1);
        assert_int_equal(pending_commit(p, handle, &from_ssh, &(uid_t){0}), PENDING_E_UNKNOWN);

        hold_and_commit(ALICE, "corp", "waiting");
        clock_fake_advance_ms(&now, GRANT_LIFE_MS - 1);
        assert_int_equal(pending_reap(p), 1);
        (void)offered(ALICE, &here, "waiting");
        clock_fake_advance_ms(&now, 1000);
        assert_int_equal(pending_reap(p), -1); // in flight: its connection's deadline counts
        assert_int_equal(pending_count(p), 1);
        pending_release(p, &here);
        assert_int_equal(pending_reap(p), -1);
        assert_int_equal(pending_count(p), 0);
}

static void an_expired_handle_is_refused_without_the_reaper(void **state)
{
        (void)state;
        assert_int_equal(hold(&from_ssh, ALICE, "corp", "g"), 0);
        clock_fake_advance_ms(&now, HANDLE_LIFE_MS);
        assert_int_equal(pending_commit(p, handle, &from_ssh, &(uid_t){0}), PENDING_E_UNKNOWN);
        hold_and_commit(ALICE, "corp", "g");
        clock_fake_advance_ms(&now, GRANT_LIFE_MS);
        assert_int_equal(offer(ALICE, &here), PENDING_E_NOTHING);
}

static void the_wall_clock_does_not_matter(void **state)
{
        (void)state;
        hold_and_commit(ALICE, "corp", "g");
        clock_fake_step_wall_ms(&now, 86400000);
        (void)offered(ALICE, &here, "g");
        pending_release(p, &here);
        clock_fake_step_wall_ms(&now, -2 * 86400000LL);
        (void)offered(ALICE, &here, "g");
}

static void what_piles_up_is_bounded(void **state)
{
        char first[HANDLE_HEX + 1];
        unsigned n = 0;

        (void)state;
        assert_int_equal(hold(&from_ssh, ALICE, "corp", "g"), 0);
        memcpy(first, handle, sizeof first);
        for (int i = 0; i < 100; i++)
                assert_int_equal(hold(&from_ssh, ALICE, "corp", "g"), 0);
        assert_int_equal(pending_count(p), PENDING_HELD_USER);
        assert_int_equal(pending_commit(p, first, &from_ssh, &(uid_t){0}), PENDING_E_UNKNOWN);
        assert_int_equal(pending_commit(p, handle, &from_ssh, &(uid_t){0}), 0);
        for (;; n++) {
                char name[16];
                struct pending_binding b = {name, "sshd", NULL};
                int r;

                snprintf(name, sizeof name, "u%u", n);
                r = hold(&b, BOB, "corp", "g");
                if (r != 0) {
                        assert_int_equal(r, PENDING_E_FULL);
                        break;
                }
        }
        assert_int_equal(pending_count(p), PENDING_MAX);
}

static void dropping(void **state)
{
        (void)state;
        assert_int_equal(hold(&from_ssh, ALICE, "corp", "g"), 0);
        pending_drop(p, "00000000000000000000000000000000", "test");
        assert_int_equal(pending_count(p), 1);
        pending_drop(p, handle, "test");
        assert_int_equal(pending_count(p), 0);
        hold_and_commit(ALICE, "corp", "a");
        assert_int_equal(hold(&from_ssh, ALICE, "corp", "b"), 0);
        pending_drop_user(p, "bob", "test");
        assert_int_equal(pending_count(p), 2);
        pending_drop_user(p, "alice", "test");
        assert_int_equal(pending_count(p), 0);
}

static void handles_do_not_repeat(void **state)
{
        char seen[64][HANDLE_HEX + 1];

        (void)state;
        for (int i = 0; i < 64; i++) {
                assert_int_equal(hold(&from_ssh, ALICE, "corp", "g"), 0);
                for (int k = 0; k < i; k++)
                        assert_string_not_equal(handle, seen[k]);
                memcpy(seen[i], handle, sizeof seen[i]);
        }
}

static const char marker[] = "the-refresh-token-itself";
static unsigned dirty;

static void watch(const void *block, size_t n, void *arg)
{
        (void)arg;
        if (n >= sizeof marker - 1 && memmem(block, n, marker, sizeof marker - 1))
                dirty++;
}

static void nothing_secret_stays_in_freed_memory(void **state)
{
        (void)state;
        fault_watch_free(watch, NULL);
        hold_and_commit(ALICE, "corp", marker);
        assert_int_equal(pending_ack(p, &here, offered(ALICE, &here, marker)), 0); // claimed
        hold_and_commit(ALICE, "corp", marker);
        hold_and_commit(ALICE, "corp", marker); // replaced
        assert_int_equal(hold(&from_ssh, ALICE, "corp", marker), 0);
        clock_fake_advance_ms(&now, GRANT_LIFE_MS); // expired
        (void)pending_reap(p);
        hold_and_commit(ALICE, "corp", marker);
        pending_free(p); // the end of the daemon
        p = NULL;
        fault_watch_free(NULL, NULL);
        assert_int_equal(dirty, 0);
}

static int hold_quietly(void)
{
        struct secret *grant = NULL;
        int r = secret_new_str(&grant, "g");

        if (r == 0)
                r = pending_hold(p, &from_ssh, ALICE, "corp", &grant, handle);
        secret_free(grant);
        return r;
}

static void every_allocation_may_fail(void **state)
{
        unsigned failed = 0;
        int r = 0;

        (void)state;
        FAULT_EACH(50, r = hold_quietly())
        {
                assert_int_equal(r, -ENOMEM);
                assert_int_equal(pending_count(p), 0);
                failed++;
        }
        assert_int_equal(r, 0);
        assert_true(failed >= 6);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
                T(from_sign_in_to_broker),
                T(a_handle_is_good_once_and_for_what_it_was_made_for),
                T(a_lost_connection_gives_the_grant_back),
                T(two_connections_do_not_share),
                T(a_newer_sign_in_replaces_one_that_waits),
                T(time_ends_each_step),
                T(an_expired_handle_is_refused_without_the_reaper),
                T(the_wall_clock_does_not_matter),
                T(what_piles_up_is_bounded),
                T(dropping),
                T(handles_do_not_repeat),
                T(nothing_secret_stays_in_freed_memory),
                T(every_allocation_may_fail),
        };

        log_init("test_pending", LOG_E_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
