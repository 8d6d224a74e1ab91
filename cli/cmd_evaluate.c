// SPDX-License-Identifier: Apache-2.0
//
// valetkey evaluate: would AWS allow it? Policies from files, a request from options, and the engine's answer with what each
// kind of policy said. Nothing is asked of anybody: it works without a sign-in and without AWS.
#include "cmd.h"

#include "columns.h"
#include "evaluate_say.h"
#include "evaluate_token.h"
#include "policy_who.h"
#include "translate.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

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

#define DOCUMENTS_MAX 64u
#define NOBODY        "arn:aws:iam::000000000000:user/nobody"

struct work {
        struct evaluate_case e; // what is asked, and of which files
        struct policy_document documents[DOCUMENTS_MAX];
        struct policy *policies[DOCUMENTS_MAX];
        char *names[DOCUMENTS_MAX];
        struct policy_context *context;
        struct policy_who who;
        const char *principal, *principal_role, *resource_account;
        struct evaluate_token *token; // NULL
        char account[13];
        unsigned levels[POLICY_LAYERS_];
        bool trust;
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

int evaluate_read_file(struct buf *out, const char *path, struct err *err)
{
        cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        struct stat st;
        ssize_t n = 1;

        if (fd < 0 || fstat(fd, &st) < 0) {
                err_set(err, "%s: %s", path, strerror(errno));
                return -EINVAL;
        }
        if (S_ISDIR(st.st_mode)) {
                err_set(err, "%s is a folder", path);
                return -EINVAL;
        }
        while (n > 0) {
                char block[4096];

                n = read(fd, block, sizeof block);
                if (n > 0 && buf_append(out, block, (size_t)n) < 0) {
                        err_set(err, "%s has more than %zu bytes", path, out->max);
                        return -EINVAL;
                }
        }
        if (n < 0)
                err_set(err, "%s: %s", path, strerror(errno));
        return n < 0 ? -EINVAL : 0;
}

static int add_document(struct work *w, enum policy_layer layer, unsigned level, const char *path, size_t n)
{
        cleanup_buf struct buf text = BUF_INIT(POLICY_SIZE_MAX);
        size_t i = w->e.request.n_documents;
        int r;

        if (i == DOCUMENTS_MAX) {
                err_set(&w->err, "more than %u policies", DOCUMENTS_MAX);
                return -EINVAL;
        }
        w->names[i] = strndup(path, n);
        if (!w->names[i])
                return -ENOMEM;
        r = evaluate_read_file(&text, w->names[i], &w->err);
        if (r == 0) {
                r = policy_parse(
                        &w->policies[i], policy_layer_kind(layer, w->trust), buf_str(&text), text.n, &w->err);
                if (r == -EBADMSG)
                        err_prefix(&w->err, "%s: ", w->names[i]);
        }
        if (r < 0) {
                free(TAKE_PTR(w->names[i]));
                return r;
        }
        w->documents[i] = (struct policy_document){w->policies[i], layer, level};
        w->e.request.n_documents++;
        return 0;
}

// "a.json,b.json" for those of one level of an organisation; elsewhere a file's name.
static int add_files(struct work *w, enum policy_layer layer, const char *list)
{
        bool levels = layer == POLICY_LAYER_SERVICE_CONTROL || layer == POLICY_LAYER_RESOURCE_CONTROL;
        unsigned level = levels ? w->levels[layer]++ : 0;
        int r = 0;

        if (level >= POLICY_LEVELS_MAX) {
                err_set(&w->err, "an organisation has no more than %u levels", POLICY_LEVELS_MAX);
                return -EINVAL;
        }
        while (r == 0) {
                size_t n = levels ? strcspn(list, ",") : strlen(list);

                r = add_document(w, layer, level, list, n);
                if (!list[n])
                        break;
                list += n + 1;
        }
        return r;
}

static int add_context(struct work *w, const char *pair)
{
        const char *equals = strchr(pair, '=');
        cleanup_free char *key = NULL;

        if (!equals || equals == pair || !memchr(pair, ':', (size_t)(equals - pair))) {
                err_set(&w->err, "--context wants KEY=VALUE, like aws:SourceIp=192.0.2.1");
                return -EINVAL;
        }
        key = strndup(pair, (size_t)(equals - pair));
        return key ? policy_context_add(w->context, key, equals + 1) : -ENOMEM;
}

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
                r = add_context(w, optarg);
                break;
        case O_TRUST:
                w->trust = true;
                r = add_files(w, POLICY_LAYER_RESOURCE, optarg);
                w->trust = false;
                w->e.trust = true;
                break;
        case O_TOKEN:
                w->token = evaluate_token_free(w->token);
                r = evaluate_token_read(&w->token, optarg, &w->err);
                break;
        default:
                r = add_files(w, (enum policy_layer)(c - O_LAYER), optarg);
        }
        if (r < 0 && !w->error)
                w->error = r;
        return 0; // said later, in one line
}

