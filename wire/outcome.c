// SPDX-License-Identifier: Apache-2.0
//
// The one table of outcomes. PAM's codes stand here as numbers because this file may not include PAM's
// headers; pam/ holds them against its constants at compile time.
#include "outcome.h"

#include "translate.h"

#include <stddef.h>

#define PAM_SUCCESS_          0
#define PAM_SYSTEM_ERR_       4
#define PAM_PERM_DENIED_      6
#define PAM_AUTH_ERR_         7
#define PAM_AUTHINFO_UNAVAIL_ 9
#define PAM_USER_UNKNOWN_     10
#define PAM_MAXTRIES_         11
#define PAM_ACCT_EXPIRED_     13
#define BUS_ERROR(x)          "org.valetkey.Error." x

static const struct outcome_info table[OUTCOME_MAX_] = {
        [OUTCOME_OK] = {"ok", NULL, 0, PAM_SUCCESS_, N_("Done."), false},
        [OUTCOME_INTERNAL] = {"internal", BUS_ERROR("Internal"), 1, PAM_SYSTEM_ERR_,
                N_("valetkey failed inside; the log says more."), true},
        [OUTCOME_INVALID_REQUEST] = {"invalid-request", BUS_ERROR("InvalidRequest"), 2, PAM_SYSTEM_ERR_,
                N_("The request is malformed."), false},
        [OUTCOME_NEEDS_LOGIN] = {"needs-login", BUS_ERROR("NeedsLogin"), 3, PAM_AUTH_ERR_,
                N_("Not signed in. Run: valetkey login"), false},
        [OUTCOME_ACCESS_DENIED] = {"access-denied", BUS_ERROR("AccessDenied"), 4, PAM_PERM_DENIED_,
                N_("Access was denied."), false},
        [OUTCOME_UNKNOWN_ROLE] = {"unknown-role", BUS_ERROR("UnknownRole"), 5, PAM_SYSTEM_ERR_,
                N_("No role of that name is configured. See: valetkey roles"), false},
        [OUTCOME_UNKNOWN_IDENTITY] = {"unknown-identity", BUS_ERROR("UnknownIdentity"), 6, PAM_SYSTEM_ERR_,
                N_("No identity of that name is configured."), false},
        [OUTCOME_UNREACHABLE] = {"unreachable", BUS_ERROR("Unreachable"), 7, PAM_AUTHINFO_UNAVAIL_,
                N_("The server cannot be reached."), true},
        [OUTCOME_THROTTLED] = {"throttled", BUS_ERROR("Throttled"), 8, PAM_AUTHINFO_UNAVAIL_,
                N_("The server asks to slow down."), true},
        [OUTCOME_TIMEOUT] = {"timeout", BUS_ERROR("Timeout"), 9, PAM_AUTHINFO_UNAVAIL_,
                N_("No answer in time."), true},
        [OUTCOME_BAD_ANSWER] = {"bad-answer", BUS_ERROR("BadAnswer"), 10, PAM_AUTHINFO_UNAVAIL_,
                N_("The server's answer makes no sense."), true},
        [OUTCOME_MISCONFIGURED] = {"misconfigured", BUS_ERROR("Misconfigured"), 11, PAM_AUTHINFO_UNAVAIL_,
                N_("The configuration does not allow this."), false},
        [OUTCOME_TOKEN_REJECTED] = {"token-rejected", BUS_ERROR("TokenRejected"), 12, PAM_AUTH_ERR_,
                N_("The identity token was not accepted."), false},
        [OUTCOME_EXPIRED] = {"expired", BUS_ERROR("Expired"), 13, PAM_AUTH_ERR_,
                N_("The sign-in was not completed in time."), false},
        [OUTCOME_DENIED_BY_USER] = {"denied-by-user", BUS_ERROR("DeniedByUser"), 14, PAM_AUTH_ERR_,
                N_("The sign-in was declined."), false},
        [OUTCOME_CANCELLED] = {"cancelled", BUS_ERROR("Cancelled"), 15, PAM_AUTH_ERR_, N_("Cancelled."),
                false},
        [OUTCOME_CLOCK_SKEW] = {"clock-skew", BUS_ERROR("ClockSkew"), 16, PAM_AUTHINFO_UNAVAIL_,
                N_("This machine's clock is wrong."), false},
        [OUTCOME_BUSY] = {"busy", BUS_ERROR("Busy"), 17, PAM_MAXTRIES_,
                N_("Too many sign-ins at once; try again in a moment."), true},
        [OUTCOME_NOT_OURS] = {"not-ours", BUS_ERROR("NotOurs"), 18, PAM_USER_UNKNOWN_,
                N_("Not a valetkey user."), false},
        [OUTCOME_WRONG_SUBJECT] = {"wrong-subject", BUS_ERROR("WrongSubject"), 19, PAM_AUTH_ERR_,
                N_("Somebody else signed in than this account belongs to."), false},
        [OUTCOME_ACCOUNT_LOCKED] = {"account-locked", BUS_ERROR("AccountLocked"), 20, PAM_PERM_DENIED_,
                N_("This account is locked."), false},
        [OUTCOME_ACCOUNT_EXPIRED] = {"account-expired", BUS_ERROR("AccountExpired"), 21, PAM_ACCT_EXPIRED_,
                N_("This account has expired, or has not signed in for too long."), false},
        [OUTCOME_NO_DAEMON] = {"no-daemon", BUS_ERROR("NoDaemon"), 22, PAM_AUTHINFO_UNAVAIL_,
                N_("The sign-in service (valetkeyd) does not answer."), true},
        [OUTCOME_NO_BROKER] = {"no-broker", BUS_ERROR("NoBroker"), 23, PAM_AUTHINFO_UNAVAIL_,
                N_("The credential broker (valetkey-broker) does not answer."), true},
        [OUTCOME_UNKNOWN_HANDLE] = {"unknown-handle", BUS_ERROR("UnknownHandle"), 24, PAM_AUTH_ERR_,
                N_("The sign-in is no longer known."), false},
        [OUTCOME_NOTHING] = {"nothing", BUS_ERROR("Nothing"), 25, PAM_AUTH_ERR_, N_("Nothing is waiting."),
                false},
        [OUTCOME_NEEDS_CONFIRMATION] = {"needs-confirmation", BUS_ERROR("NeedsConfirmation"), 26,
                PAM_PERM_DENIED_, N_("A person must allow this first, and nobody did."), false},
        // A refusal of this login that no other way of the same connection shall get around.
        [OUTCOME_ACCOUNT_MADE] = {"account-made", BUS_ERROR("AccountMade"), 27, PAM_MAXTRIES_,
                N_("Your account was made. Please connect again."), true},
};

const struct outcome_info *outcome_info(uint32_t o)
{
        return &table[o < OUTCOME_MAX_ ? o : OUTCOME_INTERNAL];
}
