// SPDX-License-Identifier: Apache-2.0
//
// Where the STS of a region is. Partitions and their suffixes are those of botocore's data/partitions.json
// (the copy in Debian 12 has the first five); a region's partition follows from the beginning of its name,
// and a region nobody has heard of belongs to "aws", as botocore has it. Longer prefixes stand before shorter
// ones.
#include "sts.h"

#define REGION_MAX 32

static const struct {
        const char *prefix, *partition, *suffix;
} partitions[] = {
        {"cn-", "aws-cn", "amazonaws.com.cn"},
        {"us-gov-", "aws-us-gov", "amazonaws.com"},
        {"us-iso-", "aws-iso", "c2s.ic.gov"},
        {"us-isob-", "aws-iso-b", "sc2s.sgov.gov"},
        {"eu-isoe-", "aws-iso-e", "cloud.adc-e.uk"},
        {"us-isof-", "aws-iso-f", "csp.hci.ic.gov"},
        {"eusc-", "aws-eusc", "amazonaws.eu"},
        {"", "aws", "amazonaws.com"},
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
int sts_endpoint(struct buf *out, const char *region)
{
        if (!is_region(region))
                return -EINVAL;
        return buf_printf(out, "https://sts.%s.%s", region, partitions[row_of(region)].suffix);
}

// The partition a region is in ("aws-cn"); NULL for no region name.
const char *sts_region_partition(const char *region)
{
        return is_region(region) ? partitions[row_of(region)].partition : NULL;
}
