// SPDX-License-Identifier: Apache-2.0
//
// valetkeyd: the sign-in daemon, and the admin's verbs on the user tables. The daemon closes itself to others before it
// reads anything, blocks signals before a library may start a thread, and tells systemd that it is ready when a sign-in
// would be answered. It runs as an unprivileged user and needs no capability; root only where root's own table is
// edited.
#include "log.h"
#include "ports.h"
#include "service.h"
#include "signin.h"
#include "table_setup.h"
#include "user_cmd.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#define DAEMON_FILES 20480u // PORTS_MAX, and those who ask

struct options {
        const char *config, *run_dir, *state_dir, *users, *sessions_dir;
        uid_t login_uid;
};

static const char usage[] =
        "Usage: valetkeyd [OPTION…]\n"
        "       valetkeyd [--state-dir DIR] [--users FILE] user VERB …\n"
        "Performs federated sign-ins for PAM. Normally started by systemd.\n"
        "\n"
        "Options:\n"
        "  --config FILE     read this file only, not the system's\n"
        "  --run-dir DIR     where login.sock and claim.sock are (default: " PATH_RUN ")\n"
        "  --state-dir DIR   where the table of federated users is (default: " PATH_STATE ")\n"
        "  --users FILE      root's table of local users (default: " PATH_SYSCONF "/users)\n"
        "  --sessions-dir DIR  where logind says who is here (default: /run/systemd/users)\n"
        "  --login-uid UID   a uid besides 0 that may ask for sign-ins (for trying things out)\n"
        "  --help            this text\n"
        "  --version         the version\n"
        "\n";

static bool parse_uid(const char *s, uid_t *ret)
{
        uint64_t v = 0;

        for (const char *p = s; *p; p++) {
                if (*p < '0' || *p > '9')
                        return false;
                v = v * 10 + (uint64_t)(*p - '0');
                if (v >= UINT32_MAX)
                        return false;
        }
        *ret = (uid_t)v;
        return s[0] != 0;
}

// -1: go on; otherwise the exit status.
static int parse(struct options *o, int argc, char *argv[])
{
        static const struct option options[] = {
                {"config", required_argument, NULL, 'c'},
                {"run-dir", required_argument, NULL, 'r'},
                {"state-dir", required_argument, NULL, 's'},
                {"users", required_argument, NULL, 'u'},
                {"sessions-dir", required_argument, NULL, 'e'},
                {"login-uid", required_argument, NULL, 'l'},
                {"help", no_argument, NULL, 'h'},
                {"version", no_argument, NULL, 'V'},
                {0},
        };
        int c;

        while ((c = getopt_long(argc, argv, "+", options, NULL)) >= 0) {
                switch (c) {
                case 'c':
                        o->config = optarg;
                        break;
                case 'r':
                        o->run_dir = optarg;
                        break;
                case 's':
                        o->state_dir = optarg;
                        break;
                case 'u':
                        o->users = optarg;
                        break;
                case 'e':
                        o->sessions_dir = optarg;
                        break;
                case 'l':
                        if (!parse_uid(optarg, &o->login_uid)) {
                                fprintf(stderr, "valetkeyd: --login-uid wants a number\n");
                                return 2;
                        }
                        break;
                case 'h':
                        return fputs(usage, stdout) < 0 || fputs("Verbs:\n", stdout) < 0 ||
                               fputs(user_usage, stdout) < 0 || fflush(stdout) != 0;
                case 'V':
                        return puts("valetkeyd " VALETKEY_VERSION) < 0 || fflush(stdout) != 0;
                default:
                        return 2;
                }
        }
        return -1;
}

static void set_up_table(const struct options *o, const struct config *c)
{
        const uid_t owners[] = {0, geteuid()};
        char path[4096];
        const struct ours_paths paths = {
                .passwd = "/etc/passwd", .table = path, .owners = owners, .n_owners = ARRAY_SIZE(owners)};
        int r;

        if (snprintf(path, sizeof path, "%s/users", o->state_dir) >= (int)sizeof path)
                return;
        r = table_setup(&paths, "/etc/group", c, c ? signin_identity(c) : NULL);
        // Users of root's table can sign in all the same.
        if (r != 0)
                log_event(LOG_E_ERROR, "table.unusable", "file=%s reason=%s", path, table_result_text(r));
}

static void on_end(int signal, void *arg)
{
        log_event(LOG_E_NOTICE, "daemon.stopping", "signal=%d", signal);
        loop_quit(arg);
}

static void on_hangup(int signal _unused_, void *arg _unused_)
{
        log_event(LOG_E_NOTICE, "daemon.reload", "result=%s", "the configuration is read at the start only");
}

// What lives as long as the process; freed in reverse.
struct life {
        struct config *config;
        struct loop *loop;
        struct http *http;
        struct signin *signin;
        struct ports *ports;
};

static void life_end(struct life *l)
{
        signin_free(l->signin);
        ports_free(l->ports);
        http_free(l->http);
        loop_free(l->loop);
        config_unref(l->config);
}

static int watch_signals(struct loop *l)
{
        int r = loop_on_signal(l, SIGTERM, on_end, l);

        if (r == 0)
                r = loop_on_signal(l, SIGINT, on_end, l);
        if (r == 0)
                r = loop_on_signal(l, SIGHUP, on_hangup, NULL);
        return r;
}

