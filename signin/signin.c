// SPDX-License-Identifier: Apache-2.0
//
// Putting the daemon together and taking it apart. The order of the end matters: connections first, because they hold
// flows, which hold operations at the provider.
#include "signin.h"

#include "admit.h"
#include "claim.h"
#include "client_secret.h"
#include "departures.h"
#include "pace.h"
#include "login.h"
#include "log.h"
#include "protocol.h"
#include "removed.h"
#include "report.h"
#include "reauth.h"

#include <stdio.h>

// ---- answers ---------------------------------------------------------------------------------------------------

static void reply(struct packet_conn *c, struct frame_writer *w)
{
        // A queue that is full belongs to a peer that does not read its answers; it is left, and its request with it.
        if (packet_send(c, w->p, frame_end(w), NULL, 0) < 0)
                packet_close_after_send(c);
}

void signin_reply_ok(struct packet_conn *c, const uint32_t *uid, const uint32_t *port)
{
        struct frame_writer w;
        uint8_t room[64];

        frame_begin(&w, room, sizeof room, MSG_OK);
        if (uid)
                frame_put_u32(&w, TAG_UID, *uid);
        if (port)
                frame_put_u32(&w, TAG_PORT, *port);
        reply(c, &w);
}

void signin_reply_verified(struct packet_conn *c)
{
        struct frame_writer w;
        uint8_t room[64];

        frame_begin(&w, room, sizeof room, MSG_VERIFIED);
        reply(c, &w);
}

void signin_reply_error(struct packet_conn *c, enum outcome o, const char *message)
{
        char text[ERR_MAX];
        struct frame_writer w;
        uint8_t room[512];

        if (!message || !message[0])
                message = outcome_info(o)->text;
        err_sanitise(text, sizeof text, message, strlen(message));
        frame_begin(&w, room, sizeof room, MSG_ERROR);
        frame_put_u32(&w, TAG_OUTCOME, o);
        frame_put_str(&w, TAG_MESSAGE, text);
        reply(c, &w);
}

// ---- the reaper ------------------------------------------------------------------------------------------------

static void on_reaper(void *arg)
{
        signin_reap(arg);
}

void signin_reap(struct signin *s)
{
        int64_t ms = pending_reap(s->pending);

        if (ms < 0)
                timer_disarm(s->reaper);
        else
                timer_arm_in(s->reaper, ms);
}

// ---- what is remembered of sign-ins, and its ends ----------------------------------------------------------------

static void on_user_left(uid_t uid, void *arg)
{
        reauth_forget_uid(((struct signin *)arg)->reauth, uid, "the last session has ended");
}

// Who was refused by the provider since has to go there.
static bool may_stay(const char *user, uid_t uid, void *arg)
{
        const struct signin *s = arg;
        int64_t now_s = clock_wall_s(loop_clock(s->loop));
        struct err err = ERR_INIT;
        struct ours_user u;

        return admit_user(&s->paths, user, now_s, &u, &err) == OUTCOME_OK && u.uid == uid &&
               ours_standing(&u, now_s, 0) == STANDING_GOOD;
}

static void on_tables_changed(void *arg)
{
        reauth_review(((struct signin *)arg)->reauth, may_stay, arg, "the account was locked or changed");
}

static void on_missed(void *arg)
{
        reauth_forget_all(((struct signin *)arg)->reauth, "it could not be seen who left");
}

static void on_time(int64_t stepped_ms, void *arg)
{
        if (stepped_ms)
                reauth_forget_all(((struct signin *)arg)->reauth, "the clock was set");
}

static int set_up_memory(struct signin *s, const struct signin_options *o)
{
        static const struct departures_handlers handlers = {
                .user_left = on_user_left, .tables_changed = on_tables_changed, .missed = on_missed};
        const char *const tables[] = {s->table, o->root_table};
        int r = pace_new(&s->pace, loop_clock(s->loop));

        if (r == 0)
                r = reauth_new(&s->reauth, loop_clock(s->loop));
        if (r == 0)
                r = departures_new(&s->departures, s->loop, o->sessions_dir, tables, &handlers, s);
        if (r == 0)
                loop_on_time(s->loop, on_time, s);
        return r;
}

// ---- putting together ------------------------------------------------------------------------------------------

const struct config_identity *signin_identity(const struct config *c)
{
        if (c->signin.identity)
                return config_find_identity(c, c->signin.identity);
        return c->n_identities == 1 ? &c->identities[0] : NULL;
}

