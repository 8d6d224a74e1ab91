// SPDX-License-Identifier: Apache-2.0
//
// Whose grant it is follows from the uid the kernel names; a request has no field to ask for somebody else's. A
// connection that ends before its ACK, for whatever reason and at whatever byte, gives the grant back.
//
// The minutes between a session's start and its broker's claim are long enough for an admin to act: whoever was locked
// or removed meanwhile, or whose uid belongs to somebody else by now, has nothing to fetch any more.
#include "claim.h"

#include "admit.h"
#include "admit_uid.h"
#include "grant.h"
#include "log.h"
#include "name.h"
#include "port.h"
#include "protocol.h"
#include "report.h"

#include <stdio.h>

#define ACK_MS 10000

struct claim {
        LIST_ENTRY(claim) link;
        struct signin *signin;
        struct packet_conn *conn;
        struct timer *deadline;
        struct report *report; // is being verified
        bool offered;
};

struct claim *claim_free(struct claim *c)
{
        if (!c)
                return NULL;
        LIST_REMOVE(c, link);
        pending_release(c->signin->pending, c);
        signin_reap(c->signin);
        report_free(c->report);
        packet_conn_free(c->conn);
        timer_free(c->deadline);
        free(c);
        return NULL;
}

static void on_deadline(void *arg)
{
        claim_free(arg);
}

static void on_closed(struct packet_conn *conn _unused_, const struct err *err, void *arg)
{
        struct claim *c = arg;

        if (err->text[0] &&
                log_limit_allows(&c->signin->claim_broken, "claim.broken", loop_clock(c->signin->loop)))
                log_event(LOG_E_WARNING, "claim.broken", "uid=%u reason=%s",
                        (unsigned)packet_conn_peer(c->conn)->uid, err->text);
        claim_free(c);
}

// Sends the grant in one frame, and with it the socket of the user's loopback port where he has one. False when the
// connection is of no more use.
static bool send_grant(struct claim *c, uint64_t id, const struct secret *grant)
{
        cleanup_secret struct secret *room = NULL;
        struct err err = ERR_INIT;
        struct frame_writer w;
        uint32_t port;
        size_t n = 0;
        int fd = -1;
        uid_t uid = packet_conn_peer(c->conn)->uid;
        enum outcome o = port_of_uid(c->signin, uid, &port, &fd, &err);

        if (o != OUTCOME_OK)
                log_event(LOG_E_WARNING, "port.none", "uid=%u reason=%s", (unsigned)uid, err.text);

        if (secret_new_room(&room, FRAME_MAX) == 0) {
                frame_begin(&w, secret_bytes_mutable(room), FRAME_MAX, MSG_GRANT);
                frame_put_u64(&w, TAG_GRANT_ID, id);
                frame_put(&w, TAG_GRANT, secret_str(grant), secret_len(grant));
                n = frame_end(&w);
        }
        return n > 0 && packet_send(c->conn, secret_str(room), n, &fd, o == OUTCOME_OK) == 0;
}

// Whether a grant is of the person the account is bound to now: a name and a pinned uid can be given to somebody else while
// a grant waits. No memory to look decides nothing.
static enum outcome check_person(const struct secret *serial, const struct ours_user *u)
{
        struct grant g = {0};
        int r = grant_decode(&g, secret_str(serial), secret_len(serial), NULL);
        bool same =
                r == 0 && strcmp(g.issuer, u->entry.issuer) == 0 && strcmp(g.subject, u->entry.subject) == 0;

        grant_deinit(&g);
        if (r == -ENOMEM)
                return OUTCOME_INTERNAL;
        return same ? OUTCOME_OK : OUTCOME_NOT_OURS;
}

// Holds what waits for uid against the tables as they stand now, and drops what is nobody's any more. A table that
// cannot be read decides nothing: the grant goes on waiting.
static enum outcome check_owner(struct signin *s, uid_t uid, struct err *err)
{
        char user[NAME_MAX_USER + 1]; // a copy: dropping frees whose name it was
        struct ours_user u;
        const char *name;
        enum outcome o;

        (void)pending_reap(s->pending);
        name = pending_user(s->pending, uid);
        if (!name)
                return OUTCOME_OK; // pending_offer() says so
        snprintf(user, sizeof user, "%s", name);
        o = admit_user(&s->paths, user, clock_wall_s(loop_clock(s->loop)), &u, err);
        if (o == OUTCOME_OK)
                o = u.uid == uid ? check_person(pending_peek(s->pending, uid), &u) : OUTCOME_NOT_OURS;
        if (o != OUTCOME_OK && o != OUTCOME_INTERNAL)
                pending_drop_user(s->pending, user, outcome_info(o)->id);
        return o;
}

static void on_claim(struct claim *c)
{
        uid_t uid = packet_conn_peer(c->conn)->uid;
        const struct secret *grant;
        struct err err = ERR_INIT;
        enum outcome o;
        uint64_t id;
        int r;

        if (c->offered) {
                signin_reply_error(
                        c->conn, OUTCOME_INVALID_REQUEST, "The grant before is not acknowledged yet.");
                packet_close_after_send(c->conn);
                return;
        }
        o = check_owner(c->signin, uid, &err);
        if (o != OUTCOME_OK) {
                signin_reap(c->signin);
                signin_reply_error(c->conn, o, err.text);
                return;
        }
        r = pending_offer(c->signin->pending, uid, c, &id, &grant);
        signin_reap(c->signin);
        if (r != 0) {
                signin_reply_error(c->conn, r == PENDING_E_BUSY ? OUTCOME_BUSY : OUTCOME_NOTHING,
                        r == PENDING_E_BUSY ? "Another connection of this user is just claiming." : NULL);
                return;
        }
        if (!send_grant(c, id, grant)) {
                claim_free(c);
                return;
        }
        c->offered = true;
        timer_arm_in(c->deadline, ACK_MS);
}

