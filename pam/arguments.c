// SPDX-License-Identifier: Apache-2.0
//
// Where server_uid is not given, the daemon is whoever the local passwd file calls "valetkey": looked up in
// the file itself, so that no name service can say otherwise. Behind systemd's socket activation the peer is
// root anyway.
#include "arguments.h"

#include "session_vars.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <security/pam_ext.h>
#include <syslog.h>

enum which {
        ARG_SOCKET,
        ARG_TABLE,
        ARG_ROOT_TABLE,
        ARG_PASSWD,
        ARG_RUNTIME_BASE,
        ARG_TIMEOUT,
        ARG_MAX_OFFLINE_AGE,
        ARG_SERVER_UID,
        ARG_SESSION_ENVIRONMENT,
        ARG_DMI,
        ARG_HOME_OWNER,
};

static const struct {
        const char *name;
        enum which which;
} known[] = {
        {"socket", ARG_SOCKET},
        {"table", ARG_TABLE},
        {"root_table", ARG_ROOT_TABLE},
        {"passwd", ARG_PASSWD},
        {"runtime_base", ARG_RUNTIME_BASE},
        {"timeout", ARG_TIMEOUT},
        {"max_offline_age", ARG_MAX_OFFLINE_AGE},
        {"server_uid", ARG_SERVER_UID},
        {"session_environment", ARG_SESSION_ENVIRONMENT},
        {"dmi", ARG_DMI},
        {"home_owner", ARG_HOME_OWNER},
};

// "90", "90s", "15m", "12h", "30d" → seconds; -1 for anything else.
static int64_t read_number(const char *s, bool with_unit, int64_t max)
{
        int64_t n = 0, unit = 1;
        const char *p = s;

        for (; *p >= '0' && *p <= '9'; p++) {
                n = n * 10 + (*p - '0');
                if (n > max)
                        return -1;
        }
        if (p == s)
                return -1;
        if (with_unit && *p) {
                unit = *p == 's' ? 1 : *p == 'm' ? 60 : *p == 'h' ? 3600 : *p == 'd' ? 86400 : 0;
                p++;
        }
        return *p || unit == 0 || n > max / unit ? -1 : n * unit;
}

static bool set_path(const char **dst, const char *value)
{
        if (value[0] != '/' || strlen(value) >= PATH_MAX)
                return false;
        *dst = value;
        return true;
}

static bool set_session_environment(struct arguments *o, const char *value)
{
        static const char *const words[] = {
                [SESSION_IMDS] = "imds", [SESSION_CONTAINER] = "container", [SESSION_NONE] = "none"};

        o->imds_on_ec2 = strcmp(value, "imds!") == 0;
        o->session_environment = SESSION_IMDS;
        if (o->imds_on_ec2)
                return true;
        for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++)
                if (strcmp(value, words[i]) == 0) {
                        o->session_environment = (enum session_environment)i;
                        return true;
                }
        return false;
}

static bool set(struct arguments *o, enum which which, const char *value)
{
        int64_t n;

        switch (which) {
        case ARG_SOCKET:
                return set_path(&o->socket, value);
        case ARG_TABLE:
                return set_path(&o->table, value);
        case ARG_ROOT_TABLE:
                return set_path(&o->root_table, value);
        case ARG_PASSWD:
                return set_path(&o->passwd, value);
        case ARG_RUNTIME_BASE:
                return set_path(&o->runtime_base, value);
        case ARG_TIMEOUT:
                n = read_number(value, true, 600);
                o->timeout_ms = n * 1000;
                return n > 0;
        case ARG_MAX_OFFLINE_AGE:
                n = read_number(value, true, INT32_MAX);
                o->max_offline_age_s = n;
                return n > 0;
        case ARG_SERVER_UID:
                n = read_number(value, false, UINT32_MAX - 1);
                o->owners[1] = (uid_t)n;
                o->n_owners = 2;
                return n >= 0;
        case ARG_SESSION_ENVIRONMENT:
                return set_session_environment(o, value);
        case ARG_DMI:
                return set_path(&o->dmi, value);
        case ARG_HOME_OWNER:
                o->any_home = strcmp(value, "any") == 0;
                return o->any_home || strcmp(value, "user") == 0;
        }
        return false;
}

static int argument_of(const char *arg, const char **ret_value)
{
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
                size_t n = strlen(known[i].name);

                if (strncmp(arg, known[i].name, n) == 0 && arg[n] == '=') {
                        *ret_value = arg + n + 1;
                        return (int)known[i].which;
                }
        }
        return -1;
}

bool arguments_read(struct arguments *o, pam_handle_t *pamh, int argc, const char **argv)
{
        struct local_user daemon;
        unsigned seen = 0;

        *o = (struct arguments){
                .socket = PATH_RUN "/login.sock",
                .table = PATH_STATE "/users",
                .root_table = PATH_SYSCONF "/users",
                .passwd = LOCAL_PASSWD,
                .runtime_base = "/run/user",
                .dmi = SESSION_DMI,
                .timeout_ms =
                        8 *
                        1000, // nobody stands at a login for longer than ten seconds without being told why
                .owners = {0},
                .n_owners = 1,
        };
        for (int i = 0; i < argc; i++) {
                const char *value = NULL;
                int which = argument_of(argv[i], &value);

                if (which < 0 || (seen & 1u << which) || !set(o, (enum which)which, value)) {
                        pam_syslog(pamh, LOG_ERR, "%s argument in the PAM configuration: %.200s",
                                which < 0            ? "unknown"
                                : seen & 1u << which ? "repeated"
                                                     : "senseless",
                                argv[i]);
                        return false;
                }
                seen |= 1u << which;
        }
        if (o->n_owners == 1 && local_find(o->passwd, LOCAL_DAEMON, &daemon) == 0) {
                o->owners[1] = daemon.uid;
                o->n_owners = 2;
        }
        return true;
}

struct ours_paths arguments_paths(const struct arguments *o)
{
        return (struct ours_paths){
                .passwd = o->passwd,
                .root_table = o->root_table,
                .table = o->table,
                .owners = o->owners,
                .n_owners = o->n_owners,
        };
}

bool arguments_is_server(const struct arguments *o, uid_t uid)
{
        for (size_t i = 0; i < o->n_owners; i++)
                if (o->owners[i] == uid)
                        return true;
        return false;
}
