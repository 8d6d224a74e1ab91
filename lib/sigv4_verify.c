// SPDX-License-Identifier: Apache-2.0
//
// Verification as STS does it: read what the request claims, then make the same signature from the request as
// it arrived. Anything that could be read in two ways (a parameter or header twice, both forms at once) is
// refused before anything is computed.
#include "sigv4.h"

#include "sigv4_canon.h"
#include "timefmt.h"

#include <openssl/crypto.h>
#include <stdio.h>

#define SKEW_S        300
#define EXPIRES_MAX_S 604800
#define VALUE_MAX     (1u << 16)

// Everything a signature says about itself.
struct claim {
        struct sigv4_claim c;
        struct buf credential, names, signature, date, expires, token; // as sent, decoded
        char amz_date[TIME_AMZ_LEN + 1];
        int64_t expires_s;
        const char *payload; // x-amz-content-sha256, borrowed; NULL where absent
};

static void claim_init(struct claim *k)
{
        *k = (struct claim){.credential = BUF_INIT(1024),
                .names = BUF_INIT(VALUE_MAX),
                .signature = BUF_INIT(256),
                .date = BUF_INIT(64),
                .expires = BUF_INIT(32),
                .token = BUF_INIT(VALUE_MAX)};
}

static void claim_deinit(struct claim *k)
{
        buf_deinit(&k->credential);
        buf_deinit(&k->names);
        buf_deinit(&k->signature);
        buf_deinit(&k->date);
        buf_deinit(&k->expires);
        buf_deinit(&k->token);
}

static int incomplete(struct err *err, const char *what)
{
        err_set(err, "the request's signature is incomplete: %s", what);
        return SIGV4_E_INCOMPLETE;
}

// ---- reading ------------------------------------------------------------------------------------

// The only header of that name. 0 and *ret (NULL where there is none), or incomplete where there are two.
static int one_header(const struct sigv4_request *req, const char *name, const char **ret, struct err *err)
{
        *ret = NULL;
        for (size_t i = 0; i < req->n_headers; i++) {
                if (!sigv4_is_name(req->headers[i].name, name))
                        continue;
                if (*ret)
                        return incomplete(err, "a header that must be unique is there twice");
                *ret = req->headers[i].value;
        }
        return 0;
}

static int store(struct buf *to, const char *s, size_t n, struct err *err)
{
        int r;

        if (to->n)
                return incomplete(err, "a part is there twice");
        r = buf_append(to, s, n);
        if (r == -EMSGSIZE || (r == 0 && memchr(s, 0, n)))
                return incomplete(err, "a part is too long or no text");
        return r;
}

static bool starts_with(const char *s, const char *prefix)
{
        return s && strncmp(s, prefix, strlen(prefix)) == 0;
}

// "AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…", the three in any order.
static int read_authorization(struct claim *k, const char *s, struct err *err)
{
        const struct {
                const char *name;
                struct buf *to;
        } parts[] = {{"Credential=", &k->credential}, {"SignedHeaders=", &k->names},
                {"Signature=", &k->signature}};

        s += strlen(SIGV4_ALGORITHM);
        while (*(s += strspn(s, " \t,"))) {
                size_t n = strcspn(s, " \t,"), i;

                for (i = 0; i < ARRAY_SIZE(parts); i++) {
                        size_t skip = strlen(parts[i].name);

                        if (!starts_with(s, parts[i].name) || n <= skip)
                                continue;
                        int r = store(parts[i].to, s + skip, n - skip, err);

                        if (r)
                                return r;
                        break;
                }
                if (i == ARRAY_SIZE(parts))
                        return incomplete(err, "Authorization has a part that is not known, or empty");
                s += n;
        }
        return 0;
}

// A Date header; botocore ends it in the " -0000" of mail instead of the " GMT" of HTTP.
static bool read_http_date(const char *s, int64_t *ret_s)
{
        size_t n = strlen(s);
        char text[64];

        if (n >= sizeof text)
                return false;
        memcpy(text, s, n + 1);
        if (n > 6 && strcmp(text + n - 6, " -0000") == 0)
                memcpy(text + n - 6, " GMT", 5);
        return time_parse_http(text, ret_s) == 0;
}

// The moment of signing: X-Amz-Date, or else the Date header in the same form.
static int read_date(struct claim *k, const struct sigv4_request *req, struct err *err)
{
        char text[TIME_AMZ_LEN + 1];
        const char *s;
        int64_t t;
        int r = one_header(req, "x-amz-date", &s, err);

        if (r || s)
                return r ? r : store(&k->date, s, strlen(s), err);
        r = one_header(req, "date", &s, err);
        if (r || !s || !read_http_date(s, &t))
                return r;
        time_format_amz(text, t);
        return store(&k->date, text, TIME_AMZ_LEN, err);
}

