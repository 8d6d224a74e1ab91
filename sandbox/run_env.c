// SPDX-License-Identifier: Apache-2.0
//
// Building environments. What must not come through is named by what it could do: send an SDK to other
// credentials than the world's, or a client to another session's bus.
#include "run_env.h"

#include <stdarg.h>
#include <stdio.h>

extern char **environ;

static bool names(const char *entry, const char *name, size_t n)
{
        return strncmp(entry, name, n) == 0 && entry[n] == '=';
}

void env_unset(struct env *e, const char *name)
{
        size_t n = strlen(name), kept = 0;

        for (size_t i = 0; i < e->n; i++) {
                if (names(e->v[i], name, n))
                        free(e->v[i]);
                else
                        e->v[kept++] = e->v[i];
        }
        e->n = kept;
        if (e->v)
                e->v[e->n] = NULL;
}

// Takes entry.
static void append(struct env *e, char *entry)
{
        if (entry && e->n + 2 > e->cap) {
                size_t cap = e->cap ? 2 * e->cap : 64;
                char **v = realloc(e->v, cap * sizeof *v);

                if (v) {
                        e->v = v;
                        e->cap = cap;
                }
        }
        if (!entry || e->n + 2 > e->cap) {
                free(entry);
                e->error = -ENOMEM;
                return;
        }
        e->v[e->n++] = entry;
        e->v[e->n] = NULL;
}

void env_set(struct env *e, const char *name, const char *fmt, ...)
{
        char *value = NULL, *entry = NULL;
        va_list ap;

        va_start(ap, fmt);
        if (vasprintf(&value, fmt, ap) < 0)
                value = NULL;
        va_end(ap);
        env_unset(e, name);
        if (value && asprintf(&entry, "%s=%s", name, value) < 0)
                entry = NULL;
        free(value);
        append(e, entry);
}

void env_deinit(struct env *e)
{
        for (size_t i = 0; i < e->n; i++)
                free(e->v[i]);
        free(e->v);
        *e = ENV_INIT;
}

static void set_session(struct env *e, const struct world *w)
{
        char path[WORLD_PATH];

        env_set(e, "XDG_RUNTIME_DIR", "%s", world_runtime_dir(w, path));
        env_set(e, "DBUS_SESSION_BUS_ADDRESS", "unix:path=%s/bus", path);
        if (w->root) {
                env_set(e, "HOME", "%s", world_path(w, path, "home"));
                env_set(e, "USER", "%s", w->pam_user);
                env_set(e, "LOGNAME", "%s", w->pam_user);
        }
}

int env_for_service(struct env *e, const struct world *w)
{
        static const char *const passed[] = {"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE",
                "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"};

        for (size_t i = 0; i < ARRAY_SIZE(passed); i++) {
                const char *value = getenv(passed[i]);

                if (value)
                        env_set(e, passed[i], "%s", value);
        }
        set_session(e, w);
        return e->error;
}

// A variable that would lead out of the world.
static bool leads_out(const char *entry)
{
        static const char *const kept[] = {"AWS_PAGER", "AWS_DEFAULT_OUTPUT", "AWS_CLI_AUTO_PROMPT",
                "AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE"};
        static const char *const dropped[] = {
                "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "DBUS_STARTER_ADDRESS"};

        if (strncmp(entry, "XDG_SESSION_", 12) == 0)
                return true;
        for (size_t i = 0; i < ARRAY_SIZE(dropped); i++) {
                if (names(entry, dropped[i], strlen(dropped[i])))
                        return true;
        }
        if (strncmp(entry, "AWS_", 4) != 0)
                return false;
        for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
                if (names(entry, kept[i], strlen(kept[i])))
                        return false;
        }
        return true;
}

static void set_aws(struct env *e, const struct world *w)
{
        char path[WORLD_PATH];

        env_set(e, "AWS_CONFIG_FILE", "%s", world_path(w, path, "etc/aws-config"));
        env_set(e, "AWS_SHARED_CREDENTIALS_FILE", "%s", world_path(w, path, "etc/aws-credentials"));
        env_set(e, "AWS_EC2_METADATA_DISABLED", "true");
        env_set(e, "AWS_ENDPOINT_URL_STS", "%s", w->base);
        env_set(e, "AWS_ENDPOINT_URL_IAM", "%s", w->base);
        env_set(e, "AWS_ENDPOINT_URL_EC2", "%s", w->base);
}

static void set_sandbox(struct env *e, const struct world *w)
{
        const char *no_proxy = getenv("NO_PROXY");

        env_set(e, "VALETKEY_SANDBOX_WORLD", "%s", w->dir);
        env_set(e, "VALETKEY_SANDBOX_ISSUER", "%s/oidc", w->base);
        env_set(e, "VALETKEY_SANDBOX_STS", "%s", w->base);
        env_set(e, "VALETKEY_SANDBOX_CONTROL", "%s/_sandbox", w->base);
        env_set(e, "VALETKEY_SANDBOX_STATS", "%s/_sandbox/stats", w->base);
        // The world is on loopback; no proxy leads there.
        env_set(e, "NO_PROXY", "127.0.0.1%s%s", no_proxy ? "," : "", no_proxy ? no_proxy : "");
        env_set(e, "no_proxy", "127.0.0.1%s%s", no_proxy ? "," : "", no_proxy ? no_proxy : "");
}

int env_for_command(struct env *e, const struct world *w, char *const *pam_env)
{
        char program[WORLD_PATH];
        const char *path = getenv("PATH");
        char *slash;

        for (char **p = environ; *p; p++) {
                if (!leads_out(*p))
                        append(e, strdup(*p));
        }
        for (char *const *p = pam_env; p && *p; p++) {
                const char *eq = strchr(*p, '=');
                char *name = eq ? strndup(*p, (size_t)(eq - *p)) : NULL;

                if (name)
                        env_set(e, name, "%s", eq + 1);
                else if (eq)
                        e->error = -ENOMEM;
                free(name);
        }
        set_session(e, w);
        set_aws(e, w);
        set_sandbox(e, w);
        world_program(w, program, "valetkey");
        slash = strrchr(program, '/');
        *slash = 0;
        env_set(e, "PATH", "%s:%s", program, path ? path : "/usr/bin:/bin");
        return e->error;
}
