// SPDX-License-Identifier: Apache-2.0
//
// What the request has, is put together from what the person says, from the refusal, and from who is signed in, in this order: a
// key that one of them gave is not given again.
#include "why_access.h"

#include "cmd.h"
#include "form.h"
#include "json.h"
#include "policy_web_identity.h"
#include "policy_who.h"
#include "protocol.h"
#include "role_choose.h"
#include "settings.h"
#include "shadow.h"
#include "translate.h"
#include "why_access_say.h"
#include "why_ask.h"

#include <stdio.h>

struct work {
        const struct why_access *w;
        struct role_choice choice;
        struct config *config;          // as far as it can be read here; NULL
        const struct config_role *role; // of it; NULL
        struct role_credentials keys;
        struct why_ask ask;
        struct why_facts f;
        char iam_endpoint[256], iam_region[WHY_REGION];
        char *message; // the refusal's encoded message; NULL
        int context_error;
        json_t *claims; // of who is signed in; NULL
        struct err err;
};

static const char *text(const json_t *o, const char *key)
{
        const char *s;

        return json_get_string(o, key, 4096, &s) == 0 ? s : NULL;
}

// ---- what is asked -----------------------------------------------------------------------------------------------------

// The n-th part of an ARN (1: partition, 3: region), where it is one.
static void part_of(char *dst, size_t size, const char *arn, int n)
{
        size_t len;

        dst[0] = 0;
        if (strncmp(arn, "arn:", 4) != 0)
                return;
        for (; n > 0 && arn; n--) {
                arn = strchr(arn, ':');
                arn = arn ? arn + 1 : NULL;
        }
        len = arn ? strcspn(arn, ":") : 0;
        if (len < size && !memchr(arn ? arn : "", '*', len))
                snprintf(dst, size, "%.*s", (int)len, arn ? arn : "");
}

static enum outcome wrong(struct work *w, const char *what)
{
        err_set(&w->err, "%s", _(what));
        return OUTCOME_INVALID_REQUEST;
}

static enum outcome settle(struct work *w)
{
        const struct why_access *q = w->w;
        struct why_facts *f = &w->f;

        f->role = w->choice.name;
        f->role_arn = text(w->choice.role, "role_arn");
        f->role_region = text(w->choice.role, "region");
        f->action = q->action;
        f->resource = q->resource;
        if (!strchr(q->action, ':') || strpbrk(q->action, "*? ") || strlen(q->action) > 128)
                return wrong(w, N_("ACTION is one action, like s3:GetObject"));
        if (strcmp(q->resource, "*") != 0 && strncmp(q->resource, "arn:", 4) != 0)
                return wrong(w, N_("RESOURCE is an ARN, or * where the action has no resource"));
        if (strlen(q->resource) > 2048)
                return wrong(w, N_("RESOURCE is longer than any ARN"));
        if (q->resource_account &&
                (strlen(q->resource_account) != 12 || strspn(q->resource_account, "0123456789") != 12))
                return wrong(w, N_("--resource-account wants twelve digits"));
        if (!f->role_arn || sts_role_arn_parse(f->role_arn, f->partition, f->account, f->role_name) < 0) {
                err_set(&w->err, "role %.100s has no ARN", f->role);
                return OUTCOME_MISCONFIGURED;
        }
        part_of(f->resource_partition, sizeof f->resource_partition, q->resource, 1);
        part_of(f->resource_region, sizeof f->resource_region, q->resource, 3);
        policy_arn_account(f->resource_account, q->resource);
        if (q->resource_account)
                snprintf(f->resource_account, sizeof f->resource_account, "%s", q->resource_account);
        f->region_given = q->region;
        f->request_region = q->region               ? q->region
                            : f->resource_region[0] ? f->resource_region
                                                    : f->role_region;
        return OUTCOME_OK;
}

// What the person says besides: files, keys.
static enum outcome take_arguments(struct work *w)
{
        struct policy_args *a = &w->f.args;
        bool trust = strncmp(w->w->action, "sts:AssumeRole", 14) == 0;
        int r = policy_args_init(a);

