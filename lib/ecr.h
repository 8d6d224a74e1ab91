// SPDX-License-Identifier: Apache-2.0
//
// Amazon's container registries: what their names tell, and what they are asked for a password with.
#pragma once

#include "buf.h"
#include "err.h"
#include "secret.h"

struct ecr_registry {
        bool is_public;   // public.ecr.aws
        char account[13]; // "" for the public one
        char region[65];
        char service[12]; // in the signature
        char endpoint[160];
        const char *target; // X-Amz-Target
};
// A registry as docker names it: a host, with or without https:// and a path. 0; -ENOENT: it is none of Amazon's.
int ecr_registry_parse(struct ecr_registry *ret, const char *server) _must_check_;
// The password in an answer of GetAuthorizationToken. 0; -EBADMSG with err; -ENOMEM.
int ecr_answer_parse(struct secret **ret, const void *p, size_t n, struct err *err) _must_check_;
// The sentence of an error. Returns dst.
const char *ecr_error_text(char *dst, size_t size, const void *p, size_t n);
