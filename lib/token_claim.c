// SPDX-License-Identifier: Apache-2.0
//
// Claims are the provider's word and some are the person's own: every text is bounded, none with a control character
// or a NUL gets through, and a list of roles costs no more than it may have entries.
#include "token_claim.h"

#include "b64.h"
#include "json.h"
#include "jwt.h"
#include "sts.h"

#include <search.h>
#include <stdio.h>

int claims_of_token(json_t **ret, const struct secret *id_token)
{
        cleanup_buf struct buf payload = BUF_INIT(JWT_TOKEN_MAX);
        cleanup_json json_t *j = NULL;
        const char *s = secret_str(id_token), *begin = s ? strchr(s, '.') : NULL,
                   *end = begin ? strchr(begin + 1, '.') : NULL;
        int r;

        if (!end || strchr(end + 1, '.'))
                return -EBADMSG;
        r = b64url_decode(&payload, begin + 1, (size_t)(end - begin - 1));
        if (r == 0)
                r = json_parse(&j, buf_str(&payload), payload.n, NULL);
        if (r < 0)
                return r == -ENOMEM ? r : -EBADMSG;
        if (!json_is_object(j))
                return -EBADMSG;
        *ret = TAKE_PTR(j);
        return 0;
}

const json_t *claim_find(const json_t *claims, const char *name)
{
        const json_t *v = json_object_get(claims, name);

        for (const char *dot = strchr(name, '.'); !v && dot; dot = strchr(dot + 1, '.')) {
                const json_t *inner = json_object_getn(claims, name, (size_t)(dot - name));

                if (json_is_object(inner))
                        v = claim_find(inner, dot + 1);
        }
        return v;
}

// Text without control characters, and all of it: a NUL would end it early.
static bool is_clean(const json_t *s)
{
        const char *p = json_string_value(s);

        if (json_string_length(s) > CLAIM_TEXT_MAX)
                return false;
        for (size_t i = 0; i < json_string_length(s); i++)
                if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f)
                        return false;
        return true;
}

int claim_append_text(struct buf *out, const json_t *claims, const char *name)
{
        const json_t *v = claim_find(claims, name);
        char number[32];

        if (!v || json_is_null(v))
                return -ENOENT;
        if (json_is_boolean(v))
                return buf_append_str(out, json_is_true(v) ? "true" : "false");
        if (json_is_integer(v))
                return buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
        if (json_is_real(v)) {
                // As short as it can be said and read back.
                for (int digits = 15; digits <= 17; digits++) {
                        snprintf(number, sizeof number, "%.*g", digits, json_real_value(v));
                        if (strtod(number, NULL) == json_real_value(v))
                                break;
                }
                return buf_append_str(out, number);
        }
        if (!json_is_string(v) || !is_clean(v))
                return -EBADMSG;
        if (json_string_length(v) == 0)
                return -ENOENT;
        return buf_append(out, json_string_value(v), json_string_length(v));
}

// ---- lists of roles

static bool is_provider_arn(const char *s, size_t n)
{
        return n > 20 && strncmp(s, "arn:", 4) == 0 &&
               (memmem(s, n, ":saml-provider/", 15) || memmem(s, n, ":oidc-provider/", 15));
}

// The role's ARN in an entry; NULL: there is none. 0 or -ENOMEM.
static int role_of_entry(char **ret, const json_t *entry)
{
        cleanup_free char *arn = NULL;
        const char *s = json_string_value(entry), *comma;

        *ret = NULL;
        if (!json_is_string(entry) || !is_clean(entry))
                return 0;
        comma = strchr(s, ',');
        if (comma && is_provider_arn(comma + 1, strlen(comma + 1)))
                arn = strndup(s, (size_t)(comma - s));
        else if (comma && is_provider_arn(s, (size_t)(comma - s)))
                arn = strdup(comma + 1);
        else
                arn = strdup(s); // a role's name may have a comma itself
        if (!arn)
                return -ENOMEM;
        if (sts_role_arn_parse(arn, NULL, NULL, NULL) == 0)
                *ret = TAKE_PTR(arn);
        return 0;
}

static int by_text(const void *a, const void *b)
{
        return strcmp(a, b);
}

static void count_bad(struct claim_role_arns *l, const json_t *entry)
{
        if (l->n_bad++ > 0)
                return;
        if (json_is_string(entry))
                err_sanitise(l->first_bad, sizeof l->first_bad, json_string_value(entry),
                        json_string_length(entry));
        else
                snprintf(l->first_bad, sizeof l->first_bad, "(no text)");
}

// seen is a tree of the ARNs in l.
static int add_entry(struct claim_role_arns *l, void **seen, const json_t *entry)
{
        cleanup_free char *arn = NULL;
        void *found;
        int r;

        if (l->n == CLAIM_ROLE_ARNS_MAX) {
                l->n_over++;
                return 0;
        }
        r = role_of_entry(&arn, entry);
        if (r < 0)
                return r;
        if (!arn) {
                count_bad(l, entry);
                return 0;
        }
        found = tsearch(arn, seen, by_text);
        if (!found)
                return -ENOMEM;
        if (*(char **)found == arn)
                l->v[l->n++] = TAKE_PTR(arn);
        return 0;
}

static void keep(void *arn _unused_)
{
}

int claim_role_arns(struct claim_role_arns *ret, const json_t *claims, const char *name)
{
        const json_t *claim = claim_find(claims, name);
        size_t n = json_is_array(claim) ? json_array_size(claim) : claim && !json_is_null(claim) ? 1 : 0;
        void *seen = NULL;
        int r = 0;

        *ret = (struct claim_role_arns){0};
        ret->v = calloc((n < CLAIM_ROLE_ARNS_MAX ? n : CLAIM_ROLE_ARNS_MAX) + 1, sizeof *ret->v);
        if (!ret->v)
                return -ENOMEM;
        for (size_t i = 0; r == 0 && i < n; i++)
                r = add_entry(ret, &seen, json_is_array(claim) ? json_array_get(claim, i) : claim);
        tdestroy(seen, keep);
        if (r < 0)
                claim_role_arns_deinit(ret);
        return r;
}

void claim_role_arns_deinit(struct claim_role_arns *l)
{
        for (size_t i = 0; i < l->n; i++)
                free(l->v[i]);
        free(l->v);
        *l = (struct claim_role_arns){0};
}
