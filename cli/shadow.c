// SPDX-License-Identifier: Apache-2.0
#include "shadow.h"

#include "aws_file.h"
#include "shim_path.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

// What is not a file is none to the SDKs either. Larger than any reading takes is read as far as shows that.
static int read_file(struct awschain_file *f, char **ret_text)
{
        const size_t room = AWSCONF_SIZE_MAX + 1;
        cleanup_fd int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        struct stat st;
        size_t size;

        if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
                return 0;
        if (fd < 0 || fstat(fd, &st) < 0) {
                f->unreadable = true;
                return 0;
        }
        if (!S_ISREG(st.st_mode))
                return 0;
        size = st.st_size < (off_t)room ? (size_t)st.st_size + 1 : room;
        *ret_text = malloc(size);
        if (!*ret_text)
                return -ENOMEM;
        f->text = *ret_text;
        while (f->n < size) {
                ssize_t n = read(fd, *ret_text + f->n, size - f->n);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        f->unreadable = true;
                if (n <= 0)
                        break;
                f->n += (size_t)n;
        }
        return 0;
}

static const char *environment(const char *name, void *arg)
{
        (void)arg;
        return getenv(name);
}

int shadow_read_files(struct shadow_files *f)
{
        const char *config = getenv("AWS_CONFIG_FILE"), *credentials = getenv("AWS_SHARED_CREDENTIALS_FILE"),
                   *boto = getenv("BOTO_CONFIG");
        const char *const names[] = {config && *config ? config : "~/.aws/config",
                credentials && *credentials ? credentials : "~/.aws/credentials",
                boto ? boto : "/etc/boto.cfg", boto ? NULL : "~/.boto"};
        struct awschain_file *const files[] = {
                &f->in.config, &f->in.credentials, &f->in.boto[0], &f->in.boto[1]};

        *f = (struct shadow_files){.in.env = environment};
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                if (!names[i])
                        continue;
                if (aws_file_expand(&f->paths[i], names[i]) < 0)
                        goto fail;
                files[i]->path = f->paths[i];
                if (read_file(files[i], &f->texts[i]) < 0)
                        goto fail;
        }
        return 0;
fail:
        shadow_deinit(f);
        return -ENOMEM;
}

void shadow_deinit(struct shadow_files *f)
{
        const struct awschain_file *const files[] = {
                &f->in.config, &f->in.credentials, &f->in.boto[0], &f->in.boto[1]};

        for (size_t i = 0; i < ARRAY_SIZE(f->paths); i++) {
                free(f->paths[i]);
                if (f->texts[i])
                        explicit_bzero(f->texts[i], files[i]->n);
                free(f->texts[i]);
        }
        *f = (struct shadow_files){0};
}

static bool is_ours(const struct awschain_source *s, const char *role, bool is_static)
{
        if (s->kind == AWSCHAIN_PROCESS)
                return shim_is_for(s->text, role);
        return s->kind == (is_static ? AWSCHAIN_ENV_KEYS : AWSCHAIN_CONTAINER);
}

static bool is_same(const struct awschain_source *a, const struct awschain_source *b)
{
        return a->kind == b->kind && a->path == b->path && a->line == b->line;
}

int shadow_find(
        struct shadow ret[AWSCHAIN_SDK_MAX_], const struct shadow_files *f, const char *role, bool is_static)
{
        int n = 0;

        for (unsigned sdk = 0; sdk < AWSCHAIN_SDK_MAX_; sdk++) {
                struct awschain_source s;
                int i = 0;

                if (awschain_walk(&s, (enum awschain_sdk)sdk, &f->in) < 0)
                        return -ENOMEM;
                if (is_ours(&s, role, is_static))
                        continue;
                while (i < n && !is_same(&ret[i].source, &s))
                        i++;
                if (i == n)
                        ret[n++] = (struct shadow){.source = s};
                ret[i].sdks |= 1u << sdk;
        }
        return n;
}
