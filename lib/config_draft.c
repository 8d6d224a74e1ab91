// SPDX-License-Identifier: Apache-2.0
//
// Files laid over one another: a section that comes again in a later file is the same section, and a key that
// comes again there takes the place of the earlier one. In one file either is a duplicate: then nobody can say
// which was meant.
#include "config_draft.h"

struct draft_section *draft_find(const struct draft *d, enum config_kind kind, const char *name)
{
        for (size_t i = 0; i < d->n_sections; i++) {
                struct draft_section *s = d->sections[i];

                if (s->kind == kind && (!s->name || (name && strcmp(s->name, name) == 0)))
                        return s;
        }
        return NULL;
}

static bool user_may_name_identities(const struct draft *d)
{
        const struct draft_section *s = draft_find(d, CONFIG_DEFAULTS, NULL);
        const char *value = s ? s->settings[config_key_find(CONFIG_DEFAULTS, "user_identities")].value : NULL;

        return value && strcmp(value, "yes") == 0;
}

// What a user's own file may not have.
static int check_user(
        const struct draft *d, enum config_kind kind, const struct draft_section *there, struct err *err)
{
        if (!d->user || kind == CONFIG_DEFAULTS || kind == CONFIG_ROLE || kind == CONFIG_ACCOUNT ||
                kind == CONFIG_TEMPLATE || kind == CONFIG_REGISTRY ||
                (kind == CONFIG_APP && !(there && there->admin)))
                return 0;
        if ((kind == CONFIG_IDENTITY || kind == CONFIG_APP) && there && there->admin)
                err_set(err, "[%s %s] is the administrator's", config_kind_name(kind), there->name);
        else if (kind == CONFIG_IDENTITY && user_may_name_identities(d))
                return 0;
        else if (kind == CONFIG_IDENTITY)
                err_set(err, "an identity may stand in a user's file only where the system's say "
                             "user_identities = yes");
        else
                err_set(err, "[%s] may not stand in a user's file", config_kind_name(kind));
        return -EBADMSG;
}

static int new_section(struct draft *d, enum config_kind kind, const char *name, struct err *err)
{
        struct draft_section **p, *s;

        if (d->n_sections == DRAFT_SECTIONS_MAX) {
                err_set(err, "more than %u sections", DRAFT_SECTIONS_MAX);
                return -EBADMSG;
        }
        p = realloc(d->sections, (d->n_sections + 1) * sizeof *p);
        if (!p)
                return -ENOMEM;
        d->sections = p;
        s = calloc(1, sizeof *s);
        if (!s)
                return -ENOMEM;
        p[d->n_sections++] = s;
        s->kind = kind;
        s->admin = !d->user;
        s->name = name ? strdup(name) : NULL;
        if (name && !s->name)
                return -ENOMEM;
        d->current = s;
        return 0;
}

static int on_section(const char *kind_name, const char *name, unsigned line, struct err *err, void *arg)
{
        struct draft *d = arg;
        int kind = config_kind_find(kind_name), r;
        struct draft_section *there;

        if (kind < 0) {
                err_set(err, "unknown section [%.64s]", kind_name);
                return -EBADMSG;
        }
        if (config_kind_is_named((enum config_kind)kind) != (name != NULL)) {
                err_set(err, name ? "[%s] has no name" : "[%s] needs a name: [%s NAME]", kind_name,
                        kind_name);
                return -EBADMSG;
        }
        // "All the others" is a name where a section is about somebody else's things, which are not named by us.
        if (name && strcmp(name, "*") == 0 && kind != CONFIG_SERVICE) {
                err_set(err, "[%s *] is no section: * is a name in [service *] only", kind_name);
                return -EBADMSG;
        }
        there = draft_find(d, (enum config_kind)kind, name);
        r = check_user(d, (enum config_kind)kind, there, err);
        if (r < 0)
                return err_trace(r);
        if (there && there->file_no == d->n_files) {
                err_set(err, "[%s%s%s] stands in line %u already", kind_name, name ? " " : "",
                        name ? name : "", there->line);
                return -EBADMSG;
        }
        d->current = there;
        if (!there)
                r = new_section(d, (enum config_kind)kind, name, err);
        if (r < 0)
                return err_trace(r);
        d->current->file = d->files[d->n_files - 1];
        d->current->file_no = d->n_files;
        d->current->line = line;
        return 0;
}

static int on_setting(const char *key, const char *value, unsigned line, struct err *err, void *arg)
{
        struct draft *d = arg;
        struct draft_setting *s;
        char *copy;
        int k;

        if (!d->current) {
                err_set(err, "%.64s stands before the first section", key);
                return -EBADMSG;
        }
        k = config_key_find(d->current->kind, key);
        if (k < 0) {
                err_set(err, "unknown key %.64s in [%s]", key, config_kind_name(d->current->kind));
                return -EBADMSG;
        }
        if (d->user && config_key_at((size_t)k)->admin_only) {
                err_set(err, "%s may not stand in a user's file", key);
                return -EBADMSG;
        }
        s = &d->current->settings[k];
        if (s->value && s->file_no == d->n_files) {
                err_set(err, "%s stands in line %u already", key, s->line);
                return -EBADMSG;
        }
        copy = strdup(value);
        if (!copy)
                return -ENOMEM;
        free(s->value);
        *s = (struct draft_setting){
                .value = copy, .file = d->files[d->n_files - 1], .file_no = d->n_files, .line = line};
        return 0;
}

int draft_add(struct draft *d, const char *file, const char *text, size_t n, bool user, struct err *err)
{
        const struct config_read_handler h = {.section = on_section, .setting = on_setting, .arg = d};
        char **files;

        if (d->n_files == DRAFT_FILES_MAX) {
                err_set(err, "%s: more than %u configuration files", file, DRAFT_FILES_MAX);
                return -EBADMSG;
        }
        files = realloc(d->files, (d->n_files + 1) * sizeof *files);
        if (!files)
                return -ENOMEM;
        d->files = files;
        files[d->n_files] = strdup(file);
        if (!files[d->n_files])
                return -ENOMEM;
        d->n_files++;
        d->user = user;
        d->current = NULL;
        return config_read(file, text, n, &h, err);
}

// Legal on a zeroed struct and twice.
void draft_deinit(struct draft *d)
{
        for (size_t i = 0; i < d->n_sections; i++) {
                for (size_t k = 0; k < CONFIG_KEYS_MAX; k++)
                        free(d->sections[i]->settings[k].value);
                free(d->sections[i]->name);
                free(d->sections[i]);
        }
        free(d->sections);
        for (unsigned i = 0; i < d->n_files; i++)
                free(d->files[i]);
        free(d->files);
        *d = (struct draft){0};
}
