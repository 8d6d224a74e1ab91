// SPDX-License-Identifier: Apache-2.0
//
// We read the JWK ourselves, strictly, and hand cjose nothing but public numbers of checked length: its own
// reader takes lenient base64, private keys and symmetric ones. The cjose key is made when it is needed, not
// when the set is read, so a set of a thousand keys costs no arithmetic.
//
// cjose 0.6.2 uses some of its allocations without looking at them; what that means for us stands in zlibs.c.
#include "jwk.h"

#include "b64.h"
#include "json.h"

#include <cjose/cjose.h>
#include <openssl/err.h>

static const struct jwt_alg algorithms[] = {
        {"RS256", JWK_RSA, 0},
        {"RS384", JWK_RSA, 0},
        {"RS512", JWK_RSA, 0},
        {"PS256", JWK_RSA, 0},
        {"ES256", JWK_P256, 64},
        {"ES384", JWK_P384, 96},
        {"ES512", JWK_P521, 132},
};

static const struct {
        const char *name;
        enum jwk_kind kind;
        cjose_jwk_ec_curve curve;
        size_t coordinate_len;
} curves[] = {
        {"P-256", JWK_P256, CJOSE_JWK_EC_P_256, 32},
        {"P-384", JWK_P384, CJOSE_JWK_EC_P_384, 48},
        {"P-521", JWK_P521, CJOSE_JWK_EC_P_521, 66},
};

const struct jwt_alg *jwt_alg_find(const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++)
                if (strcmp(name, algorithms[i].name) == 0)
                        return &algorithms[i];
        return NULL;
}

void jwk_deinit(struct jwk *k)
{
        free(k->kid);
        k->kid = NULL;
        buf_deinit(&k->a);
        buf_deinit(&k->b);
}

bool jwk_fits(const struct jwk *k, const struct jwt_alg *alg)
{
        return k->kind == alg->kind && (!k->only || k->only == alg);
}

// A base64url member without its leading zero bytes (strip) or exactly len bytes long.
static int read_number(struct buf *out, const json_t *entry, const char *key, size_t len, bool strip)
{
        const char *s = NULL;
        size_t zeroes = 0;
        int r;

        if (json_get_string(entry, key, JWK_RSA_BITS_MAX, &s) != 0)
                return JWK_E_UNUSABLE;
        r = b64url_decode(out, s, strlen(s));
        if (r < 0)
                return r == -ENOMEM ? r : JWK_E_UNUSABLE;
        if (!strip)
                return out->n == len ? 0 : JWK_E_UNUSABLE;
        while (zeroes < out->n && out->p[zeroes] == 0)
                zeroes++;
        if (zeroes == out->n)
                return JWK_E_UNUSABLE;
        memmove(out->p, out->p + zeroes, out->n - zeroes);
        out->n -= zeroes;
        return 0;
}

static unsigned bits_of(const struct buf *b)
{
        unsigned top = (unsigned char)b->p[0];

        return (unsigned)b->n * 8 - ((unsigned)__builtin_clz(top) - 24);
}

static int read_rsa(struct jwk *k, const json_t *entry)
{
        int r;

        k->kind = JWK_RSA;
        r = read_number(&k->a, entry, "n", 0, true);
        if (!r)
                r = read_number(&k->b, entry, "e", 0, true);
        if (r)
                return r;
        if (bits_of(&k->a) < JWK_RSA_BITS_MIN || bits_of(&k->a) > JWK_RSA_BITS_MAX ||
                !(k->a.p[k->a.n - 1] & 1))
                return JWK_E_UNUSABLE;
        // An odd exponent of at least 3 and at most 64 bits.
        if (k->b.n > 8 || !(k->b.p[k->b.n - 1] & 1) || (k->b.n == 1 && k->b.p[0] == 1))
                return JWK_E_UNUSABLE;
        return 0;
}

static int read_ec(struct jwk *k, const json_t *entry)
{
        const char *name = NULL;
        int r;

        if (json_get_string(entry, "crv", 16, &name) != 0)
                return JWK_E_UNUSABLE;
        for (size_t i = 0; i < ARRAY_SIZE(curves); i++) {
                if (strcmp(name, curves[i].name) != 0)
                        continue;
                k->kind = curves[i].kind;
                r = read_number(&k->a, entry, "x", curves[i].coordinate_len, false);
                return r ? r : read_number(&k->b, entry, "y", curves[i].coordinate_len, false);
        }
        return JWK_E_UNUSABLE;
}

