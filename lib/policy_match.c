// SPDX-License-Identifier: Apache-2.0
//
// Patterns: wildcards, policy variables, ARNs. Matching is a loop with one point to go back to, so a pattern
// of many stars costs length times length and never more.
#include "policy_internal.h"

#include <strings.h>

#define EXPANDED_MAX (64u << 10)

// ${key}, ${key, 'default'}, ${*}, ${?}, ${$}: s points behind "${", end at the brace.
static int expand_variable(struct buf *out, const char *s, const char *end, const struct policy_context *ctx)
{
        const char *comma = memchr(s, ',', (size_t)(end - s)), *key_end = comma ? comma : end;
        const struct policy_strings *v = NULL;
        char key[256];

        if (end - s == 1 && (*s == '*' || *s == '?' || *s == '$'))
                return buf_append_char(out, *s);
        while (key_end > s && key_end[-1] == ' ')
                key_end--;
        if ((size_t)(key_end - s) >= sizeof key)
                return -ENOENT;
        memcpy(key, s, (size_t)(key_end - s));
        key[key_end - s] = 0;
        if (ctx)
                v = policy_context_get(ctx, key);
        if (v && v->n == 1) {
                // Text that looks like our wildcard bytes must not become one.
                if (strpbrk(v->v[0], "\x01\x02"))
                        return -ENOENT;
                return buf_append_str(out, v->v[0]);
        }
        if (v || !comma)
                return -ENOENT;
        for (s = comma + 1; s < end && *s == ' '; s++)
                ;
        if (end - s < 2 || *s != '\'' || end[-1] != '\'')
                return -ENOENT;
        return buf_append(out, s + 1, (size_t)(end - s - 2));
}

int policy_expand(struct buf *out, const char *s, unsigned flags, const struct policy_context *ctx)
{
        buf_reset(out);
        out->max = EXPANDED_MAX;
        // An empty pattern is a pattern too: the buffer shall exist.
        if (buf_append(out, "", 0) < 0)
                return buf_error(out);
        while (*s) {
                size_t plain = strcspn(s, "*?$");
                const char *end;
                int r = buf_append(out, s, plain);

                s += plain;
                if (r < 0 || !*s)
                        return r;
                if ((flags & POLICY_VARIABLES) && s[0] == '$' && s[1] == '{' && (end = strchr(s, '}'))) {
                        r = expand_variable(out, s + 2, end, ctx);
                        s = end;
                } else if ((flags & POLICY_WILDCARDS) && *s == '*')
                        r = buf_append_char(out, POLICY_ANY_RUN);
                else if ((flags & POLICY_WILDCARDS) && *s == '?')
                        r = buf_append_char(out, POLICY_ANY_CHAR);
                else
                        r = buf_append_char(out, *s);
                if (r < 0)
                        return r;
                s++;
        }
        return 0;
}

int policy_patterns_prepare(struct policy_patterns *p, unsigned flags)
{
        for (size_t i = 0; i < p->n; i++) {
                struct policy_pattern *x = &p->v[i];
                cleanup_buf struct buf b = BUF_INIT(1);
                int r;

                x->fixed_n = strcspn(x->source, (flags & POLICY_WILDCARDS) ? "*?$" : "$");
                if ((flags & POLICY_VARIABLES) && strstr(x->source, "${"))
                        continue;
                r = policy_expand(&b, x->source, flags, NULL);
                x->ready_n = b.n;
                if (r == 0)
                        r = buf_take_str(&b, &x->ready);
                if (r < 0)
                        return r;
        }
        return 0;
}

void policy_patterns_deinit(struct policy_patterns *p)
{
        for (size_t i = 0; i < p->n; i++)
                free(p->v[i].ready);
        free(p->v);
        *p = (struct policy_patterns){0};
}

int policy_pattern_get(const char **ret, size_t *ret_n, struct buf *room, const struct policy_pattern *p,
        unsigned flags, const struct policy_context *ctx)
{
        int r;

        if (p->ready) {
                *ret = p->ready;
                *ret_n = p->ready_n;
                return 0;
        }
        r = policy_expand(room, p->source, flags, ctx);
        *ret = buf_str(room);
        *ret_n = room->n;
        return r;
}

// Actions are ASCII: no locale is asked.
static char lower(char c)
{
        return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool same(char p, char c, bool fold)
{
        return p == c || (fold && lower(p) == lower(c));
}

// The bytes of the character at s: '?' stands for one character, not for one byte of it.
static size_t character(const char *s, size_t n)
{
        size_t i = 1;

        while (i < n && ((unsigned char)s[i] & 0xc0) == 0x80)
                i++;
        return i;
}

bool policy_wildcard_match(const char *pattern, size_t pattern_n, const char *s, size_t n, bool fold)
{
        size_t p = 0, i = 0, star = SIZE_MAX, resume = 0;

        while (i < n) {
                if (p < pattern_n && pattern[p] == POLICY_ANY_RUN) {
                        star = p++;
                        resume = i;
                } else if (p < pattern_n && pattern[p] == POLICY_ANY_CHAR) {
                        p++;
                        i += character(s + i, n - i);
                } else if (p < pattern_n && same(pattern[p], s[i], fold)) {
                        p++;
                        i++;
                } else if (star != SIZE_MAX) {
                        p = star + 1;
                        i = resume += character(s + resume, n - resume);
                } else
                        return false;
        }
        while (p < pattern_n && pattern[p] == POLICY_ANY_RUN)
                p++;
        return p == pattern_n;
}

bool policy_arn_match(const char *pattern, const char *arn)
{
        if (pattern[0] == POLICY_ANY_RUN && !pattern[1])
                return true;
        for (int i = 0; i < 6; i++) {
                size_t pn = i < 5 ? strcspn(pattern, ":") : strlen(pattern);
                size_t an = i < 5 ? strcspn(arn, ":") : strlen(arn);

                if (!policy_wildcard_match(pattern, pn, arn, an, false))
                        return false;
                pattern += pn;
                arn += an;
                if (i == 5)
                        break;
                if (*pattern != ':' || *arn != ':')
                        return false;
                pattern++;
                arn++;
        }
        return true;
}
