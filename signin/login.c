// SPDX-License-Identifier: Apache-2.0
//
// A connection asks one thing at a time. A sign-in lives exactly as long as its connection: sshd kills its child when
// the client goes away or the grace time is over, the kernel closes the socket, and the polling ends.
#include "login.h"

#include "admit.h"
#include "departures.h"
#include "flow.h"
#include "log.h"
#include "name.h"
#include "port.h"
#include "protocol.h"

#define SERVICE_MAX 64
#define RHOST_MAX   255
#define TTY_MAX     64
#define RUSER_MAX   64

struct login {
        LIST_ENTRY(login) link;
        struct signin *signin;
        struct packet_conn *conn;
        struct timer *deadline; // for a peer that asks nothing
        struct flow *flow;
        bool allowed;
};

struct request {
        char user[NAME_MAX_USER + 1], service[SERVICE_MAX + 1], rhost[RHOST_MAX + 1], tty[TTY_MAX + 1];
        char ruser[RUSER_MAX + 1], prior[PRIOR_MAX + 1];
        char handle[HANDLE_HEX + 1];
        bool has_rhost, has_tty, has_ruser, has_prior;
        uint32_t uid;
};

struct login *login_free(struct login *l)
{
        if (!l)
                return NULL;
        LIST_REMOVE(l, link);
        flow_free(l->flow);
        packet_conn_free(l->conn);
        timer_free(l->deadline);
        free(l);
        return NULL;
}

static void on_deadline(void *arg)
{
        login_free(arg);
}

static void on_closed(struct packet_conn *conn _unused_, const struct err *err, void *arg)
{
        struct login *l = arg;

        if (err->text[0] && (l->allowed || log_limit_allows(&l->signin->login_broken, "login.broken",
                                                   loop_clock(l->signin->loop))))
                log_event(LOG_E_WARNING, "login.broken", "uid=%u reason=%s",
                        (unsigned)packet_conn_peer(l->conn)->uid, err->text);
        if (l->flow)
                flow_cancelled(l->flow);
        login_free(l);
}

static void refuse(struct login *l, enum outcome o, const char *message)
{
        signin_reply_error(l->conn, o, message);
        packet_close_after_send(l->conn);
}

// ---- reading a request -----------------------------------------------------------------------------------------

static bool is_word(const char *s)
{
        for (; *s; s++)
                if (*s <= ' ' || *s > '~')
                        return false;
        return true;
}

static bool read_handle(const struct frame *f, struct request *q)
{
        return frame_get_str(f, TAG_HANDLE, q->handle, sizeof q->handle) && strlen(q->handle) == HANDLE_HEX &&
               strspn(q->handle, "0123456789abcdef") == HANDLE_HEX;
}

static bool read_user(const struct frame *f, struct request *q)
{
        return frame_get_str(f, TAG_USER, q->user, sizeof q->user) &&
               name_is_valid_user(q->user, strlen(q->user));
}

// A field that may be absent. What is there is printable, and no more is asked: a remote host is what its owner's DNS
// says, or what the application made up.
static bool read_word(const struct frame *f, uint16_t tag, char *dst, size_t size, bool *ret_there)
{
        *ret_there = frame_find(f, tag) != NULL;
        return !*ret_there || (frame_get_str(f, tag, dst, size) && is_word(dst));
}

static bool read_where(const struct frame *f, struct request *q)
{
        return frame_get_str(f, TAG_SERVICE, q->service, sizeof q->service) && is_word(q->service) &&
               read_word(f, TAG_RHOST, q->rhost, sizeof q->rhost, &q->has_rhost) &&
               read_word(f, TAG_TTY, q->tty, sizeof q->tty, &q->has_tty) &&
               read_word(f, TAG_RUSER, q->ruser, sizeof q->ruser, &q->has_ruser);
}

static bool read_prior(const struct frame *f, struct request *q)
{
        q->has_prior = frame_find(f, TAG_PRIOR) != NULL;
        return !q->has_prior || frame_get_str(f, TAG_PRIOR, q->prior, sizeof q->prior);
}

// ---- the requests ----------------------------------------------------------------------------------------------

static void on_flow_done(void *arg)
{
        struct login *l = arg;

        l->flow = flow_free(l->flow);
        packet_close_after_send(l->conn);
}

