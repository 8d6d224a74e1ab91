// SPDX-License-Identifier: Apache-2.0
//
// The list. The configuration's roles stand first and stay where they are; what comes of claims stands behind them
// (roles_claimed.c).
#include "roles_internal.h"

#include "log.h"
#include "role_log.h"

#define PACKED_WARN_PERCENT 80

// ---- what roles tell

static void warn_packed(struct roles_entry *e, const struct sts_credentials *c)
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
        struct roles_entry *e = arg;

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
        const struct roles_entry *e = arg;

        if (!e->gone)
                e->roles->events->changed(r, e->roles->arg);
}

// ---- the list

static const struct role_events role_events = {
        .obtained = on_obtained, .refused = on_refused, .changed = on_changed, .shortened = on_shortened};

struct roles_entry *roles_entry_free(struct roles_entry *e)
{
        if (!e)
                return NULL;
        role_free(e->role);
        config_role_free(e->own);
        free(e);
        return NULL;
}

int roles_grow(struct roles *r, size_t n)
{
        struct roles_entry **entries = realloc(r->entries, (n + 1) * sizeof *entries);
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
int roles_append(struct roles *r, struct config_role *own, size_t identity)
{
        struct roles_entry *e = calloc(1, sizeof *e);

        if (!e) {
                config_role_free(own);
                return -ENOMEM;
        }
        *e = (struct roles_entry){.roles = r, .own = own, .identity = identity};
        r->list[r->n] = NULL;
        r->entries[r->n++] = e;
        return 0;
}

// Makes the role of the n-th entry.
int roles_make(struct roles *r, size_t n, const struct config_role *conf, struct source *source)
{
        struct roles_entry *e = r->entries[n];
        int result = role_new(&e->role, r->p.loop, conf, source, &role_events, e);

        r->list[n] = e->role;
        return result;
}

size_t roles_number_of(const struct roles *r, const struct keeper *k)
{
        return (size_t)(keeper_get_config(k) - r->p.config->identities);
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

// ---- sign-ins

void roles_sign_out(struct roles *r, const struct keeper *k)
{
        size_t identity = roles_number_of(r, k);

        for (size_t i = r->n; i-- > 0;) {
                if (r->entries[i]->identity != identity)
                        continue;
                if (r->entries[i]->own)
                        roles_remove_claimed(r, i);
                else
                        role_drop(r->list[i], true, NULL);
        }
        roles_forget_claim(r, identity);
}

void roles_signed_in(struct roles *r, const struct keeper *k, bool same_person)
{
        for (size_t i = 0; i < r->n; i++)
                if (r->entries[i]->identity == roles_number_of(r, k))
                        role_grant_new(r->list[i], same_person);
}

// ---- life

static struct source *source_of(struct roles *r, size_t n)
{
        const struct config_role *conf = &r->p.config->roles[n], *from;
        struct roles_entry *e = r->entries[n];

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
        int result = roles_grow(r, c->n_roles);

        // All entries first: one may come from another that stands behind it.
        for (size_t i = 0; result == 0 && i < c->n_roles; i++) {
                const struct config_identity *id = config_find_identity(c, c->roles[i].identity);

                // The reader lets no role without an identity through.
                result = id ? roles_append(r, NULL, (size_t)(id - c->identities)) : -EINVAL;
        }
        for (size_t i = 0; result == 0 && i < c->n_roles; i++)
                result = roles_make(r, i, &c->roles[i], source_of(r, i));
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
                roles_entry_free(r->entries[i]);
        for (size_t i = 0; r->claimed && i < r->p.config->n_identities; i++)
                claim_role_arns_deinit(&r->claimed[i].arns);
        free(r->webs);
        free(r->claimed);
        free(r->entries);
        free(r->list);
        free(r);
        return NULL;
}
