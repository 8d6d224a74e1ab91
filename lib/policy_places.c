// SPDX-License-Identifier: Apache-2.0
//
// The JSON library forgets where things stood; a person wants the line. This walks a document already known
// to be well-formed, counts brackets outside strings, and notes where every statement begins and ends.
#include "policy_internal.h"

struct walker {
        const char *p, *end, *line_start;
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

static unsigned column(const struct walker *w)
{
        return (unsigned)(w->p - w->line_start); // p is one behind, columns count from 1
}

void policy_find_places(const char *text, size_t text_n, struct policy_place *places, size_t n)
{
        static const char name[] = "\"Statement\"";
        struct walker w = {.p = text, .end = text + text_n, .line_start = text, .line = 1};
        struct policy_place *open = NULL; // the statement we are in
        bool wanted = false;              // inside the value of "Statement"
        unsigned open_depth = 0;
        size_t found = 0;

        while (w.p < w.end && (found < n || open)) {
                const char *start = w.p;

                switch (*w.p++) {
                case '\n':
                        w.line++;
                        w.line_start = w.p;
                        break;
                case '"':
                        skip_string(&w);
                        if (w.depth == 1)
                                wanted = (size_t)(w.p - start) == sizeof name - 1 &&
                                         memcmp(start, name, sizeof name - 1) == 0;
                        break;
                case '{':
                        // The one statement is an object in the document, several are objects in a list.
                        if (wanted && !open && found < n && (w.depth == 1 || w.depth == 2)) {
                                open = &places[found++];
                                open_depth = w.depth;
                                *open = (struct policy_place){.line = w.line, .column = column(&w)};
                        }
                        w.depth++;
                        break;
                case '[':
                        w.depth++;
                        break;
                case '}':
                case ']':
                        w.depth--;
                        if (open && w.depth == open_depth) {
                                open->end_line = w.line;
                                open->end_column = column(&w);
                                open = NULL;
                        }
                        wanted &= w.depth != 1;
                        break;
                default:
                        break;
                }
        }
}