// All have one name in the store: ten thousand names of their own would be more than a process can be started with.
// FDPOLL=0: a socket that nobody listens on reads as hung up, and would be thrown out.
static void store_port(void *arg _unused_, int fd)
{
        int r = service_notify_fd("FDSTORE=1\nFDPOLL=0\nFDNAME=port", fd);

        if (r < 0)
                log_event(LOG_E_WARNING, "daemon.notify_failed", "reason=%s", strerror(-r));
}

static int open_ports(struct life *l, const struct options *o, struct service_fds *fds, struct err *err)
{
        static const struct ports_stored stored = {.store = store_port};
        cleanup_free char *path = NULL;
        int r;

        if (asprintf(&path, "%s/ports", o->state_dir) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        r = ports_new(&l->ports, path, &stored);
        if (r < 0) {
                err_set(err, "%s: %s", path, strerror(-r));
                return r;
        }
        for (size_t i = 0; i < fds->n; i++)
                if (fds->e[i].fd >= 0 && strcmp(fds->e[i].name, "port") == 0)
                        ports_adopt(l->ports, TAKE_FD(fds->e[i].fd));
        ports_bind_all(l->ports);
        return 0;
}

// A machine that is not configured yet has a daemon all the same: it makes the table, keeps the ports, and says to whoever
// asks that no sign-in is possible. A file that is there and wrong is another matter.
static int load_config(
        struct config **ret, bool *ret_there, const struct config_source *source, struct err *err)
{
        int r = config_load(ret, source, err);

        *ret_there = r == 0;
        if (r == -ENOENT && !source->file)
                r = config_parse(ret, "no file", "", 0, err);
        return r;
}

static int start(struct life *l, const struct options *o, struct err *err)
{
        struct config_source source = {.file = o->config, .dirs = config_dirs_system, .check_owner = true};
        struct signin_options s = {.root_table = o->users,
                .state_dir = o->state_dir,
                .passwd = "/etc/passwd",
                .group = "/etc/group",
                .sessions_dir = o->sessions_dir,
                .login_uid = o->login_uid,
                .login_fd = -1,
                .claim_fd = -1};
        cleanup_free char *login_path = NULL, *claim_path = NULL;
        _cleanup_(service_fds_deinit) struct service_fds fds = {0};
        bool configured = false;
        int r = service_listen_fds(&fds);

        if (r == 0)
                r = service_allow_files(DAEMON_FILES);
        if (r == 0)
                r = load_config(&l->config, &configured, &source, err);
        if (r < 0)
                return r;
        if (asprintf(&login_path, "%s/login.sock", o->run_dir) < 0) {
                login_path = NULL;
                return -ENOMEM;
        }
        if (asprintf(&claim_path, "%s/claim.sock", o->run_dir) < 0) {
                claim_path = NULL;
                return -ENOMEM;
        }
        r = loop_new(&l->loop, &clock_system);
        if (r == 0)
                r = watch_signals(l->loop);
        if (r == 0)
                r = http_new(&l->http, l->loop);
        if (r < 0)
                return r;
        r = open_ports(l, o, &fds, err);
        if (r < 0)
                return r;
        set_up_table(o, configured ? l->config : NULL);
        s.loop = l->loop;
        s.http = l->http;
        s.config = l->config;
        s.ports = l->ports;
        s.login_path = login_path;
        s.claim_path = claim_path;
        s.login_fd = service_take_fd(&fds, "login");
        s.claim_fd = service_take_fd(&fds, "claim");
        if ((s.login_fd < 0 || s.claim_fd < 0) && mkdir(o->run_dir, 0755) < 0 && errno != EEXIST) {
                r = -errno;
                err_set(err, "cannot make %s: %s", o->run_dir, strerror(-r));
                return r;
        }
        return signin_new(&l->signin, &s, err);
}

static int run_daemon(const struct options *o)
{
        static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
        struct life life = {0};
        struct err err = ERR_INIT;
        int r;

        log_init("valetkeyd", LOG_E_INFO);
        signal(SIGPIPE, SIG_IGN);
        umask(022);
        r = loop_block_signals(signals, ARRAY_SIZE(signals));
        if (r == 0)
                r = net_global_init();
        if (r == 0)
                r = start(&life, o, &err);
        if (r == 0) {
                log_event(LOG_E_NOTICE, "daemon.ready", "version=%s", VALETKEY_VERSION);
                r = service_notify("READY=1");
                if (r < 0)
                        log_event(LOG_E_WARNING, "daemon.notify_failed", "reason=%s", strerror(-r));
                r = loop_run(life.loop);
                (void)service_notify("STOPPING=1"); // nobody waits for it
        }
        if (r < 0)
                fprintf(stderr, "valetkeyd: %s\n", err.text[0] ? err.text : strerror(-r));
        life_end(&life);
        return r < 0;
}

int main(int argc, char *argv[])
{
        struct options o = {
                .run_dir = PATH_RUN,
                .state_dir = PATH_STATE,
                .users = PATH_SYSCONF "/users",
                .sessions_dir = "/run/systemd/users",
                .login_uid = (uid_t)-1,
        };
        int r = service_harden();

        if (r < 0) {
                fprintf(stderr, "valetkeyd: cannot secure this process: %s\n", strerror(-r));
                return 1;
        }
        r = parse(&o, argc, argv);
        if (r >= 0)
                return r;
        if (optind == argc)
                return run_daemon(&o);
        if (strcmp(argv[optind], "user") == 0)
                return cmd_user(argc - optind, argv + optind, o.state_dir, o.users);
        fprintf(stderr, "valetkeyd: what is '%s'? See --help\n", argv[optind]);
        return 2;
}
