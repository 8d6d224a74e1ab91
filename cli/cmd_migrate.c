// SPDX-License-Identifier: Apache-2.0
//
// valetkey migrate: the profiles people have from aws sso, granted and aws-vault keep their names and come to their credentials by
// valetkey. What has no counterpart stays as it is and is listed, and so is every key that lives long.
#include "cmd.h"

#include "awsedit.h"
#include "json.h"
#include "migrate.h"
#include "migrate_file.h"
#include "shim_path.h"
#include "translate.h"

#include <getopt.h>
#include <stdio.h>

#define SYNOPSIS "migrate [--dry-run | --undo] [--json]"

static const char help[] =
        N_("Has the profiles of aws sso, granted and aws-vault use valetkey, under their names.\n"
           "\n"
           "  --dry-run  say what would change, and change nothing\n"
           "  --undo     put ~/.aws/config back as it was\n"
           "  --json     data for programs, see valetkey-migrate(1)\n"
           "  --help     this text\n");

struct work {
        struct cli *cli;
        bool dry_run, undo;
        char shim[PATH_MAX];
        struct aws_file file, credentials;
        struct awsconf *config;
        json_t *status;
        struct migrant *migrants;
        size_t n_migrants;
        struct awsedit *edit;
        struct buf text, diff;                   // what is to be written; how it differs
        json_t *migrated, *without, *long_lived; // for --json and for people
        const char *keys_path;                   // whose keys are being listed
        struct err err;
};

// ---- reading

static enum outcome parse(struct work *w, struct awsconf **ret, enum awsconf_kind kind,
        const struct aws_file *f, const char *text, size_t n, enum awsconf_reading reading)
{
        unsigned line;
        int r = awsconf_parse(ret, reading, kind, text, n, &line, &w->err);

        if (r == -EBADMSG)
                err_prefix(&w->err, "%s:%u: ", f->path, line);
        return r == 0 ? OUTCOME_OK : r == -EBADMSG ? OUTCOME_MISCONFIGURED : OUTCOME_INTERNAL;
}

static int note_key(const char *section, unsigned line, void *arg)
{
        struct work *w = arg;
        json_t *j = json_pack("{s:s, s:s, s:i}", "section", section, "file", w->keys_path, "line", (int)line);

        return json_array_append_new(w->long_lived, j) < 0 ? -ENOMEM : 0;
}

static enum outcome list_keys(struct work *w)
{
        _cleanup_(awsconf_freep) struct awsconf *c = NULL;
        enum outcome o =
                aws_file_read(&w->credentials, "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", &w->err);

        w->keys_path = w->file.path;
        if (o == OUTCOME_OK && w->config && migrate_each_long_lived(w->config, note_key, w) < 0)
                o = OUTCOME_INTERNAL;
        if (o == OUTCOME_OK && w->credentials.text)
                o = parse(w, &c, AWSCONF_CREDENTIALS, &w->credentials, w->credentials.text, w->credentials.n,
                        AWSCONF_LENIENT);
        w->keys_path = w->credentials.path;
        if (o == OUTCOME_OK && c && migrate_each_long_lived(c, note_key, w) < 0)
                o = OUTCOME_INTERNAL;
        return o;
}

// ---- changing

// Every section of the profile: the settings go, and the command comes where the first of them was.
static enum outcome edit_profile(struct work *w, const struct migrant *m, const char *command)
{
        cleanup_free char *line = NULL;
        bool inserted = false;

        if (asprintf(&line, "credential_process = %s", command) < 0) {
                line = NULL;
                return OUTCOME_INTERNAL;
        }
        for (size_t i = 0; i < w->config->n_keys; i++) {
                const struct awsconf_key *k = &w->config->keys[i];
                const char *profile = w->config->sections[k->section].profile;

                if (!profile || strcmp(profile, m->profile) != 0 || !migrate_replaces(k->name))
                        continue;
                awsedit_drop(w->edit, k->line);
                if (!inserted && awsedit_insert(w->edit, k->line, line) < 0)
                        return OUTCOME_INTERNAL;
                inserted = true;
        }
        return OUTCOME_OK;
}

static enum outcome migrate_one(struct work *w, const struct migrant *m)
{
        cleanup_buf struct buf command = BUF_INIT(PATH_MAX * 2);
        const char *role = m->role ? json_string_value(json_object_get(m->role, "name")) : NULL;
        json_t *j = json_pack("{s:s, s:s, s:i, s:s, s:s, s:s?}", "profile", m->profile, "tool",
                migrant_tool_name(m->tool), "line", (int)m->line, "account", m->account, "role_name",
                m->role_name, "role", role);
        int r;