        for (size_t i = 0; r == 0 && i < w->w->n_files; i++) {
                enum policy_layer l = (enum policy_layer)w->w->files[i].layer;

                r = policy_args_add_files(
                        a, l, trust && l == POLICY_LAYER_RESOURCE, w->w->files[i].files, &w->err);
        }
        for (size_t i = 0; r == 0 && i < w->w->n_context; i++)
                r = policy_args_add_context(a, w->w->context[i], &w->err);
        return r == 0 ? OUTCOME_OK : r == -ENOMEM ? OUTCOME_INTERNAL : OUTCOME_INVALID_REQUEST;
}

static enum outcome read_refusal(struct work *w)
{
        cleanup_buf struct buf b = BUF_INIT(AUTHZ_TEXT_MAX);
        int r;

        if (!w->w->message)
                return OUTCOME_OK;
        if (strcmp(w->w->message, "-") == 0)
                r = policy_args_read_fd(&b, STDIN_FILENO, "stdin", &w->err);
        else
                r = buf_append_str(&b, w->w->message) < 0 ? -EINVAL : 0;
        if (r < 0) {
                err_set(&w->err, "--message is longer than any refusal");
                return OUTCOME_INVALID_REQUEST;
        }
        w->f.refused = authz_text_parse(&w->f.refusal, buf_str(&b), b.n);
        w->message = malloc(AUTHZ_ENCODED_MAX + 1);
        if (!w->message)
                return OUTCOME_INTERNAL;
        if (!authz_find_encoded(w->message, buf_str(&b), b.n)) {
                free(w->message);
                w->message = NULL;
                if (!w->f.refused)
                        return wrong(w, N_("--message is no refusal of AWS's: neither its sentence nor an "
                                           "encoded message"));
        }
        return OUTCOME_OK;
}

// ---- where to ask --------------------------------------------------------------------------------------------------------

static enum outcome find_iam(struct work *w)
{
        const char *given = w->w->iam_endpoint ? w->w->iam_endpoint : getenv("AWS_ENDPOINT_URL_IAM");
        cleanup_buf struct buf b = BUF_INIT(sizeof w->iam_endpoint - 1);
        int r = iam_endpoint(&b, w->iam_region, w->f.partition);

        if (given && *given) {
                buf_reset(&b);
                b.max = sizeof w->iam_endpoint - 1;
                if (url_check_callable(given, &w->err) < 0)
                        return OUTCOME_INVALID_REQUEST;
                if (r == -ENOENT)
                        snprintf(w->iam_region, sizeof w->iam_region, "us-east-1");
                r = buf_append_str(&b, given);
        }
        if (r == -ENOMEM)
                return OUTCOME_INTERNAL;
        if (r < 0)
                err_set(&w->ask.iam_err,
                        "where IAM of partition %.16s is, is not known: --iam-endpoint says it",
                        w->f.partition);
        snprintf(w->iam_endpoint, sizeof w->iam_endpoint, "%s", buf_str(&b));
        w->ask.iam = (struct aws_query){.endpoint = r == 0 ? w->iam_endpoint : NULL,
                .region = w->iam_region,
                .service = "iam",
                .role = w->f.role,
                .keys = &w->keys};
        return OUTCOME_OK;
}

static enum outcome find_services(struct work *w)
{
        const json_t *sts = json_object_get(w->choice.role, "sts");

        w->ask.role_arn = w->f.role_arn;
        w->ask.sts = (struct aws_query){.endpoint = text(sts, "endpoint"),
                .region = text(sts, "region"),
                .ca_file = text(sts, "ca_file"),
                .service = "sts",
                .role = w->f.role,
                .keys = &w->keys};
        if (!w->ask.sts.endpoint || !w->ask.sts.region) {
                err_set(&w->err, "role %.100s has no STS endpoint", w->f.role);
                return OUTCOME_MISCONFIGURED;
        }
        return find_iam(w);
}

// ---- the keys of the request -----------------------------------------------------------------------------------------------

static int add(struct policy_context *c, const char *key, const char *value)
{
        return value && *value && !policy_context_has(c, key) ? policy_context_add(c, key, value) : 0;
}

