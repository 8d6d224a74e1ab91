// SPDX-License-Identifier: Apache-2.0
//
// The audience that a trust policy sees is azp where the token has one and aud is another, as STS has it.
#include "why_trust.h"

#include "evaluate_say.h"
#include "policy_args.h"
#include "policy_web_identity.h"
#include "policy_who.h"
#include "text_template.h"

#include <pwd.h>
#include <stdio.h>
#include <strings.h>

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

// What a chained call asks for: tags where it passes some, or the session's go on; a source identity where there is one.
static void chain_actions(const char *ret[4], const struct why_trust *w, const struct policy_web_identity *id)
{
        bool tags = w->tags && *w->tags;
        size_t n = 0;

        for (size_t i = 0; i < id->tags.n; i++)
                tags |= id->tags.v[i].transitive;
        ret[n++] = "sts:AssumeRole";
        if (tags)
                ret[n++] = "sts:TagSession";
        if (w->source_identity || id->source_identity)
                ret[n++] = "sts:SetSourceIdentity";
        ret[n] = NULL;
}

int why_trust_write_chained(json_t **ret, const struct why_trust *w)
{
        struct policy_web_identity id = {0};
        const char *actions[4];
        json_t *list = json_array(), *s;
        int r = w->claims ? policy_web_identity_read(&id, w->claims, NULL) : 0;

        if (r == -ENOMEM) {
                json_decref(list);
                return r;
        }
        chain_actions(actions, w, &id); // a token that is none asks for nothing more
        policy_web_identity_deinit(&id);
        r = list ? 0 : -1;
        for (size_t i = 0; r == 0 && actions[i]; i++)
                r = json_array_append_new(list, json_string(actions[i]));
        s = json_pack("{s:s, s:{s:s}, s:o}", "Effect", "Allow", "Principal", "AWS", w->source_role_arn,
                "Action", list);
        if (s && r == 0 && w->external_id)
                r = json_object_set_new(s, "Condition",
                        json_pack("{s:{s:s}}", "StringEquals", "sts:ExternalId", w->external_id));
        if (r < 0) {
                json_decref(s);
                s = NULL;
        }
        *ret = s ? document(s) : NULL;
        return *ret ? 0 : -ENOMEM;
}

// ---- a document in a file: who asks, and with which keys ----------------------------------------------------------------

struct question {
        const struct why_trust *w;
        struct policy_args args;
        struct policy_who who;
        struct policy_web_identity id; // of the claims
        struct sts_tags tags;          // that a chained call passes
        const char *actions[4];
        struct evaluate_case e;
};

static int ask_by_token(struct question *q, struct err *err)
{
        const char *provider = strstr(q->w->provider_arn, ":oidc-provider/");
        int r = policy_who_parse(&q->who, q->w->provider_arn, NULL, err);

        if (r == 0)
                r = policy_web_identity_to_context(q->args.context, &q->id,
                        provider ? provider + strlen(":oidc-provider/") : q->w->provider_arn);
        policy_web_identity_actions(q->actions, &q->id);
        return r;
}

static bool is_in(const char *word, char *const *list)
{
        for (; list && *list; list++)
                if (strcasecmp(*list, word) == 0)
                        return true;
        return false;
}

// The tags that the configuration has the call pass, filled in from the claims.
static int read_tags(struct question *q, struct err *err)
{
        const struct passwd *pw = getpwuid(geteuid());
        char host[256] = "";
        struct text_words words = {.claims = q->w->claims, .user = pw ? pw->pw_name : NULL};
        int r = 0;

        if (gethostname(host, sizeof host - 1) == 0)
                words.host = host;
        for (char *const *t = q->w->tags; r == 0 && t && *t; t++) {
                const char *equals = strchr(*t, '=');
                cleanup_free char *key = equals ? strndup(*t, (size_t)(equals - *t)) : NULL;
                cleanup_buf struct buf value = BUF_INIT(4096);

                if (!key)
                        return -ENOMEM;
                r = text_template_expand(&value, equals + 1, &words, err);
                if (r == 0)
                        r = sts_tags_add(
                                &q->tags, key, buf_str(&value), is_in(key, q->w->transitive_tags), err);
                if (r < 0 && r != -ENOMEM) {
                        err_prefix(err, "tag %.60s: ", key);
                        r = -EINVAL;
                }
        }
        return r;
}

