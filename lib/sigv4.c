// SPDX-License-Identifier: Apache-2.0
//
// Signing, in the header form (an Authorization header) and in the query form (a presigned URL). What the
// signer adds must not be there already: a request that brings its own date or token would be signed for one
// and sent with two.
#include "sigv4.h"

#include "form.h"
#include "sigv4_canon.h"
#include "timefmt.h"

#include <stdio.h>

#define ACCESS_KEY_MAX 128
#define WORD_MAX       64
#define TOKEN_MAX      (1u << 16)
#define EXPIRES_MAX_S  604800

// What both forms need, made once.
struct signing {
        const struct sigv4_request *req;
        const struct sigv4_params *params;
        const char *token; // NULL: none, or not part of what is signed
        char amz_date[TIME_AMZ_LEN + 1], date[9];
        char scope[9 + 2 * (WORD_MAX + 1) + sizeof SIGV4_TERMINATOR];
        char payload[65];
        struct buf lines, names, query;
};

static void signing_deinit(struct signing *s)
{
        buf_deinit(&s->lines);
        buf_deinit(&s->names);
        buf_deinit(&s->query);
}

void sigv4_result_deinit(struct sigv4_result *r)
{
        buf_deinit(&r->canonical_request);
        buf_deinit(&r->string_to_sign);
        buf_deinit(&r->authorization);
        buf_deinit(&r->signed_query);
        explicit_bzero(r->signature, sizeof r->signature);
}

static int refuse(struct err *err, const char *what)
{
        err_set(err, "this request cannot be signed: %s", what);
        return -EINVAL;
}

static bool token_ok(const struct secret *token)
{
        const char *s = secret_str(token);

        for (size_t i = 0; i < secret_len(token); i++)
                if (s[i] <= 0x20 || s[i] > 0x7e)
                        return false;
        return secret_len(token) > 0 && secret_len(token) <= TOKEN_MAX;
}

static int check_request(const struct sigv4_request *req, struct err *err)
{
        static const char *const ours[] = {
                "authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"};
        size_t hosts = 0;

        if (req->body_sha256 && strcmp(req->body_sha256, SIGV4_TRAILER) != 0 &&
                (strlen(req->body_sha256) != 64 || strspn(req->body_sha256, "0123456789abcdef") != 64))
                return refuse(err, "the digest of its body is none");
        for (size_t i = 0; i < req->n_headers; i++) {
                for (size_t k = 0; k < ARRAY_SIZE(ours); k++)
                        if (sigv4_is_name(req->headers[i].name, ours[k]))
                                return refuse(err, "it has a header that signing adds");
                hosts += sigv4_is_name(req->headers[i].name, "host");
        }
        return hosts == 1 ? 0 : refuse(err, "it needs one Host header");
}

// Parameters of the query form must not be there before: two readers would read a second one differently, and a request
// with both forms is refused by whoever verifies it.
static int check_query(const char *query)
{
        cleanup_buf struct buf all = BUF_INIT(SIGV4_QUERY_MAX);
        int r = sigv4_canon_query(&all, query, NULL, 0, NULL, NULL);

        if (r)
                return r;
        for (const char *s = buf_str(&all); *s; s += strcspn(s, "&"), s += *s == '&')
                if (strncmp(s, "X-Amz-", 6) == 0)
                        return SIGV4_CANON_E_BAD;
        return 0;
}

static int check_params(const struct sigv4_credentials *cred, const struct sigv4_params *p, struct err *err)
{
        if (!cred->access_key_id || !sigv4_word_ok(cred->access_key_id, ACCESS_KEY_MAX) ||
                !cred->secret_access_key)
                return refuse(err, "the access key is not one");
        if (cred->session_token && !token_ok(cred->session_token))
                return refuse(err, "the session token is not one");
        if (!p->region || !sigv4_word_ok(p->region, WORD_MAX) || !p->service ||
                !sigv4_word_ok(p->service, WORD_MAX))
                return refuse(err, "region and service are not words");
        if (p->expires_s < 0 || p->expires_s > EXPIRES_MAX_S)
                return refuse(err, "a presigned request lives for at most 7 days");
        return 0;
}

static int say(int r, struct err *err)
{
        if (r == -E2BIG)
                err_set(err, "this request has too many headers or parameters");
        return r == SIGV4_CANON_E_BAD ? refuse(err, "its method, path, query or a header cannot be sent")
                                      : err_fold(r);
}

static int prepare(struct signing *s, const struct sigv4_credentials *cred, struct err *err)
{
        const struct sigv4_params *p = s->params;
        int r = check_params(cred, p, err);

        if (!r)
                r = check_request(s->req, err);
        if (!r)
                r = check_query(s->req->query);
        if (r)
                return r;
        if (!(p->flags & SIGV4_TOKEN_AFTER_SIGNING))
                s->token = secret_str(cred->session_token);
        time_format_amz(s->amz_date, p->time_s);
        snprintf(s->date, sizeof s->date, "%.8s", s->amz_date);
        snprintf(s->scope, sizeof s->scope, "%s/%s/%s/" SIGV4_TERMINATOR, s->date, p->region, p->service);
        if (p->flags & SIGV4_UNSIGNED_PAYLOAD)
                snprintf(s->payload, sizeof s->payload, SIGV4_UNSIGNED);
        else if (s->req->body_sha256)
                snprintf(s->payload, sizeof s->payload, "%s", s->req->body_sha256);
        else
                r = sigv4_sha256_hex(s->payload, s->req->body, s->req->body_len);
        return r;
}