static void on_ack(struct claim *c, const struct frame *f)
{
        uint64_t id;

        if (!frame_get_u64(f, TAG_GRANT_ID, &id) || pending_ack(c->signin->pending, c, id) != 0) {
                signin_reply_error(
                        c->conn, OUTCOME_UNKNOWN_HANDLE, "No grant of that number was handed out here.");
                return;
        }
        c->offered = false;
        signin_reply_ok(c->conn, NULL, NULL);
}

static void on_port(struct claim *c)
{
        struct err err = ERR_INIT;
        uint32_t port;
        int fd = -1;
        enum outcome o = port_of_uid(c->signin, packet_conn_peer(c->conn)->uid, &port, &fd, &err);

        if (o == OUTCOME_OK)
                port_reply(c->conn, port, fd);
        else
                signin_reply_error(c->conn, o, err.text);
}

// A broker asks before it keeps what a sign-in inside the session brought: is that the person this account is bound to? Only
// about the peer's own uid, and yes or no is all that is said.
static void on_verify(struct claim *c, const struct frame *f)
{
        struct signin *s = c->signin;
        struct ours_user u;
        struct err err = ERR_INIT;
        char issuer[sizeof u.entry.issuer], subject[sizeof u.entry.subject];
        enum outcome o = admit_uid(
                &s->paths, packet_conn_peer(c->conn)->uid, clock_wall_s(loop_clock(s->loop)), &u, &err);

        if (o != OUTCOME_OK) {
                signin_reply_error(c->conn, o, err.text);
                return;
        }
        // Too long for a table is nobody who stands in one; an account that is bound to nobody yet has an empty subject.
        if (frame_get_str(f, TAG_ISSUER, issuer, sizeof issuer) &&
                frame_get_str(f, TAG_SUBJECT, subject, sizeof subject) && subject[0] &&
                strcmp(issuer, u.entry.issuer) == 0 && strcmp(subject, u.entry.subject) == 0)
                signin_reply_ok(c->conn, NULL, NULL);
        else
                signin_reply_error(c->conn, OUTCOME_WRONG_SUBJECT,
                        u.entry.subject[0] ? "This account is bound to somebody else."
                                           : "This account is not bound to anybody yet.");
}

static void answer_report(struct claim *c, enum outcome o, const char *message)
{
        if (o == OUTCOME_OK)
                signin_reply_ok(c->conn, NULL, NULL);
        else
                signin_reply_error(c->conn, o, message);
}

static void on_reported(void *arg, enum outcome o, const char *message)
{
        struct claim *c = arg;

        answer_report(c, o, message);
        c->report = report_free(c->report);
}

static void on_report(struct claim *c, const struct frame *f)
{
        struct err err = ERR_INIT;
        enum outcome o;

        c->report = report_start(c->signin, packet_conn_peer(c->conn)->uid, f, on_reported, c, &o, &err);
        if (!c->report)
                answer_report(c, o, err.text);
}

static void on_frame(
        struct packet_conn *conn, const struct frame *f, int *fds _unused_, size_t n_fds, void *arg)
{
        static const uint16_t ack_tags[] = {TAG_GRANT_ID}, verify_tags[] = {TAG_ISSUER, TAG_SUBJECT};
        struct claim *c = arg;

        timer_arm_in(c->deadline, SIGNIN_REQUEST_MS);
        if (n_fds == 0 && f->type == MSG_CLAIM && frame_only_has(f, NULL, 0)) {
                on_claim(c);
        } else if (n_fds == 0 && f->type == MSG_PORT && frame_only_has(f, NULL, 0)) {
                on_port(c);
        } else if (n_fds == 0 && f->type == MSG_ACK && frame_only_has(f, ack_tags, ARRAY_SIZE(ack_tags))) {
                on_ack(c, f);
        } else if (n_fds == 0 && f->type == MSG_VERIFY &&
                   frame_only_has(f, verify_tags, ARRAY_SIZE(verify_tags)) && frame_find(f, TAG_ISSUER) &&
                   frame_find(f, TAG_SUBJECT)) {
                on_verify(c, f);
        } else if (n_fds == 0 && f->type == MSG_REPORT && !c->report && report_is_one(f)) {
                on_report(c, f);
        } else {
                signin_reply_error(conn, OUTCOME_INVALID_REQUEST, NULL);
                packet_close_after_send(conn);
        }
}

void claim_accepted(struct packet_conn *conn, void *arg)
{
        static const struct packet_handlers handlers = {.frame = on_frame, .closed = on_closed};
        struct signin *s = arg;
        struct claim *c = calloc(1, sizeof *c);

        if (!c || timer_new(&c->deadline, s->loop, on_deadline, c) < 0) {
                free(c);
                packet_conn_free(conn);
                return;
        }
        c->signin = s;
        c->conn = conn;
        LIST_INSERT_HEAD(&s->claims, c, link);
        timer_arm_in(c->deadline, SIGNIN_REQUEST_MS);
        packet_conn_set(conn, &handlers, c);
}
