// SPDX-License-Identifier: Apache-2.0
//
// valetkey configure: profiles for the SDKs and the AWS CLI, named like the roles. With a profile it is the SDK that asks for
// credentials when it wants them, so that nothing in the file ever grows old.
#include "cmd.h"

#include "json.h"
#include "profiles.h"
#include "shim_path.h"
#include "translate.h"

#include <getopt.h>
#include <stdio.h>

#define SYNOPSIS  "configure [--print | --remove] [--json] [ROLE...]"
#define NAME_MAX_ 256u

static const char help[] = N_("Writes a profile for each role, or for those named, into ~/.aws/config.\n"
                              "\n"
                              "  --print   to stdout instead\n"
                              "  --remove  takes valetkey's profiles, or those named, out again\n"
                              "  --json    data for programs, see valetkey-configure(1)\n"
                              "  --help    this text\n");

struct work {
        struct cli *cli;
        char **names;
        int n_names; // 0: all
        bool print, remove;
        char shim[PATH_MAX];
        struct profiles p;
        json_t *roles;                                 // of the broker's status
        json_t *written, *unchanged, *removed, *stale; // names of profiles
        struct err err;
};

static const json_t *find_role(const json_t *roles, const char *name)
{
        const json_t *o;
        size_t i;

        json_array_foreach(
                roles, i, o) if (strcmp(json_string_value(json_object_get(o, "name")), name) == 0) return o;
        return NULL;
}

static bool is_named(const struct work *w, const char *role)
{
        for (int i = 0; i < w->n_names; i++)
                if (strcmp(w->names[i], role) == 0)
                        return true;
        return w->n_names == 0;
}

static enum outcome note(json_t *list, const char *name)
{
        return json_array_append_new(list, json_string(name)) < 0 ? OUTCOME_INTERNAL : OUTCOME_OK;
}

// What the broker says is looked at once: every role has a name.
static enum outcome get_roles(struct work *w, json_t *status)
{
        const json_t *o;
        const char *s;
        size_t i;

        w->roles = json_object_get(status, "roles");
        json_array_foreach(w->roles, i, o) if (json_get_string(o, "name", NAME_MAX_, &s) < 0)
        {
                err_set(&w->err, "the credential broker's answer makes no sense");
                return OUTCOME_BAD_ANSWER;
        }
        for (int k = 0; k < w->n_names; k++)
                if (!find_role(w->roles, w->names[k])) {
                        err_set(&w->err, "no role '%.100s' is configured; see: valetkey roles", w->names[k]);
                        return OUTCOME_UNKNOWN_ROLE;
                }
        if (json_array_size(w->roles) > 0)
                return OUTCOME_OK;
        err_set(&w->err, "no role is configured; see: valetkey.conf(5)");
        return OUTCOME_UNKNOWN_ROLE;
}

// Each role that is meant, with the values of its profile.
static enum outcome each_role(struct work *w,
        enum outcome (*fn)(struct work *w, const char *name, const char *process, const char *region))
{
        enum outcome o = OUTCOME_OK;
        const json_t *role;
        size_t i;

        json_array_foreach(w->roles, i, role)
        {
                cleanup_buf struct buf process = BUF_INIT(PATH_MAX * 2);
                const char *name = json_string_value(json_object_get(role, "name")), *region = NULL;
                int r;

                if (!is_named(w, name))
                        continue;
                if (json_get_string(role, "region", NAME_MAX_, &region) < 0)
                        region = NULL;
                r = shim_command(&process, w->shim, name, &w->err);
                if (r < 0)
                        return r == -EINVAL ? OUTCOME_MISCONFIGURED : OUTCOME_INTERNAL;
                o = fn(w, name, buf_str(&process), region);
                if (o != OUTCOME_OK)
                        break;
        }
        return o;
}

static enum outcome print_one(struct work *w, const char *name, const char *process, const char *region)
{
        cleanup_buf struct buf out = BUF_INIT(1u << 16);

        if (!awsblock_is_name(name)) {
                err_set(&w->err, "role %.100s: no profile can have that name with every SDK", name);
                return OUTCOME_INVALID_REQUEST;
        }
        if (awsblock_print(&out, name, process, region, "\n") < 0)
                return OUTCOME_INTERNAL;
        return cmd_write(buf_str(&out), out.n) ? OUTCOME_OK : OUTCOME_INTERNAL;
}

static enum outcome set_one(struct work *w, const char *name, const char *process, const char *region)
{
        enum outcome o = profiles_check_free(&w->p, name, &w->err);
        bool changed = false;

        if (o == OUTCOME_OK)
                o = profiles_set(&w->p, name, process, region, &changed, &w->err);
        return o == OUTCOME_OK ? note(changed ? w->written : w->unchanged, name) : o;
}

