// SPDX-License-Identifier: Apache-2.0
//
// Who tells whom: a claimed or signed-in grant goes to the keeper of its identity; the keeper's "granted" and
// "ended" go to the roles of that identity; what roles do is logged here, in one place, and passed to the
// doors.
#include "broker.h"

#include "account.h"
#include "bucket.h"
#include "handout.h"
#include "id_token_file.h"
#include "log.h"
#include "parting.h"
#include "reporter.h"
#include "roles.h"
#include "sign_in.h"
#include "sign_in_notice.h"
#include "store.h"

#define LOOK_EVERY_MS        INT64_C(1000)
#define AGAIN_FIRST_MS       50
#define AGAIN_WITHIN_MS      500
#define AGAIN_AT_ONCE        25 // so many roles in each AGAIN_WITHIN_MS
#define REFRESH_ALL_AT_ONCE  3u
#define REFRESH_ALL_EVERY_MS INT64_C(30000)

struct identity {
        struct keeper *keeper;
        struct parting *parting;
};

struct broker {
        struct loop *loop;
        struct http *http;
        struct config *config;
        struct claims *claims;
        struct identity *identities;
        struct keeper **keepers; // the same in the order of the configuration, for those who ask
        struct roles *roles;
        struct store *store;
        struct handouts *handouts;
        size_t n_identities;
        bool in_session;
        struct bucket refresh_all;
        int64_t looked_boot_ms;    // when somebody's connecting last made us look for a grant
        struct account *account;   // these two NULL where nobody's sign-ins are asked after
        struct reporter *reporter; // to valetkeyd
        const struct broker_events *events;
        void *arg;
        struct broker_endpoint endpoint;
        struct id_token_file *id_token;  // NULL: no identity has one
        struct sign_in_notices *notices; // NULL: not wanted
};

// ---- what roles tell

static void on_rotated(struct role *r, void *arg)
{
        struct broker *b = arg;

        store_save_soon(b->store);
        if (b->events && b->events->role_rotated)
                b->events->role_rotated(r, b->arg);
}

static void tell_of_need(struct broker *b, const struct role *r)
{
        const char *text, *request_id;
        struct keeper *k;

        if (role_get_state(r) != ROLE_NEEDS_LOGIN ||
                broker_find_identity(b, role_get_config(r)->identity, &k, NULL) != OUTCOME_OK)
                return;
        role_get_last_error(r, &text, &request_id);
        broker_sign_in_needed(b, k, text);
}

static void on_role_changed(struct role *r, void *arg)
{
        struct broker *b = arg;

        store_save_soon(b->store);
        tell_of_need(b, r);
        if (b->events && b->events->role_changed)
                b->events->role_changed(r, b->arg);
}

static void on_role_added(struct role *r, void *arg)
{
        struct broker *b = arg;

        if (b->events && b->events->role_added)
                b->events->role_added(r, b->arg);
}

static void on_role_removed(struct role *r, bool signed_out, void *arg)
{
        struct broker *b = arg;

        handouts_role_gone(b->handouts, r, signed_out);
        store_save_soon(b->store);
        if (b->events && b->events->role_removed)
                b->events->role_removed(r, b->arg);
}

// ---- what is known of this user

// valetkeyd, or its tables, say that this user is not let in any more: he gets nothing more from here.
static void on_gone(void *arg, const char *why)
{
        struct broker *b = arg;

        for (size_t i = 0; i < b->n_identities; i++)
                keeper_refuse(b->keepers[i], why);
}

enum outcome broker_check_account(struct broker *b, struct err *err)
{
        return account_check(b->account, err);
}

// valetkeyd knows its users by one identity; of others it hears nothing.
static struct reporter *reporter_for(const struct broker *b, const struct keeper *k)
{
        const char *identity = b->config->signin.identity;

        return account_is_ours(b->account) && identity && strcmp(keeper_get_config(k)->name, identity) == 0
                       ? b->reporter
                       : NULL;
}

