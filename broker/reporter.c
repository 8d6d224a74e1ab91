// SPDX-License-Identifier: Apache-2.0
//
// A renewal that is not heard is told again with the next one. A refusal is the last thing this grant has to say, so it waits
// for a valetkeyd that is being restarted.
#include "reporter.h"

#include "log.h"
#include "packet.h"
#include "protocol.h"

#define ANSWER_MS INT64_C(10000)
#define AGAIN_MS  INT64_C(5000) // then twice as long, up to
#define LATEST_MS INT64_C(600000)

struct reporter {
        struct loop *loop;
        const struct matching_where *where;
        struct packet_conn *conn;
        struct timer *timer;  // begins, waits for the answer, or for the next try
        struct secret *frame; // what is to be told; NULL: nothing is
        bool refusal;
        int64_t again_ms;
        void (*gone)(void *arg, const char *why);
        void *arg;
};

static void begin(struct reporter *r, struct secret **frame, bool refusal)
{
        r->conn = packet_conn_free(r->conn);
        secret_move(&r->frame, frame);
        r->refusal = refusal;
        r->again_ms = AGAIN_MS;
        timer_arm_in(r->timer, 0);
}

static void told(struct reporter *r)
{
        r->conn = packet_conn_free(r->conn);
        r->frame = secret_free(r->frame);
        timer_disarm(r->timer);
}

static void failed(struct reporter *r, const char *why)
{
        log_event(LOG_E_INFO, "report.not_heard", "of=%s reason=%s", r->refusal ? "refusal" : "renewal", why);
        if (!r->refusal) {
                told(r);
                return;
        }
        r->conn = packet_conn_free(r->conn);
        timer_arm_in(r->timer, r->again_ms);
        r->again_ms = r->again_ms * 2 < LATEST_MS ? r->again_ms * 2 : LATEST_MS;
}

static void on_error(struct reporter *r, const struct frame *f)
{
        char text[ERR_MAX], why[ERR_MAX];
        uint32_t o = OUTCOME_INTERNAL;

        (void)frame_get_u32(f, TAG_OUTCOME, &o);
        if (!frame_get_str(f, TAG_MESSAGE, text, sizeof text))
                text[0] = 0;
        err_sanitise(why, sizeof why, text[0] ? text : outcome_info(o)->text,
                strlen(text[0] ? text : outcome_info(o)->text));
        if (r->refusal && (o == OUTCOME_INTERNAL || o == OUTCOME_BUSY)) {
                failed(r, why);
                return;
        }
        log_event(LOG_E_INFO, "report.answered", "of=%s outcome=%s reason=%s",
                r->refusal ? "refusal" : "renewal", outcome_info(o)->id, why);
        told(r);
        for (size_t n = strlen(why); n > 0 && why[n - 1] == '.'; n--)
                why[n - 1] = 0;
        if (o == OUTCOME_ACCOUNT_LOCKED || o == OUTCOME_ACCOUNT_EXPIRED || o == OUTCOME_ACCESS_DENIED)
                r->gone(r->arg, why);
}

static void on_frame(struct packet_conn *conn _unused_, const struct frame *f, int *fds _unused_,
        size_t n_fds _unused_, void *arg)
{
        struct reporter *r = arg;

        if (f->type == MSG_OK)
                told(r);
        else if (f->type == MSG_ERROR)
                on_error(r, f);
        else
                failed(r, "its answer makes no sense");
}

static void on_closed(struct packet_conn *conn _unused_, const struct err *err, void *arg)
{
        failed(arg, err->text[0] ? err->text : "valetkeyd closed the connection");
}

static void send_report(struct reporter *r)
{
        static const struct packet_handlers handlers = {.frame = on_frame, .closed = on_closed};
        int n = packet_connect(&r->conn, r->loop, r->where->claim_path);
        uid_t uid;

        if (n < 0) {
                failed(r, strerror(-n));
                return;
        }
        uid = packet_conn_peer(r->conn)->uid;
        if (uid != 0 && uid != r->where->server_uid) {
                failed(r, "claim.sock belongs to somebody who is not valetkeyd");
                return;
        }
        packet_conn_set(r->conn, &handlers, r);
        timer_arm_in(r->timer, ANSWER_MS);
        if (packet_send(r->conn, secret_str(r->frame), secret_len(r->frame), NULL, 0) < 0)
                failed(r, "it cannot be sent");
}

static void on_timer(void *arg)
{
        struct reporter *r = arg;

        if (r->conn)
                failed(r, "valetkeyd does not answer");
        else if (r->frame)
                send_report(r);
}

// No memory to tell is a renewal that is not heard.
static void take(struct reporter *r, struct secret *room, struct frame_writer *w, bool refusal)
{
        cleanup_secret struct secret *frame = NULL;
        size_t n = frame_end(w);

        if (n > 0 && secret_new(&frame, secret_str(room), n) == 0)
                begin(r, &frame, refusal);
}

void reporter_renewed(struct reporter *r, const struct secret *id_token)
{
        cleanup_secret struct secret *room = NULL;
        struct frame_writer w;

        if (!r || secret_new_room(&room, FRAME_MAX) < 0)
                return;
        frame_begin(&w, secret_bytes_mutable(room), FRAME_MAX, MSG_REPORT);
        frame_put(&w, TAG_TOKEN, secret_str(id_token), secret_len(id_token));
        take(r, room, &w, false);
}

void reporter_refused(struct reporter *r, const char *issuer, const char *subject, enum outcome outcome)
{
        cleanup_secret struct secret *room = NULL;
        struct frame_writer w;

        if (!r || secret_new_room(&room, FRAME_MAX) < 0)
                return;
        frame_begin(&w, secret_bytes_mutable(room), FRAME_MAX, MSG_REPORT);
        frame_put_str(&w, TAG_ISSUER, issuer);
        frame_put_str(&w, TAG_SUBJECT, subject);
        frame_put_u32(&w, TAG_OUTCOME, outcome);
        take(r, room, &w, true);
}

int reporter_new(struct reporter **ret, struct loop *l, const struct matching_where *where,
        void (*gone)(void *arg, const char *why), void *arg)
{
        struct reporter *r = calloc(1, sizeof *r);
        int n;

        if (!r)
                return -ENOMEM;
        *r = (struct reporter){.loop = l, .where = where, .gone = gone, .arg = arg};
        n = timer_new(&r->timer, l, on_timer, r);
        if (n < 0) {
                reporter_free(r);
                return err_trace(n);
        }
        *ret = r;
        return 0;
}

struct reporter *reporter_free(struct reporter *r)
{
        if (!r)
                return NULL;
        packet_conn_free(r->conn);
        timer_free(r->timer);
        secret_free(r->frame);
        free(r);
        return NULL;
}