// "use" and "key_ops" (RFC 7517 §4.2, §4.3), where present, must allow verifying.
static bool may_verify(const json_t *entry)
{
        const json_t *ops = json_object_get(entry, "key_ops"), *op;
        const char *use = "sig";
        size_t i;
        int r = json_get_string(entry, "use", 16, &use);

        if ((r != 0 && r != -ENOENT) || strcmp(use, "sig") != 0)
                return false;
        if (!ops)
                return true;
        json_array_foreach(ops, i, op)
        {
                if (json_is_string(op) && strcmp(json_string_value(op), "verify") == 0)
                        return true;
        }
        return false;
}

static int read_names(struct jwk *k, const json_t *entry)
{
        const char *s = NULL;
        int r = json_get_string(entry, "alg", 32, &s);

        if (r == 0) {
                k->only = jwt_alg_find(s);
                if (!k->only || k->only->kind != k->kind)
                        return JWK_E_UNUSABLE;
        } else if (r != -ENOENT) {
                return JWK_E_UNUSABLE;
        }
        r = json_get_string(entry, "kid", JWK_KID_MAX, &s);
        if (r == -ENOENT)
                return 0;
        if (r)
                return JWK_E_UNUSABLE;
        k->kid = strdup(s);
        return k->kid ? 0 : -ENOMEM;
}

int jwk_read(struct jwk *ret, const json_t *entry)
{
        static const char *const private_members[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};
        const char *kty = NULL;
        int r;

        *ret = (struct jwk){.a = BUF_INIT(JWK_RSA_BITS_MAX / 8 + 1), .b = BUF_INIT(JWK_RSA_BITS_MAX / 8 + 1)};
        if (json_get_string(entry, "kty", 8, &kty) != 0)
                return JWK_E_UNUSABLE;
        // A provider that publishes a private key has lost it: nothing that it signs proves anything.
        for (size_t i = 0; i < ARRAY_SIZE(private_members); i++)
                if (json_object_get(entry, private_members[i]))
                        return JWK_E_UNUSABLE;
        if (!may_verify(entry))
                return JWK_E_UNUSABLE;
        if (strcmp(kty, "RSA") == 0)
                r = read_rsa(ret, entry);
        else if (strcmp(kty, "EC") == 0)
                r = read_ec(ret, entry);
        else
                r = JWK_E_UNUSABLE;
        return r ? r : read_names(ret, entry);
}

// The cjose key of k, the caller's; NULL with the reason in e.
static cjose_jwk_t *make_key(const struct jwk *k, cjose_err *e)
{
        if (k->kind == JWK_RSA) {
                cjose_jwk_rsa_keyspec rsa = {
                        .n = (uint8_t *)k->a.p, .nlen = k->a.n, .e = (uint8_t *)k->b.p, .elen = k->b.n};

                return cjose_jwk_create_RSA_spec(&rsa, e);
        }
        for (size_t i = 0; i < ARRAY_SIZE(curves); i++) {
                cjose_jwk_ec_keyspec ec = {.crv = curves[i].curve,
                        .x = (uint8_t *)k->a.p,
                        .xlen = k->a.n,
                        .y = (uint8_t *)k->b.p,
                        .ylen = k->b.n};

                if (curves[i].kind == k->kind)
                        return cjose_jwk_create_EC_spec(&ec, e);
        }
        e->code = CJOSE_ERR_INVALID_ARG;
        return NULL;
}

int jwk_verify(
        const struct jwk *k, const struct jwt_alg *alg, const char *token, size_t n, size_t signature_len)
{
        cjose_err e = {.code = CJOSE_ERR_NONE};
        cjose_jws_t *jws = NULL;
        cjose_jwk_t *key;
        int r = 0;

        if (!jwk_fits(k, alg))
                return JWK_E_UNUSABLE;
        // cjose halves an ECDSA signature wherever it ends; the length is part of the algorithm (RFC 7518
        // §3.4).
        if (signature_len != (alg->signature_len ? alg->signature_len : k->a.n))
                return JWK_E_SIGNATURE;
        // What OpenSSL says about a foreign token must not lie in its queue when the next caller looks there.
        ERR_set_mark();
        key = make_key(k, &e);
        if (!key) {
                r = JWK_E_UNUSABLE; // cjose says "no memory" of a point off the curve, too
        } else {
                jws = cjose_jws_import(token, n, &e);
                if (!jws || !cjose_jws_verify(jws, key, &e))
                        r = e.code == CJOSE_ERR_NO_MEMORY ? -ENOMEM : JWK_E_SIGNATURE;
                cjose_jws_release(jws);
                cjose_jwk_release(key);
        }
        ERR_pop_to_mark();
        return r;
}
