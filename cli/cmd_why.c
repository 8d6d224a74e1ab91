// SPDX-License-Identifier: Apache-2.0
//
// valetkey why: a role that does not come, explained. What AWS said and what that means, what it was asked, and what the account must
// have for the answer to be another. The token is never shown.
#include "cmd.h"
#include "columns.h"

#include "json.h"
#include "protocol.h"
#include "role_choose.h"
#include "settings.h"
#include "sts.h"
#include "policy_decide.h"
#include "why_access.h"
#include "why_reason.h"
#include "why_trust.h"
#include "translate.h"

#include <getopt.h>
#include <stdio.h>
#include <sys/prctl.h>

#define HEAD_WIDTH 15u
#define SYNOPSIS                                                                                             \
        "why [--trust-policy FILE] [--json] [ROLE]\n"                                                        \
        "       valetkey why ROLE ACTION RESOURCE [OPTION]…"

static const char help[] =
        N_("Explains why a role's credentials do not come, and what the account must have; or why AWS "
           "refuses the role an action.\n"
           "\n"
           "  --trust-policy FILE        would this trust policy let the identity in, and if not, which "
           "condition refuses\n"
           "  --json                     data for programs, see valetkey-why(1)\n"
           "  --help                     this text\n"
           "\n"
           "For an action:\n"
           "  --message TEXT             what AWS said, or an encoded message; -: read it from stdin\n"
           "  --context KEY=VALUE        a condition key of the request; may come again\n"
           "  --region REGION            where the request goes\n"
           "  --resource-account ID      where the resource's ARN does not say it\n"
           "  --resource-policy FILE     the policy of the resource\n"
           "  --vpc-endpoint-policy FILE\n"
           "  --scp FILE[,FILE]…         those of one level of the organisation; again for the next\n"
           "  --rcp FILE[,FILE]…         the same\n"
           "  --iam-endpoint URL         instead of the partition's IAM\n");

enum option_id {
        O_TRUST = 't',
        O_MESSAGE = 256,
        O_CONTEXT,
        O_REGION,
        O_ACCOUNT,
        O_IAM,
        O_LAYER, // + enum policy_layer
};

struct work {
        struct cli *cli;
        const char *trust_file;
        struct why_access access;     // where an action is asked about
        bool access_only;             // an option that is about an action was given
        struct config *config;        // as far as it can be read here; NULL
        const char *session_template; // of it; NULL
        struct role_choice choice;
        json_t *after; // the status after the role was asked for
        const json_t *role, *identity;
        json_t *claims; // what the broker tells of the ID token; NULL: nobody is signed in
        char *provider_arn;
        json_t *trust; // a document that matches; NULL
        enum outcome outcome;
        struct err said, err;
};

static const char *text(const json_t *o, const char *key)
{
        const char *s;

        return json_get_string(o, key, 4096, &s) == 0 ? s : NULL;
}

static const json_t *find(const json_t *list, const char *name)
{
        const json_t *o;
        size_t i;

        json_array_foreach(list, i, o)
        {
                const char *s = text(o, "name");

                if (s && name && strcmp(s, name) == 0)
                        return o;
        }
        return NULL;
}

// The role is asked for, as a program would: only then is what is told about now.
static enum outcome ask_for_role(struct work *w)
{
        struct client *c = calloc(1, sizeof *c);
        const struct frame_field *json;
        enum outcome o;

        if (!c)
                return OUTCOME_INTERNAL;
        w->outcome = client_ask_credentials(c, w->cli, w->choice.name, 0, &json, &w->said);
        client_close(c);
        free(c);
        // The secret was never copied out of what is cleared now; the broker answers no process that hides.
        if (prctl(PR_SET_DUMPABLE, 1) < 0)
                return OUTCOME_INTERNAL;
        o = cmd_get_status(w->cli, &w->after, &w->err);
        if (o != OUTCOME_OK)
                return o;
        w->role = find(json_object_get(w->after, "roles"), w->choice.name);
        if (!w->role) {
                err_set(&w->err, "no role '%.100s' is configured any more", w->choice.name);
                return OUTCOME_UNKNOWN_ROLE;
        }
        // What the broker remembers says more than that we did not wait for it, or that the last session still lives.
        if ((w->outcome == OUTCOME_OK || w->outcome == OUTCOME_TIMEOUT) &&
                text(json_object_get(w->role, "last_error"), "message")) {
                err_clear(&w->said);
                err_set(&w->said, "%s", text(json_object_get(w->role, "last_error"), "message"));
        }
        if (settings_load(&w->config, w->cli->config, NULL) == 0 &&
                config_find_role(w->config, w->choice.name))
                w->session_template = config_find_role(w->config, w->choice.name)->session_name;
        if (text(w->role, "identity"))
                w->identity = find(json_object_get(w->after, "identities"), text(w->role, "identity"));
        return OUTCOME_OK;
}

