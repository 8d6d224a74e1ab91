// SPDX-License-Identifier: Apache-2.0
//
// A connection goes: accepted, one frame, (waiting for a role or a person,) answered, closed. The peer's uid
// is what the kernel says; any uid but ours is told so and gets nothing, root included. A connection that
// says nothing for long, or sends a second frame, is ended; when it ends by itself, what it waited for no
// longer waits for it.
#include "server.h"

#include "credproc.h"
#include "handout.h"
#include "identity_claims.h"
#include "log.h"
#include "memfd.h"
#include "packet.h"
#include "protocol.h"
#include "quota.h"
#include "sign_in.h"
#include "sign_out.h"

#include <stdio.h>

#define CONNS_MAX 2112 // of which the listener keeps a few for root
#define LABEL_MAX 4096
#define WAIT_MS   INT64_C(3500) // the shim gives up after 4 s, and is to say why
#define SETTLE_MS INT64_C(500)
#define PERSON_MS INT64_C(70000) // a person is asked for a minute
#define SILENT_MS INT64_C(10000)
#define SWEEP_MS  INT64_C(5000)

struct conn {
        struct server *server;
        struct conn *next, **link;
        struct packet_conn *packet;
        int64_t since_boot_ms;
        bool asked, refused;
        struct caller caller; // taken when it connected
        int who_error;        // negative: who it is cannot be told
        struct quota_account *account;
        struct handout *handout;
        bool questioned; // its person was asked, and has not answered
        struct sign_out *sign_out;
        struct sign_in_watch *watch;
        struct claims_waiter *settling; // with the status, until it is known who is signed in
        struct timer *patience;         // but no longer than that
};

struct server {
        struct broker *broker;
        struct packet_listener *listener;
        struct timer *sweep;
        struct quota *quota;
        struct log_limit strangers, own; // lines about those who are refused
        struct conn *conns;
};

// Frames are built here: one loop, one thread; whoever sends clears it.
static uint8_t room[FRAME_MAX];

static int64_t boot_now(const struct server *s)
{
        const struct clock *c = loop_clock(broker_loop(s->broker));

        return c->boot_ms(c);
}

// What it waits for no longer waits for it.
static void give_up(struct conn *c)
{
        c->handout = handout_free(c->handout);
        c->sign_out = sign_out_free(c->sign_out);
        c->watch = sign_in_leave(c->watch);
        c->settling = claims_waiter_free(c->settling);
        c->patience = timer_free(c->patience);
}

static void conn_free(struct conn *c)
{
        *c->link = c->next;
        if (c->next)
                c->next->link = c->link;
        give_up(c);
        packet_conn_free(c->packet);
        quota_leave(c->account);
        free(c);
}

// ---- answers

static void send_frame(struct conn *c, struct frame_writer *w, const int *fd, bool last)
{
        size_t n = frame_end(w);
        int r = n ? packet_send(c->packet, room, n, fd, fd ? 1 : 0) : -EMSGSIZE;

        explicit_bzero(room, w->n);
        if (r < 0)
                log_event(LOG_E_WARNING, "caller.unanswered", "pid=%d reason=%s",
                        (int)packet_conn_peer(c->packet)->pid, strerror(-r));
        if (last || r < 0)
                packet_close_after_send(c->packet);
}

static void send_error_and(
        struct conn *c, enum outcome o, const char *message, const char *request_id, bool last)
{
        struct frame_writer w;

        frame_begin(&w, room, sizeof room, MSG_ERROR);
        frame_put_u32(&w, TAG_OUTCOME, o);
        frame_put_str(&w, TAG_MESSAGE, message && message[0] ? message : outcome_info(o)->text);
        if (request_id && request_id[0])
                frame_put_str(&w, TAG_REQUEST_ID, request_id);
        send_frame(c, &w, NULL, last);
}

static void send_error(struct conn *c, enum outcome o, const char *message, const char *request_id)
{
        send_error_and(c, o, message, request_id, true);
}

static void send_ok(struct conn *c)
{
        struct frame_writer w;

        frame_begin(&w, room, sizeof room, MSG_OK);
        send_frame(c, &w, NULL, true);
}

