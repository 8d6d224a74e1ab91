// SPDX-License-Identifier: Apache-2.0
//
// One look is: connect, CLAIM, and as long as grants come, ACK and CLAIM again, until valetkeyd has nothing.
// A machine without valetkeyd is an ordinary machine: a look that finds nobody there says nothing.
//
// When the connection breaks after the ACK went out and before the confirmation came, valetkeyd either has
// forgotten the grant or will offer it again. Both are found out by asking again; until then the grant here
// is not used. Should nobody be there any more, nobody else holds it, and it is used.
#include "claims.h"

#include "log.h"
#include "packet.h"
#include "protocol.h"

#include <stdio.h>

#define LOOK_MS    INT64_C(1200) // two of them fit into what a caller waits
#define RESUME_MS  INT64_C(50)
#define RESUME_MAX 3

struct claims_waiter {
        struct claims *claims;
        struct claims_waiter *next, **link; // link: NULL once done
        uint64_t look;                      // done when this look has ended
        void (*done)(void *arg);
        void *arg;
};

enum phase {
        IDLE,
        STARTING, // the timer will begin a look
        RESUMING, // the timer will ask again, within the look
        ASKED,    // CLAIM is out
        ACKED,    // ACK is out; pending is full
};

struct claims {
        struct loop *loop;
        char *path;
        uid_t server_uid;
        const struct claims_events *events;
        void *arg;

        enum phase phase;
        bool again;
        uint64_t look; // number of the look that runs, or ran last
        struct packet_conn *conn;
        struct timer *timer; // begins a look, and bounds it
        struct grant pending;
        uint64_t pending_id;
        bool pending_full, pending_stored, pending_acked;
        unsigned resumed;
        uint64_t
                used_id; // of the last grant used, and which one that was: should a daemon that hung offer it
        char used[9];    // again, it is acknowledged and forgotten, for its refresh token may be spent
        struct err
                refusal; // it outlives the look: valetkeyd drops what it refuses, and has nothing to say the next time
        struct claims_waiter *waiters;
};

static bool store(struct claims *c)
{
        return !c->events->store || c->events->store(c->arg);
}

static void pending_drop(struct claims *c)
{
        bool stored = c->pending_stored;

        if (c->pending_full)
                grant_deinit(&c->pending);
        c->pending = (struct grant){0};
        c->pending_full = c->pending_stored = c->pending_acked = false;
        if (stored)
                (void)store(c); // it has said why not, and there is nothing to lose
}

static void pending_use(struct claims *c)
{
        struct grant g = c->pending;
        char print[9];

        c->pending = (struct grant){0};
        c->pending_full = c->pending_stored = c->pending_acked = false;
        log_fingerprint(print, secret_str(g.id_token), secret_len(g.id_token));
        if (c->used_id != c->pending_id || strcmp(c->used, print) != 0) {
                c->used_id = c->pending_id;
                memcpy(c->used, print, sizeof c->used);
                c->events->claimed(&g, c->arg);
        }
        (void)store(c);
        grant_deinit(&g);
}

static void waiter_unlink(struct claims_waiter *w)
{
        if (!w->link)
                return;
        *w->link = w->next;
        if (w->next)
                w->next->link = w->link;
        w->link = NULL;
}

static void end_look(struct claims *c)
{
        struct claims_waiter *w;

        c->conn = packet_conn_free(c->conn);
        timer_disarm(c->timer);
        c->phase = IDLE;
        if (c->pending_acked)
                pending_use(c);
        else
                pending_drop(c);
        if (c->again) {
                c->again = false;
                c->phase = STARTING;
                timer_arm_in(c->timer, 0);
        }
        do {
                for (w = c->waiters; w && w->look > c->look; w = w->next)
                        ;
                if (w) {
                        waiter_unlink(w);
                        w->done(w->arg); // may free w, or any other, or begin a look
                }
        } while (w);
}

static void fail_look(struct claims *c, const char *what)
{
        log_event(LOG_E_WARNING, "grant.claim_failed", "reason=%s", what);
        end_look(c);
}