static void log_refused(const struct asked *a, enum outcome o)
{
        // A name that is not ours may be anything, a password typed at the wrong prompt too: not logged.
        log_event(LOG_E_NOTICE, "signin.refused", "user=%s service=%s rhost=%s outcome=%s",
                o == OUTCOME_NOT_OURS || a->self ? "-" : a->user, a->service, a->rhost ? a->rhost : "",
                outcome_info(o)->id);
}

// The sign-in of a moment ago counts: nothing is shown, and there is nothing to hand over.
static bool is_remembered(const struct login *l, const struct asked *a, const struct gate *g)
{
        const struct reauth_request q = gate_reauth(a, g);
        struct signin *s = l->signin;
        int64_t age_s = 0;

        // Whoever the account phase would send to the provider is not kept from going there.
        if (a->self || g->policy.reauth_for_s <= 0 || !departures_are_seen(s->departures) ||
                ours_standing(&g->u, clock_wall_s(loop_clock(s->loop)), 0) != STANDING_GOOD ||
                !reauth_knows(s->reauth, &q, g->u.uid, &g->u.entry, &age_s))
                return false;
        log_event(LOG_E_NOTICE, "signin.remembered",
                "user=%s uid=%u service=%s rhost=%s age=%llds key=%s by=%s", a->user, (unsigned)g->u.uid,
                a->service, a->rhost ? a->rhost : "", (long long)age_s, q.key ? q.key : "",
                a->ruser ? a->ruser : "");
        return true;
}

static void on_authenticate(struct login *l, const struct request *q)
{
        const struct asked a = {
                .user = q->user,
                .service = q->service,
                .rhost = q->has_rhost ? q->rhost : NULL,
                .tty = q->has_tty ? q->tty : NULL,
                .ruser = q->has_ruser ? q->ruser : NULL,
                .prior = q->has_prior ? q->prior : NULL,
                .peer = packet_conn_peer(l->conn)->uid,
                .self = !l->allowed,
        };
        struct gate g;
        const struct flow_options o = {
                .asked = &a, .gate = &g, .conn = l->conn, .done = on_flow_done, .arg = l};
        struct err err = ERR_INIT;
        enum outcome r = gate_check(l->signin, &a, &g, &err);

        if (r == OUTCOME_OK && is_remembered(l, &a, &g)) {
                signin_reply_verified(l->conn);
                packet_close_after_send(l->conn);
                return;
        }
        if (r == OUTCOME_OK)
                r = flow_new(&l->flow, l->signin, &o, &err);
        if (r == OUTCOME_OK) {
                timer_disarm(l->deadline);
                return;
        }
        if (!a.self ||
                log_limit_allows(&l->signin->self_refused, "signin.refused", loop_clock(l->signin->loop)))
                log_refused(&a, r);
        refuse(l, r, err.text);
}

static void on_commit(struct login *l, const struct request *q)
{
        struct pending_binding b = {
                .user = q->user, .service = q->service, .rhost = q->has_rhost ? q->rhost : NULL};
        struct signin *s = l->signin;
        struct err err = ERR_INIT;
        struct ours_user u;
        enum outcome o;
        uint32_t port;
        uid_t uid;
        int fd;

        if (pending_commit(s->pending, q->handle, &b, &uid) != 0) {
                log_event(LOG_E_WARNING, "grant.commit_refused", "service=%s reason=%s", q->service,
                        "unknown, used or expired handle");
                signin_reply_error(l->conn, OUTCOME_UNKNOWN_HANDLE, NULL);
                signin_reap(s);
                return;
        }
        o = admit_user(&s->paths, q->user, clock_wall_s(loop_clock(s->loop)), &u, &err);
        if (o == OUTCOME_OK && u.uid != uid)
                o = OUTCOME_UNKNOWN_HANDLE;
        if (o != OUTCOME_OK) {
                pending_drop_user(s->pending, q->user, outcome_info(o)->id);
                signin_reply_error(l->conn, o, err.text);
        } else {
                log_event(LOG_E_NOTICE, "grant.committed", "user=%s uid=%u service=%s rhost=%s", q->user,
                        (unsigned)uid, q->service, q->rhost);
                // A session without a port is a session all the same.
                o = port_of_uid(s, uid, &port, &fd, &err);
                if (o != OUTCOME_OK)
                        log_event(LOG_E_WARNING, "port.none", "uid=%u reason=%s", (unsigned)uid, err.text);
                signin_reply_ok(l->conn, &uid, o == OUTCOME_OK ? &port : NULL);
        }
        signin_reap(s);
}

