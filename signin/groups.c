// SPDX-License-Identifier: Apache-2.0
//
// The claim is a list of strings, or one string. Ids are compared whole. Entra ID puts at most 200 groups into a token;
// somebody who is in more gets none, and in their place _claim_names (where they could be asked for) or hasgroups.
#include "groups.h"

static bool is_id(const json_t *g, const char *id)
{
        return json_is_string(g) && json_string_length(g) == strlen(id) &&
               strcmp(json_string_value(g), id) == 0;
}

bool groups_has(const struct config_identity *identity, const struct jwt_claims *c, const char *id)
{
        const json_t *groups = json_object_get(c->all, identity->groups_claim), *g;
        size_t i;

        if (is_id(groups, id))
                return true;
        json_array_foreach(groups, i, g) if (is_id(g, id)) return true;
        return false;
}

enum groups_told groups_told(const struct config_identity *identity, const struct jwt_claims *c)
{
        const json_t *groups = json_object_get(c->all, identity->groups_claim),
                     *has = json_object_get(c->all, "hasgroups");

        if (json_object_get(json_object_get(c->all, "_claim_names"), identity->groups_claim) ||
                json_is_true(has) || is_id(has, "true"))
                return GROUPS_TOO_MANY;
        return json_is_array(groups) || json_is_string(groups) ? GROUPS_TOLD : GROUPS_ABSENT;
}