        if (json_array_append_new(role ? w->migrated : w->without, j) < 0)
                return OUTCOME_INTERNAL;
        if (!role)
                return OUTCOME_OK;
        r = shim_command(&command, w->shim, role, &w->err);
        if (r < 0)
                return r == -EINVAL ? OUTCOME_MISCONFIGURED : OUTCOME_INTERNAL;
        return edit_profile(w, m, buf_str(&command));
}

// Read as every SDK will, each profile that was changed has the command and nothing that would come before it.
static enum outcome check_text(struct work *w)
{
        enum outcome o = OUTCOME_OK;

        for (int reading = AWSCONF_BOTOCORE; o == OUTCOME_OK && reading <= AWSCONF_LENIENT; reading++) {
                _cleanup_(awsconf_freep) struct awsconf *c = NULL;

                o = parse(w, &c, AWSCONF_CONFIG, &w->file, buf_str(&w->text), w->text.n,
                        (enum awsconf_reading)reading);
                for (size_t i = 0; o == OUTCOME_OK && i < w->n_migrants; i++) {
                        const struct migrant *m = &w->migrants[i];
                        const struct awsconf_key *k = awsconf_get(c, m->profile, "credential_process");
                        const char *role =
                                m->role ? json_string_value(json_object_get(m->role, "name")) : NULL;

                        if (!role || (k && shim_is_for(k->value, role)))
                                continue;
                        err_set(&w->err,
                                "%s:%u: the profile '%.80s' would not be read as it is meant; nothing was "
                                "written",
                                w->file.path, m->line, m->profile);
                        o = OUTCOME_MISCONFIGURED;
                }
        }
        return o;
}

static enum outcome plan(struct work *w)
{
        enum outcome o = cmd_get_status(w->cli, &w->status, &w->err);

        if (o != OUTCOME_OK || !w->file.text)
                return o;
        o = parse(w, &w->config, AWSCONF_CONFIG, &w->file, w->file.text, w->file.n, AWSCONF_LENIENT);
        if (o != OUTCOME_OK)
                return o;
        if (migrate_find(&w->migrants, &w->n_migrants, w->config, json_object_get(w->status, "roles")) < 0 ||
                awsedit_new(&w->edit, w->file.text, w->file.n) < 0)
                return OUTCOME_INTERNAL;
        for (size_t i = 0; o == OUTCOME_OK && i < w->n_migrants; i++)
                o = migrate_one(w, &w->migrants[i]);
        if (o != OUTCOME_OK || json_array_size(w->migrated) == 0)
                return o;
        if (awsedit_write(w->edit, &w->text) < 0 || awsedit_diff(w->edit, &w->diff, w->file.path) < 0)
                return OUTCOME_INTERNAL;
        return check_text(w);
}

// The old bytes are kept before the new ones take their place; when those do not come, nothing has happened.
static enum outcome write_plan(struct work *w)
{
        enum outcome o;

        if (w->dry_run || json_array_size(w->migrated) == 0)
                return OUTCOME_OK;
        o = migrate_keep(&w->file, buf_str(&w->text), w->text.n, &w->err);
        if (o != OUTCOME_OK)
                return o;
        o = aws_file_replace(&w->file, buf_str(&w->text), w->text.n, &w->err);
        if (o != OUTCOME_OK) {
                cleanup_free char *path = migrate_kept_path(&w->file);

                if (path)
                        unlink(path);
        }
        return o;
}

static enum outcome migrate(struct work *w)
{
        enum outcome o;

        if (!w->undo && !shim_find(w->shim)) {
                err_set(&w->err, SHIM_NAME " is not installed beside this program");
                return OUTCOME_MISCONFIGURED;
        }
        o = aws_file_read_to_change(&w->file, "AWS_CONFIG_FILE", "~/.aws/config", &w->err);
        if (o != OUTCOME_OK || w->undo)
                return o == OUTCOME_OK ? migrate_undo(&w->file, &w->err) : o;
        o = plan(w);
        if (o == OUTCOME_OK)
                o = list_keys(w);
        return o == OUTCOME_OK ? write_plan(w) : o;
}

// ---- telling

static const char *text(const json_t *o, const char *key)
{
        const char *s = json_string_value(json_object_get(o, key));

        return s && *s ? s : "?";
}

