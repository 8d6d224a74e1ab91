// SPDX-License-Identifier: Apache-2.0
//
// A profile outlives this build of valetkey, so what names a shim is recognised by its words and not by its path.
#include "shim_path.h"

#include "quote.h"

bool shim_find(char path[PATH_MAX])
{
        ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - sizeof SHIM_NAME - 1);
        char *slash;

        if (n <= 0)
                return false;
        path[n] = 0;
        slash = strrchr(path, '/');
        if (!slash)
                return false;
        memcpy(slash + 1, SHIM_NAME, sizeof SHIM_NAME);
        return access(path, X_OK) == 0;
}

// Python splits the value as a shell would; the others hand it to one. Before that some of them end it at a "#" or ";".
int shim_command(struct buf *out, const char *path, const char *role, struct err *err)
{
        for (const char *s = path; *s; s++)
                if ((unsigned char)*s < ' ' || *s == 0x7f || strchr("#;'\\", *s)) {
                        err_set(err, "the path of " SHIM_NAME " has characters that no profile can hold");
                        return -EINVAL;
                }
        if (quote_word(out, path) == 0)
                buf_append_char(out, ' ');
        return buf_error(out) ? buf_error(out) : quote_word(out, role);
}

// A word, in single quotes or without any; NULL: there is none.
static const char *word(const char *s, size_t *n, const char **ret_rest)
{
        const char *end;

        s += strspn(s, " \t");
        if (*s == '\'') {
                end = strchr(++s, '\'');
                *ret_rest = end ? end + 1 : s;
        } else {
                end = s + strcspn(s, " \t'\"\\");
                *ret_rest = end;
        }
        *n = end ? (size_t)(end - s) : 0;
        return *n && strchr(" \t", **ret_rest) ? s : NULL;
}

bool shim_read_command(struct shim_words *ret, const char *command)
{
        const size_t name = sizeof SHIM_NAME - 1;
        const char *rest = command;

        ret->path = word(rest, &ret->n_path, &rest);
        if (!ret->path || ret->n_path < name ||
                memcmp(ret->path + ret->n_path - name, SHIM_NAME, name) != 0 ||
                (ret->n_path > name && ret->path[ret->n_path - name - 1] != '/'))
                return false;
        ret->role = word(rest, &ret->n_role, &rest);
        return ret->role && rest[strspn(rest, " \t")] == 0;
}

bool shim_is_for(const char *command, const char *role)
{
        struct shim_words w;

        return shim_read_command(&w, command) && w.n_role == strlen(role) &&
               memcmp(w.role, role, w.n_role) == 0;
}