static void send_credentials(struct conn *c, const struct role_answer *a)
{
        cleanup_buf struct buf json = BUF_INIT(FRAME_FIELD_MAX - 64);
        struct frame_writer w;

        if (a->outcome != OUTCOME_OK) {
                send_error(c, a->outcome, a->message, a->request_id);
                return;
        }
        if (credproc_write(&json, a->credentials, a->reported_expiration_s) < 0) {
                send_error(c, OUTCOME_INTERNAL, NULL, NULL);
                return;
        }
        frame_begin(&w, room, sizeof room, MSG_CREDENTIALS);
        frame_put(&w, TAG_JSON, json.p, json.n);
        send_frame(c, &w, NULL, true);
}

// ---- requests

static void on_role_answer(void *arg, const struct role_answer *a)
{
        struct conn *c = arg;

        c->handout = handout_free(c->handout);
        send_credentials(c, a);
}

// An optional field of text; false where it is there and no text.
static bool optional_text(const struct frame *f, uint16_t tag, char *dst, size_t size)
{
        dst[0] = 0;
        return !frame_find(f, tag) || frame_get_str(f, tag, dst, size);
}

// The caller's person is asked at the caller's terminal; it goes on with MSG_ANSWER.
static void on_question(void *arg, const struct confirm_question *q)
{
        struct conn *c = arg;
        struct frame_writer w;

        c->questioned = true;
        frame_begin(&w, room, sizeof room, MSG_QUESTION);
        frame_put_str(&w, TAG_TEXT, q->text);
        frame_put_u32(&w, TAG_EXPIRES_IN, (uint32_t)q->expires_in_s);
        frame_put_u32(&w, TAG_CONFIRM_FOR, (uint32_t)q->a_while_s);
        send_frame(c, &w, NULL, false);
}

static void on_person_answer(struct conn *c, const struct frame *f)
{
        static const uint16_t tags[] = {TAG_ANSWER};
        uint32_t answer;

        c->questioned = false;
        if (!frame_only_has(f, tags, ARRAY_SIZE(tags)) || !frame_get_u32(f, TAG_ANSWER, &answer) ||
                answer > ANSWER_A_WHILE) {
                c->handout = handout_free(c->handout);
                send_error(c, OUTCOME_INVALID_REQUEST, NULL, NULL);
                return;
        }
        handout_say(c->handout, answer == ANSWER_NO ? CONFIRM_REFUSED : CONFIRM_GRANTED,
                answer == ANSWER_A_WHILE);
}

// Somebody who sits at a terminal, and is told there what lacks. A sandboxed program's word does not count.
static void note_person(struct conn *c)
{
        if (!caller_is_sandboxed(&c->caller))
                broker_person_is_here(c->server->broker);
}

static void on_get_credentials(struct conn *c, const struct frame *f)
{
        struct role_answer a;
        struct handout_request q = {.caller = &c->caller, .deadline_ms = WAIT_MS};
        char name[256];
        uint32_t min_ttl = 0, interactive = 0;

        if (!optional_text(f, TAG_ROLE, name, sizeof name) ||
                (frame_find(f, TAG_MIN_TTL) && !frame_get_u32(f, TAG_MIN_TTL, &min_ttl)) ||
                (frame_find(f, TAG_INTERACTIVE) && !frame_get_u32(f, TAG_INTERACTIVE, &interactive)) ||
                interactive > 1) {
                send_error(c, OUTCOME_INVALID_REQUEST, NULL, NULL);
                return;
        }
        q.role = name;
        q.by_name = name[0] != 0;
        q.min_ttl_s = min_ttl;
        if (interactive) {
                note_person(c);
                q.interactive = true;
                q.ask = on_question;
                q.deadline_ms = PERSON_MS;
        }
        if (handout_now(c->server->broker, &q, &a))
                send_credentials(c, &a);
        else if (handout_start(&c->handout, c->server->broker, &q, on_role_answer, c) < 0)
                send_error(c, OUTCOME_INTERNAL, NULL, NULL);
}

