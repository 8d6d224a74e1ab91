// SPDX-License-Identifier: Apache-2.0
//
// The claims client against a valetkeyd on the same loop that does what each test wants of it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "claims.h"
#include "fault.h"
#include "packet.h"
#include "protocol.h"

#include <stdio.h>

enum after_ack {
        CONFIRM,
        HANG_UP,      // having forgotten the grant
        HANG_UP_DEAF, // not having heard the ACK
        REFUSE,
        SAY_NOTHING,
};

static struct clock_fake clk;
static struct loop *l;
static struct claims *c;
static struct packet_listener *listener;
static struct packet_conn *conn;
static char path[64];
static unsigned n_claims, n_acks, n_claimed, n_looked, waiting; // waiting: grants that the daemon still has
static bool acceptable;
static enum after_ack after_ack;
static char claimed_subject[32];

// When memory fails the daemon it hangs up.
static void daemon_send(const void *room, size_t n)
{
        if (packet_send(conn, room, n, NULL, 0) < 0)
                conn = packet_conn_free(conn);
}

static void send_plain(uint16_t type, uint32_t outcome)
{
        uint8_t room[64];
        struct frame_writer w;

        frame_begin(&w, room, sizeof room, type);
        if (type == MSG_ERROR)
                frame_put_u32(&w, TAG_OUTCOME, outcome);
        daemon_send(room, frame_end(&w));
}

static void send_grant(void)
{
        static uint8_t room[FRAME_MAX];
        char corp[] = "corp", issuer[] = "https://idp.example", client[] = "valetkey", subject[16],
             alice[] = "alice";
        struct grant g = {.type = SOURCE_OIDC,
                .identity = corp,
                .issuer = issuer,
                .client_id = client,
                .subject = subject,
                .display = alice,
                .id_token_exp_s = 1,
                .signed_in_at_s = 1};
        struct secret *bytes = NULL;
        struct frame_writer w;

        snprintf(subject, sizeof subject, "s%u", waiting);
        if (secret_new_str(&g.id_token, subject) < 0 || grant_encode(&bytes, &g) < 0) {
                secret_free(g.id_token);
                conn = packet_conn_free(conn);
                return;
        }
        frame_begin(&w, room, sizeof room, MSG_GRANT);
        frame_put_u64(&w, TAG_GRANT_ID, waiting);
        frame_put(&w, TAG_GRANT, secret_str(bytes), secret_len(bytes));
        daemon_send(room, frame_end(&w));
        secret_free(bytes);
        secret_free(g.id_token);
}