// From the pieces to the signature.
static int finish(struct sigv4_result *ret, struct signing *s, const struct sigv4_credentials *cred)
{
        int r = sigv4_canon_request(&ret->canonical_request, s->req, &s->query, &s->lines, &s->names,
                s->payload, s->params->flags);

        if (!r)
                r = sigv4_string_to_sign(
                        &ret->string_to_sign, s->amz_date, s->scope, &ret->canonical_request);
        if (!r)
                r = sigv4_signature(ret->signature, cred->secret_access_key, s->date, s->params->region,
                        s->params->service, &ret->string_to_sign);
        return r;
}

// A header that is left out of the signature besides those that change on the way.
static const char *left_out(const struct signing *s)
{
        return s->params->flags & SIGV4_LENGTH_UNSIGNED ? "content-length" : NULL;
}

static int sign_header(struct sigv4_result *ret, struct signing *s, const struct sigv4_credentials *cred)
{
        struct sigv4_header extra[3] = {{"x-amz-date", s->amz_date}};
        size_t n = 1;
        int r;

        memcpy(ret->amz_date, s->amz_date, sizeof ret->amz_date);
        if (s->params->flags & (SIGV4_SIGN_BODY | SIGV4_UNSIGNED_PAYLOAD)) {
                memcpy(ret->content_sha256, s->payload, sizeof ret->content_sha256);
                extra[n++] = (struct sigv4_header){"x-amz-content-sha256", s->payload};
        }
        if (s->token)
                extra[n++] = (struct sigv4_header){"x-amz-security-token", s->token};
        r = sigv4_canon_headers(&s->lines, &s->names, s->req, extra, n, NULL, left_out(s));
        if (!r)
                r = sigv4_canon_query(&s->query, s->req->query, NULL, 0, NULL, NULL);
        if (!r)
                r = finish(ret, s, cred);
        if (r)
                return r;
        return buf_printf(&ret->authorization,
                SIGV4_ALGORITHM " Credential=%s/%s, SignedHeaders=%s, Signature=%s", cred->access_key_id,
                s->scope, buf_str(&s->names), ret->signature);
}

static int sign_query(struct sigv4_result *ret, struct signing *s, const struct sigv4_credentials *cred)
{
        char credential[ACCESS_KEY_MAX + 1 + sizeof s->scope], expires[24];
        struct sigv4_header extra[7] = {{"X-Amz-Algorithm", SIGV4_ALGORITHM},
                {"X-Amz-Credential", credential}, {"X-Amz-Date", s->amz_date}, {"X-Amz-SignedHeaders", ""},
                {"X-Amz-Expires", expires}};
        struct buf *q = &ret->signed_query;
        const char *token = secret_str(cred->session_token);
        size_t n = 5;
        int r = sigv4_canon_headers(&s->lines, &s->names, s->req, NULL, 0, NULL, left_out(s));

        if (r)
                return r;
        snprintf(credential, sizeof credential, "%s/%s", cred->access_key_id, s->scope);
        snprintf(expires, sizeof expires, "%lld", (long long)s->params->expires_s);
        extra[3].value = buf_str(&s->names);
        if (s->token)
                extra[n++] = (struct sigv4_header){"X-Amz-Security-Token", s->token};
        r = sigv4_canon_query(&s->query, s->req->query, extra, n, NULL, NULL);
        if (!r)
                r = finish(ret, s, cred);
        if (r)
                return r;
        if (token && !s->token)
                extra[n++] = (struct sigv4_header){"X-Amz-Security-Token", token};
        extra[n++] = (struct sigv4_header){"X-Amz-Signature", ret->signature};
        buf_append_str(q, s->req->query ? s->req->query : "");
        for (size_t i = 0; i < n; i++)
                form_add(q, extra[i].name, extra[i].value);
        return buf_error(q);
}

// ret starts as SIGV4_RESULT_INIT and is to be released whatever the result. 0; -EINVAL with err; -E2BIG,
// -EMSGSIZE, -ENOMEM, -EIO.
int sigv4_sign(struct sigv4_result *ret, const struct sigv4_request *req,
        const struct sigv4_credentials *cred, const struct sigv4_params *params, struct err *err)
{
        _cleanup_(signing_deinit) struct signing s = {.req = req,
                .params = params,
                .lines = BUF_INIT(1u << 20),
                .names = BUF_INIT(1u << 16),
                .query = BUF_INIT(SIGV4_QUERY_MAX)};
        int r = prepare(&s, cred, err);

        if (!r)
                r = params->expires_s ? sign_query(ret, &s, cred) : sign_header(ret, &s, cred);
        return say(r, err);
}
