// SPDX-License-Identifier: Apache-2.0
//
// Each SDK's chain is a list of questions asked in its order; the first that says yes ends the walk, as it does in the
// SDK (which does not go on to the next source when the first one fails). The orders are taken from the SDKs' sources:
// botocore credentials.py and session.py, aws-cli v2's copy of them, aws-sdk-go-v2 config/resolve_credentials.go,
// aws-sdk-js-v3 credential-provider-node and -ini, aws-sdk-java-v2 DefaultCredentialsProvider and
// ProfileCredentialsUtils. docs/man/valetkey-sdks.7.scd has the result as a table.
#include "awschain.h"

#include <stdio.h>

struct walk {
        enum awschain_sdk sdk;
        const struct awschain_input *in;
        struct awsconf *config, *credentials; // NULL: no such file
        const char *profile, *profile_variable;
        struct awschain_source *out;
};

// 1: that is the source; 0: ask on; -errno.
typedef int (*question)(struct walk *w);

static const char *const sdk_names[] = {"boto3", "aws-cli-2", "go-v2", "js-v3", "java-v2"};
static const char *const kind_names[] = {"nothing", "env-keys", "env-web-identity", "assume-role",
        "web-identity", "sso", "login", "process", "keys", "ec2-file", "boto-file", "container", "imds",
        "broken"};
_Static_assert(ARRAY_SIZE(sdk_names) == AWSCHAIN_SDK_MAX_ && ARRAY_SIZE(kind_names) == AWSCHAIN_KIND_MAX_,
        "one name each");

const char *awschain_sdk_name(enum awschain_sdk sdk)
{
        return sdk_names[sdk];
}

const char *awschain_kind_name(enum awschain_kind kind)
{
        return kind_names[kind];
}

static bool is_python(const struct walk *w)
{
        return w->sdk == AWSCHAIN_BOTOCORE || w->sdk == AWSCHAIN_CLI2;
}

// ---- answers

static int by_variable(struct walk *w, enum awschain_kind kind, const char *name)
{
        *w->out = (struct awschain_source){.kind = kind, .key = name};
        return 1;
}

static int by_line(struct walk *w, enum awschain_kind kind, const struct awschain_file *f, unsigned line,
        const char *key)
{
        *w->out = (struct awschain_source){.kind = kind, .path = f->path, .line = line, .key = key};
        return 1;
}

static int broken(struct walk *w, const struct awschain_file *f, unsigned line, const char *why)
{
        by_line(w, AWSCHAIN_BROKEN, f, line, NULL);
        snprintf(w->out->text, sizeof w->out->text, "%s", why);
        return 1;
}

// ---- the environment

// A variable that is set; an empty one counts only for who looks at its presence alone.
static const char *variable(const struct walk *w, const char *name)
{
        const char *v = w->in->env(name, w->in->arg);

        return v && *v ? v : NULL;
}

static int ask_env_keys(struct walk *w)
{
        bool secret = variable(w, "AWS_SECRET_ACCESS_KEY") != NULL;

        // Half a pair is an error for Python and is passed over by the others.
        if (variable(w, "AWS_ACCESS_KEY_ID") && (secret || is_python(w)))
                return by_variable(w, AWSCHAIN_ENV_KEYS, "AWS_ACCESS_KEY_ID");
        if (w->sdk == AWSCHAIN_GO2 && (variable(w, "AWS_ACCESS_KEY") || variable(w, "AWS_ACCESS_KEY_ID")) &&
                (variable(w, "AWS_SECRET_KEY") || secret))
                return by_variable(w, AWSCHAIN_ENV_KEYS,
                        variable(w, "AWS_ACCESS_KEY_ID") ? "AWS_ACCESS_KEY_ID" : "AWS_ACCESS_KEY");
        return 0;
}

static int ask_env_keys_unless_profile(struct walk *w)
{
        return w->profile_variable ? 0 : ask_env_keys(w);
}

static int ask_env_web(struct walk *w)
{
        bool arn = variable(w, "AWS_ROLE_ARN") != NULL;

        if (!variable(w, "AWS_WEB_IDENTITY_TOKEN_FILE") || (!arn && w->sdk != AWSCHAIN_GO2))
                return 0;
        return by_variable(w, AWSCHAIN_ENV_WEB, "AWS_WEB_IDENTITY_TOKEN_FILE");
}

static int ask_container(struct walk *w)
{
        static const char *const names[] = {
                "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"};
        // Where both are set, Python and Java take the first, Go and JavaScript the second.
        size_t first = w->sdk == AWSCHAIN_GO2 || w->sdk == AWSCHAIN_JS3;

        for (size_t i = 0; i < 2; i++) {
                const char *name = names[i ^ first];

                if (is_python(w) ? w->in->env(name, w->in->arg) != NULL : variable(w, name) != NULL)
                        return by_variable(w, AWSCHAIN_CONTAINER, name);
        }
        return 0;
}

