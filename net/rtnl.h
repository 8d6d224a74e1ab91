// SPDX-License-Identifier: Apache-2.0
//
// What the kernel tells of links, addresses and routes (rtnetlink), as far as it matters here.
#pragma once

#include <stdbool.h>
#include <stddef.h>

// Does something in this packet make it worth trying again what could not be reached? True for a link that runs, an
// address that reaches beyond the link, a route to somewhere; false for everything that goes away.
bool rtnl_brings_network(const void *packet, size_t n);
