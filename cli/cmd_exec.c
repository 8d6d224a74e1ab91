// SPDX-License-Identifier: Apache-2.0
//
// valetkey exec ROLE -- CMD and valetkey env ROLE: the same environment, once for a program and once for a shell to
// read. Both look first whether an SDK in it would come to the role at all; what stands in front of it is named by
// file and line, for a program that silently works with other credentials is the worst that could happen.
#include "cmd.h"

#include "door.h"
#include "exec_run.h"
#include "isolated.h"
#include "quote.h"
#include "role_credentials.h"
#include "secret.h"
#include "session_env.h"
#include "shadow.h"
#include "timefmt.h"
#include "token_door.h"
#include "translate.h"

#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <sys/prctl.h>

struct options {
        bool is_static, isolated;
        uint32_t min_ttl;
        enum {
                TOKEN_BY_PROGRAM,
                TOKEN_IN_FILE,
                TOKEN_IN_ENV
        } token;
        enum quote_shell shell;
};

// Everything the environment is made of, as long as it is being made.
struct made {
        struct session_env env;
        struct door door;
        struct role_choice choice;
        struct role_credentials keys;
        char expiration[TIME_ISO_LEN + 1];
        char *token;
};

static int on_option(int c, void *arg)
{
        struct options *o = arg;

        switch (c) {
        case 's':
                o->is_static = true;
                return 0;
        case 'i':
                o->isolated = true;
                return 0;
        case 'm':
                return cmd_read_seconds(&o->min_ttl, optarg) ? 0 : -1;
        case 't':
                o->token = strcmp(optarg, "file") == 0 ? TOKEN_IN_FILE : TOKEN_IN_ENV;
                return strcmp(optarg, "file") == 0 || strcmp(optarg, "env") == 0 ? 0 : -1;
        case 'S':
                return quote_find_shell(&o->shell, optarg) ? 0 : -1;
        default:
                return -1;
        }
}

static enum outcome read_token(char **ret, const char *path, struct err *err)
{
        cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        char room[512];
        ssize_t n = fd < 0 || prctl(PR_SET_DUMPABLE, 0) < 0 ? -1 : read(fd, room, sizeof room);

        if (n <= 0 || n == sizeof room || memchr(room, 0, (size_t)n) || memchr(room, '\n', (size_t)n)) {
                err_set(err, "the endpoint's token cannot be read: %.200s%s%s", path, fd < 0 ? ": " : "",
                        fd < 0 ? strerror(errno) : "");
                return OUTCOME_NO_BROKER;
        }
        *ret = strndup(room, (size_t)n);
        explicit_bzero(room, sizeof room);
        return *ret ? OUTCOME_OK : OUTCOME_INTERNAL;
}

static enum outcome make_static(struct made *m, struct cli *cli, const struct options *o, struct err *err)
{
        enum outcome r;

        r = role_credentials_get(&m->keys, cli, m->env.role, o->min_ttl, err);
        if (r != OUTCOME_OK)
                return r;
        m->env.door = SESSION_STATIC;
        m->env.access_key_id = m->keys.access_key_id;
        m->env.secret_key = secret_str(m->keys.secret_access_key);
        m->env.session_token = secret_str(m->keys.session_token);
        time_format_iso(m->expiration, m->keys.expiration_s);
        m->env.expiration = m->expiration;
        return OUTCOME_OK;
}

static enum outcome make(struct made *m, struct cli *cli, const struct options *o, const char *role,
        const char *program, struct err *err)
{
        enum outcome r;

        *m = (struct made){.env = {.isolated = o->isolated}};
        r = role_choose(&m->choice, cli, role, err);
        m->env.role = m->choice.name;
        if (r == OUTCOME_OK)
                r = door_get(&m->door, &m->choice, !o->is_static, err);
        m->env.region = m->door.region;
        if (r != OUTCOME_OK)
                return r;
        if (o->is_static)
                return make_static(m, cli, o, err);
        m->env.uri = m->door.uri;
        m->env.token_file = m->door.token_file;
        if (o->token == TOKEN_IN_FILE ||
                (o->token == TOKEN_BY_PROGRAM && !token_door_needs_environment(program)))
                return OUTCOME_OK;
        m->env.door = SESSION_TOKEN;
        r = read_token(&m->token, m->door.token_file, err);
        m->env.token = m->token;
        return r;
}

