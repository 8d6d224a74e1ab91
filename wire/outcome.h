// SPDX-License-Identifier: Apache-2.0
//
// What can come of an operation, as every part of valetkey names it. One table (outcome.c) translates an
// outcome at each edge: D-Bus error name, CLI exit code, PAM code, plain text. The numbers travel on our
// sockets and are exit codes in people's scripts: they are append-only.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum outcome {
        OUTCOME_OK = 0,
        OUTCOME_INTERNAL = 1,            // a fault of ours or of the machine (memory, file system)
        OUTCOME_INVALID_REQUEST = 2,     // the caller asked for something malformed
        OUTCOME_NEEDS_LOGIN = 3,         // no usable grant: the person must sign in
        OUTCOME_ACCESS_DENIED = 4,       // STS or the provider refused, or our policy did
        OUTCOME_UNKNOWN_ROLE = 5,        // no such role in the configuration
        OUTCOME_UNKNOWN_IDENTITY = 6,    // no such identity in the configuration
        OUTCOME_UNREACHABLE = 7,         // no connection, name, or TLS session; or the server is down (5xx)
        OUTCOME_THROTTLED = 8,           // told to slow down
        OUTCOME_TIMEOUT = 9,             // our deadline passed
        OUTCOME_BAD_ANSWER = 10,         // the server answered something that is not an answer
        OUTCOME_MISCONFIGURED = 11,      // configuration here or at the provider makes it impossible
        OUTCOME_TOKEN_REJECTED = 12,     // a token failed verification here, or STS found it invalid
        OUTCOME_EXPIRED = 13,            // the sign-in was not completed in time
        OUTCOME_DENIED_BY_USER = 14,     // the person declined at the provider
        OUTCOME_CANCELLED = 15,          // the one who asked went away
        OUTCOME_CLOCK_SKEW = 16,         // this machine's clock is wrong
        OUTCOME_BUSY = 17,               // a limit on concurrent work is reached
        OUTCOME_NOT_OURS = 18,           // the user is not one of valetkey's
        OUTCOME_WRONG_SUBJECT = 19,      // somebody else signed in than the account is bound to
        OUTCOME_ACCOUNT_LOCKED = 20,     // locked by the admin
        OUTCOME_ACCOUNT_EXPIRED = 21,    // expired, or no successful sign-in for too long
        OUTCOME_NO_DAEMON = 22,          // valetkeyd does not answer
        OUTCOME_NO_BROKER = 23,          // valetkey-broker does not answer
        OUTCOME_UNKNOWN_HANDLE = 24,     // the sign-in handle is unknown, used up or bound to something else
        OUTCOME_NOTHING = 25,            // nothing to hand out (no grant waits)
        OUTCOME_NEEDS_CONFIRMATION = 26, // a person is to be asked first, and nobody was there to say yes
        OUTCOME_ACCOUNT_MADE = 27,       // a newcomer signed in and is a user now: from the next login on
        OUTCOME_MAX_
};

struct outcome_info {
        const char *id;         // stable lower-case word for logs and --json ("needs-login")
        const char *dbus_error; // NULL for OUTCOME_OK
        int exit_code;          // of the CLI; 0 only for OUTCOME_OK
        int pam_code;           // Linux-PAM's number; PAM_SUCCESS only for OUTCOME_OK, never PAM_IGNORE
        const char *text;       // what a person reads where no better sentence came along
        bool retry;             // trying again later may help without anybody doing anything
};

// Total: unknown numbers read as OUTCOME_INTERNAL.
const struct outcome_info *outcome_info(uint32_t o);
