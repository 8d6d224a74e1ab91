// SPDX-License-Identifier: Apache-2.0
//
// The parameters of the AssumeRole operations against STS's own limits, and its own words for what breaks
// them: all violations of one request in one ValidationError.
#include "sts_internal.h"

#include <ctype.h>
#include <stdio.h>

struct violations {
        struct buf text;
        unsigned n;
};

static void violation(struct violations *v, const char *value, const char *member, const char *constraint)
{
        char clean[80];

        if (v->n++)
                buf_append_str(&v->text, "; ");
        if (value)
                buf_printf(&v->text, "Value '%s' at '%s' failed to satisfy constraint: %s",
                        err_sanitise(clean, sizeof clean, value, strlen(value)), member, constraint);
        else
                buf_printf(&v->text, "Value at '%s' failed to satisfy constraint: %s", member, constraint);
}

// extra: the characters besides letters, digits and '_' (\w); NULL: any.
static void check_string(struct violations *v, const char *value, const char *member, bool required,
        size_t min, size_t max, const char *extra)
{
        char constraint[128];
        size_t n = value ? strlen(value) : 0;
        bool secret = strcmp(member, "webIdentityToken") == 0;

        if (!value) {
                if (required)
                        violation(v, NULL, member, "Member must not be null");
                return;
        }
        if (n < min) {
                snprintf(constraint, sizeof constraint,
                        "Member must have length greater than or equal to %zu", min);
                violation(v, secret ? NULL : value, member, constraint);
        } else if (n > max) {
                snprintf(constraint, sizeof constraint, "Member must have length less than or equal to %zu",
                        max);
                violation(v, secret ? NULL : value, member, constraint);
        }
        for (size_t i = 0; extra && i < n; i++)
                if (!isalnum((unsigned char)value[i]) && value[i] != '_' && !strchr(extra, value[i])) {
                        snprintf(constraint, sizeof constraint,
                                "Member must satisfy regular expression pattern: [\\w%s]*",
                                strcmp(extra, "+=,.@-") == 0 ? "+=,.@-" : "+=,.@:\\/-");
                        violation(v, value, member, constraint);
                        return;
                }
}

static void read_duration(struct sts_params *p, struct web_request *r, struct violations *v)
{
        const char *text = web_param(r, "DurationSeconds");
        int64_t min = r->cloud->dir->min_duration_s;
        char constraint[96], *end;
        long long s;

        p->duration_s = 3600;
        if (!text)
                return;
        errno = 0;
        s = strtoll(text, &end, 10);
        if (errno || end == text || *end) {
                violation(v, text, "durationSeconds", "Member must be an integer");
                return;
        }
        p->duration_s = s;
        if (s < min)
                snprintf(constraint, sizeof constraint,
                        "Member must have value greater than or equal to %lld", (long long)min);
        else if (s > STS_DURATION_MAX_S)
                snprintf(constraint, sizeof constraint, "Member must have value less than or equal to %d",
                        STS_DURATION_MAX_S);
        else
                return;
        violation(v, text, "durationSeconds", constraint);
}

// "Tags.member.N.Key": N counts from 1 without gaps.
static const char *member(const struct web_request *r, const char *list, size_t n, const char *field)
{
        char key[64];

        snprintf(key, sizeof key, "%s.member.%zu%s%s", list, n, *field ? "." : "", field);
        return web_param(r, key);
}

static int read_tags(struct sts_params *p, struct web_request *r, struct violations *v, struct err *err)
{
        int k = 0;
        size_t n;

        for (n = 1; k == 0 && n <= STS_TAGS_MAX + 1 && member(r, "Tags", n, "Key"); n++) {
                const char *key = member(r, "Tags", n, "Key"), *value = member(r, "Tags", n, "Value");

                check_string(v, key, "tags.1.member.key", true, 1, 128, NULL);
                check_string(v, value, "tags.1.member.value", true, 0, 256, NULL);
                if (n > STS_TAGS_MAX)
                        violation(v, NULL, "tags", "Member must have length less than or equal to 50");
                else if (!v->n)
                        k = sts_tags_add(&p->tags, key, value, /* transitive= */ false, err);
        }
        for (n = 1; k == 0 && !v->n && member(r, "TransitiveTagKeys", n, ""); n++) {
                const char *key = member(r, "TransitiveTagKeys", n, "");
                bool found = false;

                for (size_t i = 0; i < p->tags.n; i++)
                        if (strcasecmp(p->tags.v[i].key, key) == 0)
                                p->tags.v[i].transitive = found = true;
                if (!found) {
                        err_set(err,
                                "One of the specified transitive tag keys isn't part of the session tags.");
                        k = -EINVAL;
                }
        }
        return k;
}

