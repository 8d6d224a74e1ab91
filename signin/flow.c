// SPDX-License-Identifier: Apache-2.0
//
// Nobody reaches the provider through us but whom the gate lets through, and who is not already signing in. One flow per
// user, because two codes on two screens are how the wrong one gets approved.
#include "flow.h"

#include "admit.h"
#include "departures.h"
#include "grant.h"
#include "pace.h"
#include "log.h"
#include "mapping.h"
#include "newcomer.h"
#include "prompt.h"
#include "protocol.h"

#define ASK_ENTER "\nPress Enter when you have signed in: "

struct flow {
        TAILQ_ENTRY(flow) link;
        struct signin *signin;
        struct packet_conn *conn;
        struct provider_op *op;
        struct timer *prompt_deadline;
        char *user, *service, *rhost, *tty, *ruser, *key;
        bool remote, self, newcomer;
        uid_t by;
        enum gate_rank rank;
        int64_t reauth_for_s;
        void (*done)(void *arg);
        void *arg;
};

struct flow *flow_free(struct flow *f)
{
        if (!f)
                return NULL;
        if (f->signin) {
                TAILQ_REMOVE(&f->signin->flows, f, link);
                f->signin->n_flows--;
        }
        provider_op_free(f->op);
        timer_free(f->prompt_deadline);
        free(f->user);
        free(f->service);
        free(f->rhost);
        free(f->tty);
        free(f->ruser);
        free(f->key);
        free(f);
        return NULL;
}

static const char *rhost_of(const struct flow *f)
{
        return f->rhost ? f->rhost : "";
}

void flow_cancelled(const struct flow *f)
{
        log_event(LOG_E_NOTICE, "signin.cancelled", "user=%s service=%s rhost=%s", f->user, f->service,
                rhost_of(f));
}

// ---- the end ---------------------------------------------------------------------------------------------------

static void refuse(struct flow *f, enum outcome o, const char *why)
{
        // "denied": somebody decided; "failed": something did not work.
        bool denied = o == OUTCOME_ACCESS_DENIED || o == OUTCOME_DENIED_BY_USER ||
                      o == OUTCOME_WRONG_SUBJECT || o == OUTCOME_TOKEN_REJECTED ||
                      o == OUTCOME_ACCOUNT_LOCKED || o == OUTCOME_ACCOUNT_EXPIRED;

        log_event(denied ? LOG_E_WARNING : LOG_E_NOTICE,
                denied                      ? "signin.denied"
                : o == OUTCOME_ACCOUNT_MADE ? "signin.made"
                                            : "signin.failed",
                "user=%s service=%s rhost=%s outcome=%s reason=%s", f->user, f->service, rhost_of(f),
                outcome_info(o)->id, why);
        signin_reply_error(f->conn, o, why);
        f->done(f->arg);
}

// ---- limits ----------------------------------------------------------------------------------------------------

// Programs of users together have a quarter of the places: the others are for people who want in.
// gives: the one that would give its place up; or NULL.
static bool has_place(const struct signin *s, const struct asked *a, const struct flow *gives)
{
        const struct config_signin *c = &s->config->signin;
        unsigned of_all = 0, of_rhost = 0, of_selves = 0;
        struct flow *f;

        TAILQ_FOREACH(f, &s->flows, link)
        {
                if (f == gives)
                        continue;
                of_all++;
                of_rhost += f->rhost && a->rhost && strcmp(f->rhost, a->rhost) == 0;
                of_selves += f->self;
        }
        return of_all < c->max_flows && of_rhost < c->max_flows_per_rhost &&
               (!a->self || of_selves < (c->max_flows + 3) / 4);
}

// The user's own sign-in that runs is in the way of another one, unless that is the better one.
static enum outcome check_limits(struct signin *s, const struct flow_options *o, struct err *err)
{
        const struct asked *a = o->asked;
        struct flow *own;

        TAILQ_FOREACH(own, &s->flows, link)
        if (strcmp(own->user, a->user) == 0)
                break;
        if (own && gate_rank(a, o->gate) <= own->rank) {
                // From where is for the log: who asks has proved nothing, and may be a stranger.
                log_event(LOG_E_NOTICE, "signin.in_progress", "user=%s service=%s rhost=%s", own->user,
                        own->service, rhost_of(own));
                err_set(err, "%s is signing in already; finish or cancel that first.", a->user);
                return OUTCOME_BUSY;
        }
        // One that may not begin ends none.
        if (!has_place(s, a, own) ||
                !pace_allows(s->pace, &s->config->signin, gate_rank(a, o->gate), a->user, a->rhost)) {
                err_set(err, "%s", outcome_info(OUTCOME_BUSY)->text);
                return OUTCOME_BUSY;
        }
        if (own)
                refuse(own, OUTCOME_CANCELLED, "Another sign-in of the same user took its place.");
        return OUTCOME_OK;
}

