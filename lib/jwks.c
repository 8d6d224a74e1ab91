// SPDX-License-Identifier: Apache-2.0
//
// A provider's key set (RFC 7517 §5). What we do not understand is skipped, as the RFC asks: sets mix keys
// for encryption, new kinds of keys, and now and then rubbish, and a sign-in must not hang on them.
#include "jwks.h"

#include "json.h"
#include "jwt.h"

struct jwks {
        size_t n;
        struct jwk keys[];
};

struct jwks *jwks_free(struct jwks *k)
{
        if (!k)
                return NULL;
        for (size_t i = 0; i < k->n; i++)
                jwk_deinit(&k->keys[i]);
        free(k);
        return NULL;
}

size_t jwks_count(const struct jwks *k)
{
        return k->n;
}

// *ret is the caller's (jwks_free).
int jwks_parse(struct jwks **ret, const void *json, size_t n, struct err *err)
{
        _cleanup_(jwks_freep) struct jwks *k = NULL;
        cleanup_json json_t *doc = NULL;
        const json_t *list, *entry;
        size_t i, room;
        int r = json_parse(&doc, json, n, err);

        if (r < 0) {
                err_prefix(err, "the provider's key set: ");
                return r;
        }
        list = json_object_get(doc, "keys");
        if (!json_is_array(list)) {
                err_set(err, "the provider's key set has no list \"keys\"");
                return -EBADMSG;
        }
        room = json_array_size(list) < JWT_JWKS_KEYS_MAX ? json_array_size(list) : JWT_JWKS_KEYS_MAX;
        k = calloc(1, sizeof *k + room * sizeof k->keys[0]);
        if (!k)
                return -ENOMEM;
        json_array_foreach(list, i, entry)
        {
                if (k->n == room)
                        break;
                r = jwk_read(&k->keys[k->n], entry);
                if (r == 0) {
                        k->n++;
                        continue;
                }
                jwk_deinit(&k->keys[k->n]);
                if (r < 0)
                        return r;
        }
        if (k->n == 0) {
                err_set(err, "the provider's key set has no key that can verify a sign-in");
                return -EBADMSG;
        }
        *ret = TAKE_PTR(k);
        return 0;
}

const struct jwk *jwks_next(const struct jwks *k, size_t *at, const char *kid, const struct jwt_alg *alg)
{
        while (*at < k->n) {
                const struct jwk *key = &k->keys[(*at)++];

                if (jwk_fits(key, alg) && (!kid || (key->kid && strcmp(key->kid, kid) == 0)))
                        return key;
        }
        return NULL;
}