static int read_headers(
        struct claim *k, const struct sigv4_request *req, const char *authorization, struct err *err)
{
        const char *token = NULL;
        int r = read_authorization(k, authorization, err);

        if (!r)
                r = read_date(k, req, err);
        if (!r)
                r = one_header(req, "x-amz-security-token", &token, err);
        if (r || !token)
                return r;
        k->c.has_token = true;
        return store(&k->token, token, strlen(token), err);
}

// One parameter of the query. Its name counts as it reads decoded, since that is how the canonical query
// drops the signature: a second one under an escaped name, or without "=", would be dropped with it.
static int read_param(struct claim *k, const char *s, size_t n, bool *algorithm, struct err *err)
{
        const struct {
                const char *name;
                struct buf *to;
        } parts[] = {{"X-Amz-Credential", &k->credential}, {"X-Amz-SignedHeaders", &k->names},
                {"X-Amz-Signature", &k->signature}, {"X-Amz-Date", &k->date}, {"X-Amz-Expires", &k->expires},
                {"X-Amz-Security-Token", &k->token}};
        cleanup_buf struct buf name = BUF_INIT(SIGV4_QUERY_MAX), value = BUF_INIT(SIGV4_QUERY_MAX);
        const char *eq = memchr(s, '=', n);
        size_t name_n = eq ? (size_t)(eq - s) : n;
        int r = sigv4_unescape(&name, s, name_n);

        if (!r && eq)
                r = sigv4_unescape(&value, eq + 1, n - name_n - 1);
        if (r)
                return r == -ENOMEM ? r : incomplete(err, "a parameter is badly escaped");
        if (strcmp(buf_str(&name), "X-Amz-Algorithm") == 0) {
                if (*algorithm || strcmp(buf_str(&value), SIGV4_ALGORITHM) != 0)
                        return incomplete(err, "the algorithm is not " SIGV4_ALGORITHM);
                *algorithm = true;
                return 0;
        }
        for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
                if (strcmp(buf_str(&name), parts[i].name) != 0)
                        continue;
                k->c.has_token |= parts[i].to == &k->token;
                return value.n ? store(parts[i].to, buf_str(&value), value.n, err)
                               : incomplete(err, "a parameter is empty");
        }
        return 0;
}

// X-Amz-Expires: 1 second to 7 days.
static int read_expires(struct claim *k, struct err *err)
{
        const char *s = buf_str(&k->expires);
        int64_t v = 0;

        while (*s >= '0' && *s <= '9' && v <= EXPIRES_MAX_S)
                v = v * 10 + (*s++ - '0');
        if (*s || v < 1 || v > EXPIRES_MAX_S)
                return incomplete(err, "X-Amz-Expires is not a number of seconds up to 7 days");
        k->expires_s = v;
        return 0;
}

static int read_query(struct claim *k, const char *query, struct err *err)
{
        bool algorithm = false;
        int r = 0;

        for (const char *s = query; !r && *s;) {
                size_t n = strcspn(s, "&");

                r = read_param(k, s, n, &algorithm, err);
                s += n;
                s += *s == '&';
        }
        if (r)
                return r;
        if (!algorithm)
                return incomplete(err, "X-Amz-Algorithm is missing");
        return read_expires(k, err);
}

// ---- understanding ------------------------------------------------------------------------------

// The word of credential that ends at its end; cuts it (and the "/" before it) off. False where it does not
// fit.
static bool cut_word(struct buf *credential, char *dst, size_t dst_n)
{
        char *slash = credential->n ? strrchr(credential->p, '/') : NULL;
        char *word = slash ? slash + 1 : credential->p;

        if (!credential->n || !sigv4_word_ok(word, dst_n - 1))
                return false;
        memcpy(dst, word, strlen(word) + 1);
        credential->n = slash ? (size_t)(slash - credential->p) : 0;
        credential->p[credential->n] = 0;
        return true;
}

static int understand_credential(struct claim *k, struct err *err)
{
        char terminator[32];

        if (!cut_word(&k->credential, terminator, sizeof terminator) ||
                !cut_word(&k->credential, k->c.service, sizeof k->c.service) ||
                !cut_word(&k->credential, k->c.region, sizeof k->c.region) ||
                !cut_word(&k->credential, k->c.date, sizeof k->c.date) ||
                !cut_word(&k->credential, k->c.access_key_id, sizeof k->c.access_key_id) || k->credential.n)
                return incomplete(err, "its credential is not KEY/DATE/REGION/SERVICE/" SIGV4_TERMINATOR);
        if (strcmp(terminator, SIGV4_TERMINATOR) != 0) {
                err_set(err, "the credential's scope does not end in " SIGV4_TERMINATOR);
                return SIGV4_E_SCOPE;
        }
        return 0;
}

