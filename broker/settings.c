// SPDX-License-Identifier: Apache-2.0
#include "settings.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define FILE_MAX (1u << 20)

static int read_file(struct buf *out, const char *path, struct err *err)
{
        cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0) {
                int e = errno;

                err_set(err, "%s: %s", path, strerror(e));
                return -e;
        }
        if (!S_ISREG(st.st_mode) || (st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & 022) != 0) {
                err_set(err, "%s: must be a regular file of root's or this user's that nobody else can write",
                        path);
                return -EPERM;
        }
        for (;;) {
                char block[4096];
                ssize_t n = read(fd, block, sizeof block);
                int r;

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : 0;
                r = buf_append(out, block, (size_t)n);
                if (r < 0) {
                        err_set(err, "%s: larger than 1 MiB", path);
                        return r;
                }
        }
}

int settings_load(struct config **ret, const char *one_file, struct err *err)
{
        cleanup_free char *user_file = NULL;
        cleanup_buf struct buf text = BUF_INIT(FILE_MAX);
        const char *home = secure_getenv("HOME"), *xdg = secure_getenv("XDG_CONFIG_HOME");
        struct config_source source = {.dirs = config_dirs_system, .check_owner = true};
        int n = 0, r;

        if (one_file) {
                r = read_file(&text, one_file, err);
                return r < 0 ? r : config_parse(ret, one_file, buf_str(&text), text.n, err);
        }
        if (xdg && xdg[0] == '/')
                n = asprintf(&user_file, "%s/valetkey/valetkey.conf", xdg);
        else if (home && home[0] == '/')
                n = asprintf(&user_file, "%s/.config/valetkey/valetkey.conf", home);
        if (n < 0) {
                user_file = NULL;
                return -ENOMEM;
        }
        source.user_file = user_file;
        return config_load(ret, &source, err);
}
