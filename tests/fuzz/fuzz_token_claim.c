// SPDX-License-Identifier: Apache-2.0
//
// The first line is a template, or the name of a claim; what follows are claims. Whatever comes of a template is a
// legal session name, and every role of a list is one.
#include "token_claim.h"
#include "json.h"
#include "sts.h"
#include "text_template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expand(const char *template, const json_t *claims)
{
        cleanup_buf struct buf once = BUF_INIT(1 << 20), twice = BUF_INIT(1 << 20);
        const struct text_words w = {.user = "alice", .host = "box", .claims = claims};
        char name[STS_SESSION_NAME_MAX + 1];
        struct err err = ERR_INIT;
        int r = text_template_expand(&once, template, &w, &err);

        if (r == -EINVAL && !err.text[0])
                abort();
        if (r < 0)
                return;
        if (text_template_expand(&twice, template, &w, NULL) != 0 ||
                strcmp(buf_str(&once), buf_str(&twice)) != 0)
                abort();
        if (sts_session_name(name, buf_str(&once)) != 0 || strlen(name) < 2 ||
                strlen(name) > STS_SESSION_NAME_MAX)
                abort();
        for (const char *p = name; *p; p++)
                if (!sts_is_name_char(*p))
                        abort();
}

static void roles(const char *name, const json_t *claims)
{
        struct claim_role_arns l;

        if (claim_role_arns(&l, claims, name) != 0)
                abort();
        if (l.n > CLAIM_ROLE_ARNS_MAX || (l.n_bad == 0 && l.first_bad[0]))
                abort();
        for (size_t i = 0; i < l.n; i++)
                if (sts_role_arn_parse(l.v[i], NULL, NULL, NULL) != 0)
                        abort();
        claim_role_arns_deinit(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const uint8_t *lf = size ? memchr(data, '\n', size) : NULL;
        cleanup_free char *line = lf ? strndup((const char *)data, (size_t)(lf - data)) : NULL;
        cleanup_json json_t *claims = NULL;

        if (!line || json_parse(&claims, lf + 1, size - (size_t)(lf + 1 - data), NULL) != 0 ||
                !json_is_object(claims))
                return 0;
        expand(line, claims);
        roles(line, claims);
        return 0;
}
