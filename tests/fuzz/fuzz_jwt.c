// SPDX-License-Identifier: Apache-2.0
//
// ID tokens in two ways: "R" and a token as it would arrive; or "S", a header, a newline and a payload, which
// are signed here with the provider's key, so that mutations reach what stands behind the signature.
#include "../unit/mint.h"
#include "jwt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static EVP_PKEY *key;
static struct jwks *keys;

static void set_up(void)
{
        struct buf b = BUF_INIT(4096);

        key = mint_ec("P-256");
        buf_append_str(&b, "{\"keys\":[");
        mint_jwk(&b, key, "P-256", ",\"kid\":\"k\"");
        buf_append_str(&b, "]}");
        if (jwks_parse(&keys, buf_str(&b), b.n, NULL) < 0)
                abort();
        buf_deinit(&b);
}

static void check(const char *token, size_t n, bool is_signed)
{
        struct jwt_expect x = {
                .issuer = "https://login.example.com", .client_id = "valetkey", .now_s = 1700000000};
        struct jwt_claims c = {0};
        struct err err = ERR_INIT;
        int r = jwt_verify(&c, token, n, keys, &x, &err);

        if (r == 0) {
                if (!is_signed || strcmp(c.iss, x.issuer) || !c.sub[0] || strlen(c.sub) > JWT_SUB_MAX ||
                        c.exp <= x.now_s - JWT_LEEWAY_S || c.iat > x.now_s + JWT_LEEWAY_S)
                        abort();
                jwt_claims_deinit(&c);
                return;
        }
        if (c.all || !jwt_result_text(r)[0] || !err.text[0])
                abort();
        for (const char *p = err.text; *p; p++)
                if ((unsigned char)*p < 0x20)
                        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct buf b = BUF_INIT(MINT_MAX);
        char *text, *nl, *token;

        if (!key)
                set_up();
        if (size == 0 || size > MINT_MAX / 4)
                return 0;
        if (data[0] != 'S') {
                check((const char *)data + 1, size - 1, false);
                return 0;
        }
        buf_append(&b, data + 1, size - 1);
        if (buf_take_str(&b, &text) < 0)
                abort();
        nl = strchr(text, '\n');
        if (nl) {
                *nl = 0;
                token = mint_token(key, "ES256", text, nl + 1);
                check(token, strlen(token), true);
                free(token);
        }
        free(text);
        return 0;
}
