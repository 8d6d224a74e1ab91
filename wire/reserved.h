// SPDX-License-Identifier: Apache-2.0
//
// Names that mean something to the system whether or not this machine has them: accounts and groups that Debian's
// packages make, or that sudo, polkit and device rules give rights to. A person from elsewhere who was called one of
// them would be taken for it on the day it is installed, or by a rule that goes by name.
#pragma once

#include <stdbool.h>

// Of a user or a group. Exact names, and all that begin with "_", "systemd-", "debian-", "libvirt" or "lxd".
bool name_is_reserved(const char *name);
