// SPDX-License-Identifier: Apache-2.0
//
// Everything goes through advance(): it looks at what there is (a grant, a living token, a refresh under way,
// a claim under way) and at who waits, and does the next thing. It runs from a timer of zero, so no caller is
// ever called back from inside its own call.
//
// Providers end a session that nobody uses, often after half an hour, though a role session may live for hours. So
// the grant has a schedule of its own: it is refreshed when half of its refresh token's life is over, or every
// quarter of an hour where the provider does not say.
//
// Two rules about refresh tokens. A rotated one is stored before anything else happens with the answer: the
// old one is spent the moment the provider sent the new. And nobody else ever sends one: providers that
// rotate end the whole family when they see one twice.
#include "keeper.h"

#include "log.h"
#include "schedule.h"

#include <fcntl.h>
#include <inttypes.h>

// An ID token this close to its end is refreshed before use; a quarter of its life where it is short-lived.
#define MARGIN_S 60
// How often a grant is refreshed where the provider does not say how long a refresh token lives: half of the
// shortest idle limit that is common (Keycloak's default is 30 minutes).
#define ALIVE_S (15 * 60)

struct keeper_waiter {
        struct keeper *keeper;
        struct keeper_waiter *next, **link; // link: NULL once done
        uint64_t rejected;
        uint64_t refreshes;   // then: a token refreshed since is fresh, whatever the clock says
        bool looking, looked; // valetkeyd is being asked, has been asked since
        keeper_done_fn done;
        void *arg;
};

struct keeper {
        struct loop *loop;
        const struct config_identity *conf;
        const struct keeper_events *events;
        void *arg;
        struct provider *provider;
        struct claims *claims;
        struct timer *kick, *alive;

        struct grant grant;
        bool has;
        uint64_t serial, refreshes; // of ID tokens; of those that a refresh brought
        int64_t token_since_s;
        bool refresh_is_useless; // the provider gives no ID token on refresh
        bool after_another;      // somebody's role sessions are here, whose nobody knows any more
        char *last_person;       // issuer and subject of the last grant
        struct err reason;       // why it ended

        struct provider_op *refresh;
        struct claims_waiter *look;
        unsigned failures;
        int64_t retry_boot_ms; // until then a failed refresh is answered from memory
        enum outcome last_outcome;
        struct err last_err;

        struct keeper_waiter *waiters;
        struct sign_in *sign_in;
};

const char *keeper_state_name(enum keeper_state s)
{
        static const char *const names[] = {
                [KEEPER_SIGNED_OUT] = "signed-out",
                [KEEPER_SIGNED_IN] = "signed-in",
                [KEEPER_NEEDS_LOGIN] = "needs-login",
        };

        return names[s];
}

static int64_t boot_now(const struct keeper *k)
{
        const struct clock *c = loop_clock(k->loop);

        return c->boot_ms(c);
}

static void kick(struct keeper *k)
{
        timer_arm_in(k->kick, 0);
}

static void changed(struct keeper *k)
{
        if (k->events->changed)
                k->events->changed(k, k->arg);
}

// Seconds the ID token lives by the provider's clock.
static int64_t token_left_s(const struct keeper *k)
{
        return k->grant.id_token_exp_s - clock_wall_s(loop_clock(k->loop)) - provider_skew_s(k->provider);
}

static int64_t token_margin_s(const struct keeper *k)
{
        int64_t quarter = (k->grant.id_token_exp_s - k->token_since_s) / 4;

        return quarter < 0 ? 0 : quarter < MARGIN_S ? quarter : MARGIN_S;
}

static void store(struct keeper *k)
{
        if (k->events->store)
                k->events->store(k, k->arg);
}