static void say_text(const char *s)
{
        char clean[1024];

        puts(err_sanitise(clean, sizeof clean, s, strlen(s)));
}

static void say_diff(const struct work *w)
{
        for (const char *p = buf_str(&w->diff), *end; *p; p = *end ? end + 1 : end) {
                char line[1024];

                end = p + strcspn(p, "\n");
                snprintf(line, sizeof line, "%.*s", (int)(end - p), p);
                say_text(line);
        }
}

static void say_list(const struct work *w)
{
        const json_t *o;
        size_t i;

        json_array_foreach(w->migrated, i, o)
                printf(_("%s: %s account %s, role %s -> valetkey's role %s\n"), text(o, "profile"),
                        text(o, "tool"), text(o, "account"), text(o, "role_name"), text(o, "role"));
        json_array_foreach(w->without, i, o) printf(
                _("%s:%d: profile %s (%s) has no counterpart: no configured role is %s in account %s\n"),
                w->file.path, (int)json_integer_value(json_object_get(o, "line")), text(o, "profile"),
                text(o, "tool"), text(o, "role_name"), text(o, "account"));
        json_array_foreach(w->long_lived, i, o)
                printf(_("%s:%d: a long-lived key in [%s]: delete it at AWS, and here\n"), text(o, "file"),
                        (int)json_integer_value(json_object_get(o, "line")), text(o, "section"));
}

static int say(const struct work *w)
{
        cleanup_free char *kept = w->file.real ? migrate_kept_path(&w->file) : NULL;
        bool changed = json_array_size(w->migrated) > 0;

        if (w->cli->json) {
                cleanup_json json_t *j = json_pack("{s:s, s:b, s:s?, s:O, s:O, s:O, s:s}", "file",
                        w->file.path, "changed", w->undo || (changed && !w->dry_run), "backup",
                        changed && !w->dry_run ? kept : NULL, "migrated", w->migrated, "without_counterpart",
                        w->without, "long_lived_keys", w->long_lived, "diff", buf_str(&w->diff));

                if (!j)
                        return cmd_fail(w->cli, OUTCOME_INTERNAL, NULL);
                return json_dumpf(j, stdout, JSON_INDENT(2)) < 0 || putchar('\n') < 0;
        }
        if (w->undo)
                return printf(_("%s is as it was\n"), w->file.path) < 0;
        say_diff(w);
        say_list(w);
        if (!changed)
                printf(_("%s: no profile to migrate\n"), w->file.path);
        else if (!w->dry_run)
                printf(_("%s is written; as it was: %s\n"), w->file.path, kept ? kept : "?");
        return 0;
}

static int on_option(int c, void *arg)
{
        struct work *w = arg;

        w->dry_run = w->dry_run || c == 'd';
        w->undo = w->undo || c == 'u';
        return w->dry_run && w->undo ? -1 : 0;
}

static void work_deinit(struct work *w)
{
        aws_file_deinit(&w->file);
        aws_file_deinit(&w->credentials);
        awsconf_free(w->config);
        awsedit_free(w->edit);
        free(w->migrants);
        buf_deinit(&w->text);
        buf_deinit(&w->diff);
        json_decref(w->status);
        json_decref(w->migrated);
        json_decref(w->without);
        json_decref(w->long_lived);
        free(w);
}

int cmd_migrate(struct cli *cli, int argc, char *argv[])
{
        static const struct option options[] = {
                {"dry-run", no_argument, NULL, 'd'}, {"undo", no_argument, NULL, 'u'}, {0}};
        struct work *w = calloc(1, sizeof *w);
        int code = 1;

        if (!w)
                return cmd_fail(cli, OUTCOME_INTERNAL, NULL);
        *w = (struct work){.cli = cli,
                .file.lock = -1,
                .credentials.lock = -1,
                .text = BUF_INIT(2 * AWSCONF_SIZE_MAX),
                .diff = BUF_INIT(4 * AWSCONF_SIZE_MAX),
                .migrated = json_array(),
                .without = json_array(),
                .long_lived = json_array()};
        if (cmd_parse(cli, argc, argv, options, on_option, w, 0, SYNOPSIS, help, &code) == 0) {
                enum outcome o = migrate(w);

                code = o == OUTCOME_OK ? say(w) : cmd_fail(cli, o, &w->err);
        }
        work_deinit(w);
        return code;
}
