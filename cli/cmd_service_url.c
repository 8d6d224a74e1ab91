// SPDX-License-Identifier: Apache-2.0
//
// valetkey service-url SERVICE: the URL an SDK would call, by the endpoint rule sets that all of them share. Nobody is asked.
#include "cmd.h"

#include "aws_endpoint.h"
#include "region.h"
#include "translate.h"

#include <getopt.h>
#include <stdio.h>

#define SYNOPSIS "service-url SERVICE [--region REGION] [--fips] [--dualstack]"

struct options {
        const char *region;
        unsigned variant;
};

static int on_option(int c, void *arg)
{
        struct options *o = arg;

        if (c == 'r')
                o->region = optarg;
        else
                o->variant |= c == 'f' ? AWS_FIPS : AWS_DUAL_STACK;
        return 0;
}

static enum outcome print(const char *service, const struct options *o, struct err *err)
{
        const char *region = o->region ? o->region : region_of_environment();
        cleanup_buf struct buf url = BUF_INIT(512);
        char clean[65];
        int r;

        if (!region) {
                err_set(err, "which region? Say --region, or set AWS_REGION");
                return OUTCOME_INVALID_REQUEST;
        }
        r = aws_endpoint(&url, service, region, o->variant);
        if (r == -ENOENT)
                err_set(err,
                        "'%s' is none of the services whose rules are known here: sts, sso, oidc, signin",
                        err_sanitise(clean, sizeof clean, service, strlen(service)));
        else if (r == -EINVAL)
                err_set(err, "'%s' is not the name of a region, like eu-central-1",
                        err_sanitise(clean, sizeof clean, region, strlen(region)));
        if (r < 0)
                return r == -ENOENT || r == -EINVAL ? OUTCOME_INVALID_REQUEST : OUTCOME_INTERNAL;
        return printf("%s\n", buf_str(&url)) > 0 ? OUTCOME_OK : OUTCOME_INTERNAL;
}

int cmd_service_url(struct cli *cli, int argc, char *argv[])
{
        static const struct option options[] = {{"region", required_argument, NULL, 'r'},
                {"fips", no_argument, NULL, 'f'}, {"dualstack", no_argument, NULL, 'd'}, {0}};
        struct options o = {0};
        struct err err = ERR_INIT;
        enum outcome r;
        int code, n;

        n = cmd_parse(cli, argc, argv, options, on_option, &o, 1, SYNOPSIS,
                N_("Prints the URL that an SDK calls for SERVICE: sts, sso, oidc or signin.\n"
                   "\n"
                   "  --region REGION  default: AWS_REGION, AWS_DEFAULT_REGION\n"
                   "  --fips           the FIPS endpoint\n"
                   "  --dualstack      the one that has IPv6, too\n"
                   "  --help           this text\n"),
                &code);
        if (n < 0)
                return code;
        if (n == 0)
                return cmd_usage(SYNOPSIS, "which service?");
        r = print(argv[optind], &o, &err);
        return r == OUTCOME_OK ? 0 : cmd_fail(cli, r, &err);
}
