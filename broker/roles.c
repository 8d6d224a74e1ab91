// SPDX-License-Identifier: Apache-2.0
//
// A claim is followed by making all roles that all claims together ask for, in the order of the identities, and holding
// them against those there are: what is still asked for stays as it is, session and all. So no order of signing in can
// make one name two things: the configuration goes before a claim, an identity that stands first before the others.
#include "roles.h"

#include "chain.h"
#include "json.h"
#include "log.h"
#include "role_log.h"
#include "token_claim.h"
#include "web_identity.h"

#include <inttypes.h>

#define PACKED_WARN_PERCENT 80

struct entry {
        struct roles *roles;
        struct role *role;
        struct config_role *own; // of a claim; NULL for a configured role
        size_t identity;
        struct chain chain; // unused for web-identity roles
        bool gone;          // nobody hears of it any more
        bool packed_warned;
};

// What one identity's claim says.
struct claimed {
        struct claim_role_arns arns;
        struct err complaint;
};

struct roles {
        struct roles_parts p;
        const struct roles_events *events;
        void *arg;
        struct web_identity *webs; // by identity
        struct claimed *claimed;   // by identity
        struct entry **entries;    // the configuration's first
        struct role **list;        // the same, for those who ask
        size_t n;
};

// ---- what roles tell

static void warn_packed(struct entry *e, const struct sts_credentials *c)
{
        if (c->packed_policy_size < PACKED_WARN_PERCENT || e->packed_warned)
                return;
        e->packed_warned = true;
        log_event(LOG_E_WARNING, "role.packed_policy", "role=%s percent=%d hint=%s",
                role_get_config(e->role)->name, c->packed_policy_size,
                "STS refuses more than 100; shorten session_policy, policy_arns or tags");
}

static void on_obtained(struct role *r, const struct sts_credentials *c, void *arg)
{
        struct entry *e = arg;

        role_log_assumed(r, c, loop_clock(e->roles->p.loop), NULL);
        warn_packed(e, c);
        e->roles->events->rotated(r, e->roles->arg);
}

static void on_refused(struct role *r, void *arg _unused_)
{
        role_log_refused(r, NULL);
}

static void on_shortened(struct role *r, void *arg _unused_)
{
        role_log_shortened(r, NULL);
}

static void on_changed(struct role *r, void *arg)
{
        const struct entry *e = arg;

        if (!e->gone)
                e->roles->events->changed(r, e->roles->arg);
}

// ---- the list

static const struct role_events role_events = {
        .obtained = on_obtained, .refused = on_refused, .changed = on_changed, .shortened = on_shortened};

static struct entry *entry_free(struct entry *e)
{
        if (!e)
                return NULL;
        role_free(e->role);
        config_role_free(e->own);
        free(e);
        return NULL;
}

static int grow(struct roles *r, size_t n)
{
        struct entry **entries = realloc(r->entries, (n + 1) * sizeof *entries);
        struct role **list;

        if (!entries)
                return -ENOMEM;
        r->entries = entries;
        list = realloc(r->list, (n + 1) * sizeof *list);
        if (!list)
                return -ENOMEM;
        r->list = list;
        return 0;
}

// Appends an entry, for which there is room. own is taken over, also on failure; NULL for a configured role.
static int append_entry(struct roles *r, struct config_role *own, size_t identity)
{
        struct entry *e = calloc(1, sizeof *e);

        if (!e) {
                config_role_free(own);
                return -ENOMEM;
        }
        *e = (struct entry){.roles = r, .own = own, .identity = identity};
        r->list[r->n] = NULL;
        r->entries[r->n++] = e;
        return 0;
}

// Makes the role of the n-th entry.
static int make_role(struct roles *r, size_t n, const struct config_role *conf, struct source *source)
{
        struct entry *e = r->entries[n];
        int result = role_new(&e->role, r->p.loop, conf, source, &role_events, e);

        r->list[n] = e->role;
        return result;
}

struct role *roles_find(const struct roles *r, const char *name)
{
        const struct config_role *conf = config_find_role(r->p.config, name);

        if (conf)
                return r->list[conf - r->p.config->roles];
        for (size_t i = r->p.config->n_roles; i < r->n; i++)
                if (strcmp(role_get_config(r->list[i])->name, name) == 0)
                        return r->list[i];
        return NULL;
}

size_t roles_list(const struct roles *r, struct role *const **ret)
{
        *ret = r->list;
        return r->n;
}

// ---- roles of claims

// A role that the claims ask for.
struct wanted {
        struct config_role *own; // NULL once there is one
        size_t identity;
};
struct wanted_list {
        struct wanted *v;
        size_t n;
};

static void wanted_deinit(struct wanted_list *l)
{
        for (size_t i = 0; i < l->n; i++)
                config_role_free(l->v[i].own);
        free(l->v);
}

static void complain(struct roles *r, size_t identity, const char *why)
{
        if (!r->claimed[identity].complaint.text[0])
                err_set(&r->claimed[identity].complaint, "%s", why);
}

