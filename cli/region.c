// SPDX-License-Identifier: Apache-2.0
//
// The first of the two names that is set wins: SDKs differ in which they read, and whoever sets both means one region.
#include "region.h"

#include "util.h"

const char *region_of_environment(void)
{
        static const char *const names[] = {"AWS_REGION", "AWS_DEFAULT_REGION"};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                const char *s = getenv(names[i]);

                if (s && *s)
                        return s;
        }
        return NULL;
}
