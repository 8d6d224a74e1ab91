// SPDX-License-Identifier: Apache-2.0
#include "client_secret.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

// What a form can carry and a person can have pasted: a character that does not show would be refused by the provider without a
// hint of why.
static bool is_secret(const char *s, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (s[i] <= ' ' || s[i] > '~')
                        return false;
        return n > 0 && n <= CLIENT_SECRET_MAX;
}

int client_secret_read(struct secret **ret, const char *path, struct err *err)
{
        // Not to wait for a pipe's other end, nor to be given a terminal.
        cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        char text[CLIENT_SECRET_MAX + 3]; // with an end of line, and one more to see that there is more
        struct stat st;
        ssize_t n;
        int r;

        if (fd < 0 || fstat(fd, &st) < 0) {
                r = -errno;
                err_set(err, "%s: %s", path, strerror(-r));
                return r;
        }
        n = S_ISREG(st.st_mode) ? read(fd, text, sizeof text) : 0;
        while (n > 0 && strchr(" \r\n", text[n - 1]) && text[n - 1])
                n--;
        r = n > 0 && is_secret(text, (size_t)n) ? secret_new(ret, text, (size_t)n) : -EBADMSG;
        explicit_bzero(text, sizeof text);
        if (r == -EBADMSG)
                err_set(err, "%s: must be a file with the client's secret, at most %d characters on one line",
                        path, CLIENT_SECRET_MAX);
        return r;
}