static void on_renewed(struct keeper *k, void *arg)
{
        reporter_renewed(reporter_for(arg, k), keeper_get_grant(k)->id_token);
}

static void on_refused(struct keeper *k, enum outcome outcome, void *arg)
{
        const struct grant *g = keeper_get_grant(k);

        reporter_refused(reporter_for(arg, k), g->issuer, g->subject, outcome);
}

// ---- what keepers tell

static void on_granted(struct keeper *k, bool same_person, void *arg)
{
        struct broker *b = arg;

        sign_in_notices_signed_in(b->notices, k);
        roles_signed_in(b->roles, k, same_person);
        on_renewed(k, b); // a sign-in inside the session counts, too
        handouts_grant_new(b->handouts, keeper_get_config(k)->name, same_person);
}

// What lives is served to its end when a provider ends a grant; a person who signs out ends it at once, and so does max_grant_age.
static void on_ended(struct keeper *k, bool sessions_too, void *arg)
{
        struct broker *b = arg;

        if (!sessions_too)
                return;
        roles_sign_out(b->roles, k);
        handouts_sign_out(b->handouts, keeper_get_config(k)->name);
}

static void on_tokens(struct keeper *k, void *arg)
{
        struct broker *b = arg;

        // First of all: a refresh token may be new, and the one before is spent.
        if (b->store)
                store_save(b->store); // it says itself why not, and what is no longer true is cleared
        roles_follow(b->roles, k);
        id_token_file_look(b->id_token, k);
}

static void on_ends_soon(struct keeper *k, void *arg)
{
        struct broker *b = arg;

        sign_in_notices_need(b->notices, k, SIGN_IN_WILL_END,
                "Programs get no more AWS credentials then, until somebody signs in again.");
        if (b->events && b->events->grant_ends_soon)
                b->events->grant_ends_soon(k, b->arg);
}

static void on_identity_changed(struct keeper *k, void *arg)
{
        struct broker *b = arg;

        id_token_file_look(b->id_token, k);
        if (keeper_get_state(k) == KEEPER_NEEDS_LOGIN)
                broker_sign_in_needed(b, k, keeper_get_reason(k));
        if (b->events && b->events->identity_changed)
                b->events->identity_changed(k, b->arg);
}

// ---- what the claims client tells

static struct keeper *keeper_for(struct broker *b, const struct grant *g, struct err *err)
{
        const struct config_identity *conf = config_find_identity(b->config, g->identity);

        if (!conf) {
                err_set(err, "a sign-in waits for identity %s, which is not configured here", g->identity);
                return NULL;
        }
        if (conf->type != g->type || strcmp(conf->issuer, g->issuer) != 0 ||
                strcmp(conf->client_id, g->client_id) != 0) {
                err_set(err, "the sign-in that waits for identity %s is of another issuer or client",
                        g->identity);
                return NULL;
        }
        return b->identities[conf - b->config->identities].keeper;
}

static bool on_acceptable(const struct grant *g, struct err *err, void *arg)
{
        return keeper_for(arg, g, err) != NULL;
}

static bool on_pending(void *arg)
{
        struct broker *b = arg;

        return !b->store || store_save(b->store) == 0;
}

static void on_port(int fd, void *arg)
{
        struct broker *b = arg;

        if (b->endpoint.offer)
                b->endpoint.offer(b->endpoint.arg, fd);
        else
                close(fd);
}

static void on_claimed(struct grant *g, void *arg)
{
        struct broker *b = arg;
        struct keeper *k = keeper_for(b, g, NULL);

        if (!k)
                return; // acceptable() said otherwise a moment ago; the configuration does not change
        if (parting_takes(broker_parting(b, k), g))
                return; // claims.c wipes it
        log_event(LOG_E_NOTICE, "grant.claimed", "identity=%s issuer=%s subject=%s", g->identity, g->issuer,
                g->subject);
        keeper_put(k, g);
}

// ---- what doors tell and ask

