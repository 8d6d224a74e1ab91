// SPDX-License-Identifier: Apache-2.0
//
// Keys are generated with OpenSSL at start, published as a JWKS and used to sign compact JWS; nothing is stored.
#include "keyring.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>

#include "b64.h"
#include "json.h"
#include "random.h"

#define PAIRS_MAX 4
#define P256_LEN  32

struct pair {
        EVP_PKEY *rsa, *ec;
        char rsa_kid[20], ec_kid[20];
};

struct keyring {
        struct pair pairs[PAIRS_MAX]; // the first one signs
        size_t n;
        EVP_PKEY *strange_rsa, *strange_ec; // made when a fault first asks for them
};

DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free);
DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free);
DEFINE_CLEANUP(BIGNUM *, BN_free);
DEFINE_CLEANUP(ECDSA_SIG *, ECDSA_SIG_free);

static int pair_new(struct pair *ret)
{
        struct pair p = {0};
        char id[2][9];
        int r = random_hex(id[0], 4);

        if (r == 0)
                r = random_hex(id[1], 4);
        if (r < 0)
                return r;
        p.rsa = EVP_RSA_gen(2048);
        p.ec = EVP_EC_gen("P-256");
        if (!p.rsa || !p.ec) {
                EVP_PKEY_free(p.rsa);
                EVP_PKEY_free(p.ec);
                return -ENOMEM;
        }
        snprintf(p.rsa_kid, sizeof p.rsa_kid, "rs-%s", id[0]);
        snprintf(p.ec_kid, sizeof p.ec_kid, "es-%s", id[1]);
        *ret = p;
        return 0;
}

static void pair_clear(struct pair *p)
{
        EVP_PKEY_free(p->rsa);
        EVP_PKEY_free(p->ec);
        *p = (struct pair){0};
}

int keyring_rotate(struct keyring *k, bool forget)
{
        struct pair p;
        int r = pair_new(&p);

        if (r < 0)
                return r;
        while (k->n && (forget || k->n == PAIRS_MAX))
                pair_clear(&k->pairs[--k->n]);
        memmove(k->pairs + 1, k->pairs, k->n * sizeof *k->pairs);
        k->pairs[0] = p;
        k->n++;
        return 0;
}

int keyring_new(struct keyring **ret)
{
        struct keyring *k = calloc(1, sizeof *k);
        int r = k ? keyring_rotate(k, /* forget= */ false) : -ENOMEM;

        if (r < 0) {
                free(k);
                return r;
        }
        *ret = k;
        return 0;
}

struct keyring *keyring_free(struct keyring *k)
{
        if (!k)
                return NULL;
        while (k->n)
                pair_clear(&k->pairs[--k->n]);
        EVP_PKEY_free(k->strange_rsa);
        EVP_PKEY_free(k->strange_ec);
        free(k);
        return NULL;
}

// ---- publishing -----------------------------------------------------------------------------------------------------

static int add_number(json_t *jwk, const char *member, const EVP_PKEY *key, const char *param, int len)
{
        _cleanup_(BN_freep) BIGNUM *bn = NULL;
        cleanup_buf struct buf b = BUF_INIT(1024);
        unsigned char raw[512];

        if (EVP_PKEY_get_bn_param(key, param, &bn) != 1)
                return -EIO;
        if (len == 0)
                len = BN_num_bytes(bn);
        if (len > (int)sizeof raw || BN_bn2binpad(bn, raw, len) != len)
                return -EIO;
        if (b64url_encode(&b, raw, (size_t)len) < 0)
                return buf_error(&b);
        return json_object_set_new(jwk, member, json_string(buf_str(&b))) < 0 ? -ENOMEM : 0;
}

static int add_key(json_t *keys, const EVP_PKEY *key, const char *kid)
{
        bool ec = EVP_PKEY_get_base_id(key) == EVP_PKEY_EC;
        cleanup_json json_t *jwk =
                json_pack("{s:s, s:s, s:s}", "kty", ec ? "EC" : "RSA", "use", "sig", "kid", kid);
        int r;

        if (!jwk)
                return -ENOMEM;
        if (ec) {
                // An RSA key serves RS* and PS*, so only the curve's key names its one algorithm.
                if (json_object_set_new(jwk, "crv", json_string("P-256")) < 0 ||
                        json_object_set_new(jwk, "alg", json_string("ES256")) < 0)
                        return -ENOMEM;
                r = add_number(jwk, "x", key, OSSL_PKEY_PARAM_EC_PUB_X, P256_LEN);
                if (r == 0)
                        r = add_number(jwk, "y", key, OSSL_PKEY_PARAM_EC_PUB_Y, P256_LEN);
        } else {
                r = add_number(jwk, "n", key, OSSL_PKEY_PARAM_RSA_N, 0);
                if (r == 0)
                        r = add_number(jwk, "e", key, OSSL_PKEY_PARAM_RSA_E, 0);
        }
        if (r == 0 && json_array_append(keys, jwk) < 0)
                r = -ENOMEM;
        return r;
}

static int make_strangers(const struct keyring *k)
{
        struct keyring *w;

        // Logically const: they are made when first looked at.
        memcpy(&w, &k, sizeof w);
        if (!w->strange_rsa)
                w->strange_rsa = EVP_RSA_gen(2048);
        if (!w->strange_ec)
                w->strange_ec = EVP_EC_gen("P-256");
        return w->strange_rsa && w->strange_ec ? 0 : -ENOMEM;
}

