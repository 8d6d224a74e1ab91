// SPDX-License-Identifier: Apache-2.0
//
// valetkey: what a person types. A table of verbs; everything they know they ask the broker.
#include "cmd.h"

#include "zlibs.h"
#include "translate.h"
#include "wrap.h"

#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <locale.h>
#include <stdio.h>

static int cmd_help(struct cli *cli, int argc, char *argv[]);

static const struct verb {
        const char *name;
        int (*run)(struct cli *cli, int argc, char *argv[]);
        const char *synopsis, *what;
} verbs[] = {
        {"login", cmd_login,
                "login [--browser [--callback-port PORT] | --device] [--if-needed] [--json] [IDENTITY]",
                N_("sign in")},
        {"logout", cmd_logout, "logout [--json] [IDENTITY]", N_("forget the sign-in and the role sessions")},
        {"status", cmd_status, "status [--watch | --names | --json]",
                N_("who is signed in, which role sessions are held")},
        {"roles", cmd_roles, "roles [--names | --json]", N_("the roles that are configured")},
        {"whoami", cmd_whoami, "whoami [OPTION...] [ROLE | IDENTITY]",
                N_("who a role is to AWS, or who signed in")},
        {"credentials", cmd_credentials, "credentials [OPTION...] [ROLE]",
                N_("credentials of a role, in many forms")},
        {"console", cmd_console, "console [OPTION...] [ROLE]",
                N_("the AWS console in the browser, as a role")},
        {"log", cmd_log, "log [--json]", N_("which programs were handed which roles")},
        {"credential-process", cmd_credential_process, "credential-process [--min-ttl SECONDS] ROLE",
                N_("credentials of a role, for AWS SDKs")},
        {"sign", cmd_sign, "sign [OPTION...] < REQUEST", N_("sign an HTTP request for AWS (SigV4)")},
        {"verify", cmd_verify, "verify [OPTION...] < REQUEST",
                N_("where does the signature of a request differ")},
        {"curl", cmd_curl, "curl [OPTION...] ROLE [CURL OPTION...] URL",
                N_("curl, with its requests signed")},
        {"proxy", cmd_proxy, "proxy OPTION... ROLE",
                N_("a port on this machine that signs what passes through it")},
        {"token", cmd_token, "token eks CLUSTER | rds HOST PORT USER [OPTION...]",
                N_("what Kubernetes and databases take as a password")},
        {"service-url", cmd_service_url, "service-url SERVICE [OPTION...]",
                N_("the URL an SDK calls for sts, sso, oidc, signin")},
        {"evaluate", cmd_evaluate, "evaluate OPTION...", N_("would AWS allow it, by these policies")},
        {"exec", cmd_exec, "exec [OPTION...] [ROLE] [--] [COMMAND [ARGUMENT...]]",
                N_("run a command whose AWS SDKs use the role")},
        {"env", cmd_env, "env [OPTION...] ROLE", N_("the same environment, for a shell to read")},
        {"configure", cmd_configure, "configure [OPTION...] [ROLE...]",
                N_("profiles in ~/.aws/config, for SDKs and the AWS CLI")},
        {"doctor", cmd_doctor, "doctor [OPTION...]",
                N_("what keeps programs from the credentials, and what mends it")},
        {"why", cmd_why, "why [OPTION...] [ROLE]",
                N_("why a role does not come, and what its account must have")},
        {"migrate", cmd_migrate, "migrate [OPTION...]",
                N_("profiles of aws sso, granted and aws-vault, by valetkey")},
        {"container-args", cmd_container_args, "container-args [--json] ROLE [docker|podman]",
                N_("what to add so that a container uses the role")},
        {"help", cmd_help, "help [VERB]", N_("how to use it, or that verb")},
};

static void print_usage(FILE *to)
{
        wrap_print(to, _("Usage: valetkey [--config FILE] VERB [--help | ARGUMENTS]\n\nVerbs:\n"), WRAP_TEXT,
                strlen("Usage: "));
        for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
                char text[512];

                snprintf(text, sizeof text, "  %s\n        %s\n", verbs[i].synopsis, _(verbs[i].what));
                wrap_print(to, text, WRAP_TEXT, 2);
        }
        wrap_print(to,
                _("\nOptions:\n"
                  "  --config FILE  for a broker that has to be started: read this file only\n"
                  "  --help         this text\n"
                  "  --version      the version\n"),
                WRAP_TEXT, 0);
}