void broker_sign_in_needed(struct broker *b, const struct keeper *k, const char *text)
{
        sign_in_notices_need(b->notices, k, SIGN_IN_NEEDED, text);
}

void broker_person_is_here(struct broker *b)
{
        sign_in_notices_person(b->notices);
}

void broker_person_signs_out(struct broker *b, const struct keeper *k)
{
        sign_in_notices_signed_out(b->notices, k);
}

void broker_listen(struct broker *b, const struct broker_events *events, void *arg)
{
        b->events = events;
        b->arg = arg;
}

void broker_set_endpoint(struct broker *b, const struct broker_endpoint *e)
{
        b->endpoint = *e;
}

const struct broker_endpoint *broker_get_endpoint(const struct broker *b)
{
        return &b->endpoint;
}

struct loop *broker_loop(struct broker *b)
{
        return b->loop;
}

struct keeper *broker_get_claims_keeper(struct broker *b, size_t n)
{
        for (size_t i = 0; i < b->n_identities; i++)
                if (b->config->identities[i].roles_claim &&
                        keeper_get_state(b->keepers[i]) != KEEPER_SIGNED_IN && n-- == 0)
                        return b->keepers[i];
        return NULL;
}

const struct config *broker_config(const struct broker *b)
{
        return b->config;
}

struct handouts *broker_handouts(struct broker *b)
{
        return b->handouts;
}

enum outcome broker_find_role(struct broker *b, const char *name, struct role **ret, struct err *err)
{
        struct keeper *k;

        if (!name || !name[0])
                name = b->config->default_role;
        if (!name) {
                err_set(err, "no role was named, and no default_role is configured. See: valetkey roles");
                return OUTCOME_UNKNOWN_ROLE;
        }
        *ret = roles_find(b->roles, name);
        if (*ret)
                return OUTCOME_OK;
        k = broker_get_claims_keeper(b, 0);
        if (!k) {
                err_set(err, "no role %s is configured. See: valetkey roles", name);
                return OUTCOME_UNKNOWN_ROLE;
        }
        err_set(err,
                "no role %s is configured, and identity %s, whose claim names roles, is not signed in. Run: "
                "valetkey login",
                name, keeper_get_config(k)->name);
        return OUTCOME_NEEDS_LOGIN;
}

enum outcome broker_find_identity(struct broker *b, const char *name, struct keeper **ret, struct err *err)
{
        const struct config_identity *conf;

        if (!name || !name[0]) {
                if (b->n_identities != 1) {
                        err_set(err, b->n_identities ? "several identities are configured; name one"
                                                     : "no identity is configured");
                        return OUTCOME_UNKNOWN_IDENTITY;
                }
                *ret = b->identities[0].keeper;
                return OUTCOME_OK;
        }
        conf = config_find_identity(b->config, name);
        if (!conf) {
                err_set(err, "no identity %s is configured. See: valetkey status", name);
                return OUTCOME_UNKNOWN_IDENTITY;
        }
        *ret = b->identities[conf - b->config->identities].keeper;
        return OUTCOME_OK;
}

const char *broker_get_complaint(const struct broker *b, const struct keeper *k)
{
        return roles_get_complaint(b->roles, k);
}

size_t broker_roles(const struct broker *b, struct role *const **ret)
{
        return roles_list(b->roles, ret);
}

size_t broker_identities(const struct broker *b, struct keeper *const **ret)
{
        *ret = b->keepers;
        return b->n_identities;
}

static bool all_signed_in(const struct broker *b)
{
        for (size_t i = 0; i < b->n_identities; i++)
                if (keeper_get_state(b->keepers[i]) != KEEPER_SIGNED_IN)
                        return false;
        return true;
}

int broker_settle_start(struct claims_waiter **ret, struct broker *b, void (*done)(void *arg), void *arg)
{
        return all_signed_in(b) ? 1 : claims_wait_start(ret, b->claims, done, arg);
}

