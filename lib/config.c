// SPDX-License-Identifier: Apache-2.0
//
// Finding and opening the files, and the snapshot that comes of them. What is checked is the open file, not its
// name: a file is opened without following a link (in the system's folders), without waiting (it might be a pipe)
// and then looked at; folders are opened once and their files opened from them. A snapshot never changes; a
// reload makes another one, and whoever still works with the old one keeps a reference.
#include "config_draft.h"
#include "fdio.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define MAIN_FILE "valetkey.conf"
#define DROP_INS  "valetkey.conf.d"

const char *const config_dirs_system[] = {PATH_VENDOR, PATH_RUN, PATH_SYSCONF, NULL};

#define PATH_LEN 4096

struct snapshot {
        unsigned refs;
        struct config c;
};

struct loader {
        struct draft draft;
        bool check_owner;
        unsigned found; // files read
        struct err *err;
};

static int join(char dst[PATH_LEN], const char *dir, const char *name)
{
        int n = snprintf(dst, PATH_LEN, "%s/%s", dir, name);

        return n < 0 || n >= PATH_LEN ? -ENAMETOOLONG : 0;
}

static int refuse(const struct loader *l, const char *path, const char *why)
{
        err_set(l->err, "%s: %s", path, why);
        return -EPERM;
}

static int check_owner(const struct loader *l, const char *path, const struct stat *st)
{
        if (!l->check_owner)
                return 0;
        if (st->st_uid != 0 && st->st_uid != geteuid())
                return refuse(l, path, "belongs to neither root nor this user");
        if (st->st_mode & (S_IWGRP | S_IWOTH))
                return refuse(l, path, "others than its owner may write to it");
        return 0;
}

// What open() said; -ENOENT is for the caller to judge.
static int open_failed(const struct loader *l, const char *path)
{
        int e = errno;

        if (e == ENOENT)
                return -ENOENT;
        if (e == ELOOP)
                return refuse(l, path, "is a symbolic link");
        if (e == EACCES)
                return refuse(l, path, "may not be read by this user");
        errno = e;
        err_set(l->err, "%s: cannot be opened: %m", path);
        return -e;
}

static int read_all(const struct loader *l, int fd, const char *path, struct buf *b)
{
        int r = fdio_read(b, fd);

        if (r == -EMSGSIZE) {
                err_set(l->err, "%s: larger than %u bytes", path, CONFIG_FILE_MAX);
                return -EBADMSG;
        }
        if (r < 0 && r != -ENOMEM)
                err_set(l->err, "%s: cannot be read: %s", path, strerrordesc_np(-r));
        return r;
}

// Reads one file into the draft. -ENOENT when there is none.
static int load_file(struct loader *l, int dir, const char *name, const char *path, int flags, bool user)
{
        cleanup_buf struct buf text = BUF_INIT(CONFIG_FILE_MAX);
        cleanup_fd int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | flags);
        struct stat st;
        int r;

        if (fd < 0)
                return open_failed(l, path);
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return refuse(l, path, "is not a regular file");
        r = check_owner(l, path, &st);
        if (r == 0)
                r = read_all(l, fd, path, &text);
        if (r == 0)
                r = draft_add(&l->draft, path, buf_str(&text), text.n, user, l->err);
        if (r == 0)
                l->found++;
        return r;
}

static int open_dir(const struct loader *l, int at, const char *name, const char *path, int flags, int *ret)
{
        int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);
        struct stat st;
        int r;

        // With O_NOFOLLOW and O_DIRECTORY a link is "not a directory", which it would be called anyway.
        if (fd < 0 && errno == ENOTDIR)
                return refuse(l, path, "is not a folder");
        if (fd < 0)
                return open_failed(l, path);
        r = fstat(fd, &st) < 0 ? -errno : check_owner(l, path, &st);
        if (r < 0) {
                close(fd);
                return err_trace(r);
        }
        *ret = fd;
        return 0;
}

static int is_drop_in(const struct dirent *e)
{
        size_t n = strlen(e->d_name);

        return e->d_name[0] != '.' && n > 5 && strcmp(e->d_name + n - 5, ".conf") == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
        return strcmp((*a)->d_name, (*b)->d_name);
}

static int load_drop_ins(struct loader *l, int dir, const char *path)
{
        cleanup_fd int fd = -1;
        struct dirent **names;
        int r = open_dir(l, dir, DROP_INS, path, O_NOFOLLOW, &fd), n;

        if (r < 0)
                return r == -ENOENT ? 0 : r;
        n = scandirat(fd, ".", &names, is_drop_in, by_bytes);
        if (n < 0)
                return -errno;
        for (int i = 0; i < n; i++) {
                char file[PATH_LEN];

                if (r == 0)
                        r = join(file, path, names[i]->d_name);
                if (r == 0) {
                        r = load_file(l, fd, names[i]->d_name, file, O_NOFOLLOW, /* user= */ false);
                        r = r == -ENOENT ? 0 : r; // it went away in between
                }
                free(names[i]);
        }
        free(names);
        return r;
}

