// SPDX-License-Identifier: Apache-2.0
//
// Everything stands in single quotes, where a POSIX shell reads nothing but the closing one; fish reads a backslash
// there too, csh an exclamation mark and a line end. PowerShell takes a doubled quote for one, and the four quotes of
// typography for quotes.
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
        {"powershell", QUOTE_POWERSHELL},
        {"pwsh", QUOTE_POWERSHELL},
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

// Bytes of what PowerShell takes for a single quote: the plain one, and the four of typography (U+2018 to U+201B).
static size_t powershell_quote(const char *s)
{
        if (*s == '\'')
                return 1;
        return s[0] == '\xe2' && s[1] == '\x80' && s[2] >= '\x98' && s[2] <= '\x9b' ? 3 : 0;
}

// The character at s, of *n bytes, so that it stands for itself between single quotes.
static int quote_char(struct buf *out, enum quote_shell shell, const char *s, size_t *n)
{
        *n = 1;
        if (shell == QUOTE_POWERSHELL && powershell_quote(s)) {
                *n = powershell_quote(s);
                buf_append(out, s, *n);
                return buf_append(out, s, *n);
        }
        if (*s == '\'')
                return buf_append_str(out, shell == QUOTE_FISH ? "\\'" : "'\\''");
        if ((shell == QUOTE_FISH && *s == '\\') || (shell == QUOTE_CSH && strchr("!\n", *s)))
                return buf_printf(out, "\\%c", *s);
        return buf_append_char(out, *s);
}

static int quote(struct buf *out, enum quote_shell shell, const char *s)
{
        int r = buf_append_char(out, '\'');

        for (size_t n; *s && r == 0; s += n)
                r = quote_char(out, shell, s, &n);
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
        static const char *const set[] = {"export %s=", "set -gx %s ", "setenv %s ", "$Env:%s = ", "%s="};
        static const char *const clear[] = {"unset %s", "set -e %s", "unsetenv %s", "$Env:%s = $null", "%s="};
        const char *form = value ? set[shell] : clear[shell], *at = strstr(form, "%s");
        int r = buf_append(out, form, (size_t)(at - form));

        if (r == 0)
                r = buf_append_str(out, name);
        if (r == 0)
                r = buf_append_str(out, at + 2);
        if (r == 0 && value)
                r = shell == QUOTE_ASSIGN ? quote_word(out, value) : quote(out, shell, value);
        return r ? r : buf_append_char(out, '\n');
}