void broker_wake(struct broker *b, bool urgent)
{
        const struct clock *c = loop_clock(b->loop);
        int64_t now = c->boot_ms(c);

        // Where one of several identities is never signed in to, callers shall not become questions to valetkeyd.
        if (!urgent && (now - b->looked_boot_ms < LOOK_EVERY_MS || all_signed_in(b)))
                return;
        b->looked_boot_ms = now;
        claims_look(b->claims);
}

// Keepers first: roles ask them. Each host and each role draws its moment, and thousands of roles come one after the other.
bool broker_look_again(struct broker *b)
{
        struct role *const *roles;
        size_t n_roles = roles_list(b->roles, &roles);
        bool any = false;
        int64_t n = 0;

        http_network_changed(b->http);
        for (size_t i = 0; i < b->n_identities; i++)
                any |= keeper_look_again(b->keepers[i]);
        for (size_t i = 0; i < n_roles; i++)
                if (role_look_again(roles[i], AGAIN_FIRST_MS + arc4random() % AGAIN_WITHIN_MS +
                                                      n / AGAIN_AT_ONCE * AGAIN_WITHIN_MS))
                        n++;
        return any || n > 0;
}

struct parting *broker_parting(struct broker *b, const struct keeper *k)
{
        return b->identities[keeper_get_config(k) - b->config->identities].parting;
}

bool broker_get_in_session(const struct broker *b)
{
        return b->in_session;
}

void broker_set_in_session(struct broker *b, bool is)
{
        if (is == b->in_session)
                return;
        b->in_session = is;
        if (is)
                sign_in_notices_anew(b->notices);
        store_save_soon(b->store);
}

int broker_store(struct broker *b)
{
        return b->store ? store_save(b->store) : 0;
}

bool broker_is_refreshing(const struct broker *b)
{
        for (size_t i = 0; i < b->n_identities; i++)
                if (keeper_is_refreshing(b->keepers[i]))
                        return true;
        return false;
}

bool broker_is_busy(const struct broker *b)
{
        for (size_t i = 0; i < b->n_identities; i++)
                if (parting_is_busy(b->identities[i].parting) || *keeper_sign_in_slot(b->keepers[i]))
                        return true;
        return broker_is_refreshing(b);
}

enum outcome broker_refresh(struct broker *b, struct role *r, struct err *err)
{
        const struct clock *c = loop_clock(b->loop);
        struct role *const *list;
        size_t n = roles_list(b->roles, &list);

        if (r) {
                enum outcome o = role_refresh(r, err);

                if (o == OUTCOME_OK)
                        handouts_refresh(b->handouts, r);
                return o;
        }
        if (!bucket_take(&b->refresh_all, c->boot_ms(c), REFRESH_ALL_AT_ONCE, REFRESH_ALL_EVERY_MS)) {
                err_set(err, "all roles were fetched anew a moment ago; try again later, or name one");
                return OUTCOME_THROTTLED;
        }
        for (size_t i = 0; i < n; i++)
                if (role_get_state(list[i]) != ROLE_EMPTY && role_refresh(list[i], NULL) != OUTCOME_OK)
                        log_event(LOG_E_INFO, "role.refresh_refused", "role=%s",
                                role_get_config(list[i])->name);
        handouts_refresh(b->handouts, NULL);
        return OUTCOME_OK;
}

enum outcome broker_drop(struct broker *b, struct role *r, struct err *err)
{
        enum outcome o = role_drop(r, false, err);

        if (o == OUTCOME_OK)
                handouts_drop(b->handouts, r);
        return o;
}

// ---- life

