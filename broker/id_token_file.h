// SPDX-License-Identifier: Apache-2.0
//
// An identity's ID token in a file (id_token_file = yes), for programs that call AssumeRoleWithWebIdentity themselves. It is
// kept fresh as long as somebody is signed in, and gone when nobody is.
#pragma once

#include "keeper.h"

struct id_token_file;
// dir: the runtime directory, copied. Begins with what the keeper has.
int id_token_file_new(struct id_token_file **ret, struct keeper *k, const char *dir) _must_check_;
struct id_token_file *id_token_file_free(struct id_token_file *f); // removes the file; before the keeper
// The keeper's tokens may be others now.
void id_token_file_look(struct id_token_file *f, const struct keeper *k);