// Descriptors we open must never be taken for stdin, stdout or stderr.
static bool open_standard_fds(void)
{
        int fd;

        do
                fd = open("/dev/null", O_RDWR);
        while (fd >= 0 && fd <= STDERR_FILENO);
        if (fd >= 0)
                close(fd);
        return fd >= 0;
}

// Messages alone are of the person's language: numbers, times and what a letter is stay as they are, for programs read them. What is
// written is UTF-8.
static void open_catalogue(void)
{
        setlocale(LC_MESSAGES, "");
        bindtextdomain("valetkey", PATH_LOCALE);
        bind_textdomain_codeset("valetkey", "UTF-8");
        bind_textdomain_codeset("libc", "UTF-8");
        textdomain("valetkey");
}

static const struct verb *find(const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
                if (strcmp(name, verbs[i].name) == 0)
                        return &verbs[i];
        return NULL;
}

// What others call it, or the verb that begins so.
static const char *guess(const char *name)
{
        static const char *const others[][2] = {{"add", "login"}, {"sso", "login"}, {"list", "roles"},
                {"ls", "roles"}, {"assume", "exec"}, {"shell", "exec"}, {"run", "exec"},
                {"export", "credentials"}, {"export-credentials", "credentials"}, {"clear", "logout"},
                {"remove", "logout"}, {"open", "console"}, {"import", "migrate"}, {"id", "whoami"}};

        for (size_t i = 0; i < ARRAY_SIZE(others); i++)
                if (strcmp(name, others[i][0]) == 0)
                        return others[i][1];
        for (size_t i = 0; *name && i < ARRAY_SIZE(verbs); i++)
                if (strncmp(name, verbs[i].name, strlen(name)) == 0)
                        return verbs[i].name;
        return NULL;
}

static int no_verb(const struct cli *cli, const char *name)
{
        struct err err = ERR_INIT;

        if (guess(name))
                err_set(&err, "no verb '%.100s'; see: valetkey %s --help", name, guess(name));
        else
                err_set(&err, "no verb '%.100s'; see: valetkey --help", name);
        return cmd_fail(cli, OUTCOME_INVALID_REQUEST, &err);
}

static int run(struct cli *cli, int argc, char *argv[])
{
        const struct verb *v = find(argv[0]);

        return v ? v->run(cli, argc, argv) : no_verb(cli, argv[0]);
}

static int cmd_help(struct cli *cli, int argc, char *argv[])
{
        char option[] = "--help", *asked[] = {NULL, option, NULL};
        int code;
        int n = cmd_parse(cli, argc, argv, NULL, NULL, NULL, 1, "help [VERB]",
                "Says how to use valetkey, or VERB, as --help behind it does.\n", &code);

        if (n < 0)
                return code;
        if (n == 0) {
                print_usage(stdout);
                return 0;
        }
        asked[0] = argv[optind];
        return run(cli, 2, asked);
}

// The same program under another name, as a link: docker looks for its helpers by theirs.
static bool is_called(const char *path, const char *name)
{
        const char *slash = strrchr(path, '/');

        return strcmp(slash ? slash + 1 : path, name) == 0;
}

static int begin(int argc, char *argv[])
{
        static const struct option options[] = {
                {"config", required_argument, NULL, 'c'},
                {"help", no_argument, NULL, 'h'},
                {"version", no_argument, NULL, 'V'},
                {0},
        };
        static char program[] = "valetkey";
        struct cli cli = {0};
        int c;

        if (!open_standard_fds())
                return 1;
        zlibs_install();
        if (argc > 0 && is_called(argv[0], "docker-credential-valetkey"))
                return docker_credential(&cli, argc, argv);
        open_catalogue();
        if (argc > 0)
                argv[0] = program; // what getopt's complaints begin with
        while ((c = getopt_long(argc, argv, "+hV", options, NULL)) >= 0) {
                switch (c) {
                case 'c':
                        cli.config = optarg;
                        break;
                case 'h':
                        print_usage(stdout);
                        return 0;
                case 'V':
                        return puts("valetkey " VALETKEY_VERSION) < 0;
                default:
                        return outcome_info(OUTCOME_INVALID_REQUEST)->exit_code;
                }
        }
        if (optind == argc) {
                print_usage(stderr);
                return outcome_info(OUTCOME_INVALID_REQUEST)->exit_code;
        }
        return run(&cli, argc - optind, argv + optind);
}

// What was printed has arrived, or it is no success: a full disk shows only when the buffer is written.
int main(int argc, char *argv[])
{
        int code = begin(argc, argv);

        if (fflush(stdout) == 0 && !ferror(stdout))
                return code;
        fprintf(stderr, _("valetkey: cannot write to stdout\n"));
        return code ? code : 1;
}
