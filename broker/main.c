// SPDX-License-Identifier: Apache-2.0
//
// valetkey-broker: the per-user daemon. Order matters here: the process closes itself to others before it
// holds anything, signals are blocked before a library may start a thread, the lock is taken before the
// socket is touched, and systemd hears of readiness when a caller would be answered.
#include "broker.h"
#include "bus_service.h"
#include "endpoint.h"
#include "log.h"
#include "login1.h"
#include "logout.h"
#include "matching.h"
#include "process.h"
#include "restart.h"
#include "server.h"
#include "settings.h"
#include "sign_out.h"
#include "wakeful.h"

#include <getopt.h>
#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>

struct options {
        const char *config, *runtime_dir, *claim_socket, *state_dir, *users;
        uid_t server_uid;
        bool has_server_uid;
};

static const char usage[] =
        "Usage: valetkey-broker [--config FILE] [--runtime-dir DIR] [--claim-socket PATH] [--server-uid "
        "UID]\n"
        "                       [--state-dir DIR] [--users FILE]\n"
        "Holds this user's sign-in and hands out AWS role credentials. Normally started by systemd or "
        "D-Bus.\n"
        "\n"
        "  --config FILE        read this file only, not the system's and the user's\n"
        "  --runtime-dir DIR    where credentials.sock is (default: $XDG_RUNTIME_DIR/valetkey)\n"
        "  --claim-socket PATH  valetkeyd's claim.sock (default: " PATH_RUN "/claim.sock)\n"
        "  --server-uid UID     whom valetkeyd runs as (default: the user valetkey)\n"
        "  --state-dir DIR      where valetkeyd's table of federated users is (default: " PATH_STATE ")\n"
        "  --users FILE         root's table of local users (default: " PATH_SYSCONF "/users)\n"
        "  --help               this text\n"
        "  --version            the version\n";

static bool parse_uid(const char *s, uid_t *ret)
{
        uint64_t v = 0;

        if (!*s)
                return false;
        for (; *s; s++) {
                if (*s < '0' || *s > '9')
                        return false;
                v = v * 10 + (uint64_t)(*s - '0');
                if (v >= UINT32_MAX)
                        return false;
        }
        *ret = (uid_t)v;
        return true;
}

// 0: go on; 1: done, successfully; -1: wrong usage.
static int parse(struct options *o, int argc, char *argv[])
{
        static const struct option options[] = {
                {"config", required_argument, NULL, 'c'},
                {"runtime-dir", required_argument, NULL, 'r'},
                {"claim-socket", required_argument, NULL, 's'},
                {"server-uid", required_argument, NULL, 'u'},
                {"state-dir", required_argument, NULL, 'd'},
                {"users", required_argument, NULL, 't'},
                {"help", no_argument, NULL, 'h'},
                {"version", no_argument, NULL, 'V'},
                {0},
        };
        int c;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
                switch (c) {
                case 'c':
                        o->config = optarg;
                        break;
                case 'r':
                        o->runtime_dir = optarg;
                        break;
                case 's':
                        o->claim_socket = optarg;
                        break;
                case 'u':
                        if (!parse_uid(optarg, &o->server_uid)) {
                                fprintf(stderr, "valetkey-broker: --server-uid wants a number\n");
                                return -1;
                        }
                        o->has_server_uid = true;
                        break;
                case 'd':
                        o->state_dir = optarg;
                        break;
                case 't':
                        o->users = optarg;
                        break;
                case 'h':
                        return fputs(usage, stdout) < 0 ? -1 : 1;
                case 'V':
                        return puts("valetkey-broker " VALETKEY_VERSION) < 0 ? -1 : 1;
                default:
                        return -1;
                }
        }
        if (optind < argc) {
                fprintf(stderr, "valetkey-broker: what is '%s'? See --help\n", argv[optind]);
                return -1;
        }
        return 0;
}

static uid_t daemon_uid(const struct options *o)
{
        const struct passwd *p;

        if (o->has_server_uid)
                return o->server_uid;
        p = getpwnam("valetkey");
        return p ? p->pw_uid : 0;
}

