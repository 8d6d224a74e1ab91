// SPDX-License-Identifier: Apache-2.0
//
// The table is written by valetkeyd, so whoever takes valetkeyd over writes it. What he can say is bounded here and in
// the table's decoder, whatever stands in front of this module in nsswitch.conf: ids in one range, names that are
// nobody's of the system, and never a name of /etc/passwd or /etc/group.
//
// Whose the file has to be stands in /etc/passwd; reading that once answers for the name too. It is read after the table,
// when the name is known in a lookup by id as well.
#include "guest.h"

#include "local.h"
#include "name.h"
#include "reserved.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

const struct guest_paths guest_paths = {
        .table = PATH_STATE "/users",
        .passwd = LOCAL_PASSWD,
        .group = LOCAL_GROUP,
};

struct guest guest_enter(void)
{
        struct guest g = {.saved_errno = errno};

        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &g.cancel_state);
        return g;
}

enum nss_status guest_leave(const struct guest *g, int r, int *errnop)
{
        // A table that is missing or broken leaves everybody who is not ours where he was: programs take ENOENT for
        // "not here", and any other error for a reason to stop (systemd-sysusers would not add a user).
        enum nss_status status = NSS_STATUS_UNAVAIL;
        int error = ENOENT;

        if (r == 0) {
                status = NSS_STATUS_SUCCESS;
        } else if (r == TABLE_E_NOT_FOUND) {
                status = NSS_STATUS_NOTFOUND;
        } else if (r == -ERANGE || r == -ENOMEM || r == -EMFILE || r == -ENFILE) {
                status = NSS_STATUS_TRYAGAIN;
                error = -r;
        }
        pthread_setcancelstate(g->cancel_state, NULL);
        errno = g->saved_errno;
        if (status != NSS_STATUS_SUCCESS)
                *errnop = error;
        return status;
}

bool guest_is_name(const char *name)
{
        return name_is_valid_user(name, strnlen(name, NAME_MAX_USER + 1)) && !name_is_reserved(name);
}

struct belief {
        uid_t owner;
        const char *name;
        bool is_owned, is_local;
};

static bool see_user(void *arg, const struct local_entry *e)
{
        struct belief *b = arg;

        b->is_owned |= e->id == b->owner && strcmp(e->name, LOCAL_DAEMON) == 0;
        b->is_local |= b->name && strcmp(e->name, b->name) == 0;
        return b->is_local || (b->is_owned && !b->name);
}

int guest_believe(const struct guest_paths *p, const struct table *t, int r, const char *name)
{
        struct belief b = {.owner = t->owner, .name = r == 0 ? name : NULL, .is_owned = t->owner == 0};
        int k = b.is_owned && !b.name ? 0 : local_each(p->passwd, LOCAL_FILE_PASSWD, see_user, &b);

        return k < 0 ? k : b.is_local ? TABLE_E_NOT_FOUND : b.is_owned ? r : TABLE_E_UNSAFE;
}

struct list {
        char **names;
        size_t n;
};

static bool drop(void *arg, const struct local_entry *e)
{
        struct list *l = arg;
        size_t lo = 0, hi = l->n;

        while (lo < hi) {
                size_t mid = lo + (hi - lo) / 2;
                int c = strcmp(l->names[mid], e->name);

                if (c == 0) {
                        memmove(l->names + mid, l->names + mid + 1, (l->n - mid - 1) * sizeof *l->names);
                        l->n--;
                        break;
                }
                if (c < 0)
                        lo = mid + 1;
                else
                        hi = mid;
        }
        return l->n == 0;
}

int guest_drop_local(const struct guest_paths *p, char **names, size_t *n)
{
        struct list l = {names, *n};
        int r = l.n ? local_each(p->passwd, LOCAL_FILE_PASSWD, drop, &l) : 0;

        *n = l.n;
        return r;
}

static bool see_group(void *arg, const struct local_entry *e)
{
        const char **name = arg;

        if (strcmp(e->name, *name) != 0)
                return false;
        *name = NULL;
        return true;
}

int guest_believe_group(const struct guest_paths *p, const char *name)
{
        int r = local_each(p->group, LOCAL_FILE_GROUP, see_group, &name);

        return r < 0 ? r : name ? 0 : TABLE_E_NOT_FOUND;
}
