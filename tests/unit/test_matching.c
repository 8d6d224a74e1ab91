// SPDX-License-Identifier: Apache-2.0
//
// Whose sign-in it was: every answer of a valetkeyd on the same loop, every way of not getting one, and what the tables say then.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fault.h"
#include "matching.h"
#include "packet.h"
#include "protocol.h"
#include "write.h"

#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>

#define NOBODY    65534u
#define FEDERATED (TABLE_UID_MIN + 7)

static struct clock_fake clk;
static struct loop *l;
static struct packet_listener *listener;
static struct packet_conn *conn;
static char dir[] = "/tmp/vk-matching-XXXXXX", sock[64], table[64], root_table[64];
static uid_t owners[2];
static struct matching_where where;
static struct matching *m;

static uint32_t says; // an outcome; OUTCOME_OK: yes
static enum {
        ANSWER,
        NO_ANSWER,
        HANG_UP,
        NONSENSE
} how;
static unsigned n_asked, n_done;
static enum outcome outcome;
static struct err said;

static void daemon_frame(struct packet_conn *p, const struct frame *f, int *fds, size_t n_fds, void *arg)
{
        char issuer[64], subject[64];
        uint8_t room[256];
        struct frame_writer w;

        (void)fds, (void)n_fds, (void)arg;
        assert_int_equal(f->type, MSG_VERIFY);
        assert_true(frame_get_str(f, TAG_ISSUER, issuer, sizeof issuer));
        assert_true(frame_get_str(f, TAG_SUBJECT, subject, sizeof subject));
        assert_string_equal(issuer, "https://idp.example");
        assert_string_equal(subject, "s1");
        n_asked++;
        if (how == NO_ANSWER)
                return;
        if (how == HANG_UP) {
                conn = packet_conn_free(p);
                return;
        }
        frame_begin(&w, room, sizeof room,
                how == NONSENSE      ? MSG_GRANT
                : says == OUTCOME_OK ? MSG_OK
                                     : MSG_ERROR);
        if (how == ANSWER && says != OUTCOME_OK) {
                frame_put_u32(&w, TAG_OUTCOME, says);
                frame_put_str(&w, TAG_MESSAGE, "No,\x1b[2Jit is not.");
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

static void put(const char *path, enum table_kind kind, const char *name, uint32_t uid)
{
        struct table_user u = {.uid = uid, .gid = uid};
        struct table_edit *e;

        snprintf(u.name, sizeof u.name, "%s", name);
        snprintf(u.issuer, sizeof u.issuer, "https://idp.example");
        snprintf(u.subject, sizeof u.subject, "s1");
        if (kind == TABLE_FEDERATED) {
                snprintf(u.home, sizeof u.home, "/home/%s", name);
                snprintf(u.shell, sizeof u.shell, "/bin/sh");
        }
        assert_int_equal(table_edit_begin(&e, path, kind, owners, 2, 0), 0);
        assert_int_equal(table_edit_add(e, &u), 0);
        assert_int_equal(table_edit_commit(e), 0);
        table_edit_free(e);
}

static void on_done(void *arg, enum outcome o, const struct err *err)
{
        (void)arg;
        n_done++;
        outcome = o;
        said = *err;
        m = matching_free(m);
}

static int setup(void **state)
{
        (void)state;
        snprintf(dir, sizeof dir, "/tmp/vk-matching-XXXXXX");
        if (!mkdtemp(dir))
                return -1;
        snprintf(sock, sizeof sock, "%s/claim.sock", dir);
        snprintf(table, sizeof table, "%s/users", dir);
        snprintf(root_table, sizeof root_table, "%s/local", dir);
        owners[1] = geteuid();
        where = (struct matching_where){.claim_path = sock,
                .server_uid = geteuid(),
                .uid = FEDERATED,
                .tables = {.passwd = "/etc/passwd",
                        .root_table = root_table,
                        .table = table,
                        .owners = owners,
                        .n_owners = 2}};
        says = OUTCOME_OK;
        how = ANSWER;
        n_asked = n_done = 0;
        clock_fake_init(&clk, 1800000000);
        assert_int_equal(loop_new(&l, &clk.clock), 0);
        assert_int_equal(packet_listen_path(&listener, l, sock, 0666, daemon_accepted, NULL), 0);
        return 0;
}

static void nobody_listens(void)
{
        conn = packet_conn_free(conn);
        listener = packet_listener_free(listener);
}

static int teardown(void **state)
{
        char lock[80];

        (void)state;
        m = matching_free(m);
        nobody_listens();
        l = loop_free(l);
        for (int i = 0; i < 2; i++) {
                snprintf(lock, sizeof lock, "%s.lock", i ? table : root_table);
                unlink(lock);
        }
        unlink(table);
        unlink(root_table);
        unlink(sock);
        return rmdir(dir);
}

static void ask(void)
{
        said = (struct err)ERR_INIT;
        n_done = 0;
        assert_int_equal(matching_start(&m, l, &where, "https://idp.example", "s1", on_done, NULL), 0);
        assert_int_equal(n_done, 0); // never from inside
        for (unsigned i = 0; i < 40 && !n_done; i++)
                loop_run_once(l, 0);
}

static enum outcome ask_now(void)
{
        ask();
        assert_int_equal(n_done, 1);
        return outcome;
}

static void what_it_says_is_what_counts(void **state)
{
        static const struct {
                enum outcome says, means;
        } rows[] = {{OUTCOME_OK, OUTCOME_OK}, {OUTCOME_WRONG_SUBJECT, OUTCOME_WRONG_SUBJECT},
                {OUTCOME_ACCOUNT_LOCKED, OUTCOME_ACCOUNT_LOCKED}, {OUTCOME_INTERNAL, OUTCOME_INTERNAL},
                {OUTCOME_NOT_OURS, OUTCOME_OK}, {OUTCOME_BUSY, OUTCOME_BUSY}};

        (void)state;
        put(table, TABLE_FEDERATED, "alice", FEDERATED);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                says = rows[i].says;
                assert_int_equal(ask_now(), rows[i].means);
                assert_int_equal(n_asked, i + 1);
                assert_null(strchr(said.text, '\x1b'));
                assert_true(outcome == OUTCOME_OK || said.text[0]);
        }
}

static void no_answer_is_no_for_who_is_in_a_table(void **state)
{
        (void)state;
        put(table, TABLE_FEDERATED, "alice", FEDERATED);
        how = HANG_UP;
        assert_int_equal(ask_now(), OUTCOME_NO_DAEMON);
        how = NONSENSE;
        assert_int_equal(ask_now(), OUTCOME_NO_DAEMON);
        how = ANSWER;
        says = OUTCOME_INVALID_REQUEST; // it does not know the question
        assert_int_equal(ask_now(), OUTCOME_NO_DAEMON);
        how = NO_ANSWER;
        ask();
        assert_int_equal(n_done, 0);
        loop_turn(l, &clk, 2900);
        assert_int_equal(n_done, 0);
        loop_turn(l, &clk, 200);
        assert_int_equal(n_done, 1);
        assert_int_equal(outcome, OUTCOME_NO_DAEMON);
        assert_non_null(strstr(said.text, "valetkeyd"));
        where.server_uid = 4242; // whoever listens there
        if (geteuid() != 0)
                assert_int_equal(ask_now(), OUTCOME_NO_DAEMON);
        nobody_listens();
        assert_int_equal(ask_now(), OUTCOME_NO_DAEMON);
}

static void no_answer_is_no_for_a_local_user_in_roots_table(void **state)
{
        const struct passwd *pw = getpwuid(NOBODY);

        (void)state;
        if (!pw) {
                skip();
                return; // which it does itself, unseen by analysers
        }
        where.uid = NOBODY;
        nobody_listens();
        put(table, TABLE_FEDERATED, "alice", FEDERATED);
        assert_int_equal(ask_now(), OUTCOME_OK); // not valetkey's
        put(root_table, TABLE_LOCAL, pw->pw_name, TABLE_UID_NONE);
        assert_int_equal(ask_now(), OUTCOME_NO_DAEMON);
}

static void without_valetkeyd_nobody_is_asked(void **state)
{
        (void)state;
        nobody_listens();
        assert_int_equal(ask_now(), OUTCOME_OK); // no table at all
        put(table, TABLE_FEDERATED, "bob", FEDERATED + 1);
        assert_int_equal(ask_now(), OUTCOME_OK); // it is another's
}

static void a_table_that_cannot_be_believed_is_no(void **state)
{
        FILE *f;

        (void)state;
        nobody_listens();
        f = fopen(table, "we");
        assert_non_null(f);
        fputs("no table", f);
        fclose(f);
        assert_int_equal(ask_now(), OUTCOME_NO_DAEMON);
        unlink(table);
        put(table, TABLE_FEDERATED, "bob", FEDERATED + 1);
        assert_int_equal(chmod(table, 0666), 0);
        assert_int_equal(ask_now(), OUTCOME_NO_DAEMON);
}

static void who_leaves_is_not_called(void **state)
{
        (void)state;
        how = NO_ANSWER;
        ask();
        m = matching_free(m);
        loop_turn(l, &clk, 10000);
        assert_int_equal(n_done, 0);
}

static int start_and_leave(void)
{
        int r = matching_start(&m, l, &where, "https://idp.example", "s1", on_done, NULL);

        for (unsigned i = 0; r == 0 && i < 40 && m; i++)
                loop_run_once(l, 0);
        m = matching_free(m);
        return r;
}

static void memory_that_runs_out_is_never_a_yes(void **state)
{
        int r;

        (void)state;
        put(table, TABLE_FEDERATED, "alice", FEDERATED);
        says = OUTCOME_WRONG_SUBJECT;
        outcome = OUTCOME_WRONG_SUBJECT;
        FAULT_EACH(200, r = start_and_leave())
        {
                assert_true(r == 0 || r == -ENOMEM);
                assert_true(outcome != OUTCOME_OK);
                fault_fail_nth(0);
                for (unsigned i = 0; i < 10; i++)
                        loop_run_once(l, 0);
        }
        assert_int_equal(outcome, OUTCOME_WRONG_SUBJECT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(what_it_says_is_what_counts, setup, teardown),
                cmocka_unit_test_setup_teardown(no_answer_is_no_for_who_is_in_a_table, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        no_answer_is_no_for_a_local_user_in_roots_table, setup, teardown),
                cmocka_unit_test_setup_teardown(without_valetkeyd_nobody_is_asked, setup, teardown),
                cmocka_unit_test_setup_teardown(a_table_that_cannot_be_believed_is_no, setup, teardown),
                cmocka_unit_test_setup_teardown(who_leaves_is_not_called, setup, teardown),
                cmocka_unit_test_setup_teardown(memory_that_runs_out_is_never_a_yes, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
