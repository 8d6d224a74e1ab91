// SPDX-License-Identifier: Apache-2.0
//
// The uid of a federated user, made of (issuer, subject) and of nothing else: the same on every host, whatever the user is
// called there, and never given to somebody else, because nobody else has that subject.
#pragma once

#include "util.h"

// Within TABLE_UID_MIN..TABLE_UID_MAX. 0 or -EIO (OpenSSL has no SHA-256).
int ids_derive(const char *issuer, const char *subject, uint32_t *ret) _must_check_;
// The gid of a group, of its provider's id for it.
int ids_derive_group(const char *issuer, const char *id, uint32_t *ret) _must_check_;