static void on_drop(struct login *l, const struct request *q)
{
        pending_drop(l->signin->pending, q->handle, "dropped by the application");
        signin_reap(l->signin);
        signin_reply_ok(l->conn, NULL, NULL);
}

static void on_close(struct login *l, const struct request *q)
{
        log_event(LOG_E_INFO, "session.closed", "user=%s", q->user);
        signin_reply_ok(l->conn, NULL, NULL);
}

// Root may ask for anybody's, everybody for his own. Only the number is told: the socket is the broker's.
static void on_port(struct login *l, const struct request *q)
{
        struct err err = ERR_INIT;
        uint32_t port;
        enum outcome o;
        int fd;

        if (!l->allowed && q->uid != packet_conn_peer(l->conn)->uid) {
                refuse(l, OUTCOME_ACCESS_DENIED, "Only root may ask for another user's port.");
                return;
        }
        o = port_of_uid(l->signin, q->uid, &port, &fd, &err);
        if (o == OUTCOME_OK)
                port_reply(l->conn, port, -1);
        else
                signin_reply_error(l->conn, o, err.text);
}

static const uint16_t authenticate_tags[] = {TAG_USER, TAG_SERVICE, TAG_RHOST, TAG_TTY, TAG_RUSER, TAG_PRIOR};
static const uint16_t commit_tags[] = {TAG_HANDLE, TAG_USER, TAG_SERVICE, TAG_RHOST};
static const uint16_t drop_tags[] = {TAG_HANDLE};
static const uint16_t close_tags[] = {TAG_USER};
static const uint16_t port_tags[] = {TAG_UID};

// True when the request was one and has been dealt with.
static bool dispatch(struct login *l, const struct frame *f, struct request *q)
{
        switch (f->type) {
        case MSG_AUTHENTICATE:
                if (!frame_only_has(f, authenticate_tags, ARRAY_SIZE(authenticate_tags)) ||
                        !read_user(f, q) || !read_where(f, q) || !read_prior(f, q))
                        return false;
                on_authenticate(l, q);
                return true;
        case MSG_COMMIT:
                if (!frame_only_has(f, commit_tags, ARRAY_SIZE(commit_tags)) || !read_handle(f, q) ||
                        !read_user(f, q) || !read_where(f, q))
                        return false;
                on_commit(l, q);
                return true;
        case MSG_DROP:
                if (!frame_only_has(f, drop_tags, ARRAY_SIZE(drop_tags)) || !read_handle(f, q))
                        return false;
                on_drop(l, q);
                return true;
        case MSG_CLOSE:
                if (!frame_only_has(f, close_tags, ARRAY_SIZE(close_tags)) || !read_user(f, q))
                        return false;
                on_close(l, q);
                return true;
        case MSG_PORT:
                if (!frame_only_has(f, port_tags, ARRAY_SIZE(port_tags)) ||
                        !frame_get_u32(f, TAG_UID, &q->uid))
                        return false;
                on_port(l, q);
                return true;
        default:
                return false;
        }
}

static void on_frame(
        struct packet_conn *conn _unused_, const struct frame *f, int *fds _unused_, size_t n_fds, void *arg)
{
        struct login *l = arg;
        struct request q = {.has_rhost = false};

        timer_arm_in(l->deadline, SIGNIN_REQUEST_MS);
        if (!l->allowed && f->type != MSG_PORT && f->type != MSG_AUTHENTICATE)
                refuse(l, OUTCOME_ACCESS_DENIED, "Only root may ask for sign-ins.");
        else if (l->flow || n_fds || !dispatch(l, f, &q))
                refuse(l, OUTCOME_INVALID_REQUEST, NULL);
        explicit_bzero(&q, sizeof q);
}

void login_accepted(struct packet_conn *conn, void *arg)
{
        static const struct packet_handlers handlers = {.frame = on_frame, .closed = on_closed};
        struct signin *s = arg;
        uid_t uid = packet_conn_peer(conn)->uid;
        struct login *l = calloc(1, sizeof *l);

        if (!l || timer_new(&l->deadline, s->loop, on_deadline, l) < 0) {
                free(l);
                packet_conn_free(conn);
                return;
        }
        l->signin = s;
        l->conn = conn;
        l->allowed = uid == 0 || uid == s->login_uid;
        LIST_INSERT_HEAD(&s->logins, l, link);
        timer_arm_in(l->deadline, SIGNIN_REQUEST_MS);
        packet_conn_set(conn, &handlers, l);
}
