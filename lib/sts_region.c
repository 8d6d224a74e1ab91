// SPDX-License-Identifier: Apache-2.0
//
// Where the STS of a region is. Partitions and their suffixes are those of the partitions.json that all AWS SDKs share
// (botocore's data/partitions.json; Debian 12's copy of 2023 has five of them, and none of what the isolated ones have
// got since for IPv6), and a host is put together as STS's endpoint rules there say. A region's partition follows from
// the beginning of its name, and a region nobody has heard of belongs to "aws", as botocore has it. Longer prefixes
// stand before shorter ones. Every partition has FIPS and dual-stack endpoints.
#include "sts.h"

#define REGION_MAX 32

static const struct {
        const char *prefix, *partition, *suffix, *dual_stack_suffix;
        bool plain_is_fips; // the plain endpoint is the FIPS one
} partitions[] = {
        {"cn-", "aws-cn", "amazonaws.com.cn", "api.amazonwebservices.com.cn", false},
        {"us-gov-", "aws-us-gov", "amazonaws.com", "api.aws", true},
        {"us-iso-", "aws-iso", "c2s.ic.gov", "api.aws.ic.gov", false},
        {"us-isob-", "aws-iso-b", "sc2s.sgov.gov", "api.aws.scloud", false},
        {"eu-isoe-", "aws-iso-e", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk", false},
        {"us-isof-", "aws-iso-f", "csp.hci.ic.gov", "api.aws.hci.ic.gov", false},
        {"eusc-", "aws-eusc", "amazonaws.eu", "api.amazonwebservices.eu", false},
        {"", "aws", "amazonaws.com", "api.aws", false},
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

// Appends the URL of the regional endpoint, without a slash at its end. 0, -EINVAL, the buffer's error.
int sts_endpoint(struct buf *out, const char *region, unsigned variant)
{
        bool dual_stack = variant & STS_DUAL_STACK, fips = variant & STS_FIPS;
        size_t i;

        if (!is_region(region))
                return -EINVAL;
        i = row_of(region);
        if (partitions[i].plain_is_fips && !dual_stack)
                fips = false;
        return buf_printf(out, "https://sts%s.%s.%s", fips ? "-fips" : "", region,
                dual_stack ? partitions[i].dual_stack_suffix : partitions[i].suffix);
}

// The partition a region is in ("aws-cn"); NULL for no region name.
const char *sts_region_partition(const char *region)
{
        return is_region(region) ? partitions[row_of(region)].partition : NULL;
}