static void wipe(struct keeper *k)
{
        if (k->refresh)
                k->refresh = provider_op_free(k->refresh);
        if (k->has)
                grant_deinit(&k->grant);
        k->grant = (struct grant){0};
        k->has = k->refresh_is_useless = false;
        if (k->alive)
                timer_disarm(k->alive);
        k->failures = 0;
        k->retry_boot_ms = 0;
        k->last_outcome = OUTCOME_OK;
        err_clear(&k->last_err);
}

// The grant is over: what is left of it goes, and the sentence stays for whoever asks.
static void end_grant(struct keeper *k, const char *why)
{
        log_event(LOG_E_NOTICE, "grant.ended", "identity=%s reason=%s", k->conf->name, why);
        wipe(k);
        err_clear(&k->reason);
        err_set(&k->reason, "%s", why);
        k->events->ended(k, false, k->arg);
        store(k);
        changed(k);
}

void keeper_drop(struct keeper *k)
{
        bool had = k->has;

        wipe(k);
        err_clear(&k->reason);
        if (had)
                log_event(LOG_E_NOTICE, "grant.ended", "identity=%s reason=%s", k->conf->name, "signed out");
        k->events->ended(k, true, k->arg);
        store(k);
        changed(k);
        kick(k);
}

static bool can_refresh(const struct keeper *k)
{
        return k->has && k->grant.refresh_token && !k->refresh_is_useless;
}

// Plans the next refresh that nobody asked for; a little early, so that hosts signed in together come apart.
static void plan_alive(struct keeper *k)
{
        int64_t left_s = k->grant.refresh_exp_s - clock_wall_s(loop_clock(k->loop)), wait_ms = ALIVE_S * 1000;

        if (!can_refresh(k)) {
                timer_disarm(k->alive);
                return;
        }
        if (k->grant.refresh_exp_s > 0)
                wait_ms = left_s > 0 ? left_s * 500 : 0;
        wait_ms -= (int64_t)(arc4random() % 1024) * wait_ms / 10240;
        // Sooner than the retry only where life is still told to be left: a provider that is down is not hammered.
        if (k->retry_boot_ms > boot_now(k) && (left_s <= 0 || wait_ms > k->retry_boot_ms - boot_now(k)))
                wait_ms = k->retry_boot_ms - boot_now(k);
        timer_arm_in(k->alive, wait_ms > 1000 ? wait_ms : 1000);
}

static char *person_of(const struct grant *g)
{
        struct buf b = BUF_INIT(4096);
        char *s = NULL;

        buf_printf(&b, "%s %s", g->issuer, g->subject);
        if (buf_take_str(&b, &s) < 0)
                s = NULL;
        buf_deinit(&b);
        return s;
}

static bool take(struct keeper *k, struct grant *g, int64_t token_since_s)
{
        cleanup_free char *person = person_of(g);
        // When memory does not even reach for a name, nobody is taken for the same person.
        bool first = k->serial == 0 && !k->after_another;
        bool same = person && (first || (k->last_person && strcmp(person, k->last_person) == 0));

        wipe(k);
        k->grant = *g;
        *g = (struct grant){0};
        k->has = true;
        k->serial++;
        k->token_since_s = token_since_s;
        free_and_replace(k->last_person, person);
        err_clear(&k->reason);
        return same;
}

void keeper_restore(struct keeper *k, struct grant *g, int64_t token_since_s, bool no_id_token_on_refresh)
{
        take(k, g, token_since_s);
        k->refresh_is_useless = no_id_token_on_refresh;
        plan_alive(k);
}

void keeper_after_another(struct keeper *k)
{
        k->after_another = true;
}

void keeper_put(struct keeper *k, struct grant *g)
{
        bool same = take(k, g, clock_wall_s(loop_clock(k->loop)));

        plan_alive(k);
        k->events->granted(k, same, k->arg);
        store(k); // after the role sessions of another person are gone
        changed(k);
        kick(k);
}

// ---- waiters

static void waiter_unlink(struct keeper_waiter *w)
{
        if (!w->link)
                return;
        *w->link = w->next;
        if (w->next)
                w->next->link = w->link;
        w->link = NULL;
}

