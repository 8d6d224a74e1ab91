// SPDX-License-Identifier: Apache-2.0
//
// The first row whose words are in the message counts: the narrow ones stand in front of the wide ones.
#include "why_reason.h"

#include "translate.h"
#include "util.h"

static const struct {
        const char *word, *also; // both in the message; also NULL: the one is enough
        struct why_reason reason;
} rows[] = {
        {"No OpenIDConnect provider found", NULL,
                {"no-provider", "InvalidIdentityToken",
                        N_("the account has no OpenID Connect provider of this issuer"),
                        N_("create the provider named below in that account, with the client id named "
                           "below")}},
        {"ncorrect token audience", NULL,
                {"audience", "InvalidIdentityToken",
                        N_("the account's OpenID Connect provider does not list the token's audience"),
                        N_("add the client id named below to the provider in that account")}},
        {"retrieve verification key", NULL,
                {"verification-key", "InvalidIdentityToken",
                        N_("AWS could not fetch the issuer's keys: the issuer has to be reachable from the "
                           "internet, with a "
                           "certificate that AWS trusts"),
                        N_("open the issuer's jwks_uri to AWS; on a passing fault, try again")}},
        {"IDPCommunicationError", NULL,
                {"issuer-unreachable", "IDPCommunicationError", N_("AWS could not reach the issuer"),
                        N_("open the issuer's discovery document and jwks_uri to AWS; try again")}},
        {"IDPRejectedClaim", NULL,
                {"rejected-claim", "IDPRejectedClaim",
                        N_("the provider, or AWS for it, rejects the token's claims"),
                        N_("sign in anew; look at the provider's log")}},
        {"RegionDisabled", NULL,
                {"region-disabled", "RegionDisabledException",
                        N_("STS is not activated for that account in this region"),
                        N_("have the account's admin activate STS there, or set another sts_region")}},
        {"ExpiredToken", NULL,
                {"skew", "ExpiredTokenException", N_("AWS finds the token expired"),
                        N_("look at the clocks of this machine and of the provider: valetkey doctor")}},
        {"has expired, though it is fresh", NULL,
                {"skew", "ExpiredTokenException", N_("AWS finds a fresh token expired: a clock is wrong"),
                        N_("look at the clocks of this machine and of the provider: valetkey doctor")}},
        {"RequestExpired", NULL,
                {"skew", "RequestExpired", N_("AWS finds the request too old: this machine's clock is wrong"),
                        N_("timedatectl set-ntp true")}},
        {"SignatureDoesNotMatch", NULL,
                {"skew", "SignatureDoesNotMatch",
                        N_("AWS does not take the signature, mostly for a clock that is wrong"),
                        N_("timedatectl set-ntp true")}},
        {"clock", "wrong",
                {"skew", "", N_("a clock is wrong"), N_("timedatectl set-ntp true; then: valetkey doctor")}},
        {"hrottl", NULL,
                {"throttled", "Throttling", N_("AWS asks to slow down; it is tried again by itself"),
                        N_("wait; where many hosts share an account, spread them over regions "
                           "(sts_region)")}},
        {"MaxSessionDuration", NULL,
                {"duration", "ValidationError", N_("the role does not allow sessions that long"),
                        N_("set duration to what the role allows, or raise its MaxSessionDuration")}},
        {"PackedPolicyTooLarge", NULL,
                {"too-large", "PackedPolicyTooLarge", N_("session policy and tags are too large together"),
                        N_("shorten session_policy, policy_arns or tags")}},
        {"InvalidClientTokenId", NULL,
                {"partition", "InvalidClientTokenId",
                        N_("this STS does not know the credentials: it is of another partition, or they are "
                           "gone"),
                        N_("set sts_region to one of the partition that the role's ARN names")}},
        {"AccessDenied", NULL,
                {"denied", "AccessDenied",
                        N_("the role's trust policy does not let this identity in, or it denies it"),
                        N_("compare the trust policy with the statement below: --trust-policy FILE says "
                           "which "
                           "condition refuses")}},
        {"InvalidIdentityToken", NULL,
                {"token", "InvalidIdentityToken", N_("AWS finds the token invalid"),
                        N_("sign in anew; look at the provider and the client id named below")}},
        {"ValidationError", NULL,
                {"validation", "ValidationError", N_("AWS finds the request malformed"),
                        N_("look at what was sent, below")}},
};

static const struct why_reason other = {"other", "", N_("there is no more to say than the message does"),
        N_("valetkey doctor looks at the whole way")};

const struct why_reason *why_reason(const char *message)
{
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (strstr(message, rows[i].word) && (!rows[i].also || strstr(message, rows[i].also)))
                        return &rows[i].reason;
        return &other;
}
