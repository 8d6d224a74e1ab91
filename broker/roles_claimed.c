// SPDX-License-Identifier: Apache-2.0
//
// A claim is followed by making all roles that all claims together ask for, in the order of the identities, and holding
// them against those there are: what is still asked for stays as it is, session and all. So no order of signing in can
// make one name two things: the configuration goes before a claim, an identity that stands first before the others.
#include "roles_internal.h"

#include "json.h"
#include "log.h"

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
void roles_remove_claimed(struct roles *r, size_t n)
{
        struct roles_entry *e = r->entries[n];
        bool signed_out = keeper_get_state(r->p.keepers[e->identity]) != KEEPER_SIGNED_IN;

        r->n--;
        memmove(&r->entries[n], &r->entries[n + 1], (r->n - n) * sizeof(*r->entries));
        memmove(&r->list[n], &r->list[n + 1], (r->n - n) * sizeof(*r->list));
        r->events->removed(e->role, signed_out, r->arg);
        e->gone = true;
        // Whoever waits is told, and finds it no more.
        role_end(e->role, signed_out);
        roles_entry_free(e);
}

static bool is_wanted(struct wanted_list *l, const struct roles_entry *e)
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
                result = roles_grow(r, r->n + l.n);
        for (size_t i = r->n; result == 0 && i-- > r->p.config->n_roles;)
                if (!is_wanted(&l, r->entries[i]))
                        roles_remove_claimed(r, i);
        for (size_t i = 0; result == 0 && i < l.n; i++) {
                struct config_role *own = TAKE_PTR(l.v[i].own);

                if (!own)
                        continue;
                result = roles_append(r, own, l.v[i].identity);
                if (result < 0)
                        break;
                result = roles_make(r, r->n - 1, own, &r->webs[l.v[i].identity].source);
                if (result < 0)
                        roles_entry_free(r->entries[--r->n]);
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
        const struct roles_claimed *c = &r->claimed[identity];
        size_t n = 0;

        for (size_t i = r->p.config->n_roles; i < r->n; i++)
                n += r->entries[i]->identity == identity;
        log_event(c->complaint.text[0] ? LOG_E_WARNING : LOG_E_NOTICE, "roles.claimed",
                "identity=%s claim=%s named=%zu roles=%zu%s%s", r->p.config->identities[identity].name,
                r->p.config->identities[identity].roles_claim, c->arns.n + c->arns.n_bad + c->arns.n_over, n,
                c->complaint.text[0] ? " refused=" : "", c->complaint.text);
}

void roles_follow(struct roles *r, const struct keeper *k)
{
        const char *claim = keeper_get_config(k)->roles_claim;
        const struct grant *g = keeper_get_grant(k);
        struct roles_claimed *c = &r->claimed[roles_number_of(r, k)];
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
        log_claimed(r, roles_number_of(r, k));
}

const char *roles_get_complaint(const struct roles *r, const struct keeper *k)
{
        return r->claimed[roles_number_of(r, k)].complaint.text;
}

void roles_forget_claim(struct roles *r, size_t identity)
{
        struct roles_claimed *c = &r->claimed[identity];
        bool had = c->arns.n > 0;

        claim_role_arns_deinit(&c->arns);
        err_clear(&c->complaint);
        if (had)
                rebuild(r); // a name may be free for another identity's claim
}