static void add_said(const char *key, const char *const *values, size_t n, void *arg)
{
        struct work *w = arg;
        bool has = policy_context_has(w->f.args.context, key);

        for (size_t i = 0; !has && i < n && w->context_error == 0; i++)
                w->context_error = policy_context_add(w->f.args.context, key, values[i]);
}

// Session tags of a role that a token assumes are the token's. Of a chain's only those go on that are transitive.
static int add_tags(struct work *w)
{
        const json_t *claims = json_object_get(w->claims, "claims");
        struct policy_web_identity id = {0};
        bool chained = text(w->choice.role, "source_role");
        int r = 0;

        if (claims && policy_web_identity_read(&id, claims, NULL) == 0) {
                r = add(w->f.args.context, "aws:SourceIdentity", id.source_identity);
                for (size_t i = 0; r == 0 && i < id.tags.n; i++) {
                        char key[160];

                        if (chained && !id.tags.v[i].transitive)
                                continue;
                        snprintf(key, sizeof key, "aws:PrincipalTag/%s", id.tags.v[i].key);
                        r = add(w->f.args.context, key, id.tags.v[i].value);
                }
                policy_web_identity_deinit(&id);
        }
        return r;
}

static int make_context(struct work *w)
{
        struct policy_context *c = w->f.args.context;
        int r;

        if (w->f.refusal.context)
                policy_context_each(w->f.refusal.context, add_said, w);
        r = w->context_error;
        if (r == 0)
                r = add(c, "aws:PrincipalArn", w->f.role_arn);
        if (r == 0)
                r = add(c, "aws:PrincipalAccount", w->f.account);
        if (r == 0)
                r = add(c, "aws:PrincipalType", "AssumedRole");
        if (r == 0)
                r = add(c, "aws:userid", w->ask.user_id);
        if (r == 0)
                r = add(c, "aws:RequestedRegion", w->f.request_region);
        if (r == 0)
                r = add_tags(w);
        return r == 0 ? policy_args_add_now(c) : r;
}

// ---- looking --------------------------------------------------------------------------------------------------------------

static int look_around(struct work *w)
{
        struct shadow_files files;
        struct shadow shadows[AWSCHAIN_SDK_MAX_];
        char where[256];
        int n;

        if (shadow_read_files(&files) < 0)
                return -ENOMEM;
        n = shadow_find(shadows, &files, w->f.role, false);
        for (int i = 0; i < n && !w->f.otherwise[0]; i++) {
                const struct awschain_source *s = &shadows[i].source;

                if (s->kind == AWSCHAIN_NOTHING || s->kind == AWSCHAIN_IMDS)
                        continue;
                snprintf(w->f.otherwise, sizeof w->f.otherwise, "%s (%s)", awschain_kind_name(s->kind),
                        awschain_where(s, where, sizeof where));
                w->f.otherwise_keys = s->kind == AWSCHAIN_ENV_KEYS;
        }
        shadow_deinit(&files);
        return n < 0 ? n : 0;
}

// The policy of the configuration that narrows the role's sessions.
static int look_at_session(struct work *w)
{
        struct err err = ERR_INIT;
        int r = 0;

        if (!w->role)
                return 0;
        if (w->role->session_policy)
                r = policy_args_add_files(
                        &w->f.args, POLICY_LAYER_SESSION, false, w->role->session_policy, &err);
        if (r < 0 && r != -ENOMEM) {
                w->f.session_unknown = true;
                err_set(&w->f.read_err, "%s", err.text);
                r = 0;
        }
        return r == 0 ? why_ask_session_policies(&w->ask, &w->f, w->role->policy_arns) : r;
}

static int ask_aws(struct work *w)
{
        int r = why_ask_who(&w->ask, &w->f);

        if (r == 0 && w->message && w->f.who_outcome == OUTCOME_OK)
                r = why_ask_decode(&w->ask, &w->f, w->message);
        if (r == 0)
                r = make_context(w);
        if (r < 0 || w->f.who_outcome != OUTCOME_OK) {
                err_set(&w->f.simulate_err, "AWS could not be asked: %s", w->f.who_err.text);
                return r;
        }
        r = why_ask_simulator(&w->ask, &w->f);
        if (r == 0 && w->f.simulate_denied)
                r = why_ask_policies(&w->ask, &w->f);
        return r == 0 ? look_at_session(w) : r;
}

