// SPDX-License-Identifier: Apache-2.0
//
// AWS STS messages (API version 2011-06-15, query protocol): request forms, the success document, and the
// three error shapes found in the wild: <ErrorResponse><Error> (AWS), bare <Error> (radosgw),
// <ErrorResponse><Errors><Error> (moto).
#pragma once

#include "aws_endpoint.h"
#include "buf.h"
#include "err.h"
#include "secret.h"

#define STS_DURATION_MIN_S     900
#define STS_DURATION_MAX_S     43200
#define STS_DURATION_CHAINED_S 3600 // IAM user guide, "Role chaining": one hour at most
#define STS_SESSION_NAME_MAX   64
#define STS_ANSWER_MAX         (256u << 10)

struct sts_web_identity {
        const char *role_arn, *session_name; // required; checked against STS's own limits
        const struct secret *token;          // white space around it is stripped
        int64_t duration_s;                  // 0: not sent; 1–43200 (work-alikes go below AWS's 900)
        const char *policy;                  // session policy document; NULL: not sent
        const char *const *policy_arns;      // NULL-terminated or NULL
};
// 0; -EINVAL (err names the field and the limit); the error of the buffer. Durations below STS_DURATION_MIN_S
// are sent: the server decides, and the configuration lets them through for work-alikes on loopback only.
int sts_web_identity_request(struct buf *out, const struct sts_web_identity *q, struct err *err) _must_check_;

// AssumeRole, signed with the credentials of another role session (role chaining) or account.
struct sts_assume_role {
        const char *role_arn, *session_name; // required
        int64_t duration_s;             // 0: not sent; STS caps chained sessions at STS_DURATION_CHAINED_S
        const char *external_id;        // NULL: not sent
        const char *source_identity;    // NULL: not sent
        const char *policy;             // session policy document; NULL: not sent
        const char *const *policy_arns; // NULL-terminated or NULL
        const struct sts_session_tag *tags;
        size_t n_tags;
};
struct sts_session_tag {
        const char *key, *value;
        bool transitive; // goes along to the roles assumed with this session
};
#define STS_SESSION_TAGS_MAX 50u
#define STS_TAG_KEY_MAX      128u
#define STS_TAG_VALUE_MAX    256u
bool sts_is_tag_char(char c); // of [\p{L}\p{Z}\p{N}_.:/=+\-@]; beyond ASCII STS itself looks
size_t sts_tag_length(const char *s, size_t n); // in characters
int sts_assume_role_request(struct buf *out, const struct sts_assume_role *q, struct err *err) _must_check_;

struct sts_credentials {
        char *access_key_id;
        struct secret *secret_access_key, *session_token;
        int64_t expiration_s;
        char *assumed_role_arn; // "arn:aws:sts::123456789012:assumed-role/dev/alice"
        char *assumed_role_id;
        char account_id[13];                                   // from the ARN; "" where it has none (radosgw)
        char *subject, *audience, *provider, *source_identity; // NULL where absent
        char *request_id;                                      // NULL where absent
        int packed_policy_size;                                // percent; -1 where absent
};
// The answer of AssumeRole and AssumeRoleWithWebIdentity, either. 0, -ENOMEM, -EBADMSG (cut, no XML, DOCTYPE,
// huge, a field absent, empty or double).
int sts_credentials_parse(
        struct sts_credentials *ret, const void *xml, size_t n, struct err *err) _must_check_;
void sts_credentials_deinit(struct sts_credentials *c);

enum sts_error {
        STS_E_OTHER = 1,
        STS_E_EXPIRED_TOKEN,    // ExpiredTokenException, ExpiredToken: get a fresh ID token first
        STS_E_INVALID_TOKEN,    // InvalidIdentityToken
        STS_E_VERIFICATION_KEY, // InvalidIdentityToken "Couldn't retrieve verification key…": retry, bounded
        STS_E_IDP_COMMUNICATION, // IDPCommunicationError: retry, bounded
        STS_E_REJECTED_CLAIM,    // IDPRejectedClaim
        STS_E_ACCESS_DENIED,
        STS_E_DURATION, // above the role's MaxSessionDuration (ValidationError or AccessDenied that says so)
        STS_E_POLICY,   // MalformedPolicyDocument, PackedPolicyTooLarge
        STS_E_REGION_DISABLED,
        STS_E_THROTTLED,
        STS_E_VALIDATION, // ValidationError, InvalidParameterValue, InvalidArgument…
        STS_E_SIGNATURE,  // SignatureDoesNotMatch, InvalidClientTokenId, RequestExpired, RequestTimeTooSkewed
        STS_E_UNREADABLE, // no STS error in the body
};
struct sts_error_answer {
        enum sts_error code;
        char name[64];        // AWS's own code, sanitised: "AccessDenied"
        char message[1024];   // sanitised; "" where absent
        char request_id[128]; // sanitised; "" where absent
};
void sts_error_parse(struct sts_error_answer *ret, int http_status, const void *xml, size_t n);

// Makes a legal RoleSessionName of any text: characters outside [\w+=,.@-] become '-', "-" is added below 2. What is too
// long keeps its first 55 characters and gets 8 hex digits of the whole text's SHA-256, so that two long texts stay two
// names, each always the same. 0 or -ENOMEM.
int sts_session_name(char dst[STS_SESSION_NAME_MAX + 1], const char *s) _must_check_;
bool sts_is_name_char(char c); // of [\w+=,.@-]
// arn:PARTITION:iam::ACCOUNT:role/PATH…NAME (radosgw: empty account allowed). Fills what is not NULL.
// -EINVAL.
int sts_role_arn_parse(
        const char *arn, char partition[17], char account[13], char role_name[65]) _must_check_;
// The endpoint for a region: https://sts.REGION.SUFFIX (suffix by partition). -EINVAL for no region name.
enum sts_variant {
        STS_FIPS = AWS_FIPS,
        STS_DUAL_STACK = AWS_DUAL_STACK,
};
int sts_endpoint(struct buf *out, const char *region, unsigned variant) _must_check_;
// The partition a region belongs to: "aws", "aws-cn", …; NULL for no region name.
const char *sts_region_partition(const char *region);
