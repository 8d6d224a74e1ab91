// SPDX-License-Identifier: Apache-2.0
//
// From settings to structs: every value through its reader, roles filled up from their account and from [defaults], and then what one
// key says held against the others. An error names the place a person must go to: the line of the key where it is
// set, of the default it came from, or of the section that lacks it.
#include "config_builder.h"

#include "config_role.h"
#include "sts.h"

#include <assert.h>
#include <stdio.h>

// A sign-in that outlives its sessions ends all the same.
#define KEPT_GRANT_AGE_S (24 * 3600)

// The setting that decides a key of a section: its own, or for inherited ones that of the account or of
// [defaults]; NULL: none.
static const struct draft_setting *setting_of(const struct builder *b, const struct draft_section *s,
        const struct draft_section *account, const char *key)
{
        int k = s && key ? config_key_find(s->kind, key) : -1;

        if (k < 0)
                return NULL;
        if (s->settings[k].value)
                return &s->settings[k];
        if (!config_key_at((size_t)k)->inherited)
                return NULL;
        if (account) {
                const struct draft_setting *x = setting_of(b, account, NULL, key);

                if (x)
                        return x;
        }
        return setting_of(b, draft_find(b->draft, CONFIG_DEFAULTS, NULL), NULL, key);
}

static int say(const struct builder *b, const struct draft_section *s, const struct draft_setting *x,
        const char *role, const char *what)
{
        assert(s);
        err_set(b->err, "%s:%u: [%s%s%s]%s%s %s", x ? x->file : s->file, x ? x->line : s->line,
                config_kind_name(s->kind), s->name ? " " : "", s->name ? s->name : "", role ? " for " : "",
                role ? role : "", what);
        return -EBADMSG;
}

int build_wrong(const struct builder *b, const struct draft_section *s, const char *key, const char *what)
{
        return say(b, s, setting_of(b, s, NULL, key), NULL, what);
}

int build_wrong_role(const struct builder *b, const struct config_role *r, const char *key, const char *what)
{
        const struct build_origin *o = &b->origins[r - b->c->roles];
        const struct draft_section *account = o->account ? o->account->section : NULL;

        return say(b, o->section, setting_of(b, o->section, account, key),
                o->section->kind == CONFIG_TEMPLATE ? r->name : NULL, what);
}

static bool setting_is_own(const struct draft_section *s, const char *key)
{
        int k = config_key_find(s->kind, key);

        return k >= 0 && s->settings[k].value;
}

int build_apply(const struct builder *b, const struct draft_section *s, void *base)
{
        const struct config_key *key;

        for (size_t k = 0; (key = config_key_at(k)); k++) {
                const struct draft_setting *x = &s->settings[k];
                int r = x->value ? key->set((char *)base + key->offset, x->value, b->err) : 0;

                if (r == -EBADMSG)
                        err_prefix(b->err, "%s:%u: %s: ", x->file, x->line,
                                key->name + strlen(config_kind_name(key->kind)) + 1);
                if (r < 0)
                        return err_trace(r);
        }
        return 0;
}

static size_t count(const struct draft *d, enum config_kind kind)
{
        size_t n = 0;

        for (size_t i = 0; i < d->n_sections; i++)
                n += d->sections[i]->kind == kind;
        return n;
}

static int allocate(struct builder *b)
{
        size_t identities = count(b->draft, CONFIG_IDENTITY);

        b->c->shared = calloc(1, sizeof *b->c->shared);
        if (!b->c->shared)
                return -ENOMEM;
        b->c->identities = calloc(identities + 1, sizeof *b->c->identities);
        b->identity_sections = calloc(identities + 1, sizeof *b->identity_sections);
        b->accounts = calloc(count(b->draft, CONFIG_ACCOUNT) + 1, sizeof *b->accounts);
        b->templates = calloc(count(b->draft, CONFIG_TEMPLATE) + 1, sizeof *b->templates);
        return b->c->identities && b->identity_sections && b->accounts && b->templates ? 0 : -ENOMEM;
}

