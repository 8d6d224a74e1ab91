// SPDX-License-Identifier: Apache-2.0
//
// Everything stands in single quotes, where a POSIX shell reads nothing but the closing one; fish reads a backslash
// there too, and csh an exclamation mark and a line end.
#include "quote.h"

static const struct {
        const char *name;
        enum quote_shell shell;
} shells[] = {
        {"posix", QUOTE_POSIX},
        {"sh", QUOTE_POSIX},
        {"bash", QUOTE_POSIX},
        {"dash", QUOTE_POSIX},
        {"ksh", QUOTE_POSIX},
        {"zsh", QUOTE_POSIX},
        {"fish", QUOTE_FISH},
        {"csh", QUOTE_CSH},
        {"tcsh", QUOTE_CSH},
};

bool quote_find_shell(enum quote_shell *ret, const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(shells); i++)
                if (strcmp(shells[i].name, name) == 0) {
                        *ret = shells[i].shell;
                        return true;
                }
        return false;
}

static int quote(struct buf *out, enum quote_shell shell, const char *s)
{
        int r = buf_append_char(out, '\'');

        for (; *s && r == 0; s++) {
                if (*s == '\'')
                        r = buf_append_str(out, shell == QUOTE_FISH ? "\\'" : "'\\''");
                else if ((shell == QUOTE_FISH && *s == '\\') || (shell == QUOTE_CSH && strchr("!\n", *s)))
                        r = buf_printf(out, "\\%c", *s);
                else
                        r = buf_append_char(out, *s);
        }
        return r ? r : buf_append_char(out, '\'');
}

int quote_word(struct buf *out, const char *word)
{
        static const char plain[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+=./:,@%";

        return *word && word[strspn(word, plain)] == 0 ? buf_append_str(out, word)
                                                       : quote(out, QUOTE_POSIX, word);
}

int quote_variable(struct buf *out, enum quote_shell shell, const char *name, const char *value)
{
        static const char *const set[] = {"export %s=", "set -gx %s ", "setenv %s "};
        static const char *const clear[] = {"unset %s", "set -e %s", "unsetenv %s"};
        const char *form = value ? set[shell] : clear[shell], *at = strstr(form, "%s");
        int r = buf_append(out, form, (size_t)(at - form));

        if (r == 0)
                r = buf_append_str(out, name);
        if (r == 0)
                r = buf_append_str(out, at + 2);
        if (r == 0 && value)
                r = quote(out, shell, value);
        return r ? r : buf_append_char(out, '\n');
}
