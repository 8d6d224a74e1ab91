// SPDX-License-Identifier: Apache-2.0
//
// The first door: credentials.sock. One request, one answer, then the end; whoever connects and says nothing
// has only wished to wake us (that is what the PAM module does).
#pragma once

#include "broker.h"

struct server;
// Exactly one of path (bound anew, mode 0600) and fd ≥ 0 (a listening socket from activation; taken).
int server_new(struct server **ret, struct broker *b, const char *path, int fd) _must_check_;
struct server *server_free(struct server *s); // before the broker
