// SPDX-License-Identifier: Apache-2.0
//
// valetkey proxy ROLE: programs that cannot sign talk plain HTTP to a port on the loopback interface, and what they ask goes on
// signed, over TLS. The port serves this user's own programs alone, by what the kernel says of their sockets; a web page that has
// the user's browser connect is told by its headers.
#include "cmd.h"

#include "aws_host.h"
#include "form.h"
#include "gateway.h"
#include "gateway_role.h"
#include "http.h"
#include "http_local.h"
#include "json.h"
#include "listen_local.h"
#include "log.h"
#include "peer_caller.h"
#include "role_choose.h"
#include "translate.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>

#define SYNOPSIS "proxy [OPTION]… ROLE --to URL"
#define BODY_MAX (INT64_C(5) << 30) // what S3 takes in one piece
#define MORE_MAX 8

static const char help[] = N_(
        "Signs what passes through a port on the loopback interface, with ROLE's credentials, and sends it "
        "on.\n"
        "\n"
        "  --to URL                 where it goes: https://HOST[:PORT][/PATH]\n"
        "  --listen 127.0.0.1:PORT  default: a free port, which is printed\n"
        "  --service NAME           default: what the host tells\n"
        "  --region REGION          the same; else the role's\n"
        "  --host NAME              the Host that is sent and signed, where it is not that of --to\n"
        "  --header 'NAME: VALUE'   sent with each request, in place of the client's; up to 8\n"
        "  --browser                let pages that come from here ask, too\n"
        "  --body-max BYTES         of a body that has to be kept until it is whole (default: 5 GiB)\n"
        "  --ca-file FILE           certificate authorities, in place of the system's\n"
        "  --env                    credentials of the environment in place of ROLE's\n"
        "  --help                   this text\n");

struct proxy {
        const char *to, *listen, *service, *region, *host, *ca_file, *more[MORE_MAX + 1];
        size_t n_more;
        uint64_t body_max;
        bool browser, env;
        const char *wrong; // of the options

        struct loop *loop;
        struct gateway_route route;
        struct gateway_role role;
        struct role_choice choice;
        struct peer_owner *owners;
        struct aws_host derived;
        uint16_t port;
};

// ---- what the gateway asks

static bool admit(void *arg, int fd, struct err *refusal)
{
        const struct proxy *p = arg;
        const struct peer_caller_rules rules = {.owners = p->owners, .door = "proxy", .root_hint = ""};
        struct caller caller;
        char who[300];

        if (!peer_caller_find(&caller, &rules, fd, refusal))
                return false;
        if (!refusal->text[0] && caller_is_sandboxed(&caller))
                err_set(refusal, "%s is in a sandbox, and this port serves programs outside of one",
                        caller_describe(&caller, who, sizeof who));
        return true;
}

static int route(void *arg, const struct http_head *head, struct gateway_route *ret, struct err *err)
{
        const struct proxy *p = arg;
        const char *foreign = http_local_foreign(head);
        struct http_text host = {0};

        if (http_head_find(head, "Host", &host) != 1) {
                err_set(err, "a request has one header Host");
                return 400;
        }
        if (!http_local_is_host(&host, p->port)) {
                err_set(err, "the header Host names another server; this one is 127.0.0.1:%u", p->port);
                return 403;
        }
        if (p->browser ? !http_local_is_own_page(head, p->port) : foreign != NULL) {
                err_set(err,
                        p->browser
                                ? "the request comes from a page elsewhere"
                                : "requests of browsers and proxies are refused (header %s); see --browser",
                        foreign);
                return 403;
        }
        *ret = p->route;
        return 0;
}

static enum outcome get_credentials(void *arg, const struct role_credentials **ret, struct err *err)
{
        struct proxy *p = arg;

        return gateway_role_get(&p->role, ret, err);
}

// ---- setting up

static enum outcome wrong(struct err *err, const char *text)
{
        err_set(err, "%s", text);
        return OUTCOME_INVALID_REQUEST;
}

