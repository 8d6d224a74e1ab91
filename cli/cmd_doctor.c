// SPDX-License-Identifier: Apache-2.0
//
// valetkey doctor: looks at everything between a program that wants credentials and the provider, and says what is wrong and
// what mends it. It changes nothing.
#include "cmd.h"

#include "awschain.h"
#include "doctor.h"
#include "json.h"
#include "translate.h"

#include <getopt.h>
#include <stdio.h>

#define SYNOPSIS "doctor [--sdk NAME] [--json]"

static const char help[] =
        N_("Looks for what keeps programs from valetkey's credentials, and says what mends it.\n"
           "\n"
           "  --sdk NAME         only this SDK's chain: boto3, aws-cli-2, go-v2, js-v3, java-v2\n"
           "  --pam FOLDER       instead of /etc/pam.d\n"
           "  --sshd FILE        instead of /etc/ssh/sshd_config\n"
           "  --json             data for programs, see valetkey-doctor(1)\n"
           "  --help             this text\n");

static int on_option(int c, void *arg)
{
        struct doctor *d = arg;

        if (c == 'p')
                d->pam = optarg;
        else if (c == 'd')
                d->sshd = optarg;
        else
                d->sdk = optarg;
        return 0;
}

static bool is_sdk(const char *name)
{
        for (unsigned i = 0; i < AWSCHAIN_SDK_MAX_; i++)
                if (strcmp(name, awschain_sdk_name((enum awschain_sdk)i)) == 0)
                        return true;
        return false;
}

static int say(struct doctor *d)
{
        if (d->found.no_memory)
                return cmd_fail(d->cli, OUTCOME_INTERNAL, NULL);
        if (d->cli->json) {
                cleanup_json json_t *j = json_pack("{s:i, s:O, s:i}", "version", 1, "findings", d->found.list,
                        "wrong", (int)d->found.n_wrong);

                if (!j || json_dumpf(j, stdout, JSON_INDENT(2)) < 0 || putchar('\n') < 0)
                        return cmd_fail(d->cli, OUTCOME_INTERNAL, NULL);
        } else if (findings_print(&d->found) < 0) {
                return 1;
        }
        return d->found.n_wrong ? outcome_info(OUTCOME_MISCONFIGURED)->exit_code : 0;
}

int cmd_doctor(struct cli *cli, int argc, char *argv[])
{
        static const struct option options[] = {{"sdk", required_argument, NULL, 's'},
                {"pam", required_argument, NULL, 'p'}, {"sshd", required_argument, NULL, 'd'}, {0}};
        struct doctor d = {.cli = cli, .pam = "/etc/pam.d", .sshd = "/etc/ssh/sshd_config"};
        int code;

        if (cmd_parse(cli, argc, argv, options, on_option, &d, 0, SYNOPSIS, help, &code) < 0)
                return code;
        if (d.sdk && !is_sdk(d.sdk))
                return cmd_usage(
                        SYNOPSIS, "no such SDK; there are boto3, aws-cli-2, go-v2, js-v3 and java-v2");
        if (findings_init(&d.found) < 0)
                return cmd_fail(cli, OUTCOME_INTERNAL, NULL);
        // Of one chain only: whether there is a broker is not the question, only where its port is.
        if (!d.sdk)
                doctor_broker(&d);
        else if (cmd_get_status(cli, &d.status, NULL) != OUTCOME_OK)
                d.status = NULL;
        doctor_chains(&d);
        if (!d.sdk) {
                doctor_config(&d);
                doctor_here(&d);
                doctor_imds(&d);
                doctor_network(&d);
                doctor_machine(&d);
        }
        code = say(&d);
        findings_deinit(&d.found);
        config_unref(d.config);
        json_decref(d.status);
        return code;
}
