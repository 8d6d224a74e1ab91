// SPDX-License-Identifier: Apache-2.0
//
// The provider as a whole: its state, its clients, discovery and keys.
#include "op_internal.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "keyring.h"
#include "log.h"
#include "random.h"

int op_new(struct op **ret)
{
        struct op *op = calloc(1, sizeof *op);
        int r = op ? random_bytes(op->key, sizeof op->key) : -ENOMEM;

        if (r < 0) {
                free(op);
                return r;
        }
        *ret = op;
        return 0;
}

struct op *op_free(struct op *op)
{
        if (!op)
                return NULL;
        for (size_t i = 0; i < OP_CODES_MAX; i++)
                free(op->codes[i].redirect_uri);
        OPENSSL_cleanse(op, sizeof *op);
        free(op);
        return NULL;
}

void op_seal(const struct op *op, const char *text, char ret[33])
{
        unsigned char mac[EVP_MAX_MD_SIZE] = {0};

        // One-shot HMAC-SHA256 of a short text fails only when OpenSSL itself is broken.
        if (!HMAC(EVP_sha256(), op->key, sizeof op->key, (const unsigned char *)text, strlen(text), mac,
                    NULL))
                abort();
        for (int i = 0; i < 16; i++) {
                ret[2 * i] = "0123456789abcdef"[mac[i] >> 4];
                ret[2 * i + 1] = "0123456789abcdef"[mac[i] & 15];
        }
        ret[32] = 0;
}

bool op_sealed(const struct op *op, const char *text, const char *seal)
{
        char want[33];

        op_seal(op, text, want);
        return strlen(seal) == 32 && CRYPTO_memcmp(want, seal, 32) == 0;
}

int64_t op_now_s(const struct web_request *r)
{
        return cloud_now_s(r->cloud, SERVICE_OIDC);
}

bool op_copy(char dst[OP_NAME_MAX], const char *s)
{
        size_t n = s ? strlen(s) : 0;

        if (n >= OP_NAME_MAX)
                return false;
        for (size_t i = 0; i < n; i++)
                if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
                        return false;
        memcpy(dst, s ? s : "", n);
        dst[n] = 0;
        return true;
}

void op_log_refused(const struct web_request *r, const char *client_id, const char *error)
{
        log_event(LOG_E_NOTICE, "oidc.refused", "operation=%s client=%s error=%s", r->op, client_id, error);
}

// ---- scopes ---------------------------------------------------------------------------------------------------------

static const char *const scopes[] = {"openid", "profile", "email", "offline_access", "groups", NULL};

bool op_has_scope(const char *list, const char *word)
{
        size_t n = strlen(word);

        while (*list) {
                size_t len = strcspn(list, " ");

                if (len == n && memcmp(list, word, n) == 0)
                        return true;
                list += len;
                list += strspn(list, " ");
        }
        return false;
}

const char *op_scope_check(const char *scope)
{
        if (!scope || !op_has_scope(scope, "openid"))
                return "the scope must contain openid";
        for (const char *p = scope; *p;) {
                size_t n = strcspn(p, " ");
                bool known = false;

                for (const char *const *s = scopes; *s; s++)
                        known |= strlen(*s) == n && memcmp(*s, p, n) == 0;
                if (!known)
                        return "the scope asks for something that scopes_supported does not list";
                p += n;
                p += strspn(p, " ");
        }
        return NULL;
}

// ---- clients --------------------------------------------------------------------------------------------------------

// "Basic base64(id:secret)" (RFC 6749 §2.3.1), both form-encoded; ids and secrets here need no encoding.
static bool read_basic(
        const char *header, char *buf, size_t size, const char **ret_id, const char **ret_secret)
{
        size_t n;
        int len;
        char *colon;

        if (strncasecmp(header, "Basic ", 6) != 0)
                return false;
        header += 6;
        n = strlen(header);
        if (n == 0 || n % 4 || n / 4 * 3 >= size)
                return false;
        len = EVP_DecodeBlock((unsigned char *)buf, (const unsigned char *)header, (int)n);
        if (len < 0)
                return false;
        buf[len] = 0;
        colon = strchr(buf, ':');
        if (!colon)
                return false;
        *colon = 0;
        *ret_id = buf;
        *ret_secret = colon + 1;
        return true;
}

