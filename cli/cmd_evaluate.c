// SPDX-License-Identifier: Apache-2.0
//
// valetkey evaluate: would AWS allow it? Policies from files, a request from options, and the engine's answer with what each
// kind of policy said. Nothing is asked of anybody: it works without a sign-in and without AWS.
#include "cmd.h"

#include "columns.h"
#include "evaluate_say.h"
#include "evaluate_token.h"
#include "policy_args.h"
#include "policy_who.h"
#include "translate.h"

#include <getopt.h>
#include <stdio.h>

#define SYNOPSIS "evaluate --action ACTION [--resource ARN] [--principal ARN] [OPTION]…"

static const char help[] =
        N_("Says whether AWS would allow a request, which statement decides, and what is missing.\n"
           "\n"
           "  --action ACTION           like s3:GetObject\n"
           "  --resource ARN            default: *\n"
           "  --resource-account ID     where the ARN does not say it\n"
           "  --principal ARN           a user, role, role session, OIDC provider, or a service's name\n"
           "  --principal-role ARN      of a role session: its role, where that has a path\n"
           "  --web-identity-token FILE an ID token that asks for the role; read, not verified\n"
           "  --context KEY=VALUE       a condition key; may come again\n"
           "  --identity-policy FILE    of these, each may come again\n"
           "  --resource-policy FILE\n"
           "  --trust-policy FILE       of the role that --resource names\n"
           "  --boundary FILE\n"
           "  --session-policy FILE\n"
           "  --scp FILE[,FILE]…        those of one level; again for the next\n"
           "  --rcp FILE[,FILE]…        the same\n"
           "  --vpc-endpoint-policy FILE\n"
           "  --json                    data for programs\n"
           "  --help                    this text\n");

#define NOBODY "arn:aws:iam::000000000000:user/nobody"

struct work {
        struct evaluate_case e; // what is asked, and of which files
        struct policy_args args;
        struct policy_who who;
        const char *principal, *principal_role, *resource_account;
        struct evaluate_token *token; // NULL
        char account[13];
        struct err err;
        int error; // of an option, once there was one
};

enum option_id {
        O_ACTION = 256,
        O_RESOURCE,
        O_ACCOUNT,
        O_PRINCIPAL,
        O_ROLE,
        O_CONTEXT,
        O_TRUST,
        O_TOKEN,
        O_LAYER, // + enum policy_layer
};

static int on_option(int c, void *arg)
{
        struct work *w = arg;
        int r = 0;

        switch (c) {
        case O_ACTION:
                w->e.request.request.action = optarg;
                break;
        case O_RESOURCE:
                w->e.request.request.resource = optarg;
                break;
        case O_ACCOUNT:
                w->resource_account = optarg;
                break;
        case O_PRINCIPAL:
                w->principal = optarg;
                break;
        case O_ROLE:
                w->principal_role = optarg;
                break;
        case O_CONTEXT:
                r = policy_args_add_context(&w->args, optarg, &w->err);
                break;
        case O_TRUST:
                r = policy_args_add_files(&w->args, POLICY_LAYER_RESOURCE, true, optarg, &w->err);
                w->e.request.trust = true;
                break;
        case O_TOKEN:
                w->token = evaluate_token_free(w->token);
                r = evaluate_token_read(&w->token, optarg, &w->err);
                break;
        default:
                r = policy_args_add_files(&w->args, (enum policy_layer)(c - O_LAYER), false, optarg, &w->err);
        }
        if (r < 0 && !w->error)
                w->error = r;
        return 0; // said later, in one line
}

static bool needs_a_principal(const struct work *w)
{
        for (size_t i = 0; i < w->args.n; i++)
                if (w->args.documents[i].layer == POLICY_LAYER_RESOURCE ||
                        w->args.documents[i].layer == POLICY_LAYER_VPC_ENDPOINT)
                        return true;
        return false;
}

static int settle_principal(struct work *w)
{
        const char *who = w->token ? evaluate_token_provider(w->token) : w->principal;
        int r;

        if (w->token && w->principal) {
                err_set(&w->err, "the principal of a web identity is its provider: leave --principal out");
                return -EINVAL;
        }
        if (!who && needs_a_principal(w)) {
                err_set(&w->err, "a policy of a resource says who may: name a --principal");
                return -EINVAL;
        }
        r = policy_who_parse(&w->who, who ? who : NOBODY, w->principal_role, &w->err);
        if (r < 0)
                return r;
        if (!who) {
                // Where no policy names anybody, who it is makes no difference; but it has no account and no keys.
                w->who.principal.account = NULL;
                w->who.principal.arn = "";
        }
        w->e.request.request.principal = &w->who.principal;
        return 0;
}

