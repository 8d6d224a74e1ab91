// SPDX-License-Identifier: Apache-2.0
//
// Role sessions: credentials that are made, answered, and recognised again by their signature. A session that
// is over stays in the table until its place is needed: its use is answered with ExpiredToken, not as unknown.
#include "sts_internal.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "log.h"
#include "random.h"
#include "sigv4.h"
#include "timefmt.h"

#define HEADERS_MAX 128

void sts_session_clear(struct sts_session *s)
{
        secret_free(s->secret_access_key);
        secret_free(s->session_token);
        free(s->role_arn);
        free(s->account);
        free(s->arn);
        free(s->user_id);
        free(s->provider);
        free(s->source_identity);
        sts_tags_deinit(&s->tags);
        policy_free(s->policy);
        for (size_t i = 0; i < s->n_policy_arns; i++)
                free(s->policy_arns[i]);
        explicit_bzero(s, sizeof *s);
}

struct sts_session *sts_session_find(struct sts *s, const char *access_key_id)
{
        for (size_t i = 0; i < STS_SESSIONS_MAX; i++)
                if (strcmp(s->sessions[i].access_key_id, access_key_id) == 0)
                        return &s->sessions[i];
        return NULL;
}

// A free place, or that of the session that ends first.
static struct sts_session *room(struct sts *s)
{
        struct sts_session *first = &s->sessions[0];

        for (size_t i = 0; i < STS_SESSIONS_MAX; i++) {
                if (!s->sessions[i].access_key_id[0])
                        return &s->sessions[i];
                if (s->sessions[i].expires_s < first->expires_s)
                        first = &s->sessions[i];
        }
        sts_session_clear(first);
        return first;
}

static int make_key_id(char ret[21])
{
        static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        unsigned char raw[16];
        int r = random_bytes(raw, sizeof raw);

        memcpy(ret, "ASIA", 4);
        for (int i = 0; i < 16; i++)
                ret[4 + i] = base32[raw[i] & 31];
        ret[20] = 0;
        return r;
}

// n random bytes in base64 with its + and /: what AWS hands out has them too.
static int make_secret(struct secret **ret, size_t n)
{
        unsigned char raw[300];
        char text[401];
        int r = random_bytes(raw, n), len;

        if (r < 0)
                return r;
        len = EVP_EncodeBlock((unsigned char *)text, raw, (int)n);
        r = secret_new(ret, text, (size_t)len);
        explicit_bzero(raw, sizeof raw);
        explicit_bzero(text, sizeof text);
        return r;
}

static int fill(struct sts_session *s, const struct sts_params *p, const struct dir_role *role,
        const char *source_identity, const char *provider)
{
        int r;

        if (asprintf(&s->arn, "arn:%s:sts::%s:assumed-role/%s/%s", p->partition, role->account, role->name,
                    p->session_name) < 0)
                s->arn = NULL;
        if (asprintf(&s->user_id, "%s:%s", role->id, p->session_name) < 0)
                s->user_id = NULL;
        s->role_arn = strdup(role->arn);
        s->account = strdup(role->account);
        s->provider = provider ? strdup(provider) : NULL;
        s->source_identity = source_identity ? strdup(source_identity) : NULL;
        if (!s->arn || !s->user_id || !s->role_arn || !s->account || (provider && !s->provider) ||
                (source_identity && !s->source_identity))
                return -ENOMEM;
        for (; s->n_policy_arns < p->n_policy_arns; s->n_policy_arns++) {
                s->policy_arns[s->n_policy_arns] = strdup(p->policy_arns[s->n_policy_arns]);
                if (!s->policy_arns[s->n_policy_arns])
                        return -ENOMEM;
        }
        if ((r = make_secret(&s->secret_access_key, 30)) < 0 || (r = make_secret(&s->session_token, 300)) < 0)
                return r;
        return make_key_id(s->access_key_id);
}

struct sts_session *sts_session_new(struct web_request *r, struct sts_params *p, const struct dir_role *role,
        const char *source_identity, const char *provider)
{
        int64_t life_s =
                faults_value(r->cloud->faults, FAULTS_SESSION_TTL, SERVICE_STS, r->op, p->duration_s);
        struct sts_session made = {0}, *s;

        // Made whole before a place is taken: source_identity and provider may belong to the session that loses it.
        if (fill(&made, p, role, source_identity, provider) < 0) {
                sts_session_clear(&made);
                return NULL;
        }
        made.issued_s = sts_now_s(r);
        made.expires_s = made.issued_s + life_s;
        made.policy = TAKE_PTR(p->policy);
        made.tags = p->tags;
        p->tags = (struct sts_tags){0};
        s = room(r->cloud->sts);
        *s = made;
        for (size_t i = 0; i < s->n_policy_arns; i++)
                if (!dir_find_policy(r->cloud->dir, s->policy_arns[i]))
                        log_event(LOG_E_WARNING, "sts.policy_arns", "request=%s arn=%s note=%s", r->id,
                                s->policy_arns[i],
                                "the directory has no such policy: this session may do nothing that policies "
                                "decide");
        return s;
}

int sts_session_xml(struct buf *b, const struct sts_session *s, int packed_percent)
{
        char expiration[TIME_ISO_LEN + 1];

        time_format_iso(expiration, s->expires_s);
        buf_append_str(b, "<AssumedRoleUser>");
        xml_text(b, "AssumedRoleId", s->user_id);
        xml_text(b, "Arn", s->arn);
        buf_append_str(b, "</AssumedRoleUser><Credentials>");
        xml_text(b, "AccessKeyId", s->access_key_id);
        xml_text(b, "SecretAccessKey", secret_str(s->secret_access_key));
        xml_text(b, "SessionToken", secret_str(s->session_token));
        xml_text(b, "Expiration", expiration);
        buf_append_str(b, "</Credentials>");
        if (packed_percent > 0)
                xml_int(b, "PackedPolicySize", packed_percent);
        xml_text(b, "SourceIdentity", s->source_identity);
        return buf_error(b);
}
