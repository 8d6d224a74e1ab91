// SPDX-License-Identifier: Apache-2.0
//
// [registry HOST]: the role that docker uses at a registry, where the account in its name does not tell. Its role may come with a
// sign-in, so where claims name roles it is not looked for here.
#include "config_builder.h"

static int check(const struct builder *b, const struct draft_section *s, const struct config_registry *r)
{
        if (strpbrk(r->host, "/_") || !strchr(r->host, '.')) // a name of ours, else
                return build_wrong(b, s, NULL, "is not the name of a host");
        if (!r->role)
                return build_wrong(b, s, NULL, "lacks role");
        for (size_t i = 0; i < b->c->n_roles; i++)
                if (strcmp(b->c->roles[i].name, r->role) == 0)
                        return 0;
        return b->has_claims ? 0 : build_wrong(b, s, "role", "names no role that is configured");
}

int build_registries(struct builder *b)
{
        size_t n = 0;
        int r = 0;

        for (size_t i = 0; i < b->draft->n_sections; i++)
                n += b->draft->sections[i]->kind == CONFIG_REGISTRY;
        b->c->registries = calloc(n + 1, sizeof *b->c->registries);
        if (!b->c->registries)
                return -ENOMEM;
        for (size_t i = 0; r == 0 && i < b->draft->n_sections; i++) {
                const struct draft_section *s = b->draft->sections[i];
                struct config_registry *x = &b->c->registries[b->c->n_registries];

                if (s->kind != CONFIG_REGISTRY)
                        continue;
                b->c->n_registries++;
                x->host = strdup(s->name);
                if (!x->host)
                        return -ENOMEM;
                r = build_apply(b, s, x);
                if (r == 0)
                        r = check(b, s, x);
        }
        return r;
}