// Everything but the roles, which need to know the accounts.
static int apply_others(struct builder *b)
{
        struct config *c = b->c;
        struct config_identity *id;

        for (size_t i = 0; i < b->draft->n_sections; i++) {
                const struct draft_section *s = b->draft->sections[i];
                void *base = NULL;
                int r;

                switch (s->kind) {
                case CONFIG_IDENTITY:
                        b->identity_sections[c->n_identities] = s;
                        base = id = &c->identities[c->n_identities++];
                        id->name = strdup(s->name);
                        if (!id->name)
                                return -ENOMEM;
                        break;
                case CONFIG_ACCOUNT:
                        b->accounts[b->n_accounts].section = s;
                        base = &b->accounts[b->n_accounts++].conf;
                        break;
                case CONFIG_TEMPLATE:
                        b->templates[b->n_templates].section = s;
                        base = &b->templates[b->n_templates++].conf;
                        break;
                case CONFIG_SIGNIN:
                        base = &c->signin;
                        break;
                case CONFIG_ENDPOINT:
                        base = &c->endpoint;
                        break;
                case CONFIG_DEFAULTS:
                        base = &b->c->shared->defaults;
                        break;
                case CONFIG_ROLE:
                case CONFIG_APP:
                case CONFIG_GROUP:
                case CONFIG_SERVICE:
                case CONFIG_REGISTRY:
                        continue;
                case CONFIG_KINDS_:
                        return -EINVAL;
                }
                r = build_apply(b, s, base);
                if (r < 0)
                        return err_trace(r);
        }
        return 0;
}

// Room for all roles there will be.
static int allocate_roles(struct builder *b)
{
        size_t n = count(b->draft, CONFIG_ROLE), more;
        char text[64];

        for (size_t i = 0; i < b->n_templates; i++) {
                int r = build_template_count(b, &b->templates[i], &more);

                if (r < 0)
                        return err_trace(r);
                n += more;
                if (n <= CONFIG_ROLES_MAX)
                        continue;
                snprintf(text, sizeof text, "makes more than %u roles of all", CONFIG_ROLES_MAX);
                return build_wrong(b, b->templates[i].section, "accounts", text);
        }
        b->c->roles = calloc(n + 1, sizeof *b->c->roles);
        b->origins = calloc(n + 1, sizeof *b->origins);
        return b->c->roles && b->origins ? 0 : -ENOMEM;
}

static int apply_role(struct builder *b, const struct draft_section *s)
{
        struct build_origin *origin = &b->origins[b->c->n_roles];
        struct config_role *role = &b->c->roles[b->c->n_roles++];
        char account[13];
        int r;

        origin->section = s;
        role->name = strdup(s->name);
        if (!role->name)
                return -ENOMEM;
        r = build_apply(b, s, role);
        if (r == 0 && role->role_arn && sts_role_arn_parse(role->role_arn, NULL, account, NULL) == 0)
                origin->account = build_find_account(b, account);
        return r;
}

// In the order of the files, those of a template where it stands.
static int apply_roles(struct builder *b)
{
        struct build_template *t = b->templates;
        int r = 0;

        for (size_t i = 0; r == 0 && i < b->draft->n_sections; i++) {
                const struct draft_section *s = b->draft->sections[i];

                if (s->kind == CONFIG_ROLE)
                        r = apply_role(b, s);
                else if (s->kind == CONFIG_TEMPLATE)
                        r = build_template_expand(b, t++);
        }
        return r;
}

static int finish_identity(struct builder *b, size_t i)
{
        const struct draft_section *s = b->identity_sections[i];
        struct config_identity *id = &b->c->identities[i];

        if (!id->type)
                id->type = SOURCE_OIDC;
        if (!id->issuer)
                return build_wrong(b, s, "issuer", "lacks issuer");
        if (!id->client_id)
                return build_wrong(b, s, "client_id", "lacks client_id");
        if (id->username_claim && !id->username_claim_is_immutable)
                return build_wrong(b, s, "username_claim",
                        "username_claim needs username_claim_is_immutable = yes: whoever can rename himself "
                        "at the "
                        "provider would choose whose account he opens");
        if (id->username_strip && !id->username_claim)
                return build_wrong(
                        b, s, "username_strip", "username_strip does nothing without username_claim");
        if (id->logout == LOGOUT_REVOKE && !id->revocation_per_grant)
                return build_wrong(b, s, "logout",
                        "logout = revoke needs revocation = per-grant: at other providers a revocation ends "
                        "the "
                        "sign-ins on the person's other hosts too");
        for (size_t k = 0; id->id_token_file && k < i; k++)
                if (b->c->identities[k].id_token_file)
                        return build_wrong(
                                b, s, "id_token_file", "there is one such file, and another identity has it");
        if (id->logout == LOGOUT_KEEP && !id->max_grant_age_s)
                id->max_grant_age_s = KEPT_GRANT_AGE_S;
        if (build_check_admit(b, s, id) < 0)
                return -EBADMSG;
        if (config_inherit(&id->callback_host, "127.0.0.1") < 0)
                return -ENOMEM;
        return config_inherit(&id->groups_claim, "groups");
}

