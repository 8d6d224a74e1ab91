// SPDX-License-Identifier: Apache-2.0
//
// Whom valetkeyd may speak for. It could be taken over, and the file of the ports is its own: nobody is redirected on its word
// alone but federated users, whose ids are in a range of their own, and local users whom root's table names.
#pragma once

#include "util.h"

#include <sys/types.h>

struct whose {
        uid_t *local; // of root's table
        size_t n;
        int fault; // what was wrong with root's table (enum table_result, -errno); 0
};
int whose_read(struct whose *ret, const char *root_table, const char *passwd) _must_check_; // -ENOMEM
void whose_deinit(struct whose *w);
bool whose_is_ours(const struct whose *w, uid_t uid);
