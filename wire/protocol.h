// SPDX-License-Identifier: Apache-2.0
//
// Message types and field tags of the three sockets. docs/PROTOCOL.md is the contract; this header is its
// spelling in C. Numbers are append-only. Who may send what is decided by the peer's uid in the kernel, see
// the table there.
#pragma once

enum msg_type {
        // login.sock: a PAM module (peer uid 0) and valetkeyd
        MSG_AUTHENTICATE = 1, // → user, service, rhost?, tty?, prior?, ruser?: start a federated sign-in
        MSG_PROMPT = 2, // ← text (one message for the conversation), expires_in: show this, go on waiting
        MSG_AUTHENTICATED = 3, // ← handle: signed in as that user
        MSG_COMMIT = 4,        // → handle, user, service, rhost?: the session opens; ← MSG_OK with uid
        MSG_DROP = 5,          // → handle: forget it; ← MSG_OK
        MSG_CLOSE = 6,         // → user: a session of the user closed (a hint); ← MSG_OK

        MSG_PORT =
                7, // → uid: which port is the user's; ← MSG_OK with port. On claim.sock: → (nothing): mine; ← MSG_OK
        // with port and the socket that is bound to it
        MSG_VERIFIED = 8, // ← (nothing): it is that user, and there is nothing to hand over: see PROTOCOL.md

        // claim.sock: a user's broker (peer uid = that user) and valetkeyd
        MSG_CLAIM = 16,  // → (nothing): is a grant of mine waiting?
        MSG_GRANT = 17,  // ← grant_id, grant: here; or MSG_ERROR with OUTCOME_NOTHING
        MSG_ACK = 18,    // → grant_id: stored; ← MSG_OK, after which valetkeyd has forgotten it
        MSG_VERIFY = 19, // → issuer, subject: am I bound to that person? ← MSG_OK: yes
        MSG_REPORT =
                20, // → issuer, subject, outcome: the provider ends my sign-in; or token: it renewed it; ← MSG_OK

        // credentials.sock: a program of the same uid and its broker
        MSG_GET_CREDENTIALS = 32, // → role?, min_ttl?, interactive?: ← MSG_CREDENTIALS; MSG_QUESTION before
        MSG_CREDENTIALS = 33,     // ← json: the credential_process document, whole
        MSG_STATUS = 34,          // → (nothing): ← MSG_JSON
        MSG_JSON = 35,            // ← json
        MSG_LOGIN = 36,           // → identity?, flow?, port?: ← MSG_SIGN_IN, later MSG_OK or MSG_ERROR
        MSG_SIGN_IN =
                37, // ← uri, uri_complete?, user_code?, expires_in, text, flow, open?: show this to the person
        MSG_LOGOUT = 38,   // → identity?: ← MSG_OK
        MSG_REFRESH = 39,  // → role?: drop what is cached and fetch anew; ← MSG_OK
        MSG_QUESTION = 40, // ← text, expires_in, confirm_for: ask the person
        MSG_ANSWER = 41,   // → answer: what the person said; then ← MSG_CREDENTIALS or MSG_ERROR
        MSG_CLAIMS = 42,   // → identity?: ← MSG_JSON: what the ID token says, never the token
        MSG_LOG = 43,      // → (nothing): ← MSG_JSON: what was handed out to whom

        // anywhere
        MSG_OK = 64,
        MSG_ERROR = 65, // ← outcome, message: one plain sentence; request_id?
};

enum msg_tag {
        TAG_USER = 1,
        TAG_SERVICE = 2,
        TAG_RHOST = 3,
        TAG_TTY = 4,
        TAG_TEXT = 5,       // UTF-8, several lines
        TAG_EXPIRES_IN = 6, // u32, seconds
        TAG_HANDLE = 7,     // 32 lower-case hex digits
        TAG_UID = 8,        // u32
        TAG_OUTCOME = 9,    // u32, enum outcome
        TAG_MESSAGE = 10,   // one sentence
        TAG_GRANT_ID = 11,  // u64
        TAG_GRANT = 12,     // a grant, see lib/grant.h
        TAG_ROLE = 13,
        TAG_MIN_TTL = 14, // u32, seconds of life the caller wants
        TAG_JSON = 15,
        TAG_IDENTITY = 16,
        TAG_FLOW = 17, // "device" or "browser"
        TAG_URI = 18,
        TAG_URI_COMPLETE = 19,
        TAG_USER_CODE = 20,
        TAG_REQUEST_ID = 21,
        TAG_PORT = 22,        // u32
        TAG_INTERACTIVE = 23, // u32, 1: this program has a terminal and can ask its person there
        TAG_ANSWER = 24,      // u32, enum confirm_answer
        TAG_CONFIRM_FOR = 25, // u32, seconds that "for a while" would hold; 0: not offered
        TAG_OPEN = 26,        // u32, 1: of many who wait this one opens the browser
        TAG_ISSUER = 27,
        TAG_SUBJECT = 28,
        TAG_TOKEN = 31, // an ID token
        TAG_PRIOR = 29, // what sshd says of the factors before this one: SSH_AUTH_INFO_0, lines
        TAG_RUSER = 32, // who asks, where a program acts for a user who is signed in (su, sudo)
};

enum confirm_answer {
        ANSWER_NO = 0,
        ANSWER_ONCE = 1,
        ANSWER_A_WHILE = 2,
};

#define HANDLE_HEX 32 // digits of a handle, without NUL