// ---- the grant -------------------------------------------------------------------------------------------------

static bool dup_str(char **dst, const char *s)
{
        *dst = s ? strdup(s) : NULL;
        return *dst || !s;
}

// The grant in its serial form. Takes the tokens out of r.
static int make_grant(const struct flow *f, struct provider_result *r, struct secret **ret)
{
        const struct config_identity *identity = f->signin->identity;
        struct grant g = {
                .type = identity->type,
                .id_token = TAKE_PTR(r->tokens.id_token),
                .access_token = TAKE_PTR(r->tokens.access_token),
                .refresh_token = TAKE_PTR(r->tokens.refresh_token),
                .scope = TAKE_PTR(r->tokens.scope),
                .id_token_exp_s = r->claims.exp,
                .refresh_exp_s = r->tokens.refresh_expires_in_s
                                         ? r->obtained_at_s + r->tokens.refresh_expires_in_s
                                         : 0,
                .signed_in_at_s = r->obtained_at_s,
        };
        int n = -ENOMEM;

        if (dup_str(&g.identity, identity->name) && dup_str(&g.issuer, r->claims.iss) &&
                dup_str(&g.client_id, identity->client_id) && dup_str(&g.subject, r->claims.sub) &&
                dup_str(&g.username, f->user) && dup_str(&g.display, mapping_display(&r->claims)))
                n = grant_encode(ret, &g);
        grant_deinit(&g);
        return n;
}

static int send_handle(struct flow *f, const char *handle)
{
        struct frame_writer w;
        uint8_t room[128];
        int r;

        frame_begin(&w, room, sizeof room, MSG_AUTHENTICATED);
        frame_put_str(&w, TAG_HANDLE, handle);
        r = packet_send(f->conn, room, frame_end(&w), NULL, 0);
        explicit_bzero(room, sizeof room);
        return r;
}

// Keeps the grant under a handle and tells PAM. OUTCOME_OK, or what went wrong.
static enum outcome hand_out(struct flow *f, uid_t uid, struct provider_result *result, struct err *err)
{
        struct pending_binding b = {.user = f->user, .service = f->service, .rhost = f->rhost};
        cleanup_secret struct secret *grant = NULL;
        char handle[HANDLE_HEX + 1] = "";
        int r = make_grant(f, result, &grant);

        if (r < 0) {
                err_set(err, "The provider's tokens cannot be kept: %s.",
                        r == -EMSGSIZE ? "they are too large" : strerror(-r));
                return r == -ENOMEM ? OUTCOME_INTERNAL : OUTCOME_BAD_ANSWER;
        }
        r = pending_hold(f->signin->pending, &b, uid, f->signin->identity->name, &grant, handle);
        if (r == 0)
                r = send_handle(f, handle);
        explicit_bzero(handle, sizeof handle);
        signin_reap(f->signin);
        return r == 0 ? OUTCOME_OK : r == PENDING_E_FULL ? OUTCOME_BUSY : OUTCOME_INTERNAL;
}

// A program of the user's own is told yes, and nothing else: tokens go to logins.
static enum outcome finish(struct flow *f, uid_t uid, struct provider_result *result, struct err *err)
{
        if (!f->self)
                return hand_out(f, uid, result, err);
        signin_reply_verified(f->conn);
        return OUTCOME_OK;
}

// What cannot be remembered is asked for again: no failure.
static void remember(const struct flow *f, uid_t uid)
{
        const struct reauth_request q = {.user = f->user,
                .service = f->service,
                .rhost = f->rhost,
                .tty = f->tty,
                .ruser = f->ruser,
                .key = f->key,
                .remote = f->remote,
                .by = f->by};
        struct signin *s = f->signin;
        struct err err = ERR_INIT;
        struct ours_user u;

        if (f->self || f->reauth_for_s <= 0 || !departures_are_seen(s->departures) ||
                admit_user(&s->paths, f->user, clock_wall_s(loop_clock(s->loop)), &u, &err) != OUTCOME_OK ||
                u.uid != uid)
                return;
        if (reauth_remember(s->reauth, &q, uid, &u.entry, f->reauth_for_s) < 0)
                log_event(LOG_E_WARNING, "reauth.not_remembered", "user=%s reason=%s", f->user,
                        strerror(ENOMEM));
}

