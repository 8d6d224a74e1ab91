// SPDX-License-Identifier: Apache-2.0
//
// Where a service of a region is, for those services that signing in needs: sts, sso (the portal), oidc (sso-oidc) and signin.
#pragma once

#include "buf.h"

enum aws_variant {
        AWS_FIPS = 1 << 0,
        AWS_DUAL_STACK = 1 << 1,
};
// Of the partition a region is in: "amazonaws.com". NULL for no region name.
const char *aws_region_suffix(const char *region);
int aws_endpoint(struct buf *out, const char *service, const char *region, unsigned variant) _must_check_;
