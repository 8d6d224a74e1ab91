// SPDX-License-Identifier: Apache-2.0
//
// What libc calls. Walks over all users or groups find none (passwd.c says why); everything else is in the other files.
#include "group.h"
#include "initgroups.h"
#include "passwd.h"

#include <errno.h>

// libc finds these by name; no header of its declares them.
#define ENTRY __attribute__((visibility("default"))) enum nss_status

ENTRY _nss_valetkey_getpwnam_r(const char *name, struct passwd *ret, char *buf, size_t n, int *errnop);
ENTRY _nss_valetkey_getpwnam_r(const char *name, struct passwd *ret, char *buf, size_t n, int *errnop)
{
        struct guest g = guest_enter();

        return guest_leave(&g, passwd_by_name(&guest_paths, name, ret, buf, n), errnop);
}

ENTRY _nss_valetkey_getpwuid_r(uid_t uid, struct passwd *ret, char *buf, size_t n, int *errnop);
ENTRY _nss_valetkey_getpwuid_r(uid_t uid, struct passwd *ret, char *buf, size_t n, int *errnop)
{
        struct guest g = guest_enter();

        return guest_leave(&g, passwd_by_uid(&guest_paths, uid, ret, buf, n), errnop);
}

ENTRY _nss_valetkey_getgrnam_r(const char *name, struct group *ret, char *buf, size_t n, int *errnop);
ENTRY _nss_valetkey_getgrnam_r(const char *name, struct group *ret, char *buf, size_t n, int *errnop)
{
        struct guest g = guest_enter();

        return guest_leave(&g, group_by_name(&guest_paths, name, ret, buf, n), errnop);
}

ENTRY _nss_valetkey_getgrgid_r(gid_t gid, struct group *ret, char *buf, size_t n, int *errnop);
ENTRY _nss_valetkey_getgrgid_r(gid_t gid, struct group *ret, char *buf, size_t n, int *errnop)
{
        struct guest g = guest_enter();

        return guest_leave(&g, group_by_gid(&guest_paths, gid, ret, buf, n), errnop);
}

ENTRY _nss_valetkey_initgroups_dyn(
        const char *user, gid_t primary, long *start, long *size, gid_t **list, long limit, int *errnop);
ENTRY _nss_valetkey_initgroups_dyn(
        const char *user, gid_t primary, long *start, long *size, gid_t **list, long limit, int *errnop)
{
        const struct gid_list l = {.n = start, .size = size, .limit = limit, .p = list};
        struct guest g = guest_enter();
        struct table_membership m;
        int r = group_of_user(&guest_paths, user, &m);

        if (r == 0)
                r = gid_list_add(&l, m.gids, m.n_gids, primary);
        return guest_leave(&g, r, errnop);
}

// ---- walks

ENTRY _nss_valetkey_setpwent(int stay_open);
ENTRY _nss_valetkey_setpwent(int stay_open)
{
        (void)stay_open;
        return NSS_STATUS_SUCCESS;
}

ENTRY _nss_valetkey_getpwent_r(struct passwd *ret, char *buf, size_t n, int *errnop);
ENTRY _nss_valetkey_getpwent_r(struct passwd *ret, char *buf, size_t n, int *errnop)
{
        (void)ret, (void)buf, (void)n;
        *errnop = ENOENT;
        return NSS_STATUS_NOTFOUND;
}

ENTRY _nss_valetkey_endpwent(void);
ENTRY _nss_valetkey_endpwent(void)
{
        return NSS_STATUS_SUCCESS;
}

ENTRY _nss_valetkey_setgrent(int stay_open);
ENTRY _nss_valetkey_setgrent(int stay_open)
{
        (void)stay_open;
        return NSS_STATUS_SUCCESS;
}

ENTRY _nss_valetkey_getgrent_r(struct group *ret, char *buf, size_t n, int *errnop);
ENTRY _nss_valetkey_getgrent_r(struct group *ret, char *buf, size_t n, int *errnop)
{
        (void)ret, (void)buf, (void)n;
        *errnop = ENOENT;
        return NSS_STATUS_NOTFOUND;
}

ENTRY _nss_valetkey_endgrent(void);
ENTRY _nss_valetkey_endgrent(void)
{
        return NSS_STATUS_SUCCESS;
}
