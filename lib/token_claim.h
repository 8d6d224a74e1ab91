// SPDX-License-Identifier: Apache-2.0
//
// What an ID token says besides who it is about: claims by name, for session names, tags and lists of roles. Nothing
// here verifies anything: it is for tokens whose signature was checked when they came.
#pragma once

#include <jansson.h>

#include "buf.h"
#include "secret.h"

#define CLAIM_TEXT_MAX      1024u // bytes of one claim as text
#define CLAIM_ROLE_ARNS_MAX 1000u // of one token

// The payload of an ID token. 0, -EBADMSG (not three parts, not an object), -ENOMEM.
int claims_of_token(json_t **ret, const struct secret *id_token) _must_check_;
// By its name as it stands; else the name is a path with dots, "resource_access.aws.roles". Borrowed; NULL where absent.
const json_t *claim_find(const json_t *claims, const char *name);
// Appends a string, a number or a truth value as text. 0; -ENOENT where absent, null or empty; -EBADMSG for anything
// else, for control characters and for more than CLAIM_TEXT_MAX; the error of the buffer.
int claim_append_text(struct buf *out, const json_t *claims, const char *name) _must_check_;

// The role ARNs of a claim: a list of them, or a single one, each alone or beside its provider's, as SAML has it
// ("arn:…:role/dev,arn:…:saml-provider/idp", in either order). What is none of these is counted and the first kept to
// be told; what comes twice is taken once.
struct claim_role_arns {
        char **v; // in the token's order
        size_t n;
        size_t n_bad, n_over; // no role's ARN; beyond CLAIM_ROLE_ARNS_MAX
        char first_bad[64];   // for people: sanitised and cut; "" where there is none
};
// 0, also for a claim that is absent; -ENOMEM.
int claim_role_arns(struct claim_role_arns *ret, const json_t *claims, const char *name) _must_check_;
void claim_role_arns_deinit(struct claim_role_arns *l);
