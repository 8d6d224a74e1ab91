// SPDX-License-Identifier: Apache-2.0
//
// Flatpak starts an app in a unit app-flatpak-ID-N.scope (flatpak-ID-N.scope in old versions) with a file /.flatpak-info in
// the sandbox's root; snapd uses units snap.NAME.… and AppArmor labels of that form. A sandboxed program can change none
// of them. A program outside can forge them, and gains nothing: it gets less than it had.
#include "app_id.h"

#include <ctype.h>
#include <limits.h>

static int add(struct app_id *id, enum app_kind kind, const char *name, size_t n)
{
        if (n == 0 || n >= sizeof id->name)
                return -EBADMSG;
        if (id->kind != APP_NONE &&
                (id->kind != kind || strlen(id->name) != n || memcmp(id->name, name, n) != 0))
                return -EBADMSG;
        id->kind = kind;
        memcpy(id->name, name, n);
        id->name[n] = 0;
        return 0;
}

static bool has_suffix(const char *s, size_t n, const char *suffix)
{
        size_t m = strlen(suffix);

        return n > m && memcmp(s + n - m, suffix, m) == 0;
}

static bool has_prefix(const char *s, size_t n, const char *prefix)
{
        size_t m = strlen(prefix);

        return n >= m && memcmp(s, prefix, m) == 0;
}

// [A-Za-z0-9_.-], at least one dot, begins with none: what Flatpak takes for an id.
static int add_flatpak(struct app_id *id, const char *s, size_t n)
{
        bool dot = false;

        for (size_t i = 0; i < n; i++) {
                if (!isalnum((unsigned char)s[i]) && (!s[i] || !strchr("_.-", s[i])))
                        return -EBADMSG;
                dot |= s[i] == '.';
        }
        return dot && n > 0 && s[0] != '.' ? add(id, APP_FLATPAK, s, n) : -EBADMSG;
}

// name, or name_key for a parallel install: [a-z0-9-] and [a-z0-9].
static int add_snap(struct app_id *id, const char *s, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (!islower((unsigned char)s[i]) && !isdigit((unsigned char)s[i]) &&
                        (!s[i] || !strchr("-_", s[i])))
                        return -EBADMSG;
        return add(id, APP_SNAP, s, n);
}

