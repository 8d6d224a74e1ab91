// SPDX-License-Identifier: Apache-2.0
//
// [app …]: which roles a sandboxed app is granted. A section is about an app by its id, so two about one app would be a
// question of order, and are an error; patterns for units may overlap, the first counts.
#include "config_builder.h"

#include <fnmatch.h>
#include <stdio.h>

static bool matches(const char *pattern, const char *name)
{
        return fnmatch(pattern, name, FNM_NOESCAPE) == 0;
}

bool config_app_grants(const struct config_app *a, const char *role)
{
        for (char *const *p = a->roles; *p; p++)
                if (matches(*p, role))
                        return true;
        return false;
}

const struct config_app *config_find_app(const struct config *c, enum app_kind kind, const char *name)
{
        for (size_t i = 0; i < c->n_apps; i++) {
                const struct config_app *a = &c->apps[i];
                const char *own = kind == APP_FLATPAK ? a->flatpak : kind == APP_SNAP ? a->snap : a->unit;

                if (own && (kind == APP_NONE ? matches(own, name) : strcmp(own, name) == 0))
                        return a;
        }
        return NULL;
}

const char *config_app_default_role(const struct config *c, const struct config_app *a)
{
        if (c->default_role && config_app_grants(a, c->default_role))
                return c->default_role;
        return !a->roles[1] && !strpbrk(a->roles[0], "*?") ? a->roles[0] : NULL;
}

// ---- reading

static int check_unique(const struct builder *b, size_t i)
{
        const struct config_app *a = &b->c->apps[i];
        char text[ERR_MAX];

        for (size_t k = 0; k < i; k++) {
                const struct config_app *x = &b->c->apps[k];
                const bool flatpak = a->flatpak && x->flatpak && strcmp(a->flatpak, x->flatpak) == 0;

                if (!flatpak && !(a->snap && x->snap && strcmp(a->snap, x->snap) == 0))
                        continue;
                snprintf(text, sizeof text, "is about %.64s, as is %s:%u: [app %s]",
                        flatpak ? a->flatpak : a->snap, b->app_sections[k]->file, b->app_sections[k]->line,
                        x->name);
                return build_wrong(b, b->app_sections[i], flatpak ? "flatpak" : "snap", text);
        }
        return 0;
}

bool config_app_widens(const struct config_app *a, const struct config_role *r)
{
        return a->session_policy && (r->session_policy || r->policy_arns) && config_app_grants(a, r->name);
}

static int check_policy(const struct builder *b, const struct config_app *a, const struct draft_section *s)
{
        char text[ERR_MAX];

        for (size_t i = 0; i < b->c->n_roles; i++) {
                const struct config_role *r = &b->c->roles[i];

                if (!config_app_widens(a, r))
                        continue;
                snprintf(text, sizeof text,
                        "has a session_policy, and so has role %s: AWS would allow what either allows",
                        r->name);
                return build_wrong(b, s, "session_policy", text);
        }
        return 0;
}

static int check_app(const struct builder *b, size_t i)
{
        const struct config_app *a = &b->c->apps[i];
        const struct draft_section *s = b->app_sections[i];
        int r;

        if (!a->flatpak && !a->snap && !a->unit)
                return build_wrong(b, s, NULL, "lacks flatpak, snap or unit: whom is it about?");
        if (!a->roles)
                return build_wrong(b, s, NULL, "lacks roles");
        r = check_unique(b, i);
        return r < 0 ? err_trace(r) : check_policy(b, a, s);
}

int build_apps(struct builder *b)
{
        size_t n = 0;
        int r = 0;

        for (size_t i = 0; i < b->draft->n_sections; i++)
                n += b->draft->sections[i]->kind == CONFIG_APP;
        b->c->apps = calloc(n + 1, sizeof *b->c->apps);
        b->app_sections = calloc(n + 1, sizeof *b->app_sections);
        if (!b->c->apps || !b->app_sections)
                return -ENOMEM;
        for (size_t i = 0; r == 0 && i < b->draft->n_sections; i++) {
                const struct draft_section *s = b->draft->sections[i];
                struct config_app *a = &b->c->apps[b->c->n_apps];

                if (s->kind != CONFIG_APP)
                        continue;
                b->app_sections[b->c->n_apps++] = s;
                a->name = strdup(s->name);
                if (!a->name)
                        return -ENOMEM;
                r = build_apply(b, s, a);
                if (r == 0)
                        r = check_app(b, b->c->n_apps - 1);
        }
        return r;
}
