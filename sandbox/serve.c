// SPDX-License-Identifier: Apache-2.0
//
// "valetkey-sandbox serve": puts the pieces together, says that it is ready, serves until it is told to end.
#include <getopt.h>
#include <signal.h>
#include <stdio.h>

#include "verbs.h"
#include "cloud.h"
#include "control.h"
#include "dir.h"
#include "ec2_service.h"
#include "ecr_service.h"
#include "faults.h"
#include "federation.h"
#include "http.h"
#include "iam_service.h"
#include "keyring.h"
#include "log.h"
#include "loop.h"
#include "op.h"
#include "sts_service.h"
#include "web.h"

#define POST "POST"
#define GET  "GET"

// AWS's services share one address here: which is meant the version of their interface tells where they have a query protocol, and
// X-Amz-Target where they speak JSON, which is the first.
static const struct {
        const char *version;
        const char *(*name)(const struct web_request *r);
        void (*handle)(struct web_request *r);
} query_services[] = {{"", ecr_operation_name, ecr_handle}, {IAM_VERSION, iam_operation_name, iam_handle},
        {EC2_VERSION, ec2_operation_name, ec2_handle}, {NULL, sts_operation_name, sts_handle}};

static size_t query_service(const struct web_request *r)
{
        const char *version = web_param(r, "Version");
        size_t i = web_header(r, "X-Amz-Target") ? 0 : 1;

        while (i && query_services[i].version &&
                (!version || strcmp(version, query_services[i].version) != 0))
                i++;
        return i;
}

static const char *query_operation_name(const struct web_request *r)
{
        return query_services[query_service(r)].name(r);
}

static void query_handle(struct web_request *r)
{
        query_services[query_service(r)].handle(r);
}

static const struct web_route routes[] = {
        {GET, "/oidc/.well-known/openid-configuration", SERVICE_OIDC, "discovery", NULL, op_discovery},
        {GET, "/oidc/jwks", SERVICE_OIDC, "jwks", NULL, op_jwks},
        {POST, "/oidc/device_authorization", SERVICE_OIDC, "device_authorization", NULL,
                op_device_authorization},
        {POST, "/oidc/token", SERVICE_OIDC, NULL, op_token_name, op_token},
        {POST, "/oidc/revoke", SERVICE_OIDC, "revoke", NULL, op_revoke},
        {GET, "/oidc/userinfo", SERVICE_OIDC, "userinfo", NULL, op_userinfo},
        {POST, "/oidc/userinfo", SERVICE_OIDC, "userinfo", NULL, op_userinfo},
        {GET, "/oidc/device", SERVICE_OIDC, "page", NULL, op_page_device},
        {POST, "/oidc/device", SERVICE_OIDC, "page", NULL, op_page_device_decide},
        {GET, "/oidc/authorize", SERVICE_OIDC, "authorize", NULL, op_page_authorize},
        {POST, "/oidc/authorize", SERVICE_OIDC, "page", NULL, op_page_authorize_decide},
        {GET, "/oidc/style.css", SERVICE_OIDC, "page", NULL, op_page_style},
        {POST, "/", SERVICE_STS, NULL, query_operation_name, query_handle},
        {GET, "/", SERVICE_STS, NULL, query_operation_name, query_handle},
        {GET, "/federation", SERVICE_STS, NULL, federation_operation_name, federation_handle},
        {GET, "/_sandbox/stats", NULL, "stats", NULL, control_stats},
        {GET, "/_sandbox/fault", NULL, "fault", NULL, control_faults},
        {POST, "/_sandbox/fault", NULL, "fault", NULL, control_fault_set},
        {POST, "/_sandbox/approve", NULL, "approve", NULL, control_approve},
        {GET, "/_sandbox/devices", NULL, "devices", NULL, control_devices},
        {POST, "/_sandbox/rotate-keys", NULL, "rotate-keys", NULL, control_rotate_keys},
        {POST, "/_sandbox/reload", NULL, "reload", NULL, control_reload},
        {0},
};

// ---- options --------------------------------------------------------------------------------------------------------

struct options {
        uint16_t port;
        char *dir; // NULL: the example
        struct faults *faults;
};

static int read_listen(const char *s, uint16_t *ret)
{
        static const char host[] = "127.0.0.1:";
        char *end;
        unsigned long port;

        if (strncmp(s, host, sizeof host - 1) != 0)
                return -EINVAL;
        s += sizeof host - 1;
        port = strtoul(s, &end, 10);
        if (!*s || strspn(s, "0123456789") != strlen(s) || *end || port > 65535)
                return -EINVAL;
        *ret = (uint16_t)port;
        return 0;
}

static void usage(FILE *f)
{
        fputs("Usage: valetkey-sandbox serve [OPTION]...\n"
              "An OpenID provider, STS and IAM on loopback; prints \"ready URL\" when it serves.\n\n"
              "  --listen 127.0.0.1:PORT  where to listen; port 0 (the default) takes a free one\n"
              "  --dir DIR                users, clients, providers and roles; default: the example\n"
              "  --fault F                do something wrong, see valetkey-sandbox(1); may be repeated\n"
              "  --help, --version\n",
                f);
}

