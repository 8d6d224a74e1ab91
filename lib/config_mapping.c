// SPDX-License-Identifier: Apache-2.0
//
// How a provider's people and groups become users and groups here: who may make himself a user (admit), and [group …].
// Names are checked as strictly as those of users: what a rule of sudo's or a package's account is called, no
// configuration gives to somebody from elsewhere.
#include "config_builder.h"

#include "name.h"
#include "reserved.h"

#include <stdio.h>

// The ids of federated users (table/table.h); lib/ does not know the table.
#define GID_MIN 1879048192u
#define GID_MAX 2147483646u

#define ADMIT_MAX_PATTERNS 16u
#define ADMIT_FIXED_MIN    2u // characters beside the star: a pattern that everybody fits is no pattern

#define ADMIT_PER_HOUR 20u
#define ADMIT_MAX      1000u

static int wrong(struct err *err, const char *what)
{
        err_set(err, "%s", what);
        return -EBADMSG;
}

// One star, at the beginning or at the end; beside it what names are made of.
static bool pattern_is_good(const char *p)
{
        char name[NAME_MAX_USER + 1];
        size_t n = strlen(p);
        bool behind = p[0] == '*';

        if (n < ADMIT_FIXED_MIN + 1 || n >= NAME_MAX_USER || (!behind && p[n - 1] != '*') ||
                strchr(p, '*') != strrchr(p, '*'))
                return false;
        memcpy(name, p, n + 1);
        name[behind ? 0 : n - 1] = 'x'; // as somebody's name would have it
        return name_is_valid_user(name, n);
}

int config_set_admit(void *field, const char *value, struct err *err)
{
        char ***list = field;
        int r = config_set_words(field, value, err);
        size_t n = 0;

        for (; r == 0 && (*list)[n]; n++)
                if (!pattern_is_good((*list)[n]))
                        return wrong(err, "must be patterns of user names with one star, at the beginning or "
                                          "the end, and two characters beside it, like *@example.com");
        return r == 0 && n > ADMIT_MAX_PATTERNS ? wrong(err, "names more than 16 patterns") : r;
}

int config_set_on_refused(void *field, const char *value, struct err *err)
{
        enum refused_refresh *r = field;

        if (strcmp(value, "require_sign_in") == 0)
                *r = REFUSED_REQUIRE_SIGN_IN;
        else if (strcmp(value, "ignore") == 0)
                *r = REFUSED_IGNORE;
        else
                return wrong(err, "must be require_sign_in or ignore");
        return 0;
}

int config_set_gid(void *field, const char *value, struct err *err)
{
        uint32_t *gid = field;
        uint64_t v = 0;
        size_t n = strspn(value, "0123456789");

        for (size_t i = 0; i < n && i < 11; i++)
                v = v * 10 + (uint64_t)(value[i] - '0');
        if (n == 0 || value[n] || v < GID_MIN || v > GID_MAX)
                return wrong(err, "must be a number from 1879048192 to 2147483646");
        *gid = (uint32_t)v;
        return 0;
}

int build_check_admit(const struct builder *b, const struct draft_section *s, struct config_identity *id)
{
        if (!id->admit && (id->admit_per_hour || id->admit_max))
                return build_wrong(b, s, id->admit_max ? "admit_max" : "admit_per_hour",
                        "admits nobody: it has no admit");
        if (id->admit && !id->username_claim)
                return build_wrong(b, s, "admit",
                        "admit needs username_claim: nothing else says whose the name is that somebody "
                        "types");
        if (!id->admit_per_hour)
                id->admit_per_hour = ADMIT_PER_HOUR;
        if (!id->admit_max)
                id->admit_max = ADMIT_MAX;
        return 0;
}

// ---- [group …]

static int check_group(const struct builder *b, size_t i, const struct draft_section *s)
{
        const struct config_group *g = &b->c->groups[i];
        char text[ERR_MAX];

        if (!name_is_valid_user(g->name, strlen(g->name)))
                return build_wrong(b, s, NULL, "is no name for a group");
        if (name_is_reserved(g->name))
                return build_wrong(
                        b, s, NULL, "has a name of the system's: rules that go by it would take it for that");
        if (!g->id)
                return build_wrong(b, s, NULL, "lacks id");
        for (size_t k = 0; k < i; k++) {
                const struct config_group *x = &b->c->groups[k];
                bool same_id = strcmp(x->id, g->id) == 0;

                if (!same_id && (!g->gid || x->gid != g->gid))
                        continue;
                snprintf(text, sizeof text, "has the same %s as [group %.64s]", same_id ? "id" : "gid",
                        x->name);
                return build_wrong(b, s, same_id ? "id" : "gid", text);
        }
        return 0;
}

int build_groups(struct builder *b)
{
        size_t n = 0;
        int r = 0;

        for (size_t i = 0; i < b->draft->n_sections; i++)
                n += b->draft->sections[i]->kind == CONFIG_GROUP;
        b->c->groups = calloc(n + 1, sizeof *b->c->groups);
        if (!b->c->groups)
                return -ENOMEM;
        for (size_t i = 0; r == 0 && i < b->draft->n_sections; i++) {
                const struct draft_section *s = b->draft->sections[i];
                struct config_group *g = &b->c->groups[b->c->n_groups];

                if (s->kind != CONFIG_GROUP)
                        continue;
                b->c->n_groups++;
                g->name = strdup(s->name);
                if (!g->name)
                        return -ENOMEM;
                r = build_apply(b, s, g);
                if (r == 0)
                        r = check_group(b, b->c->n_groups - 1, s);
        }
        return r;
}