// The engine over what is at hand: what each of those policies says, whatever the others do.
static int reason(struct work *w)
{
        struct policy_who *who = malloc(sizeof *who);
        struct why_facts *f = &w->f;
        bool session =
                strstr(f->caller_arn, ":assumed-role/"); // of this role or another; STS may know nobody
        const char *arn = session ? f->caller_arn : f->role_arn;
        int r = who ? 0 : -ENOMEM;

        if (r == 0)
                r = policy_who_parse(who, arn, strcmp(arn, f->role_arn) == 0 ? NULL : f->role_arn, NULL);
        if (r == 0)
                r = policy_decide(&f->own,
                        &(struct policy_case){.documents = f->args.documents,
                                .n_documents = f->args.n,
                                .request = {.principal = &who->principal,
                                        .action = f->action,
                                        .resource = f->resource,
                                        .context = f->args.context},
                                .resource_account = f->resource_account[0] ? f->resource_account : NULL,
                                .resource_must_allow = policy_opens_alone(f->action, f->resource)});
        free(who);
        return r;
}

static enum outcome work(struct work *w)
{
        enum outcome o = settle(w);
        int r;

        if (o == OUTCOME_OK)
                o = take_arguments(w);
        if (o == OUTCOME_OK)
                o = read_refusal(w);
        if (o == OUTCOME_OK)
                o = find_services(w);
        if (o != OUTCOME_OK)
                return o;
        if (settings_load(&w->config, w->w->cli->config, NULL) == 0)
                w->role = config_find_role(w->config, w->f.role);
        r = look_around(w);
        // Where nobody is signed in there are no claims, and soon no credentials either: those say why.
        (void)cmd_get_json(
                w->w->cli, MSG_CLAIMS, TAG_IDENTITY, text(w->choice.role, "identity"), &w->claims, NULL);
        // From here on the credentials are in our hands, and the broker answers no process that hides.
        if (r == 0)
                o = role_credentials_get(&w->keys, w->w->cli, w->f.role, 0, &w->err);
        if (r == 0 && o == OUTCOME_OK)
                r = ask_aws(w);
        if (r == 0 && o == OUTCOME_OK)
                r = reason(w);
        return r < 0 ? OUTCOME_INTERNAL : o;
}

static int fail(struct work *w, enum outcome o)
{
        char role[130];
        size_t n;

        if (o == OUTCOME_INVALID_REQUEST || o == OUTCOME_MISCONFIGURED || o == OUTCOME_INTERNAL ||
                o == OUTCOME_UNKNOWN_ROLE)
                return cmd_fail(w->w->cli, o, &w->err);
        // The credentials do not come: that is another question.
        snprintf(role, sizeof role, _(" (see: valetkey why %.100s)"), w->f.role ? w->f.role : "");
        n = strlen(w->err.text);
        if (w->f.role && n + strlen(role) < sizeof w->err.text)
                snprintf(w->err.text + n, sizeof w->err.text - n, "%s", role);
        return cmd_fail(w->w->cli, o, &w->err);
}

int why_access(const struct why_access *q)
{
        struct work *w = calloc(1, sizeof *w);
        enum outcome o;
        int code;

        if (!w)
                return cmd_fail(q->cli, OUTCOME_INTERNAL, NULL);
        w->w = q;
        o = role_choose(&w->choice, q->cli, q->role, &w->err);
        if (o == OUTCOME_OK)
                o = work(w);
        code = o == OUTCOME_OK ? why_access_say(q->cli, &w->f) : fail(w, o);
        policy_args_deinit(&w->f.args);
        authz_deinit(&w->f.refusal);
        why_ask_deinit(&w->ask);
        role_credentials_deinit(&w->keys);
        role_choice_deinit(&w->choice);
        config_unref(w->config);
        json_decref(w->claims);
        free(w->message);
        free(w);
        return code;
}