static void daemon_frame(struct packet_conn *p, const struct frame *f, int *fds, size_t n_fds, void *arg)
{
        uint64_t id;

        (void)fds, (void)n_fds, (void)arg;
        if (f->type == MSG_CLAIM) {
                n_claims++;
                if (waiting)
                        send_grant();
                else
                        send_plain(MSG_ERROR, OUTCOME_NOTHING);
                return;
        }
        assert_int_equal(f->type, MSG_ACK);
        assert_true(frame_get_u64(f, TAG_GRANT_ID, &id));
        assert_int_equal(id, waiting);
        n_acks++;
        assert_string_not_equal(claimed_subject, "used too early");
        switch (after_ack) {
        case CONFIRM:
                waiting--;
                send_plain(MSG_OK, 0);
                break;
        case HANG_UP:
                waiting--;
                after_ack = CONFIRM;
                conn = packet_conn_free(p);
                break;
        case HANG_UP_DEAF:
                after_ack = CONFIRM;
                conn = packet_conn_free(p);
                break;
        case REFUSE:
                waiting--;
                after_ack = CONFIRM;
                send_plain(MSG_ERROR, OUTCOME_UNKNOWN_HANDLE);
                break;
        case SAY_NOTHING:
                break;
        }
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

static bool on_acceptable(const struct grant *g, struct err *err, void *arg)
{
        (void)arg;
        assert_string_equal(g->identity, "corp");
        if (!acceptable)
                err_set(err, "not here");
        return acceptable;
}

static void on_claimed(struct grant *g, void *arg)
{
        (void)arg;
        n_claimed++;
        snprintf(claimed_subject, sizeof claimed_subject, "%s", g->subject);
        grant_deinit(g);
        *g = (struct grant){0};
}

// What a store holds after each change: it must be there when the ACK goes out, and gone once it is used.
static bool stores;
static unsigned n_stored, acks_when_stored;
static char stored_subject[64];

static bool on_store(void *arg)
{
        const struct grant *g;
        uint64_t id;

        (void)arg;
        g = claims_get_pending(c, &id);
        snprintf(stored_subject, sizeof stored_subject, "%s", g ? g->subject : "");
        if (g) {
                acks_when_stored = n_acks;
                n_stored++;
        }
        return stores;
}

static const struct claims_events events = {
        .acceptable = on_acceptable, .claimed = on_claimed, .store = on_store};

static void on_looked(void *arg)
{
        struct claims_waiter **w = arg;

        n_looked++;
        *w = claims_waiter_free(*w);
}

// Lets both sides talk until nothing moves.
static void settle(void)
{
        for (unsigned i = 0; i < 60; i++)
                loop_run_once(l, 0);
}

static int setup(void **state)
{
        (void)state;
        n_claims = n_acks = n_claimed = n_looked = waiting = 0;
        acceptable = stores = true;
        n_stored = acks_when_stored = 0;
        stored_subject[0] = 0;
        after_ack = CONFIRM;
        claimed_subject[0] = 0;
        clock_fake_init(&clk, 1800000000);
        snprintf(path, sizeof path, "/tmp/vk-claims-%d", (int)getpid());
        assert_int_equal(loop_new(&l, &clk.clock), 0);
        assert_int_equal(packet_listen_path(&listener, l, path, 0666, daemon_accepted, NULL), 0);
        assert_int_equal(claims_new(&c, l, path, geteuid(), &events, NULL), 0);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        c = claims_free(c);
        conn = packet_conn_free(conn);
        listener = packet_listener_free(listener);
        l = loop_free(l);
        return 0;
}

static void everything_that_waits_is_claimed_in_one_look(void **state)
{
        struct claims_waiter *w = NULL;

        (void)state;
        waiting = 3;
        assert_int_equal(claims_wait_start(&w, c, on_looked, &w), 0);
        assert_int_equal(n_looked, 0);
        settle();
        assert_int_equal(n_looked, 1);
        assert_int_equal(n_claimed, 3);
        assert_int_equal(n_acks, 3);
        assert_int_equal(n_claims, 4);
        assert_string_equal(claimed_subject, "s1");
        claims_look(c);
        settle();
        assert_int_equal(n_claims, 5);
        assert_int_equal(n_claimed, 3);
}

static void it_is_stored_before_it_is_acknowledged(void **state)
{
        struct claims_waiter *w = NULL;
        const char *print;

        (void)state;
        waiting = 2;
        assert_int_equal(claims_wait_start(&w, c, on_looked, &w), 0);
        settle();
        assert_int_equal(n_stored, 2);
        assert_int_equal(acks_when_stored, 1); // the second was not yet
        assert_int_equal(n_acks, 2);
        assert_string_equal(stored_subject, ""); // used: it is the keeper's now
        (void)claims_get_used(c, &print);
        assert_int_equal(strlen(print), 8);
        stores = false;
        waiting = 1;
        assert_int_equal(claims_wait_start(&w, c, on_looked, &w), 0);
        settle();
        assert_int_equal(n_looked, 2);
        assert_int_equal(n_claimed, 2);
        assert_int_equal(n_acks, 2); // it stays with valetkeyd
        assert_string_equal(stored_subject, "");
}

static void looks_are_not_piled_up(void **state)
{
        struct claims_waiter *w[20] = {NULL};

        (void)state;
        for (size_t i = 0; i < 20; i++)
                assert_int_equal(claims_wait_start(&w[i], c, on_looked, &w[i]), 0);
        settle();
        assert_int_equal(n_looked, 20);
        assert_in_range(n_claims, 1, 2);
}

static void a_look_that_began_before_does_not_count(void **state)
{
        struct claims_waiter *w = NULL;

        (void)state;
        claims_look(c);
        for (unsigned i = 0; i < 50 && n_claims == 0; i++)
                loop_run_once(l, 0);
        assert_int_equal(n_claims, 1); // it was answered with "nothing"; now somebody signs in
        waiting = 1;
        assert_int_equal(claims_wait_start(&w, c, on_looked, &w), 0);
        settle();
        assert_int_equal(n_looked, 1);
        assert_int_equal(n_claimed, 1);
}

static void what_is_not_acceptable_stays_there(void **state)
{
        struct claims_waiter *w = NULL;

        (void)state;
        waiting = 1;
        acceptable = false;
        assert_int_equal(claims_wait_start(&w, c, on_looked, &w), 0);
        settle();
        assert_int_equal(n_looked, 1);
        assert_int_equal(n_acks, 0);
        assert_int_equal(n_claimed, 0);
        assert_int_equal(waiting, 1);
}

static void an_answer_that_is_lost_is_asked_for_again(void **state)
{
        (void)state;
        for (unsigned deaf = 0; deaf < 2; deaf++) {
                n_claimed = 0;
                waiting = 1 + deaf;
                if (deaf)
                        waiting = 1;
                after_ack = deaf ? HANG_UP_DEAF : HANG_UP;
                claims_free(c);
                assert_int_equal(claims_new(&c, l, path, geteuid(), &events, NULL), 0);
                claims_look(c);
                settle();
                assert_int_equal(n_claimed, 0); // not used while nobody knows
                loop_turn(l, &clk, 100);
                settle();
                assert_int_equal(n_claimed, 1);
                assert_int_equal(waiting, 0);
        }
}

static void a_daemon_that_died_has_nothing_any_more(void **state)
{
        (void)state;
        waiting = 1;
        after_ack = HANG_UP_DEAF;
        claims_look(c);
        for (unsigned i = 0; i < 50 && n_acks == 0; i++)
                loop_run_once(l, 0);
        listener = packet_listener_free(listener);
        settle();
        loop_turn(l, &clk, 100);
        settle();
        assert_int_equal(n_claimed, 1);
}

static void a_grant_that_was_dropped_over_there_is_not_used(void **state)
{
        (void)state;
        waiting = 1;
        after_ack = REFUSE;
        claims_look(c);
        settle();
        assert_int_equal(n_claimed, 0);
        assert_int_equal(n_claims, 2);
}

static void the_same_grant_twice_is_used_once(void **state)
{
        struct claims_waiter *w = NULL;

        (void)state;
        waiting = 1;
        after_ack = SAY_NOTHING; // a daemon that hangs
        assert_int_equal(claims_wait_start(&w, c, on_looked, &w), 0);
        settle();
        loop_turn(l, &clk, 1300);
        settle();
        assert_int_equal(n_looked, 1);
        assert_int_equal(n_claimed, 1);
        after_ack = CONFIRM; // it wakes up and offers the same again; its refresh token may be spent by now
        claims_look(c);
        settle();
        assert_int_equal(n_acks, 2);
        assert_int_equal(waiting, 0);
        assert_int_equal(n_claimed, 1);
}

static void nobody_there_is_no_news(void **state)
{
        struct claims_waiter *w = NULL;

        (void)state;
        listener = packet_listener_free(listener);
        assert_int_equal(claims_wait_start(&w, c, on_looked, &w), 0);
        settle();
        assert_int_equal(n_looked, 1);
}

static void somebody_else_there_is_not_asked(void **state)
{
        struct claims_waiter *w = NULL;

        (void)state;
        if (geteuid() == 0) { // root may always be the one who listens: let it be somebody else
                listener = packet_listener_free(listener);
                assert_int_equal(seteuid(65534), 0);
                assert_int_equal(packet_listen_path(&listener, l, path, 0666, daemon_accepted, NULL), 0);
                assert_int_equal(seteuid(0), 0);
        }
        claims_free(c);
        assert_int_equal(claims_new(&c, l, path, geteuid() + 1, &events, NULL), 0);
        waiting = 1;
        assert_int_equal(claims_wait_start(&w, c, on_looked, &w), 0);
        settle();
        assert_int_equal(n_looked, 1);
        assert_int_equal(n_claims, 0);
}

static void memory_that_runs_out(void **state)
{
        struct claims_waiter *w = NULL;
        struct claims *other = NULL;
        int r = 0;

        (void)state;
        FAULT_EACH(20, r = claims_new(&other, l, path, 0, &events, NULL))
        {
                assert_int_equal(r, -ENOMEM);
                assert_null(other);
        }
        claims_free(other);
        FAULT_EACH(20, r = claims_wait_start(&w, c, on_looked, &w))
        {
                assert_int_equal(r, -ENOMEM);
                assert_null(w);
        }
        assert_int_equal(r, 0);
        settle();
        assert_int_equal(n_looked, 1);
        // Every allocation of a look, one after the other: the grant is claimed in the end, and never lost.
        waiting = 1;
        for (unsigned n = 1; n < 200 && n_claimed == 0; n++) {
                fault_fail_nth(n);
                claims_look(c);
                settle();
                (void)fault_struck(); // on whichever side; and none from here on
                loop_turn(l, &clk, 1300);
                settle();
        }
        assert_int_equal(n_claimed, 1);
        assert_int_equal(waiting, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(everything_that_waits_is_claimed_in_one_look),
                T(it_is_stored_before_it_is_acknowledged),
                T(looks_are_not_piled_up),
                T(a_look_that_began_before_does_not_count),
                T(what_is_not_acceptable_stays_there),
                T(an_answer_that_is_lost_is_asked_for_again),
                T(a_daemon_that_died_has_nothing_any_more),
                T(a_grant_that_was_dropped_over_there_is_not_used),
                T(the_same_grant_twice_is_used_once),
                T(nobody_there_is_no_news),
                T(somebody_else_there_is_not_asked),
                T(memory_that_runs_out),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
