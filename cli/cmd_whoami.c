// SPDX-License-Identifier: Apache-2.0
//
// valetkey whoami: who a role's credentials are to AWS, asked of STS itself; with --identity, who signed in, by the
// claims of the ID token that the broker verified.
#include "cmd.h"

#include "aws_query.h"
#include "clock.h"
#include "columns.h"
#include "json.h"
#include "protocol.h"
#include "role_choose.h"
#include "sts_caller_identity.h"
#include "whoami_identity.h"
#include "translate.h"

#include <getopt.h>
#include <stdio.h>

#define SYNOPSIS   "whoami [--json] [ROLE | --identity [IDENTITY]]"
#define HEAD_WIDTH 12u

static const char *member(const json_t *o, const char *key)
{
        return json_string_value(json_object_get(o, key));
}

static enum outcome ask_sts(struct sts_caller_identity *ret, const struct cli *cli,
        const struct role_choice *c, struct role_credentials *keys, struct err *err)
{
        const json_t *sts = json_object_get(c->role, "sts");
        struct aws_query q = {.endpoint = member(sts, "endpoint"),
                .region = member(sts, "region"),
                .ca_file = member(sts, "ca_file"),
                .service = "sts",
                .role = c->name,
                .keys = keys};
        cleanup_buf struct buf form = BUF_INIT(256);
        struct aws_answer a = {.body = BUF_INIT(0)};
        enum outcome o;

        if (!q.endpoint || !q.region) {
                err_set(err, "role %.100s has no STS endpoint", c->name);
                return OUTCOME_MISCONFIGURED;
        }
        if (sts_caller_identity_request(&form) < 0)
                return OUTCOME_INTERNAL;
        o = role_credentials_get(keys, cli, c->name, 0, err);
        if (o == OUTCOME_OK)
                o = aws_query(&a, &q, &form, err);
        if (o == OUTCOME_OK && sts_caller_identity_parse(ret, a.body.p, a.body.n, err) < 0)
                o = OUTCOME_BAD_ANSWER;
        aws_answer_deinit(&a);
        return o;
}

static enum outcome print(
        const struct cli *cli, const char *role, const struct sts_caller_identity *id, int64_t expires_s)
{
        char left[COLUMNS_DURATION];

        if (cli->json) {
                cleanup_json json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:I, s:s?}", "role", role, "arn",
                        id->arn, "account", id->account, "user_id", id->user_id, "expires_at",
                        (json_int_t)expires_s, "request_id", id->request_id);

                return j && json_dumpf(j, stdout, JSON_INDENT(2)) == 0 && putchar('\n') >= 0
                               ? OUTCOME_OK
                               : OUTCOME_INTERNAL;
        }
        columns_duration(left, expires_s - clock_wall_s(&clock_system));
        columns_line(_("Role"), HEAD_WIDTH, role);
        columns_line(_("ARN"), HEAD_WIDTH, id->arn);
        columns_line(_("Account"), HEAD_WIDTH, id->account[0] ? id->account : "-");
        columns_line(_("User id"), HEAD_WIDTH, id->user_id[0] ? id->user_id : "-");
        columns_line(_("Ends in"), HEAD_WIDTH, left);
        return OUTCOME_OK;
}

static enum outcome whoami(const struct cli *cli, const char *typed, struct err *err)
{
        struct sts_caller_identity id = {0};
        struct role_choice c = {0};
        struct role_credentials keys = {0};
        enum outcome o = role_choose(&c, cli, typed, err);

        if (o == OUTCOME_OK)
                o = ask_sts(&id, cli, &c, &keys, err);
        if (o == OUTCOME_OK)
                o = print(cli, c.name, &id, keys.expiration_s);
        sts_caller_identity_deinit(&id);
        role_credentials_deinit(&keys);
        role_choice_deinit(&c);
        return o;
}

static int on_option(int c, void *arg)
{
        bool *identity = arg;

        *identity |= c == 'i';
        return c == 'i' ? 0 : -1;
}

int cmd_whoami(struct cli *cli, int argc, char *argv[])
{
        static const struct option options[] = {{"identity", no_argument, NULL, 'i'}, {0}};
        struct err err = ERR_INIT;
        bool identity = false;
        enum outcome o;
        int code;
        int n = cmd_parse(cli, argc, argv, options, on_option, &identity, 1, SYNOPSIS,
                "Asks AWS STS whose credentials those of ROLE are.\n"
                "\n"
                "  --identity  who signed in instead: the claims of the ID token, as they were verified\n"
                "  --json      the same as JSON\n"
                "  --help      this text\n",
                &code);
        const char *word = n == 1 ? argv[optind] : NULL;

        if (n < 0)
                return code;
        o = identity ? whoami_identity(cli, word, &err) : whoami(cli, word, &err);
        if (o == OUTCOME_INVALID_REQUEST && !err.text[0])
                return cmd_usage(SYNOPSIS, "which role?");
        return o == OUTCOME_OK ? 0 : cmd_fail(cli, o, &err);
}