// Profiles whose role there is no more are told and left: a role that a claim names is there after the sign-in only.
static enum outcome note_stale(struct work *w)
{
        enum outcome o = OUTCOME_OK;

        for (size_t i = 0; o == OUTCOME_OK && i < w->p.block->n_profiles; i++)
                if (!find_role(w->roles, w->p.block->profiles[i].name))
                        o = note(w->stale, w->p.block->profiles[i].name);
        return o;
}

static enum outcome remove_all(struct work *w)
{
        enum outcome o = profiles_open(&w->p, false, &w->err);

        for (int i = 0; o == OUTCOME_OK && i < w->n_names; i++) {
                o = profiles_drop(&w->p, w->names[i], &w->err);
                if (o == OUTCOME_OK)
                        o = note(w->removed, w->names[i]);
        }
        while (o == OUTCOME_OK && w->n_names == 0 && w->p.block->n_profiles > 0) {
                o = note(w->removed, w->p.block->profiles[0].name);
                if (o == OUTCOME_OK)
                        o = profiles_drop(&w->p, w->p.block->profiles[0].name, &w->err);
        }
        return o == OUTCOME_OK ? profiles_write(&w->p, &w->err) : o;
}

static enum outcome set_all(struct work *w)
{
        enum outcome o = profiles_open(&w->p, true, &w->err);

        if (o == OUTCOME_OK)
                o = each_role(w, set_one);
        if (o == OUTCOME_OK)
                o = note_stale(w);
        return o == OUTCOME_OK ? profiles_write(&w->p, &w->err) : o;
}

static void say_list(const char *path, const char *what, const json_t *names)
{
        const json_t *name;
        size_t i;

        if (json_array_size(names) == 0)
                return;
        printf("%s: %s:", path, what);
        json_array_foreach(names, i, name) printf(" %s", json_string_value(name));
        putchar('\n');
}

static int say(const struct work *w)
{
        const char *path = w->p.file.path;

        if (w->cli->json) {
                cleanup_json json_t *j = json_pack("{s:s, s:O, s:O, s:O, s:O}", "file", path, "written",
                        w->written, "unchanged", w->unchanged, "removed", w->removed, "stale", w->stale);

                if (!j)
                        return cmd_fail(w->cli, OUTCOME_INTERNAL, NULL);
                return json_dumpf(j, stdout, JSON_INDENT(2)) < 0 || putchar('\n') < 0;
        }
        say_list(path, _("written"), w->written);
        say_list(path, _("as it was"), w->unchanged);
        say_list(path, _("removed"), w->removed);
        say_list(path, _("no role of this name is configured; see --remove"), w->stale);
        if (w->remove && json_array_size(w->removed) == 0)
                printf(_("%s: nothing of valetkey's is in it\n"), path);
        return 0;
}

static int on_option(int c, void *arg)
{
        struct work *w = arg;

        w->print = w->print || c == 'p';
        w->remove = w->remove || c == 'r';
        return w->print && w->remove ? -1 : 0;
}

static enum outcome configure(struct work *w)
{
        cleanup_json json_t *status = NULL;
        enum outcome o;

        if (w->remove)
                return remove_all(w);
        if (!shim_find(w->shim)) {
                err_set(&w->err, SHIM_NAME " is not installed beside this program");
                return OUTCOME_MISCONFIGURED;
        }
        o = cmd_get_status(w->cli, &status, &w->err);
        if (o == OUTCOME_OK)
                o = get_roles(w, status);
        if (o == OUTCOME_OK)
                o = w->print ? each_role(w, print_one) : set_all(w);
        w->roles = NULL;
        return o;
}

int cmd_configure(struct cli *cli, int argc, char *argv[])
{
        static const struct option options[] = {
                {"print", no_argument, NULL, 'p'}, {"remove", no_argument, NULL, 'r'}, {0}};
        struct work *w = calloc(1, sizeof *w);
        int code = 1, n;

        if (!w)
                return cmd_fail(cli, OUTCOME_INTERNAL, NULL);
        *w = (struct work){.cli = cli,
                .p = {.file.lock = -1, .credentials.lock = -1},
                .written = json_array(),
                .unchanged = json_array(),
                .removed = json_array(),
                .stale = json_array()};
        n = cmd_parse(cli, argc, argv, options, on_option, w, argc, SYNOPSIS, help, &code);
        if (n >= 0) {
                enum outcome o;

                w->names = argv + optind;
                w->n_names = n;
                o = configure(w);
                code = o != OUTCOME_OK ? cmd_fail(cli, o, &w->err) : w->print ? 0 : say(w);
        }
        profiles_deinit(&w->p);
        json_decref(w->written);
        json_decref(w->unchanged);
        json_decref(w->removed);
        json_decref(w->stale);
        free(w);
        return code;
}
