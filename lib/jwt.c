// SPDX-License-Identifier: Apache-2.0
//
// The order is the security: form, algorithm, key, signature — and only then does anything the token claims
// matter. Header members that would have the token bring its own key (jwk, jku, x5c, x5u) are never looked
// at. cjose checks the signature and nothing else; it sees a token only after we have found exactly three
// parts of canonical base64url and an algorithm of our list in a header without duplicates.
#include "jwt.h"

#include "b64.h"
#include "json.h"
#include "jwks.h"

#define SAME_KID_MAX 4              // keys of one kid that are tried
#define TIME_MAX     253402300799LL // the year 9999

struct token {
        const char *text;
        size_t n;
        size_t part[3], len[3]; // where header, payload and signature begin, and how long they are
        size_t signature_len;   // in bytes
        json_t *header, *payload;
        const struct jwt_alg *alg;
        const char *kid; // NULL where absent; borrowed from header
};

static void token_deinit(struct token *t)
{
        json_decref(t->header);
        json_decref(t->payload);
}

static int fail(struct err *err, int r)
{
        err_set(err, "%s", jwt_result_text(r));
        return r;
}

const char *jwt_result_text(int r)
{
        switch ((enum jwt_result)r) {
        case JWT_E_MALFORMED:
                return "the provider's ID token is malformed";
        case JWT_E_ALGORITHM:
                return "the ID token is signed with an algorithm that is not accepted";
        case JWT_E_CRITICAL:
                return "the ID token demands an extension that is not supported";
        case JWT_E_NO_KEY:
                return "the provider publishes no key that fits the ID token";
        case JWT_E_SIGNATURE:
                return "the ID token's signature is wrong";
        case JWT_E_ISSUER:
                return "the ID token was issued by somebody else";
        case JWT_E_AUDIENCE:
                return "the ID token is meant for another client";
        case JWT_E_EXPIRED:
                return "the ID token has expired";
        case JWT_E_NOT_YET:
                return "the ID token is from the future; check this machine's clock";
        case JWT_E_NONCE:
                return "the ID token does not answer this sign-in (nonce)";
        case JWT_E_SUBJECT:
                return "the ID token names no usable subject, or another than expected";
        }
        return "";
}

// Exactly three non-empty parts.
static int split(struct token *t)
{
        size_t at = 0;

        if (t->n == 0 || t->n > JWT_TOKEN_MAX)
                return JWT_E_MALFORMED;
        for (int i = 0; i < 3; i++) {
                const char *dot = memchr(t->text + at, '.', t->n - at);
                size_t end = dot ? (size_t)(dot - t->text) : t->n;

                if ((i < 2) != (dot != NULL) || end == at)
                        return JWT_E_MALFORMED;
                t->part[i] = at;
                t->len[i] = end - at;
                at = end + 1;
        }
        return 0;
}

static int decode_json(json_t **ret, const char *s, size_t n, struct err *err)
{
        cleanup_buf struct buf b = BUF_INIT(JWT_TOKEN_MAX);
        int r = b64url_decode(&b, s, n);

        if (!r)
                r = json_parse(ret, buf_str(&b), b.n, err);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || !json_is_object(*ret)) {
                err_prefix(err, "%s%s", jwt_result_text(JWT_E_MALFORMED), err && err->text[0] ? ": " : "");
                return JWT_E_MALFORMED;
        }
        return 0;
}

static bool ends_with(const char *s, const char *tail)
{
        size_t n = strlen(s), m = strlen(tail);

        return n >= m && strcasecmp(s + n - m, tail) == 0;
}

// Everything about the header that can be refused without a key.
static int read_header(struct token *t, struct err *err)
{
        const char *alg = NULL, *typ = "";
        char shown[48];
        int r = decode_json(&t->header, t->text + t->part[0], t->len[0], err);

        if (r)
                return r;
        if (json_get_string(t->header, "alg", 32, &alg) != 0)
                return fail(err, JWT_E_ALGORITHM);
        t->alg = jwt_alg_find(alg);
        if (!t->alg) {
                err_set(err, "%s: %s", jwt_result_text(JWT_E_ALGORITHM),
                        err_sanitise(shown, sizeof shown, alg, strlen(alg)));
                return JWT_E_ALGORITHM;
        }
        if (json_object_get(t->header, "crit"))
                return fail(err, JWT_E_CRITICAL);
        r = json_get_string(t->header, "kid", JWK_KID_MAX, &t->kid);
        if (r != 0 && r != -ENOENT)
                return fail(err, JWT_E_MALFORMED);
        // Access, logout and event tokens say what they are (RFC 8725 §3.11): at+jwt, logout+jwt,
        // secevent+jwt.
        r = json_get_string(t->header, "typ", 128, &typ);
        if ((r != 0 && r != -ENOENT) || ends_with(typ, "+jwt")) {
                err_set(err, "this is not an ID token but another kind of token");
                return JWT_E_MALFORMED;
        }
        return 0;
}

static int parse(struct token *t, struct err *err)
{
        cleanup_buf struct buf signature = BUF_INIT(JWT_TOKEN_MAX);
        int r = split(t);

        if (r)
                return fail(err, r);
        r = read_header(t, err);
        if (!r)
                r = decode_json(&t->payload, t->text + t->part[1], t->len[1], err);
        if (r)
                return r;
        r = b64url_decode(&signature, t->text + t->part[2], t->len[2]);
        if (r == -ENOMEM)
                return r;
        t->signature_len = signature.n;
        return r < 0 ? fail(err, JWT_E_MALFORMED) : 0;
}

