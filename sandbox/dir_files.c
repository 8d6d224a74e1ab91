// SPDX-License-Identifier: Apache-2.0
//
// Files and folders of the directory, before anything in them means something.
#include "dir_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "fdio.h"
#include "json.h"

static int read_file(struct buf *ret, const char *path, struct err *err)
{
        cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        struct stat st;
        int r;

        if (fd < 0) {
                if (errno != ENOENT)
                        err_set(err, "%s: %s", path, strerror(errno));
                return -errno;
        }
        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > DIR_FILE_MAX) {
                err_set(err, "%s: not a regular file of at most %u bytes", path, DIR_FILE_MAX);
                return -EBADMSG;
        }
        r = fdio_read(ret, fd);
        if (r < 0 && r != -ENOMEM)
                err_set(err, "%s: could not be read whole: %s", path, strerrordesc_np(-r));
        return r;
}

int dir_read_text(struct buf *ret, const char *path, const char *issuer_name, struct err *err)
{
        static const char mark[] = "${issuer}";
        cleanup_buf struct buf raw = BUF_INIT(DIR_FILE_MAX);
        const char *p, *next;
        int r = read_file(&raw, path, err);

        if (r < 0)
                return r;
        p = buf_str(&raw);
        if (strlen(p) != raw.n) {
                err_set(err, "%s: holds a NUL character", path);
                return -EBADMSG;
        }
        for (; (next = strstr(p, mark)); p = next + sizeof mark - 1) {
                buf_append(ret, p, (size_t)(next - p));
                buf_append_str(ret, issuer_name);
        }
        return buf_append_str(ret, p);
}

int dir_read_json(json_t **ret, const char *path, const char *issuer_name, struct err *err)
{
        cleanup_buf struct buf b = BUF_INIT(2 * DIR_FILE_MAX);
        cleanup_json json_t *j = NULL;
        int r = dir_read_text(&b, path, issuer_name, err);

        if (r < 0)
                return r;
        r = json_parse(&j, buf_str(&b), b.n, err);
        if (r == 0 && !json_is_object(j)) {
                err_set(err, "must be a JSON object");
                r = -EBADMSG;
        }
        if (r < 0) {
                err_prefix(err, "%s: ", path);
                return r;
        }
        *ret = TAKE_PTR(j);
        return 0;
}

static int by_name(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_name(char ***names, size_t *n, const char *name, size_t len, const char *path, struct err *err)
{
        char **p;

        if (*n == DIR_ENTRIES_MAX) {
                err_set(err, "%s: more than %d entries", path, DIR_ENTRIES_MAX);
                return -E2BIG;
        }
        p = realloc(*names, (*n + 1) * sizeof *p);
        if (!p)
                return -ENOMEM;
        *names = p;
        p[*n] = strndup(name, len);
        if (!p[*n])
                return -ENOMEM;
        (*n)++;
        return 0;
}

static bool is_folder(int at, const char *name)
{
        struct stat st;

        return fstatat(at, name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

int dir_names(char ***ret, size_t *ret_n, const char *path, const char *suffix, struct err *err)
{
        DIR *d = opendir(path);
        size_t n = 0, suffix_n = strlen(suffix);
        char **names = NULL;
        struct dirent *e;
        int r = 0;

        *ret = NULL;
        *ret_n = 0;
        if (!d && errno == ENOENT)
                return 0;
        if (!d) {
                err_set(err, "%s: %s", path, strerror(errno));
                return -errno;
        }
        while (r == 0 && (e = readdir(d))) {
                size_t len = strlen(e->d_name);

                if (e->d_name[0] == '.' || len <= suffix_n || strcmp(e->d_name + len - suffix_n, suffix) != 0)
                        continue;
                if (suffix_n || is_folder(dirfd(d), e->d_name))
                        r = add_name(&names, &n, e->d_name, len - suffix_n, path, err);
        }
        closedir(d);
        if (r < 0) {
                dir_names_free(names, n);
                return r;
        }
        if (n)
                qsort(names, n, sizeof *names, by_name);
        *ret = names;
        *ret_n = n;
        return 0;
}

void dir_names_free(char **names, size_t n)
{
        for (size_t i = 0; i < n; i++)
                free(names[i]);
        free(names);
}

int dir_only_known(json_t *o, const char *const *known, const char *path, struct err *err)
{
        const char *key;
        json_t *v;

        json_object_foreach(o, key, v)
        {
                bool found = false;

                for (const char *const *k = known; *k; k++)
                        found |= strcmp(*k, key) == 0;
                if (!found) {
                        err_set(err, "%s: unknown member \"%.60s\"", path, key);
                        return -EBADMSG;
                }
        }
        return 0;
}
