// SPDX-License-Identifier: Apache-2.0
#include "isolated.h"

#include "util.h"
#include "translate.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static int make_file(char **ret, const char *dir, const char *name)
{
        cleanup_fd int fd = -1;

        if (asprintf(ret, "%s/%s", dir, name) < 0) {
                *ret = NULL;
                return -ENOMEM;
        }
        fd = open(*ret, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        return fd < 0 ? -errno : 0;
}

static int make(struct isolated *d)
{
        const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
        int r;

        if (runtime && runtime[0] == '/')
                r = asprintf(&d->dir, "%s/valetkey/exec-XXXXXX", runtime);
        else
                r = asprintf(&d->dir, "/run/user/%u/valetkey/exec-XXXXXX", (unsigned)geteuid());
        if (r < 0) {
                d->dir = NULL;
                return -ENOMEM;
        }
        if (!mkdtemp(d->dir)) {
                r = -errno;
                fprintf(stderr, _("valetkey: cannot make %s: %s\n"), d->dir, strerror(-r));
                free(d->dir);
                d->dir = NULL;
                return r;
        }
        r = make_file(&d->config_file, d->dir, "config");
        return r < 0 ? r : make_file(&d->credentials_file, d->dir, "credentials");
}

int isolated_make(struct isolated *d)
{
        int r;

        *d = (struct isolated){0};
        r = make(d);
        if (r < 0)
                isolated_remove(d);
        return r;
}

// What the command may have added to the folder goes too; folders in it are its own affair.
static void empty(const char *path)
{
        DIR *dir = opendir(path);
        struct dirent *e;

        while (dir && (e = readdir(dir)))
                if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
                        (void)unlinkat(dirfd(dir), e->d_name, 0);
        if (dir)
                closedir(dir);
}

void isolated_remove(void *arg)
{
        struct isolated *d = arg;

        if (d->dir) {
                empty(d->dir);
                if (rmdir(d->dir) < 0)
                        fprintf(stderr, _("valetkey: cannot remove %s: %s\n"), d->dir, strerror(errno));
        }
        free(d->dir);
        free(d->config_file);
        free(d->credentials_file);
        *d = (struct isolated){0};
}
