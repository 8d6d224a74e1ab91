// SPDX-License-Identifier: Apache-2.0
//
// Strings are compared whole, lengths first, by strcmp() on values that hold no NUL; an empty claim is no claim. (A
// neighbour of ours compares as many bytes as the answer has: an empty answer is everybody.)
#include "mapping.h"

#include "groups.h"
#include "json.h"

#define CLAIM_MAX 512

// A string claim that is there and not empty.
static const char *claim(const struct jwt_claims *c, const char *key)
{
        const char *s = NULL;

        return json_get_string(c->all, key, CLAIM_MAX, &s) == 0 && s[0] ? s : NULL;
}

const char *mapping_display(const struct jwt_claims *c)
{
        const char *s = claim(c, "preferred_username");

        if (!s)
                s = claim(c, "email");
        return s ? s : c->sub;
}

static bool has_allowed_group(const struct config_identity *identity, const struct jwt_claims *c)
{
        for (char **g = identity->allow_groups; *g; g++)
                if (groups_has(identity, c, *g))
                        return true;
        return false;
}

// A number, or its digits in a string.
int mapping_uid_claim(const struct config_identity *identity, const struct jwt_claims *c, uint32_t *ret)
{
        const json_t *value = json_object_get(c->all, identity->uid_number_claim);
        uint64_t v = 0;

        if (json_is_integer(value) && json_integer_value(value) > 0)
                v = (uint64_t)json_integer_value(value);
        for (const char *p = json_is_string(value) ? json_string_value(value) : ""; *p; p++) {
                if (*p < '0' || *p > '9' || v > UINT32_MAX)
                        return -ERANGE;
                v = v * 10 + (uint64_t)(*p - '0');
        }
        if (v < TABLE_UID_MIN || v > TABLE_UID_MAX)
                return -ERANGE;
        *ret = (uint32_t)v;
        return 0;
}

// The local name that the username claim stands for, compared with the user's. An "email" that the provider has not
// verified is whatever its owner typed.
static bool claim_names(const struct mapping *m)
{
        const struct config_identity *identity = m->identity;
        const char *value = claim(m->claims, identity->username_claim);
        size_t n, strip;

        if (!value)
                return false;
        if (strcmp(identity->username_claim, "email") == 0) {
                bool verified = false;

                if (json_get_bool(m->claims->all, "email_verified", &verified) < 0 || !verified)
                        return false;
        }
        n = strlen(value);
        if (identity->username_strip) {
                // Whoever lacks the suffix is of another realm, where the same short name is somebody else.
                strip = strlen(identity->username_strip);
                if (n <= strip || strcmp(value + n - strip, identity->username_strip) != 0)
                        return false;
                n -= strip;
        }
        return strlen(m->entry->name) == n && memcmp(m->entry->name, value, n) == 0;
}

bool mapping_uid_differs(const struct mapping *m)
{
        uint32_t uid;

        return m->identity->uid_number_claim && m->entry->uid &&
               mapping_uid_claim(m->identity, m->claims, &uid) == 0 && uid != m->entry->uid;
}

static enum outcome decide_binding(const struct mapping *m, struct err *err)
{
        const struct config_identity *identity = m->identity;

        if (!identity->username_claim || !identity->username_claim_is_immutable) {
                err_set(err,
                        "%s is not bound to anybody at the identity provider yet; the administrator can do "
                        "it: "
                        "valetkeyd user add --subject",
                        m->entry->name);
                return OUTCOME_MISCONFIGURED;
        }
        if (mapping_uid_differs(m)) {
                err_set(err,
                        "The identity provider gives %s another uid than this machine does. Please tell the "
                        "administrator.",
                        m->entry->name);
                return OUTCOME_MISCONFIGURED;
        }
        if (!claim_names(m)) {
                err_set(err, "Somebody else than %s signed in at the identity provider.", m->entry->name);
                return OUTCOME_WRONG_SUBJECT;
        }
        return OUTCOME_OK;
}

static enum outcome decide_groups(const struct mapping *m, struct err *err)
{
        enum groups_told told = groups_told(m->identity, m->claims);

        if (!m->identity->allow_groups || has_allowed_group(m->identity, m->claims))
                return OUTCOME_OK;
        if (told == GROUPS_TOO_MANY) {
                err_set(err,
                        "The identity provider leaves the groups of %s out of its token, because there are "
                        "too many: "
                        "whether one of them may sign in here is not known.",
                        m->entry->name);
                return OUTCOME_MISCONFIGURED;
        }
        if (told == GROUPS_ABSENT && m->renewal) {
                err_set(err, "The renewed token does not tell the groups of %s.", m->entry->name);
                return OUTCOME_NOTHING;
        }
        err_set(err, "%s is in none of the groups that may sign in here.", m->entry->name);
        return OUTCOME_ACCESS_DENIED;
}

enum outcome mapping_decide(const struct mapping *m, bool *ret_bind, struct err *err)
{
        const struct table_user *u = m->entry;
        enum outcome o = OUTCOME_OK;

        *ret_bind = false;
        if (!m->claims->sub || !m->claims->sub[0] || strcmp(m->claims->iss, u->issuer) != 0) {
                err_set(err, "%s is bound to another identity provider.", u->name);
                return OUTCOME_WRONG_SUBJECT;
        }
        if (u->subject[0]) {
                if (strcmp(u->subject, m->claims->sub) != 0) {
                        err_set(err, "Somebody else than %s signed in at the identity provider.", u->name);
                        return OUTCOME_WRONG_SUBJECT;
                }
        } else {
                o = decide_binding(m, err);
                if (o != OUTCOME_OK)
                        return o;
        }
        o = decide_groups(m, err);
        if (o != OUTCOME_OK)
                return o;
        *ret_bind = !u->subject[0];
        return OUTCOME_OK;
}
