// SPDX-License-Identifier: Apache-2.0
//
// The claims were verified when the token came (net/provider); here they are only read again. What STS makes of them is
// told beside them: tags in either of their two forms, the source identity, and how much of its limit the token takes.
#include "identity_claims.h"

#include "json.h"
#include "jwt.h"
#include "sts_tags.h"
#include "token_claim.h"

#define SOURCE_IDENTITY "https://aws.amazon.com/source_identity"

static json_t *claim(const json_t *claims, const char *name)
{
        json_t *v = json_object_get(claims, name);

        return v ? json_incref(v) : json_null();
}

// refused: what STS would refuse of them, in err; then the list is empty.
static json_t *tags_json(const json_t *claims, struct err *err)
{
        struct sts_tags tags = {0};
        json_t *list = json_array();
        int r = sts_tags_of_token(&tags, claims, err);

        if (r == -ENOMEM) {
                json_decref(list);
                list = NULL;
        }
        for (size_t i = 0; r == 0 && i < tags.n; i++)
                r = json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "key", tags.v[i].key, "value",
                                                        tags.v[i].value, "transitive", tags.v[i].transitive));
        sts_tags_deinit(&tags);
        return list;
}

static int append(const char *p, size_t n, void *arg)
{
        return buf_append(arg, p, n) < 0 ? -1 : 0;
}

int identity_claims_write(struct buf *out, const struct keeper *k, struct err *err)
{
        const struct grant *g = keeper_get_grant(k);
        const char *name = keeper_get_config(k)->name;
        cleanup_json json_t *claims = NULL, *j = NULL;
        struct err refused = ERR_INIT;
        json_t *tags;
        int r;

        if (!g || keeper_get_state(k) != KEEPER_SIGNED_IN) {
                err_set(err, "nobody is signed in as %.100s; run: valetkey login %.100s", name, name);
                return -ENOENT;
        }
        r = claims_of_token(&claims, g->id_token);
        if (r == -EBADMSG)
                err_set(err, "the claims of %.100s cannot be read from the ID token", name);
        if (r < 0)
                return err_trace(r);
        tags = tags_json(claims, &refused);
        if (!tags)
                return -ENOMEM;
        j = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:O}", "identity", name, "iss",
                claim(claims, "iss"), "aud", claim(claims, "aud"), "azp", claim(claims, "azp"), "sub",
                claim(claims, "sub"), "source_identity", claim(claims, SOURCE_IDENTITY), "tags", tags,
                "tags_refused", refused.text[0] ? json_string(refused.text) : json_null(), "token_bytes",
                (json_int_t)secret_len(g->id_token), "token_bytes_max", (json_int_t)JWT_TOKEN_MAX,
                "expires_at", (json_int_t)g->id_token_exp_s, "claims", claims);
        if (!j)
                return -ENOMEM;
        if (json_dump_callback(j, append, out, JSON_COMPACT) < 0)
                return buf_error(out) ? buf_error(out) : -ENOMEM;
        return buf_append_char(out, '\n');
}