static void drop(struct made *m)
{
        door_deinit(&m->door);
        role_choice_deinit(&m->choice);
        role_credentials_deinit(&m->keys);
        if (m->token)
                explicit_bzero(m->token, strlen(m->token));
        free(m->token);
}

// ---- what stands in front

static void say_shadow(const struct shadow *s, const char *role)
{
        char where[PATH_MAX + 256], sdks[128] = "";
        size_t at = 0;

        for (unsigned i = 0; i < AWSCHAIN_SDK_MAX_; i++)
                if (s->sdks & 1u << i)
                        at += (size_t)snprintf(sdks + at, sizeof sdks - at, "%s%s", at ? ", " : "",
                                awschain_sdk_name((enum awschain_sdk)i));
        awschain_where(&s->source, where, sizeof where);
        err_sanitise(where, sizeof where, where, strlen(where));
        if (s->source.kind == AWSCHAIN_BROKEN)
                fprintf(stderr, _("valetkey: %s: %s cannot work with that; mend it, or use --isolated\n"),
                        where, sdks);
        else
                fprintf(stderr,
                        _("valetkey: %s: %s would use that instead of role %s; remove it, or use "
                          "--isolated\n"),
                        where, sdks, role);
}

// 0, or the exit code after saying what is wrong.
static int check_shadows(const char *role, bool is_static)
{
        struct shadow found[AWSCHAIN_SDK_MAX_] = {0};
        struct shadow_files files;
        int n = shadow_read_files(&files);

        if (n == 0)
                n = shadow_find(found, &files, role, is_static);
        for (int i = 0; i < n; i++)
                say_shadow(&found[i], role);
        shadow_deinit(&files);
        return n > 0   ? outcome_info(OUTCOME_MISCONFIGURED)->exit_code
               : n < 0 ? outcome_info(OUTCOME_INTERNAL)->exit_code
                       : 0;
}

// ---- the verbs

static int fail(const struct cli *cli, enum outcome o, const struct err *err, const char *synopsis)
{
        return o == OUTCOME_INVALID_REQUEST && !err->text[0] ? cmd_usage(synopsis, "which role?")
                                                             : cmd_fail(cli, o, err);
}

#define EXEC_SYNOPSIS                                                                                        \
        "exec [--isolated] [--static [--min-ttl SECONDS]] [--token file|env] [ROLE] [--] [COMMAND "          \
        "[ARGUMENT...]]"

static const struct option exec_options[] = {{"isolated", no_argument, NULL, 'i'},
        {"static", no_argument, NULL, 's'}, {"min-ttl", required_argument, NULL, 'm'},
        {"token", required_argument, NULL, 't'}, {0}};

// The environment is made: run the command in it.
static int run(struct made *m, const struct options *o, char *argv[])
{
        struct isolated dir = {0};
        int code;

        if (o->isolated && isolated_make(&dir) < 0)
                return outcome_info(OUTCOME_INTERNAL)->exit_code;
        m->env.config_file = dir.config_file;
        m->env.credentials_file = dir.credentials_file;
        code = session_env_apply(&m->env, NULL, NULL) < 0 ? outcome_info(OUTCOME_INTERNAL)->exit_code : 0;
        if (code == 0)
                code = check_shadows(m->env.role, o->is_static);
        drop(m);
        *m = (struct made){0};
        if (code == 0 && !o->isolated)
                return exec_become(argv);
        if (code == 0)
                return exec_child(argv, isolated_remove, &dir);
        isolated_remove(&dir);
        return code;
}