// arn:PARTITION:iam::ACCOUNT:oidc-provider/ISSUER without its scheme
static enum outcome name_provider(struct work *w)
{
        const char *arn = text(w->role, "role_arn"), *issuer = text(w->identity, "issuer"), *bare;
        char partition[17], account[13];

        bare = issuer ? strstr(issuer, "://") : NULL;
        if (!arn || !bare || sts_role_arn_parse(arn, partition, account, NULL) < 0)
                return OUTCOME_OK;
        if (asprintf(&w->provider_arn, "arn:%s:iam::%s:oidc-provider/%s", partition, account, bare + 3) < 0) {
                w->provider_arn = NULL;
                return OUTCOME_INTERNAL;
        }
        return OUTCOME_OK;
}

// Of a role that another role assumes: what the session is given, from the configuration and from the token at the chain's root.
static void describe_chain(const struct work *w, struct why_trust *t)
{
        const struct config_role *role = w->config ? config_find_role(w->config, w->choice.name) : NULL;
        const json_t *from = find(json_object_get(w->after, "roles"), text(w->role, "source_role"));
        const char *session = text(from, "assumed_role_arn");

        t->source_role_arn = text(from, "role_arn");
        t->source_arn = session ? session : t->source_role_arn;
        t->source_is_chained = text(from, "source_role");
        if (!role)
                return;
        t->external_id = role->external_id;
        t->source_identity = role->source_identity;
        t->tags = role->tags;
        t->transitive_tags = role->transitive_tags;
}

static enum outcome make_trust(struct work *w)
{
        const json_t *claims;
        struct err err = ERR_INIT;
        bool signed_in = cmd_get_json(w->cli, MSG_CLAIMS, TAG_IDENTITY, text(w->role, "identity"), &w->claims,
                                 &err) == OUTCOME_OK;
        int r = 0;

        if (text(w->role, "source_role")) {
                struct why_trust t = {.claims = json_object_get(w->claims, "claims")};

                describe_chain(w, &t);
                r = t.source_role_arn ? why_trust_write_chained(&w->trust, &t) : 0;
                return r == -ENOMEM ? OUTCOME_INTERNAL : OUTCOME_OK;
        }
        if (!signed_in)
                return OUTCOME_OK; // that is told as the reason
        claims = json_object_get(w->claims, "claims");
        if (w->provider_arn && claims)
                r = why_trust_write(&w->trust, w->provider_arn, claims, &err);
        if (r == -EINVAL)
                w->said = w->said.text[0] ? w->said : err;
        return r == -ENOMEM ? OUTCOME_INTERNAL : OUTCOME_OK;
}

// ---- telling

// A role of one partition that is asked for at another's STS.
static bool is_wrong_partition(const struct work *w)
{
        const char *arn = text(w->role, "role_arn"),
                   *region = text(json_object_get(w->role, "sts"), "region"), *of;
        char partition[17], account[13];

        of = region ? sts_region_partition(region) : NULL;
        return arn && of && sts_role_arn_parse(arn, partition, account, NULL) == 0 &&
               strcmp(of, partition) != 0;
}

static const struct why_reason *reason_of(const struct work *w)
{
        static const struct why_reason
                partition = {"partition", "",
                        N_("the role's ARN is of one partition, and STS is asked in another"),
                        N_("set sts_region to one of the partition that the role's ARN names")},
                works = {"works", "", N_("the role's credentials come"), ""},
                login = {"needs-login", "", N_("nobody is signed in"), "valetkey login"};

        if (w->outcome == OUTCOME_OK && !w->said.text[0])
                return &works;
        if (is_wrong_partition(w))
                return &partition;
        if (w->outcome == OUTCOME_NEEDS_LOGIN)
                return &login;
        if (w->outcome == OUTCOME_CLOCK_SKEW)
                return why_reason("ExpiredToken");
        if (w->outcome == OUTCOME_THROTTLED)
                return why_reason("Throttling");
        return why_reason(w->said.text);
}