static int make_identities(struct broker *b, const struct matching_where *matching)
{
        static const struct keeper_events events = {.granted = on_granted,
                .ended = on_ended,
                .ends_soon = on_ends_soon,
                .changed = on_identity_changed,
                .renewed = on_renewed,
                .refused = on_refused,
                .store = on_tokens};

        b->identities = calloc(b->config->n_identities + 1, sizeof *b->identities);
        b->keepers = calloc(b->config->n_identities + 1, sizeof *b->keepers);
        if (!b->identities || !b->keepers)
                return -ENOMEM;
        for (size_t i = 0; i < b->config->n_identities; i++) {
                struct identity *id = &b->identities[i];
                int r = keeper_new(
                        &id->keeper, b->loop, b->http, b->claims, &b->config->identities[i], &events, b);

                if (r < 0)
                        return r;
                b->keepers[i] = id->keeper;
                keeper_set_matching(id->keeper, matching);
                b->n_identities++;
                r = parting_new(&id->parting, id->keeper, b->claims);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int make_roles(struct broker *b)
{
        static const struct roles_events events = {.changed = on_role_changed,
                .rotated = on_rotated,
                .added = on_role_added,
                .removed = on_role_removed};
        const struct roles_parts parts = {
                .loop = b->loop, .http = b->http, .config = b->config, .keepers = b->keepers};

        return roles_new(&b->roles, &parts, &events, b);
}

static int make_store(struct broker *b, struct state *state)
{
        const struct store_parts parts = {
                .loop = b->loop,
                .state = state,
                .config = b->config,
                .keepers = b->keepers,
                .roles = b->roles,
                .claims = b->claims,
                .in_session = &b->in_session,
        };
        struct store *s;
        int r = store_new(&s, &parts);

        if (r < 0)
                return r;
        // It is filled while nothing is stored: what has not been read back yet must not be written over.
        r = store_restore(s);
        b->store = s;
        return r < 0 ? r : 0;
}

static int make_id_token_file(struct broker *b, const char *dir)
{
        int r = 0;

        for (size_t i = 0; r == 0 && dir && i < b->n_identities; i++)
                if (b->config->identities[i].id_token_file)
                        r = id_token_file_new(&b->id_token, b->keepers[i], dir);
        return r;
}

int broker_new(struct broker **ret, const struct broker_options *o)
{
        static const struct claims_events events = {
                .acceptable = on_acceptable, .claimed = on_claimed, .store = on_pending, .port = on_port};
        struct broker *b = calloc(1, sizeof *b);
        int r;

        if (!b)
                return -ENOMEM;
        b->loop = o->loop;
        b->http = o->http;
        b->config = config_ref(o->config);
        r = handouts_new(&b->handouts, o->loop);
        if (r == 0)
                r = claims_new(&b->claims, o->loop, o->claim_path, o->server_uid, &events, b);
        if (r == 0 && o->matching)
                r = account_new(&b->account, o->loop, o->matching, on_gone, b);
        if (r == 0 && o->matching)
                r = reporter_new(&b->reporter, o->loop, o->matching, on_gone, b);
        if (r == 0)
                r = make_identities(b, o->matching);
        if (r == 0 && !o->config->no_sign_in_notices)
                r = sign_in_notices_new(&b->notices, o->loop, b->keepers, b->n_identities);
        if (r == 0)
                r = make_roles(b);
        if (r == 0 && o->state)
                r = make_store(b, o->state);
        if (r == 0)
                r = make_id_token_file(b, o->runtime_dir);
        if (r < 0) {
                broker_free(b);
                return err_trace(r);
        }
        claims_look(b->claims);
        *ret = b;
        return 0;
}

struct broker *broker_free(struct broker *b)
{
        if (!b)
                return NULL;
        b->events = NULL;
        b->store = store_free(b->store);
        b->id_token = id_token_file_free(b->id_token);
        b->handouts = handouts_free(b->handouts);
        b->account = account_free(b->account);
        b->reporter = reporter_free(b->reporter);
        b->notices = sign_in_notices_free(b->notices);
        roles_free(b->roles);
        for (size_t i = 0; i < b->n_identities; i++) {
                parting_free(b->identities[i].parting);
                sign_in_abort(b->identities[i].keeper);
                keeper_free(b->identities[i].keeper);
        }
        claims_free(b->claims);
        free(b->identities);
        free(b->keepers);
        config_unref(b->config);
        free(b);
        return NULL;
}
