// SPDX-License-Identifier: Apache-2.0
//
// Is this a machine of a cloud whose own metadata service is at 169.254.169.254? Its firmware says so (DMI), or its hypervisor.
#pragma once

#include <stdbool.h>

struct machine_cloud {
        const char *name; // "Amazon EC2"
        const char *file; // which says so, below sysfs
};
// sysfs: "/sys". False: none that is known.
bool machine_find_cloud(const char *sysfs, struct machine_cloud *ret);
