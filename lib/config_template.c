// SPDX-License-Identifier: Apache-2.0
//
// Roles by the hundred: a template and a list of accounts make one role each, the same in everything but its
// name, its ARN and what the account says. Nothing is guessed where two could be meant: whoever makes a name that
// is there already, or is about an account that nobody described, is told so with both places.
//
// Everything here is done in order of names (sorted once, then searched), so that ten thousand roles cost no more
// than ten thousand times what one does.
#include "config_builder.h"

#include "config_role.h"
#include "sts.h"

#include <assert.h>
#include <stdio.h>

// ---- accounts

static int by_account_name(const void *a, const void *b)
{
        const struct build_account_name *x = a, *y = b;
        int r = strcmp(x->name, y->name);

        if (r)
                return r;
        return x->account < y->account ? -1 : x->account > y->account;
}

// For bsearch(), which hands the key over first.
static int is_account_name(const void *name, const void *entry)
{
        return strcmp(name, ((const struct build_account_name *)entry)->name);
}

static int check_account(const struct builder *b, const struct build_account *a)
{
        const char *of_region, *of_sts;

        if (strlen(a->section->name) != 12 || a->section->name[strspn(a->section->name, "0123456789")])
                return build_wrong(b, a->section, NULL, "an account is named by its id of 12 digits");
        if (!a->conf.region || !a->conf.sts_region)
                return 0;
        of_region = sts_region_partition(a->conf.region);
        of_sts = sts_region_partition(a->conf.sts_region);
        if (strcmp(of_region, of_sts) == 0)
                return 0;
        return build_wrong(b, a->section, "sts_region",
                "sts_region is in another partition than region, and an account is in one");
}

int build_index_accounts(struct builder *b)
{
        size_t n = 0;

        b->account_names = calloc(2 * b->n_accounts + 1, sizeof *b->account_names);
        if (!b->account_names)
                return -ENOMEM;
        for (size_t i = 0; i < b->n_accounts; i++) {
                struct build_account *a = &b->accounts[i];
                int r = check_account(b, a);

                if (r < 0)
                        return err_trace(r);
                b->account_names[n++] = (struct build_account_name){.name = a->section->name, .account = a};
                if (a->conf.alias)
                        b->account_names[n++] =
                                (struct build_account_name){.name = a->conf.alias, .account = a};
        }
        b->n_account_names = n;
        qsort(b->account_names, n, sizeof *b->account_names, by_account_name);
        for (size_t i = 1; i < n; i++) {
                const struct build_account_name *x = &b->account_names[i - 1], *y = x + 1;
                char text[ERR_MAX];

                if (strcmp(x->name, y->name) != 0)
                        continue;
                snprintf(text, sizeof text, "has the alias %s, as does %s:%u: [account %s]", y->name,
                        x->account->section->file, x->account->section->line, x->account->section->name);
                return build_wrong(b, y->account->section, "alias", text);
        }
        return 0;
}

// Borrowed.
struct build_account *build_find_account(const struct builder *b, const char *name)
{
        const struct build_account_name *e = bsearch(
                name, b->account_names, b->n_account_names, sizeof *b->account_names, is_account_name);

        return e ? e->account : NULL;
}

// ---- templates

static bool names_all_accounts(const struct build_template *t)
{
        return strcmp(t->conf.accounts[0], "*") == 0 && !t->conf.accounts[1];
}

// Its accounts are those of the ARNs that an identity's claim brings.
static bool is_of_claim(const struct build_template *t)
{
        return strcmp(t->conf.accounts[0], "claim") == 0 && !t->conf.accounts[1];
}

static const char *name_pattern(const struct build_template *t)
{
        return t->conf.name ? t->conf.name : CONFIG_NAME_PATTERN;
}

// Looks the accounts of a list up and counts them.
static int count_listed(const struct builder *b, const struct build_template *t, size_t *ret)
{
        size_t number = (size_t)(t - b->templates) + 1;
        char text[ERR_MAX];

        for (*ret = 0; t->conf.accounts[*ret]; ++*ret) {
                const char *name = t->conf.accounts[*ret];
                struct build_account *a = build_find_account(b, name);

                if (!a) {
                        snprintf(text, sizeof text,
                                "names the account %.64s, about which there is no [account ID]", name);
                        return build_wrong(b, t->section, "accounts", text);
                }
                if (a->named_by == number) {
                        snprintf(text, sizeof text, "names the account %s twice, by its id and by its alias",
                                a->section->name);
                        return build_wrong(b, t->section, "accounts", text);
                }
                a->named_by = number;
        }
        return 0;
}

