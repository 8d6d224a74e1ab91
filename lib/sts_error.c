// SPDX-License-Identifier: Apache-2.0
//
// Errors of STS. The code decides what happens next, the HTTP status only where there is no code or one
// nobody here knows. AWS writes some codes with "Exception" behind them and some without, depending on the
// service front; both spellings mean the same. Two codes say different things by their text alone, and those
// two texts are looked for: a token whose key could not be fetched is worth another try, an invalid one is
// not; a role that refuses the duration must not be reported as a role that refuses the person.
#include "sts.h"

#include "sts_xml.h"

static const struct {
        const char *name;
        enum sts_error code;
} codes[] = {
        {"ExpiredToken", STS_E_EXPIRED_TOKEN},
        {"InvalidIdentityToken", STS_E_INVALID_TOKEN},
        {"IDPCommunicationError", STS_E_IDP_COMMUNICATION},
        {"IDPRejectedClaim", STS_E_REJECTED_CLAIM},
        {"AccessDenied", STS_E_ACCESS_DENIED},
        {"UnauthorizedOperation", STS_E_ACCESS_DENIED},
        {"MalformedPolicyDocument", STS_E_POLICY},
        {"PackedPolicyTooLarge", STS_E_POLICY},
        {"RegionDisabled", STS_E_REGION_DISABLED},
        // what botocore's retry modes take for throttling
        {"Throttling", STS_E_THROTTLED},
        {"Throttled", STS_E_THROTTLED},
        {"RequestThrottled", STS_E_THROTTLED},
        {"TooManyRequests", STS_E_THROTTLED},
        {"RequestLimitExceeded", STS_E_THROTTLED},
        {"LimitExceeded", STS_E_THROTTLED},
        {"BandwidthLimitExceeded", STS_E_THROTTLED},
        {"PriorRequestNotComplete", STS_E_THROTTLED},
        {"SlowDown", STS_E_THROTTLED},
        {"Validation", STS_E_VALIDATION},
        {"ValidationError", STS_E_VALIDATION},
        {"InvalidParameterValue", STS_E_VALIDATION},
        {"InvalidParameterCombination", STS_E_VALIDATION},
        {"InvalidArgument", STS_E_VALIDATION},
        {"InvalidAction", STS_E_VALIDATION},
        {"MissingParameter", STS_E_VALIDATION},
        {"MissingAction", STS_E_VALIDATION},
        {"MalformedQueryString", STS_E_VALIDATION},
        {"SignatureDoesNotMatch", STS_E_SIGNATURE},
        {"InvalidSignature", STS_E_SIGNATURE},
        {"IncompleteSignature", STS_E_SIGNATURE},
        {"InvalidClientTokenId", STS_E_SIGNATURE},
        {"UnrecognizedClient", STS_E_SIGNATURE},
        {"InvalidAccessKeyId", STS_E_SIGNATURE},
        {"MissingAuthenticationToken", STS_E_SIGNATURE},
        {"RequestExpired", STS_E_SIGNATURE},
        {"RequestTimeTooSkewed", STS_E_SIGNATURE},
};

static bool same_code(const char *sent, const char *name)
{
        size_t n = strlen(name);

        return strncmp(sent, name, n) == 0 && (sent[n] == 0 || strcmp(sent + n, "Exception") == 0);
}

static enum sts_error classify(int http_status, const char *name, const char *message)
{
        enum sts_error code = STS_E_OTHER;

        for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
                if (same_code(name, codes[i].name))
                        code = codes[i].code;
        if (code == STS_E_INVALID_TOKEN && strcasestr(message, "retrieve verification key"))
                return STS_E_VERIFICATION_KEY;
        if ((code == STS_E_VALIDATION || code == STS_E_ACCESS_DENIED) &&
                (strcasestr(message, "exceeds the MaxSessionDuration") ||
                        strcasestr(message, "exceeds the 1 hour session limit")))
                return STS_E_DURATION;
        if (code == STS_E_OTHER && http_status == 429)
                return STS_E_THROTTLED;
        if (code == STS_E_OTHER && http_status == 403)
                return STS_E_ACCESS_DENIED;
        return code;
}

struct answer {
        struct sts_error_answer *ret;
        bool code, message, request_id;
};

// The three shapes, and the two places of a request id.
static const struct {
        const char *path;
        char what; // c: code, m: message, r: request id, -: around them
} paths[] = {
        {"ErrorResponse", '-'},
        {"ErrorResponse/Error", '-'},
        {"ErrorResponse/Error/Code", 'c'},
        {"ErrorResponse/Error/Message", 'm'},
        {"ErrorResponse/RequestId", 'r'},
        {"ErrorResponse/RequestID", 'r'},
        {"ErrorResponse/ResponseMetadata/RequestId", 'r'},
        {"ErrorResponse/Errors/Error/Code", 'c'},
        {"ErrorResponse/Errors/Error/Message", 'm'},
        {"Error", '-'},
        {"Error/Code", 'c'},
        {"Error/Message", 'm'},
        {"Error/RequestId", 'r'},
};

static char what_is(const char *path)
{
        for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
                if (strcmp(path, paths[i].path) == 0)
                        return paths[i].what;
        return 0;
}

static int error_enter(const char *path, void *arg)
{
        struct answer *a = arg;
        char what = what_is(path);
        bool *seen = what == 'c' ? &a->code : what == 'm' ? &a->message : what == 'r' ? &a->request_id : NULL;

        if (!strchr(path, '/') && !what)
                return -EBADMSG; // some other document
        if (seen && *seen)
                return -EBADMSG;
        if (seen)
                *seen = true;
        return 0;
}

static int error_leaf(const char *path, const char *s, size_t n, void *arg)
{
        struct answer *a = arg;

        switch (what_is(path)) {
        case 'c':
                err_sanitise(a->ret->name, sizeof a->ret->name, s, n);
                break;
        case 'm':
                err_sanitise(a->ret->message, sizeof a->ret->message, s, n);
                break;
        case 'r':
                err_sanitise(a->ret->request_id, sizeof a->ret->request_id, s, n);
                break;
        default:
                break;
        }
        return 0;
}

// Reads an error body; whatever it is, ret is whole afterwards.
void sts_error_parse(struct sts_error_answer *ret, int http_status, const void *xml, size_t n)
{
        struct answer a = {.ret = ret};
        const struct sts_xml_handler h = {.enter = error_enter, .leaf = error_leaf, .arg = &a};

        *ret = (struct sts_error_answer){0};
        if (sts_xml_read(xml, n, STS_ANSWER_MAX, &h, NULL) < 0 || !ret->name[0]) {
                *ret = (struct sts_error_answer){
                        .code = http_status == 429 ? STS_E_THROTTLED : STS_E_UNREADABLE};
                return;
        }
        ret->code = classify(http_status, ret->name, ret->message);
}
