// SPDX-License-Identifier: Apache-2.0
//
// Reading the very files the sandbox serves from.
#include "run_cloud.h"

#include "dir.h"

#include <stdio.h>

// Roles of two accounts may share a name; in a configuration they may not.
static void name_role(struct cloud_description *d, struct world_role *ret, const struct dir_role *role)
{
        bool taken = false;

        for (size_t i = 0; i < d->n_roles; i++)
                taken |= strcmp(d->roles[i].name, role->name) == 0;
        snprintf(ret->name, sizeof ret->name, "%.64s%s%.12s", role->name, taken ? "-" : "",
                taken ? role->account : "");
}

// Whether a role's trust policy lets another role of the sandbox in, whatever the conditions of a real call would say.
static int trusts(const struct dir_role *role, const struct dir_role *other, bool *ret)
{
        _cleanup_(policy_context_freep) struct policy_context *context = NULL;
        const struct policy_principal principal = {.type = POLICY_PRINCIPAL_AWS,
                .arn = other->arn,
                .role_arn = other->arn,
                .account = other->account};
        struct policy_verdict v;
        int r = policy_context_new(&context);

        if (r == 0)
                r = policy_evaluate(&v, role->trust,
                        &(struct policy_request){
                                .principal = &principal, .action = "sts:AssumeRole", .context = context});
        if (r == 0)
                *ret = v.decision == POLICY_ALLOW;
        return r;
}

// A role that another one may assume is configured as chained from it.
static int chain_roles(struct cloud_description *d, const struct dir *dir)
{
        for (size_t i = 0; i < dir->n_roles; i++) {
                for (size_t k = 0; k < dir->n_roles && !d->roles[i].source[0]; k++) {
                        bool yes = false;
                        int r = k == i ? 0 : trusts(&dir->roles[i], &dir->roles[k], &yes);

                        if (r < 0)
                                return err_trace(r);
                        // Two that trust each other are no chain.
                        if (yes && strcmp(d->roles[k].source, d->roles[i].name) != 0)
                                memcpy(d->roles[i].source, d->roles[k].name, sizeof d->roles[i].source);
                }
        }
        return 0;
}

int cloud_describe(
        struct cloud_description *ret, const char *path, const char *base, const char *user, struct err *err)
{
        _cleanup_(dir_freep) struct dir *d = NULL;
        const struct dir_user *u;
        char issuer[80];
        int r;

        snprintf(issuer, sizeof issuer, "%s/oidc", strstr(base, "://") + 3);
        r = dir_load(&d, path, issuer, err);
        if (r < 0)
                return r;
        u = dir_find_user(d, user);
        if (!u || strlen(u->sub) >= sizeof ret->subject) {
                err_set(err, "The sandbox has no user %s.", user);
                return -ENOENT;
        }
        snprintf(ret->subject, sizeof ret->subject, "%s", u->sub);
        for (size_t i = 0; i < d->n_roles; i++) {
                struct world_role *role = &ret->roles[ret->n_roles];

                if (ret->n_roles == CLOUD_ROLES_MAX || strlen(d->roles[i].arn) >= sizeof role->arn) {
                        err_set(err, "The sandbox has more than %d roles, or one with a very long ARN.",
                                CLOUD_ROLES_MAX);
                        return -E2BIG;
                }
                name_role(ret, role, &d->roles[i]);
                snprintf(role->arn, sizeof role->arn, "%s", d->roles[i].arn);
                ret->n_roles++;
        }
        return chain_roles(ret, d);
}