static void answer(struct keeper_waiter *w, enum outcome o, const struct err *err)
{
        struct keeper *k = w->keeper;
        struct keeper_token t = {.outcome = o, .serial = k->serial};

        if (o == OUTCOME_OK)
                t.grant = &k->grant;
        else
                t.err = *err;
        waiter_unlink(w);
        w->done(w->arg, &t); // may free w, or any other
}

static void needs_login(struct keeper_waiter *w)
{
        const struct keeper *k = w->keeper;
        struct err err = ERR_INIT;

        if (k->reason.text[0])
                err_set(&err, "%s. Run: valetkey login", k->reason.text);
        else
                err_set(&err, "not signed in to identity %s. Run: valetkey login", k->conf->name);
        answer(w, OUTCOME_NEEDS_LOGIN, &err);
}

// ---- refresh

static void refresh_failed(struct keeper *k, enum outcome o, bool grant_stands, const struct err *err)
{
        struct err why = ERR_INIT;

        if (o == OUTCOME_NEEDS_LOGIN || (o == OUTCOME_TOKEN_REJECTED && !grant_stands) ||
                o == OUTCOME_ACCESS_DENIED || o == OUTCOME_WRONG_SUBJECT) {
                err_set(&why, "the sign-in to identity %s has ended: %s", k->conf->name, err->text);
                end_grant(k, why.text);
                return;
        }
        k->failures++;
        k->retry_boot_ms =
                boot_now(k) + schedule_backoff_ms(k->failures, outcome_info(o)->retry, 0, arc4random());
        k->last_outcome = o;
        err_clear(&k->last_err);
        err_set(&k->last_err, "cannot refresh the sign-in to identity %s: %s", k->conf->name,
                err->text[0] ? err->text : outcome_info(o)->text);
        log_event(LOG_E_WARNING, "grant.refresh_failed", "identity=%s outcome=%s reason=%s", k->conf->name,
                outcome_info(o)->id, err->text);
        changed(k);
}

static void take_refresh_token(struct keeper *k, struct oidc_tokens *t)
{
        if (!t->refresh_token)
                return;
        secret_move(&k->grant.refresh_token, &t->refresh_token);
        k->grant.refresh_exp_s =
                t->refresh_expires_in_s > 0 ? clock_wall_s(loop_clock(k->loop)) + t->refresh_expires_in_s : 0;
}

static void refreshed(struct keeper *k, struct provider_result *result)
{
        struct oidc_tokens *t = &result->tokens;
        int64_t now = clock_wall_s(loop_clock(k->loop));

        take_refresh_token(k, t);
        if (k->grant.refresh_exp_s <= now)
                k->grant.refresh_exp_s = 0; // what the provider told was wrong: it still took the token
        if (t->access_token)
                secret_move(&k->grant.access_token, &t->access_token);
        k->failures = 0;
        k->retry_boot_ms = 0;
        k->last_outcome = OUTCOME_OK;
        err_clear(&k->last_err);
        if (t->id_token) {
                secret_move(&k->grant.id_token, &t->id_token);
                k->grant.id_token_exp_s = result->claims.exp;
                k->token_since_s = now;
                k->serial++;
                k->refreshes++;
        } else {
                k->refresh_is_useless = true;
        }
        store(k);
        log_event(LOG_E_INFO, "grant.refreshed", "identity=%s id_token=%s expires=%" PRId64, k->conf->name,
                k->refresh_is_useless ? "none" : "new", k->grant.id_token_exp_s);
        changed(k);
}