// What the session that asks was given by the token at the root of its chain.
static int add_session(struct question *q)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < q->id.tags.n; i++) {
                const struct sts_tag *t = &q->id.tags.v[i];
                char key[160];

                if (q->w->source_is_chained && !t->transitive)
                        continue;
                snprintf(key, sizeof key, "aws:PrincipalTag/%s", t->key);
                r = policy_context_add(q->args.context, key, t->value);
        }
        return r == 0 ? policy_context_add(q->args.context, "aws:SourceIdentity", q->id.source_identity) : r;
}

// The document is what is asked about; that the role that asks may ask is taken for granted, and said.
static int add_other_side(struct question *q, struct err *err)
{
        static const char all[] =
                "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\","
                "\"Resource\":\"*\"}}";

        return policy_args_add_text(
                &q->args, POLICY_LAYER_IDENTITY, false, "(taken for granted)", all, sizeof all - 1, err);
}

static int ask_by_session(struct question *q, struct err *err)
{
        const char *wants = q->w->source_identity ? q->w->source_identity : q->id.source_identity;
        struct policy_context *c = q->args.context;
        int r = policy_who_parse(&q->who, q->w->source_arn, q->w->source_role_arn, err);

        if (r == 0)
                r = add_other_side(q, err);
        if (r == 0)
                r = read_tags(q, err);
        if (r == 0)
                r = add_session(q);
        if (r == 0)
                r = sts_tags_to_context(c, &q->tags);
        if (r == 0)
                r = policy_context_add(c, "sts:ExternalId", q->w->external_id);
        if (r == 0)
                r = policy_context_add(c, "sts:SourceIdentity", wants);
        chain_actions(q->actions, q->w, &q->id);
        return r;
}

static int ask(struct question *q, struct policy_outcome *o, struct err *err)
{
        int r = policy_args_init(&q->args);

        if (r == 0)
                r = policy_args_add_files(&q->args, POLICY_LAYER_RESOURCE, true, q->w->path, err);
        if (r == 0 && q->w->claims)
                r = policy_web_identity_read(&q->id, q->w->claims, err);
        if (r == 0)
                r = q->w->provider_arn ? ask_by_token(q, err) : ask_by_session(q, err);
        if (r == 0)
                r = policy_who_to_context(q->args.context, &q->who);
        if (r == 0)
                r = policy_context_add(q->args.context, "sts:RoleSessionName", q->w->session_name);
        if (r == 0)
                r = policy_args_add_now(q->args.context);
        if (r < 0)
                return r;
        q->e = (struct evaluate_case){.request = {.documents = q->args.documents,
                                              .n_documents = q->args.n,
                                              .request = {.principal = &q->who.principal,
                                                      .resource = q->w->role_arn,
                                                      .context = q->args.context},
                                              .resource_must_allow = true,
                                              .trust = true},
                .names = q->args.names};
        return evaluate_actions(&q->e, q->actions, o);
}

// What the document says is only half of it where the roles are of two accounts, or it leaves it to the account.
static int add_notes(struct question *q, const struct policy_outcome *o)
{
        char account[13];

        policy_arn_account(account, q->w->role_arn);
        if (q->w->provider_arn || o->decision != POLICY_ALLOW ||
                (strcmp(account, q->who.account) == 0 &&
                        o->findings[POLICY_LAYER_RESOURCE].granted != POLICY_MATCH_ACCOUNT))
                return 0;
        q->e.notes = json_pack("[s]", "The policies of the role that asks have to allow it, too.");
        return q->e.notes ? 0 : -ENOMEM;
}

enum outcome why_trust_decide(const struct why_trust *w, struct err *err)
{
        struct question *q = calloc(1, sizeof *q);
        struct policy_outcome o = {0};
        int r = -ENOMEM;

        if (q) {
                q->w = w;
                r = ask(q, &o, err);
                if (r == 0)
                        r = add_notes(q, &o);
                if (r == 0)
                        r = w->json ? evaluate_say_json(&q->e, &o) : evaluate_say(&q->e, &o);
                json_decref(q->e.notes);
                policy_args_deinit(&q->args);
                policy_web_identity_deinit(&q->id);
                sts_tags_deinit(&q->tags);
        }
        free(q);
        if (r < 0)
                return r == -EINVAL || r == -EBADMSG ? OUTCOME_INVALID_REQUEST : OUTCOME_INTERNAL;
        return o.decision == POLICY_ALLOW ? OUTCOME_OK : OUTCOME_ACCESS_DENIED;
}