// What lives as long as the process, in the order it is made; freed in the other.
struct life {
        struct loop *loop;
        struct http *http;
        struct broker *broker;
        struct matching_where matching;
        uid_t owners[2];
        char *table;
        struct bus_service *bus;
        struct server *server;
        struct endpoint *endpoint;
        struct wakeful *wakeful;
        struct config *config;
        struct state *state;
        struct restart *restart;
        struct login1 *login1;
        struct logout *logout;
        struct sign_out *end; // while a provider is told, after "stop"
        const char *config_path;
        char *runtime_dir, *socket_path, *program;
        char **argv;
        struct process_fds passed;
        int lock;
        bool port_stored;
        bool ended; // somebody said so: nothing is kept
};

static void life_end(struct life *l)
{
        sign_out_free(l->end);
        logout_free(l->logout);
        restart_free(l->restart);
        bus_service_free(l->bus);
        server_free(l->server);
        if (l->ended && l->endpoint)
                endpoint_end(l->endpoint);
        endpoint_free(l->endpoint);
        wakeful_free(l->wakeful);
        broker_free(l->broker);
        login1_free(l->login1);
        if (l->ended && l->state && state_wipe(l->state) < 0)
                log_event(LOG_E_ERROR, "state.unsaved", "reason=%s", "cannot clear it");
        state_free(l->state);
        http_free(l->http);
        loop_free(l->loop);
        config_unref(l->config);
        free(l->runtime_dir);
        free(l->socket_path);
        free(l->table);
        free(l->program);
        if (l->passed.listen >= 0)
                close(l->passed.listen);
        if (l->passed.state >= 0)
                close(l->passed.state);
        if (l->passed.lock >= 0)
                close(l->passed.lock);
        if (l->passed.endpoint >= 0)
                close(l->passed.endpoint);
        if (l->lock >= 0)
                close(l->lock);
}

static void on_ended(void *arg)
{
        struct life *l = arg;

        loop_quit(l->loop);
}

// Everything is wiped now; for a provider that has to be told, the process lives on for two seconds at most.
static void end(struct life *l)
{
        l->ended = true;
        process_notify("STOPPING=1", -1);
        l->logout = logout_free(l->logout);
        l->restart = restart_free(l->restart);
        server_pause(l->server, true);
        if (sign_out_start(&l->end, l->broker, SIGN_OUT_STOP, NULL, on_ended, l) < 0)
                loop_quit(l->loop);
}

static void on_end(int signal, void *arg)
{
        struct life *l = arg;

        log_event(LOG_E_NOTICE, "broker.stopping", "signal=%d", signal);
        if (l->ended)
                loop_quit(l->loop); // told twice: at once
        else
                end(l);
}

// The last session has ended and nobody is signed in. A service manager stops us when it likes; without one, nobody would.
static void on_over(void *arg)
{
        struct life *l = arg;

        if (getenv("NOTIFY_SOCKET"))
                return;
        log_event(LOG_E_NOTICE, "broker.stopping", "reason=%s", "the last session ended");
        end(l);
}

static void on_hangup(int signal _unused_, void *arg)
{
        struct life *l = arg;

        if (l->restart)
                restart_begin(l->restart);
}

// Returns only when this process goes on. The configuration is read first: a broken one would be the end.
static int run_anew(void *arg, struct err *err)
{
        struct life *l = arg;
        struct config *probe = NULL;
        struct process_fds fds = {
                .state = state_fd(l->state), .lock = l->lock, .endpoint = endpoint_get_fd(l->endpoint)};
        int r = settings_load(&probe, l->config_path, err);

        if (r < 0)
                return r;
        config_unref(probe);
        r = broker_store(l->broker);
        if (r < 0) {
                err_set(err, "what is held cannot be stored: %s", strerror(-r));
                return r;
        }
        fds.listen = server_get_fd(l->server, &fds.owns_socket);
        fds.owns_endpoint = endpoint_is_own(l->endpoint);
        process_notify("RELOADING=1", -1);
        r = process_run_anew(l->program, l->argv, &fds, err);
        process_notify("READY=1", -1);
        return r;
}

