// SPDX-License-Identifier: Apache-2.0
//
// Partitions and their suffixes are those of the partitions.json that all AWS SDKs share (botocore's data/partitions.json;
// Debian 12's copy of 2023 has five of them, and none of what the isolated ones have got since for IPv6), and a host is put
// together as the services' endpoint rule sets there say. A region's partition follows from the beginning of its name, and a
// region nobody has heard of belongs to "aws", as botocore has it. Longer prefixes stand before shorter ones. Every partition
// has FIPS and dual-stack endpoints.
#include "aws_endpoint.h"

#include "sts.h"

#define REGION_MAX 32

static const struct {
        const char *prefix, *partition, *suffix, *dual_stack_suffix;
        const char *signin; // of its sign-in; NULL: named like every other service
} partitions[] = {
        {"cn-", "aws-cn", "amazonaws.com.cn", "api.amazonwebservices.com.cn", "amazonaws.cn"},
        {"us-gov-", "aws-us-gov", "amazonaws.com", "api.aws", "amazonaws-us-gov.com"},
        {"us-iso-", "aws-iso", "c2s.ic.gov", "api.aws.ic.gov", NULL},
        {"us-isob-", "aws-iso-b", "sc2s.sgov.gov", "api.aws.scloud", NULL},
        {"eu-isoe-", "aws-iso-e", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk", NULL},
        {"us-isof-", "aws-iso-f", "csp.hci.ic.gov", "api.aws.hci.ic.gov", NULL},
        {"eusc-", "aws-eusc", "amazonaws.eu", "api.amazonwebservices.eu", NULL},
        {"", "aws", "amazonaws.com", "api.aws", "aws.amazon.com"},
};

// "eu-central-1": lower-case words, then a number, all joined by single hyphens; it becomes a host name.
static bool is_region(const char *s)
{
        size_t words = 0;

        if (strnlen(s, REGION_MAX + 1) > REGION_MAX)
                return false;
        for (;; s++) {
                size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz");

                if (n == 0)
                        break;
                words++;
                s += n;
                if (*s != '-')
                        return false;
        }
        if (words < 2)
                return false;
        return strspn(s, "0123456789") > 0 && s[strspn(s, "0123456789")] == 0;
}

static size_t row_of(const char *region)
{
        size_t i = 0;

        while (strncmp(region, partitions[i].prefix, strlen(partitions[i].prefix)) != 0)
                i++;
        return i;
}

static const struct {
        const char *name, *host;
        bool gov_is_fips; // in GovCloud the plain endpoint is the FIPS one
} services[] = {
        {"sts", "sts", true},
        {"sso", "portal.sso", true},
        {"oidc", "oidc", true},
        {"sso-oidc", "oidc", true},
        {"signin", "signin", false},
};

// Without a slash at its end. 0; -ENOENT: no service whose rules are known here; -EINVAL: no region name; the buffer's error.
int aws_endpoint(struct buf *out, const char *service, const char *region, unsigned variant)
{
        bool dual_stack = variant & AWS_DUAL_STACK, fips = variant & AWS_FIPS;
        size_t i, k = 0;

        while (k < ARRAY_SIZE(services) && strcmp(services[k].name, service) != 0)
                k++;
        if (k == ARRAY_SIZE(services))
                return -ENOENT;
        if (!is_region(region))
                return -EINVAL;
        i = row_of(region);
        if (!variant && partitions[i].signin && strcmp(service, "signin") == 0)
                return buf_printf(out, "https://%s.signin.%s", region, partitions[i].signin);
        if (services[k].gov_is_fips && strcmp(partitions[i].partition, "aws-us-gov") == 0 && !dual_stack)
                fips = false;
        return buf_printf(out, "https://%s%s.%s.%s", services[k].host, fips ? "-fips" : "", region,
                dual_stack ? partitions[i].dual_stack_suffix : partitions[i].suffix);
}

int sts_endpoint(struct buf *out, const char *region, unsigned variant)
{
        return aws_endpoint(out, "sts", region, variant);
}

// The partition a region is in ("aws-cn"); NULL for no region name.
const char *sts_region_partition(const char *region)
{
        return is_region(region) ? partitions[row_of(region)].partition : NULL;
}

const char *aws_region_suffix(const char *region)
{
        return is_region(region) ? partitions[row_of(region)].suffix : NULL;
}