// A document without a secret in it. r: what writing it said.
static void send_json(struct conn *c, int r, const struct buf *json)
{
        cleanup_fd int fd = -1;
        struct frame_writer w;

        if (r == 0 && json->n > FRAME_FIELD_MAX - 64)
                r = memfd_sealed(&fd, "valetkey-json", json->p, json->n);
        if (r < 0) {
                send_error(c, OUTCOME_INTERNAL,
                        r == -EMSGSIZE ? "there is too much of it to be told" : strerrordesc_np(-r), NULL);
                return;
        }
        frame_begin(&w, room, sizeof room, MSG_JSON);
        if (fd < 0)
                frame_put(&w, TAG_JSON, json->p, json->n);
        send_frame(c, &w, fd >= 0 ? &fd : NULL, true);
}

static void tell_status(struct conn *c)
{
        cleanup_buf struct buf json = BUF_INIT(BROKER_STATUS_MAX);

        c->settling = claims_waiter_free(c->settling);
        c->patience = timer_free(c->patience);
        send_json(c, broker_status(c->server->broker, &json), &json);
}

static void on_settled(void *arg)
{
        tell_status(arg);
}

// Who asks right behind a login is to be told of that login, also when its grant is still on its way; but not to wait for a
// valetkeyd that hangs.
static void on_status(struct conn *c, const struct frame *f _unused_)
{
        struct loop *l = broker_loop(c->server->broker);

        if (timer_new(&c->patience, l, on_settled, c) == 0 &&
                broker_settle_start(&c->settling, c->server->broker, on_settled, c) == 0)
                timer_arm_in(c->patience, SETTLE_MS);
        else
                tell_status(c);
}

static void on_prompt(void *arg, const struct sign_in_prompt *p)
{
        struct conn *c = arg;
        struct frame_writer w;
        char text[1024];

        if (p->user_code)
                snprintf(
                        text, sizeof text, "To sign in, open %s and enter the code %s", p->uri, p->user_code);
        else
                snprintf(text, sizeof text, "Sign in with the browser on this machine");
        frame_begin(&w, room, sizeof room, MSG_SIGN_IN);
        frame_put_str(&w, TAG_URI, p->uri);
        frame_put_str(&w, TAG_URI_COMPLETE, p->uri_complete);
        frame_put_str(&w, TAG_USER_CODE, p->user_code);
        frame_put_u32(&w, TAG_EXPIRES_IN, (uint32_t)p->expires_in_s);
        frame_put_str(&w, TAG_TEXT, text);
        frame_put_str(&w, TAG_FLOW, sign_in_flow_name(p->flow));
        if (p->flow == SIGN_IN_BROWSER && p->first)
                frame_put_u32(&w, TAG_OPEN, 1);
        send_frame(c, &w, NULL, false);
}

static void on_signed_in(void *arg, enum outcome outcome, const struct err *err)
{
        struct conn *c = arg;

        c->watch = sign_in_leave(c->watch);
        if (outcome == OUTCOME_OK)
                send_ok(c);
        else
                send_error(c, outcome, err->text, NULL);
}

// The identity a request names, or the only one; NULL: answered already.
static struct keeper *identity_of(struct conn *c, const struct frame *f)
{
        struct keeper *k = NULL;
        struct err err = ERR_INIT;
        char name[256];
        enum outcome o;

        if (!optional_text(f, TAG_IDENTITY, name, sizeof name)) {
                send_error(c, OUTCOME_INVALID_REQUEST, NULL, NULL);
                return NULL;
        }
        o = broker_find_identity(c->server->broker, name, &k, &err);
        if (o != OUTCOME_OK)
                send_error(c, o, err.text, NULL);
        return o == OUTCOME_OK ? k : NULL;
}

static void on_claims(struct conn *c, const struct frame *f)
{
        cleanup_buf struct buf json = BUF_INIT(IDENTITY_CLAIMS_MAX);
        struct keeper *k = identity_of(c, f);
        struct err err = ERR_INIT;
        int r = k ? identity_claims_write(&json, k, &err) : 0;

        if (r == -ENOENT)
                send_error(c, OUTCOME_NEEDS_LOGIN, err.text, NULL);
        else if (r == -EBADMSG)
                send_error(c, OUTCOME_BAD_ANSWER, err.text, NULL);
        else if (k)
                send_json(c, r, &json);
}

