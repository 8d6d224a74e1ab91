// SPDX-License-Identifier: Apache-2.0
//
// The one place where memory is taken: the list is libc's, and who adds to it has to make it larger.
#include "initgroups.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

static int grow(const struct gid_list *l)
{
        long size = *l->size > LONG_MAX / 2 / (long)sizeof(gid_t) ? -1 : *l->size < 8 ? 16 : *l->size * 2;
        gid_t *more;

        if (size < 0)
                return -ENOMEM;
        if (l->limit > 0 && size > l->limit)
                size = l->limit;
        more = realloc(*l->p, (size_t)size * sizeof *more);
        if (!more)
                return -ENOMEM;
        *l->p = more;
        *l->size = size;
        return 0;
}

int gid_list_add(const struct gid_list *l, const uint32_t *gids, size_t n_gids, gid_t primary)
{
        for (size_t i = 0; i < n_gids; i++) {
                int r = 0;

                if (gids[i] == primary)
                        continue;
                if (l->limit > 0 && *l->n >= l->limit)
                        return 0;
                if (*l->n == *l->size)
                        r = grow(l);
                if (r < 0)
                        return r;
                (*l->p)[(*l->n)++] = gids[i];
        }
        return 0;
}
