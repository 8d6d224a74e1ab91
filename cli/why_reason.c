// SPDX-License-Identifier: Apache-2.0
//
// The first row whose words are in the message counts: the narrow ones stand in front of the wide ones.
#include "why_reason.h"

#include "util.h"

static const struct {
        const char *word, *also; // both in the message; also NULL: the one is enough
        struct why_reason reason;
} rows[] = {
        {"No OpenIDConnect provider found", NULL,
                {"no-provider", "InvalidIdentityToken",
                        "the account has no OpenID Connect provider of this issuer",
                        "create the provider named below in that account, with the client id named below"}},
        {"ncorrect token audience", NULL,
                {"audience", "InvalidIdentityToken",
                        "the account's OpenID Connect provider does not list the token's audience",
                        "add the client id named below to the provider in that account"}},
        {"retrieve verification key", NULL,
                {"verification-key", "InvalidIdentityToken",
                        "AWS could not fetch the issuer's keys: the issuer has to be reachable from the "
                        "internet, with a "
                        "certificate that AWS trusts",
                        "open the issuer's jwks_uri to AWS; on a passing fault, try again"}},
        {"IDPCommunicationError", NULL,
                {"issuer-unreachable", "IDPCommunicationError", "AWS could not reach the issuer",
                        "open the issuer's discovery document and jwks_uri to AWS; try again"}},
        {"IDPRejectedClaim", NULL,
                {"rejected-claim", "IDPRejectedClaim",
                        "the provider, or AWS for it, rejects the token's claims",
                        "sign in anew; look at the provider's log"}},
        {"RegionDisabled", NULL,
                {"region-disabled", "RegionDisabledException",
                        "STS is not activated for that account in this region",
                        "have the account's admin activate STS there, or set another sts_region"}},
        {"ExpiredToken", NULL,
                {"skew", "ExpiredTokenException", "AWS finds the token expired",
                        "look at the clocks of this machine and of the provider: valetkey doctor"}},
        {"has expired, though it is fresh", NULL,
                {"skew", "ExpiredTokenException", "AWS finds a fresh token expired: a clock is wrong",
                        "look at the clocks of this machine and of the provider: valetkey doctor"}},
        {"RequestExpired", NULL,
                {"skew", "RequestExpired", "AWS finds the request too old: this machine's clock is wrong",
                        "timedatectl set-ntp true"}},
        {"SignatureDoesNotMatch", NULL,
                {"skew", "SignatureDoesNotMatch",
                        "AWS does not take the signature, mostly for a clock that is wrong",
                        "timedatectl set-ntp true"}},
        {"clock", "wrong",
                {"skew", "", "a clock is wrong", "timedatectl set-ntp true; then: valetkey doctor"}},
        {"hrottl", NULL,
                {"throttled", "Throttling", "AWS asks to slow down; it is tried again by itself",
                        "wait; where many hosts share an account, spread them over regions (sts_region)"}},
        {"MaxSessionDuration", NULL,
                {"duration", "ValidationError", "the role does not allow sessions that long",
                        "set duration to what the role allows, or raise its MaxSessionDuration"}},
        {"PackedPolicyTooLarge", NULL,
                {"too-large", "PackedPolicyTooLarge", "session policy and tags are too large together",
                        "shorten session_policy, policy_arns or tags"}},
        {"InvalidClientTokenId", NULL,
                {"partition", "InvalidClientTokenId",
                        "this STS does not know the credentials: it is of another partition, or they are "
                        "gone",
                        "set sts_region to one of the partition that the role's ARN names"}},
        {"AccessDenied", NULL,
                {"denied", "AccessDenied",
                        "the role's trust policy does not let this identity in, or it denies it",
                        "compare the trust policy with the statement below: --trust-policy FILE says which "
                        "condition refuses"}},
        {"InvalidIdentityToken", NULL,
                {"token", "InvalidIdentityToken", "AWS finds the token invalid",
                        "sign in anew; look at the provider and the client id named below"}},
        {"ValidationError", NULL,
                {"validation", "ValidationError", "AWS finds the request malformed",
                        "look at what was sent, below"}},
};

static const struct why_reason other = {"other", "", "there is no more to say than the message does",
        "valetkey doctor looks at the whole way"};

const struct why_reason *why_reason(const char *message)
{
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (strstr(message, rows[i].word) && (!rows[i].also || strstr(message, rows[i].also)))
                        return &rows[i].reason;
        return &other;
}