static int add_junk(json_t *keys)
{
        cleanup_json json_t *junk = json_pack("[{s:s}, s, i, n, {s:s, s:s, s:s}, {s:s, s:s, s:s, s:s}]",
                "kty", "what", "a string", 7, "kty", "oct", "kid", "shared", "k", "c2VjcmV0", "kty", "EC",
                "crv", "P-256", "x", "!", "y", "");

        return junk && json_array_extend(keys, junk) == 0 ? 0 : -ENOMEM;
}

int keyring_jwks(const struct keyring *k, unsigned flags, json_t **ret)
{
        cleanup_json json_t *keys = json_array();
        int r = keys ? 0 : -ENOMEM;

        if (r == 0 && (flags & (KEYRING_STRANGERS | KEYRING_MANY)))
                r = make_strangers(k);
        for (int i = 0; r == 0 && i < 1000 && (flags & KEYRING_MANY); i++) {
                char kid[24];

                snprintf(kid, sizeof kid, "other-%d", i);
                r = add_key(keys, k->strange_ec, kid);
        }
        if (r == 0 && (flags & KEYRING_JUNK))
                r = add_junk(keys);
        if (r == 0 && (flags & KEYRING_STRANGERS))
                r = add_key(keys, k->strange_rsa, "rs-stranger");
        for (size_t i = 0; r == 0 && i < k->n && !(flags & KEYRING_STRANGERS); i++) {
                r = add_key(keys, k->pairs[i].rsa, k->pairs[i].rsa_kid);
                if (r == 0)
                        r = add_key(keys, k->pairs[i].ec, k->pairs[i].ec_kid);
        }
        if (r < 0)
                return r;
        *ret = json_pack("{s:O}", "keys", keys);
        return *ret ? 0 : -ENOMEM;
}

// ---- signing --------------------------------------------------------------------------------------------------------

static int append_json(struct buf *b, const json_t *j)
{
        char *text = json_dumps(j, JSON_COMPACT);
        int r;

        if (!text)
                return -ENOMEM;
        r = b64url_encode(b, text, strlen(text));
        free(text);
        return r;
}

// JWS wants r and s side by side, OpenSSL speaks DER.
static int ecdsa_to_raw(unsigned char *sig, size_t *n)
{
        const unsigned char *p = sig;
        _cleanup_(ECDSA_SIG_freep) ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &p, (long)*n);

        if (!s || BN_bn2binpad(ECDSA_SIG_get0_r(s), sig, P256_LEN) != P256_LEN ||
                BN_bn2binpad(ECDSA_SIG_get0_s(s), sig + P256_LEN, P256_LEN) != P256_LEN)
                return -EIO;
        *n = 2 * P256_LEN;
        return 0;
}

static int sign_bytes(EVP_PKEY *key, const char *alg, const struct buf *in, unsigned char *sig, size_t *n)
{
        const EVP_MD *md = strcmp(alg + 2, "512") == 0   ? EVP_sha512()
                           : strcmp(alg + 2, "384") == 0 ? EVP_sha384()
                                                         : EVP_sha256();
        _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        EVP_PKEY_CTX *pctx;

        if (!ctx)
                return -ENOMEM;
        if (EVP_DigestSignInit(ctx, &pctx, md, NULL, key) != 1)
                return -EIO;
        if (alg[0] == 'P' && (EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) != 1 ||
                                     EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) != 1))
                return -EIO;
        if (EVP_DigestSign(ctx, sig, n, (const unsigned char *)in->p, in->n) != 1)
                return -EIO;
        return alg[0] == 'E' ? ecdsa_to_raw(sig, n) : 0;
}

int keyring_sign(
        const struct keyring *k, const char *alg, const json_t *claims, unsigned flags, struct buf *ret)
{
        cleanup_buf struct buf b = BUF_INIT(4u << 20);
        cleanup_json json_t *header = NULL;
        bool ec = alg[0] == 'E';
        EVP_PKEY *key = ec ? k->pairs[0].ec : k->pairs[0].rsa;
        unsigned char sig[1024];
        size_t n = sizeof sig;
        int r;

        if (flags & KEYRING_UNPUBLISHED) {
                r = make_strangers(k);
                if (r < 0)
                        return r;
                key = ec ? k->strange_ec : k->strange_rsa;
        }
        header = json_pack("{s:s, s:s, s:s}", "alg", flags & KEYRING_NONE ? "none" : alg, "typ", "JWT", "kid",
                ec ? k->pairs[0].ec_kid : k->pairs[0].rsa_kid);
        if (!header)
                return -ENOMEM;
        if ((r = append_json(&b, header)) < 0 || (r = buf_append_char(&b, '.')) < 0 ||
                (r = append_json(&b, claims)) < 0)
                return r;
        if (flags & KEYRING_NONE)
                n = 0;
        else if ((r = sign_bytes(key, alg, &b, sig, &n)) < 0)
                return r;
        if (n && (flags & KEYRING_BREAK_SIGNATURE))
                sig[n / 2] ^= 1;
        buf_append_char(&b, '.');
        b64url_encode(&b, sig, n);
        return buf_append(ret, buf_str(&b), b.n) < 0 ? buf_error(ret) : buf_error(&b);
}
