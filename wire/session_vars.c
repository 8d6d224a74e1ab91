// SPDX-License-Identifier: Apache-2.0
#include "session_vars.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

// ---- is this EC2?

static bool read_dmi(char *dst, size_t n, const char *dir, const char *name)
{
        char path[PATH_MAX];
        ssize_t len;
        int fd;

        if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path)
                return false;
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return false;
        len = read(fd, dst, n - 1);
        close(fd);
        dst[len > 0 ? len : 0] = 0;
        return len > 0;
}

// As the EC2 user guide says it is told: the vendor on Nitro, the firmware's version or the machine's id on Xen.
bool session_is_ec2(const char *dmi)
{
        static const char *const vendors[] = {
                [0] = "sys_vendor", "board_vendor", "chassis_vendor", "bios_vendor"};
        char text[128];

        for (size_t i = 0; i < sizeof vendors / sizeof vendors[0]; i++)
                if (read_dmi(text, sizeof text, dmi, vendors[i]) && strncmp(text, "Amazon EC2", 10) == 0)
                        return true;
        if (read_dmi(text, sizeof text, dmi, "bios_version") && strcasestr(text, "amazon"))
                return true;
        return read_dmi(text, sizeof text, dmi, "product_uuid") && strncasecmp(text, "ec2", 3) == 0;
}

// ---- the proxy's exceptions

static bool has_word(const char *list, const char *word)
{
        size_t n = strlen(word);

        while (*list) {
                size_t blanks = strspn(list, ", \t"), len = strcspn(list + blanks, ", \t");

                if (len == n && strncmp(list + blanks, word, n) == 0)
                        return true;
                list += blanks + len;
        }
        return false;
}

bool session_no_proxy(char ret[SESSION_NO_PROXY_MAX], const char *own, const char *other)
{
        const char *list = own ? own : other ? other : "";
        bool enough = has_word(list, SESSION_LOOPBACK) || has_word(list, "*");
        int n;

        if (own && enough)
                return false;
        n = snprintf(ret, SESSION_NO_PROXY_MAX, "%s%s%s", list, *list && !enough ? "," : "",
                enough ? "" : SESSION_LOOPBACK);
        return n >= 0 && n < (int)SESSION_NO_PROXY_MAX;
}
