// SPDX-License-Identifier: Apache-2.0
//
// A sandboxed app is told which section would let it in, and the same of a role that it is not granted and of one that does
// not exist.
#include "handout_policy.h"

static enum app_kind kind_of(const struct caller *who)
{
        return who->kind == CALLER_FLATPAK ? APP_FLATPAK : who->kind == CALLER_SNAP ? APP_SNAP : APP_NONE;
}

enum outcome policy_app(
        const struct config *c, const struct caller *who, const struct config_app **ret, struct err *err)
{
        char text[APP_ID_MAX + 16];

        *ret = who->app[0] ? config_find_app(c, kind_of(who), who->app) : NULL;
        if (*ret || !caller_is_sandboxed(who))
                return OUTCOME_OK;
        err_set(err,
                "%.100s is granted no role: valetkey.conf needs a section [app NAME] with %s = %.100s and "
                "roles",
                caller_describe(who, text, sizeof text), who->kind == CALLER_FLATPAK ? "flatpak" : "snap",
                who->app);
        return OUTCOME_ACCESS_DENIED;
}

enum outcome policy_role(const struct config *c, const struct caller *who, const struct config_app *app,
        const char *named, const char **ret, struct err *err)
{
        char text[APP_ID_MAX + 16];

        *ret = named;
        if (!app)
                return OUTCOME_OK; // an empty name is broker_find_role()'s
        if (!named || !named[0])
                *ret = config_app_default_role(c, app);
        if (!*ret) {
                err_set(err, "no role was named, and none of those in [app %s] is the default", app->name);
                return OUTCOME_UNKNOWN_ROLE;
        }
        if (config_app_grants(app, *ret))
                return OUTCOME_OK;
        err_set(err, "role %.64s is not granted to %.100s: it is not among the roles of [app %s]", *ret,
                caller_describe(who, text, sizeof text), app->name);
        return OUTCOME_ACCESS_DENIED;
}