static enum outcome settle_target(struct proxy *p, struct err *err)
{
        cleanup_buf struct buf host = BUF_INIT(GATEWAY_NAME - 16);
        struct gateway_route *r = &p->route;
        struct url u;

        if (!p->to)
                return wrong(err, "where to? Say --to https://HOST");
        if (url_check_callable(p->to, err) < 0 || url_parse(&u, p->to, err) < 0)
                return OUTCOME_INVALID_REQUEST;
        if (strpbrk(u.path, "?#"))
                return wrong(err, "--to wants a URL without a query or a fragment");
        if (url_host_header(&host, &u) < 0)
                return OUTCOME_INTERNAL;
        snprintf(r->origin, sizeof r->origin, "%s://%s", u.scheme, buf_str(&host));
        snprintf(r->host, sizeof r->host, "%s", p->host ? p->host : buf_str(&host));
        r->path = strcmp(u.path, "/") == 0 ? "" : u.path;
        if (r->path[0] && r->path[strlen(r->path) - 1] == '/')
                return wrong(err, "a path in --to ends without a slash: the request's begins with one");
        r->sign = true;
        r->ca_file = p->ca_file;
        r->more = p->n_more ? p->more : NULL;
        return OUTCOME_OK;
}

static enum outcome settle_scope(struct proxy *p, struct err *err)
{
        const char *service = p->service, *region = p->region;

        if (aws_host_parse(&p->derived, p->route.host) == 0 ||
                aws_host_parse(&p->derived, strstr(p->route.origin, "://") + 3) == 0) {
                service = service ? service : p->derived.service;
                region = region ? region : p->derived.region;
        }
        if (!region)
                region = json_string_value(json_object_get(p->choice.role, "region"));
        if (!service || !region) {
                err_set(err, "%.100s does not tell the %s: say --%s", p->route.host,
                        service ? "region" : "service", service ? "region" : "service");
                return OUTCOME_INVALID_REQUEST;
        }
        if (strlen(service) >= sizeof p->route.service || strlen(region) >= sizeof p->route.region)
                return wrong(err, "--service and --region are words");
        snprintf(p->route.service, sizeof p->route.service, "%s", service);
        snprintf(p->route.region, sizeof p->route.region, "%s", region);
        return OUTCOME_OK;
}

static enum outcome settle(struct proxy *p, const struct cli *cli, const char *typed, struct err *err)
{
        enum outcome o = settle_target(p, err);

        if (o == OUTCOME_OK && !p->env)
                o = role_choose(&p->choice, cli, typed, err);
        if (o == OUTCOME_INVALID_REQUEST && !err->text[0])
                return wrong(err, "which role?");
        if (o == OUTCOME_OK)
                o = settle_scope(p, err);
        p->role.role = p->choice.name;
        return o == OUTCOME_OK ? gateway_role_start(&p->role, err) : o;
}

static void on_signal(int signal _unused_, void *arg)
{
        loop_quit(arg);
}

static int start_loop(struct proxy *p)
{
        static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
        int r = net_global_init();

        if (r == 0)
                r = loop_block_signals(signals, ARRAY_SIZE(signals));
        if (r == 0)
                r = loop_new(&p->loop, &clock_system);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(signals); i++)
                r = loop_on_signal(p->loop, signals[i], on_signal, p->loop);
        return r;
}

static enum outcome serve(struct proxy *p, struct err *err)
{
        const struct gateway_owner owner = {
                .admit = admit, .route = route, .credentials = get_credentials, .arg = p};
        struct gateway *g = NULL;
        int fd = listen_local(p->listen ? p->listen : "127.0.0.1:0", &p->port, err);
        int r;