// 0, also where it cannot be one; -ENOMEM.
static int want(struct roles *r, struct wanted_list *l, size_t identity, const char *arn)
{
        struct config_role *own = NULL;
        struct err why = ERR_INIT;
        int result = config_claimed_role(&own, r->p.config, &r->p.config->identities[identity], arn, &why);

        if (result == -EBADMSG)
                complain(r, identity, why.text);
        if (result < 0)
                return result == -ENOMEM ? result : 0;
        for (size_t i = 0; i < l->n; i++) {
                if (strcmp(l->v[i].own->name, own->name) != 0)
                        continue;
                err_set(&why, "%.90s makes the role %s, as does %.90s", arn, own->name,
                        l->v[i].own->role_arn);
                complain(r, identity, why.text);
                config_role_free(own);
                return 0;
        }
        l->v[l->n++] = (struct wanted){.own = own, .identity = identity};
        return 0;
}

static int want_all(struct roles *r, struct wanted_list *ret)
{
        size_t n = 0;
        int result = 0;

        for (size_t i = 0; i < r->p.config->n_identities; i++) {
                n += r->claimed[i].arns.n;
                err_clear(&r->claimed[i].complaint);
        }
        ret->v = calloc(n + 1, sizeof *ret->v);
        if (!ret->v)
                return -ENOMEM;
        for (size_t i = 0; i < r->p.config->n_identities; i++) {
                const struct claim_role_arns *l = &r->claimed[i].arns;

                if (l->n_bad)
                        complain(r, i, l->first_bad);
                if (l->n_over)
                        complain(r, i, "there are too many");
                for (size_t k = 0; result == 0 && k < l->n; k++)
                        result = want(r, ret, i, l->v[k]);
        }
        return result;
}

// Takes an entry of a claim out of the list and ends it.
static void remove_at(struct roles *r, size_t n)
{
        struct entry *e = r->entries[n];

        r->n--;
        memmove(&r->entries[n], &r->entries[n + 1], (r->n - n) * sizeof(*r->entries));
        memmove(&r->list[n], &r->list[n + 1], (r->n - n) * sizeof(*r->list));
        r->events->removed(e->role, r->arg);
        e->gone = true;
        // Whoever waits is told, and finds it no more.
        role_drop(e->role, keeper_get_state(r->p.keepers[e->identity]) != KEEPER_SIGNED_IN, NULL);
        entry_free(e);
}

static bool is_wanted(struct wanted_list *l, const struct entry *e)
{
        for (size_t i = 0; i < l->n; i++) {
                const struct config_role *own = l->v[i].own;

                if (!own || l->v[i].identity != e->identity || strcmp(own->name, e->own->name) != 0 ||
                        strcmp(own->role_arn, e->own->role_arn) != 0)
                        continue;
                l->v[i].own = config_role_free(l->v[i].own);
                return true;
        }
        return false;
}

// Makes the roles those that all claims ask for. What memory does not suffice for is left as it was, and said.
static void rebuild(struct roles *r)
{
        struct wanted_list l = {.v = NULL};
        int result = want_all(r, &l);

        if (result == 0)
                result = grow(r, r->n + l.n);
        for (size_t i = r->n; result == 0 && i-- > r->p.config->n_roles;)
                if (!is_wanted(&l, r->entries[i]))
                        remove_at(r, i);
        for (size_t i = 0; result == 0 && i < l.n; i++) {
                struct config_role *own = TAKE_PTR(l.v[i].own);

                if (!own)
                        continue;
                result = append_entry(r, own, l.v[i].identity);
                if (result < 0)
                        break;
                result = make_role(r, r->n - 1, own, &r->webs[l.v[i].identity].source);
                if (result < 0)
                        entry_free(r->entries[--r->n]);
                else
                        r->events->added(r->list[r->n - 1], r->arg);
        }
        wanted_deinit(&l);
        if (result < 0)
                log_event(LOG_E_ERROR, "roles.not_made", "reason=%s", strerror(-result));
}

static bool same_claims(const struct claim_role_arns *a, const struct claim_role_arns *b)
{
        bool same = a->n == b->n && a->n_bad == b->n_bad && a->n_over == b->n_over;

        for (size_t i = 0; same && i < a->n; i++)
                same = strcmp(a->v[i], b->v[i]) == 0;
        return same;
}

static void log_claimed(const struct roles *r, size_t identity)
{
        const struct claimed *c = &r->claimed[identity];
        size_t n = 0;

        for (size_t i = r->p.config->n_roles; i < r->n; i++)
                n += r->entries[i]->identity == identity;
        log_event(c->complaint.text[0] ? LOG_E_WARNING : LOG_E_NOTICE, "roles.claimed",
                "identity=%s claim=%s named=%zu roles=%zu%s%s", r->p.config->identities[identity].name,
                r->p.config->identities[identity].roles_claim, c->arns.n + c->arns.n_bad + c->arns.n_over, n,
                c->complaint.text[0] ? " refused=" : "", c->complaint.text);
}

