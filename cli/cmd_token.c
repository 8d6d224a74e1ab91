// SPDX-License-Identifier: Apache-2.0
//
// valetkey token: what Kubernetes and databases take for a password when they know IAM. Each is a presigned request; nobody is
// asked, and it can be used for as long as the service says, if the credentials live that long.
#include "cmd.h"

#include "aws_endpoint.h"
#include "aws_host.h"
#include "clock.h"
#include "exec_credential.h"
#include "json.h"
#include "presign.h"
#include "region.h"
#include "role_choose.h"
#include "sign_request.h"
#include "translate.h"

#include <stdio.h>

#define SYNOPSIS "token eks CLUSTER | token rds HOST PORT USER [--role ROLE | --env] [OPTION]…"

static const char help[] =
        N_("Prints a token made of a role's credentials. Asks nobody.\n"
           "\n"
           "  eks CLUSTER          for kubectl: an ExecCredential, good for 14 minutes\n"
           "  rds HOST PORT USER   the password of USER of a database in RDS or Aurora, good for 15 minutes\n"
           "\n"
           "  --role ROLE          whose credentials (default: the default role's)\n"
           "  --env                those of the environment instead (AWS_ACCESS_KEY_ID, …)\n"
           "  --region REGION      default: the host's; AWS_REGION; the role's\n"
           "  --endpoint URL       eks: another STS than that of the region\n"
           "  --time TIME          as of then, like 2026-01-31T12:00:00Z\n"
           "  --help               this text\n");

#define TOKEN_ENDPOINT 768

struct token {
        struct sign_options o;
        const char *endpoint;
        struct role_credentials c;
        struct role_choice choice; // region of its role
        const char *region;
        int64_t now_s;
        struct aws_host host;
};

static int on_option(int c, void *arg)
{
        struct token *t = arg;

        if (c != TOKEN_ENDPOINT)
                return sign_on_option(c, &t->o);
        t->endpoint = optarg;
        return 0;
}

static enum outcome get_credentials(struct token *t, const struct cli *cli, struct err *err)
{
        enum outcome r;

        if (t->o.env && t->o.role) {
                err_set(err, "either --env or --role");
                return OUTCOME_INVALID_REQUEST;
        }
        if (t->o.env)
                return role_credentials_from_env(&t->c, err);
        r = role_choose(&t->choice, cli, t->o.role, err);
        if (r == OUTCOME_INVALID_REQUEST && !err->text[0])
                err_set(err, "which role? Say --role, or set default_role");
        return r == OUTCOME_OK ? role_credentials_get(&t->c, cli, t->choice.name, 0, err) : r;
}

// host: one whose name may tell it; NULL.
static enum outcome settle_region(struct token *t, const char *host, struct err *err)
{
        t->region = t->o.region;
        if (!t->region && host && aws_host_parse(&t->host, host) == 0)
                t->region = t->host.region;
        if (!t->region)
                t->region = region_of_environment();
        if (!t->region)
                t->region = json_string_value(json_object_get(t->choice.role, "region"));
        if (t->region)
                return OUTCOME_OK;
        err_set(err, "which region? Say --region, or give the role one");
        return OUTCOME_INVALID_REQUEST;
}

static struct sigv4_credentials credentials_of(const struct token *t)
{
        return (struct sigv4_credentials){.access_key_id = t->c.access_key_id,
                .secret_access_key = t->c.secret_access_key,
                .session_token = t->c.session_token};
}

static enum outcome outcome_of(int r)
{
        return r == 0 ? OUTCOME_OK : r == -EINVAL ? OUTCOME_INVALID_REQUEST : OUTCOME_INTERNAL;
}

static enum outcome print_eks(struct token *t, const char *cluster, struct err *err)
{
        const struct sigv4_credentials cred = credentials_of(t);
        cleanup_buf struct buf url = BUF_INIT(512), token = BUF_INIT(1u << 18), out = BUF_INIT(1u << 18);
        int64_t ends_s = t->now_s + PRESIGN_EKS_LIFE_S;
        int r = t->endpoint ? buf_append_str(&url, t->endpoint) : aws_endpoint(&url, "sts", t->region, 0);

        if (r == -EINVAL)
                err_set(err, "'%.40s' is not the name of a region", t->region);
        if (r == 0)
                r = presign_eks_token(&token, buf_str(&url), t->region, cluster, &cred, t->now_s, err);
        if (t->c.expiration_s && t->c.expiration_s < ends_s)
                ends_s = t->c.expiration_s;
        if (r == 0)
                r = exec_credential(&out, getenv("KUBERNETES_EXEC_INFO"), buf_str(&token), ends_s, err);
        if (r < 0)
                return outcome_of(r);
        return cmd_write(buf_str(&out), out.n) ? OUTCOME_OK : OUTCOME_INTERNAL;
}

static unsigned read_port(const char *s)
{
        unsigned v = 0;

        for (const char *p = s; *p; p++) {
                if (*p < '0' || *p > '9' || v > 65535)
                        return 0;
                v = v * 10 + (unsigned)(*p - '0');
        }
        return v;
}

static enum outcome print_rds(struct token *t, char *const words[3], struct err *err)
{
        const struct sigv4_credentials cred = credentials_of(t);
        cleanup_buf struct buf out = BUF_INIT(1u << 18);
        int r = presign_rds_token(
                &out, words[0], read_port(words[1]), words[2], t->region, &cred, t->now_s, err);

        if (r == 0)
                r = buf_append_char(&out, '\n');
        if (r < 0)
                return outcome_of(r);
        return cmd_write(buf_str(&out), out.n) ? OUTCOME_OK : OUTCOME_INTERNAL;
}

static enum outcome print(struct token *t, const struct cli *cli, char *const words[], struct err *err)
{
        bool eks = strcmp(words[0], "eks") == 0;
        enum outcome r = get_credentials(t, cli, err);

        if (r == OUTCOME_OK)
                r = settle_region(t, eks ? NULL : words[1], err);
        if (r == OUTCOME_OK)
                r = eks ? print_eks(t, words[1], err) : print_rds(t, words + 1, err);
        return r;
}

int cmd_token(struct cli *cli, int argc, char *argv[])
{
        static const struct option options[] = {{"role", required_argument, NULL, SIGN_ROLE},
                {"env", no_argument, NULL, SIGN_ENV}, {"region", required_argument, NULL, SIGN_REGION},
                {"time", required_argument, NULL, SIGN_TIME},
                {"endpoint", required_argument, NULL, TOKEN_ENDPOINT}, {0}};
        struct token t = {.o = {.err = ERR_INIT}};
        struct err err = ERR_INIT;
        enum outcome r;
        int code, n;

        n = cmd_parse(cli, argc, argv, options, on_option, &t, 4, SYNOPSIS, help, &code);
        if (n < 0)
                return code;
        if (n < 1 || n != (strcmp(argv[optind], "eks") == 0 ? 2 : strcmp(argv[optind], "rds") == 0 ? 4 : -1))
                return cmd_usage(SYNOPSIS, "a token for eks CLUSTER, or for rds HOST PORT USER?");
        t.now_s = t.o.has_time ? t.o.time_s : clock_wall_s(&clock_system);
        if (t.o.err.text[0]) {
                err = t.o.err;
                r = OUTCOME_INVALID_REQUEST;
        } else {
                r = print(&t, cli, argv + optind, &err);
        }
        role_credentials_deinit(&t.c);
        role_choice_deinit(&t.choice);
        return r == OUTCOME_OK ? 0 : cmd_fail(cli, r, &err);
}