// 0: go on; 1: done, status in *ret_status.
static int read_options(struct options *o, int argc, char **argv, int *ret_status)
{
        static const struct option longs[] = {{"listen", required_argument, NULL, 'l'},
                {"dir", required_argument, NULL, 'd'}, {"fault", required_argument, NULL, 'f'},
                {"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'v'}, {0}};
        struct err err = ERR_INIT;
        int k;

        *ret_status = 2;
        optind = 1;
        while ((k = getopt_long(argc, argv, "", longs, NULL)) >= 0) {
                switch (k) {
                case 'l':
                        if (read_listen(optarg, &o->port) < 0) {
                                fprintf(stderr, "valetkey-sandbox: --listen takes 127.0.0.1:PORT and no "
                                                "other address\n");
                                return 1;
                        }
                        break;
                case 'd':
                        o->dir = optarg;
                        break;
                case 'f':
                        if (faults_set(o->faults, optarg, &err) < 0) {
                                fprintf(stderr, "valetkey-sandbox: --fault %s: %s\n", optarg, err.text);
                                return 1;
                        }
                        break;
                case 'h':
                        usage(stdout);
                        *ret_status = 0;
                        return 1;
                case 'v':
                        puts("valetkey-sandbox " VALETKEY_VERSION);
                        *ret_status = 0;
                        return 1;
                default: // getopt has said it
                        return 1;
                }
        }
        if (optind < argc) {
                fprintf(stderr, "valetkey-sandbox: serve takes no argument \"%s\"\n", argv[optind]);
                return 1;
        }
        return 0;
}

// ---- a cloud's life -------------------------------------------------------------------------------------------------

static void on_end(int signal, void *arg)
{
        struct cloud *c = arg;

        (void)signal;
        loop_quit(c->loop);
}

static int set_up(struct cloud *c, const struct options *o, struct err *err)
{
        static const int ends[] = {SIGTERM, SIGINT, SIGHUP};
        int r;

        // The signals first: libcurl's resolver threads inherit the mask.
        if ((r = loop_block_signals(ends, ARRAY_SIZE(ends))) < 0 || (r = net_global_init()) < 0 ||
                (r = loop_new(&c->loop, &clock_system)) < 0)
                return r;
        for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
                if ((r = loop_on_signal(c->loop, ends[i], on_end, c)) < 0)
                        return r;
        c->stats = json_object();
        c->dir_path = o->dir ? strdup(o->dir) : NULL;
        if (!c->stats || (o->dir && !c->dir_path))
                return -ENOMEM;
        if (!c->dir_path && (r = dir_default_path(&c->dir_path)) < 0)
                return r;
        if ((r = http_new(&c->http, c->loop)) < 0 || (r = keyring_new(&c->keys)) < 0 ||
                (r = op_new(&c->op)) < 0 || (r = sts_new(&c->sts)) < 0 ||
                (r = web_new(&c->web, c, o->port, routes, err)) < 0)
                return r;
        snprintf(c->base, sizeof c->base, "http://127.0.0.1:%u", web_port(c->web));
        snprintf(c->issuer, sizeof c->issuer, "%s/oidc", c->base);
        return dir_load(&c->dir, c->dir_path, cloud_issuer_name(c), err);
}

static void tear_down(struct cloud *c)
{
        web_free(c->web);
        sts_free(c->sts);
        op_free(c->op);
        keyring_free(c->keys);
        dir_free(c->dir);
        free(c->dir_path);
        json_decref(c->stats);
        http_free(c->http);
        loop_free(c->loop);
}

int cmd_serve(int argc, char **argv)
{
        struct options o = {0};
        struct cloud c = {0};
        struct err err = ERR_INIT;
        int r, status;

        if (faults_new(&o.faults) < 0)
                return 1;
        if (read_options(&o, argc, argv, &status)) {
                faults_free(o.faults);
                return status;
        }
        log_init("valetkey-sandbox", LOG_E_INFO);
        // A client that hangs up is its own business.
        signal(SIGPIPE, SIG_IGN);
        c.faults = o.faults;
        r = set_up(&c, &o, &err);
        if (r == 0) {
                log_event(LOG_E_INFO, "serving", "issuer=%s dir=%s roles=%zu users=%zu", c.issuer, c.dir_path,
                        c.dir->n_roles, c.dir->n_users);
                printf("ready %s\n", c.base);
                r = fflush(stdout) == 0 ? loop_run(c.loop) : -errno;
        }
        if (r < 0)
                fprintf(stderr, "valetkey-sandbox: %s\n", err.text[0] ? err.text : strerror(-r));
        tear_down(&c);
        faults_free(c.faults);
        return r < 0 ? 1 : 0;
}
