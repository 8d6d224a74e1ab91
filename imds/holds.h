// SPDX-License-Identifier: Apache-2.0
//
// Who is redirected where: what the file of the ports says, as far as it is true. A port is believed to be a user's only while
// this process holds it, too: it runs as valetkeyd's user, and SO_REUSEPORT lets nobody join who is bound to a port but those
// of one uid. So binding succeeds where nobody has the port or valetkeyd has it, and fails where anybody else got in; and what
// is bound here nobody else can get, whether valetkeyd runs or not.
#pragma once

#include "ports_list.h"
#include "redirect.h"
#include "whose.h"

struct holds;
// redirect is told of every change; borrowed.
int holds_new(struct holds **ret, struct redirect *redirect) _must_check_;
struct holds *holds_free(struct holds *h); // redirects nobody any more
// What the file says now. Those who are not ours and those whose port is somebody else's are told to the log, and are not
// redirected. 0; -errno: the map could not be written, some are not redirected who should be.
int holds_update(struct holds *h, const struct ports_list *list, const struct whose *whose) _must_check_;

size_t holds_count(const struct holds *h);
bool holds_lacks(const struct holds *h); // somebody's port is somebody else's: worth another try later
