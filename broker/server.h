// SPDX-License-Identifier: Apache-2.0
//
// The first door: credentials.sock. One request, one answer, then the end; whoever connects and says nothing
// has only wished to wake us (that is what the PAM module does).
#pragma once

#include "broker.h"

struct server;
// fd ≥ 0: a listening socket that was passed on (taken); path is then where it was bound by a broker before this one, or
// NULL. Without it path is bound anew, mode 0600.
int server_new(struct server **ret, struct broker *b, const char *path, int fd) _must_check_;
// For a broker that is about to run itself anew. paused: those who connect wait in the socket's queue.
void server_pause(struct server *s, bool paused);
bool server_is_waiting(const struct server *s);             // somebody waits for a role or a person
bool server_is_idle(const struct server *s);                // nobody is connected
int server_get_fd(const struct server *s, bool *ret_owned); // borrowed; owned: bound by this broker
struct server *server_free(struct server *s);               // before the broker
