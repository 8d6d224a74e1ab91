// SPDX-License-Identifier: Apache-2.0
//
// The JSON library forgets where things stood; a person wants the line. This walks a document already known
// to be well-formed, counts brackets outside strings, and notes the line of every statement.
#include "policy_internal.h"

struct walker {
        const char *p, *end;
        unsigned line, depth;
};

// Behind the closing quote of the string that p points into (just behind the opening one).
static void skip_string(struct walker *w)
{
        while (w->p < w->end && *w->p != '"') {
                if (*w->p == '\\')
                        w->p++;
                w->p++;
        }
        w->p++;
}

void policy_find_lines(const char *text, size_t text_n, unsigned *lines, size_t n)
{
        static const char name[] = "\"Statement\"";
        struct walker w = {.p = text, .end = text + text_n, .line = 1};
        bool wanted = false; // inside the value of "Statement"
        size_t found = 0;

        while (w.p < w.end && found < n) {
                const char *start = w.p;

                switch (*w.p++) {
                case '\n':
                        w.line++;
                        break;
                case '"':
                        skip_string(&w);
                        if (w.depth == 1)
                                wanted = (size_t)(w.p - start) == sizeof name - 1 &&
                                         memcmp(start, name, sizeof name - 1) == 0;
                        break;
                case '{':
                        // The one statement is an object in the document, several are objects in a list.
                        if (wanted && (w.depth == 1 || w.depth == 2))
                                lines[found++] = w.line;
                        w.depth++;
                        break;
                case '[':
                        w.depth++;
                        break;
                case '}':
                case ']':
                        w.depth--;
                        wanted &= w.depth != 1;
                        break;
                default:
                        break;
                }
        }
}