int build_template_count(const struct builder *b, const struct build_template *t, size_t *ret)
{
        int r;

        if (!t->conf.accounts)
                return build_wrong(b, t->section, "accounts", "lacks accounts");
        *ret = 0;
        if (is_of_claim(t))
                return 0;
        if (!t->conf.role_name)
                return build_wrong(b, t->section, "role_name", "lacks role_name");
        *ret = b->n_accounts;
        r = names_all_accounts(t) ? 0 : count_listed(b, t, ret);
        if (r < 0)
                return err_trace(r);
        if (*ret == 0)
                return build_wrong(
                        b, t->section, "accounts", "is for all accounts, and there is no [account ID]");
        if (*ret > 1 && !strstr(name_pattern(t), "{account}"))
                return build_wrong(b, t->section, "name",
                        "name needs {account}: the roles of several accounts would have one name");
        return 0;
}

// The account's partition: an account is in one, and its regions tell which; else that of the STS that is asked.
static const char *partition_of(
        const struct builder *b, const struct build_account *a, const struct config_role *r)
{
        const char *const regions[] = {a->conf.region, a->conf.sts_region, r->sts_region,
                b->c->shared->defaults.sts_region, r->region, b->c->shared->defaults.region};

        for (size_t i = 0; i < ARRAY_SIZE(regions); i++)
                if (regions[i])
                        return sts_region_partition(regions[i]);
        return "aws";
}

static int make_name(
        const struct builder *b, const struct build_template *t, const struct build_account *a, char **ret)
{
        struct err why = ERR_INIT;
        int r = config_role_name(ret, name_pattern(t), a->conf.alias ? a->conf.alias : a->section->name,
                t->conf.role_name, &why);

        return r == -EBADMSG ? build_wrong(b, t->section, "name", why.text) : r;
}

// What the template says of every role, read once more into this one: so no key can be forgotten.
static int copy_settings(const struct builder *b, const struct build_template *t, struct config_role *r)
{
        const char *values[CONFIG_KEYS_MAX];

        for (size_t k = 0; k < CONFIG_KEYS_MAX; k++)
                values[k] = t->section->settings[k].value;
        return config_apply_values(r, values, b->err);
}

static int make_role(struct builder *b, const struct build_template *t, const struct build_account *a)
{
        struct config_role *role = &b->c->roles[b->c->n_roles];
        int r;

        b->origins[b->c->n_roles++] = (struct build_origin){.section = t->section, .account = a};
        r = make_name(b, t, a, &role->name);
        if (r == 0)
                r = copy_settings(b, t, role);
        if (r < 0)
                return err_trace(r);
        if (asprintf(&role->role_arn, "arn:%s:iam::%s:role/%s", partition_of(b, a, role), a->section->name,
                    t->conf.role_name) < 0) {
                role->role_arn = NULL;
                return -ENOMEM;
        }
        return 0;
}

int build_template_expand(struct builder *b, struct build_template *t)
{
        bool all = names_all_accounts(t);
        int r = 0;

        if (is_of_claim(t))
                return 0; // there are none before somebody has signed in

        for (size_t i = 0; r == 0 && (all ? i < b->n_accounts : t->conf.accounts[i] != NULL); i++) {
                const struct build_account *a =
                        all ? &b->accounts[i] : build_find_account(b, t->conf.accounts[i]);

                assert(a); // each was looked up when the template was read
                r = make_role(b, t, a);
        }
        return r;
}

// ---- roles of claims

static const struct config_identity *identity_of_claim(
        const struct builder *b, const struct build_template *t)
{
        const char *name = t->conf.role.identity;

        if (name)
                return config_find_identity(b->c, name);
        return b->c->n_identities == 1 ? &b->c->identities[0] : NULL;
}

