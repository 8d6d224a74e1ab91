// SPDX-License-Identifier: Apache-2.0
//
// valetkey: what a person types. A table of verbs; everything they know they ask the broker.
#include "cmd.h"

#include "zlibs.h"

#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>

static const struct verb {
        const char *name;
        int (*run)(struct cli *cli, int argc, char *argv[]);
        const char *synopsis, *what;
} verbs[] = {
        {"login", cmd_login,
                "login [--browser [--callback-port PORT] | --device] [--if-needed] [--json] [IDENTITY]",
                "sign in"},
        {"logout", cmd_logout, "logout [--json] [IDENTITY]", "forget the sign-in and the role sessions"},
        {"status", cmd_status, "status [--watch | --json]", "who is signed in, which role sessions are held"},
        {"roles", cmd_roles, "roles [--names | --json]", "the roles that are configured"},
        {"whoami", cmd_whoami, "whoami [OPTION...] [ROLE | IDENTITY]",
                "who a role is to AWS, or who signed in"},
        {"credentials", cmd_credentials, "credentials [OPTION...] [ROLE]",
                "credentials of a role, in many forms"},
        {"console", cmd_console, "console [OPTION...] [ROLE]", "the AWS console in the browser, as a role"},
        {"log", cmd_log, "log [--json]", "which programs were handed which roles"},
        {"credential-process", cmd_credential_process, "credential-process [--min-ttl SECONDS] ROLE",
                "credentials of a role, for AWS SDKs"},
        {"sign", cmd_sign, "sign [OPTION...] < REQUEST", "sign an HTTP request for AWS (SigV4)"},
        {"verify", cmd_verify, "verify [OPTION...] < REQUEST",
                "where does the signature of a request differ"},
        {"token", cmd_token, "token eks CLUSTER | rds HOST PORT USER [OPTION...]",
                "what Kubernetes and databases take as a password"},
        {"service-url", cmd_service_url, "service-url SERVICE [OPTION...]",
                "the URL an SDK calls for sts, sso, oidc, signin"},
        {"evaluate", cmd_evaluate, "evaluate OPTION...", "would AWS allow it, by these policies"},
        {"exec", cmd_exec, "exec [OPTION...] ROLE [--] COMMAND [ARGUMENT...]",
                "run a command whose AWS SDKs use the role"},
        {"env", cmd_env, "env [OPTION...] ROLE", "the same environment, for a shell to read"},
        {"configure", cmd_configure, "configure [OPTION...] [ROLE...]",
                "profiles in ~/.aws/config, for SDKs and the AWS CLI"},
        {"doctor", cmd_doctor, "doctor [OPTION...]",
                "what keeps programs from the credentials, and what mends it"},
        {"why", cmd_why, "why [OPTION...] [ROLE]",
                "why a role does not come, and what its account must have"},
        {"migrate", cmd_migrate, "migrate [OPTION...]",
                "profiles of aws sso, granted and aws-vault, by valetkey"},
        {"container-args", cmd_container_args, "container-args [--json] ROLE [docker|podman]",
                "what to add so that a container uses the role"},
};

static void print_usage(FILE *to)
{
        fputs("Usage: valetkey [--config FILE] VERB [--help | ARGUMENTS]\n\nVerbs:\n", to);
        for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
                fprintf(to, "  %s\n        %s\n", verbs[i].synopsis, verbs[i].what);
        fputs("\nOptions:\n"
              "  --config FILE  for a broker that has to be started: read this file only\n"
              "  --help         this text\n"
              "  --version      the version\n",
                to);
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

static int run(struct cli *cli, int argc, char *argv[])
{
        for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
                if (strcmp(argv[0], verbs[i].name) == 0)
                        return verbs[i].run(cli, argc, argv);
        fprintf(stderr, "valetkey: no verb '%s'. See: valetkey --help\n", argv[0]);
        return outcome_info(OUTCOME_INVALID_REQUEST)->exit_code;
}

static int begin(int argc, char *argv[])
{
        static const struct option options[] = {
                {"config", required_argument, NULL, 'c'},
                {"help", no_argument, NULL, 'h'},
                {"version", no_argument, NULL, 'V'},
                {0},
        };
        struct cli cli = {0};
        int c;

        if (!open_standard_fds())
                return 1;
        zlibs_install();
        while ((c = getopt_long(argc, argv, "+", options, NULL)) >= 0) {
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
        fprintf(stderr, "valetkey: cannot write to stdout\n");
        return code ? code : 1;
}
