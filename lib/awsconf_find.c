// SPDX-License-Identifier: Apache-2.0
//
// Looking things up, which is where the two readings differ most. botocore: a section stands once; of two headers that
// name one profile the later counts, whole; what a profile lacks it has from [DEFAULT]. The others: sections of one
// profile merge, the later key counts, and [profile default] puts [default] out of force.
#include "awsconf_internal.h"

static bool is_default_section(const struct awsconf *c, size_t i)
{
        return c->reading == AWSCONF_BOTOCORE && strcmp(c->sections[i].header, "DEFAULT") == 0;
}

static bool defines(const struct awsconf *c, size_t i, const char *profile)
{
        return c->sections[i].profile && strcmp(c->sections[i].profile, profile) == 0 &&
               !is_default_section(c, i);
}

// Which of the sections that define a profile count.
struct choice {
        size_t last;   // the last of them
        bool prefixed; // one of them is [profile NAME], with settings
        bool any;
};

static struct choice choose(const struct awsconf *c, const char *profile)
{
        struct choice ch = {0};

        for (size_t i = 0; i < c->n_sections; i++)
                if (defines(c, i, profile)) {
                        ch.any = true;
                        ch.last = i;
                }
        // One without a single setting is none.
        for (size_t i = 0; ch.any && !ch.prefixed && i < c->n_keys; i++)
                ch.prefixed = defines(c, c->keys[i].section, profile) &&
                              strcmp(c->sections[c->keys[i].section].header, profile) != 0;
        return ch;
}

static bool counts(const struct awsconf *c, size_t i, const char *profile, const struct choice *ch)
{
        if (!defines(c, i, profile))
                return false;
        if (c->reading == AWSCONF_BOTOCORE)
                return i == ch->last;
        return !ch->prefixed || strcmp(c->sections[i].header, profile) != 0;
}

static const struct awsconf_key *find_inherited(const struct awsconf *c, const char *name)
{
        const struct awsconf_key *found = NULL;

        for (size_t i = 0; i < c->n_keys; i++)
                if (is_default_section(c, c->keys[i].section) && strcmp(c->keys[i].name, name) == 0)
                        found = &c->keys[i];
        return found;
}

unsigned awsconf_has_profile(const struct awsconf *c, const char *profile)
{
        struct choice ch = choose(c, profile);

        for (size_t i = 0; ch.any && i < c->n_sections; i++)
                if (counts(c, i, profile, &ch))
                        return c->sections[i].line;
        return 0;
}

const struct awsconf_key *awsconf_get(const struct awsconf *c, const char *profile, const char *name)
{
        struct choice ch = choose(c, profile);
        const struct awsconf_key *found = NULL;

        for (size_t i = 0; ch.any && i < c->n_keys; i++)
                if (strcmp(c->keys[i].name, name) == 0 && counts(c, c->keys[i].section, profile, &ch))
                        found = &c->keys[i];
        return found || !ch.any ? found : find_inherited(c, name);
}

const struct awsconf_key *awsconf_get_in(const struct awsconf *c, const char *header, const char *name)
{
        const struct awsconf_key *found = NULL;
        bool any = false;

        for (size_t i = 0; i < c->n_sections; i++)
                any = any || (strcmp(c->sections[i].header, header) == 0 && !is_default_section(c, i));
        for (size_t i = 0; any && i < c->n_keys; i++)
                if (strcmp(c->keys[i].name, name) == 0 && !is_default_section(c, c->keys[i].section) &&
                        strcmp(c->sections[c->keys[i].section].header, header) == 0)
                        found = &c->keys[i];
        return found || !any ? found : find_inherited(c, name);
}

// ---- what stands twice

// A section (name NULL) or a key, under which it is sorted.
struct entry {
        const char *header, *name;
        unsigned line;
};

static int compare(const void *x, const void *y)
{
        const struct entry *a = x, *b = y;
        int r = strcmp(a->header, b->header);

        if (r == 0)
                r = !a->name || !b->name ? (a->name != NULL) - (b->name != NULL) : strcmp(a->name, b->name);
        return r ? r : (a->line > b->line) - (a->line < b->line);
}

int awsconf_find_duplicate(const struct awsconf *c, unsigned *line, const char **why)
{
        size_t n = 0;
        struct entry *e = calloc(c->n_sections + c->n_keys + 1, sizeof *e);

        if (!e)
                return -ENOMEM;
        for (size_t i = 0; i < c->n_sections; i++)
                if (!is_default_section(c, i))
                        e[n++] = (struct entry){c->sections[i].header, NULL, c->sections[i].line};
        for (size_t i = 0; i < c->n_keys; i++)
                e[n++] = (struct entry){
                        c->sections[c->keys[i].section].header, c->keys[i].name, c->keys[i].line};
        qsort(e, n, sizeof *e, compare);
        for (size_t i = 1; i < n; i++) {
                if (strcmp(e[i].header, e[i - 1].header) != 0 || !e[i].name != !e[i - 1].name ||
                        (e[i].name && strcmp(e[i].name, e[i - 1].name) != 0))
                        continue;
                if (!*why || e[i].line < *line) {
                        *why = e[i].name ? "a setting that stands twice" : "a section that stands twice";
                        *line = e[i].line;
                }
        }
        free(e);
        return 0;
}