static int hex_digit(char c)
{
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// What systemd escapes in a unit's name ("\x2d") read back; ret has room for n bytes.
static int unescape(char *ret, size_t *ret_n, const char *s, size_t n)
{
        *ret_n = 0;
        for (size_t i = 0; i < n; i++) {
                int hi, lo;

                if (s[i] != '\\') {
                        ret[(*ret_n)++] = s[i];
                        continue;
                }
                if (n - i < 4 || s[i + 1] != 'x')
                        return -EBADMSG;
                hi = hex_digit(s[i + 2]);
                lo = hex_digit(s[i + 3]);
                if (hi < 0 || lo < 0)
                        return -EBADMSG;
                ret[(*ret_n)++] = (char)(hi * 16 + lo);
                i += 3;
        }
        return 0;
}

// "ID-N.scope" behind the prefix.
static int flatpak_scope(struct app_id *id, const char *s, size_t n)
{
        char name[NAME_MAX + 1];
        size_t len, end = n - strlen(".scope"), digits = end;
        int r;

        while (digits > 0 && isdigit((unsigned char)s[digits - 1]))
                digits--;
        if (digits == end || digits < 2 || s[digits - 1] != '-' || digits > sizeof name)
                return -EBADMSG;
        r = unescape(name, &len, s, digits - 1);
        return r < 0 ? r : add_flatpak(id, name, len);
}

static int component(struct app_id *id, const char *s, size_t n)
{
        static const char *const flatpak[] = {"app-flatpak-", "flatpak-"};
        bool scope = has_suffix(s, n, ".scope");

        for (size_t i = 0; scope && i < ARRAY_SIZE(flatpak); i++)
                if (has_prefix(s, n, flatpak[i]))
                        return flatpak_scope(id, s + strlen(flatpak[i]), n - strlen(flatpak[i]));
        if (has_prefix(s, n, "snap.")) {
                const char *name = s + 5, *dot = memchr(name, '.', n - 5);

                return add_snap(id, name, dot ? (size_t)(dot - name) : n - 5);
        }
        return 0;
}

int app_id_from_cgroup_path(struct app_id *id, const char *path, size_t n)
{
        if (n == 0 || path[0] != '/' || memchr(path, 0, n))
                return -EBADMSG;
        while (n > 0) {
                const char *slash;
                size_t len;
                int r;

                path++;
                n--;
                slash = memchr(path, '/', n);
                len = slash ? (size_t)(slash - path) : n;
                r = component(id, path, len);
                if (r < 0)
                        return r;
                if ((has_suffix(path, len, ".scope") || has_suffix(path, len, ".service")) &&
                        len < sizeof id->unit) {
                        memcpy(id->unit, path, len);
                        id->unit[len] = 0;
                }
                path += len;
                n -= len;
        }
        return 0;
}

// "ID:controllers:path" for each hierarchy; version 2 is 0 and has no controllers.
int app_id_from_proc_cgroup(struct app_id *id, const char *text, size_t n)
{
        if (n == 0)
                return -EBADMSG;
        while (n > 0) {
                const char *end = memchr(text, '\n', n), *path;
                size_t len;
                int r;

                if (!end)
                        return -EBADMSG; // half a line: half a name
                len = (size_t)(end - text);
                path = memchr(text, ':', len);
                path = path ? memchr(path + 1, ':', len - (size_t)(path + 1 - text)) : NULL;
                if (!path)
                        return -EBADMSG;
                path++;
                r = app_id_from_cgroup_path(id, path, (size_t)(end - path));
                if (r < 0)
                        return r;
                n -= len + 1;
                text = end + 1;
        }
        return 0;
}

static void trim(const char **s, size_t *n)
{
        while (*n > 0 && isspace((unsigned char)**s)) {
                (*s)++;
                (*n)--;
        }
        while (*n > 0 && isspace((unsigned char)(*s)[*n - 1]))
                (*n)--;
}

// A key file as GLib writes it. Of all it holds one value counts: name in [Application], or in [Runtime] where a runtime
// was started by itself.
int app_id_from_flatpak_info(struct app_id *id, const char *text, size_t n)
{
        bool ours = false, found = false;

        if (memchr(text, 0, n))
                return -EBADMSG;
        while (n > 0) {
                const char *end = memchr(text, '\n', n), *line = text, *eq;
                size_t len = end ? (size_t)(end - text) : n, key;

                n -= end ? len + 1 : len;
                text += end ? len + 1 : len;
                trim(&line, &len);
                if (len == 0 || line[0] == '#')
                        continue;
                if (line[0] == '[') {
                        ours = (len == 13 && memcmp(line, "[Application]", 13) == 0) ||
                               (len == 9 && memcmp(line, "[Runtime]", 9) == 0);
                        continue;
                }
                eq = memchr(line, '=', len);
                if (!eq)
                        return -EBADMSG;
                key = (size_t)(eq - line);
                len -= key + 1;
                eq++;
                trim(&line, &key);
                trim(&eq, &len);
                if (!ours || key != 4 || memcmp(line, "name", 4) != 0)
                        continue;
                if (add_flatpak(id, eq, len) < 0)
                        return -EBADMSG;
                found = true;
        }
        return found ? 0 : -EBADMSG;
}

// "snap.NAME.APP (enforce)"; stacked ones are joined by "//&".
int app_id_from_label(struct app_id *id, const char *text, size_t n)
{
        if (memchr(text, 0, n) && text[n - 1] != 0)
                return -EBADMSG;
        for (size_t i = 0; i < n; i++) {
                const char *dot;
                int r;

                if ((i > 0 && text[i - 1] != '&' && text[i - 1] != ':' && text[i - 1] != '/') ||
                        !has_prefix(text + i, n - i, "snap."))
                        continue;
                i += 5;
                dot = memchr(text + i, '.', n - i);
                r = dot ? add_snap(id, text + i, (size_t)(dot - text - (ptrdiff_t)i)) : -EBADMSG;
                if (r < 0)
                        return r;
        }
        return 0;
}

bool app_id_is_flatpak(const char *name)
{
        return add_flatpak(&(struct app_id){0}, name, strlen(name)) == 0;
}

bool app_id_is_snap(const char *name)
{
        return add_snap(&(struct app_id){0}, name, strlen(name)) == 0;
}
