// SPDX-License-Identifier: Apache-2.0
//
// valetkey curl ROLE …: curl itself, which talks plain HTTP to a socket of ours. What it asks there is signed and goes on over
// TLS, so the signature is over exactly what curl sends, whatever options made it; and no secret is in curl's hands, its arguments or what -v
// prints. The socket serves that one process.
#include "cmd.h"

#include "aws_host.h"
#include "curl_words.h"
#include "exec_run.h"
#include "form.h"
#include "gateway.h"
#include "gateway_role.h"
#include "http.h"
#include "json.h"
#include "log.h"
#include "role_choose.h"
#include "translate.h"

#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#define SYNOPSIS "curl [--service NAME] [--region REGION] ROLE [CURL OPTION]… URL…"
#define BODY_MAX (INT64_C(5) << 30)
#define LED_MAX  16

struct curl {
        const char *service, *region;
        bool env;
        struct role_choice choice;
        struct gateway_role role;
        struct curl_words words;
        char dir[PATH_MAX], path[108];
        struct loop *loop;
        sigset_t before;
        pid_t child;
        int status;
        char led[LED_MAX][GATEWAY_NAME]; // hosts that an answer led to: asked, but not signed for
        size_t n_led;
        bool left; // something went to one of them
};

// ---- what the gateway asks

static bool admit(void *arg, int fd, struct err *refusal)
{
        const struct curl *c = arg;
        struct ucred peer = {0};
        socklen_t n = sizeof peer;

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 && peer.uid == geteuid() &&
                peer.pid == c->child)
                return true;
        err_set(refusal, "this socket is curl's, and the program that connects is another one");
        return false;
}

static int take_scope(const struct curl *c, struct gateway_route *r, struct err *err)
{
        struct aws_host derived = {0};
        const char *service = c->service, *region = c->region;

        if (aws_host_parse(&derived, r->host) == 0 ||
                aws_host_parse(&derived, strstr(r->origin, "://") + 3) == 0) {
                service = service ? service : derived.service;
                region = region ? region : derived.region;
        }
        if (!region)
                region = json_string_value(json_object_get(c->choice.role, "region"));
        if (!service || !region || strlen(service) >= sizeof r->service ||
                strlen(region) >= sizeof r->region) {
                err_set(err, "%.100s does not tell the %s: say --%s, in front of ROLE", r->host,
                        service ? "region" : "service", service ? "region" : "service");
                return 400;
        }
        snprintf(r->service, sizeof r->service, "%s", service);
        snprintf(r->region, sizeof r->region, "%s", region);
        r->sign = true;
        return 0;
}

static bool was_led_to(const struct curl *c, const char *host)
{
        for (size_t i = 0; i < c->n_led; i++)
                if (strcmp(c->led[i], host) == 0)
                        return true;
        return false;
}

// Once an answer has led elsewhere, what comes from there is somebody else's word: nothing is signed any more.
static int route(void *arg, const struct http_head *head, struct gateway_route *ret, struct err *err)
{
        struct curl *c = arg;
        const struct curl_words *w = &c->words;
        struct http_text host;

        *ret = (struct gateway_route){.path = "", .ca_file = w->ca_file};
        if (http_head_find(head, "Host", &host) != 1 || host.n == 0 || host.n >= sizeof ret->host) {
                err_set(err, "a request has one header Host");
                return 400;
        }
        for (size_t i = 0; i < host.n; i++)
                ret->host[i] = host.p[i] >= 'A' && host.p[i] <= 'Z' ? (char)(host.p[i] + 32) : host.p[i];
        for (size_t i = 0; i < w->n_targets && !ret->origin[0]; i++)
                if (strcmp(w->targets[i].host, ret->host) == 0)
                        snprintf(ret->origin, sizeof ret->origin, "%s", w->targets[i].origin);
        if (!ret->origin[0] && w->custom_host && w->n_targets == 1 && !w->any_host && !c->left &&
                !was_led_to(c, ret->host))
                snprintf(ret->origin, sizeof ret->origin, "%s", w->targets[0].origin);
        if (ret->origin[0] && !c->left)
                return take_scope(c, ret, err);
        if (!ret->origin[0])
                snprintf(ret->origin, sizeof ret->origin, "https://%.*s", GATEWAY_NAME - 10, ret->host);
        if (url_check_callable(ret->origin, err) < 0)
                return 400;
        if (w->any_host)
                return take_scope(c, ret, err);
        if (c->left || was_led_to(c, ret->host)) {
                c->left = true;
                return 0;
        }
        err_set(err, "%.150s is not what was typed: nothing is signed for it", ret->host);
        return 421;
}

