// SPDX-License-Identifier: Apache-2.0
//
// base64url of nonce, AES-256-GCM ciphertext and tag. The document has the shape that AWS documents and its CLI shows: lists
// are objects with "items", values are objects with "value".
#include "encoded.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "json.h"

#include "b64.h"
#include "random.h"

#define NONCE_LEN    12
#define TAG_LEN      16
#define DOCUMENT_MAX (ENCODED_MAX / 4 * 3 - NONCE_LEN - TAG_LEN)

DEFINE_CLEANUP(EVP_CIPHER_CTX *, EVP_CIPHER_CTX_free);

// ---- the document ------------------------------------------------------------------------------------------------------

// "x" or ["x", …] as {"items": [{"value": "x"}, …]}
static json_t *items(const json_t *v)
{
        json_t *list = json_array();
        size_t n = json_is_array(v) ? json_array_size(v) : v ? 1 : 0;

        for (size_t i = 0; list && i < n; i++)
                if (json_array_append_new(list,
                            json_pack("{s:O}", "value", json_is_array(v) ? json_array_get(v, i) : v)) < 0) {
                        json_decref(list);
                        return NULL;
                }
        return json_pack("{s:o}", "items", list);
}

static json_t *statement_items(const json_t *matched)
{
        json_t *list = json_array(), *s;
        size_t i;

        json_array_foreach(matched, i, s)
        {
                const char *sid = json_string_value(json_object_get(s, "Sid"));

                if (json_array_append_new(
                            list, json_pack("{s:s, s:s, s:o, s:o}", "statementId", sid ? sid : "", "effect",
                                          "DENY", "actions", items(json_object_get(s, "Action")), "resources",
                                          items(json_object_get(s, "Resource")))) < 0) {
                        json_decref(list);
                        return NULL;
                }
        }
        return json_pack("{s:o}", "items", list);
}

static void add_condition(const char *key, const char *const *values, size_t n, void *arg)
{
        json_t *list = *(json_t **)arg, *v = json_array();
        json_t **slot = arg;

        for (size_t i = 0; v && i < n; i++)
                if (json_array_append_new(v, json_pack("{s:s}", "value", values[i])) < 0) {
                        json_decref(v);
                        v = NULL;
                }
        if (list && json_array_append_new(
                            list, json_pack("{s:s, s:{s:o}}", "key", key, "values", "items", v)) < 0) {
                json_decref(list);
                *slot = NULL;
        }
}

static json_t *document(const struct access *a, const struct policy_outcome *o)
{
        json_t *conditions = json_array();

        policy_context_each(a->context, add_condition, &conditions);
        return json_pack("{s:b, s:b, s:o, s:{s:[]}, s:{s:{s:s, s:s}, s:s, s:s, s:{s:o}}}", "allowed", 0,
                "explicitDeny", o->decision == POLICY_EXPLICIT_DENY, "matchedStatements",
                statement_items(a->matched), "failures", "items", "context", "principal", "id",
                a->caller->user_id, "arn", a->caller->arn, "action", a->action, "resource", a->resource,
                "conditions", "items", conditions);
}

// ---- and its seal ------------------------------------------------------------------------------------------------------

static int seal(unsigned char *to, const unsigned char *key, const char *text, size_t n)
{
        _cleanup_(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
        int len, r = random_bytes(to, NONCE_LEN);

        if (r < 0)
                return r;
        if (!c || EVP_EncryptInit_ex2(c, EVP_aes_256_gcm(), key, to, NULL) != 1 ||
                EVP_EncryptUpdate(c, to + NONCE_LEN, &len, (const unsigned char *)text, (int)n) != 1 ||
                EVP_EncryptFinal_ex(c, to + NONCE_LEN + n, &len) != 1 ||
                EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG_LEN, to + NONCE_LEN + n) != 1)
                return -ENOMEM;
        return 0;
}

int encoded_write(struct buf *out, const unsigned char key[ENCODED_KEY_LEN], const struct access *a,
        const struct policy_outcome *o)
{
        cleanup_json json_t *j = document(a, o);
        cleanup_free char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;
        unsigned char sealed[ENCODED_MAX];
        size_t n = text ? strlen(text) : 0;
        int r;

        if (!text)
                return -ENOMEM;
        if (n > DOCUMENT_MAX)
                return -EMSGSIZE;
        r = seal(sealed, key, text, n);
        return r < 0 ? r : b64url_encode(out, sealed, NONCE_LEN + n + TAG_LEN);
}

int encoded_read(struct buf *out, const unsigned char key[ENCODED_KEY_LEN], const char *text)
{
        _cleanup_(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
        cleanup_buf struct buf raw = BUF_INIT(ENCODED_MAX);
        unsigned char *p;
        int n, len, r = b64url_decode(&raw, text, strlen(text));
        char *to;

        if (r < 0 || raw.n < NONCE_LEN + TAG_LEN)
                return r == -ENOMEM ? r : -EBADMSG;
        n = (int)raw.n - NONCE_LEN - TAG_LEN;
        p = (unsigned char *)raw.p;
        to = buf_extend(out, (size_t)n);
        if (!c || !to)
                return -ENOMEM;
        if (EVP_DecryptInit_ex2(c, EVP_aes_256_gcm(), key, p, NULL) != 1 ||
                EVP_DecryptUpdate(c, (unsigned char *)to, &len, p + NONCE_LEN, n) != 1 ||
                EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG_LEN, p + NONCE_LEN + n) != 1 ||
                EVP_DecryptFinal_ex(c, (unsigned char *)to + len, &len) != 1) {
                buf_reset(out); // what does not hold is not shown
                return -EBADMSG;
        }
        return 0;
}
