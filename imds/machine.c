// SPDX-License-Identifier: Apache-2.0
//
// By the marks that cloud-init and systemd-detect-virt go by, as far as anybody may read them. Not all clouds are here: a cloud
// that is not known is no reason to refuse.
#include "machine.h"

#include "util.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

#define DMI "class/dmi/id/"

static const struct mark {
        const char *cloud, *file, *begins;
} marks[] = {
        {"Amazon EC2", DMI "sys_vendor", "Amazon EC2"},
        {"Amazon EC2", DMI "bios_vendor", "Amazon EC2"},
        {"Amazon EC2", DMI "chassis_asset_tag", "Amazon EC2"},
        {"Amazon EC2", DMI "board_asset_tag", "i-"},
        {"Amazon EC2", "hypervisor/uuid", "ec2"},
        {"Google Compute Engine", DMI "product_name", "Google Compute Engine"},
        {"Microsoft Azure", DMI "chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77"},
        {"Oracle Cloud", DMI "chassis_asset_tag", "OracleCloud.com"},
        {"OpenStack", DMI "product_name", "OpenStack "},
        {"OpenStack", DMI "chassis_asset_tag", "OpenTelekomCloud"},
        {"DigitalOcean", DMI "sys_vendor", "DigitalOcean"},
        {"Hetzner Cloud", DMI "sys_vendor", "Hetzner"},
        {"Scaleway", DMI "sys_vendor", "Scaleway"},
        {"Vultr", DMI "sys_vendor", "Vultr"},
};

// "" where it cannot be read.
static void read_line(char *dst, size_t n, const char *sysfs, const char *file)
{
        char path[PATH_MAX];
        cleanup_fd int fd = -1;
        ssize_t k;

        dst[0] = 0;
        if (snprintf(path, sizeof path, "%s/%s", sysfs, file) >= (int)sizeof path)
                return;
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        k = fd < 0 ? -1 : read(fd, dst, n - 1);
        dst[k > 0 ? k : 0] = 0;
}

bool machine_find_cloud(const char *sysfs, struct machine_cloud *ret)
{
        for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
                const struct mark *m = &marks[i];
                char line[128];

                read_line(line, sizeof line, sysfs, m->file);
                if (strncasecmp(line, m->begins, strlen(m->begins)) != 0)
                        continue;
                *ret = (struct machine_cloud){.name = m->cloud, .file = m->file};
                return true;
        }
        return false;
}