static int ask_imds(struct walk *w)
{
        const char *off = variable(w, "AWS_EC2_METADATA_DISABLED");

        if (off && strcasecmp(off, "true") == 0)
                return 0;
        return by_variable(w, AWSCHAIN_IMDS,
                variable(w, "AWS_EC2_METADATA_SERVICE_ENDPOINT") ? "AWS_EC2_METADATA_SERVICE_ENDPOINT"
                                                                 : NULL);
}

static int ask_ec2_file(struct walk *w)
{
        return w->in->env("AWS_CREDENTIAL_FILE", w->in->arg)
                       ? by_variable(w, AWSCHAIN_EC2_FILE, "AWS_CREDENTIAL_FILE")
                       : 0;
}

// ---- the files

static int parse(struct walk *w, struct awsconf **ret, enum awsconf_kind kind, const struct awschain_file *f)
{
        enum awsconf_reading reading = is_python(w) ? AWSCONF_BOTOCORE : AWSCONF_LENIENT;
        struct err err = ERR_INIT;
        unsigned line;
        int r;

        if (!f->path || (!f->text && !f->unreadable))
                return 0;
        if (f->unreadable)
                return is_python(w) ? broken(w, f, 0, "it cannot be read") : 0;
        r = awsconf_parse(ret, reading, kind, f->text, f->n, &line, &err);
        return r == -EBADMSG ? broken(w, f, line, err.text) : r;
}

// A setting of the profile; the credentials file counts over the other.
static const struct awsconf_key *setting(
        const struct walk *w, const char *name, const struct awschain_file **ret_file)
{
        const struct awsconf_key *k = w->credentials ? awsconf_get(w->credentials, w->profile, name) : NULL;

        *ret_file = &w->in->credentials;
        if (!k && w->config) {
                k = awsconf_get(w->config, w->profile, name);
                *ret_file = &w->in->config;
        }
        // To Python a setting without a value is there.
        return k && (is_python(w) || k->value[0]) ? k : NULL;
}

static bool has(const struct walk *w, const char *name)
{
        const struct awschain_file *f;

        return setting(w, name, &f) != NULL;
}

// Yes, because the profile has this setting.
static int by_setting(struct walk *w, enum awschain_kind kind, const char *name)
{
        const struct awschain_file *f;
        const struct awsconf_key *k = setting(w, name, &f);

        return k ? by_line(w, kind, f, k->line, name) : 0;
}

static int ask_assume_role(struct walk *w)
{
        bool has_source = has(w, "source_profile") || has(w, "credential_source");

        // A role without a source is an error for Python and Go, and passed over by the others.
        if ((w->sdk == AWSCHAIN_JS3 || w->sdk == AWSCHAIN_JAVA2) && !has_source)
                return 0;
        // JavaScript prefers the source, where a token's file stands beside it.
        if (w->sdk != AWSCHAIN_JS3 && has(w, "web_identity_token_file"))
                return 0;
        return by_setting(w, AWSCHAIN_ASSUME_ROLE, "role_arn");
}

static int ask_web_identity(struct walk *w)
{
        const struct awschain_file *f;
        const struct awsconf_key *k = setting(w, "web_identity_token_file", &f);

        return k && k->value[0] ? by_line(w, AWSCHAIN_WEB_IDENTITY, f, k->line, "web_identity_token_file")
                                : 0;
}

// Python mixes the environment with the profile.
static int ask_web_identity_python(struct walk *w)
{
        const char *file = w->in->env("AWS_WEB_IDENTITY_TOKEN_FILE", w->in->arg);

        if (file)
                return *file ? by_variable(w, AWSCHAIN_ENV_WEB, "AWS_WEB_IDENTITY_TOKEN_FILE") : 0;
        return ask_web_identity(w);
}

static int ask_sso(struct walk *w)
{
        static const char *const python[] = {"sso_role_name", "sso_account_id", NULL};
        static const char *const others[] = {
                "sso_session", "sso_start_url", "sso_account_id", "sso_role_name", "sso_region", NULL};

        for (const char *const *name = is_python(w) ? python : others; *name; name++)
                if (has(w, *name))
                        return by_setting(w, AWSCHAIN_SSO, *name);
        return 0;
}

static int ask_login(struct walk *w)
{
        return by_setting(w, AWSCHAIN_LOGIN, "login_session");
}

static int ask_process(struct walk *w)
{
        const struct awschain_file *f;
        const struct awsconf_key *k = setting(w, "credential_process", &f);

        if (!k)
                return 0;
        by_line(w, AWSCHAIN_PROCESS, f, k->line, "credential_process");
        snprintf(w->out->text, sizeof w->out->text, "%s", k->value);
        return 1;
}

static int ask_keys(struct walk *w)
{
        return has(w, "aws_secret_access_key") || is_python(w)
                       ? by_setting(w, AWSCHAIN_KEYS, "aws_access_key_id")
                       : 0;
}

