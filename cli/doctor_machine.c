// SPDX-License-Identifier: Apache-2.0
//
// What the admin of the machine has set: the order of PAM stacks, how long sshd waits for a sign-in, and who may listen where.
#include "doctor.h"

#include "pam_stack.h"
#include "translate.h"

#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <sys/stat.h>

#define GRACE_DEFAULT_S 120

static bool is_service(const struct dirent *e)
{
        size_t n = strlen(e->d_name);

        return e->d_name[0] != '.' && strncmp(e->d_name, "common-", 7) != 0 && !strchr(e->d_name, '~') &&
               !(n > 5 && strncmp(e->d_name + n - 5, ".dpkg", 5) == 0) && !strstr(e->d_name, ".dpkg-");
}

static void tell_stack(struct doctor *d, const char *service, const struct pam_stack *s)
{
        char check[NAME_MAX + 8];

        snprintf(check, sizeof check, "pam:%s", service);
        if (!s->auth.line && !s->session.line)
                return;
        d->uses_pam = true;
        if (!s->session.line && !s->systemd.line && !s->unreadable) {
                // sudo, say: it asks whether it is still the same person
                findings_ok(&d->found, check,
                        "%s/%s:%u: pam_valetkey signs in here, for no session of its own", d->pam,
                        s->auth.file, s->auth.line);
        } else if (!s->session.line) {
                findings_wrong(&d->found, check,
                        "%s/%s:%u: pam_valetkey signs in here and has no session line: the "
                        "sign-in never comes to the user's broker",
                        d->pam, s->auth.file, s->auth.line);
                findings_mend(&d->found, "add \"session optional pam_valetkey.so\" behind pam_systemd.so");
        } else if (s->systemd.line && s->session_first) {
                findings_wrong(&d->found, check,
                        "%s/%s:%u: pam_valetkey's session stands before pam_systemd's (%s:%u)", d->pam,
                        s->session.file, s->session.line, s->systemd.file, s->systemd.line);
                findings_mend(&d->found, "move it behind pam_systemd.so");
        } else if (!s->systemd.line) {
                findings_unknown(&d->found, check, "%s/%s:%u: there is no pam_systemd in this stack%s",
                        d->pam, s->session.file, s->session.line,
                        s->unreadable ? ", as far as it can be read"
                                      : ": the user's broker has to be started otherwise");
        } else {
                findings_ok(&d->found, check, "%s/%s:%u: behind pam_systemd", d->pam, s->session.file,
                        s->session.line);
        }
}

static void check_pam(struct doctor *d)
{
        struct dirent **list = NULL;
        int n = scandir(d->pam, &list, NULL, alphasort);

        if (n < 0) {
                findings_unknown(&d->found, "pam", "%s: %s", d->pam, strerror(errno));
                return;
        }
        for (int i = 0; i < n; i++) {
                struct pam_stack s;
                char check[NAME_MAX + 8];
                int r = is_service(list[i]) ? pam_stack_read(&s, d->pam, list[i]->d_name) : -EISDIR;

                if (r == 0) {
                        tell_stack(d, list[i]->d_name, &s);
                } else if (r == -EACCES) {
                        snprintf(check, sizeof check, "pam:%s", list[i]->d_name);
                        findings_unknown(
                                &d->found, check, "%s/%s: %s", d->pam, list[i]->d_name, strerror(EACCES));
                }
                free(list[i]);
        }
        free(list);
        if (!d->uses_pam)
                findings_unknown(&d->found, "pam", "no service in %s uses pam_valetkey", d->pam);
}

// ---- sshd

struct grace {
        int64_t seconds; // -1: not said; 0: no limit
        char file[PATH_MAX];
        unsigned line, files;
        bool unreadable;
};

// "2m", "1h30m", "120": sshd_config(5), TIME FORMATS.
static int64_t read_time(const char *s)
{
        int64_t total = 0;

        while (*s >= '0' && *s <= '9') {
                char *end;
                int64_t v = strtoll(s, &end, 10);

                if (v < 0 || v > INT32_MAX)
                        return -1;
                s = end + (*end != 0);
                total += *end == 'm' || *end == 'M'   ? v * 60
                         : *end == 'h' || *end == 'H' ? v * 3600
                         : *end == 'd' || *end == 'D' ? v * 86400
                         : *end == 'w' || *end == 'W' ? v * 604800
                                                      : v;
        }
        return total;
}

static void read_sshd(struct grace *g, const char *path);

static void include_sshd(struct grace *g, const char *from, const char *pattern)
{
        const char *slash = strrchr(from, '/');
        char whole[PATH_MAX];
        glob_t found = {0};

        if (snprintf(whole, sizeof whole, "%.*s%s", pattern[0] == '/' || !slash ? 0 : (int)(slash + 1 - from),
                    from, pattern) < (int)sizeof whole &&
                glob(whole, 0, NULL, &found) == 0)
                for (size_t i = 0; i < found.gl_pathc && g->seconds < 0; i++)
                        read_sshd(g, found.gl_pathv[i]);
        globfree(&found);
}