// For a person who says no command: his shell.
static bool find_shell(char *argv[2])
{
        static char usual[] = "/bin/sh";
        char *s = getenv("SHELL");

        argv[0] = s && *s == '/' && access(s, X_OK) == 0 ? s : usual;
        argv[1] = NULL;
        return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

int cmd_exec(struct cli *cli, int argc, char *argv[])
{
        struct options o = {0};
        struct err err = ERR_INIT;
        const char *role;
        char **command, *shell[2];
        struct made m;
        enum outcome r;
        int code;

        if (cmd_parse(cli, argc, argv, exec_options, on_option, &o, INT_MAX, EXEC_SYNOPSIS,
                    "Runs COMMAND in an environment in which AWS SDKs use ROLE, and nothing else. On a "
                    "terminal "
                    "without COMMAND: a shell.\n"
                    "\n"
                    "  --isolated         without ~/.aws/config and ~/.aws/credentials: private, empty files "
                    "instead\n"
                    "  --static           keys in the environment, which do not rotate\n"
                    "  --min-ttl SECONDS  life wanted of them\n"
                    "  --token file|env   how the endpoint's token is told; else by what the command knows\n"
                    "  --help             this text\n",
                    &code) < 0)
                return code;
        if (optind >= argc && !find_shell(shell))
                return cmd_usage(EXEC_SYNOPSIS, "which role?");
        // "exec -- COMMAND", or nothing: no role is said.
        role = optind >= argc || strcmp(argv[optind - 1], "--") == 0 ? NULL : argv[optind];
        command = argv + optind + (role != NULL);
        if (role && *command && strcmp(*command, "--") == 0)
                command++;
        if (!*command && !find_shell(command = shell))
                return cmd_usage(EXEC_SYNOPSIS, "which command?");
        if (o.min_ttl && !o.is_static)
                return cmd_usage(
                        EXEC_SYNOPSIS, "--min-ttl is for --static; the endpoint's credentials rotate");
        cli->json = false; // stdout is the command's
        r = make(&m, cli, &o, role, command[0], &err);
        code = r == OUTCOME_OK ? run(&m, &o, command) : fail(cli, r, &err, EXEC_SYNOPSIS);
        drop(&m);
        return code;
}

#define ENV_SYNOPSIS "env [--static [--min-ttl SECONDS]] [--token file|env] [--shell SHELL] [ROLE]"

struct lines {
        struct buf out;
        enum quote_shell shell;
};

static int add_line(const char *name, const char *value, void *arg)
{
        struct lines *l = arg;

        return quote_variable(&l->out, l->shell, name, value);
}

static int print(struct made *m, const struct options *o)
{
        struct lines l = {.out = BUF_INIT(1u << 20), .shell = o->shell};
        int code;

        code = session_env_apply(&m->env, add_line, &l) < 0 ? outcome_info(OUTCOME_INTERNAL)->exit_code : 0;
        if (code == 0)
                code = check_shadows(m->env.role, o->is_static);
        if (code == 0)
                code = cmd_write(buf_str(&l.out), l.out.n) ? 0 : 1;
        buf_deinit(&l.out);
        return code;
}

int cmd_env(struct cli *cli, int argc, char *argv[])
{
        static const struct option options[] = {{"shell", required_argument, NULL, 'S'},
                {"static", no_argument, NULL, 's'}, {"min-ttl", required_argument, NULL, 'm'},
                {"token", required_argument, NULL, 't'}, {0}};
        struct options o = {0};
        struct err err = ERR_INIT;
        struct made m;
        enum outcome r;
        int code, n;

        n = cmd_parse(cli, argc, argv, options, on_option, &o, 1, ENV_SYNOPSIS,
                "Prints the environment of \"valetkey exec ROLE\" for a shell to read: eval \"$(valetkey env "
                "ROLE)\".\n"
                "\n"
                "  --shell SHELL      posix (the default), fish, csh or powershell\n"
                "  --static           keys in the environment, which do not rotate\n"
                "  --min-ttl SECONDS  life wanted of them\n"
                "  --token file|env   how the endpoint's token is told; else by what is installed\n"
                "  --help             this text\n",
                &code);
        if (n < 0)
                return code;
        if (o.min_ttl && !o.is_static)
                return cmd_usage(
                        ENV_SYNOPSIS, "--min-ttl is for --static; the endpoint's credentials rotate");
        cli->json = false; // stdout is for the shell
        r = make(&m, cli, &o, n == 1 ? argv[optind] : NULL, NULL, &err);
        code = r == OUTCOME_OK ? print(&m, &o) : fail(cli, r, &err, ENV_SYNOPSIS);
        drop(&m);
        return code;
}
