// SPDX-License-Identifier: Apache-2.0
//
// The broker's own user in the tables, and what it tells valetkeyd of the grant: who is locked or removed gets nothing more, a
// table that cannot be read ends nothing; a refusal is told until it is heard, a renewal once.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "account.h"
#include "fault.h"
#include "packet.h"
#include "protocol.h"
#include "reporter.h"
#include "write.h"

#include <stdio.h>
#include <sys/stat.h>

#define UID (TABLE_UID_MIN + 7)

static struct clock_fake clk;
static struct loop *l;
static struct packet_listener *listener;
static struct packet_conn *conn;
static char dir[] = "/tmp/vk-account-XXXXXX", sock[64], table[64], root_table[64];
static uid_t owners[2];
static struct matching_where where;
static struct account *a;
static struct reporter *r;

static enum outcome says;
static bool silent;
static unsigned n_heard, n_gone;
static char heard_subject[64], heard_token[64], gone_why[ERR_MAX];
static uint32_t heard_outcome;

static void daemon_frame(struct packet_conn *p, const struct frame *f, int *fds, size_t n_fds, void *arg)
{
        uint8_t room[256];
        struct frame_writer w;

        (void)fds, (void)n_fds, (void)arg;
        assert_int_equal(f->type, MSG_REPORT);
        n_heard++;
        heard_outcome = 0;
        (void)frame_get_u32(f, TAG_OUTCOME, &heard_outcome);
        if (!frame_get_str(f, TAG_SUBJECT, heard_subject, sizeof heard_subject))
                heard_subject[0] = 0;
        if (!frame_get_str(f, TAG_TOKEN, heard_token, sizeof heard_token))
                heard_token[0] = 0;
        if (silent)
                return;
        frame_begin(&w, room, sizeof room, says == OUTCOME_OK ? MSG_OK : MSG_ERROR);
        if (says != OUTCOME_OK) {
                frame_put_u32(&w, TAG_OUTCOME, says);
                frame_put_str(&w, TAG_MESSAGE, "It is\x1b[2J so.");
        }
        if (packet_send(p, room, frame_end(&w), NULL, 0) < 0)
                conn = packet_conn_free(p);
}

static void daemon_closed(struct packet_conn *p, const struct err *err, void *arg)
{
        (void)err, (void)arg;
        packet_conn_free(p);
        if (conn == p)
                conn = NULL;
}

static void daemon_accepted(struct packet_conn *p, void *arg)
{
        static const struct packet_handlers handlers = {.frame = daemon_frame, .closed = daemon_closed};

        (void)arg;
        conn = p;
        packet_conn_set(p, &handlers, NULL);
}

static void on_gone(void *arg, const char *why)
{
        (void)arg;
        n_gone++;
        snprintf(gone_why, sizeof gone_why, "%s", why);
}

static void turn(void)
{
        for (unsigned i = 0; i < 20; i++)
                loop_run_once(l, 0);
}

// The user as he stands from now on; flags UINT32_MAX: he does not.
static void put(uint32_t flags, int64_t expires_at_s)
{
        struct table_user u = {.name = "vk-test-alice",
                .uid = UID,
                .gid = UID,
                .flags = flags,
                .expires_at_s = expires_at_s,
                .issuer = "https://idp.example",
                .subject = "s1",
                .home = "/",
                .shell = "/bin/sh"};
        struct table_edit *e;

        assert_int_equal(table_edit_begin(&e, table, TABLE_FEDERATED, owners, 2, 0), 0);
        (void)table_edit_remove(e, u.name);
        if (flags != UINT32_MAX)
                assert_int_equal(table_edit_add(e, &u), 0);
        assert_int_equal(table_edit_commit(e), 0);
        table_edit_free(e);
}

static int setup(void **state)
{
        (void)state;
        snprintf(dir, sizeof dir, "/tmp/vk-account-XXXXXX");
        if (!mkdtemp(dir))
                return -1;
        snprintf(sock, sizeof sock, "%s/claim.sock", dir);
        snprintf(table, sizeof table, "%s/users", dir);
        snprintf(root_table, sizeof root_table, "%s/local", dir);
        owners[1] = geteuid();
        where = (struct matching_where){.claim_path = sock,
                .server_uid = geteuid(),
                .uid = UID,
                .tables = {.passwd = "/etc/passwd",
                        .root_table = root_table,
                        .table = table,
                        .owners = owners,
                        .n_owners = 2}};
        says = OUTCOME_OK;
        silent = false;
        n_heard = n_gone = 0;
        clock_fake_init(&clk, 1800000000);
        assert_int_equal(loop_new(&l, &clk.clock), 0);
        assert_int_equal(packet_listen_path(&listener, l, sock, 0666, daemon_accepted, NULL), 0);
        return 0;
}

