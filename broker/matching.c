// SPDX-License-Identifier: Apache-2.0
//
// One connection, one question. Whatever is no answer (nobody there, somebody else's socket, a frame that makes no sense, an older
// valetkeyd, silence) is the same: then the tables decide, and a table that cannot be read decides for "no".
#include "matching.h"

#include "account.h"
#include "log.h"
#include "packet.h"
#include "protocol.h"

#include <pwd.h>
#include <stdio.h>

#define ANSWER_MS INT64_C(3000)

struct matching {
        const struct matching_where *where;
        struct packet_conn *conn;
        struct timer *timer; // waits for the answer; then tells
        bool settled;
        enum outcome outcome;
        struct err err;
        matching_done_fn done;
        void *arg;
};

static void settle(struct matching *m, enum outcome o)
{
        m->conn = packet_conn_free(m->conn);
        m->settled = true;
        m->outcome = o;
        if (o != OUTCOME_OK && !m->err.text[0])
                err_set(&m->err, "%s", outcome_info(o)->text);
        timer_arm_in(m->timer, 0);
}

// ---- without an answer

static void unanswered(struct matching *m, const char *why)
{
        const struct passwd *pw = getpwuid(m->where->uid);
        struct ours_user u;

        account_find(&u, m->where, pw ? pw->pw_name : NULL);
        if (u.fault == TABLE_E_MISSING || (u.kind == OURS_NOT && !u.fault)) {
                log_event(LOG_E_NOTICE, "signin.not_matched", "reason=%s", why);
                settle(m, OUTCOME_OK);
                return;
        }
        log_event(LOG_E_WARNING, "signin.cannot_match", "reason=%s table=%s", why,
                u.fault ? table_result_text(u.fault) : "this user is in it");
        err_set(&m->err,
                "whether it is the person this account is bound to cannot be told: valetkeyd does not "
                "answer (%s)",
                why);
        settle(m, OUTCOME_NO_DAEMON);
}

// ---- with one

static void on_error(struct matching *m, const struct frame *f)
{
        char text[ERR_MAX];
        uint32_t o;

        if (!frame_get_u32(f, TAG_OUTCOME, &o) || o == OUTCOME_OK || o == OUTCOME_INVALID_REQUEST) {
                unanswered(m, "its answer makes no sense");
        } else if (o == OUTCOME_NOT_OURS) {
                log_event(LOG_E_NOTICE, "signin.not_matched", "reason=%s", "this user is bound to nobody");
                settle(m, OUTCOME_OK);
        } else {
                if (frame_get_str(f, TAG_MESSAGE, text, sizeof text))
                        err_sanitise(m->err.text, sizeof m->err.text, text, strlen(text));
                settle(m, o);
        }
}

static void on_frame(struct packet_conn *conn _unused_, const struct frame *f, int *fds _unused_,
        size_t n_fds _unused_, void *arg)
{
        struct matching *m = arg;

        if (f->type == MSG_OK)
                settle(m, OUTCOME_OK);
        else if (f->type == MSG_ERROR)
                on_error(m, f);
        else
                unanswered(m, "its answer makes no sense");
}

static void on_closed(struct packet_conn *conn _unused_, const struct err *err, void *arg)
{
        unanswered(arg, err->text[0] ? err->text : "it closed the connection");
}

static void on_timer(void *arg)
{
        struct matching *m = arg;

        if (m->settled)
                m->done(m->arg, m->outcome, &m->err); // may free m
        else
                unanswered(m, "not in time");
}

static void ask(struct matching *m, struct loop *l, const char *issuer, const char *subject)
{
        static const struct packet_handlers handlers = {.frame = on_frame, .closed = on_closed};
        uint8_t room[8192];
        struct frame_writer w;
        uid_t uid;
        int r = packet_connect(&m->conn, l, m->where->claim_path);

        if (r < 0) {
                unanswered(m, r == -ENOENT || r == -ENOTDIR ? "there is none" : strerror(-r));
                return;
        }
        uid = packet_conn_peer(m->conn)->uid;
        if (uid != 0 && uid != m->where->server_uid) {
                unanswered(m, "its socket belongs to somebody else");
                return;
        }
        packet_conn_set(m->conn, &handlers, m);
        timer_arm_in(m->timer, ANSWER_MS);
        frame_begin(&w, room, sizeof room, MSG_VERIFY);
        frame_put_str(&w, TAG_ISSUER, issuer);
        frame_put_str(&w, TAG_SUBJECT, subject);
        if (packet_send(m->conn, room, frame_end(&w), NULL, 0) < 0)
                unanswered(m, "it cannot be asked");
}

int matching_start(struct matching **ret, struct loop *l, const struct matching_where *where,
        const char *issuer, const char *subject, matching_done_fn done, void *arg)
{
        struct matching *m = calloc(1, sizeof *m);
        int r;

        if (!m)
                return -ENOMEM;
        *m = (struct matching){.where = where, .done = done, .arg = arg};
        r = timer_new(&m->timer, l, on_timer, m);
        if (r < 0) {
                matching_free(m);
                return err_trace(r);
        }
        ask(m, l, issuer, subject);
        *ret = m;
        return 0;
}

struct matching *matching_free(struct matching *m)
{
        if (!m)
                return NULL;
        packet_conn_free(m->conn);
        if (m->timer)
                timer_free(m->timer);
        free(m);
        return NULL;
}
