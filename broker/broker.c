// SPDX-License-Identifier: Apache-2.0
//
// Who tells whom: a claimed or signed-in grant goes to the keeper of its identity; the keeper's "granted" and
// "ended" go to the roles of that identity; what roles do is logged here, in one place, and passed to the
// doors.
#include "broker.h"

#include "bucket.h"
#include "log.h"
#include "parting.h"
#include "schedule.h"
#include "sign_in.h"
#include "store.h"
#include "web_identity.h"
#include "chain.h"

#include <inttypes.h>

#define LOOK_EVERY_MS        INT64_C(1000)
#define REFRESH_ALL_AT_ONCE  3u
#define REFRESH_ALL_EVERY_MS INT64_C(30000)

struct identity {
        struct keeper *keeper;
        struct web_identity web;
        struct parting *parting;
};

struct broker {
        struct loop *loop;
        struct http *http;
        struct config *config;
        struct claims *claims;
        struct identity *identities;
        struct keeper **keepers; // the same in the order of the configuration, for those who ask
        struct role **roles;
        struct store *store;
        struct chain *chains; // by role; unused for web-identity roles
        size_t n_identities, n_roles;
        struct bucket refresh_all;
        int64_t looked_boot_ms; // when somebody's connecting last made us look for a grant
        const struct broker_events *events;
        void *arg;
        struct broker_endpoint endpoint;
};

// ---- what roles tell

static void on_obtained(struct role *r, const struct sts_credentials *c, void *arg)
{
        struct broker *b = arg;
        const struct config_role *conf = role_get_config(r);
        const struct clock *clock = loop_clock(b->loop);
        int64_t life = role_get_expiration_s(r) - clock_wall_s(clock);

        log_event(LOG_E_NOTICE, "role.assumed",
                "role=%s role_arn=%s session=%s access_key_id=%s request_id=%s expires=%" PRId64, conf->name,
                conf->role_arn, c->assumed_role_arn ? c->assumed_role_arn : "-", c->access_key_id,
                c->request_id ? c->request_id : "-", c->expiration_s);
        if (life <= SCHEDULE_SHORT_S && conf->duration_s > SCHEDULE_SHORT_S / 2)
                log_event(LOG_E_WARNING, "role.short_session", "role=%s life=%" PRId64 " hint=%s", conf->name,
                        life, "some SDKs ask anew on every call for sessions of 15 minutes; raise duration");
        store_save_soon(b->store);
        if (b->events && b->events->role_rotated)
                b->events->role_rotated(r, b->arg);
}

static void on_refused(struct role *r, void *arg _unused_)
{
        const char *text, *request_id;
        enum outcome o = role_get_last_error(r, &text, &request_id);

        log_event(o == OUTCOME_NEEDS_LOGIN ? LOG_E_NOTICE : LOG_E_WARNING, "role.refused",
                "role=%s role_arn=%s outcome=%s request_id=%s reason=%s", role_get_config(r)->name,
                role_get_config(r)->role_arn, outcome_info(o)->id, request_id[0] ? request_id : "-", text);
}

static void on_shortened(struct role *r, void *arg _unused_)
{
        const struct config_role *conf = role_get_config(r);

        log_event(LOG_E_WARNING, "role.duration_refused",
                "role=%s role_arn=%s asked=%" PRId64 " given=%" PRId64 " hint=%s", conf->name, conf->role_arn,
                conf->duration_s, role_get_duration_s(r),
                "raise the role's MaxSessionDuration, or lower duration here");
}

static void on_role_changed(struct role *r, void *arg)
{
        struct broker *b = arg;

        store_save_soon(b->store);
        if (b->events && b->events->role_changed)
                b->events->role_changed(r, b->arg);
}

// ---- what keepers tell

static bool is_of(const struct role *r, const struct keeper *k)
{
        return strcmp(role_get_config(r)->identity, keeper_get_config(k)->name) == 0;
}

static void on_granted(struct keeper *k, bool same_person, void *arg)
{
        struct broker *b = arg;

        for (size_t i = 0; i < b->n_roles; i++)
                if (is_of(b->roles[i], k))
                        role_grant_new(b->roles[i], same_person);
}

// What lives is served to its end when a provider ends a grant; a person who signs out ends it at once.
static void on_ended(struct keeper *k, bool signed_out, void *arg)
{
        struct broker *b = arg;

        for (size_t i = 0; signed_out && i < b->n_roles; i++)
                if (is_of(b->roles[i], k))
                        role_drop(b->roles[i], true, NULL);
}

static void on_tokens(struct keeper *k _unused_, void *arg)
{
        struct broker *b = arg;

        if (b->store)
                store_save(b->store); // it says itself why not, and what is no longer true is cleared
}