static int settle(struct work *w)
{
        struct policy_case *c = &w->e.request;
        const char *action = c->request.action;
        int r;

        if (w->token) {
                if (action || !w->e.request.trust) {
                        err_set(&w->err,
                                "--web-identity-token goes with --trust-policy and without --action");
                        return -EINVAL;
                }
                r = evaluate_token_settle(w->token, c->request.resource, w->args.context, &w->err);
                if (r < 0)
                        return r;
        } else if (!action || !strchr(action, ':') || strpbrk(action, "*? ")) {
                err_set(&w->err, "--action wants one action, like s3:GetObject");
                return -EINVAL;
        }
        r = settle_principal(w);
        if (r < 0)
                return r;
        c->request.context = w->args.context;
        if (!c->request.resource)
                c->request.resource = "*";
        policy_arn_account(w->account, c->request.resource);
        if (w->resource_account && strspn(w->resource_account, "0123456789") != 12) {
                err_set(&w->err, "--resource-account wants twelve digits");
                return -EINVAL;
        }
        c->resource_account = w->resource_account ? w->resource_account : w->account[0] ? w->account : NULL;
        c->resource_must_allow = w->e.request.trust || policy_opens_alone(action, c->request.resource);
        r = w->who.principal.arn[0] ? policy_who_to_context(w->args.context, &w->who) : 0;
        return r == 0 ? policy_args_add_now(w->args.context) : r;
}

// An ID token asks for up to three actions at once: the first that is refused is told, with what else is.
static int decide(struct work *w, struct policy_outcome *ret)
{
        const char *one[] = {w->e.request.request.action, NULL};
        const char *const *actions = w->token ? evaluate_token_actions(w->token) : one;

        w->e.request.documents = w->args.documents;
        w->e.request.n_documents = w->args.n;
        w->e.names = w->args.names;
        return evaluate_actions(&w->e, actions, ret);
}

static int decide_and_say(struct cli *cli, struct work *w)
{
        struct policy_outcome o = {.decision = POLICY_IMPLICIT_DENY};
        int r;

        r = decide(w, &o);
        if (r == 0 && w->token)
                r = evaluate_token_notes(w->token, w->args.documents, w->args.names, w->args.n, &w->e.notes);
        if (r < 0)
                return cmd_fail(cli, OUTCOME_INTERNAL, NULL);
        r = cli->json ? evaluate_say_json(&w->e, &o) : evaluate_say(&w->e, &o);
        if (r < 0)
                return cmd_fail(cli, OUTCOME_INTERNAL, NULL);
        return outcome_info(o.decision == POLICY_ALLOW ? OUTCOME_OK : OUTCOME_ACCESS_DENIED)->exit_code;
}

static void work_deinit(struct work *w)
{
        policy_args_deinit(&w->args);
        evaluate_token_free(w->token);
        json_decref(w->e.notes);
}

#define LAYER(name, layer)                                                                                   \
        {                                                                                                    \
                name, required_argument, NULL, O_LAYER + (layer)                                             \
        }

int cmd_evaluate(struct cli *cli, int argc, char *argv[])
{
        static const struct option options[] = {{"action", required_argument, NULL, O_ACTION},
                {"resource", required_argument, NULL, O_RESOURCE},
                {"resource-account", required_argument, NULL, O_ACCOUNT},
                {"principal", required_argument, NULL, O_PRINCIPAL},
                {"principal-role", required_argument, NULL, O_ROLE},
                {"context", required_argument, NULL, O_CONTEXT},
                {"trust-policy", required_argument, NULL, O_TRUST},
                {"web-identity-token", required_argument, NULL, O_TOKEN},
                LAYER("identity-policy", POLICY_LAYER_IDENTITY),
                LAYER("resource-policy", POLICY_LAYER_RESOURCE), LAYER("boundary", POLICY_LAYER_BOUNDARY),
                LAYER("session-policy", POLICY_LAYER_SESSION), LAYER("scp", POLICY_LAYER_SERVICE_CONTROL),
                LAYER("rcp", POLICY_LAYER_RESOURCE_CONTROL),
                LAYER("vpc-endpoint-policy", POLICY_LAYER_VPC_ENDPOINT), {0}};
        struct work *w = calloc(1, sizeof *w);
        int code = 1, n;

        if (!w || policy_args_init(&w->args) < 0) {
                free(w);
                return cmd_fail(cli, OUTCOME_INTERNAL, NULL);
        }
        n = cmd_parse(cli, argc, argv, options, on_option, w, 0, SYNOPSIS, help, &code);
        if (n == 0) {
                if (w->error == 0)
                        w->error = settle(w);
                if (w->error == 0)
                        code = decide_and_say(cli, w);
                else
                        code = cmd_fail(cli, w->error == -ENOMEM ? OUTCOME_INTERNAL : OUTCOME_INVALID_REQUEST,
                                &w->err);
        }
        work_deinit(w);
        free(w);
        return code;
}