static void on_log(struct conn *c, const struct frame *f _unused_)
{
        cleanup_buf struct buf json = BUF_INIT(HANDOUTS_LOG_MAX);

        send_json(c, handouts_write_log(broker_handouts(c->server->broker), &json), &json);
}

static bool read_wish(struct sign_in_wish *ret, const struct frame *f)
{
        char flow[32];
        uint32_t port = 0;

        if (!optional_text(f, TAG_FLOW, flow, sizeof flow) ||
                (frame_find(f, TAG_PORT) && !frame_get_u32(f, TAG_PORT, &port)))
                return false;
        *ret = (struct sign_in_wish){
                strcmp(flow, "browser") == 0 ? SIGN_IN_BROWSER : SIGN_IN_DEVICE, (uint16_t)port};
        return port <= UINT16_MAX && (!flow[0] || strcmp(flow, sign_in_flow_name(ret->flow)) == 0) &&
               (!port || ret->flow == SIGN_IN_BROWSER);
}

static void on_login(struct conn *c, const struct frame *f)
{
        static const struct sign_in_events events = {.prompt = on_prompt, .done = on_signed_in};
        struct sign_in_wish wish;
        struct err err = ERR_INIT;
        struct keeper *k;
        int r;

        if (!read_wish(&wish, f)) {
                send_error(c, OUTCOME_INVALID_REQUEST, "the sign-in that is asked for makes no sense", NULL);
                return;
        }
        note_person(c);
        k = identity_of(c, f);
        r = k ? sign_in_join(&c->watch, k, &wish, &events, c) : 0;
        if (r < 0 && wish.flow == SIGN_IN_BROWSER) {
                sign_in_port_error(&err, k, &wish, r);
                send_error(c, r == -EADDRINUSE || r == -EACCES ? OUTCOME_MISCONFIGURED : OUTCOME_INTERNAL,
                        err.text, NULL);
        } else if (r < 0) {
                send_error(c, OUTCOME_INTERNAL, NULL, NULL);
        }
}

static void on_signed_out(void *arg)
{
        struct conn *c = arg;
        cleanup_buf struct buf json = BUF_INIT(FRAME_FIELD_MAX - 64);
        struct frame_writer w;
        int r = sign_out_report(c->sign_out, &json);

        c->sign_out = sign_out_free(c->sign_out);
        frame_begin(&w, room, sizeof room, MSG_OK);
        if (r == 0)
                frame_put(&w, TAG_JSON, json.p, json.n); // without it, it is done all the same
        send_frame(c, &w, NULL, true);
}

static void on_logout(struct conn *c, const struct frame *f)
{
        struct keeper *k = NULL;

        if (frame_find(f, TAG_IDENTITY)) {
                k = identity_of(c, f);
                if (!k)
                        return;
        }
        if (sign_out_start(&c->sign_out, c->server->broker, SIGN_OUT_PERSON, k, on_signed_out, c) < 0)
                send_ok(c); // signed out; memory did not reach for the report
}

static void on_refresh(struct conn *c, const struct frame *f)
{
        struct err err = ERR_INIT;
        struct role *r = NULL;
        char name[256];
        enum outcome o = OUTCOME_OK;

        if (!optional_text(f, TAG_ROLE, name, sizeof name))
                o = OUTCOME_INVALID_REQUEST;
        else if (name[0])
                o = broker_find_role(c->server->broker, name, &r, &err);
        if (o != OUTCOME_OK) {
                send_error(c, o, err.text, NULL);
                return;
        }
        o = broker_refresh(c->server->broker, r, &err);
        if (o == OUTCOME_OK)
                send_ok(c);
        else
                send_error(c, o, err.text, NULL);
}

// Strangers have a limit of their own: what this user's programs do wrong must not hide them.
static void log_refused(struct conn *c, const char *why)
{
        struct server *s = c->server;
        const struct packet_peer *peer = packet_conn_peer(c->packet);
        struct log_limit *limit = peer->uid == geteuid() ? &s->own : &s->strangers;

        if (log_limit_allows(limit, "caller.refused", loop_clock(broker_loop(s->broker))))
                log_event(LOG_E_WARNING, "caller.refused", "uid=%u pid=%d exe=%s app=%s reason=%s",
                        (unsigned)peer->uid, (int)peer->pid, c->caller.exe[0] ? c->caller.exe : "-",
                        c->caller.app[0] ? c->caller.app : "-", why);
}