// The memory file from before, or a new one. The service manager is given it in either case: it knows what it has.
static int open_state(struct life *l)
{
        int r = -EBADMSG;

        if (l->passed.state >= 0)
                r = state_adopt(&l->state, TAKE_FD(l->passed.state));
        if (r == -EBADMSG) {
                process_notify("FDSTOREREMOVE=1\nFDNAME=state", -1);
                r = state_new(&l->state);
        }
        if (r == 0)
                process_notify("FDSTORE=1\nFDNAME=state", state_fd(l->state));
        return r;
}

// The runtime directory and the lock. 1: another broker runs, which is as good.
static int settle(struct life *l, const struct options *o, struct err *err)
{
        int r = 0, other = 0;

        if (o->runtime_dir)
                l->runtime_dir = strdup(o->runtime_dir);
        else
                r = process_runtime_dir(&l->runtime_dir);
        if (r < 0 || !l->runtime_dir ||
                asprintf(&l->socket_path, "%s/credentials.sock", l->runtime_dir) < 0) {
                l->socket_path = NULL;
                return -ENOMEM;
        }
        r = process_prepare_dir(l->runtime_dir, err);
        if (r < 0)
                return r;
        r = process_lock(&l->lock, l->runtime_dir, TAKE_FD(l->passed.lock), &other, err);
        if (r != -EWOULDBLOCK)
                return r;
        fprintf(stderr, "valetkey-broker: already running in %s as process %d\n", l->runtime_dir, other);
        return 1;
}

static int open_door(struct life *l)
{
        bool passed = l->passed.listen >= 0;

        return server_new(&l->server, l->broker, passed && !l->passed.owns_socket ? NULL : l->socket_path,
                TAKE_FD(l->passed.listen));
}

static void on_port_offered(void *arg, int fd)
{
        struct life *l = arg;

        endpoint_offer(l->endpoint, fd);
}

static void show_endpoint(struct life *l)
{
        const struct broker_endpoint e = {
                .url = endpoint_get_url(l->endpoint),
                .token_file = endpoint_get_token_file(l->endpoint),
                .kept = !endpoint_is_own(l->endpoint),
                .offer = on_port_offered,
                .arg = l,
        };

        broker_set_endpoint(l->broker, &e);
        if (l->bus)
                bus_service_furnish(l->bus);
}

// There is a loopback port, or another than before: the service manager keeps it, should this process crash.
static void on_port(void *arg)
{
        struct life *l = arg;
        bool own = endpoint_is_own(l->endpoint);

        show_endpoint(l);
        if (l->port_stored) {
                process_notify("FDSTOREREMOVE=1\nFDNAME=" PROCESS_ENDPOINT, -1);
                process_notify("FDSTOREREMOVE=1\nFDNAME=" PROCESS_ENDPOINT_OWN, -1);
        }
        l->port_stored = true;
        // FDPOLL=0: a socket that nobody listens on reads as hung up, and would be thrown out of the store.
        process_notify(!own ? "FDSTORE=1\nFDPOLL=0\nFDNAME=" PROCESS_ENDPOINT
                            : "FDSTORE=1\nFDPOLL=0\nFDNAME=" PROCESS_ENDPOINT_OWN,
                endpoint_get_fd(l->endpoint));
}

static int open_endpoint(struct life *l, const struct broker_options *b)
{
        const struct endpoint_options e = {
                .broker = l->broker,
                .config = &l->config->endpoint,
                .runtime_dir = l->runtime_dir,
                .claim_path = b->claim_path,
                .server_uid = b->server_uid,
                .fd = TAKE_FD(l->passed.endpoint),
                .own = l->passed.owns_endpoint,
                .listening = on_port,
                .arg = l,
        };

        int r = endpoint_new(&l->endpoint, &e);

        if (r == 0)
                show_endpoint(l);
        return r;
}

// Which tables tell whose user this is: valetkeyd's, and root's.
static int find_tables(struct life *l, const struct options *o, const struct broker_options *b)
{
        if (asprintf(&l->table, "%s/users", o->state_dir ? o->state_dir : PATH_STATE) < 0) {
                l->table = NULL;
                return -ENOMEM;
        }
        l->owners[0] = 0;
        l->owners[1] = b->server_uid;
        l->matching = (struct matching_where){
                .claim_path = b->claim_path,
                .server_uid = b->server_uid,
                .uid = geteuid(),
                .tables = {.passwd = "/etc/passwd",
                        .root_table = o->users ? o->users : PATH_SYSCONF "/users",
                        .table = l->table,
                        .owners = l->owners,
                        .n_owners = ARRAY_SIZE(l->owners)},
        };
        return 0;
}

