// SPDX-License-Identifier: Apache-2.0
//
// Tells a provider that a grant is over (RFC 7009), by the newest refresh token there is: one that is being refreshed
// has a successor in a moment, and is spent then. The whole takes two seconds at most. Each is on its own: ending one
// grant never cuts off the end of another.
#pragma once

#include "provider.h"

#define REVOCATION_MS INT64_C(2000)

struct revocation;
// OK, also where the provider had ended the grant itself. err: what stood in the way. Exactly once, never from inside;
// may free the revocation.
typedef void (*revocation_done_fn)(void *arg, enum outcome outcome, const struct err *err);
// token is copied. refresh: the refresh of it that is under way, or NULL; it is taken, in every case.
int revocation_start(struct revocation **ret, struct loop *l, struct provider *p, const struct secret *token,
        struct provider_op *refresh, revocation_done_fn done, void *arg) _must_check_;
struct revocation *revocation_free(struct revocation *r);
