// SPDX-License-Identifier: Apache-2.0
#include "policy_web_identity.h"

#include "json.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SOURCE_IDENTITY "https://aws.amazon.com/source_identity"

static const char *const known[] = {"aud", "oaud", "sub", "amr"};

// STS's own rule for a source identity: 2 to 64 of [\w+=,.@-].
static bool source_identity_valid(const char *s)
{
        size_t n = strlen(s);

        return n >= 2 && n <= 64 &&
               strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+=,.@-") == n;
}

static const char *first_audience(const json_t *claims)
{
        const json_t *aud = json_object_get(claims, "aud");

        return json_string_value(json_is_array(aud) ? json_array_get(aud, 0) : aud);
}

int policy_web_identity_read(struct policy_web_identity *ret, const json_t *claims, struct err *err)
{
        struct policy_web_identity w = {.claims = claims};
        const char *azp = NULL;
        int r;

        if (json_get_string(claims, "sub", 255, &w.subject) < 0 || !*w.subject ||
                !(w.aud = first_audience(claims))) {
                err_set(err, "The token lacks a subject or an audience");
                return -EINVAL;
        }
        r = json_get_string(claims, "azp", 1024, &azp);
        if (r == 0) { // azp takes the place of aud
                w.oaud = w.aud;
                w.aud = azp;
        }
        r = json_get_string(claims, SOURCE_IDENTITY, 64, &w.source_identity);
        if ((r < 0 && r != -ENOENT) || (w.source_identity && !source_identity_valid(w.source_identity))) {
                err_set(err, "The token's source identity is not valid");
                return -EINVAL;
        }
        r = sts_tags_of_token(&w.tags, claims, err);
        if (r < 0) {
                policy_web_identity_deinit(&w);
                return r;
        }
        *ret = w;
        return 0;
}

void policy_web_identity_deinit(struct policy_web_identity *w)
{
        sts_tags_deinit(&w->tags);
        *w = (struct policy_web_identity){0};
}

static int add(struct policy_context *c, const char *provider, const char *name, const char *value)
{
        cleanup_free char *key = NULL;

        if (!value)
                return 0;
        if (asprintf(&key, "%s:%s", provider, name) < 0) {
                key = NULL;
                return -ENOMEM;
        }
        return policy_context_add(c, key, value);
}

int policy_web_identity_to_context(
        struct policy_context *c, const struct policy_web_identity *w, const char *provider)
{
        const json_t *amr = json_object_get(w->claims, "amr");
        int r = add(c, provider, "sub", w->subject);

        if (r == 0)
                r = add(c, provider, "aud", w->aud);
        if (r == 0)
                r = add(c, provider, "oaud", w->oaud);
        for (size_t i = 0; r == 0 && i < json_array_size(amr); i++)
                r = add(c, provider, "amr", json_string_value(json_array_get(amr, i)));
        if (r == 0)
                r = sts_tags_to_context(c, &w->tags);
        return r == 0 ? policy_context_add(c, "sts:SourceIdentity", w->source_identity) : r;
}

void policy_web_identity_actions(const char *ret[4], const struct policy_web_identity *w)
{
        size_t n = 0;

        ret[n++] = "sts:AssumeRoleWithWebIdentity";
        if (w->tags.n)
                ret[n++] = "sts:TagSession";
        if (w->source_identity)
                ret[n++] = "sts:SetSourceIdentity";
        ret[n] = NULL;
}

bool policy_web_identity_no_key(const char *key, const char *provider)
{
        size_t n = strlen(provider);

        if (strncasecmp(key, provider, n) != 0 || key[n] != ':')
                return false;
        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                if (strcasecmp(known[i], key + n + 1) == 0)
                        return false;
        return true;
}
