// SPDX-License-Identifier: Apache-2.0
//
// A grant: the token set of one sign-in and what was verified about it. valetkeyd makes one, the user's
// broker keeps it. Its serial form is a frame (wire/frame.h): versioned, bounded, no JSON heap. It travels
// over claim.sock and lives in the broker's stored state.
#pragma once

#include "buf.h"
#include "err.h"
#include "secret.h"

enum source_type {
        SOURCE_OIDC = 1, // an ID token; later also: identity-center, saml, token-file
        SOURCE_ROLE = 2, // another role's session (chaining): of role sessions only, never of an identity
};
const char *source_type_name(enum source_type t);                // "oidc"
int source_type_from_name(const char *s, enum source_type *ret); // -ENOENT

struct grant {
        enum source_type type;
        char *identity; // the configuration's section name
        char *issuer;
        char *client_id;
        char *subject;  // verified
        char *username; // the local user it opens; NULL for a sign-in without valetkeyd
        char *display;  // who, for session names and status: preferred_username, else email, else subject
        struct secret *id_token, *access_token, *refresh_token; // refresh and access may be NULL
        int64_t id_token_exp_s;
        int64_t refresh_exp_s; // 0: not known
        int64_t signed_in_at_s;
        char *scope; // NULL: not said
        // Reserved: how the tokens are bound to a key of their holder's (DPoP). "VERSION:VALUE"; this program knows no
        // version, and takes no grant that has one. NULL
        char *sender_constraint;
};

#define GRANT_TYPE 100 // frame type of the serial form
// 0; -EINVAL for a grant that is incomplete or over a bound; -EMSGSIZE over FRAME_MAX - 1024; -ENOMEM.
int grant_encode(struct secret **ret, const struct grant *g) _must_check_;
// 0 and ret filled; -EBADMSG with err; -ENOMEM. A field of an unknown mandatory tag is refused.
int grant_decode(struct grant *ret, const void *p, size_t n, struct err *err) _must_check_;
void grant_deinit(struct grant *g);