// aud, or azp where the token has one: what has to be registered.
static const char *client_of(const struct work *w)
{
        const json_t *aud = json_object_get(w->claims, "aud");

        if (text(w->role, "source_role"))
                return NULL;
        if (text(w->claims, "azp"))
                return text(w->claims, "azp");
        return json_string_value(json_is_array(aud) ? json_array_get(aud, 0) : aud);
}

// What STS is told: what it was told last; a template that the broker fills, as the configuration has it; or who signed in.
static const char *session_of(const struct work *w, char room[STS_SESSION_NAME_MAX + 1])
{
        const char *assumed = text(w->role, "assumed_role_arn"),
                   *slash = assumed ? strrchr(assumed, '/') : NULL;
        const char *who = text(w->identity, "display");

        if (slash)
                return slash + 1;
        if (w->session_template)
                return w->session_template;
        return who && sts_session_name(room, who) == 0 ? room : NULL;
}

static int say_json(const struct work *w, const struct why_reason *r)
{
        const json_t *e = json_object_get(w->role, "last_error"), *sts = json_object_get(w->role, "sts");
        char room[STS_SESSION_NAME_MAX + 1];
        cleanup_json json_t *j = json_pack(
                "{s:s, s:s, s:s, s:s?, s:s, s:s, s:s?, s:{s:s?, s:s?, s:s?, s:O?}, s:s?, s:s?, s:O?}", "role",
                w->choice.name, "outcome", outcome_info(w->outcome)->id, "reason", r->id, "message",
                w->said.text[0] ? w->said.text : NULL, "means", r->means, "mend", r->mend, "request_id",
                text(e, "request_id"), "sent", "role_arn", text(w->role, "role_arn"), "session_name",
                session_of(w, room), "endpoint", text(sts, "endpoint"), "duration",
                json_object_get(json_object_get(w->role, "duration"), "asked"), "provider_arn",
                w->provider_arn, "client_id", client_of(w), "trust_policy", w->trust);

        if (!j)
                return cmd_fail(w->cli, OUTCOME_INTERNAL, NULL);
        return json_dumpf(j, stdout, JSON_INDENT(2)) < 0 || putchar('\n') < 0;
}

static void line(const char *head, const char *s)
{
        columns_line(head, HEAD_WIDTH, s);
}

static int say(const struct work *w, const struct why_reason *r)
{
        const json_t *e = json_object_get(w->role, "last_error");
        char room[STS_SESSION_NAME_MAX + 1], duration[32];

        snprintf(duration, sizeof duration, "%lld s",
                (long long)json_integer_value(
                        json_object_get(json_object_get(w->role, "duration"), "asked")));
        columns_line_tinted(_("Said"), TINT_NONE, HEAD_WIDTH,
                w->said.text[0] ? w->said.text
                : w->outcome    ? _(outcome_info(w->outcome)->text)
                                : NULL,
                w->outcome ? TINT_BAD : TINT_NONE);
        line(_("Code"), r->code);
        line(_("Request id"), text(e, "request_id"));
        line(_("Means"), _(r->means));
        line(_("Mend"), *r->mend ? _(r->mend) : NULL);
        puts(_("\nSTS is sent:"));
        line(_("  role ARN"), text(w->role, "role_arn"));
        line(_("  session name"), session_of(w, room));
        line(_("  duration"), duration);
        line(_("  endpoint"), text(json_object_get(w->role, "sts"), "endpoint"));
        if (!text(w->role, "source_role")) {
                puts(_("\nThe account must have:"));
                line(_("  provider"), w->provider_arn);
                line(_("  client id"), client_of(w));
        }
        if (w->trust) {
                puts(_("\nA trust policy that matches:"));
                if (json_dumpf(w->trust, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII) < 0)
                        return 1;
                putchar('\n');
        }
        return 0;
}

// ---- the verb

static enum outcome decide(struct work *w)
{
        char room[STS_SESSION_NAME_MAX + 1];
        struct why_trust t = {.path = w->trust_file,
                .role_arn = text(w->role, "role_arn"),
                .claims = json_object_get(w->claims, "claims"),
                .session_name = session_of(w, room),
                .json = w->cli->json};