// Lower case, ascending, each once, Host among them.
static bool names_ok(const char *s)
{
        const char *before = NULL;
        size_t before_n = 0;
        bool host = false;

        for (;;) {
                size_t n = strcspn(s, ";"), m;
                int c;

                if (n == 0)
                        return false;
                for (size_t i = 0; i < n; i++)
                        if ((s[i] >= 'A' && s[i] <= 'Z') || (unsigned char)s[i] <= 0x20)
                                return false;
                host |= n == 4 && memcmp(s, "host", 4) == 0;
                m = n < before_n ? n : before_n;
                c = before ? memcmp(before, s, m) : -1;
                if (c > 0 || (c == 0 && before_n >= n))
                        return false;
                if (!s[n])
                        return host;
                before = s;
                before_n = n;
                s += n + 1;
        }
}

static int understand(struct claim *k, struct err *err)
{
        int r = understand_credential(k, err);

        if (r)
                return r;
        if (!k->names.n || !names_ok(k->names.p))
                return incomplete(err, "SignedHeaders is not an ascending list that has host");
        if (k->signature.n != 64 || strspn(k->signature.p, "0123456789abcdef") != 64)
                return incomplete(err, "Signature is not 64 hexadecimal digits");
        if (!k->date.n || time_parse_amz(k->date.p, &k->c.time_s) != 0)
                return incomplete(err, "it has no readable date");
        memcpy(k->amz_date, k->date.p, TIME_AMZ_LEN + 1);
        return 0;
}

static int read_claim(struct claim *k, const struct sigv4_request *req, struct err *err)
{
        const char *query = req->query ? req->query : "", *authorization, *host;
        bool presigned = starts_with(query, "X-Amz-Signature=") || strstr(query, "&X-Amz-Signature=") ||
                         starts_with(query, "X-Amz-Algorithm=") || strstr(query, "&X-Amz-Algorithm=");
        int r = one_header(req, "authorization", &authorization, err);

        if (!r)
                r = one_header(req, "host", &host, err);
        if (!r)
                r = one_header(req, "x-amz-content-sha256", &k->payload, err);
        if (r)
                return r;
        if (authorization && presigned)
                return incomplete(err, "it is in the header and in the query, too");
        if (!presigned && (!authorization || !starts_with(authorization, "AWS4-"))) {
                err_set(err, "the request is not signed");
                return SIGV4_E_MISSING;
        }
        k->c.presigned = presigned;
        if (presigned)
                r = read_query(k, query, err);
        else if (!starts_with(authorization, SIGV4_ALGORITHM " "))
                return incomplete(err, "the algorithm is not " SIGV4_ALGORITHM);
        else
                r = read_headers(k, req, authorization, err);
        return r ? r : understand(k, err);
}

// ret is untouched unless the result is 0. 0; SIGV4_E_MISSING, _INCOMPLETE, _SCOPE with err; -errno.
int sigv4_read_claim(struct sigv4_claim *ret, const struct sigv4_request *req, struct err *err)
{
        _cleanup_(claim_deinit) struct claim k;
        int r;

        claim_init(&k);
        r = read_claim(&k, req, err);
        if (!r)
                *ret = k.c;
        return r;
}

// ---- judging ------------------------------------------------------------------------------------

static int check_scope(const struct claim *k, const char *region, const char *service, struct err *err)
{
        const char *wrong = strncmp(k->amz_date, k->c.date, 8) != 0         ? "date"
                            : region && strcmp(region, k->c.region) != 0    ? "region"
                            : service && strcmp(service, k->c.service) != 0 ? "service"
                                                                            : NULL;

        if (!wrong && strlen(k->c.date) == 8)
                return 0;
        err_set(err, "the credential's scope names another %s", wrong ? wrong : "date");
        return SIGV4_E_SCOPE;
}

static int check_time(const struct claim *k, int64_t now_s, struct err *err)
{
        int64_t signed_s = k->c.time_s;

        if (signed_s > now_s + SKEW_S || (!k->c.presigned && signed_s < now_s - SKEW_S)) {
                err_set(err, "the request was signed at %s, too far from now", k->amz_date);
                return SIGV4_E_SKEW;
        }
        if (k->c.presigned && now_s > signed_s + k->expires_s) {
                err_set(err, "the presigned request has expired");
                return SIGV4_E_EXPIRED;
        }
        return 0;
}

static int check_token(const struct claim *k, const struct sigv4_credentials *cred, struct err *err)
{
        if (!cred->session_token && !k->c.has_token)
                return 0;
        if (cred->session_token && k->c.has_token &&
                secret_eq_bytes(cred->session_token, buf_str(&k->token), k->token.n))
                return 0;
        err_set(err, "the session token is absent, or it does not belong to this access key");
        return SIGV4_E_TOKEN;
}