// What can be known of its roles without one of them.
static int check_of_claim(const struct builder *b, const struct build_template *t)
{
        const struct config_identity *id = identity_of_claim(b, t);
        const struct config_role *r = &t->conf.role;
        struct config_role trial = *r; // borrows everything
        struct err why = ERR_INIT;

        if (t->conf.role_name)
                return build_wrong(b, t->section, "role_name",
                        "role_name does not go with accounts = claim: the claim says it");
        if (r->source_role)
                return build_wrong(b, t->section, "source_role",
                        "source_role does not go with accounts = claim: they are assumed with the token that "
                        "names them");
        if (!id)
                return build_wrong(b, t->section, "identity",
                        r->identity ? "names an identity that is not configured"
                                    : "must say which identity's claim is meant");
        if (!id->roles_claim)
                return build_wrong(b, t->section, "accounts",
                        "is for the roles of a claim, and its identity has no roles_claim");
        if (config_role_confirm(&trial,
                    t->section->settings[config_key_find(CONFIG_TEMPLATE, "confirm_for")].value != NULL,
                    &why))
                return build_wrong(b, t->section, "confirm_for", why.text);
        if (!strstr(name_pattern(t), "{role}"))
                return build_wrong(b, t->section, "name",
                        "name needs {role}: all roles of an account would have one name");
        return 0;
}

static int keep_template(struct builder *b, struct build_template *t)
{
        const struct config_identity *id = identity_of_claim(b, t);
        struct config_claimed *claimed = &b->c->shared->claimed[id - b->c->identities];

        if (claimed->pattern)
                return build_wrong(
                        b, t->section, "accounts", "is a second one for the claim of one identity");
        if (config_inherit(&claimed->pattern, name_pattern(t)) < 0)
                return -ENOMEM;
        for (size_t k = 0; k < CONFIG_KEYS_MAX; k++)
                if (config_inherit(&claimed->values[k], t->section->settings[k].value) < 0)
                        return -ENOMEM;
        return 0;
}

static int by_id(const void *a, const void *b)
{
        return strcmp(
                ((const struct config_known_account *)a)->id, ((const struct config_known_account *)b)->id);
}

int build_keep_for_claims(struct builder *b)
{
        struct config_shared *shared = b->c->shared;
        int r = 0;

        shared->claimed = calloc(b->c->n_identities + 1, sizeof *shared->claimed);
        shared->accounts = calloc(b->n_accounts + 1, sizeof *shared->accounts);
        if (!shared->claimed || !shared->accounts)
                return -ENOMEM;
        for (size_t i = 0; r == 0 && i < b->n_templates; i++)
                if (is_of_claim(&b->templates[i])) {
                        r = check_of_claim(b, &b->templates[i]);
                        if (r == 0)
                                r = keep_template(b, &b->templates[i]);
                }
        for (size_t i = 0; i < b->n_accounts; i++) {
                struct config_known_account *a = &shared->accounts[shared->n_accounts++];

                memcpy(a->id, b->accounts[i].section->name, sizeof a->id); // 12 digits: that was checked
                a->conf = b->accounts[i].conf;
                b->accounts[i].conf = (struct config_account){0};
        }
        qsort(shared->accounts, shared->n_accounts, sizeof *shared->accounts, by_id);
        return r;
}

// ---- roles by name

static int by_role_name(const void *a, const void *b)
{
        const struct config_role *x = *(struct config_role *const *)a, *y = *(struct config_role *const *)b;
        int r = strcmp(x->name, y->name);

        if (r)
                return r;
        return x < y ? -1 : x > y;
}

static int collision(
        const struct builder *b, const struct config_role *first, const struct config_role *second)
{
        const struct draft_section *x = b->origins[first - b->c->roles].section,
                                   *y = b->origins[second - b->c->roles].section;
        char text[ERR_MAX];

        snprintf(text, sizeof text, "makes the role %s, as does %s:%u: [%s %s]", first->name, x->file,
                x->line, config_kind_name(x->kind), x->name);
        return build_wrong(b, y, NULL, text);
}

int build_index_roles(struct builder *b)
{
        struct config *c = b->c;

        c->by_name = calloc(c->n_roles + 1, sizeof(*c->by_name));
        if (!c->by_name)
                return -ENOMEM;
        for (size_t i = 0; i < c->n_roles; i++)
                c->by_name[i] = &c->roles[i];
        qsort(c->by_name, c->n_roles, sizeof(*c->by_name), by_role_name);
        for (size_t i = 1; i < c->n_roles; i++)
                if (strcmp(c->by_name[i - 1]->name, c->by_name[i]->name) == 0)
                        return collision(b, c->by_name[i - 1], c->by_name[i]);
        return 0;
}