static void check_policy_arns(struct sts_params *p, struct web_request *r, struct violations *v)
{
        for (size_t n = 1; member(r, "PolicyArns", n, "arn"); n++) {
                check_string(v, member(r, "PolicyArns", n, "arn"), "policyArns.1.member.arn", true, 20, 2048,
                        NULL);
                if (n > STS_POLICY_ARNS_MAX) {
                        violation(v, NULL, "policyArns", "Member must have length less than or equal to 10");
                        return;
                }
                p->policy_arns[p->n_policy_arns++] = member(r, "PolicyArns", n, "arn");
        }
}

static void read_strings(struct sts_params *p, struct web_request *r, unsigned flags, struct violations *v)
{
        p->role_arn = web_param(r, "RoleArn");
        p->session_name = web_param(r, "RoleSessionName");
        p->policy_text = web_param(r, "Policy");
        check_string(v, p->role_arn, "roleArn", true, 20, 2048, NULL);
        check_string(v, p->session_name, "roleSessionName", true, 2, STS_SESSION_NAME_MAX, "+=,.@-");
        check_string(v, p->policy_text, "policy", false, 1, 2048, NULL);
        if (flags & STS_WEB_IDENTITY) {
                p->token = web_param(r, "WebIdentityToken");
                check_string(v, p->token, "webIdentityToken", true, 4, 20000, NULL);
        } else {
                p->external_id = web_param(r, "ExternalId");
                p->source_identity = web_param(r, "SourceIdentity");
                check_string(v, p->external_id, "externalId", false, 2, 1224, "+=,.@:/-");
                check_string(v, p->source_identity, "sourceIdentity", false, 2, 64, "+=,.@-");
        }
}

static bool refuse_violations(struct web_request *r, const struct violations *v)
{
        cleanup_buf struct buf b = BUF_INIT(65536);

        if (!v->n)
                return false;
        buf_printf(&b, "%u validation error%s detected: %s", v->n, v->n > 1 ? "s" : "", buf_str(&v->text));
        sts_refuse(r, 400, "ValidationError", buf_str(&b), NULL);
        return true;
}

bool sts_params_read(struct sts_params *ret, struct web_request *r, unsigned flags)
{
        struct violations v = {.text = BUF_INIT(32768)};
        struct sts_params p = {0};
        struct err err = ERR_INIT;
        int k = 0;

        read_strings(&p, r, flags, &v);
        read_duration(&p, r, &v);
        check_policy_arns(&p, r, &v);
        if (!(flags & STS_WEB_IDENTITY))
                k = read_tags(&p, r, &v, &err);
        if (k == -ENOMEM)
                sts_out_of_memory(r);
        else if (refuse_violations(r, &v))
                k = -EINVAL;
        else if (k < 0)
                sts_refuse(r, 400, "InvalidParameterValue", err.text, NULL);
        else if ((k = sts_role_arn_parse(p.role_arn, p.partition, p.account, p.role_name)) < 0)
                sts_refuse(r, 400, "ValidationError", "Request ARN is invalid", NULL);
        else if (p.policy_text && (k = policy_parse(&p.policy, POLICY_IDENTITY, p.policy_text,
                                           strlen(p.policy_text), &err)) < 0) {
                if (k == -ENOMEM)
                        sts_out_of_memory(r);
                else
                        sts_refuse(r, 400, "MalformedPolicyDocument", err.text, "the session policy");
        }
        buf_deinit(&v.text);
        if (k < 0) {
                sts_params_deinit(&p);
                return false;
        }
        *ret = p;
        return true;
}

void sts_params_deinit(struct sts_params *p)
{
        sts_tags_deinit(&p->tags);
        p->policy = policy_free(p->policy);
}

// AWS packs policy and tags into a binary form of undisclosed size; characters against 2048 come near enough
// to meet the limit with what plainly exceeds it.
int sts_packed_percent(const struct sts_params *p)
{
        size_t n = p->policy_text ? strlen(p->policy_text) : 0;

        for (size_t i = 0; i < p->tags.n; i++)
                n += strlen(p->tags.v[i].key) + strlen(p->tags.v[i].value) + 2;
        return (int)(n * 100 / 4096);
}
