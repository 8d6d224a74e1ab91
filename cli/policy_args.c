// SPDX-License-Identifier: Apache-2.0
//
// Whatever the name leads to is read without waiting for anybody and to a limit.
#include "policy_args.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

int policy_args_init(struct policy_args *a)
{
        *a = (struct policy_args){0};
        return policy_context_new(&a->context);
}

void policy_args_deinit(struct policy_args *a)
{
        for (size_t i = 0; i < a->n; i++) {
                policy_free(a->policies[i]);
                free(a->names[i]);
        }
        a->context = policy_context_free(a->context);
        a->n = 0;
}

int policy_args_read_fd(struct buf *out, int fd, const char *name, struct err *err)
{
        ssize_t n = 1;

        while (n > 0 || (n < 0 && errno == EINTR)) {
                char block[4096];

                n = read(fd, block, sizeof block);
                if (n > 0 && buf_append(out, block, (size_t)n) < 0) {
                        err_set(err, "%s has more than %zu bytes", name, out->max);
                        return -EINVAL;
                }
        }
        if (n < 0)
                err_set(err, "%s: %s", name, strerror(errno));
        return n < 0 ? -EINVAL : 0;
}

int policy_args_read_file(struct buf *out, const char *path, struct err *err)
{
        cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0) {
                err_set(err, "%s: %s", path, strerror(errno));
                return -EINVAL;
        }
        if (S_ISDIR(st.st_mode)) {
                err_set(err, "%s is a folder", path);
                return -EINVAL;
        }
        return policy_args_read_fd(out, fd, path, err);
}

static int add(struct policy_args *a, enum policy_layer layer, unsigned level, bool trust, const char *name,
        const char *text, size_t n, struct err *err)
{
        struct policy *p = NULL;
        char *copy;
        int r;

        if (a->n == POLICY_ARGS_MAX) {
                err_set(err, "more than %u policies", POLICY_ARGS_MAX);
                return -EINVAL;
        }
        r = policy_parse(&p, policy_layer_kind(layer, trust), text, n, err);
        if (r < 0) {
                if (r == -EBADMSG)
                        err_prefix(err, "%s: ", name);
                return r;
        }
        copy = strdup(name);
        if (!copy) {
                policy_free(p);
                return -ENOMEM;
        }
        a->policies[a->n] = p;
        a->names[a->n] = copy;
        a->documents[a->n++] = (struct policy_document){p, layer, level};
        return 0;
}

int policy_args_add_text(struct policy_args *a, enum policy_layer layer, bool trust, const char *name,
        const char *text, size_t n, struct err *err)
{
        return add(a, layer, 0, trust, name, text, n, err);
}

static int add_file(struct policy_args *a, enum policy_layer layer, unsigned level, bool trust,
        const char *path, struct err *err)
{
        cleanup_buf struct buf text = BUF_INIT(POLICY_SIZE_MAX);
        int r = policy_args_read_file(&text, path, err);

        return r < 0 ? r : add(a, layer, level, trust, path, buf_str(&text), text.n, err);
}

int policy_args_add_files(
        struct policy_args *a, enum policy_layer layer, bool trust, const char *list, struct err *err)
{
        bool levels = layer == POLICY_LAYER_SERVICE_CONTROL || layer == POLICY_LAYER_RESOURCE_CONTROL;
        unsigned level = levels ? a->levels[layer]++ : 0;
        int r = 0;

        if (level >= POLICY_LEVELS_MAX) {
                err_set(err, "an organisation has no more than %u levels", POLICY_LEVELS_MAX);
                return -EINVAL;
        }
        while (r == 0) {
                size_t n = levels ? strcspn(list, ",") : strlen(list);
                cleanup_free char *path = strndup(list, n);

                r = path ? add_file(a, layer, level, trust, path, err) : -ENOMEM;
                if (!list[n])
                        break;
                list += n + 1;
        }
        return r;
}

// ---- condition keys -----------------------------------------------------------------------------------------------------

int policy_args_add_context(struct policy_args *a, const char *pair, struct err *err)
{
        const char *equals = strchr(pair, '=');
        cleanup_free char *key = NULL;
        int r;

        if (!equals || equals == pair || !memchr(pair, ':', (size_t)(equals - pair))) {
                err_set(err, "--context wants KEY=VALUE, like aws:SourceIp=192.0.2.1");
                return -EINVAL;
        }
        key = strndup(pair, (size_t)(equals - pair));
        r = key ? policy_context_add(a->context, key, equals + 1) : -ENOMEM;
        if (r == -E2BIG) {
                err_set(err, "--context: more keys or values than any request has");
                r = -EINVAL;
        }
        return r;
}

static int add_default(struct policy_context *c, const char *key, const char *value)
{
        return policy_context_has(c, key) ? 0 : policy_context_add(c, key, value);
}

int policy_args_add_now(struct policy_context *c)
{
        time_t now = time(NULL);
        struct tm tm;
        char text[32];
        int r;

        snprintf(text, sizeof text, "%lld", (long long)now);
        r = add_default(c, "aws:EpochTime", text);
        if (r == 0 && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm)))
                r = add_default(c, "aws:CurrentTime", text);
        return r == 0 ? add_default(c, "aws:SecureTransport", "true") : r;
}