static void start(void)
{
        assert_int_equal(account_new(&a, l, &where, on_gone, NULL), 0);
        assert_int_equal(reporter_new(&r, l, &where, on_gone, NULL), 0);
        turn();
}

static int teardown(void **state)
{
        char lock[80];

        (void)state;
        a = account_free(a);
        r = reporter_free(r);
        conn = packet_conn_free(conn);
        listener = packet_listener_free(listener);
        l = loop_free(l);
        snprintf(lock, sizeof lock, "%s.lock", table);
        unlink(lock);
        unlink(table);
        unlink(sock);
        return rmdir(dir);
}

static enum outcome look(void)
{
        struct err err = ERR_INIT;
        enum outcome o;

        loop_turn(l, &clk, 1000);
        o = account_check(a, &err);
        assert_true(o == OUTCOME_OK ? !err.text[0] : err.text[0] != 0);
        turn();
        return o;
}

static void who_is_locked_expired_or_removed_gets_nothing_more(void **state)
{
        (void)state;
        put(0, 0);
        start();
        assert_int_equal(look(), OUTCOME_OK);
        put(TABLE_USER_LOCKED, 0);
        assert_int_equal(account_check(a, NULL), OUTCOME_OK); // within the second
        assert_int_equal(look(), OUTCOME_ACCOUNT_LOCKED);
        assert_string_equal(gone_why, "this account is locked");
        put(0, 0);
        assert_int_equal(look(), OUTCOME_OK);
        put(0, 1800000001);
        assert_int_equal(look(), OUTCOME_ACCOUNT_EXPIRED);
        put(0, 0);
        assert_int_equal(look(), OUTCOME_OK);
        put(UINT32_MAX, 0);
        assert_int_equal(look(), OUTCOME_NOT_OURS);
        assert_string_equal(gone_why, "this account was removed");
}

// Nobody asks for anything: it is found all the same.
static void a_lock_is_found_within_a_minute(void **state)
{
        (void)state;
        put(0, 0);
        start();
        put(TABLE_USER_LOCKED, 0);
        loop_turn(l, &clk, 50000);
        assert_int_equal(n_gone, 0);
        loop_turn(l, &clk, 11000);
        turn();
        assert_int_equal(n_gone, 1);
}

static void a_table_that_cannot_be_read_ends_nothing(void **state)
{
        (void)state;
        put(0, 0);
        start();
        assert_int_equal(look(), OUTCOME_OK);
        assert_int_equal(chmod(table, 0666), 0);
        assert_int_equal(look(), OUTCOME_OK);
        unlink(table);
        assert_int_equal(look(), OUTCOME_OK);
        assert_int_equal(n_gone, 0);
        // But it unlocks nobody either.
        put(TABLE_USER_LOCKED, 0);
        assert_int_equal(look(), OUTCOME_ACCOUNT_LOCKED);
        unlink(table);
        assert_int_equal(look(), OUTCOME_ACCOUNT_LOCKED);
}

static void who_was_never_valetkeys_is_left_alone(void **state)
{
        (void)state;
        start();
        assert_int_equal(look(), OUTCOME_OK); // there is no table
        put(UINT32_MAX, 0);
        assert_int_equal(look(), OUTCOME_OK);
        assert_int_equal(n_gone, 0);
        assert_int_equal(account_check(NULL, NULL), OUTCOME_OK);
}

static void renew(void)
{
        cleanup_secret struct secret *token = NULL;

        assert_int_equal(secret_new_str(&token, "a.b.c"), 0);
        reporter_renewed(r, token);
        turn();
}

static void a_renewal_is_told_once(void **state)
{
        (void)state;
        start();
        renew();
        assert_int_equal(n_heard, 1);
        assert_string_equal(heard_token, "a.b.c");
        says = OUTCOME_BUSY;
        renew();
        assert_int_equal(n_heard, 2);
        silent = true;
        renew();
        assert_int_equal(n_heard, 3);
        loop_turn(l, &clk, 3600000);
        turn();
        assert_int_equal(n_heard, 3);
        assert_int_equal(n_gone, 0);
}