// What is for programs outside of every sandbox only.
static bool may_manage(const struct conn *c, struct err *err)
{
        char who[APP_ID_MAX + 16];

        if (handout_may_manage(&c->caller))
                return true;
        err_set(err, "%.100s is sandboxed: it may have the roles it is granted, and nothing else",
                caller_describe(&c->caller, who, sizeof who));
        return false;
}

static bool may_sign_in(const struct conn *c, struct err *err)
{
        return handout_may_sign_in(c->server->broker, &c->caller, err);
}

static const struct request {
        uint16_t type;
        void (*handle)(struct conn *c, const struct frame *f);
        bool (*may)(const struct conn *c, struct err *err); // NULL: handle looks itself
        uint16_t tags[3];
        size_t n_tags;
} requests[] = {
        {MSG_GET_CREDENTIALS, on_get_credentials, NULL, {TAG_ROLE, TAG_MIN_TTL, TAG_INTERACTIVE}, 3},
        {MSG_STATUS, on_status, may_manage, {0}, 0},
        {MSG_LOGIN, on_login, may_sign_in, {TAG_IDENTITY, TAG_FLOW, TAG_PORT}, 3},
        {MSG_LOGOUT, on_logout, may_manage, {TAG_IDENTITY}, 1},
        {MSG_REFRESH, on_refresh, may_manage, {TAG_ROLE}, 1},
        {MSG_LOG, on_log, may_manage, {0}, 0},
        {MSG_CLAIMS, on_claims, may_manage, {TAG_IDENTITY}, 1},
};

static void on_request(struct conn *c, const struct request *r, const struct frame *f)
{
        struct err err = ERR_INIT;

        if (!frame_only_has(f, r->tags, r->n_tags)) {
                send_error(c, OUTCOME_INVALID_REQUEST, "the request has a field that is not known", NULL);
                return;
        }
        if (c->who_error < 0)
                caller_refusal(&err, c->who_error);
        else if (!r->may || r->may(c, &err)) {
                r->handle(c, f);
                return;
        }
        log_refused(c, err.text);
        send_error(c, OUTCOME_ACCESS_DENIED, err.text, NULL);
}

// ---- connections

static void on_frame(struct packet_conn *p _unused_, const struct frame *f, int *fds _unused_,
        size_t n_fds _unused_, void *arg)
{
        struct conn *c = arg;

        if (c->refused) {
                packet_close_after_send(c->packet);
                return;
        }
        if (c->questioned && f->type == MSG_ANSWER) {
                on_person_answer(c, f);
                return;
        }
        if (c->asked) {
                // What was asked first is given up: one connection, one question.
                give_up(c);
                send_error(c, OUTCOME_INVALID_REQUEST, "one request for each connection", NULL);
                return;
        }
        c->asked = true;
        for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
                if (requests[i].type != f->type)
                        continue;
                on_request(c, &requests[i], f);
                return;
        }
        send_error(c, OUTCOME_INVALID_REQUEST, "no such request", NULL);
}

static void on_closed(struct packet_conn *p _unused_, const struct err *err, void *arg)
{
        struct conn *c = arg;
        struct broker *b = c->server->broker;
        bool wake = !c->asked && !c->refused && !err->text[0];

        if (err->text[0])
                log_event(LOG_E_INFO, "caller.broke_off", "pid=%d reason=%s",
                        (int)packet_conn_peer(c->packet)->pid, err->text);
        conn_free(c);
        if (wake)
                broker_wake(b, true);
}

// One sentence, nothing else. The end comes when the peer has sent its question, which nobody looks at: a
// socket closed over an unread question takes the sentence away with it.
static void refuse(struct conn *c, enum outcome o, const char *why)
{
        log_refused(c, why);
        c->refused = true;
        send_error_and(c, o, why, NULL, false);
}

