// SPDX-License-Identifier: Apache-2.0
//
// Session tags: in a request, in an ID token (nested as the IAM guide shows them, or flat for providers that
// cannot nest), in a session, and as condition keys.
#include "sts_tags.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define CLAIM     "https://aws.amazon.com/tags"
#define KEY_MAX   128
#define VALUE_MAX 256

const struct sts_tag *sts_tags_find(const struct sts_tags *t, const char *key)
{
        // Tag keys differ by more than case: "Team" and "team" are one (IAM guide, "Passing session tags").
        for (size_t i = 0; i < t->n; i++)
                if (strcasecmp(t->v[i].key, key) == 0)
                        return &t->v[i];
        return NULL;
}

int sts_tags_add(struct sts_tags *t, const char *key, const char *value, bool transitive, struct err *err)
{
        struct sts_tag *p;

        if (sts_tags_find(t, key)) {
                err_set(err, "Duplicate tag keys found. Please note that Tag keys are case insensitive.");
                return -EINVAL;
        }
        if (t->n == STS_TAGS_MAX || !*key || strlen(key) > KEY_MAX || strlen(value) > VALUE_MAX) {
                err_set(err, "A session has at most 50 tags, keys of 1 to 128 and values of at most 256 "
                             "characters.");
                return -EINVAL;
        }
        p = realloc(t->v, (t->n + 1) * sizeof *p);
        if (!p)
                return -ENOMEM;
        t->v = p;
        p[t->n] = (struct sts_tag){.key = strdup(key), .value = strdup(value), .transitive = transitive};
        t->n++;
        return p[t->n - 1].key && p[t->n - 1].value ? 0 : -ENOMEM;
}

void sts_tags_deinit(struct sts_tags *t)
{
        for (size_t i = 0; i < t->n; i++) {
                free(t->v[i].key);
                free(t->v[i].value);
        }
        free(t->v);
        *t = (struct sts_tags){0};
}

// ---- in an ID token -------------------------------------------------------------------------------------------------

static int invalid(struct err *err, const char *what)
{
        err_set(err, "The token's session tags are not valid: %s", what);
        return -EINVAL;
}

// The nested form has each value in a list of one; the flat form as a string (a list of one is let through).
static const char *one_value(const json_t *v, bool list_required)
{
        if (json_is_array(v) && json_array_size(v) == 1)
                v = json_array_get(v, 0);
        else if (list_required)
                return NULL;
        return json_is_string(v) && strlen(json_string_value(v)) == json_string_length(v)
                       ? json_string_value(v)
                       : NULL;
}

static int read_nested(struct sts_tags *t, const json_t *tags, struct err *err)
{
        json_t *principal = json_object_get(tags, "principal_tags"), *v;
        const char *key;

        if (!json_is_object(tags) || (principal && !json_is_object(principal)))
                return invalid(err, "it must be an object with principal_tags");
        json_object_foreach(principal, key, v)
        {
                const char *s = one_value(v, /* list_required= */ true);
                int r = s ? sts_tags_add(t, key, s, false, err)
                          : invalid(err, "each value is a list of one string");

                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_transitive(struct sts_tags *t, const json_t *keys, struct err *err)
{
        size_t i;
        json_t *v;

        if (!keys)
                return 0;
        if (!json_is_array(keys))
                return invalid(err, "transitive_tag_keys must be a list");
        json_array_foreach(keys, i, v)
        {
                bool found = false;

                for (size_t k = 0; json_is_string(v) && k < t->n; k++)
                        if (strcasecmp(t->v[k].key, json_string_value(v)) == 0)
                                t->v[k].transitive = found = true;
                if (!found)
                        return invalid(err, "a transitive key is none of the tags");
        }
        return 0;
}

int sts_tags_of_token(struct sts_tags *ret, const json_t *claims, struct err *err)
{
        static const char flat[] = CLAIM "/principal_tags/";
        const json_t *nested = json_object_get(claims, CLAIM);
        json_t *all, *v;
        const char *key;
        int r = nested ? read_nested(ret, nested, err) : 0;

        memcpy(&all, &claims, sizeof all); // the macro below wants it without const
        json_object_foreach(all, key, v)
        {
                const char *s;

                if (r < 0)
                        return r;
                if (strncmp(key, flat, sizeof flat - 1) != 0)
                        continue;
                s = one_value(v, /* list_required= */ false);
                r = s ? sts_tags_add(ret, key + sizeof flat - 1, s, false, err)
                      : invalid(err, "a value is no string");
        }
        if (r == 0 && nested)
                r = read_transitive(ret, json_object_get(nested, "transitive_tag_keys"), err);
        if (r == 0)
                r = read_transitive(ret, json_object_get(claims, CLAIM "/transitive_tag_keys"), err);
        return r;
}

// ---- as condition keys ----------------------------------------------------------------------------------------------

int sts_tags_to_context(struct policy_context *c, const struct sts_tags *t)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < t->n; i++) {
                char key[32 + KEY_MAX];

                snprintf(key, sizeof key, "aws:RequestTag/%s", t->v[i].key);
                r = policy_context_add(c, key, t->v[i].value);
                if (r == 0)
                        r = policy_context_add(c, "aws:TagKeys", t->v[i].key);
                if (r == 0 && t->v[i].transitive)
                        r = policy_context_add(c, "sts:TransitiveTagKeys", t->v[i].key);
        }
        return r;
}
