// SPDX-License-Identifier: Apache-2.0
//
// The audience that a trust policy sees is azp where the token has one and aud is another, as STS has it.
#include "why_trust.h"

#include "evaluate_say.h"
#include "evaluate_token.h"
#include "policy_web_identity.h"
#include "policy_who.h"

#include <stdio.h>
#include <time.h>

static json_t *document(json_t *statement)
{
        return json_pack("{s:s, s:[o]}", "Version", "2012-10-17", "Statement", statement);
}

static int add_condition(json_t *equals, const char *provider, const char *key, const char *value)
{
        cleanup_free char *name = NULL;

        if (!value)
                return 0;
        if (asprintf(&name, "%s:%s", provider, key) < 0) {
                name = NULL;
                return -ENOMEM;
        }
        return json_object_set_new(equals, name, json_string(value)) < 0 ? -ENOMEM : 0;
}

int why_trust_write(json_t **ret, const char *provider_arn, const json_t *claims, struct err *err)
{
        struct policy_web_identity id = {0};
        const char *actions[4], *provider = strstr(provider_arn, ":oidc-provider/");
        json_t *list, *equals;
        int r = policy_web_identity_read(&id, claims, err);

        if (r < 0)
                return r;
        provider = provider ? provider + strlen(":oidc-provider/") : provider_arn;
        policy_web_identity_actions(actions, &id);
        list = json_array();
        equals = json_object();
        for (size_t i = 0; actions[i]; i++)
                if (json_array_append_new(list, json_string(actions[i])) < 0)
                        r = -ENOMEM;
        if (r == 0)
                r = add_condition(equals, provider, "aud", id.aud);
        if (r == 0)
                r = add_condition(equals, provider, "sub", id.subject);
        policy_web_identity_deinit(&id);
        if (r < 0 || !list || !equals) {
                json_decref(list);
                json_decref(equals);
                return -ENOMEM;
        }
        *ret = document(json_pack("{s:s, s:{s:s}, s:o, s:{s:o}}", "Effect", "Allow", "Principal", "Federated",
                provider_arn, "Action", list, "Condition", "StringEquals", equals));
        return *ret ? 0 : -ENOMEM;
}

static json_t *chained_actions(const struct why_chained *c)
{
        json_t *list = json_pack("[s]", "sts:AssumeRole");

        if ((c->sets_identity && json_array_append_new(list, json_string("sts:SetSourceIdentity")) < 0) ||
                (c->sets_tags && json_array_append_new(list, json_string("sts:TagSession")) < 0)) {
                json_decref(list);
                return NULL;
        }
        return list;
}

int why_trust_write_chained(json_t **ret, const struct why_chained *c)
{
        json_t *s = json_pack("{s:s, s:{s:s}, s:o}", "Effect", "Allow", "Principal", "AWS", c->source_arn,
                "Action", chained_actions(c));

        if (s && c->external_id &&
                json_object_set_new(s, "Condition",
                        json_pack("{s:{s:s}}", "StringEquals", "sts:ExternalId", c->external_id)) < 0) {
                json_decref(s);
                return -ENOMEM;
        }
        *ret = s ? document(s) : NULL;
        return *ret ? 0 : -ENOMEM;
}

// ---- a document in a file

struct question {
        struct policy *policy;
        struct policy_document document;
        struct policy_context *context;
        struct policy_who who;
        struct policy_web_identity id;
        struct evaluate_case e;
        char *name;
};

static int read_policy(struct question *q, const char *path, struct err *err)
{
        cleanup_buf struct buf text = BUF_INIT(POLICY_SIZE_MAX);
        int r = evaluate_read_file(&text, path, err);

        if (r == 0) {
                r = policy_parse(&q->policy, policy_layer_kind(POLICY_LAYER_RESOURCE, true), buf_str(&text),
                        text.n, err);
                if (r == -EBADMSG)
                        err_prefix(err, "%s: ", path);
        }
        if (r < 0)
                return r;
        q->document = (struct policy_document){q->policy, POLICY_LAYER_RESOURCE, 0};
        q->name = strdup(path);
        return q->name ? 0 : -ENOMEM;
}

static int add_time(struct policy_context *c)
{
        time_t now = time(NULL);
        struct tm tm;
        char text[32];
        int r;

        snprintf(text, sizeof text, "%lld", (long long)now);
        r = policy_context_add(c, "aws:EpochTime", text);
        if (r == 0 && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm)))
                r = policy_context_add(c, "aws:CurrentTime", text);
        return r == 0 ? policy_context_add(c, "aws:SecureTransport", "true") : r;
}

static int decide(struct question *q, const char *role_arn, struct policy_outcome *o)
{
        const char *actions[4];

        policy_web_identity_actions(actions, &q->id);
        q->e.request.documents = &q->document;
        q->e.request.n_documents = 1;
        q->e.request.resource_must_allow = true;
        q->e.request.request = (struct policy_request){
                .principal = &q->who.principal, .resource = role_arn, .context = q->context};
        q->e.names = &q->name;
        q->e.trust = true;
        return evaluate_actions(&q->e, actions, o);
}

static int ask(struct question *q, const char *path, const char *role_arn, const char *provider_arn,
        const json_t *claims, struct policy_outcome *o, struct err *err)
{
        const char *provider = strstr(provider_arn, ":oidc-provider/");
        int r = read_policy(q, path, err);

        if (r == 0)
                r = policy_context_new(&q->context);
        if (r == 0)
                r = policy_web_identity_read(&q->id, claims, err);
        if (r == 0)
                r = policy_web_identity_to_context(
                        q->context, &q->id, provider ? provider + strlen(":oidc-provider/") : provider_arn);
        if (r == 0)
                r = policy_who_parse(&q->who, provider_arn, NULL, err);
        if (r == 0)
                r = policy_who_to_context(q->context, &q->who);
        if (r == 0)
                r = add_time(q->context);
        return r == 0 ? decide(q, role_arn, o) : r;
}

enum outcome why_trust_decide(const char *path, const char *role_arn, const char *provider_arn,
        json_t *claims, bool json, struct err *err)
{
        struct question *q = calloc(1, sizeof *q);
        struct policy_outcome o = {0};
        int r = q ? ask(q, path, role_arn, provider_arn, claims, &o, err) : -ENOMEM;

        if (r == 0)
                r = json ? evaluate_say_json(&q->e, &o) : evaluate_say(&q->e, &o);
        if (q) {
                policy_free(q->policy);
                policy_context_free(q->context);
                policy_web_identity_deinit(&q->id);
                free(q->name);
        }
        free(q);
        if (r < 0)
                return r == -EINVAL || r == -EBADMSG ? OUTCOME_INVALID_REQUEST : OUTCOME_INTERNAL;
        return o.decision == POLICY_ALLOW ? OUTCOME_OK : OUTCOME_ACCESS_DENIED;
}