// What everything else hangs on.
static int start_loop(struct life *l)
{
        int r = loop_new(&l->loop, &clock_system);

        if (r == 0)
                r = loop_on_signal(l->loop, SIGTERM, on_end, l);
        if (r == 0)
                r = loop_on_signal(l->loop, SIGINT, on_end, l);
        if (r == 0)
                r = loop_on_signal(l->loop, SIGHUP, on_hangup, l);
        return r == 0 ? http_new(&l->http, l->loop) : r;
}

// The doors, and who is told that the machine woke up or the person has gone.
static int open_doors(struct life *l, const struct broker_options *b, struct err *err)
{
        int r = login1_new(&l->login1, l->loop);

        if (r == 0)
                r = wakeful_new(&l->wakeful, l->broker, l->login1);
        if (r < 0)
                return r;
        r = open_door(l);
        if (r < 0) {
                err_set(err, "cannot listen on %s: %s", l->socket_path, strerror(-r));
                return r;
        }
        r = open_endpoint(l, b);
        if (r < 0) {
                err_set(err, "cannot set up the loopback endpoint: %s", strerror(-r));
                return r;
        }
        r = bus_service_new(&l->bus, l->broker);
        if (r == 0)
                r = logout_new(&l->logout, &(struct logout_parts){.loop = l->loop,
                                                   .broker = l->broker,
                                                   .login1 = l->login1,
                                                   .uid = geteuid(),
                                                   .users_dir = "/run/systemd/users",
                                                   .over = on_over,
                                                   .arg = l});
        return r;
}

static int start(struct life *l, const struct options *o, struct err *err)
{
        struct broker_options b = {
                .claim_path = o->claim_socket ? o->claim_socket : PATH_RUN "/claim.sock",
                .server_uid = daemon_uid(o),
        };
        int r = settings_load(&l->config, o->config, err);

        if (r == 0)
                r = process_program(&l->program);
        if (r == 0)
                r = open_state(l);
        if (r == 0)
                r = start_loop(l);
        if (r == 0)
                r = find_tables(l, o, &b);
        if (r < 0)
                return r;
        b.matching = &l->matching;
        b.loop = l->loop;
        b.http = l->http;
        b.config = l->config;
        b.state = l->state;
        b.runtime_dir = l->runtime_dir;
        r = broker_new(&l->broker, &b);
        if (r == 0)
                r = open_doors(l, &b, err);
        if (r < 0)
                return r;
        return restart_new(&l->restart, &(struct restart_parts){.loop = l->loop,
                                                .broker = l->broker,
                                                .server = l->server,
                                                .bus = l->bus,
                                                .endpoint = l->endpoint,
                                                .run_anew = run_anew,
                                                .arg = l});
}

int main(int argc, char *argv[])
{
        static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
        struct life life = {.lock = -1, .argv = argv};
        struct options o = {0};
        struct err err = ERR_INIT;
        int r = process_harden();

        if (r < 0) {
                fprintf(stderr, "valetkey-broker: cannot secure this process: %s\n", strerror(-r));
                return 1;
        }
        r = parse(&o, argc, argv);
        if (r != 0)
                return r < 0 ? 2 : 0;
        log_init("valetkey-broker", LOG_E_INFO);
        process_take_fds(&life.passed);
        life.config_path = o.config;
        signal(SIGPIPE, SIG_IGN);
        r = loop_block_signals(signals, ARRAY_SIZE(signals));
        if (r == 0)
                r = net_global_init();
        if (r == 0)
                r = settle(&life, &o, &err);
        if (r == 0)
                r = start(&life, &o, &err);
        if (r == 0) {
                log_event(LOG_E_NOTICE, "broker.ready", "version=%s runtime_dir=%s", VALETKEY_VERSION,
                        life.runtime_dir);
                process_notify("READY=1", -1);
                r = loop_run(life.loop);
        }
        if (r < 0)
                fprintf(stderr, "valetkey-broker: %s\n", err.text[0] ? err.text : strerror(-r));
        life_end(&life);
        return r < 0;
}