static int role_identity(struct builder *b, struct config_role *r)
{
        char text[160];

        if (!r->identity && b->c->n_identities == 1)
                return config_inherit(&r->identity, b->c->identities[0].name);
        if (!r->identity)
                return build_wrong_role(b, r, "identity",
                        b->c->n_identities ? "must say which identity: there are several"
                                           : "has no identity, and none is configured");
        if (config_find_identity(b->c, r->identity))
                return 0;
        snprintf(text, sizeof text, "names the identity %.64s, which is not configured", r->identity);
        return build_wrong_role(b, r, "identity", text);
}

// Follows source_role to the web-identity role at the bottom, whose identity the whole chain has, or to a role whose chain was
// followed before. More steps than there are roles is a circle.
static int chain_identity(struct builder *b, struct config_role *r)
{
        const struct config_role *at = r;
        char text[160];

        for (size_t steps = 0; at->source_role && !at->identity; steps++) {
                const struct config_role *next = config_find_role(b->c, at->source_role);

                if (!next) {
                        snprintf(text, sizeof text, "comes from the role %.64s, which is not configured",
                                at->source_role);
                        return build_wrong_role(b, at, "source_role", text);
                }
                if (steps == b->c->n_roles)
                        return build_wrong_role(b, r, "source_role",
                                "comes from itself: its chain of source_role is a circle");
                at = next;
        }
        // All of the chain have it at once, so that no step is gone twice.
        while (r != at) {
                if (config_inherit(&r->identity, at->identity) < 0)
                        return -ENOMEM;
                r = &b->c->roles[config_find_role(b->c, r->source_role) - b->c->roles];
        }
        return 0;
}

// What a role below in the chain hands down as transitive, AWS lets nobody above it set anew.
static int check_inherited_tags(struct builder *b, struct config_role *r)
{
        const struct config_role *from = r;
        char text[ERR_MAX];

        while (r->tags && from->source_role) {
                from = config_find_role(b->c, from->source_role);
                for (char **key = from->transitive_tags; key && *key; key++) {
                        if (!config_find_tag(r->tags, *key))
                                continue;
                        snprintf(text, sizeof text,
                                "sets the tag %.128s, which it has from role %s: a transitive tag cannot be "
                                "set again",
                                *key, from->name);
                        return build_wrong_role(b, r, "tags", text);
                }
        }
        return 0;
}

static int finish_role(struct builder *b, size_t i)
{
        const struct build_account *a = b->origins[i].account;
        struct config_role *r = &b->c->roles[i];
        struct err why = ERR_INIT;
        int64_t said = r->duration_s;
        const char *key;
        int result;

        if (!r->role_arn)
                return build_wrong_role(b, r, "role_arn", "lacks role_arn");
        result = config_role_inherit(r, a ? &a->conf : NULL, &b->c->shared->defaults);
        if (result < 0)
                return err_trace(result);
        // What [defaults] says is meant for roles that can have it; what the role says itself is worth a word.
        r->duration_capped = said > r->duration_s;
        key = config_role_confirm(r, setting_is_own(b->origins[i].section, "confirm_for"), &why);
        if (!key)
                key = config_role_wrong(r, &why);
        if (key)
                return build_wrong_role(b, r, key, why.text);
        return r->source_role ? 0 : role_identity(b, r);
}

static int finish_signin(struct builder *b)
{
        const struct draft_section *s = draft_find(b->draft, CONFIG_SIGNIN, NULL);
        struct config_signin *x = &b->c->signin;

        if (b->c->n_identities == 1 && config_inherit(&x->identity, b->c->identities[0].name) < 0)
                return -ENOMEM;
        if (x->identity && !config_find_identity(b->c, x->identity))
                return build_wrong(b, s, "identity", "names an identity that is not configured");
        if (x->max_flows_per_rhost > x->max_flows)
                return build_wrong(b, s, "max_flows_per_rhost", "max_flows_per_rhost is more than max_flows");
        return 0;
}

