// SPDX-License-Identifier: Apache-2.0
//
// claim.sock: anybody may connect; everybody gets what waits for his own uid and nothing else. One frame carries the
// grant; it is forgotten here when the broker has said that it is stored, and not before.
#pragma once

#include "signin.h"

void claim_accepted(struct packet_conn *c, void *arg); // arg: struct signin
struct claim *claim_free(struct claim *c);