// A sentence without its full stop: it is part of another's.
static void note_refusal(struct claims *c, const char *what)
{
        err_clear(&c->refusal);
        err_sanitise(c->refusal.text, sizeof c->refusal.text, what, strlen(what));
        for (size_t n = strlen(c->refusal.text); n > 0 && c->refusal.text[n - 1] == '.'; n--)
                c->refusal.text[n - 1] = 0;
}

const char *claims_get_refusal(const struct claims *c)
{
        return c->refusal.text;
}

void claims_forget_refusal(struct claims *c)
{
        err_clear(&c->refusal);
}

static int send_plain(struct claims *c, uint16_t type, const uint64_t *grant_id)
{
        uint8_t room[64];
        struct frame_writer w;

        frame_begin(&w, room, sizeof room, type);
        if (grant_id)
                frame_put_u64(&w, TAG_GRANT_ID, *grant_id);
        return packet_send(c->conn, room, frame_end(&w), NULL, 0);
}

static void ask(struct claims *c)
{
        c->phase = ASKED;
        if (send_plain(c, MSG_CLAIM, NULL) < 0)
                fail_look(c, "cannot send to valetkeyd");
}

static void on_grant(struct claims *c, const struct frame *f)
{
        const struct frame_field *field = frame_find(f, TAG_GRANT);
        struct err err = ERR_INIT;
        uint64_t id;

        if (!field || !frame_get_u64(f, TAG_GRANT_ID, &id)) {
                fail_look(c, "valetkeyd's answer makes no sense");
                return;
        }
        if (c->pending_acked && id != c->pending_id)
                pending_use(c); // the one before was forgotten over there: another is offered
        pending_drop(c);
        if (grant_decode(&c->pending, field->p, field->n, &err) < 0) {
                fail_look(c, err.text[0] ? err.text : "out of memory");
                return;
        }
        c->pending_full = true;
        c->pending_id = id;
        if (!c->events->acceptable(&c->pending, &err, c->arg)) {
                note_refusal(c, err.text);
                fail_look(c, err.text);
                return;
        }
        c->pending_stored = true;
        if (!store(c)) {
                fail_look(c, "it cannot be stored");
                return;
        }
        c->phase = ACKED;
        if (send_plain(c, MSG_ACK, &id) < 0) {
                fail_look(c, "cannot send to valetkeyd");
                return;
        }
        c->pending_acked = true;
}

static void on_error(struct claims *c, const struct frame *f)
{
        char text[ERR_MAX];
        uint32_t o;

        if (!frame_get_u32(f, TAG_OUTCOME, &o)) {
                fail_look(c, "valetkeyd's answer makes no sense");
                return;
        }
        if (c->phase == ASKED && o == OUTCOME_NOTHING) {
                end_look(c);
                return;
        }
        if (c->phase == ACKED) {
                // Not ours after all: dropped by age, or replaced by a newer sign-in. The newer one is asked
                // for.
                pending_drop(c);
                log_event(LOG_E_WARNING, "grant.claim_failed", "outcome=%s", outcome_info(o)->id);
                ask(c);
                return;
        }
        if (!frame_get_str(f, TAG_MESSAGE, text, sizeof text))
                snprintf(text, sizeof text, "%s", outcome_info(o)->text);
        if (o == OUTCOME_ACCOUNT_LOCKED || o == OUTCOME_ACCOUNT_EXPIRED || o == OUTCOME_NOT_OURS)
                note_refusal(c, text);
        fail_look(c, text);
}

static void on_frame(
        struct packet_conn *conn _unused_, const struct frame *f, int *fds, size_t n_fds, void *arg)
{
        struct claims *c = arg;

        if (c->phase == ASKED && f->type == MSG_GRANT) {
                if (n_fds == 1 && c->events->port)
                        c->events->port(TAKE_FD(fds[0]), c->arg);
                on_grant(c, f);
        } else if (f->type == MSG_ERROR) {
                on_error(c, f);
        } else if (c->phase == ACKED && f->type == MSG_OK) {
                pending_use(c);
                ask(c);
        } else {
                fail_look(c, "valetkeyd's answer makes no sense");
        }
}