static void a_refusal_is_told_until_it_is_heard(void **state)
{
        (void)state;
        start();
        conn = packet_conn_free(conn);
        listener = packet_listener_free(listener); // valetkeyd is being restarted
        reporter_refused(r, "https://idp.example", "s1", OUTCOME_NEEDS_LOGIN);
        turn();
        assert_int_equal(n_heard, 0);
        assert_int_equal(packet_listen_path(&listener, l, sock, 0666, daemon_accepted, NULL), 0);
        says = OUTCOME_INTERNAL; // its table cannot be written
        loop_turn(l, &clk, 5000);
        turn();
        assert_int_equal(n_heard, 1);
        says = OUTCOME_OK;
        loop_turn(l, &clk, 10000);
        turn();
        assert_int_equal(n_heard, 2);
        assert_int_equal(heard_outcome, OUTCOME_NEEDS_LOGIN);
        assert_string_equal(heard_subject, "s1");
        loop_turn(l, &clk, 3600000);
        turn();
        assert_int_equal(n_heard, 2);
}

static void something_newer_takes_its_place(void **state)
{
        (void)state;
        start();
        silent = true;
        reporter_refused(r, "https://idp.example", "s1", OUTCOME_ACCESS_DENIED);
        turn();
        silent = false;
        renew();
        assert_int_equal(n_heard, 2);
        assert_string_equal(heard_token, "a.b.c");
        loop_turn(l, &clk, 3600000);
        turn();
        assert_int_equal(n_heard, 2);
}

static void a_no_of_valetkeyds_ends_the_grant(void **state)
{
        static const enum outcome ends[] = {OUTCOME_ACCOUNT_LOCKED, OUTCOME_ACCOUNT_EXPIRED,
                OUTCOME_ACCESS_DENIED},
                                  leaves[] = {OUTCOME_NOTHING, OUTCOME_NOT_OURS, OUTCOME_WRONG_SUBJECT,
                                          OUTCOME_TOKEN_REJECTED, OUTCOME_BUSY, OUTCOME_INTERNAL,
                                          OUTCOME_INVALID_REQUEST};

        (void)state;
        start();
        for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
                says = ends[i];
                renew();
                assert_int_equal(n_gone, i + 1);
                assert_string_equal(gone_why, "It is?[2J so");
        }
        for (size_t i = 0; i < ARRAY_SIZE(leaves); i++) {
                says = leaves[i];
                renew();
                assert_int_equal(n_gone, ARRAY_SIZE(ends));
        }
}

static void nobody_to_tell(void **state)
{
        (void)state;
        start();
        assert_false(account_is_ours(a)); // then the broker has none
        assert_false(account_is_ours(NULL));
        reporter_refused(NULL, "x", "y", OUTCOME_NEEDS_LOGIN);
        reporter_renewed(NULL, NULL);
        put(0, 0);
        assert_int_equal(look(), OUTCOME_OK);
        assert_true(account_is_ours(a));
}

static int make_and_tell(void)
{
        cleanup_secret struct secret *token = NULL;
        int n = secret_new_str(&token, "a.b.c");

        if (n == 0)
                n = account_new(&a, l, &where, on_gone, NULL);
        if (n == 0)
                n = reporter_new(&r, l, &where, on_gone, NULL);
        if (n == 0) {
                reporter_refused(r, "https://idp.example", "s1", OUTCOME_NEEDS_LOGIN);
                reporter_renewed(r, token);
                (void)account_check(a, NULL);
                for (unsigned i = 0; i < 20; i++)
                        (void)loop_run_once(l, 0);
        }
        a = account_free(a);
        r = reporter_free(r);
        return n;
}

static void memory_may_run_out(void **state)
{
        int n = 0;

        (void)state;
        put(0, 0);
        FAULT_EACH(300, n = make_and_tell())
        {
                assert_true(n == 0 || n == -ENOMEM);
                fault_fail_nth(0);
                turn();
        }
        assert_int_equal(n, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
                T(who_is_locked_expired_or_removed_gets_nothing_more),
                T(a_lock_is_found_within_a_minute),
                T(a_table_that_cannot_be_read_ends_nothing),
                T(who_was_never_valetkeys_is_left_alone),
                T(a_renewal_is_told_once),
                T(a_refusal_is_told_until_it_is_heard),
                T(something_newer_takes_its_place),
                T(a_no_of_valetkeyds_ends_the_grant),
                T(nobody_to_tell),
                T(memory_may_run_out),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
