// SPDX-License-Identifier: Apache-2.0
//
// A list of keys with their values; a request has a few dozen, so it is searched from end to end.
#include "policy_internal.h"

#include <strings.h>

#define KEYS_MAX   512
#define VALUES_MAX 1024

struct entry {
        char *key;
        struct policy_strings values;
};

struct policy_context {
        struct entry *entries;
        size_t n;
};

int policy_context_new(struct policy_context **ret)
{
        struct policy_context *c = calloc(1, sizeof *c);

        if (!c)
                return -ENOMEM;
        *ret = c;
        return 0;
}

struct policy_context *policy_context_free(struct policy_context *c)
{
        if (!c)
                return NULL;
        for (size_t i = 0; i < c->n; i++) {
                for (size_t k = 0; k < c->entries[i].values.n; k++) {
                        char *v;

                        memcpy(&v, &c->entries[i].values.v[k], sizeof v);
                        free(v);
                }
                free(c->entries[i].values.v);
                free(c->entries[i].key);
        }
        free(c->entries);
        free(c);
        return NULL;
}

static struct entry *find(const struct policy_context *c, const char *key)
{
        for (size_t i = 0; i < c->n; i++)
                if (strcasecmp(c->entries[i].key, key) == 0)
                        return &c->entries[i];
        return NULL;
}

static int add_entry(struct policy_context *c, const char *key, struct entry **ret)
{
        struct entry *p;
        char *k;

        if (c->n == KEYS_MAX)
                return -E2BIG;
        p = realloc(c->entries, (c->n + 1) * sizeof *p);
        if (!p)
                return -ENOMEM;
        c->entries = p;
        k = strdup(key);
        if (!k)
                return -ENOMEM;
        p[c->n] = (struct entry){.key = k};
        *ret = &p[c->n++];
        return 0;
}

int policy_context_add(struct policy_context *c, const char *key, const char *value)
{
        struct entry *e = find(c, key);
        const char **v;
        char *copy;
        int r;

        if (!value)
                return 0;
        if (!e) {
                r = add_entry(c, key, &e);
                if (r < 0)
                        return r;
        }
        if (e->values.n == VALUES_MAX)
                return -E2BIG;
        v = realloc(e->values.v, (e->values.n + 1) * sizeof *v);
        if (!v)
                return -ENOMEM;
        e->values.v = v;
        copy = strdup(value);
        if (!copy)
                return -ENOMEM;
        v[e->values.n++] = copy;
        return 0;
}

int policy_context_copy(
        struct policy_context **ret, const struct policy_context *c, const char *key, const char *value)
{
        _cleanup_(policy_context_freep) struct policy_context *copy = NULL;
        int r = policy_context_new(&copy);

        for (size_t i = 0; r == 0 && i < c->n; i++)
                for (size_t k = 0; r == 0 && k < c->entries[i].values.n; k++)
                        if (strcasecmp(c->entries[i].key, key) != 0)
                                r = policy_context_add(copy, c->entries[i].key, c->entries[i].values.v[k]);
        if (r == 0)
                r = policy_context_add(copy, key, value);
        if (r == 0)
                *ret = TAKE_PTR(copy);
        return r;
}

const struct policy_strings *policy_context_get(const struct policy_context *c, const char *key)
{
        const struct entry *e = find(c, key);

        // An entry whose first value could not be stored has none.
        return e && e->values.n ? &e->values : NULL;
}

void policy_context_each(const struct policy_context *c,
        void (*cb)(const char *key, const char *const *values, size_t n, void *arg), void *arg)
{
        for (size_t i = 0; i < c->n; i++)
                if (c->entries[i].values.n)
                        cb(c->entries[i].key, c->entries[i].values.v, c->entries[i].values.n, arg);
}

bool policy_context_has(const struct policy_context *c, const char *key)
{
        return policy_context_get(c, key);
}