        if (text(w->role, "source_role"))
                describe_chain(w, &t);
        else
                t.provider_arn = w->provider_arn;
        if (!t.claims || (!t.provider_arn && !t.source_arn)) {
                err_set(&w->err, "%s", w->said.text[0] ? w->said.text : "nobody is signed in");
                return OUTCOME_NEEDS_LOGIN;
        }
        return why_trust_decide(&t, &w->err);
}

static int why(struct work *w, const char *typed)
{
        enum outcome o = role_choose(&w->choice, w->cli, typed, &w->err);
        const struct why_reason *r;
        int code;

        if (o == OUTCOME_INVALID_REQUEST && !w->err.text[0])
                return cmd_usage(SYNOPSIS, NULL);
        if (o == OUTCOME_OK)
                o = ask_for_role(w);
        if (o == OUTCOME_OK)
                o = name_provider(w);
        if (o == OUTCOME_OK)
                o = make_trust(w);
        if (o == OUTCOME_OK && w->trust_file) {
                o = decide(w);
                return w->err.text[0] || (o != OUTCOME_OK && o != OUTCOME_ACCESS_DENIED)
                               ? cmd_fail(w->cli, o, &w->err)
                               : outcome_info(o)->exit_code;
        }
        if (o != OUTCOME_OK)
                return cmd_fail(w->cli, o, &w->err);
        r = reason_of(w);
        code = w->cli->json ? say_json(w, r) : say(w, r);
        return code ? code : outcome_info(w->outcome)->exit_code;
}

static int on_option(int c, void *arg)
{
        struct work *w = arg;
        struct why_access *a = &w->access;

        if (c == O_TRUST) {
                w->trust_file = optarg;
                return 0;
        }
        w->access_only = true;
        switch (c) {
        case O_MESSAGE:
                a->message = optarg;
                break;
        case O_REGION:
                a->region = optarg;
                break;
        case O_ACCOUNT:
                a->resource_account = optarg;
                break;
        case O_IAM:
                a->iam_endpoint = optarg;
                break;
        case O_CONTEXT:
                if (a->n_context == WHY_LIST_MAX)
                        return -1;
                a->context[a->n_context++] = optarg;
                break;
        default:
                if (a->n_files == WHY_LIST_MAX)
                        return -1;
                a->files[a->n_files].layer = (unsigned)(c - O_LAYER);
                a->files[a->n_files++].files = optarg;
        }
        return 0;
}

static int dispatch(struct work *w, int n, char *words[])
{
        if (n == 3 && !w->trust_file) {
                w->access.cli = w->cli;
                w->access.role = words[0];
                w->access.action = words[1];
                w->access.resource = words[2];
                return why_access(&w->access);
        }
        if (n > 1 || w->access_only)
                return cmd_usage(
                        SYNOPSIS, n == 2 ? N_("an action is asked about with its resource (or *)") : NULL);
        return why(w, n ? words[0] : NULL);
}

#define LAYER(name, layer)                                                                                   \
        {                                                                                                    \
                name, required_argument, NULL, O_LAYER + (layer)                                             \
        }

int cmd_why(struct cli *cli, int argc, char *argv[])
{
        static const struct option options[] = {{"trust-policy", required_argument, NULL, O_TRUST},
                {"message", required_argument, NULL, O_MESSAGE},
                {"context", required_argument, NULL, O_CONTEXT},
                {"region", required_argument, NULL, O_REGION},
                {"resource-account", required_argument, NULL, O_ACCOUNT},
                {"iam-endpoint", required_argument, NULL, O_IAM},
                LAYER("resource-policy", POLICY_LAYER_RESOURCE),
                LAYER("vpc-endpoint-policy", POLICY_LAYER_VPC_ENDPOINT),
                LAYER("scp", POLICY_LAYER_SERVICE_CONTROL), LAYER("rcp", POLICY_LAYER_RESOURCE_CONTROL), {0}};
        struct work *w = calloc(1, sizeof *w);
        int code = 1, n;

        if (!w)
                return cmd_fail(cli, OUTCOME_INTERNAL, NULL);
        w->cli = cli;
        n = cmd_parse(cli, argc, argv, options, on_option, w, 3, SYNOPSIS, help, &code);
        if (n >= 0)
                code = dispatch(w, n, argv + optind);
        role_choice_deinit(&w->choice);
        config_unref(w->config);
        json_decref(w->after);
        json_decref(w->claims);
        json_decref(w->trust);
        free(w->provider_arn);
        free(w);
        return code;
}