static int set_up_provider(struct signin *s, struct http *http, struct err *err)
{
        cleanup_secret struct secret *client_secret = NULL;
        struct provider_options o;
        int r = 0;

        s->identity = signin_identity(s->config);
        if (!s->identity) {
                log_event(LOG_E_WARNING, "signin.not_configured", "reason=%s",
                        s->config->n_identities ? "several identities, and [signin] names none"
                                                : "no identity is configured");
                return 0;
        }
        if (s->identity->client_secret_file)
                r = client_secret_read(&client_secret, s->identity->client_secret_file, err);
        if (r < 0)
                return r;
        o = (struct provider_options){
                .issuer = s->identity->issuer,
                .client_id = s->identity->client_id,
                .client_secret = client_secret,
                .scopes = s->identity->scopes,
                .ca_file = s->identity->ca_file,
        };
        return provider_new(&s->provider, http, &o);
}

static int listen_on(struct packet_listener **ret, struct signin *s, int *fd, const char *path,
        void (*accepted)(struct packet_conn *c, void *arg), struct err *err)
{
        int r = *fd >= 0 ? packet_listen_fd(ret, s->loop, TAKE_FD(*fd), accepted, s)
                         : packet_listen_path(ret, s->loop, path, 0666, accepted, s);

        if (r < 0)
                err_set(err, "cannot listen on %s: %s", path, strerror(-r));
        return r;
}

static int set_up(struct signin *s, const struct signin_options *o, struct err *err)
{
        const struct config_signin *c = &o->config->signin;
        int login_fd = o->login_fd, claim_fd = o->claim_fd, r;

        if (asprintf(&s->table, "%s/users", o->state_dir) < 0) {
                s->table = NULL;
                return -ENOMEM;
        }
        if (asprintf(&s->removed, "%s/" REMOVED_FILE, o->state_dir) < 0) {
                s->removed = NULL;
                return -ENOMEM;
        }
        // Root may have made either table; the daemon makes its own.
        s->owners[0] = 0;
        s->owners[1] = geteuid();
        s->paths = (struct ours_paths){
                .passwd = o->passwd,
                .root_table = o->root_table,
                .table = s->table,
                .owners = s->owners,
                .n_owners = 2,
        };
        if (gethostname(s->host, sizeof s->host - 1) < 0)
                return -errno;
        r = pending_new(&s->pending, loop_clock(s->loop), c->handle_life_s * 1000, c->grant_life_s * 1000);
        if (r == 0)
                r = timer_new(&s->reaper, s->loop, on_reaper, s);
        if (r == 0)
                r = set_up_memory(s, o);
        if (r == 0)
                r = set_up_provider(s, o->http, err);
        if (r == 0)
                r = listen_on(&s->login_listener, s, &login_fd, o->login_path, login_accepted, err);
        if (r == 0)
                r = listen_on(&s->claim_listener, s, &claim_fd, o->claim_path, claim_accepted, err);
        if (r == 0)
                packet_listener_limit(s->claim_listener, 512, 16);
        if (login_fd >= 0)
                close(login_fd);
        if (claim_fd >= 0)
                close(claim_fd);
        return r;
}

int signin_new(struct signin **ret, const struct signin_options *o, struct err *err)
{
        struct signin *s = calloc(1, sizeof *s);
        int r;

        if (!s)
                return -ENOMEM;
        TAILQ_INIT(&s->flows);
        LIST_INIT(&s->logins);
        LIST_INIT(&s->claims);
        s->loop = o->loop;
        s->login_uid = o->login_uid;
        s->ports = o->ports;
        s->group = o->group;
        s->config = config_ref(o->config);
        r = set_up(s, o, err);
        if (r < 0) {
                signin_free(s);
                return err_trace(r);
        }
        *ret = s;
        return 0;
}

struct signin *signin_free(struct signin *s)
{
        if (!s)
                return NULL;
        while (!LIST_EMPTY(&s->logins))
                login_free(LIST_FIRST(&s->logins));
        while (!LIST_EMPTY(&s->claims))
                claim_free(LIST_FIRST(&s->claims));
        packet_listener_free(s->login_listener);
        packet_listener_free(s->claim_listener);
        report_quota_free(s->reports);
        provider_free(s->provider);
        loop_on_time(s->loop, NULL, NULL);
        departures_free(s->departures);
        reauth_free(s->reauth);
        pace_free(s->pace);
        timer_free(s->reaper);
        pending_free(s->pending);
        config_unref(s->config);
        free(s->table);
        free(s->removed);
        free(s);
        return NULL;
}
