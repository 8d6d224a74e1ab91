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
        return 0;
}
