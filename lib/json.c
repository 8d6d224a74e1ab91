// SPDX-License-Identifier: Apache-2.0
//
// jansson reads the document; we decide beforehand whether it may. The depth is counted over the raw bytes
// first, so that no parser recursion depends on what was sent: inside strings brackets do not count, and
// outside of them everything that is not a bracket is jansson's to judge.
//
// jansson 2.14 ignores a failed allocation while it collects a token (lex_save in its load.c) and goes on with a
// character missing; hence zlibs.h, whose allocator ends the process rather than return NULL.
#include "json.h"

#include <math.h>

// The deepest nesting of brackets outside strings, as far as the limit matters.
static bool too_deep(const char *s, size_t n)
{
        unsigned depth = 0;
        bool in_string = false;

        for (size_t i = 0; i < n; i++) {
                if (in_string) {
                        if (s[i] == '\\')
                                i++;
                        else if (s[i] == '"')
                                in_string = false;
                } else if (s[i] == '"') {
                        in_string = true;
                } else if (s[i] == '{' || s[i] == '[') {
                        if (++depth > JSON_DEPTH_LIMIT)
                                return true;
                } else if ((s[i] == '}' || s[i] == ']') && depth) {
                        depth--;
                }
        }
        return false;
}

// jansson's own texts quote what was near the fault ("near 'eyJ…'"), which may be a token: ours say the kind
// and the place only.
static int explain(const json_error_t *e, struct err *err)
{
        switch (json_error_code(e)) {
        case json_error_unknown: // jansson sets no code where an allocation fails while it reads
        case json_error_out_of_memory:
                return -ENOMEM;
        case json_error_premature_end_of_input:
                err_set(err, "the JSON document ends too early");
                break;
        case json_error_end_of_input_expected:
                err_set(err, "something follows the JSON document (line %d)", e->line);
                break;
        case json_error_duplicate_key:
                err_set(err, "an object of the JSON document names a member twice (line %d)", e->line);
                break;
        case json_error_invalid_utf8:
                err_set(err, "the JSON document is not UTF-8 (line %d)", e->line);
                break;
        case json_error_numeric_overflow:
                err_set(err, "a number in the JSON document is too large (line %d)", e->line);
                break;
        default:
                err_set(err, "this is not JSON (line %d, column %d)", e->line, e->column);
        }
        return -EBADMSG;
}

// *ret is the caller's (json_decref). The root is an object or an array.
int json_parse(json_t **ret, const void *p, size_t n, struct err *err)
{
        json_error_t e;
        json_t *j;

        if (n == 0) {
                err_set(err, "the JSON document is empty");
                return -EBADMSG;
        }
        if (n > JSON_SIZE_MAX) {
                err_set(err, "the JSON document is larger than %u bytes", JSON_SIZE_MAX);
                return -EBADMSG;
        }
        if (too_deep(p, n)) {
                err_set(err, "the JSON document is nested deeper than %d levels", JSON_DEPTH_LIMIT);
                return -EBADMSG;
        }
        j = json_loadb(p, n, JSON_REJECT_DUPLICATES, &e);
        if (!j)
                return explain(&e, err);
        *ret = j;
        return 0;
}

// The member, NULL where absent or null.
static const json_t *member(const json_t *o, const char *key)
{
        const json_t *v = json_object_get(o, key);

        return json_is_null(v) ? NULL : v;
}

int json_get_string(const json_t *o, const char *key, size_t max, const char **ret)
{
        const json_t *v = member(o, key);
        size_t n;

        if (!v)
                return -ENOENT;
        if (!json_is_string(v))
                return -EBADMSG;
        n = json_string_length(v);
        if (n > max || memchr(json_string_value(v), 0, n))
                return -EBADMSG;
        *ret = json_string_value(v);
        return 0;
}

int json_get_int64(const json_t *o, const char *key, int64_t *ret)
{
        const json_t *v = member(o, key);
        double d;

        if (!v)
                return -ENOENT;
        if (json_is_integer(v)) {
                *ret = json_integer_value(v);
                return 0;
        }
        if (!json_is_real(v))
                return -EBADMSG;
        d = json_real_value(v);
        // Up to 2^53 a double holds every whole number exactly.
        if (!(fabs(d) <= 9007199254740992.0) || d != (double)(int64_t)d)
                return -EBADMSG;
        *ret = (int64_t)d;
        return 0;
}

int json_get_bool(const json_t *o, const char *key, bool *ret)
{
        const json_t *v = member(o, key);

        if (!v)
                return -ENOENT;
        if (!json_is_boolean(v))
                return -EBADMSG;
        *ret = json_is_true(v);
        return 0;
}
