// SPDX-License-Identifier: Apache-2.0
//
// Two sorted lists of the same entries. Loaded once for as many questions as there are: a whole fleet's users are checked
// against them.
#include "local_names.h"

#include "reserved.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>

struct entry {
        char *name;
        uint32_t id;
        bool group;
};

struct local_names {
        struct entry *e; // by name
        struct entry **by_id;
        size_t n, room;
};

static int add(struct local_names *l, const char *name, uint32_t id, bool group)
{
        struct entry *e = &l->e[l->n];

        if (l->n == l->room) {
                l->room = l->room ? l->room * 2 : 128;
                e = realloc(l->e, l->room * sizeof *e);
                if (!e)
                        return -ENOMEM;
                l->e = e;
                e += l->n;
        }
        *e = (struct entry){strdup(name), id, group};
        if (!e->name)
                return -ENOMEM;
        l->n++;
        return 0;
}

static int load_passwd(struct local_names *l, const char *path)
{
        FILE *f = fopen(path, "re");
        const struct passwd *p;
        int r = 0;

        if (!f)
                return errno == ENOENT ? 0 : -errno;
        errno = 0;
        while (r == 0 && (p = fgetpwent(f)))
                r = add(l, p->pw_name, p->pw_uid, false);
        if (r == 0 && (ferror(f) || errno == ENOMEM))
                r = errno ? -errno : -EIO;
        fclose(f);
        return r;
}

static int load_group(struct local_names *l, const char *path)
{
        FILE *f = fopen(path, "re");
        const struct group *g;
        int r = 0;

        if (!f)
                return errno == ENOENT ? 0 : -errno;
        errno = 0;
        while (r == 0 && (g = fgetgrent(f)))
                r = add(l, g->gr_name, g->gr_gid, true);
        if (r == 0 && (ferror(f) || errno == ENOMEM))
                r = errno ? -errno : -EIO;
        fclose(f);
        return r;
}

static int by_name(const void *a, const void *b)
{
        const struct entry *x = a, *y = b;
        int c = strcmp(x->name, y->name);

        return c ? c : (int)x->group - (int)y->group;
}

static int by_id(const void *a, const void *b)
{
        const struct entry *x = *(const struct entry *const *)a, *y = *(const struct entry *const *)b;

        return (x->id > y->id) - (x->id < y->id);
}

int local_names_load(struct local_names **ret, const char *passwd, const char *group)
{
        struct local_names *l = calloc(1, sizeof *l);
        int r;

        if (!l)
                return -ENOMEM;
        r = load_passwd(l, passwd);
        if (r == 0)
                r = load_group(l, group);
        if (r == 0) {
                l->by_id = calloc(l->n + 1, sizeof(struct entry *));
                r = l->by_id ? 0 : -ENOMEM;
        }
        if (r != 0) {
                local_names_free(l);
                return err_trace(r);
        }
        if (l->n)
                qsort(l->e, l->n, sizeof *l->e, by_name);
        for (size_t i = 0; i < l->n; i++)
                l->by_id[i] = &l->e[i];
        qsort(l->by_id, l->n, sizeof(struct entry *), by_id);
        *ret = l;
        return 0;
}

struct local_names *local_names_free(struct local_names *l)
{
        if (!l)
                return NULL;
        for (size_t i = 0; i < l->n; i++)
                free(l->e[i].name);
        free(l->e);
        free(l->by_id);
        free(l);
        return NULL;
}

static const struct entry *find_name(const struct local_names *l, const char *name)
{
        size_t low = 0, high = l->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (strcmp(l->e[middle].name, name) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < l->n && strcmp(l->e[low].name, name) == 0 ? &l->e[low] : NULL;
}

static const struct entry *find_id(const struct local_names *l, uint32_t id)
{
        size_t low = 0, high = l->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (l->by_id[middle]->id < id)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < l->n && l->by_id[low]->id == id ? l->by_id[low] : NULL;
}

bool local_names_leave(const struct local_names *l, const char *name, uint32_t id, struct err *err)
{
        const struct entry *e;

        if (name_is_reserved(name)) {
                err_set(err, "%s is a name of the system's accounts and groups", name);
                return false;
        }
        e = find_name(l, name);
        if (e) {
                err_set(err, "there is a local %s %s", e->group ? "group" : "user", name);
                return false;
        }
        e = id ? find_id(l, id) : NULL;
        if (e) {
                err_set(err, "%u is the id of the local %s %.64s", id, e->group ? "group" : "user", e->name);
                return false;
        }
        return true;
}
