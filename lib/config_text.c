// SPDX-License-Identifier: Apache-2.0
//
// The readers of values that are templates: session names and session tags. What can be known without a sign-in is
// refused here; what a claim becomes is looked at when the role is assumed.
#include "config_schema.h"

#include "token_claim.h"
#include "sts.h"
#include "text_template.h"

static int wrong(struct err *err, const char *what)
{
        err_set(err, "%s", what);
        return -EBADMSG;
}

static int set_text(char **field, const char *value)
{
        *field = strdup(value);
        return *field ? 0 : -ENOMEM;
}

int config_set_session_name(void *field, const char *value, struct err *err)
{
        static const char legal[] = "must be 2 to 64 letters, digits or _+=,.@-";
        const char *at = value;
        struct text_part part = {.kind = TEXT_LITERAL};
        bool words = false;

        while (part.kind != TEXT_END) {
                if (text_template_next(&at, &part, err) < 0)
                        return -EBADMSG;
                words |= part.kind != TEXT_LITERAL && part.kind != TEXT_END;
                for (size_t i = 0; part.kind == TEXT_LITERAL && i < part.n; i++)
                        if (!sts_is_name_char(part.p[i]))
                                return wrong(err, legal);
        }
        if (!words && (strlen(value) < 2 || strlen(value) > STS_SESSION_NAME_MAX))
                return wrong(err, legal);
        return set_text(field, value);
}

// One "key=value"; tags are words, so neither has a blank.
static int check_tag(const char *tag, struct err *err)
{
        static const char legal[] =
                "must be key=value, of letters, digits and _.:/+-@, where a value may also have "
                "= and words in braces";
        const char *at = strchr(tag, '=');
        struct text_part part = {.kind = TEXT_LITERAL};
        bool words = false;
        char c;

        if (!at || at == tag)
                return wrong(err, legal);
        if (sts_tag_length(tag, (size_t)(at - tag)) > STS_TAG_KEY_MAX)
                return wrong(err, "has a key of more than 128 characters");
        for (const char *p = tag; p < at; p++)
                if (!sts_is_tag_char(*p))
                        return wrong(err, legal);
        for (const char *p = ++at; part.kind != TEXT_END;) {
                if (text_template_next(&p, &part, err) < 0)
                        return -EBADMSG;
                words |= part.kind != TEXT_LITERAL && part.kind != TEXT_END;
                for (size_t i = 0; part.kind == TEXT_LITERAL && i < part.n; i++) {
                        c = part.p[i];
                        if (!sts_is_tag_char(c))
                                return wrong(err, legal);
                }
        }
        if (!words && sts_tag_length(at, strlen(at)) > STS_TAG_VALUE_MAX)
                return wrong(err, "has a value of more than 256 characters");
        return 0;
}

static bool same_key(const char *a, const char *b)
{
        size_t n = strcspn(a, "="), m = strcspn(b, "=");

        return n == m && strncasecmp(a, b, n) == 0;
}

int config_set_tags(void *field, const char *value, struct err *err)
{
        char ***list = field;
        int r = config_set_words(field, value, err);

        for (size_t i = 0; r == 0 && (*list)[i]; i++) {
                if (i == STS_SESSION_TAGS_MAX)
                        return wrong(err, "has more than 50 tags");
                r = check_tag((*list)[i], err);
                for (size_t k = 0; r == 0 && k < i; k++)
                        if (same_key((*list)[k], (*list)[i]))
                                return wrong(err, "has a key twice (STS ignores case)");
        }
        return r;
}

const char *config_find_tag(char *const *tags, const char *key)
{
        for (; tags && *tags; tags++)
                if (same_key(*tags, key))
                        return *tags;
        return NULL;
}