        if (fd < 0)
                return OUTCOME_INVALID_REQUEST;
        r = peer_owner_new(&p->owners, fd);
        if (r == 0)
                r = start_loop(p);
        if (r < 0)
                close(fd);
        else
                r = gateway_new(&g, p->loop, fd, p->body_max, &owner);
        if (r == 0 && (printf("http://127.0.0.1:%u\n", p->port) < 0 || fflush(stdout) != 0))
                r = -EIO;
        if (r == 0)
                r = loop_run(p->loop);
        gateway_free(g);
        loop_free(p->loop);
        peer_owner_free(p->owners);
        return r == 0 ? OUTCOME_OK : OUTCOME_INTERNAL;
}

// ---- the command line

static bool read_size(uint64_t *ret, const char *s)
{
        *ret = 0;
        for (const char *c = s; *c; c++) {
                if (*c < '0' || *c > '9' || *ret > (UINT64_C(1) << 50))
                        return false;
                *ret = *ret * 10 + (uint64_t)(*c - '0');
        }
        return *s && *ret > 0;
}

// What a client could have sent, too.
static bool header_ok(const char *s)
{
        size_t n = strspn(s, "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

        if (n == 0 || s[n] != ':')
                return false;
        for (const char *c = s; *c; c++)
                if ((unsigned char)*c < ' ' || *c == 0x7f)
                        return false;
        return strncasecmp(s, "Host:", 5) != 0 && strncasecmp(s, "Content-Length:", 15) != 0 &&
               strncasecmp(s, "Transfer-Encoding:", 18) != 0 && strncasecmp(s, "Authorization:", 14) != 0;
}

static int on_option(int c, void *arg)
{
        struct proxy *p = arg;

        switch (c) {
        case 't':
                p->to = optarg;
                break;
        case 'l':
                p->listen = optarg;
                break;
        case 's':
                p->service = optarg;
                break;
        case 'r':
                p->region = optarg;
                break;
        case 'H':
                p->host = optarg;
                if (!*optarg || strpbrk(optarg, " /?#@\r\n\t"))
                        p->wrong = "--host wants the name of a host";
                break;
        case 'a':
                if (p->n_more == MORE_MAX || !header_ok(optarg))
                        p->wrong = "--header wants 'NAME: VALUE', eight times at most, and none that says "
                                   "how long the "
                                   "request is or whose";
                else
                        p->more[p->n_more++] = optarg;
                break;
        case 'b':
                p->browser = true;
                break;
        case 'm':
                if (!read_size(&p->body_max, optarg))
                        p->wrong = "--body-max wants a number of bytes";
                break;
        case 'c':
                p->ca_file = optarg;
                break;
        default:
                p->env = true;
        }
        return 0;
}

int cmd_proxy(struct cli *cli, int argc, char *argv[])
{
        static const struct option options[] = {{"to", required_argument, NULL, 't'},
                {"listen", required_argument, NULL, 'l'}, {"service", required_argument, NULL, 's'},
                {"region", required_argument, NULL, 'r'}, {"host", required_argument, NULL, 'H'},
                {"header", required_argument, NULL, 'a'}, {"browser", no_argument, NULL, 'b'},
                {"body-max", required_argument, NULL, 'm'}, {"ca-file", required_argument, NULL, 'c'},
                {"env", no_argument, NULL, 'e'}, {0}};
        struct proxy p = {.body_max = BODY_MAX, .role = {.cli = cli}};
        struct err err = ERR_INIT;
        enum outcome o;
        int code, n;

        n = cmd_parse(cli, argc, argv, options, on_option, &p, 1, SYNOPSIS, help, &code);
        if (n < 0)
                return code;
        log_init("valetkey", LOG_E_NOTICE);
        if (p.wrong)
                o = wrong(&err, p.wrong);
        else if (p.env && n > 0)
                o = wrong(&err, "either --env or ROLE");
        else
                o = settle(&p, cli, n > 0 ? argv[optind] : NULL, &err);
        if (o == OUTCOME_OK)
                o = serve(&p, &err);
        gateway_role_deinit(&p.role);
        role_choice_deinit(&p.choice);
        return o == OUTCOME_OK ? 0 : cmd_fail(cli, o, &err);
}
