// SPDX-License-Identifier: Apache-2.0
//
// Roles by the hundred: a template and a list of accounts make one role each, the same in everything but its
// name, its ARN and what the account says. Nothing is guessed where two could be meant: whoever makes a name that
// is there already, or is about an account that nobody described, is told so with both places.
//
// Everything here is done in order of names (sorted once, then searched), so that ten thousand roles cost no more
// than ten thousand times what one does.
#include "config_builder.h"

#include "config_read.h"
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

static const char *name_pattern(const struct build_template *t)
{
        return t->conf.name ? t->conf.name : "{account}/{role}";
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
                b->defaults.sts_region, r->region, b->defaults.region};

        for (size_t i = 0; i < ARRAY_SIZE(regions); i++)
                if (regions[i])
                        return sts_region_partition(regions[i]);
        return "aws";
}

// The pattern with both words put in. A name that is none is said with what it would have been.
static int make_name(
        const struct builder *b, const struct build_template *t, const struct build_account *a, char **ret)
{
        cleanup_buf struct buf name = BUF_INIT(4 * CONFIG_VALUE_MAX);
        const char *p = name_pattern(t), *slash = strrchr(t->conf.role_name, '/');
        char text[ERR_MAX];
        size_t n;

        while (*p) {
                if (strncmp(p, "{account}", 9) == 0) {
                        buf_append_str(&name, a->conf.alias ? a->conf.alias : a->section->name);
                        p += 9;
                } else if (strncmp(p, "{role}", 6) == 0) {
                        buf_append_str(&name, slash ? slash + 1 : t->conf.role_name);
                        p += 6;
                } else {
                        buf_append_char(&name, *p++);
                }
        }
        if (buf_error(&name) == -ENOMEM)
                return -ENOMEM;
        n = config_name_span(buf_str(&name));
        if (buf_error(&name) < 0 || name.p[n] || n == 0 || n > CONFIG_NAME_MAX) {
                snprintf(text, sizeof text,
                        "makes the name %.70s: a name is 1 to %u of a-z 0-9 . _ / - and begins with a letter "
                        "or digit",
                        buf_str(&name), CONFIG_NAME_MAX);
                return build_wrong(b, t->section, "name", text);
        }
        *ret = strdup(name.p);
        return *ret ? 0 : -ENOMEM;
}

// What the template says of every role, read once more into this one: so no key can be forgotten.
static int copy_settings(const struct builder *b, const struct build_template *t, struct config_role *r)
{
        const struct config_key *key;

        for (size_t k = 0; (key = config_key_at(k)); k++) {
                const char *value = t->section->settings[k].value;
                int result;

                if (!value || key->offset < offsetof(struct config_template, role))
                        continue;
                result = key->set(
                        (char *)r + key->offset - offsetof(struct config_template, role), value, b->err);
                if (result < 0)
                        return err_trace(result);
        }
        return 0;
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

        for (size_t i = 0; r == 0 && (all ? i < b->n_accounts : t->conf.accounts[i] != NULL); i++) {
                const struct build_account *a =
                        all ? &b->accounts[i] : build_find_account(b, t->conf.accounts[i]);

                assert(a); // each was looked up when the template was read
                r = make_role(b, t, a);
        }
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