// What stands for the body in the canonical request.
static int payload_of(
        char ret[65], const struct claim *k, const struct sigv4_request *req, unsigned flags, struct err *err)
{
        bool may_be_unsigned = flags & SIGV4_UNSIGNED_PAYLOAD;
        const char *said = k->payload;
        int r;

        if (may_be_unsigned && ((said && strcmp(said, SIGV4_UNSIGNED) == 0) || (!said && k->c.presigned))) {
                memcpy(ret, SIGV4_UNSIGNED, sizeof SIGV4_UNSIGNED);
                return 0;
        }
        r = sigv4_sha256_hex(ret, req->body, req->body_len);
        if (r || !said || strcmp(said, ret) == 0)
                return r;
        err_set(err, "x-amz-content-sha256 is not the digest of the body");
        return SIGV4_E_SIGNATURE;
}

static int say(int r, struct err *err)
{
        switch (r) {
        case SIGV4_CANON_E_BAD:
                return incomplete(err, "the request has a broken escape, path or header");
        case SIGV4_CANON_E_ABSENT:
                err_set(err, "a header that was signed is not on the request");
                return SIGV4_E_SIGNATURE;
        case SIGV4_CANON_E_UNSIGNED:
                return incomplete(err, "an x-amz- header is not signed");
        default:
                return r;
        }
}

// The signature as it should be, and how it came about.
static int expected(struct sigv4_result *ret, const struct claim *k, const struct sigv4_request *req,
        const struct secret *key, const char *payload, unsigned flags)
{
        cleanup_buf struct buf lines = BUF_INIT(1u << 20), names = BUF_INIT(VALUE_MAX),
                               query = BUF_INIT(SIGV4_QUERY_MAX);
        const char *token = flags & SIGV4_TOKEN_AFTER_SIGNING ? "X-Amz-Security-Token" : NULL;
        char scope[256];
        int r = sigv4_canon_headers(&lines, &names, req, NULL, 0, buf_str(&k->names), token);

        if (!r)
                r = sigv4_canon_query(&query, req->query, NULL, 0, k->c.presigned ? "X-Amz-Signature" : NULL,
                        k->c.presigned ? token : NULL);
        if (!r)
                r = sigv4_canon_request(&ret->canonical_request, req, &query, &lines, &names, payload, flags);
        if (r)
                return r;
        snprintf(scope, sizeof scope, "%s/%s/%s/" SIGV4_TERMINATOR, k->c.date, k->c.region, k->c.service);
        r = sigv4_string_to_sign(&ret->string_to_sign, k->amz_date, scope, &ret->canonical_request);
        return r ? r
                 : sigv4_signature(
                           ret->signature, key, k->c.date, k->c.region, k->c.service, &ret->string_to_sign);
}

static int verify(struct sigv4_result *steps, const struct sigv4_request *req,
        const struct sigv4_credentials *cred, const char *expect_region, const char *expect_service,
        int64_t now_s, unsigned flags, struct err *err)
{
        _cleanup_(claim_deinit) struct claim k;
        char payload[65];
        int r;

        claim_init(&k);
        r = read_claim(&k, req, err);
        if (!r)
                r = check_scope(&k, expect_region, expect_service, err);
        if (!r)
                r = check_time(&k, now_s, err);
        if (!r)
                r = check_token(&k, cred, err);
        if (!r)
                r = payload_of(payload, &k, req, flags, err);
        if (r)
                return r;
        r = expected(steps, &k, req, cred->secret_access_key, payload, flags);
        if (r)
                return say(r, err);
        if (strcmp(k.c.access_key_id, cred->access_key_id) != 0 ||
                CRYPTO_memcmp(steps->signature, buf_str(&k.signature), 64) != 0) {
                err_set(err, "the request's signature does not match");
                r = SIGV4_E_SIGNATURE;
        }
        return r;
}

// 0; a sigv4_verify_result with err in one sentence; -errno. flags: as for signing; SIGV4_UNSIGNED_PAYLOAD
// allows a request that leaves its body out, SIGV4_TOKEN_AFTER_SIGNING one that leaves its token out.
int sigv4_verify(const struct sigv4_request *req, const struct sigv4_credentials *cred,
        const char *expect_region, const char *expect_service, int64_t now_s, unsigned flags, struct err *err)
{
        _cleanup_(sigv4_result_deinit) struct sigv4_result steps = SIGV4_RESULT_INIT;

        return verify(&steps, req, cred, expect_region, expect_service, now_s, flags, err);
}

int sigv4_verify_steps(struct sigv4_result *steps, const struct sigv4_request *req,
        const struct sigv4_credentials *cred, int64_t now_s, unsigned flags, struct err *err)
{
        return verify(steps, req, cred, NULL, NULL, now_s, flags, err);
}
