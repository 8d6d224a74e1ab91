// SPDX-License-Identifier: Apache-2.0
//
// The path comes from the configuration, which for a role of the user's own is the user's word, and the file is read with the
// user's rights. A fifo or a device must not stop the broker: the file is opened without blocking and must be regular.
#include "policy_file.h"

#include "fdio.h"
#include "json.h"
#include "util.h"

#include <fcntl.h>
#include <sys/stat.h>

#define FILE_MAX_ 65536 // with white space; what is sent is far less

static int refuse(struct err *err, const char *path, const char *why)
{
        err_set(err, "session policy %.100s: %s", path, why);
        return -EINVAL;
}

static int read_file(struct buf *out, const char *path, struct err *err)
{
        cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        struct stat st;
        int r;

        if (fd < 0)
                return refuse(err, path, strerrordesc_np(errno));
        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                return refuse(err, path, "not a regular file");
        r = fdio_read(out, fd);
        if (r == -EMSGSIZE)
                return refuse(err, path, "larger than 64 KiB");
        return r == 0 || r == -ENOMEM ? r : refuse(err, path, strerrordesc_np(-r));
}

static int append(const char *p, size_t n, void *arg)
{
        return buf_append(arg, p, n) < 0 ? -1 : 0;
}

int policy_file_read(char **ret, const char *path, struct err *err)
{
        cleanup_buf struct buf text = BUF_INIT(FILE_MAX_), compact = BUF_INIT(FILE_MAX_);
        cleanup_json json_t *j = NULL;
        struct err why = ERR_INIT;
        int r;

        if (!path) {
                *ret = NULL;
                return 0;
        }
        r = read_file(&text, path, err);
        if (r == 0)
                r = json_parse(&j, buf_str(&text), text.n, &why);
        if (r == -EBADMSG)
                return refuse(err, path, why.text);
        if (r < 0)
                return err_trace(r);
        if (!json_is_object(j))
                return refuse(err, path, "not a JSON object");
        if (json_dump_callback(j, append, &compact, JSON_COMPACT) < 0)
                return -ENOMEM;
        return buf_take_str(&compact, ret);
}
