// SPDX-License-Identifier: Apache-2.0
//
// Roles that a claim names. They are made as those of a template are, from the same keys and by the same rules; only that
// it happens when somebody has signed in, and that what is wrong with one concerns that one: the configuration stands.
#include "config_role.h"

#include "sts.h"

// For bsearch(), which hands the key over first.
static int is_account(const void *id, const void *account)
{
        return strcmp(id, ((const struct config_known_account *)account)->id);
}

int config_apply_values(struct config_role *r, const char *const values[CONFIG_KEYS_MAX], struct err *err)
{
        const struct config_key *key;

        for (size_t k = 0; (key = config_key_at(k)); k++) {
                int result;

                if (!values[k] || key->kind != CONFIG_TEMPLATE ||
                        key->offset < offsetof(struct config_template, role))
                        continue;
                result = key->set(
                        (char *)r + key->offset - offsetof(struct config_template, role), values[k], err);
                if (result < 0)
                        return err_trace(result);
        }
        return 0;
}

struct config_role *config_role_free(struct config_role *r)
{
        if (r)
                config_role_deinit(r);
        free(r);
        return NULL;
}

static int make(struct config_role *r, const struct config *c, const struct config_identity *id,
        const char *arn, struct err *why)
{
        const struct config_claimed *t = &c->shared->claimed[id - c->identities];
        const struct config_known_account *a;
        char account[13], iam_name[65];
        int result;

        if (sts_role_arn_parse(arn, NULL, account, iam_name) < 0) {
                err_set(why, "is not a role's ARN");
                return -EBADMSG;
        }
        a = bsearch(
                account, c->shared->accounts, c->shared->n_accounts, sizeof *c->shared->accounts, is_account);
        result = config_role_name(&r->name, t->pattern ? t->pattern : CONFIG_NAME_PATTERN,
                a && a->conf.alias ? a->conf.alias : account, iam_name, why);
        if (result == 0)
                result = config_inherit(&r->role_arn, arn);
        if (result == 0)
                result = config_apply_values(r, (const char *const *)t->values, why);
        if (result == 0)
                result = config_inherit(&r->identity, id->name);
        if (result == 0)
                result = config_role_inherit(r, a ? &a->conf : NULL, &c->shared->defaults);
        if (result < 0)
                return result;
        if (config_role_confirm(r, t->values[config_key_find(CONFIG_TEMPLATE, "confirm_for")] != NULL, why) ||
                config_role_wrong(r, why))
                return -EBADMSG;
        for (size_t i = 0; i < c->n_apps; i++)
                if (config_app_widens(&c->apps[i], r)) {
                        err_set(why,
                                "has a session policy, and so has [app %.64s]: AWS would allow what either "
                                "allows",
                                c->apps[i].name);
                        return -EBADMSG;
                }
        return 0;
}

int config_claimed_role(struct config_role **ret, const struct config *c, const struct config_identity *id,
        const char *arn, struct err *err)
{
        struct config_role *r = calloc(1, sizeof *r);
        const struct config_role *there;
        char shown[100];
        int result;

        if (!r)
                return -ENOMEM;
        result = make(r, c, id, arn, err);
        there = result == 0 ? config_find_role(c, r->name) : NULL;
        if (there && strcmp(there->role_arn, arn) == 0) {
                result = -EEXIST;
        } else if (there) {
                err_set(err, "makes the role %s, which is configured and is %.90s", r->name, there->role_arn);
                result = -EBADMSG;
        }
        if (result == -EBADMSG)
                err_prefix(err, "%s ", err_sanitise(shown, sizeof shown, arn, strlen(arn)));
        if (result < 0) {
                config_role_free(r);
                return result;
        }
        *ret = r;
        return 0;
}

struct config_shared *config_shared_free(struct config_shared *s, size_t n_identities)
{
        if (!s)
                return NULL;
        config_defaults_deinit(&s->defaults);
        for (size_t i = 0; i < s->n_accounts; i++)
                config_account_deinit(&s->accounts[i].conf);
        for (size_t i = 0; s->claimed && i < n_identities; i++) {
                free(s->claimed[i].pattern);
                for (size_t k = 0; k < CONFIG_KEYS_MAX; k++)
                        free(s->claimed[i].values[k]);
        }
        free(s->accounts);
        free(s->claimed);
        free(s);
        return NULL;
}
