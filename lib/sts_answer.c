// SPDX-License-Identifier: Apache-2.0
//
// What STS answers. One table of paths says what a success document holds; a path that comes twice — the
// element itself or the one around it — makes the document ambiguous and is refused, as is one without the
// four values credentials consist of. An error document is never refused: what cannot be read says so in its
// code.
//
// The work-alikes differ: radosgw has no namespace, calls the id AssumeRoleId, leaves the account of its ARNs
// empty and writes nanoseconds; a session token may be broken into lines by whoever prints the XML.
#include "sts.h"

#include "sts_xml.h"
#include "timefmt.h"

#define KEY_MAX   128
#define TEXT_MAX  2048
#define TOKEN_MAX 32768

enum field {
        F_CREDENTIALS, // containers: only counted
        F_USER,
        F_RESULT,
        F_METADATA,
        F_ACCESS_KEY_ID,
        F_SECRET_ACCESS_KEY,
        F_SESSION_TOKEN,
        F_EXPIRATION,
        F_ARN,
        F_ROLE_ID,
        F_SUBJECT,
        F_AUDIENCE,
        F_PROVIDER,
        F_SOURCE_IDENTITY,
        F_PACKED_SIZE,
        F_REQUEST_ID,
        F_MAX_
};

// Paths below <ActionResponse>; "R" stands for <ActionResult>.
static const struct {
        const char *path;
        enum field field;
} paths[] = {
        {"R", F_RESULT},
        {"R/Credentials", F_CREDENTIALS},
        {"R/Credentials/AccessKeyId", F_ACCESS_KEY_ID},
        {"R/Credentials/SecretAccessKey", F_SECRET_ACCESS_KEY},
        {"R/Credentials/SessionToken", F_SESSION_TOKEN},
        {"R/Credentials/Expiration", F_EXPIRATION},
        {"R/AssumedRoleUser", F_USER},
        {"R/AssumedRoleUser/Arn", F_ARN},
        {"R/AssumedRoleUser/AssumedRoleId", F_ROLE_ID},
        {"R/AssumedRoleUser/AssumeRoleId", F_ROLE_ID},
        {"R/SubjectFromWebIdentityToken", F_SUBJECT},
        {"R/Audience", F_AUDIENCE},
        {"R/Provider", F_PROVIDER},
        {"R/SourceIdentity", F_SOURCE_IDENTITY},
        {"R/PackedPolicySize", F_PACKED_SIZE},
        {"ResponseMetadata", F_METADATA},
        {"ResponseMetadata/RequestId", F_REQUEST_ID},
};

static const char *const actions[] = {"AssumeRoleWithWebIdentity", "AssumeRole"};

struct success {
        struct sts_credentials c;
        unsigned seen; // bit by enum field
        struct err *err;
};

static bool skip(const char **s, const char *prefix)
{
        size_t n = strlen(prefix);

        if (strncmp(*s, prefix, n) != 0)
                return false;
        *s += n;
        return true;
}

// The field a path names; F_MAX_ for one we do not read; -1 for a document that is not one of our answers.
static int field_of(const char *path)
{
        for (size_t a = 0; a < ARRAY_SIZE(actions); a++) {
                const char *s = path, *r;
                bool result;

                if (!skip(&s, actions[a]) || !skip(&s, "Response"))
                        continue;
                if (*s == 0)
                        return F_MAX_;
                if (*s++ != '/')
                        continue;
                r = s;
                result = skip(&r, actions[a]) && skip(&r, "Result") && (*r == 0 || *r == '/');
                for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
                        if (result ? paths[i].path[0] == 'R' && strcmp(paths[i].path + 1, r) == 0
                                   : strcmp(paths[i].path, s) == 0)
                                return (int)paths[i].field;
                return F_MAX_;
        }
        return -1;
}

static int wrong(struct success *a, const char *what)
{
        err_set(a->err, "the answer of STS %s", what);
        return -EBADMSG;
}

static int success_enter(const char *path, void *arg)
{
        struct success *a = arg;
        int f = field_of(path);

        if (f < 0)
                return wrong(a, "is not the answer to AssumeRole or AssumeRoleWithWebIdentity");
        if (f == F_MAX_)
                return 0;
        if (a->seen & 1u << f)
                return wrong(a, "names something twice");
        a->seen |= 1u << f;
        return 0;
}

// Copies what may be shown; an empty element counts as absent.
static int dup_text(char **ret, const char *s, size_t n)
{
        if (n > TEXT_MAX)
                n = TEXT_MAX;
        if (n == 0)
                return 0;
        *ret = malloc(n + 1);
        if (!*ret)
                return -ENOMEM;
        err_sanitise(*ret, n + 1, s, n);
        return 0;
}

static bool visible_ascii(const char *s, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (s[i] <= ' ' || s[i] > '~')
                        return false;
        return n > 0;
}