static int check_signature(const struct token *t, const struct jwks *keys, struct err *err)
{
        const struct jwk *k;
        size_t at = 0, tried = 0;
        int r = JWT_E_NO_KEY;

        // Without a kid only one key may come into question: trying them all would let any of them do.
        if (!t->kid && jwks_next(keys, &at, NULL, t->alg) && jwks_next(keys, &at, NULL, t->alg)) {
                err_set(err, "the ID token does not say which of the provider's keys signed it");
                return JWT_E_NO_KEY;
        }
        at = 0;
        while (tried++ < SAME_KID_MAX && (k = jwks_next(keys, &at, t->kid, t->alg))) {
                int v = jwk_verify(k, t->alg, t->text, t->n, t->signature_len);

                if (v <= 0)
                        return v;
                if (v == JWK_E_SIGNATURE)
                        r = JWT_E_SIGNATURE;
        }
        return fail(err, r);
}

static int check_audience(struct jwt_claims *c, const struct jwt_expect *x, struct err *err)
{
        const json_t *aud = json_object_get(c->all, "aud"), *one;
        bool found = false;
        size_t i;
        int r = json_get_string(c->all, "azp", JWT_TOKEN_MAX, &c->azp);

        if (r != 0 && r != -ENOENT)
                return fail(err, JWT_E_MALFORMED);
        if (json_is_string(aud)) {
                c->aud = json_string_value(aud);
                found = x->client_id && strcmp(c->aud, x->client_id) == 0;
        } else if (!json_is_array(aud) || json_array_size(aud) == 0) {
                return fail(err, JWT_E_MALFORMED);
        }
        json_array_foreach(aud, i, one)
        {
                if (!json_is_string(one))
                        return fail(err, JWT_E_MALFORMED);
                if (i == 0)
                        c->aud = json_string_value(one);
                found |= x->client_id && strcmp(json_string_value(one), x->client_id) == 0;
        }
        if (x->caller_judges_audience)
                return 0;
        // OIDC Core 3.1.3.7, 4 and 5.
        if (!found || (c->azp && strcmp(c->azp, x->client_id) != 0) || (!c->azp && json_array_size(aud) > 1))
                return fail(err, JWT_E_AUDIENCE);
        return 0;
}

// NumericDate (RFC 7519 §2): seconds, possibly with a fraction, which is cut off.
static int get_time(const json_t *o, const char *key, int64_t *ret)
{
        const json_t *v = json_object_get(o, key);
        double d;

        if (!v)
                return -ENOENT;
        if (!json_is_number(v))
                return -EBADMSG;
        d = json_number_value(v);
        if (!(d >= 0 && d <= (double)TIME_MAX))
                return -EBADMSG;
        *ret = json_is_integer(v) ? json_integer_value(v) : (int64_t)d;
        return 0;
}

static int check_times(struct jwt_claims *c, const struct jwt_expect *x, struct err *err)
{
        int r;

        if (get_time(c->all, "exp", &c->exp) != 0 || get_time(c->all, "iat", &c->iat) != 0)
                return fail(err, JWT_E_MALFORMED);
        r = get_time(c->all, "nbf", &c->nbf);
        if (r != 0 && r != -ENOENT)
                return fail(err, JWT_E_MALFORMED);
        if (x->now_s - JWT_LEEWAY_S >= c->exp)
                return fail(err, JWT_E_EXPIRED);
        if (c->iat > x->now_s + JWT_LEEWAY_S || c->nbf > x->now_s + JWT_LEEWAY_S)
                return fail(err, JWT_E_NOT_YET);
        return 0;
}

static int check_subject(struct jwt_claims *c, const struct jwt_expect *x, struct err *err)
{
        if (json_get_string(c->all, "sub", JWT_SUB_MAX, &c->sub) != 0 || !c->sub[0])
                return fail(err, JWT_E_SUBJECT);
        for (const char *p = c->sub; *p; p++)
                if (*p < 0x20 || *p > 0x7e)
                        return fail(err, JWT_E_SUBJECT);
        if (x->subject && strcmp(c->sub, x->subject) != 0)
                return fail(err, JWT_E_SUBJECT);
        return 0;
}

static int check_claims(struct jwt_claims *c, const struct jwt_expect *x, struct err *err)
{
        const char *nonce = NULL;
        int r = json_get_string(c->all, "iss", JWT_TOKEN_MAX, &c->iss);

        if (r != 0 || strcmp(c->iss, x->issuer) != 0)
                return fail(err, JWT_E_ISSUER);
        r = check_audience(c, x, err);
        if (!r)
                r = check_times(c, x, err);
        if (r)
                return r;
        if (x->nonce && (json_get_string(c->all, "nonce", JWT_TOKEN_MAX, &nonce) != 0 ||
                                strcmp(nonce, x->nonce) != 0))
                return fail(err, JWT_E_NONCE);
        return check_subject(c, x, err);
}

// ret is the caller's (jwt_claims_deinit) and untouched unless the result is 0.
int jwt_verify(struct jwt_claims *ret, const char *token, size_t n, const struct jwks *keys,
        const struct jwt_expect *expect, struct err *err)
{
        _cleanup_(token_deinit) struct token t = {.text = token, .n = n};
        struct jwt_claims c = {0};
        int r = parse(&t, err);

        if (!r)
                r = check_signature(&t, keys, err);
        if (r)
                return r;
        c.all = t.payload;
        r = check_claims(&c, expect, err);
        if (r)
                return r;
        t.payload = NULL;
        *ret = c;
        return 0;
}

void jwt_claims_deinit(struct jwt_claims *c)
{
        json_decref(c->all);
        *c = (struct jwt_claims){0};
}