static int load_dir(struct loader *l, const char *dir)
{
        char path[PATH_LEN];
        cleanup_fd int fd = -1;
        int r = open_dir(l, AT_FDCWD, dir, dir, 0, &fd);

        if (r < 0)
                return r == -ENOENT ? 0 : r;
        r = join(path, dir, MAIN_FILE);
        if (r == 0)
                r = load_file(l, fd, MAIN_FILE, path, O_NOFOLLOW, /* user= */ false);
        if (r < 0 && r != -ENOENT)
                return err_trace(r);
        r = join(path, dir, DROP_INS);
        return r < 0 ? err_trace(r) : load_drop_ins(l, fd, path);
}

// What the environment says lies below every file, as if it were one.
static int load_environment(struct loader *l, const struct config_source *src)
{
        cleanup_buf struct buf text = BUF_INIT(CONFIG_FILE_MAX);

        if (!src->sts_endpoint)
                return 0;
        if (strpbrk(src->sts_endpoint, "\r\n")) {
                err_set(l->err, "%s: must be one line", src->sts_endpoint_from);
                return -EBADMSG;
        }
        if (buf_printf(&text, "[defaults]\nsts_endpoint = %s\n", src->sts_endpoint) < 0)
                return buf_error(&text);
        return draft_add(&l->draft, src->sts_endpoint_from, buf_str(&text), text.n, /* user= */ true, l->err);
}

static int load_all(struct loader *l, const struct config_source *src)
{
        int r = load_environment(l, src);

        if (r < 0)
                return err_trace(r);

        if (src->file) {
                r = load_file(l, AT_FDCWD, src->file, src->file, 0, /* user= */ false);
                if (r == -ENOENT)
                        err_set(l->err, "%s: does not exist", src->file);
                return r;
        }
        for (const char *const *dir = src->dirs; r == 0 && dir && *dir; dir++)
                r = load_dir(l, *dir);
        if (r == 0 && src->user_file) {
                // People keep their own files elsewhere and link to them; the file itself is checked.
                r = load_file(l, AT_FDCWD, src->user_file, src->user_file, 0, /* user= */ true);
                r = r == -ENOENT ? 0 : r;
        }
        if (r == 0 && l->found == 0) {
                err_set(l->err, "there is no configuration file");
                r = -ENOENT;
        }
        return r;
}

static int snapshot_new(struct config **ret, const struct draft *d, struct err *err)
{
        struct snapshot *s = calloc(1, sizeof *s);
        int r;

        if (!s)
                return -ENOMEM;
        s->refs = 1;
        r = config_build(&s->c, d, err);
        if (r < 0) {
                free(s);
                return err_trace(r);
        }
        *ret = &s->c;
        return 0;
}

// Reads all files of a source. *ret is the caller's first reference.
int config_load(struct config **ret, const struct config_source *src, struct err *err)
{
        struct loader l = {.check_owner = src->check_owner, .err = err};
        int r = load_all(&l, src);

        if (r == 0)
                r = snapshot_new(ret, &l.draft, err);
        draft_deinit(&l.draft);
        return r;
}

// Reads one text as a file of the system.
int config_parse(struct config **ret, const char *name, const char *text, size_t n, struct err *err)
{
        struct draft d = {0};
        int r = draft_add(&d, name, text, n, /* user= */ false, err);

        if (r == 0)
                r = snapshot_new(ret, &d, err);
        draft_deinit(&d);
        return r;
}

// Another reference; returns c.
struct config *config_ref(struct config *c)
{
        container_of(c, struct snapshot, c)->refs++;
        return c;
}

// Gives one back; the last one frees. NULL is fine; returns NULL.
struct config *config_unref(struct config *c)
{
        struct snapshot *s = c ? container_of(c, struct snapshot, c) : NULL;

        if (s && --s->refs == 0) {
                config_deinit(&s->c);
                free(s);
        }
        return NULL;
}

// For bsearch(), which hands the key over first.
static int is_role_name(const void *name, const void *role)
{
        return strcmp(name, (*(struct config_role *const *)role)->name);
}

// Borrowed; NULL for a name that is not configured.
const struct config_role *config_find_role(const struct config *c, const char *name)
{
        struct config_role *const *found =
                bsearch(name, c->by_name, c->n_roles, sizeof(*c->by_name), is_role_name);

        return found ? *found : NULL;
}

// Borrowed; NULL for a name that is not configured.
const struct config_identity *config_find_identity(const struct config *c, const char *name)
{
        for (size_t i = 0; i < c->n_identities; i++)
                if (strcmp(c->identities[i].name, name) == 0)
                        return &c->identities[i];
        return NULL;
}