static void on_refreshed(void *arg, struct provider_result *result)
{
        struct keeper *k = arg;

        if (result->outcome == OUTCOME_OK) {
                refreshed(k, result);
        } else {
                // The old one is spent, though what came with the new one could not be verified just now.
                if (result->tokens.refresh_token) {
                        take_refresh_token(k, &result->tokens);
                        store(k);
                }
                refresh_failed(k, result->outcome, result->grant_stands, &result->err);
        }
        // A grant that ended has freed the operation already.
        k->refresh = provider_op_free(k->refresh);
        plan_alive(k);
        kick(k);
}

// ---- the next thing to do

enum want {
        WANT_NOTHING, // answered
        WANT_REFRESH,
        WANT_LOOK,
        WANT_END, // the token is over and cannot be replaced
};

static enum want look_at(struct keeper_waiter *w)
{
        struct keeper *k = w->keeper;
        bool rejected = w->rejected == k->serial, alive, fresh;

        if (!k->has) {
                if (w->looked || !k->claims) {
                        needs_login(w);
                        return WANT_NOTHING;
                }
                return WANT_LOOK;
        }
        alive = !rejected && token_left_s(k) > 0;
        fresh = alive && token_left_s(k) > token_margin_s(k);
        if (fresh || (!rejected && k->refreshes > w->refreshes)) {
                answer(w, OUTCOME_OK, NULL);
                return WANT_NOTHING;
        }
        if (!k->grant.refresh_token || k->refresh_is_useless) {
                if (!alive)
                        return WANT_END;
                answer(w, OUTCOME_OK, NULL);
                return WANT_NOTHING;
        }
        if (boot_now(k) >= k->retry_boot_ms)
                return WANT_REFRESH;
        if (alive)
                answer(w, OUTCOME_OK, NULL);
        else
                answer(w, k->last_outcome, &k->last_err);
        return WANT_NOTHING;
}

static void on_looked(void *arg)
{
        struct keeper *k = arg;

        k->look = claims_waiter_free(k->look);
        for (struct keeper_waiter *w = k->waiters; w; w = w->next)
                w->looked |= w->looking;
        kick(k);
}

static void end_for_want_of_refresh(struct keeper *k)
{
        struct err why = ERR_INIT;

        if (k->refresh_is_useless)
                err_set(&why,
                        "the sign-in to identity %s has ended: its ID token has expired, and the provider "
                        "sends no "
                        "new one on refresh",
                        k->conf->name);
        else
                err_set(&why,
                        "the sign-in to identity %s has ended: its ID token has expired, and the provider "
                        "gave no "
                        "refresh token (scope offline_access?)",
                        k->conf->name);
        end_grant(k, why.text);
}

static void start_refresh(struct keeper *k)
{
        struct err err = ERR_INIT;
        int r = provider_refresh_start(
                &k->refresh, k->provider, k->grant.refresh_token, k->grant.subject, on_refreshed, k);

        if (r == 0)
                return;
        err_set(&err, "%s", strerror(-r));
        refresh_failed(k, OUTCOME_INTERNAL, true, &err);
        plan_alive(k);
        kick(k);
}

static void on_alive(void *arg)
{
        struct keeper *k = arg;

        if (!k->refresh && can_refresh(k))
                start_refresh(k);
}

static void start_look(struct keeper *k)
{
        int r = claims_wait_start(&k->look, k->claims, on_looked, k);

        for (struct keeper_waiter *w = k->waiters; w; w = w->next) {
                w->looking = true;
                w->looked |= r < 0; // no memory to ask: what is known here has to do
        }
}

static void advance(void *arg)
{
        struct keeper *k = arg;
        struct keeper_waiter *w;

        while ((w = k->waiters) && !k->refresh && !k->look) {
                switch (look_at(w)) {
                case WANT_NOTHING:
                        break;
                case WANT_REFRESH:
                        start_refresh(k);
                        break;
                case WANT_LOOK:
                        start_look(k);
                        break;
                case WANT_END:
                        end_for_want_of_refresh(k);
                        break;
                }
        }
}

