// SPDX-License-Identifier: Apache-2.0
//
// A word that stands for nothing is an error and never an empty text: half a name in an audit log misleads, and half a
// tag may open what the whole one would not.
#include "text_template.h"

#include "token_claim.h"

#define CLAIM_NAME_MAX 256u

static int wrong(struct err *err, const char *what)
{
        err_set(err, "%s", what);
        return -EBADMSG;
}

static bool is_word(const char *p, size_t n, const char *word)
{
        return n == strlen(word) && memcmp(p, word, n) == 0;
}

int text_template_next(const char **at, struct text_part *ret, struct err *err)
{
        const char *p = *at, *end;
        size_t n = strcspn(p, "{}");

        *ret = (struct text_part){.kind = TEXT_LITERAL, .p = p, .n = n};
        if (!*p)
                ret->kind = TEXT_END;
        *at = p + n;
        if (n > 0 || !*p)
                return 0;
        end = strchr(p, '}');
        if (*p == '}' || !end)
                return wrong(err, "has a brace without its other half");
        p++;
        n = (size_t)(end - p);
        if (is_word(p, n, "user"))
                ret->kind = TEXT_USER;
        else if (is_word(p, n, "host"))
                ret->kind = TEXT_HOST;
        else if (n > 6 && n <= 6 + CLAIM_NAME_MAX && strncmp(p, "claim:", 6) == 0 && !memchr(p, '{', n))
                *ret = (struct text_part){.kind = TEXT_CLAIM, .p = p + 6, .n = n - 6};
        else
                return wrong(err, "has a word in braces that is none of {user}, {host}, {claim:NAME}");
        *at = end + 1;
        return 0;
}

bool text_template_has(const char *t, enum text_part_kind kind)
{
        struct text_part part = {.kind = TEXT_LITERAL};

        while (part.kind != TEXT_END) {
                if (text_template_next(&t, &part, NULL) < 0)
                        return false;
                if (part.kind == kind && kind != TEXT_END)
                        return true;
        }
        return false;
}

static int append_claim(
        struct buf *out, const struct text_part *part, const struct text_words *w, struct err *err)
{
        char name[CLAIM_NAME_MAX + 1];
        int r;

        memcpy(name, part->p, part->n);
        name[part->n] = 0;
        r = claim_append_text(out, w->claims, name);
        if (r == -ENOENT)
                err_set(err, "the ID token has no claim %.100s, or an empty one", name);
        if (r == -EBADMSG)
                err_set(err,
                        "the claim %.100s of the ID token is no text, number or truth value of at most %u "
                        "bytes",
                        name, CLAIM_TEXT_MAX);
        return r == -ENOENT || r == -EBADMSG ? -EINVAL : r;
}

static int append_known(struct buf *out, const char *s, const char *what, struct err *err)
{
        if (s && s[0])
                return buf_append_str(out, s);
        err_set(err, "%s is not known", what);
        return -EINVAL;
}

int text_template_expand(struct buf *out, const char *t, const struct text_words *w, struct err *err)
{
        struct text_part part = {.kind = TEXT_LITERAL};
        int r = 0;

        while (r == 0 && part.kind != TEXT_END) {
                r = text_template_next(&t, &part, err);
                if (r < 0)
                        return -EINVAL;
                if (part.kind == TEXT_LITERAL)
                        r = buf_append(out, part.p, part.n);
                else if (part.kind == TEXT_USER)
                        r = append_known(out, w->user, "this user's name", err);
                else if (part.kind == TEXT_HOST)
                        r = append_known(out, w->host, "this machine's name", err);
                else if (part.kind == TEXT_CLAIM)
                        r = append_claim(out, &part, w, err);
        }
        return r;
}