// The first value counts; what stands in a Match block cannot be this setting.
static void read_sshd(struct grace *g, const char *path)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        FILE *f = fd >= 0 ? fdopen(fd, "re") : NULL;
        char text[4096];
        unsigned line = 0;

        if (!f || ++g->files > 64) {
                g->unreadable = true;
                if (f)
                        fclose(f);
                else if (fd >= 0)
                        close(fd);
                return;
        }
        while (g->seconds < 0 && fgets(text, sizeof text, f)) {
                char *save = NULL, *key = strtok_r(text, " \t\r\n=\"", &save),
                     *value = key ? strtok_r(NULL, " \t\r\n=\"", &save) : NULL;

                line++;
                if (!value || key[0] == '#')
                        continue;
                if (strcasecmp(key, "Match") == 0)
                        break;
                if (strcasecmp(key, "Include") == 0) {
                        for (; value; value = strtok_r(NULL, " \t\r\n\"", &save))
                                include_sshd(g, path, value);
                } else if (strcasecmp(key, "LoginGraceTime") == 0) {
                        g->seconds = read_time(value);
                        snprintf(g->file, sizeof g->file, "%s", path);
                        g->line = line;
                }
        }
        fclose(f);
}

static void check_sshd(struct doctor *d)
{
        struct grace g = {.seconds = -1};
        char where[PATH_MAX + 32];
        int64_t grace;

        if (access(d->sshd, F_OK) < 0) {
                findings_unknown(&d->found, "sshd", "%s: %s", d->sshd, strerror(errno));
                return;
        }
        read_sshd(&g, d->sshd);
        if (g.unreadable && g.seconds < 0) {
                findings_unknown(&d->found, "sshd", "%s, or what it includes, cannot be read", d->sshd);
                return;
        }
        grace = g.seconds < 0 ? GRACE_DEFAULT_S : g.seconds;
        if (g.seconds < 0)
                snprintf(where, sizeof where, _("%s: LoginGraceTime is not set, and so"), d->sshd);
        else
                snprintf(where, sizeof where, _("%s:%u: LoginGraceTime is"), g.file, g.line);
        if (grace == 0)
                findings_ok(&d->found, "sshd", "%s without a limit", where);
        else if (!d->code_life_s)
                findings_unknown(&d->found, "sshd", "%s %lld s; how long a device code lives is not known",
                        where, (long long)grace);
        else if (grace >= d->code_life_s)
                findings_ok(&d->found, "sshd", "%s %lld s; a device code lives %lld s", where,
                        (long long)grace, (long long)d->code_life_s);
        else if (!d->uses_pam)
                findings_unknown(&d->found, "sshd",
                        "%s %lld s, less than a device code's %lld s; no service here "
                        "signs in by pam_valetkey",
                        where, (long long)grace, (long long)d->code_life_s);
        else {
                findings_wrong(&d->found, "sshd",
                        "%s %lld s: sshd hangs up while a device code, which lives %lld s, "
                        "is still good",
                        where, (long long)grace, (long long)d->code_life_s);
                findings_mend(&d->found, "LoginGraceTime %lld", (long long)d->code_life_s);
        }
}

// ---- ports

static void check_ports(struct doctor *d)
{
        static const char path[] = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
        FILE *f = fopen(path, "re");
        unsigned start = 0;
        char text[32], *end;
        bool known = f && fgets(text, sizeof text, f);

        if (f)
                fclose(f);
        if (known)
                start = (unsigned)strtoul(text, &end, 10);
        if (!known || end == text) {
                findings_unknown(&d->found, "ports", "%s cannot be read", path);
                return;
        }
        for (size_t i = 0; d->config && i < d->config->n_identities; i++) {
                const struct config_identity *id = &d->config->identities[i];

                if (!id->callback_port || id->callback_port >= start)
                        continue;
                findings_wrong(&d->found, "ports",
                        "callback_port = %u in [identity %s] is below "
                        "ip_unprivileged_port_start = %u: the broker cannot listen there",
                        id->callback_port, id->name, start);
                findings_mend(&d->found, "choose a port from %u on, where the provider allows it", start);
                return;
        }
        if (start > 20000) {
                findings_wrong(&d->found, "ports",
                        "ip_unprivileged_port_start = %u leaves valetkeyd no ports for users", start);
                findings_mend(&d->found, "sysctl net.ipv4.ip_unprivileged_port_start=1024");
        } else {
                findings_ok(&d->found, "ports", "ip_unprivileged_port_start = %u%s", start,
                        start < 1024 ? "; any user may listen on ports from there on, those of services too"
                                     : "");
        }
}

void doctor_machine(struct doctor *d)
{
        check_pam(d);
        check_sshd(d);
        check_ports(d);
}