const struct dir_client *op_client_auth(struct web_request *r)
{
        static const char *const challenge[] = {"WWW-Authenticate", "Basic realm=\"valetkey-sandbox\"", NULL};
        const char *header = web_header(r, "Authorization"), *id = web_param(r, "client_id"),
                   *secret = web_param(r, "client_secret");
        const struct dir_client *c;
        char room[600];
        bool ok = true;

        if (header)
                ok = !secret && read_basic(header, room, sizeof room, &id, &secret);
        c = ok ? dir_find_client(r->cloud->dir, id) : NULL;
        // A public client has no secret; one that sends some all the same is mistaken about itself.
        if (c && c->secret)
                ok = secret && strlen(secret) == strlen(c->secret) &&
                     CRYPTO_memcmp(secret, c->secret, strlen(secret)) == 0;
        else if (c)
                ok = !secret || !*secret;
        OPENSSL_cleanse(room, sizeof room);
        if (c && ok)
                return c;
        op_log_refused(r, c ? c->id : "unknown", "invalid_client");
        if (header)
                web_reply(r, 401, "application/json", "{\"error\":\"invalid_client\"}", 26, challenge);
        else
                web_reply_oauth_error(r, 401, "invalid_client", "unknown client, or its secret is wrong");
        return NULL;
}

// ---- discovery and keys ---------------------------------------------------------------------------------------------

static int add_url(json_t *o, const char *name, const struct cloud *c, const char *path)
{
        char url[128];

        snprintf(url, sizeof url, "%s%s", c->issuer, path);
        return json_object_set_new(o, name, json_string(url));
}

void op_discovery(struct web_request *r)
{
        const struct cloud *c = r->cloud;
        bool other = faults_take(c->faults, FAULTS_DISCOVERY_ISSUER, SERVICE_OIDC, r->op);
        json_t *o = json_pack(
                "{s:s, s:[s], s:[s], s:[s,s,s], s:[s], s:[s,s,s,s,s], s:[s,s,s], s:b, s:[s,s,s,s,s]}",
                "issuer", other ? "https://issuer.example.net" : c->issuer, "response_types_supported",
                "code", "response_modes_supported", "query", "grant_types_supported", "authorization_code",
                "refresh_token", "urn:ietf:params:oauth:grant-type:device_code", "subject_types_supported",
                "public", "id_token_signing_alg_values_supported", "RS256", "RS384", "RS512", "PS256",
                "ES256", "token_endpoint_auth_methods_supported", "none", "client_secret_basic",
                "client_secret_post", "authorization_response_iss_parameter_supported", 1, "scopes_supported",
                scopes[0], scopes[1], scopes[2], scopes[3], scopes[4]);

        if (o && (json_object_set_new(o, "code_challenge_methods_supported", json_pack("[s]", "S256")) < 0 ||
                         add_url(o, "authorization_endpoint", c, "/authorize") < 0 ||
                         add_url(o, "token_endpoint", c, "/token") < 0 ||
                         add_url(o, "jwks_uri", c, "/jwks") < 0 ||
                         add_url(o, "device_authorization_endpoint", c, "/device_authorization") < 0 ||
                         add_url(o, "revocation_endpoint", c, "/revoke") < 0 ||
                         add_url(o, "userinfo_endpoint", c, "/userinfo") < 0)) {
                json_decref(o);
                o = NULL;
        }
        web_reply_json(r, 200, o);
}

void op_jwks(struct web_request *r)
{
        struct faults *f = r->cloud->faults;
        unsigned flags = (faults_take(f, FAULTS_JWKS_NO_KID, SERVICE_OIDC, r->op) ? KEYRING_STRANGERS : 0u) |
                         (faults_take(f, FAULTS_JWKS_MANY, SERVICE_OIDC, r->op) ? KEYRING_MANY : 0u) |
                         (faults_take(f, FAULTS_JWKS_JUNK, SERVICE_OIDC, r->op) ? KEYRING_JUNK : 0u);
        json_t *jwks = NULL;

        if (keyring_jwks(r->cloud->keys, flags, &jwks) < 0)
                jwks = NULL;
        web_reply_json(r, 200, jwks);
}
