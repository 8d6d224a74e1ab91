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

// The name in a host, its last label or its last two, against the name in a signature, where these are two. A test holds it
// against botocore's services.
static const struct {
        const char *host, *service;
} others[] = {
        {"api.ecr", "ecr"},
        {"api.ecr-public", "ecr-public"},
        {"api.pricing", "pricing"},
        {"api.sagemaker", "sagemaker"},
        {"appconfigdata", "appconfig"},
        {"appstream2", "appstream"},
        {"backupstorage", "backup-storage"},
        {"bedrock-agent", "bedrock"},
        {"bedrock-agent-runtime", "bedrock"},
        {"bedrock-runtime", "bedrock"},
        {"catalog.marketplace", "aws-marketplace"},
        {"cloudhsmv2", "cloudhsm"},
        {"cloudsearchdomain", "cloudsearch"},
        {"contact-lens", "connect"},
        {"data.iot", "iotdata"},
        {"data-ats.iot", "iotdata"},
        {"data.iotevents", "ioteventsdata"},
        {"email", "ses"},
        {"email-smtp", "ses"},
        {"entitlement.marketplace", "aws-marketplace"},
        {"fleethub.iot", "iotfleethub"},
        {"forecastquery", "forecast"},
        {"identity-chime", "chime"},
        {"jobs.iot", "iot-jobs-data"},
        {"lambda-url", "lambda"},
        {"media-pipelines-chime", "chime"},
        {"meetings-chime", "chime"},
        {"memory-db", "memorydb"},
        {"messaging-chime", "chime"},
        {"metering.marketplace", "aws-marketplace"},
        {"migrationhub-config", "mgh"},
        {"mobile", "AWSMobileHubService"},
        {"models-v2-lex", "lex"},
        {"models.lex", "lex"},
        {"oidc", "awsssooidc"},
        {"participant.connect", "execute-api"},
        {"personalize-events", "personalize"},
        {"personalize-runtime", "personalize"},
        {"pinpoint", "mobiletargeting"},
        {"portal.sso", "awsssoportal"},
        {"runtime-v2-lex", "lex"},
        {"runtime.lex", "lex"},
        {"runtime.sagemaker", "sagemaker"},
        {"s3-accesspoint", "s3"},
        {"s3-control", "s3"},
        {"servicecatalog-appregistry", "servicecatalog"},
        {"sms-voice.pinpoint", "sms-voice"},
        {"tunneling.iot", "IoTSecuredTunneling"},
        {"voice-chime", "chime"},
};
// NAME.REGION.SERVICE
static const char *const turned[] = {"es", "aoss", "elasticache", "rds", "neptune", "airflow"};
// Without a region in their name, or with that of the partition alone: there is one, and they are signed for its first region.
static const char *const global[] = {"sts", "iam", "s3", "route53", "cloudfront", "organizations", "budgets",
        "health", "savingsplans", "waf", "shield", "support"};

static const char *global_region(const char *suffix, bool gov)
{
        return gov                                        ? "us-gov-west-1"
               : strcmp(suffix, ".amazonaws.com.cn") == 0 ? "cn-northwest-1"
                                                          : "us-east-1";
}

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

// The n bytes at s, without the "-fips" that a service's first or last label may end with.
static bool take_plain(char dst[65], const char *s, size_t n)
{
        char *fips;

        if (!take(dst, s, n))
                return false;
        fips = strstr(dst, "-fips");
        if (fips && fips > dst && (fips[5] == '.' || !fips[5]))
                memmove(fips, fips + 5, strlen(fips + 5) + 1);
        return true;
}

// [BUCKET.]SERVICE, [ID.]lambda-url, api.ecr: what stands before the region.
static bool take_service(struct aws_host *h, const char *host, const char *end)
{
        const char *last = label(host, end), *two = last > host ? label(host, last - 1) : last;
        char name[65];
        size_t n;

        if (end - last == 9 && memcmp(last, "dualstack", 9) == 0 && last > host) {
                end = last - 1;
                last = label(host, end);
                two = last > host ? label(host, last - 1) : last;
        }
        for (const char *from = two;; from = last) {
                for (size_t i = 0; take_plain(name, from, (size_t)(end - from)) && i < ARRAY_SIZE(others);
                        i++)
                        if (strcmp(others[i].host, name) == 0)
                                return take(h->service, others[i].service, strlen(others[i].service));
                if (from == last)
                        break;
        }
        n = two < last ? (size_t)(last - 1 - two) : 0;
        // a1b2c3-ats.iot: an account's own
        if (n > 4 && memcmp(two + n - 4, "-ats", 4) == 0 && end - last == 3 && memcmp(last, "iot", 3) == 0)
                return take(h->service, "iotdata", 7);
        return take_plain(h->service, last, (size_t)(end - last));
}

static bool is_word(const char *s, size_t n, const char *word)
{
        return strlen(word) == n && memcmp(s, word, n) == 0;
}

// What stands before the suffix, without its dot.
static int read_name(struct aws_host *h, const char *host, const char *end, const char *suffix)
{
        const char *last = label(host, end), *before = last > host ? label(host, last - 1) : NULL;
        size_t n = (size_t)(end - last);
        bool gov = false;

        // vpce-0123-abcd.SERVICE.REGION.vpce: the same service, by a private address
        if (n == 4 && memcmp(last, "vpce", 4) == 0 && before)
                return read_name(h, host, last - 1, suffix);
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
        // iam.us-gov
        if (before && is_word(last, n, "us-gov")) {
                gov = true;
                end = last - 1;
                last = label(host, end);
                n = (size_t)(end - last);
        }
        for (size_t i = 0; i < ARRAY_SIZE(global); i++)
                if (is_word(last, n, global[i])) {
                        const char *region = global_region(suffix, gov);

                        return take(h->region, region, strlen(region)) && take(h->service, last, n) ? 0
                                                                                                    : -ENOENT;
                }
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
                        return read_name(ret, lower, lower + n - k, suffixes[i]);
        }
        return -ENOENT;
}
