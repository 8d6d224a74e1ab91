// SPDX-License-Identifier: Apache-2.0
//
// Gives a browser a URL that is secret. What a program is started with can be read by everybody on the machine, so the
// browser gets an address of ours on the loopback interface, good once and for this user, and is sent on from there.
#pragma once

#include "err.h"
#include "outcome.h"

// Has the desktop open it, and waits until the browser has fetched it.
enum outcome hand_over_url(const char *url, struct err *err);