// ---- what a request has without being told

static int add_default(struct policy_context *c, const char *key, const char *value)
{
        return policy_context_has(c, key) ? 0 : policy_context_add(c, key, value);
}

static int add_defaults(struct work *w)
{
        time_t now = time(NULL);
        struct tm tm;
        char text[32];
        int r = w->who.principal.arn[0] ? policy_who_to_context(w->context, &w->who) : 0;

        if (r < 0)
                return r;
        snprintf(text, sizeof text, "%lld", (long long)now);
        r = add_default(w->context, "aws:EpochTime", text);
        if (r == 0 && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm)))
                r = add_default(w->context, "aws:CurrentTime", text);
        return r == 0 ? add_default(w->context, "aws:SecureTransport", "true") : r;
}

static bool needs_a_principal(const struct work *w)
{
        for (size_t i = 0; i < w->e.request.n_documents; i++)
                if (w->documents[i].layer == POLICY_LAYER_RESOURCE ||
                        w->documents[i].layer == POLICY_LAYER_VPC_ENDPOINT)
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
                if (action || !w->e.trust) {
                        err_set(&w->err,
                                "--web-identity-token goes with --trust-policy and without --action");
                        return -EINVAL;
                }
                r = evaluate_token_settle(w->token, c->request.resource, w->context, &w->err);
                if (r < 0)
                        return r;
        } else if (!action || !strchr(action, ':') || strpbrk(action, "*? ")) {
                err_set(&w->err, "--action wants one action, like s3:GetObject");
                return -EINVAL;
        }
        r = settle_principal(w);
        if (r < 0)
                return r;
        c->request.context = w->context;
        if (!c->request.resource)
                c->request.resource = "*";
        policy_arn_account(w->account, c->request.resource);
        if (w->resource_account && strspn(w->resource_account, "0123456789") != 12) {
                err_set(&w->err, "--resource-account wants twelve digits");
                return -EINVAL;
        }
        c->resource_account = w->resource_account ? w->resource_account : w->account[0] ? w->account : NULL;
        c->resource_must_allow = w->e.trust || policy_opens_alone(action, c->request.resource);
        return add_defaults(w);
}

// An ID token asks for up to three actions at once: the first that is refused is told, with what else is.
static int decide(struct work *w, struct policy_outcome *ret)
{
        const char *one[] = {w->e.request.request.action, NULL};
        const char *const *actions = w->token ? evaluate_token_actions(w->token) : one;

        w->e.request.documents = w->documents;
        w->e.names = w->names;
        return evaluate_actions(&w->e, actions, ret);
}

static int decide_and_say(struct cli *cli, struct work *w)
{
        struct policy_outcome o = {.decision = POLICY_IMPLICIT_DENY};
        int r;

        r = decide(w, &o);
        if (r == 0 && w->token)
                r = evaluate_token_notes(
                        w->token, w->documents, w->names, w->e.request.n_documents, &w->e.notes);
        if (r < 0)
                return cmd_fail(cli, OUTCOME_INTERNAL, NULL);
        r = cli->json ? evaluate_say_json(&w->e, &o) : evaluate_say(&w->e, &o);
        if (r < 0)
                return cmd_fail(cli, OUTCOME_INTERNAL, NULL);
        return outcome_info(o.decision == POLICY_ALLOW ? OUTCOME_OK : OUTCOME_ACCESS_DENIED)->exit_code;
}

static void work_deinit(struct work *w)
{
        for (size_t i = 0; i < w->e.request.n_documents; i++) {
                policy_free(w->policies[i]);
                free(w->names[i]);
        }
        policy_context_free(w->context);
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

        if (!w || policy_context_new(&w->context) < 0) {
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
