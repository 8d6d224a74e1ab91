// SPDX-License-Identifier: Apache-2.0
//
// A link in its place is followed where it is root's (a home on another volume); anybody else's link would choose where the
// user ends up. What cannot be looked at, as on a file system that answers root no questions, is not taken for good.
#include "home.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

bool home_is_own(const char *home, uint32_t uid, char *text, size_t size)
{
        struct stat st;
        int r = lstat(home, &st);

        if (r == 0 && S_ISLNK(st.st_mode) && st.st_uid == 0)
                r = stat(home, &st);
        if (r < 0 && errno == ENOENT)
                return true;
        if (r < 0)
                snprintf(text, size,
                        "Whose the home directory %.200s is cannot be told: %s. Please tell the "
                        "administrator.",
                        home, strerrordesc_np(errno));
        else if (st.st_uid != uid)
                snprintf(text, size,
                        "The home directory %.200s belongs to somebody else. Please tell the administrator.",
                        home);
        else if (!S_ISDIR(st.st_mode))
                snprintf(text, size, "%.200s is no directory. Please tell the administrator.", home);
        else
                return true;
        return false;
}
