// SPDX-License-Identifier: Apache-2.0
//
// What the files of the STS share: role sessions, validated parameters, decisions.
#pragma once

#include "dir.h"
#include "faults.h"
#include "secret.h"
#include "sts.h"
#include "sts_service.h"
#include "sts_tags.h"
#include "web.h"
#include "xml.h"

#define STS_SESSIONS_MAX    4096
#define STS_POLICY_ARNS_MAX 10

// ---- parameters -----------------------------------------------------------------------------------------------------

// What both AssumeRole operations take. Strings borrowed from the request.
struct sts_params {
        const char *role_arn, *session_name, *policy_text;
        char partition[17], account[13], role_name[65];
        int64_t duration_s;
        struct policy *policy;                        // the session policy; NULL
        const char *policy_arns[STS_POLICY_ARNS_MAX]; // of managed policies that narrow the session
        size_t n_policy_arns;
        // AssumeRole
        const char *external_id, *source_identity;
        struct sts_tags tags;
        // AssumeRoleWithWebIdentity
        const char *token;
};
enum sts_op_flags {
        STS_WEB_IDENTITY = 1 << 0,
};
// False: the request has been answered with the fault.
bool sts_params_read(struct sts_params *ret, struct web_request *r, unsigned flags);
void sts_params_deinit(struct sts_params *p);

// ---- sessions -------------------------------------------------------------------------------------------------------

struct sts_session {
        char access_key_id[21]; // "": free
        struct secret *secret_access_key, *session_token;
        char *role_arn, *account, *arn, *user_id; // user_id: "AROA…:name"
        char *provider;                           // the federated provider at the root of the chain
        char *source_identity;                    // NULL
        struct sts_tags tags;
        struct policy *policy;
        char *policy_arns[STS_POLICY_ARNS_MAX];
        size_t n_policy_arns;
        int64_t issued_s, expires_s;
};
#define STS_SIGNINS_MAX 64
struct sts_signin {     // at the console, see federation.c
        char token[65]; // "": free
        int64_t ends_s;
};
struct sts_keys; // keys of foreign providers

struct sts {
        struct sts_session sessions[STS_SESSIONS_MAX];
        struct sts_signin signins[STS_SIGNINS_MAX];
        size_t next_signin;
        unsigned char encoded_key[32]; // of encoded authorization messages
        struct sts_keys *keys;
};

// Takes p->policy and p->tags. NULL: out of memory.
struct sts_session *sts_session_new(struct web_request *r, struct sts_params *p, const struct dir_role *role,
        const char *source_identity, const char *provider);
struct sts_session *sts_session_find(struct sts *s, const char *access_key_id);
void sts_session_clear(struct sts_session *s);
// <Credentials>, <AssumedRoleUser>, <PackedPolicySize>, <SourceIdentity>
int sts_session_xml(struct buf *b, const struct sts_session *s, int packed_percent);
// Percent of what AWS packs policy and tags into; over 100 it refuses.
int sts_packed_percent(const struct sts_params *p);

// Whose signature is on the request? NULL: it has been answered with what is wrong with it.
const struct sts_session *sts_authenticate(struct web_request *r, const char *service, char ret_region[65]);

// ---- web identity ---------------------------------------------------------------------------------------------------

#define STS_NO_KEY                                                                                           \
        "Couldn't retrieve verification key from your identity provider,  please reference "                 \
        "AssumeRoleWithWebIdentity documentation for requirements"
struct jwt_claims;
// Verifies p->token. True: *ret is the caller's (jwt_claims_deinit). False: the request has been answered, or
// waits for the provider's keys (only where may_fetch) and comes again through sts_web_identity_again().
bool sts_token_verify(struct web_request *r, const struct sts_params *p, bool may_fetch,
        const struct dir_provider **ret_provider, struct jwt_claims *ret);
void sts_web_identity_again(struct web_request *r);

// ---- decisions ------------------------------------------------------------------------------------------------------

// Keys every request has. 0 or -ENOMEM.
int sts_context_new(struct policy_context **ret, struct web_request *r) _must_check_;

int64_t sts_now_s(const struct web_request *r);
// The answer, and a line in the log that says what STS itself does not say.
// What AWS says of a duration that is too long: a ValidationError, or AccessDenied with the same text.
void sts_refuse_duration(struct web_request *r, const char *text);
void sts_refuse(struct web_request *r, int status, const char *code, const char *message, const char *why);
void sts_out_of_memory(struct web_request *r);

// ---- keys of providers ----------------------------------------------------------------------------------------------

struct jwks;
int sts_keys_new(struct sts_keys **ret) _must_check_;
struct sts_keys *sts_keys_free(struct sts_keys *k);
void sts_keys_forget(struct sts_keys *k);
// The keys of an issuer if they are known; older than max_age_s does not count.
const struct jwks *sts_keys_get(
        const struct sts_keys *k, const char *issuer, int64_t now_s, int64_t max_age_s);
// Fetches discovery and JWKS, then calls again(r, NULL), or again(r, why) when that failed; unreachable tells
// the two failures apart. The fetch hangs on the request.
void sts_keys_fetch(struct web_request *r, const struct dir_provider *p,
        void (*again)(struct web_request *r, bool unreachable, const char *why));

// ---- operations -----------------------------------------------------------------------------------------------------

void sts_assume_role_with_web_identity(struct web_request *r);
void sts_assume_role(struct web_request *r);
void sts_get_caller_identity(struct web_request *r);
void sts_decode_authorization_message(struct web_request *r);
