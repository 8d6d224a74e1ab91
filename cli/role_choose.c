// SPDX-License-Identifier: Apache-2.0
//
// A name that is there wins over every longer one that begins with it, so that no role can be hidden by another. Where a
// machine asks (the shim, an SDK's configuration) no prefix is taken: it would come to mean another role one day.
#include "role_choose.h"

#include "cmd.h"
#include "json.h"
#include "role_pick.h"

#include <stdio.h>

static const char *name_of(const json_t *role)
{
        const char *s = json_string_value(json_object_get(role, "name"));

        return s ? s : "";
}

// "dev, dev-admin, …": as many as a sentence has room for.
static void say_candidates(const json_t *roles, const char *word, struct err *err)
{
        char list[160] = "";
        const json_t *o;
        size_t i, at = 0;

        json_array_foreach(roles, i, o)
        {
                const char *name = name_of(o);

                if (strncmp(name, word, strlen(word)) != 0)
                        continue;
                if (at + strlen(name) + 8 > sizeof list) {
                        snprintf(list + at, sizeof list - at, ", …");
                        break;
                }
                at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", at ? ", " : "", name);
        }
        err_set(err, "'%.64s' could be any of these roles: %s", word, list);
}

const json_t *role_by_prefix(const json_t *roles, const char *word, struct err *err)
{
        const json_t *found = NULL, *o;
        char clean[101];
        size_t n = 0, i;

        json_array_foreach(roles, i, o)
        {
                if (strcmp(name_of(o), word) == 0)
                        return o;
                if (*word && strncmp(name_of(o), word, strlen(word)) == 0) {
                        found = o;
                        n++;
                }
        }
        if (n == 1)
                return found;
        if (n > 1)
                say_candidates(roles, word, err);
        else
                err_set(err, "no role '%s' is configured; see: valetkey roles",
                        err_sanitise(clean, sizeof clean, word, strlen(word)));
        return NULL;
}

static enum outcome choose(struct role_choice *c, const char *typed, struct err *err)
{
        const json_t *roles = json_object_get(c->status, "roles");
        const char *standing = getenv("VALETKEY_ROLE"),
                   *usual = json_string_value(json_object_get(c->status, "default_role"));

        if (!typed && standing && *standing)
                typed = standing;
        if (typed) {
                c->role = role_by_prefix(roles, typed, err);
        } else if (role_pick_possible() && json_array_size(roles) > 0) {
                c->role = role_pick(roles, usual);
                if (!c->role) {
                        err_set(err, "no role was picked");
                        return OUTCOME_CANCELLED;
                }
        } else if (usual) {
                c->role = role_by_prefix(roles, usual, err);
        } else {
                return OUTCOME_INVALID_REQUEST;
        }
        if (!c->role)
                return OUTCOME_UNKNOWN_ROLE;
        c->name = strdup(name_of(c->role));
        return c->name ? OUTCOME_OK : OUTCOME_INTERNAL;
}

enum outcome role_choose(struct role_choice *ret, const struct cli *cli, const char *typed, struct err *err)
{
        struct role_choice c = {0};
        enum outcome o = cmd_get_status(cli, &c.status, err);

        if (o == OUTCOME_OK)
                o = choose(&c, typed, err);
        if (o == OUTCOME_OK)
                *ret = c;
        else
                role_choice_deinit(&c);
        return o;
}

void role_choice_deinit(struct role_choice *c)
{
        free(c->name);
        json_decref(c->status);
        *c = (struct role_choice){0};
}
