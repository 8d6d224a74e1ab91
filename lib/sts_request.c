// SPDX-License-Identifier: Apache-2.0
//
// What we send to STS. Everything is held against STS's own limits (its service model, API version
// 2011-06-15) before a token leaves the machine: "1 validation error detected" from far away helps nobody.
// The one limit left to the server is the shortest duration: work-alikes allow less than AWS's 900 s, and the
// configuration decides where that may be asked for.
#include "sts.h"

#include "form.h"

#include <openssl/sha.h>
#include <stdio.h>

#define ARN_MIN         20
#define ARN_MAX         2048
#define TOKEN_MIN       4
#define TOKEN_MAX       20000
#define POLICY_MAX      2048
#define POLICY_ARNS_MAX 10
#define EXTERNAL_ID_MAX 1224

bool sts_is_name_char(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               (c && strchr("_+=,.@-", c));
}

static int invalid(struct err *err, const char *what)
{
        err_set(err, "STS would refuse this request: %s", what);
        return -EINVAL;
}

static void trim(const char **s, size_t *n)
{
        while (*n && strchr(" \t\r\n", (*s)[0])) {
                (*s)++;
                (*n)--;
        }
        while (*n && strchr(" \t\r\n", (*s)[*n - 1]))
                (*n)--;
}

// Characters, not bytes: STS counts as Unicode does.
size_t sts_tag_length(const char *s, size_t n)
{
        size_t length = 0;

        for (size_t i = 0; i < n; i++)
                length += (s[i] & 0xc0) != 0x80;
        return length;
}

static size_t utf8_length(const char *s)
{
        return sts_tag_length(s, strlen(s));
}

bool sts_is_tag_char(char c)
{
        return sts_is_name_char(c) ? c != ',' : (c && strchr(" :/", c)) || (c & 0x80);
}

static bool matches(const char *s, const char *more, size_t min, size_t max)
{
        size_t n = 0;

        while (sts_is_name_char(s[n]) || (s[n] && strchr(more, s[n])))
                n++;
        return s[n] == 0 && n >= min && n <= max;
}

// What every AssumeRole… has.
static int check_common(const char *role_arn, const char *session_name, int64_t duration_s,
        const char *policy, const char *const *policy_arns, struct err *err)
{
        size_t n = 0;

        if (!role_arn || sts_role_arn_parse(role_arn, NULL, NULL, NULL) < 0)
                return invalid(err, "the role ARN is not of the form arn:PARTITION:iam::ACCOUNT:role/NAME");
        if (!session_name || !matches(session_name, "", 2, STS_SESSION_NAME_MAX))
                return invalid(err, "the session name is not 2 to 64 letters, digits or _+=,.@-");
        if (duration_s < 0 || duration_s > STS_DURATION_MAX_S)
                return invalid(err, "the duration is more than 12 hours");
        if (policy && (!policy[0] || utf8_length(policy) > POLICY_MAX))
                return invalid(err, "the session policy is not 1 to 2048 characters long");
        for (; policy_arns && policy_arns[n]; n++) {
                size_t len = strlen(policy_arns[n]);

                if (len < ARN_MIN || len > ARN_MAX)
                        return invalid(err, "a policy ARN is not 20 to 2048 characters long");
        }
        return n > POLICY_ARNS_MAX ? invalid(err, "there are more than 10 policy ARNs") : 0;
}

static void add_common(struct buf *out, const char *action, const char *role_arn, const char *session_name,
        int64_t duration_s, const char *policy, const char *const *policy_arns)
{
        char text[64];

        form_add(out, "Action", action);
        form_add(out, "Version", "2011-06-15");
        form_add(out, "RoleArn", role_arn);
        form_add(out, "RoleSessionName", session_name);
        if (duration_s) {
                snprintf(text, sizeof text, "%lld", (long long)duration_s);
                form_add(out, "DurationSeconds", text);
        }
        form_add(out, "Policy", policy);
        for (size_t i = 0; policy_arns && policy_arns[i]; i++) {
                snprintf(text, sizeof text, "PolicyArns.member.%zu.arn", i + 1);
                form_add(out, text, policy_arns[i]);
        }
}

// Writes the form. 0, -EINVAL, or the buffer's error.
int sts_web_identity_request(struct buf *out, const struct sts_web_identity *q, struct err *err)
{
        const char *token = q->token ? secret_str(q->token) : "";
        size_t token_n = secret_len(q->token);
        int r = check_common(q->role_arn, q->session_name, q->duration_s, q->policy, q->policy_arns, err);

        if (r < 0)
                return err_trace(r);
        trim(&token, &token_n);
        if (token_n < TOKEN_MIN || token_n > TOKEN_MAX)
                return invalid(err, "the identity token is not 4 to 20000 characters long");
        add_common(out, "AssumeRoleWithWebIdentity", q->role_arn, q->session_name, q->duration_s, q->policy,
                q->policy_arns);
        return form_add_n(out, "WebIdentityToken", token, token_n);
}

