// SPDX-License-Identifier: Apache-2.0
//
// AWS's host names read from their end: a suffix of a partition, then SERVICE.REGION in most cases, with what comes before
// them being a bucket, an API, a domain. Services whose signing name is another, and those that stand the other way round, are
// a table (source: the endpoints of botocore 1.29, data/endpoints.json, and the services' own user guides).
#include "aws_host.h"

#include <strings.h>

static const char *const suffixes[] = {".amazonaws.com.cn", ".amazonaws.com", ".api.amazonwebservices.com.cn",
        ".api.aws", ".on.aws", ".amazonaws.eu", ".c2s.ic.gov", ".sc2s.sgov.gov", ".cloud.adc-e.uk",
        ".csp.hci.ic.gov"};

// The name in a host against the name in a signature.
static const struct {
        const char *host, *service;
} others[] = {
        {"api.ecr", "ecr"},
        {"lambda-url", "lambda"},
        {"email", "ses"},
        {"email-smtp", "ses"},
        {"s3-outposts", "s3-outposts"},
        {"s3-control", "s3"},
        {"s3-accesspoint", "s3"},
        {"data.iot", "iotdata"},
        {"monitoring", "monitoring"},
        {"runtime.sagemaker", "sagemaker"},
        {"bedrock-runtime", "bedrock"},
        {"bedrock-agent-runtime", "bedrock"},
        {"signin", "signin"},
};
// NAME.REGION.SERVICE
static const char *const turned[] = {"es", "aoss", "elasticache", "rds", "neptune", "airflow"};
// Without a region in their name: signed for this one.
static const char *const global[] = {"sts", "iam", "s3", "route53", "cloudfront", "organizations"};

static bool is_region(const char *s, size_t n)
{
        // xx-name-N or xxxx-name-N, like eu-central-1, us-gov-west-1, eusc-de-east-1
        return n > 5 && n < 32 && (s[2] == '-' || s[4] == '-') && s[n - 1] >= '0' && s[n - 1] <= '9' &&
               s[n - 2] == '-' && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") >= n;
}

// The label that ends at end; its start.
static const char *label(const char *host, const char *end)
{
        const char *s = end;

        while (s > host && s[-1] != '.')
                s--;
        return s;
}

static bool take(char dst[65], const char *s, size_t n)
{
        if (n == 0 || n > 64)
                return false;
        memcpy(dst, s, n);
        dst[n] = 0;
        return true;
}

static bool strip(char *name, const char *end)
{
        size_t n = strlen(name), k = strlen(end);

        if (n <= k || strcmp(name + n - k, end) != 0)
                return false;
        name[n - k] = 0;
        return true;
}

// [BUCKET.]SERVICE, [ID.]lambda-url, api.ecr: what stands before the region.
static bool take_service(struct aws_host *h, const char *host, const char *end)
{
        const char *last = label(host, end), *two = last > host ? label(host, last - 1) : last;

        if (end - last == 9 && memcmp(last, "dualstack", 9) == 0 && last > host) {
                end = last - 1;
                last = label(host, end);
                two = last > host ? label(host, last - 1) : last;
        }
        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                size_t n = strlen(others[i].host);

                if (((size_t)(end - two) == n && memcmp(two, others[i].host, n) == 0) ||
                        ((size_t)(end - last) == n && memcmp(last, others[i].host, n) == 0))
                        return take(h->service, others[i].service, strlen(others[i].service));
        }
        if (!take(h->service, last, (size_t)(end - last)))
                return false;
        (void)strip(h->service, "-fips");
        return true;
}

// What stands before the suffix, without its dot.
static int read_name(struct aws_host *h, const char *host, const char *end)
{
        const char *last = label(host, end), *before = last > host ? label(host, last - 1) : NULL;
        size_t n = (size_t)(end - last);

        // vpce-0123-abcd.SERVICE.REGION.vpce: the same service, by a private address
        if (n == 4 && memcmp(last, "vpce", 4) == 0 && before)
                return read_name(h, host, last - 1);
        if (is_region(last, n) && before)
                return take(h->region, last, n) && take_service(h, host, last - 1) ? 0 : -ENOENT;
        for (size_t i = 0; before && i < ARRAY_SIZE(turned); i++)
                if (strlen(turned[i]) == n && memcmp(turned[i], last, n) == 0 &&
                        is_region(before, (size_t)(last - 1 - before)))
                        return take(h->region, before, (size_t)(last - 1 - before)) &&
                                               take(h->service, last, n)
                                       ? 0
                                       : -ENOENT;
        // s3-eu-west-1, the old way
        if (n > 3 && memcmp(last, "s3-", 3) == 0 && is_region(last + 3, n - 3))
                return take(h->region, last + 3, n - 3) && take(h->service, "s3", 2) ? 0 : -ENOENT;
        for (size_t i = 0; i < ARRAY_SIZE(global); i++)
                if (strlen(global[i]) == n && memcmp(global[i], last, n) == 0)
                        return take(h->region, "us-east-1", 9) && take(h->service, last, n) ? 0 : -ENOENT;
        return -ENOENT;
}

int aws_host_parse(struct aws_host *ret, const char *host)
{
        char lower[256];
        size_t n = strcspn(host, ":");

        *ret = (struct aws_host){0};
        if (n == 0 || n >= sizeof lower)
                return -ENOENT;
        for (size_t i = 0; i < n; i++)
                lower[i] = host[i] >= 'A' && host[i] <= 'Z' ? (char)(host[i] + 32) : host[i];
        lower[n] = 0;
        for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
                size_t k = strlen(suffixes[i]);

                if (n > k && strcmp(lower + n - k, suffixes[i]) == 0)
                        return read_name(ret, lower, lower + n - k);
        }
        return -ENOENT;
}