static void on_closed(struct packet_conn *conn _unused_, const struct err *err, void *arg)
{
        struct claims *c = arg;

        c->conn = packet_conn_free(c->conn);
        if (c->pending_acked && c->resumed++ < RESUME_MAX) {
                c->phase = RESUMING;
                timer_arm_in(c->timer, RESUME_MS);
                return;
        }
        fail_look(c, err->text[0] ? err->text : "valetkeyd closed the connection");
}

static void connect_daemon(struct claims *c)
{
        static const struct packet_handlers handlers = {.frame = on_frame, .closed = on_closed};
        uid_t uid;
        int r = packet_connect(&c->conn, c->loop, c->path);

        if (r == -ENOENT || r == -ECONNREFUSED || r == -ENOTDIR) {
                end_look(c); // nobody there: a machine without sign-ins through PAM
                return;
        }
        if (r < 0) {
                fail_look(c, strerror(-r));
                return;
        }
        uid = packet_conn_peer(c->conn)->uid;
        if (uid != 0 && uid != c->server_uid) {
                fail_look(c, "claim.sock belongs to somebody who is not valetkeyd");
                return;
        }
        packet_conn_set(c->conn, &handlers, c);
        timer_arm_in(c->timer, LOOK_MS);
        ask(c);
}

static void on_timer(void *arg)
{
        struct claims *c = arg;

        switch (c->phase) {
        case STARTING:
                c->look++;
                c->resumed = 0;
                connect_daemon(c);
                break;
        case RESUMING:
                connect_daemon(c);
                break;
        default:
                fail_look(c, "valetkeyd does not answer");
                break;
        }
}

const struct grant *claims_get_pending(const struct claims *c, uint64_t *ret_id)
{
        *ret_id = c->pending_id;
        return c->pending_stored ? &c->pending : NULL;
}

uint64_t claims_get_used(const struct claims *c, const char **ret_print)
{
        *ret_print = c->used;
        return c->used_id;
}

void claims_set_used(struct claims *c, uint64_t id, const char *print)
{
        c->used_id = id;
        snprintf(c->used, sizeof c->used, "%s", print);
}

void claims_look(struct claims *c)
{
        if (c->phase == IDLE) {
                c->phase = STARTING;
                timer_arm_in(c->timer, 0);
        } else if (c->phase != STARTING) {
                c->again = true;
        }
}

int claims_wait_start(struct claims_waiter **ret, struct claims *c, void (*done)(void *arg), void *arg)
{
        struct claims_waiter *w = calloc(1, sizeof *w);

        if (!w)
                return -ENOMEM;
        *w = (struct claims_waiter){
                .claims = c, .look = c->look + 1, .done = done, .arg = arg, .next = c->waiters};
        w->link = &c->waiters;
        if (w->next)
                w->next->link = &w->next;
        c->waiters = w;
        claims_look(c);
        *ret = w;
        return 0;
}

struct claims_waiter *claims_waiter_free(struct claims_waiter *w)
{
        if (w)
                waiter_unlink(w);
        free(w);
        return NULL;
}

int claims_new(struct claims **ret, struct loop *l, const char *path, uid_t server_uid,
        const struct claims_events *events, void *arg)
{
        struct claims *c = calloc(1, sizeof *c);
        int r = -ENOMEM;

        if (!c)
                return -ENOMEM;
        *c = (struct claims){.loop = l, .server_uid = server_uid, .events = events, .arg = arg};
        c->path = strdup(path);
        if (c->path)
                r = timer_new(&c->timer, l, on_timer, c);
        if (r < 0) {
                claims_free(c);
                return err_trace(r);
        }
        *ret = c;
        return 0;
}

struct claims *claims_free(struct claims *c)
{
        if (!c)
                return NULL;
        packet_conn_free(c->conn);
        pending_drop(c);
        timer_free(c->timer);
        free(c->path);
        free(c);
        return NULL;
}