static int check_tags(const struct sts_assume_role *q, struct err *err)
{
        if (q->n_tags > STS_SESSION_TAGS_MAX)
                return invalid(err, "there are more than 50 session tags");
        for (size_t i = 0; i < q->n_tags; i++) {
                if (!q->tags[i].key[0] || utf8_length(q->tags[i].key) > STS_TAG_KEY_MAX)
                        return invalid(err, "a tag's key is not 1 to 128 characters long");
                if (utf8_length(q->tags[i].value) > STS_TAG_VALUE_MAX)
                        return invalid(err, "a tag's value is longer than 256 characters");
                for (size_t k = 0; k < i; k++)
                        if (strcasecmp(q->tags[k].key, q->tags[i].key) == 0)
                                return invalid(err, "a tag's key is there twice (STS ignores case)");
        }
        return 0;
}

// Writes the form of a chained or cross-account AssumeRole. 0, -EINVAL, or the buffer's error.
int sts_assume_role_request(struct buf *out, const struct sts_assume_role *q, struct err *err)
{
        unsigned transitive = 0;
        char name[64];
        int r = check_common(q->role_arn, q->session_name, q->duration_s, q->policy, q->policy_arns, err);

        if (r == 0 && q->external_id && !matches(q->external_id, ":/", 2, EXTERNAL_ID_MAX))
                r = invalid(err, "the external id is not 2 to 1224 letters, digits or _+=,.@:/-");
        if (r == 0 && q->source_identity && !matches(q->source_identity, "", 2, STS_SESSION_NAME_MAX))
                r = invalid(err, "the source identity is not 2 to 64 letters, digits or _+=,.@-");
        if (r == 0)
                r = check_tags(q, err);
        if (r < 0)
                return err_trace(r);
        add_common(out, "AssumeRole", q->role_arn, q->session_name, q->duration_s, q->policy, q->policy_arns);
        form_add(out, "ExternalId", q->external_id);
        form_add(out, "SourceIdentity", q->source_identity);
        for (size_t i = 0; i < q->n_tags; i++) {
                snprintf(name, sizeof name, "Tags.member.%zu.Key", i + 1);
                form_add(out, name, q->tags[i].key);
                snprintf(name, sizeof name, "Tags.member.%zu.Value", i + 1);
                form_add(out, name, q->tags[i].value);
                if (q->tags[i].transitive) {
                        snprintf(name, sizeof name, "TransitiveTagKeys.member.%u", ++transitive);
                        form_add(out, name, q->tags[i].key);
                }
        }
        return buf_error(out);
}

// A legal RoleSessionName of any text; one character of the text gives one of the name.
int sts_session_name(char dst[STS_SESSION_NAME_MAX + 1], const char *s)
{
        const size_t kept = STS_SESSION_NAME_MAX - 9;
        uint8_t sum[SHA256_DIGEST_LENGTH];
        size_t n = 0;

        for (const char *p = s; *p; p++) {
                if ((*p & 0xc0) == 0x80)
                        continue; // in the middle of a character
                if (n == STS_SESSION_NAME_MAX) {
                        if (!SHA256((const unsigned char *)s, strlen(s), sum))
                                return -ENOMEM;
                        snprintf(dst + kept, 10, "-%02x%02x%02x%02x", sum[0], sum[1], sum[2], sum[3]);
                        return 0;
                }
                dst[n++] = sts_is_name_char(*p) ? *p : '-';
        }
        while (n < 2)
                dst[n++] = '-';
        dst[n] = 0;
        return 0;
}

// Copies up to the next ':' if that is at most max characters of the given ones; steps over the colon.
static bool take_part(const char **s, const char *allowed, size_t max, char *dst)
{
        size_t n = strspn(*s, allowed);

        if (n > max || (*s)[n] != ':')
                return false;
        if (dst) {
                memcpy(dst, *s, n);
                dst[n] = 0;
        }
        *s += n + 1;
        return true;
}

// Takes a role ARN apart; what is not wanted may be NULL. 0 or -EINVAL (nothing promised about the outputs).
int sts_role_arn_parse(const char *arn, char partition[17], char account[13], char role_name[65])
{
        static const char lower[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
        const char *s = arn, *name;
        char digits[13];
        size_t n = strnlen(arn, ARN_MAX + 1);

        if (n < ARN_MIN || n > ARN_MAX || strncmp(s, "arn:", 4) != 0 || s[4] == ':')
                return -EINVAL;
        s += 4;
        if (!take_part(&s, lower, 16, partition) || strncmp(s, "iam::", 5) != 0)
                return -EINVAL;
        s += 5;
        if (!take_part(&s, "0123456789", 12, digits) || (digits[0] && strlen(digits) != 12))
                return -EINVAL;
        if (account)
                memcpy(account, digits, sizeof digits);
        if (strncmp(s, "role/", 5) != 0)
                return -EINVAL;
        for (const char *c = s; *c; c++)
                if (*c < '!' || *c > '~')
                        return -EINVAL;
        name = strrchr(s, '/') + 1;
        n = strlen(name);
        for (size_t i = 0; i < n; i++)
                if (!sts_is_name_char(name[i]))
                        return -EINVAL;
        if (n < 1 || n > 64)
                return -EINVAL;
        if (role_name)
                memcpy(role_name, name, n + 1);
        return 0;
}