static int finish_defaults(struct builder *b)
{
        const struct draft_section *s = draft_find(b->draft, CONFIG_DEFAULTS, NULL);
        const struct config_role *r;

        b->c->no_sign_in_notices = b->c->shared->defaults.notify_sign_in == CONFIG_NO;
        b->c->default_role = TAKE_PTR(b->c->shared->defaults.default_role);
        if (!b->c->default_role)
                return 0;
        r = config_find_role(b->c, b->c->default_role);
        if (!r && b->has_claims)
                return 0; // one that a claim may bring cannot be missed yet
        if (!r)
                return build_wrong(b, s, "default_role", "default_role names a role that is not configured");
        if (r->by_name_only)
                return build_wrong(b, s, "default_role",
                        "default_role names a role with ambient = no, which is only for callers that name "
                        "it");
        return 0;
}

static int finish(struct builder *b)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < b->c->n_identities; i++) {
                r = finish_identity(b, i);
                b->has_claims |= b->c->identities[i].roles_claim != NULL;
        }
        for (size_t i = 0; r == 0 && i < b->c->n_roles; i++)
                r = finish_role(b, i);
        for (size_t i = 0; r == 0 && i < b->c->n_roles; i++)
                if (b->c->roles[i].source_role && !b->c->roles[i].identity)
                        r = chain_identity(b, &b->c->roles[i]);
        for (size_t i = 0; r == 0 && i < b->c->n_roles; i++)
                r = check_inherited_tags(b, &b->c->roles[i]);
        if (r == 0)
                r = build_keep_for_claims(b);
        if (r == 0)
                r = finish_signin(b);
        if (r == 0)
                r = build_apps(b);
        if (r == 0)
                r = build_groups(b);
        if (r == 0)
                r = build_services(b);
        if (r == 0)
                r = build_registries(b);
        return r < 0 ? err_trace(r) : finish_defaults(b);
}

static void builder_deinit(struct builder *b)
{
        for (size_t i = 0; i < b->n_accounts; i++)
                config_account_deinit(&b->accounts[i].conf);
        for (size_t i = 0; i < b->n_templates; i++)
                config_template_deinit(&b->templates[i].conf);
        free(b->identity_sections);
        free(b->origins);
        free(b->accounts);
        free(b->account_names);
        free(b->templates);
        free(b->app_sections);
}

int config_build(struct config *ret, const struct draft *d, struct err *err)
{
        struct builder b = {.draft = d, .c = ret, .err = err};
        int r;

        ret->signin = (struct config_signin){.handle_life_s = 120,
                .grant_life_s = 600,
                .max_flows = 64,
                .max_flows_per_rhost = 4,
                .max_starts_per_user = 10,
                .max_starts_per_rhost = 30,
                .lockers = true};
        ret->endpoint = (struct config_endpoint){.imds = true, .container = true};
        r = allocate(&b);
        if (r == 0)
                r = apply_others(&b);
        if (r == 0)
                r = build_index_accounts(&b);
        if (r == 0)
                r = allocate_roles(&b);
        if (r == 0)
                r = apply_roles(&b);
        if (r == 0)
                r = build_index_roles(&b);
        if (r == 0)
                r = finish(&b);
        builder_deinit(&b);
        if (r < 0)
                config_deinit(ret);
        return r;
}

// Legal on a zeroed struct and twice.
void config_deinit(struct config *c)
{
        for (size_t i = 0; i < c->n_identities; i++)
                config_identity_deinit(&c->identities[i]);
        for (size_t i = 0; i < c->n_roles; i++)
                config_role_deinit(&c->roles[i]);
        for (size_t i = 0; i < c->n_apps; i++)
                config_app_deinit(&c->apps[i]);
        for (size_t i = 0; i < c->n_groups; i++)
                config_group_deinit(&c->groups[i]);
        for (size_t i = 0; i < c->n_services; i++)
                free(c->services[i].name);
        for (size_t i = 0; i < c->n_registries; i++) {
                free(c->registries[i].host);
                free(c->registries[i].role);
        }
        free(c->registries);
        free(c->identities);
        free(c->apps);
        free(c->groups);
        free(c->services);
        free(c->roles);
        free(c->by_name);
        free(c->default_role);
        config_shared_free(c->shared, c->n_identities);
        config_signin_deinit(&c->signin);
        *c = (struct config){0};
}