static void on_done(void *arg, struct provider_result *result)
{
        struct flow *f = arg;
        struct signin *s = f->signin;
        struct admit a = {
                .paths = &s->paths,
                .user = f->user,
                .config = s->config,
                .identity = s->identity,
                .claims = &result->claims,
                .now_s = clock_wall_s(loop_clock(s->loop)),
        };
        struct err err = result->err;
        enum outcome o = result->outcome;
        uid_t uid = (uid_t)-1;

        if (o == OUTCOME_OK)
                o = f->newcomer ? newcomer_make(s, f->user, &result->claims, &err)
                                : admit_decide(&a, &uid, &err);
        if (o == OUTCOME_OK)
                o = finish(f, uid, result, &err);
        if (o != OUTCOME_OK) {
                refuse(f, o, err.text[0] ? err.text : outcome_info(o)->text);
                return;
        }
        log_event(LOG_E_NOTICE, "signin.done",
                "user=%s uid=%u service=%s rhost=%s issuer=%s sub=%s key=%s by=%s", f->user, (unsigned)uid,
                f->service, rhost_of(f), result->claims.iss, result->claims.sub, f->key ? f->key : "",
                f->self    ? f->user
                : f->ruser ? f->ruser
                           : "");
        remember(f, uid);
        f->done(f->arg);
}

// ---- the beginning ---------------------------------------------------------------------------------------------

static int send_prompt(struct flow *f, const struct oidc_device *d)
{
        struct prompt p = {
                .host = f->signin->host,
                .user = f->user,
                .service = f->service,
                .rhost = f->rhost,
                .device = d,
                .qr = true,
        };
        cleanup_buf struct buf text = BUF_INIT(PROMPT_MAX - 1), room = BUF_INIT(FRAME_MAX);
        struct frame_writer w;
        int r = prompt_text(&text, &p);

        if (r == 0)
                r = buf_append_str(&text, ASK_ENTER);
        if (r < 0)
                return r;
        if (!buf_extend(&room, text.n + 64))
                return buf_error(&room);
        frame_begin(&w, room.p, room.n, MSG_PROMPT);
        frame_put_str(&w, TAG_TEXT, buf_str(&text));
        frame_put_u32(&w, TAG_EXPIRES_IN, (uint32_t)d->expires_in_s);
        return packet_send(f->conn, room.p, frame_end(&w), NULL, 0);
}

static void on_prompt(void *arg, const struct oidc_device *device)
{
        struct flow *f = arg;

        timer_disarm(f->prompt_deadline);
        if (send_prompt(f, device) < 0)
                refuse(f, OUTCOME_INTERNAL, "The sign-in's text cannot be shown.");
}

static void on_prompt_deadline(void *arg)
{
        struct flow *f = arg;
        struct err err = ERR_INIT;

        err_set(&err, "%s did not answer in time.", f->signin->identity->issuer);
        refuse(f, OUTCOME_TIMEOUT, err.text);
}

static struct flow *flow_of(const struct flow_options *o)
{
        const struct asked *a = o->asked;
        struct flow *f = calloc(1, sizeof *f);

        if (!f)
                return NULL;
        f->conn = o->conn;
        f->done = o->done;
        f->arg = o->arg;
        f->self = a->self;
        f->remote = o->gate->remote;
        f->newcomer = o->gate->u.kind == OURS_NEWCOMER;
        f->by = o->gate->by;
        f->rank = gate_rank(a, o->gate);
        f->reauth_for_s = o->gate->policy.reauth_for_s;
        if (dup_str(&f->user, a->user) && dup_str(&f->service, a->service) && dup_str(&f->rhost, a->rhost) &&
                dup_str(&f->tty, a->tty) && dup_str(&f->ruser, a->ruser) &&
                dup_str(&f->key, o->gate->prior.fingerprint[0] ? o->gate->prior.fingerprint : NULL))
                return f;
        return flow_free(f);
}

enum outcome flow_new(struct flow **ret, struct signin *s, const struct flow_options *o, struct err *err)
{
        enum outcome outcome = check_limits(s, o, err);
        struct flow *f;
        int r;

        if (outcome != OUTCOME_OK)
                return outcome;
        f = flow_of(o);
        if (!f)
                return OUTCOME_INTERNAL;
        f->signin = s;
        TAILQ_INSERT_TAIL(&s->flows, f, link);
        s->n_flows++;
        r = timer_new(&f->prompt_deadline, s->loop, on_prompt_deadline, f);
        if (r == 0)
                r = provider_device_start(&f->op, s->provider, on_prompt, on_done, f);
        if (r < 0) {
                flow_free(f);
                return OUTCOME_INTERNAL;
        }
        timer_arm_in(f->prompt_deadline, SIGNIN_PROMPT_MS);
        log_event(LOG_E_NOTICE, "signin.start", "user=%s service=%s rhost=%s issuer=%s key=%s", f->user,
                f->service, rhost_of(f), s->identity->issuer, f->key ? f->key : "");
        *ret = f;
        return OUTCOME_OK;
}