static enum outcome get_credentials(void *arg, const struct role_credentials **ret, struct err *err)
{
        struct curl *c = arg;

        return gateway_role_get(&c->role, ret, err);
}

static void on_failed(void *arg _unused_, const struct err *err)
{
        fprintf(stderr, "valetkey: %s\n", err->text);
}

// Where curl follows, it comes here again: to the same host, to be signed for; to another one without a signature.
static const char *location(
        void *arg, const struct gateway_route *from, const char *value, char room[GATEWAY_LOCATION])
{
        struct curl *c = arg;
        const char *here = c->words.follows ? gateway_location(from, value) : value;
        struct url u;
        cleanup_buf struct buf host = BUF_INIT(GATEWAY_NAME - 1);

        if (here != value || !c->words.follows || strncasecmp(value, "https://", 8) != 0 ||
                url_parse(&u, value, NULL) < 0 || u.port == 80 || url_host_header(&host, &u) < 0)
                return here;
        // Of several URLs that were typed each may be signed for: then nothing is asked elsewhere.
        if (c->words.n_urls == 1 && c->n_led < LED_MAX && !was_led_to(c, buf_str(&host)))
                snprintf(c->led[c->n_led++], GATEWAY_NAME, "%s", buf_str(&host));
        snprintf(room, GATEWAY_LOCATION, "http://%s%s", buf_str(&host), u.path);
        return room;
}

// ---- the socket

static int make_socket(struct curl *c, struct err *err)
{
        const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        cleanup_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (runtime && runtime[0] == '/')
                snprintf(c->dir, sizeof c->dir, "%s/valetkey/curl-XXXXXX", runtime);
        else
                snprintf(c->dir, sizeof c->dir, "/run/user/%u/valetkey/curl-XXXXXX", (unsigned)geteuid());
        if (strlen(c->dir) + 3 > sizeof c->path) {
                err_set(err, "the path of the runtime directory is too long for a socket");
                c->dir[0] = 0;
                return -1;
        }
        if (fd < 0 || !mkdtemp(c->dir)) {
                err_set(err, "cannot make %.150s: %s", c->dir, strerror(errno));
                c->dir[0] = 0;
                return -1;
        }
        snprintf(c->path, sizeof c->path, "%.*s/s", (int)sizeof c->path - 3, c->dir);
        memcpy(a.sun_path, c->path, sizeof a.sun_path);
        if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 16) < 0) {
                err_set(err, "cannot listen at %s: %s", c->path, strerror(errno));
                return -1;
        }
        return TAKE_FD(fd);
}

static void remove_socket(const struct curl *c)
{
        if (!c->dir[0])
                return;
        (void)unlink(c->path);
        if (rmdir(c->dir) < 0)
                fprintf(stderr, "valetkey: cannot remove %s: %s\n", c->dir, strerror(errno));
}

// ---- curl

static void on_signal(int signal, void *arg)
{
        struct curl *c = arg;

        if (signal != SIGCHLD)
                kill(c->child, signal);
        else if (waitpid(c->child, &c->status, WNOHANG) == c->child)
                loop_quit(c->loop);
}