static int keys_of(struct walk *w, const struct awsconf *c, const struct awschain_file *f)
{
        const struct awsconf_key *k = c ? awsconf_get(c, w->profile, "aws_access_key_id") : NULL;

        return k ? by_line(w, AWSCHAIN_KEYS, f, k->line, "aws_access_key_id") : 0;
}

static int ask_credentials_keys(struct walk *w)
{
        return keys_of(w, w->credentials, &w->in->credentials);
}

static int ask_config_keys(struct walk *w)
{
        return keys_of(w, w->config, &w->in->config);
}

static int ask_boto_file(struct walk *w)
{
        for (size_t i = 0; i < ARRAY_SIZE(w->in->boto); i++) {
                _cleanup_(awsconf_freep) struct awsconf *c = NULL;
                const struct awsconf_key *k;
                int r = parse(w, &c, AWSCONF_CREDENTIALS, &w->in->boto[i]);

                if (r)
                        return r;
                k = c ? awsconf_get_in(c, "Credentials", "aws_access_key_id") : NULL;
                if (k)
                        return by_line(w, AWSCHAIN_BOTO_FILE, &w->in->boto[i], k->line, "aws_access_key_id");
        }
        return 0;
}

// ---- the chains

static const question python_chain[] = {ask_env_keys, ask_assume_role, ask_web_identity_python, ask_sso,
        ask_credentials_keys, ask_login, ask_process, ask_config_keys, ask_ec2_file, ask_boto_file,
        ask_container, ask_imds, NULL};
static const question go_chain[] = {ask_env_keys, ask_env_web, ask_assume_role, ask_keys, ask_web_identity,
        ask_sso, ask_process, ask_login, ask_container, ask_imds, NULL};
static const question js_chain[] = {ask_env_keys_unless_profile, ask_assume_role, ask_keys, ask_web_identity,
        ask_process, ask_sso, ask_login, ask_env_web, ask_container, ask_imds, NULL};
static const question java_chain[] = {ask_env_keys, ask_env_web, ask_web_identity, ask_sso, ask_assume_role,
        ask_login, ask_process, ask_keys, ask_container, ask_imds, NULL};

// login_session is younger than the botocore that distributions ship; what does not know it passes it over.
static const question *const chains[] = {python_chain, python_chain, go_chain, js_chain, java_chain};
_Static_assert(ARRAY_SIZE(chains) == AWSCHAIN_SDK_MAX_, "one chain each");

static void choose_profile(struct walk *w)
{
        static const char *const python[] = {"AWS_DEFAULT_PROFILE", "AWS_PROFILE", NULL};
        static const char *const others[] = {"AWS_PROFILE", NULL};

        w->profile = "default";
        for (const char *const *name = is_python(w) ? python : others; *name; name++)
                if (w->in->env(*name, w->in->arg) && (is_python(w) || variable(w, *name))) {
                        w->profile_variable = *name;
                        w->profile = w->in->env(*name, w->in->arg);
                        break;
                }
        if (!w->profile[0])
                w->profile = "default";
}

static int read_files(struct walk *w)
{
        int r = parse(w, &w->config, AWSCONF_CONFIG, &w->in->config);

        if (r == 0)
                r = parse(w, &w->credentials, AWSCONF_CREDENTIALS, &w->in->credentials);
        if (r || !w->profile_variable || w->sdk == AWSCHAIN_JAVA2 || w->sdk == AWSCHAIN_JS3)
                return r;
        if ((w->config && awsconf_has_profile(w->config, w->profile)) ||
                (w->credentials && awsconf_has_profile(w->credentials, w->profile)))
                return 0;
        by_variable(w, AWSCHAIN_BROKEN, w->profile_variable);
        snprintf(w->out->text, sizeof w->out->text, "it names a profile that is in neither file");
        return 1;
}

int awschain_walk(struct awschain_source *ret, enum awschain_sdk sdk, const struct awschain_input *in)
{
        struct walk w = {.sdk = sdk, .in = in, .out = ret};
        int r;

        *ret = (struct awschain_source){.kind = AWSCHAIN_NOTHING};
        choose_profile(&w);
        r = read_files(&w);
        for (const question *q = chains[sdk]; *q && r == 0; q++)
                r = (*q)(&w);
        awsconf_free(w.config);
        awsconf_free(w.credentials);
        return r < 0 ? r : 0;
}

char *awschain_where(const struct awschain_source *s, char *dst, size_t n)
{
        const char *why = s->kind == AWSCHAIN_BROKEN ? s->text : "";
        const char *what = s->key ? s->key : why, *sep = *what ? ": " : "";

        if (s->path && s->line)
                snprintf(dst, n, "%s:%u%s%s", s->path, s->line, sep, what);
        else if (s->path)
                snprintf(dst, n, "%s%s%s", s->path, sep, what);
        else if (s->key)
                snprintf(dst, n, "the variable %s%s%s", s->key, *why ? ": " : "", why);
        else
                snprintf(dst, n, "%s", kind_names[s->kind]);
        return dst;
}