static size_t number_of(const struct roles *r, const struct keeper *k)
{
        return (size_t)(keeper_get_config(k) - r->p.config->identities);
}

void roles_follow(struct roles *r, const struct keeper *k)
{
        const char *claim = keeper_get_config(k)->roles_claim;
        const struct grant *g = keeper_get_grant(k);
        struct claimed *c = &r->claimed[number_of(r, k)];
        struct claim_role_arns arns = {.n = 0};
        cleanup_json json_t *claims = NULL;
        int result;

        if (!claim || !g)
                return;
        result = claims_of_token(&claims, g->id_token);
        if (result == 0)
                result = claim_role_arns(&arns, claims, claim);
        if (result < 0) {
                log_event(LOG_E_ERROR, "roles.not_made", "identity=%s reason=%s", keeper_get_config(k)->name,
                        strerror(-result));
                return;
        }
        if (same_claims(&c->arns, &arns)) {
                claim_role_arns_deinit(&arns);
                return;
        }
        claim_role_arns_deinit(&c->arns);
        c->arns = arns;
        rebuild(r);
        log_claimed(r, number_of(r, k));
}

const char *roles_get_complaint(const struct roles *r, const struct keeper *k)
{
        return r->claimed[number_of(r, k)].complaint.text;
}

// ---- sign-ins

void roles_sign_out(struct roles *r, const struct keeper *k)
{
        size_t identity = number_of(r, k);
        bool had = r->claimed[identity].arns.n > 0;

        for (size_t i = r->n; i-- > 0;) {
                if (r->entries[i]->identity != identity)
                        continue;
                if (r->entries[i]->own)
                        remove_at(r, i);
                else
                        role_drop(r->list[i], true, NULL);
        }
        claim_role_arns_deinit(&r->claimed[identity].arns);
        err_clear(&r->claimed[identity].complaint);
        if (had)
                rebuild(r); // a name may be free for another identity's claim
}

void roles_signed_in(struct roles *r, const struct keeper *k, bool same_person)
{
        for (size_t i = 0; i < r->n; i++)
                if (r->entries[i]->identity == number_of(r, k))
                        role_grant_new(r->list[i], same_person);
}

// ---- life

static struct source *source_of(struct roles *r, size_t n)
{
        const struct config_role *conf = &r->p.config->roles[n], *from;
        struct entry *e = r->entries[n];

        if (!conf->source_role)
                return &r->webs[e->identity].source;
        from = config_find_role(r->p.config, conf->source_role);
        chain_init(&e->chain, &r->entries[from - r->p.config->roles]->role, r->p.keepers[e->identity],
                r->p.http);
        if (conf->duration_capped)
                log_event(LOG_E_WARNING, "role.duration_capped", "role=%s seconds=%d hint=%s", conf->name,
                        STS_DURATION_CHAINED_S, "AWS ends chained sessions after an hour");
        return &e->chain.source;
}

static int make_configured(struct roles *r)
{
        const struct config *c = r->p.config;
        int result = grow(r, c->n_roles);

        // All entries first: one may come from another that stands behind it.
        for (size_t i = 0; result == 0 && i < c->n_roles; i++) {
                const struct config_identity *id = config_find_identity(c, c->roles[i].identity);

                // The reader lets no role without an identity through.
                result = id ? append_entry(r, NULL, (size_t)(id - c->identities)) : -EINVAL;
        }
        for (size_t i = 0; result == 0 && i < c->n_roles; i++)
                result = make_role(r, i, &c->roles[i], source_of(r, i));
        return result;
}

int roles_new(struct roles **ret, const struct roles_parts *p, const struct roles_events *events, void *arg)
{
        size_t n = p->config->n_identities;
        struct roles *r = calloc(1, sizeof *r);
        int result;

        if (!r)
                return -ENOMEM;
        *r = (struct roles){.p = *p, .events = events, .arg = arg};
        r->webs = calloc(n + 1, sizeof *r->webs);
        r->claimed = calloc(n + 1, sizeof *r->claimed);
        result = r->webs && r->claimed ? 0 : -ENOMEM;
        for (size_t i = 0; result == 0 && i < n; i++)
                web_identity_init(&r->webs[i], p->keepers[i], p->http);
        if (result == 0)
                result = make_configured(r);
        if (result < 0) {
                roles_free(r);
                return err_trace(result);
        }
        *ret = r;
        return 0;
}

struct roles *roles_free(struct roles *r)
{
        if (!r)
                return NULL;
        // Flights first: a chained role's waits at another role.
        for (size_t i = 0; i < r->n; i++) {
                r->entries[i]->gone = true;
                if (r->list[i])
                        role_stop(r->list[i]);
        }
        for (size_t i = 0; i < r->n; i++)
                entry_free(r->entries[i]);
        for (size_t i = 0; r->claimed && i < r->p.config->n_identities; i++)
                claim_role_arns_deinit(&r->claimed[i].arns);
        free(r->webs);
        free(r->claimed);
        free(r->entries);
        free(r->list);
        free(r);
        return NULL;
}