static int start_loop(struct curl *c)
{
        static const int signals[] = {SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT};
        int r = net_global_init();

        // Whoever started us may have told the kernel to reap its children.
        sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
        sigprocmask(SIG_BLOCK, NULL, &c->before);
        if (r == 0)
                r = loop_block_signals(signals, ARRAY_SIZE(signals));
        if (r == 0)
                r = loop_new(&c->loop, &clock_system);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(signals); i++)
                r = loop_on_signal(c->loop, signals[i], on_signal, c);
        return r;
}

static int run_curl(struct curl *c)
{
        fflush(NULL);
        c->child = fork();
        if (c->child == 0) {
                sigprocmask(SIG_SETMASK, &c->before, NULL);
                execvp(c->words.argv[0], c->words.argv);
                _exit(exec_cannot_run(c->words.argv[0]));
        }
        return c->child < 0 ? -errno : loop_run(c->loop);
}

static enum outcome run(struct curl *c, char *const words[], struct err *err)
{
        const struct gateway_owner owner = {.admit = admit,
                .route = route,
                .credentials = get_credentials,
                .failed = on_failed,
                .location = location,
                .arg = c};
        struct gateway *g = NULL;
        enum outcome o;
        int fd = make_socket(c, err), r;

        if (fd < 0)
                return OUTCOME_INTERNAL;
        r = curl_words_make(&c->words, words, c->path, err);
        // What cannot be signed for is said before anything is asked.
        for (size_t i = 0; r == 0 && i < c->words.n_targets && !c->words.custom_host; i++) {
                struct gateway_route probe = {0};

                snprintf(probe.host, sizeof probe.host, "%s", c->words.targets[i].host);
                snprintf(probe.origin, sizeof probe.origin, "%s", c->words.targets[i].origin);
                r = take_scope(c, &probe, err) ? -EINVAL : 0;
        }
        if (r < 0) {
                close(fd);
                return r == -EINVAL ? OUTCOME_INVALID_REQUEST : OUTCOME_INTERNAL;
        }
        o = gateway_role_start(&c->role, err);
        if (o != OUTCOME_OK) {
                close(fd);
                return o;
        }
        r = start_loop(c);
        if (r < 0)
                close(fd);
        else
                r = gateway_new(&g, c->loop, fd, BODY_MAX, &owner);
        if (r == 0)
                r = run_curl(c);
        gateway_free(g);
        loop_free(c->loop);
        return r == 0 ? OUTCOME_OK : OUTCOME_INTERNAL;
}

static int on_option(int option, void *arg)
{
        struct curl *c = arg;

        if (option == 's')
                c->service = optarg;
        else if (option == 'r')
                c->region = optarg;
        else
                c->env = true;
        return 0;
}

int cmd_curl(struct cli *cli, int argc, char *argv[])
{
        static const struct option options[] = {{"service", required_argument, NULL, 's'},
                {"region", required_argument, NULL, 'r'}, {"env", no_argument, NULL, 'e'}, {0}};
        struct curl c = {.role = {.cli = cli}};
        struct err err = ERR_INIT;
        enum outcome o = OUTCOME_OK;
        int code, n;

        n = cmd_parse(cli, argc, argv, options, on_option, &c, INT_MAX, SYNOPSIS,
                N_("Runs curl with its requests signed with ROLE's credentials.\n"
                   "\n"
                   "  --service NAME   default: what the URL's host tells\n"
                   "  --region REGION  the same; else the role's\n"
                   "  --env --         credentials of the environment in place of ROLE's\n"
                   "  --help           this text\n"),
                &code);
        if (n < 0)
                return code;
        if (n == 0 && !c.env)
                return cmd_usage(SYNOPSIS, "which role?");
        log_init("valetkey", LOG_E_ERROR);
        if (!c.env)
                o = role_choose(&c.choice, cli, argv[optind], &err);
        c.role.role = c.choice.name;
        if (o == OUTCOME_OK)
                o = run(&c, argv + optind + !c.env, &err);
        remove_socket(&c);
        curl_words_deinit(&c.words);
        gateway_role_deinit(&c.role);
        role_choice_deinit(&c.choice);
        return o == OUTCOME_OK ? exec_end_like(c.status) : cmd_fail(cli, o, &err);
}