int keeper_token_start(
        struct keeper_waiter **ret, struct keeper *k, uint64_t rejected, keeper_done_fn done, void *arg)
{
        struct keeper_waiter *w = calloc(1, sizeof *w);

        if (!w)
                return -ENOMEM;
        *w = (struct keeper_waiter){.keeper = k,
                .rejected = rejected,
                .refreshes = k->refreshes,
                .done = done,
                .arg = arg,
                .next = k->waiters};
        w->link = &k->waiters;
        if (w->next)
                w->next->link = &w->next;
        k->waiters = w;
        kick(k);
        *ret = w;
        return 0;
}

struct keeper_waiter *keeper_waiter_free(struct keeper_waiter *w)
{
        if (w)
                waiter_unlink(w);
        free(w);
        return NULL;
}

// ---- life

// The "secret" of a public client (Google's device flow wants one): a line of a file that anybody may read.
static int read_client_secret(const char *path, struct secret **ret)
{
        cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        char text[1024];
        ssize_t n;

        if (fd < 0)
                return -errno;
        n = read(fd, text, sizeof text);
        if (n < 0)
                return -errno;
        if ((size_t)n == sizeof text)
                return -EMSGSIZE;
        while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r' || text[n - 1] == ' '))
                n--;
        return secret_new(ret, text, (size_t)n);
}

int keeper_new(struct keeper **ret, struct loop *l, struct http *h, struct claims *claims,
        const struct config_identity *conf, const struct keeper_events *events, void *arg)
{
        struct provider_options o = {
                .issuer = conf->issuer,
                .client_id = conf->client_id,
                .scopes = conf->scopes,
                .ca_file = conf->ca_file,
        };
        cleanup_secret struct secret *client_secret = NULL;
        struct keeper *k = NULL;
        int r = 0;

        if (conf->client_secret_file)
                r = read_client_secret(conf->client_secret_file, &client_secret);
        if (r < 0)
                return r;
        o.client_secret = client_secret;
        k = calloc(1, sizeof *k);
        if (!k)
                return -ENOMEM;
        *k = (struct keeper){.loop = l, .conf = conf, .events = events, .arg = arg, .claims = claims};
        r = provider_new(&k->provider, h, &o);
        if (r == 0)
                r = timer_new(&k->kick, l, advance, k);
        if (r == 0)
                r = timer_new(&k->alive, l, on_alive, k);
        if (r < 0) {
                keeper_free(k);
                return err_trace(r);
        }
        *ret = k;
        return 0;
}

struct keeper *keeper_free(struct keeper *k)
{
        if (!k)
                return NULL;
        wipe(k);
        claims_waiter_free(k->look);
        timer_free(k->kick);
        timer_free(k->alive);
        provider_free(k->provider);
        free(k->last_person);
        free(k);
        return NULL;
}

enum keeper_state keeper_get_state(const struct keeper *k)
{
        if (k->has)
                return KEEPER_SIGNED_IN;
        return k->reason.text[0] ? KEEPER_NEEDS_LOGIN : KEEPER_SIGNED_OUT;
}

const struct config_identity *keeper_get_config(const struct keeper *k)
{
        return k->conf;
}

const struct grant *keeper_get_grant(const struct keeper *k)
{
        return k->has ? &k->grant : NULL;
}

int64_t keeper_get_token_since_s(const struct keeper *k)
{
        return k->token_since_s;
}

bool keeper_gets_no_id_token(const struct keeper *k)
{
        return k->refresh_is_useless;
}

bool keeper_is_refreshing(const struct keeper *k)
{
        return k->refresh;
}

const char *keeper_get_reason(const struct keeper *k)
{
        return k->reason.text;
}

struct provider *keeper_get_provider(struct keeper *k)
{
        return k->provider;
}

struct loop *keeper_get_loop(struct keeper *k)
{
        return k->loop;
}

struct sign_in **keeper_sign_in_slot(struct keeper *k)
{
        return &k->sign_in;
}