// Who it is, as early as can be: later the pid may be another's.
static void look_at_peer(struct conn *c)
{
        const struct packet_peer *peer = packet_conn_peer(c->packet);
        cleanup_fd int process = packet_conn_open_process(c->packet);
        char label[LABEL_MAX];
        const struct caller_peer p = {.uid = peer->uid, .pid = peer->pid, .pidfd = process, .label = label};

        c->who_error = process < 0 && process != -EOPNOTSUPP ? process : 0;
        if (c->who_error == 0)
                c->who_error = packet_conn_label(c->packet, label, sizeof label);
        if (c->who_error == 0)
                c->who_error = caller_from_peer(&c->caller, &p, "socket");
        c->caller.pid = peer->pid;
}

static void admit(struct conn *c)
{
        struct server *s = c->server;

        if (packet_conn_peer(c->packet)->uid != geteuid()) {
                refuse(c, OUTCOME_ACCESS_DENIED, "this broker serves another user");
                return;
        }
        look_at_peer(c);
        if (quota_enter(s->quota, &c->caller, &c->account) < 0)
                refuse(c, OUTCOME_BUSY, "this program has too many connections open");
        else
                broker_wake(s->broker, false);
}

static void on_accepted(struct packet_conn *p, void *arg)
{
        static const struct packet_handlers handlers = {.frame = on_frame, .closed = on_closed};
        struct server *s = arg;
        struct conn *c = calloc(1, sizeof *c);

        if (!c) {
                packet_conn_free(p);
                return;
        }
        *c = (struct conn){.server = s, .packet = p, .since_boot_ms = boot_now(s), .next = s->conns};
        c->link = &s->conns;
        if (c->next)
                c->next->link = &c->next;
        s->conns = c;
        packet_conn_set(p, &handlers, c);
        if (!timer_is_armed(s->sweep))
                timer_arm_in(s->sweep, SWEEP_MS);
        admit(c);
}

static void on_sweep(void *arg)
{
        struct server *s = arg;
        int64_t now = boot_now(s);
        struct conn *next;

        for (struct conn *c = s->conns; c; c = next) {
                next = c->next;
                if (!c->asked && now - c->since_boot_ms > SILENT_MS)
                        conn_free(c);
        }
        if (s->conns)
                timer_arm_in(s->sweep, SWEEP_MS);
}

int server_new(struct server **ret, struct broker *b, const char *path, int fd)
{
        struct server *s = calloc(1, sizeof *s);
        int r;

        if (!s) {
                if (fd >= 0)
                        close(fd);
                return -ENOMEM;
        }
        s->broker = b;
        if (fd >= 0)
                r = packet_listen_fd(&s->listener, broker_loop(b), fd, on_accepted, s);
        else
                r = packet_listen_path(&s->listener, broker_loop(b), path, 0600, on_accepted, s);
        if (r == 0)
                r = timer_new(&s->sweep, broker_loop(b), on_sweep, s);
        if (r == 0)
                r = quota_new(&s->quota);
        if (r < 0) {
                server_free(s);
                return err_trace(r);
        }
        packet_listener_limit(s->listener, CONNS_MAX, CONNS_MAX);
        if (fd >= 0 && path)
                packet_listener_own(s->listener, path);
        *ret = s;
        return 0;
}

void server_pause(struct server *s, bool paused)
{
        packet_listener_pause(s->listener, paused);
}

bool server_is_waiting(const struct server *s)
{
        for (const struct conn *c = s->conns; c; c = c->next)
                if (c->handout || c->sign_out || c->watch || c->settling)
                        return true;
        return false;
}

bool server_is_idle(const struct server *s)
{
        return !s->conns;
}

int server_get_fd(const struct server *s, bool *ret_owned)
{
        *ret_owned = packet_listener_owns(s->listener);
        return packet_listener_get_fd(s->listener);
}

struct server *server_free(struct server *s)
{
        if (!s)
                return NULL;
        while (s->conns)
                conn_free(s->conns);
        packet_listener_free(s->listener);
        if (s->sweep)
                timer_free(s->sweep);
        quota_free(s->quota);
        free(s);
        return NULL;
}
