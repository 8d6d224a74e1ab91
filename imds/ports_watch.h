// SPDX-License-Identifier: Apache-2.0
//
// valetkeyd's file of the ports, seen from a reader: what it says, and when it says something else.
#pragma once

#include "err.h"
#include "ports_list.h"

// Readable when something happened in the folder of the file. A descriptor, or -errno with a sentence.
int ports_watch_open(const char *folder, struct err *err) _must_check_;
// Takes what there is to be read. True: the file called name may have changed. *ret_gone: the folder is not there any more.
bool ports_watch_drain(int fd, const char *name, bool *ret_gone);

// The file must be a regular one of root's or of this process's uid, which nobody else may write. Fills at most PORTS_LIST_MAX
// entries of ret->e. 0, also where there is none, and no port is anybody's; -errno with a sentence.
int ports_watch_read(struct ports_list *ret, const char *path, struct err *err) _must_check_;
