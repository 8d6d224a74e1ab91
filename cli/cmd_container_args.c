// SPDX-License-Identifier: Apache-2.0
//
// valetkey container-args ROLE [docker|podman]: what to add to "run" so that SDKs in a container use the role. A container
// has a loopback interface of its own, so the endpoint is out of reach; the broker's socket is not, when its folder is
// mounted at the path where the shim looks. The shim is static: it needs nothing of the image. Inside, the process has to have
// the user's uid: the broker serves nobody else, root included.
#include "cmd.h"

#include "door.h"
#include "json.h"
#include "quote.h"
#include "shim_path.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#define SYNOPSIS "container-args [--json] ROLE [docker|podman]"
#define IN_SHIM  "/usr/local/bin/" SHIM_NAME

struct args {
        json_t *list;
        int r;
};

static void _printf_(2, 3) add(struct args *a, const char *format, ...)
{
        char *s = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&s, format, ap) < 0)
                s = NULL;
        va_end(ap);
        if (!s || json_array_append_new(a->list, json_string(s)) < 0)
                a->r = -ENOMEM;
        free(s);
}

static int runtime_dir(char path[PATH_MAX])
{
        const char *dir = secure_getenv("XDG_RUNTIME_DIR");
        int n = dir && dir[0] == '/' ? snprintf(path, PATH_MAX, "%s/valetkey", dir)
                                     : snprintf(path, PATH_MAX, "/run/user/%u/valetkey", (unsigned)geteuid());

        return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int write_text(const char *dir, const char *name, const char *text)
{
        char path[PATH_MAX], temporary[PATH_MAX];
        size_t n = strlen(text);
        int fd, r = 0;

        if (snprintf(path, sizeof path, "%s/%s", dir, name) >= PATH_MAX ||
                snprintf(temporary, sizeof temporary, "%s/.%s.XXXXXX", dir, name) >= PATH_MAX)
                return -ENAMETOOLONG;
        fd = mkostemp(temporary, O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (write(fd, text, n) != (ssize_t)n || rename(temporary, path) < 0) {
                r = errno ? -errno : -EIO;
                unlink(temporary);
        }
        close(fd);
        return r;
}

// The SDKs' configuration for inside: DIR/container/NAME.config. No "/" in its name, which a role's may have.
static int write_config(char name[NAME_MAX], const char *dir, const char *role, const char *region)
{
        cleanup_free char *text = NULL;
        char folder[PATH_MAX];
        int n = snprintf(name, NAME_MAX, "%s.config", role);

        if (n < 0 || n >= NAME_MAX || snprintf(folder, sizeof folder, "%s/container", dir) >= PATH_MAX)
                return -ENAMETOOLONG;
        for (char *s = name; *s; s++)
                if (*s == '/')
                        *s = '+';
        if (mkdir(folder, 0700) < 0 && errno != EEXIST)
                return -errno;
        if (asprintf(&text, "[default]\ncredential_process = " IN_SHIM " %s\n%s%s%s", role,
                    region ? "region = " : "", region ? region : "", region ? "\n" : "") < 0) {
                text = NULL;
                return -ENOMEM;
        }
        return write_text(folder, name, text);
}

static int fill(struct args *a, const char *role, const char *region, bool is_podman, struct err *err)
{
        char shim[PATH_MAX], dir[PATH_MAX], config[NAME_MAX];
        int r = runtime_dir(dir);

        if (!shim_find(shim)) {
                err_set(err, SHIM_NAME " is not installed beside this program");
                return -ENOENT;
        }
        if (strpbrk(dir, ":,") || strpbrk(shim, ":,")) {
                err_set(err, "a path with ':' or ',' in it cannot be mounted: %s", dir);
                return -EINVAL;
        }
        if (r == 0)
                r = write_config(config, dir, role, region);
        if (r < 0) {
                err_set(err, "cannot write the container's configuration in %.150s: %s", dir, strerror(-r));
                return r;
        }
        if (is_podman)
                add(a, "--userns=keep-id");
        add(a, "--user=%u:%u", (unsigned)geteuid(), (unsigned)getegid());
        if (is_podman && access("/sys/fs/selinux/enforce", F_OK) == 0)
                add(a, "--security-opt=label=disable");
        add(a, "--volume=%s:" IN_SHIM ":ro", shim);
        add(a, "--volume=%s:/run/user/%u/valetkey:ro", dir, (unsigned)geteuid());
        add(a, "--env=XDG_RUNTIME_DIR=/run/user/%u", (unsigned)geteuid());
        add(a, "--env=AWS_CONFIG_FILE=/run/user/%u/valetkey/container/%s", (unsigned)geteuid(), config);
        add(a, "--env=AWS_SDK_LOAD_CONFIG=1");
        add(a, "--env=AWS_EC2_METADATA_DISABLED=true");
        if (region) {
                add(a, "--env=AWS_REGION=%s", region);
                add(a, "--env=AWS_DEFAULT_REGION=%s", region);
        }
        return a->r;
}

static int print(const json_t *list, bool as_json)
{
        cleanup_buf struct buf out = BUF_INIT(1u << 20);
        const json_t *o;
        size_t i;
        int r = 0;

        if (as_json)
                return json_dumpf(list, stdout, JSON_COMPACT) < 0 || putchar('\n') < 0;
        json_array_foreach(list, i, o) if (r == 0)
        {
                r = quote_word(&out, json_string_value(o));
                if (r == 0)
                        r = buf_append_char(&out, i + 1 < json_array_size(list) ? ' ' : '\n');
        }
        return r < 0 || !cmd_write(buf_str(&out), out.n);
}

int cmd_container_args(struct cli *cli, int argc, char *argv[])
{
        struct args a = {0};
        cleanup_json json_t *list = NULL;
        struct role_choice role = {0};
        struct door door = {0};
        struct err err = ERR_INIT;
        const char *engine;
        enum outcome o;
        int code, n;

        n = cmd_parse(cli, argc, argv, NULL, NULL, NULL, 2, SYNOPSIS,
                "Prints what to add to \"docker run\" or \"podman run\" for SDKs in the container to use "
                "ROLE.\n"
                "\n"
                "  --json  as an array of words\n"
                "  --help  this text\n",
                &code);
        if (n < 0)
                return code;
        if (n == 0)
                return cmd_usage(SYNOPSIS, "which role?");
        engine = n > 1 ? argv[optind + 1] : "podman";
        if (strcmp(engine, "podman") != 0 && strcmp(engine, "docker") != 0)
                return cmd_usage(SYNOPSIS, "the engine is docker or podman");
        if (geteuid() == 0) {
                err_set(&err, "containers of root are not served: run it as the user who signed in");
                return cmd_fail(cli, OUTCOME_ACCESS_DENIED, &err);
        }
        o = role_choose(&role, cli, argv[optind], &err);
        if (o == OUTCOME_OK)
                o = door_get(&door, &role, false, &err);
        if (o == OUTCOME_OK) {
                a.list = list = json_array();
                a.r = list ? fill(&a, role.name, door.region, engine[0] == 'p', &err) : -ENOMEM;
        }
        door_deinit(&door);
        role_choice_deinit(&role);
        if (o != OUTCOME_OK)
                return cmd_fail(cli, o, &err);
        return a.r < 0 ? cmd_fail(cli, OUTCOME_INTERNAL, &err) : print(list, cli->json);
}
