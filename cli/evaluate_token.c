// SPDX-License-Identifier: Apache-2.0
#include "evaluate_token.h"

#include "b64.h"
#include "json.h"
#include "jwt.h"
#include "policy_args.h"
#include "policy_web_identity.h"
#include "policy_who.h"
#include "sts.h"
#include "translate.h"

#include <stdio.h>
#include <time.h>

struct evaluate_token {
        json_t *claims;
        struct policy_web_identity identity;
        const char *provider; // its name in AWS: the issuer without the scheme
        char *provider_arn;
        const char *actions[4];
};

struct evaluate_token *evaluate_token_free(struct evaluate_token *t)
{
        if (!t)
                return NULL;
        policy_web_identity_deinit(&t->identity);
        json_decref(t->claims);
        free(t->provider_arn);
        free(t);
        return NULL;
}

// The middle one of three parts.
static int read_claims(json_t **ret, const char *token, size_t n, struct err *err)
{
        cleanup_buf struct buf json = BUF_INIT(JWT_TOKEN_MAX);
        const char *first = memchr(token, '.', n), *second;

        second = first ? memchr(first + 1, '.', n - (size_t)(first + 1 - token)) : NULL;
        if (!second || b64url_decode(&json, first + 1, (size_t)(second - first - 1)) < 0 ||
                json_parse(ret, buf_str(&json), json.n, NULL) < 0 || !json_is_object(*ret)) {
                err_set(err, "is no ID token");
                return -EINVAL;
        }
        return 0;
}

int evaluate_token_read(struct evaluate_token **ret, const char *path, struct err *err)
{
        cleanup_buf struct buf text = BUF_INIT(JWT_TOKEN_MAX + 16);
        struct evaluate_token *t;
        const char *iss = NULL;
        size_t n;
        int r = policy_args_read_file(&text, path, err);

        if (r < 0)
                return r;
        t = calloc(1, sizeof *t);
        if (!t)
                return -ENOMEM;
        for (n = text.n; n > 0 && strchr(" \t\r\n", text.p[n - 1]); n--)
                ;
        r = read_claims(&t->claims, buf_str(&text), n, err);
        if (r == 0)
                r = policy_web_identity_read(&t->identity, t->claims, err);
        if (r == 0) {
                t->provider = json_get_string(t->claims, "iss", 1024, &iss) < 0 ? NULL : strstr(iss, "://");
                if (!t->provider) {
                        err_set(err, "has no issuer");
                        r = -EINVAL;
                }
        }
        if (r < 0) {
                if (r == -EINVAL)
                        err_prefix(err, "%s: ", path);
                evaluate_token_free(t);
                return r;
        }
        t->provider += strlen("://");
        policy_web_identity_actions(t->actions, &t->identity);
        *ret = t;
        return 0;
}

int evaluate_token_settle(
        struct evaluate_token *t, const char *role_arn, struct policy_context *c, struct err *err)
{
        char partition[17], account[13];

        if (!role_arn || sts_role_arn_parse(role_arn, partition, account, NULL) < 0) {
                err_set(err, "--resource must be the ARN of the role the token asks for");
                return -EINVAL;
        }
        if (asprintf(&t->provider_arn, "arn:%s:iam::%s:oidc-provider/%s", partition, account, t->provider) <
                0) {
                t->provider_arn = NULL;
                return -ENOMEM;
        }
        return policy_web_identity_to_context(c, &t->identity, t->provider);
}

const char *evaluate_token_provider(const struct evaluate_token *t)
{
        return t->provider_arn;
}

const char *const *evaluate_token_actions(const struct evaluate_token *t)
{
        return t->actions;
}

// ---- what a person should know besides

struct notes {
        json_t *list;
        const struct evaluate_token *token;
        const char *name;
        bool failed;
};

static void add_note(struct notes *n, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add_note(struct notes *n, const char *fmt, ...)
{
        char text[1024];
        va_list ap;

        fmt = _(fmt);
        va_start(ap, fmt);
        vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        if (json_array_append_new(n->list, json_string(text)) < 0)
                n->failed = true;
}

static void on_key(const char *key, unsigned line, void *arg)
{
        struct notes *n = arg;

        if (policy_web_identity_no_key(key, n->token->provider))
                add_note(n,
                        "%s:%u: AWS has no condition key %s; of a generic provider's token it knows aud, "
                        "oaud, sub and "
                        "amr. Use session tags for the rest.",
                        n->name, line, key);
}

int evaluate_token_notes(const struct evaluate_token *t, const struct policy_document *documents,
        char *const *names, size_t n, json_t **ret)
{
        struct notes notes = {.list = json_array(), .token = t};
        int64_t exp;

        if (!notes.list)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                notes.name = names[i];
                policy_each_key(documents[i].policy, on_key, &notes);
        }
        if (json_get_int64(t->claims, "exp", &exp) == 0 && exp <= time(NULL))
                add_note(&notes, "the token is over; STS would refuse it for that alone");
        if (notes.failed) {
                json_decref(notes.list);
                return -ENOMEM;
        }
        *ret = notes.list;
        return 0;
}
