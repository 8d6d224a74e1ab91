// SPDX-License-Identifier: Apache-2.0
//
// Kept as JSON from the start, so that what programs read and what people read cannot come apart.
#include "findings.h"

#include "buf.h"
#include "columns.h"
#include "translate.h"

#include <stdio.h>

static const char *const states[] = {"ok", "wrong", "unknown"};
static const char *const marks[] = {N_("ok"), N_("WRONG"), N_("unknown")};
static const enum tint tints[] = {TINT_GOOD, TINT_BAD, TINT_NONE};
#define MARK_WIDTH 8u

int findings_init(struct findings *f)
{
        *f = (struct findings){.list = json_array()};
        return f->list ? 0 : -ENOMEM;
}

void findings_deinit(struct findings *f)
{
        json_decref(f->list);
        f->list = NULL;
}

_printf_(1, 0) static json_t *text_json(const char *format, va_list ap)
{
        char raw[2048], clean[2048];
        int n = vsnprintf(raw, sizeof raw, format, ap);

        if (n < 0)
                return NULL;
        return json_string(err_sanitise(clean, sizeof clean, raw, strlen(raw)));
}

static void add(struct findings *f, enum finding_state state, const char *check, json_t *text)
{
        if (!text || json_array_append_new(f->list, json_pack("{s:s, s:s, s:o, s:n}", "check", check, "state",
                                                            states[state], "text", text, "mend")) < 0)
                f->no_memory = true;
        f->n_wrong += state == FINDING_WRONG;
}

#define ADD(state)                                                                                           \
        do {                                                                                                 \
                va_list ap;                                                                                  \
                va_start(ap, text);                                                                          \
                add(f, state, check, text_json(_(text), ap));                                                \
                va_end(ap);                                                                                  \
        } while (0)

void findings_ok(struct findings *f, const char *check, const char *text, ...)
{
        ADD(FINDING_OK);
}

void findings_unknown(struct findings *f, const char *check, const char *text, ...)
{
        ADD(FINDING_UNKNOWN);
}

void findings_wrong(struct findings *f, const char *check, const char *text, ...)
{
        ADD(FINDING_WRONG);
}

void findings_mend(struct findings *f, const char *text, ...)
{
        json_t *last = json_array_get(f->list, json_array_size(f->list) - 1);
        va_list ap;

        va_start(ap, text);
        if (!last || json_object_set_new(last, "mend", text_json(_(text), ap)) < 0)
                f->no_memory = true;
        va_end(ap);
}

int findings_print(const struct findings *f)
{
        const json_t *o;
        size_t i;

        json_array_foreach(f->list, i, o)
        {
                const char *state = json_string_value(json_object_get(o, "state"));
                const char *mend = json_string_value(json_object_get(o, "mend"));
                size_t s = 0;
                char text[2560];

                while (s < ARRAY_SIZE(states) - 1 && strcmp(states[s], state) != 0)
                        s++;
                snprintf(text, sizeof text, "%s: %s", json_string_value(json_object_get(o, "check")),
                        json_string_value(json_object_get(o, "text")));
                columns_line_tinted(_(marks[s]), tints[s], MARK_WIDTH, text, TINT_NONE);
                snprintf(text, sizeof text, _("mend: %s"), mend ? mend : "");
                columns_line("", MARK_WIDTH, mend ? text : NULL);
        }
        return ferror(stdout) ? -1 : 0;
}