static void on_identity_changed(struct keeper *k, void *arg)
{
        struct broker *b = arg;

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

// ---- what doors ask

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

enum outcome broker_find_role(struct broker *b, const char *name, struct role **ret, struct err *err)
{
        const struct config_role *conf;

        if (!name || !name[0])
                name = b->config->default_role;
        if (!name) {
                err_set(err, "no role was named, and no default_role is configured. See: valetkey roles");
                return OUTCOME_UNKNOWN_ROLE;
        }
        conf = config_find_role(b->config, name);
        if (!conf) {
                err_set(err, "no role %s is configured. See: valetkey roles", name);
                return OUTCOME_UNKNOWN_ROLE;
        }
        *ret = b->roles[conf - b->config->roles];
        return OUTCOME_OK;
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

size_t broker_roles(const struct broker *b, struct role *const **ret)
{
        *ret = b->roles;
        return b->n_roles;
}

size_t broker_identities(const struct broker *b, struct keeper *const **ret)
{
        *ret = b->keepers;
        return b->n_identities;
}

void broker_wake(struct broker *b, bool urgent)
{
        const struct clock *c = loop_clock(b->loop);
        int64_t now = c->boot_ms(c);
        bool wanted = urgent;

        // Where one of several identities is never signed in to, callers shall not become questions to valetkeyd.
        for (size_t i = 0; i < b->n_identities && !wanted; i++)
                wanted = now - b->looked_boot_ms >= LOOK_EVERY_MS &&
                         keeper_get_state(b->keepers[i]) != KEEPER_SIGNED_IN;
        if (!wanted)
                return;
        b->looked_boot_ms = now;
        claims_look(b->claims);
}

struct parting *broker_parting(struct broker *b, const struct keeper *k)
{
        return b->identities[keeper_get_config(k) - b->config->identities].parting;
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

        if (r)
                return role_refresh(r, err);
        if (!bucket_take(&b->refresh_all, c->boot_ms(c), REFRESH_ALL_AT_ONCE, REFRESH_ALL_EVERY_MS)) {
                err_set(err, "all roles were fetched anew a moment ago; try again later, or name one");
                return OUTCOME_THROTTLED;
        }
        for (size_t i = 0; i < b->n_roles; i++)
                if (role_get_state(b->roles[i]) != ROLE_EMPTY &&
                        role_refresh(b->roles[i], NULL) != OUTCOME_OK)
                        log_event(LOG_E_INFO, "role.refresh_refused", "role=%s",
                                role_get_config(b->roles[i])->name);
        return OUTCOME_OK;
}

// ---- life

static int make_identities(struct broker *b)
{
        static const struct keeper_events events = {
                .granted = on_granted, .ended = on_ended, .changed = on_identity_changed, .store = on_tokens};

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
                web_identity_init(&id->web, id->keeper, b->http);
                b->keepers[i] = id->keeper;
                b->n_identities++;
                r = parting_new(&id->parting, id->keeper, b->claims);
                if (r < 0)
                        return r;
        }
        return 0;
}

static struct source *source_of(struct broker *b, size_t i, struct identity *id)
{
        const struct config_role *conf = &b->config->roles[i], *from;

        if (!conf->source_role)
                return &id->web.source;
        from = config_find_role(b->config, conf->source_role);
        chain_init(&b->chains[i], &b->roles[from - b->config->roles], id->keeper, b->http);
        if (conf->duration_capped)
                log_event(LOG_E_WARNING, "role.duration_capped", "role=%s seconds=%d hint=%s", conf->name,
                        STS_DURATION_CHAINED_S, "AWS ends chained sessions after an hour");
        return &b->chains[i].source;
}

static int make_roles(struct broker *b)
{
        static const struct role_events events = {.obtained = on_obtained,
                .refused = on_refused,
                .changed = on_role_changed,
                .shortened = on_shortened};

        b->roles = calloc(b->config->n_roles + 1, sizeof *b->roles);
        b->chains = calloc(b->config->n_roles + 1, sizeof *b->chains);
        if (!b->roles || !b->chains)
                return -ENOMEM;
        for (size_t i = 0; i < b->config->n_roles; i++) {
                const struct config_role *conf = &b->config->roles[i];
                const struct config_identity *id =
                        conf->identity ? config_find_identity(b->config, conf->identity) : NULL;
                int r;

                if (!id)
                        return -EINVAL; // the reader lets no such role through
                r = role_new(&b->roles[i], b->loop, conf,
                        source_of(b, i, &b->identities[id - b->config->identities]), &events, b);
                if (r < 0)
                        return r;
                b->n_roles++;
        }
        return 0;
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

int broker_new(struct broker **ret, const struct broker_options *o)
{
        static const struct claims_events events = {
                .acceptable = on_acceptable, .claimed = on_claimed, .store = on_pending};
        struct broker *b = calloc(1, sizeof *b);
        int r;

        if (!b)
                return -ENOMEM;
        b->loop = o->loop;
        b->http = o->http;
        b->config = config_ref(o->config);
        r = claims_new(&b->claims, o->loop, o->claim_path, o->server_uid, &events, b);
        if (r == 0)
                r = make_identities(b);
        if (r == 0)
                r = make_roles(b);
        if (r == 0 && o->state)
                r = make_store(b, o->state);
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
        // Flights first: a chained role's waits at another role.
        for (size_t i = 0; i < b->n_roles; i++)
                role_stop(b->roles[i]);
        for (size_t i = 0; i < b->n_roles; i++)
                role_free(b->roles[i]);
        for (size_t i = 0; i < b->n_identities; i++) {
                parting_free(b->identities[i].parting);
                sign_in_abort(b->identities[i].keeper);
                keeper_free(b->identities[i].keeper);
        }
        claims_free(b->claims);
        free(b->roles);
        free(b->chains);
        free(b->identities);
        free(b->keepers);
        config_unref(b->config);
        free(b);
        return NULL;
}
