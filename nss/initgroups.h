// SPDX-License-Identifier: Apache-2.0
//
// The list of gids that libc builds up, one service after the other, when somebody signs in.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// As libc hands it over: *p is the malloc'd list of room *size, *n of which are taken; limit is the most there may be
// (0 or less: none).
struct gid_list {
        long *n, *size, limit;
        gid_t **p;
};

// Adds the gids that are not `primary`, which is there already. Stops without a word at the limit, as libc's own do.
// 0, -ENOMEM.
int gid_list_add(const struct gid_list *l, const uint32_t *gids, size_t n_gids, gid_t primary);
