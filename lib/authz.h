// SPDX-License-Identifier: Apache-2.0
//
// What a service of AWS says when it refuses: a sentence that names who, what, on what and which kind of policy (IAM user
// guide, "Troubleshoot access denied error messages"), and sometimes an encoded message, which sts:DecodeAuthorizationMessage
// makes a JSON document of.
#pragma once

#include "policy_decide.h"

#include <jansson.h>

#define AUTHZ_TEXT_MAX    (64u << 10)
#define AUTHZ_ARN_MAX     2049
#define AUTHZ_ENCODED_MAX 10240 // what STS decodes

struct authz {
        char principal[AUTHZ_ARN_MAX], action[160], resource[AUTHZ_ARN_MAX]; // "" where it does not say
        enum policy_layer layer;        // POLICY_LAYERS_ where it does not say
        bool explicit_deny;             // and whether it denies; else it lacks an Allow
        bool has_decision;              // it says either
        char statement[160];            // the Sid of a statement that denies; ""
        char endpoint[80];              // the VPC endpoint the request passed; ""
        struct policy_context *context; // the request's keys; NULL
};
// Whether an error's text tells anything of that. Texts in ret are fit for a terminal.
bool authz_text_parse(struct authz *ret, const char *text, size_t n);
// The encoded message in a text, or the text itself where it is one, into dst. False: there is none.
bool authz_find_encoded(char dst[AUTHZ_ENCODED_MAX + 1], const char *text, size_t n);
// The decoded document. 0, -ENOMEM, -EBADMSG with err.
int authz_document_parse(struct authz *ret, const char *json, size_t n, struct err *err) _must_check_;
void authz_deinit(struct authz *a); // legal on a zeroed struct
