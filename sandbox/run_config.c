// SPDX-License-Identifier: Apache-2.0
//
// The files of a world: what an admin would write under /etc, and what a person has in ~/.aws.
#include "run_world.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static FILE *create(const struct world *w, const char *name, mode_t mode)
{
        char path[WORLD_PATH];
        int fd = open(world_path(w, path, name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
        FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

        if (fd >= 0 && (!f || fchmod(fd, mode) < 0)) {
                int e = errno;

                if (f)
                        fclose(f);
                else
                        close(fd);
                errno = e;
                return NULL;
        }
        return f;
}

static int finish(FILE *f)
{
        bool failed = !f || ferror(f);
        int e = f ? EIO : errno;

        if (f && fclose(f) < 0 && !failed)
                return -errno;
        return failed ? -e : 0;
}

static int write_valetkey(const struct world *w, const struct world_role *roles, size_t n)
{
        FILE *f = create(w, "etc/valetkey.conf", 0644);

        if (!f)
                return -errno;
        fprintf(f,
                "# A throw-away world's configuration, as /etc/valetkey/valetkey.conf would be.\n"
                "[identity sandbox]\ntype = oidc\nissuer = %s/oidc\nclient_id = valetkey\n"
                "\n# Nobody comes here from afar: --rhost only says so.\n[service *]\nrequire_prior = none\n"
                "\n# Whoever tries things signs in often.\n[signin]\nmax_starts_per_user = "
                "1000\nmax_starts_per_rhost = 1000\n"
                "\n[defaults]\nduration = 1h\nregion = eu-central-1\n",
                w->base);
        for (size_t i = 0; i < n; i++)
                if (strcmp(roles[i].name, "dev") == 0)
                        fputs("default_role = dev\n", f);
        for (size_t i = 0; i < n; i++)
                fprintf(f, "\n[role %s]\n%s = %s\nrole_arn = %s\nsts_endpoint = %s\n", roles[i].name,
                        roles[i].source[0] ? "source_role" : "identity",
                        roles[i].source[0] ? roles[i].source : "sandbox", roles[i].arn, w->base);
        return finish(f);
}

// The stack of a service whose users are valetkey's alone.
static int write_pam(const struct world *w)
{
        static const char *const phases[] = {"auth", "account", "session"};
        char module[WORLD_PATH];
        FILE *f = create(w, "etc/pam.d/" WORLD_PAM_SERVICE, 0644);

        if (!f)
                return -errno;
        for (size_t i = 0; i < ARRAY_SIZE(phases); i++)
                fprintf(f,
                        "%s required %s socket=%s/run/login.sock server_uid=%u table=%s/state/users "
                        "root_table=%s/etc/users runtime_base=%s/u\n",
                        phases[i], world_program(w, module, "pam_valetkey.so"), w->dir, w->daemon_uid, w->dir,
                        w->dir, w->dir);
        return finish(f);
}

static int write_bus(const struct world *w)
{
        char path[WORLD_PATH];
        FILE *f = create(w, "etc/bus.conf", 0644);
        int r;

        if (!f)
                return -errno;
        fprintf(f,
                "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n"
                " \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
                "<busconfig>\n <type>session</type>\n <listen>unix:path=%s/bus</listen>\n"
                " <servicedir>%s/etc/services</servicedir>\n <auth>EXTERNAL</auth>\n"
                " <policy context=\"default\">\n  <allow send_destination=\"*\" eavesdrop=\"true\"/>\n"
                "  <allow eavesdrop=\"true\"/>\n  <allow own=\"*\"/>\n </policy>\n</busconfig>\n",
                world_runtime_dir(w, path), w->dir);
        r = finish(f);
        f = r < 0 ? NULL : create(w, "etc/services/org.valetkey.Broker1.service", 0644);
        if (!f)
                return r < 0 ? r : -errno;
        fprintf(f, "[D-BUS Service]\nName=org.valetkey.Broker1\nExec=%s",
                world_program(w, path, "valetkey-broker"));
        fprintf(f,
                " --config %s/etc/valetkey.conf --claim-socket %s/run/claim.sock --server-uid %u"
                " --runtime-dir %s/valetkey --state-dir %s/state --users %s/etc/users\n",
                w->dir, w->dir, w->daemon_uid, world_runtime_dir(w, path), w->dir, w->dir);
        return finish(f);
}

static int write_aws(const struct world *w, const struct world_role *roles, size_t n)
{
        char shim[WORLD_PATH];
        FILE *f = create(w, "etc/aws-config", 0644);
        int r;

        if (!f)
                return -errno;
        world_program(w, shim, "valetkey-credential-process");
        for (size_t i = 0; i < n; i++) {
                if (strcmp(roles[i].name, "dev") == 0)
                        fprintf(f, "[default]\nregion = eu-central-1\ncredential_process = %s dev\n\n", shim);
        }
        for (size_t i = 0; i < n; i++)
                fprintf(f, "[profile %s]\nregion = eu-central-1\ncredential_process = %s %s\n\n",
                        roles[i].name, shim, roles[i].name);
        r = finish(f);
        return r < 0 ? r : finish(create(w, "etc/aws-credentials", 0644));
}

// What "sign-in" must know to sign in here later.
static int write_description(const struct world *w)
{
        FILE *f = create(w, "etc/world", 0644);

        if (!f)
                return -errno;
        fprintf(f, "base=%s\nuser=%s\npam_user=%s\n", w->base, w->user, w->pam_user);
        return finish(f);
}

int world_write_config(const struct world *w, const struct world_role *roles, size_t n_roles, struct err *err)
{
        int r = write_valetkey(w, roles, n_roles);

        if (r == 0)
                r = write_pam(w);
        if (r == 0)
                r = write_bus(w);
        if (r == 0)
                r = write_aws(w, roles, n_roles);
        if (r == 0)
                r = write_description(w);
        if (r < 0)
                err_set(err, "The world's configuration cannot be written: %s.", strerror(-r));
        return r;
}

int world_open(struct world *w, const char *dir, struct err *err)
{
        const struct {
                const char *key;
                char *value;
                size_t size;
        } known[] = {{"base=", w->base, sizeof w->base}, {"user=", w->user, sizeof w->user},
                {"pam_user=", w->pam_user, sizeof w->pam_user}};
        char path[WORLD_PATH], line[256];
        size_t found = 0;
        FILE *f;

        if (strlen(dir) >= sizeof w->dir) {
                err_set(err, "The world's path is too long.");
                return -ENAMETOOLONG;
        }
        snprintf(w->dir, sizeof w->dir, "%s", dir);
        f = fopen(world_path(w, path, "etc/world"), "re");
        if (!f) {
                int r = -errno;

                err_set(err, "%s is no world: %s.", dir, strerror(-r));
                return r;
        }
        while (fgets(line, sizeof line, f)) {
                line[strcspn(line, "\n")] = 0;
                for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
                        if (strncmp(line, known[i].key, strlen(known[i].key)) != 0)
                                continue;
                        snprintf(known[i].value, known[i].size, "%s", line + strlen(known[i].key));
                        found++;
                }
        }
        fclose(f);
        if (found == ARRAY_SIZE(known))
                return 0;
        err_set(err, "%s does not describe a world.", path);
        return -EBADMSG;
}