// A key or token: visible ASCII, so that it fits a header; white space inside is what a printer of XML put
// there.
static int dup_secret(struct success *a, struct secret **ret, const char *s, size_t n, size_t max)
{
        cleanup_secret struct secret *x = NULL;
        size_t len = 0;
        char *p;
        int r;

        for (size_t i = 0; i < n; i++)
                len += !strchr(" \t\r\n", s[i]);
        r = secret_new_room(&x, len);
        if (r < 0)
                return err_trace(r);
        p = secret_bytes_mutable(x);
        for (size_t i = 0; i < n; i++)
                if (!strchr(" \t\r\n", s[i]))
                        *p++ = s[i];
        if (len > max || !visible_ascii(secret_str(x), len))
                return wrong(a, "holds credentials that are empty, too long or not ASCII");
        *ret = TAKE_PTR(x);
        return 0;
}

static int parse_packed_size(const char *s)
{
        int v = 0;

        for (; *s >= '0' && *s <= '9' && v < 100000; s++)
                v = v * 10 + (*s - '0');
        return *s ? -1 : v;
}

static int read_arn(struct success *a, const char *s, size_t n)
{
        const char *at = s;

        for (int i = 0; i < 4; i++) {
                at = strchr(at, ':');
                if (!at)
                        return wrong(a, "holds an ARN that is none");
                at++;
        }
        if (n > TEXT_MAX || strncmp(s, "arn:", 4) != 0 || !strchr(at, ':') || !visible_ascii(s, n))
                return wrong(a, "holds an ARN that is none");
        if (strspn(at, "0123456789") == 12 && at[12] == ':')
                memcpy(a->c.account_id, at, 12);
        return dup_text(&a->c.assumed_role_arn, s, n);
}

static int success_leaf(const char *path, const char *s, size_t n, void *arg)
{
        struct success *a = arg;
        struct sts_credentials *c = &a->c;

        switch (field_of(path)) {
        case F_ACCESS_KEY_ID:
                if (n > KEY_MAX || !visible_ascii(s, n))
                        return wrong(a, "holds an AccessKeyId that is empty, too long or not ASCII");
                return dup_text(&c->access_key_id, s, n);
        case F_SECRET_ACCESS_KEY:
                return dup_secret(a, &c->secret_access_key, s, n, KEY_MAX);
        case F_SESSION_TOKEN:
                return dup_secret(a, &c->session_token, s, n, TOKEN_MAX);
        case F_EXPIRATION:
                return time_parse_iso(s, &c->expiration_s) < 0
                               ? wrong(a, "holds an Expiration that is no time")
                               : 0;
        case F_ARN:
                return read_arn(a, s, n);
        case F_ROLE_ID:
                return dup_text(&c->assumed_role_id, s, n);
        case F_SUBJECT:
                return dup_text(&c->subject, s, n);
        case F_AUDIENCE:
                return dup_text(&c->audience, s, n);
        case F_PROVIDER:
                return dup_text(&c->provider, s, n);
        case F_SOURCE_IDENTITY:
                return dup_text(&c->source_identity, s, n);
        case F_PACKED_SIZE:
                c->packed_policy_size = n ? parse_packed_size(s) : -1;
                return 0;
        case F_REQUEST_ID:
                return dup_text(&c->request_id, s, n);
        default:
                return 0;
        }
}

static int check_complete(struct success *a)
{
        const struct sts_credentials *c = &a->c;

        if (!c->access_key_id || !c->secret_access_key || !c->session_token)
                return wrong(a, "lacks a part of the credentials");
        if (c->expiration_s <= 0)
                return wrong(a, "lacks the Expiration");
        if (!c->assumed_role_arn)
                return wrong(a, "lacks the ARN of the role session");
        return 0;
}

// Reads the answer of AssumeRole or AssumeRoleWithWebIdentity. ret is filled on success only.
int sts_credentials_parse(struct sts_credentials *ret, const void *xml, size_t n, struct err *err)
{
        struct success a = {.c = {.packed_policy_size = -1}, .err = err};
        const struct sts_xml_handler h = {.enter = success_enter, .leaf = success_leaf, .arg = &a};
        int r = sts_xml_read(xml, n, STS_ANSWER_MAX, &h, err);

        if (r == 0)
                r = check_complete(&a);
        if (r < 0) {
                sts_credentials_deinit(&a.c);
                return err_trace(r);
        }
        *ret = a.c;
        return 0;
}

// Legal on a zeroed struct and twice.
void sts_credentials_deinit(struct sts_credentials *c)
{
        free(c->access_key_id);
        secret_free(c->secret_access_key);
        secret_free(c->session_token);
        free(c->assumed_role_arn);
        free(c->assumed_role_id);
        free(c->subject);
        free(c->audience);
        free(c->provider);
        free(c->source_identity);
        free(c->request_id);
        *c = (struct sts_credentials){0};
}
