// SPDX-License-Identifier: Apache-2.0
//
// What the broker stores, as bytes: frames (wire/frame.h) one behind the other. A head, a frame for each grant, a frame
// for each role session that lives.
#pragma once

#include "grant.h"
#include "sts.h"

#define STATE_PRINT_MAX 65 // SHA-256 in hexadecimal and a NUL

// What was claimed last: should valetkeyd offer it again, it is known.
struct state_head {
        uint64_t used_id;
        char used_print[9]; // "": nothing was
        bool in_session;    // the user had a session on this machine
};

struct state_grant {
        struct grant grant;
        int64_t token_since_s;
        bool no_id_token_on_refresh;
        int64_t began_boot_ms, warned_end_boot_ms;        // 0: not known; none
        int64_t token_ends_boot_ms, refresh_ends_boot_ms; // 0: not known
        bool pending; // claimed, but valetkeyd has not confirmed that it forgot it
        uint64_t pending_id;
};

struct state_session {
        char *role;
        char print[STATE_PRINT_MAX]; // of the configuration it was obtained under
        struct sts_credentials credentials;
        int64_t lifetime_ms, expires_boot_ms, next_try_boot_ms; // the last: 0 for none
};

struct state_data {
        struct state_head head;
        struct state_grant *grants;
        size_t n_grants;
        struct state_session *sessions;
        size_t n_sessions;
};

// Each appends a frame. 0; -EINVAL for what could not be read again; the error of the buffer.
int state_put_head(struct buf *out, const struct state_head *h) _must_check_;
int state_put_grant(struct buf *out, const struct state_grant *g) _must_check_;
int state_put_session(struct buf *out, const struct state_session *s) _must_check_;

// All or nothing: 0 and ret filled; -EBADMSG with err; -ENOMEM.
int state_parse(struct state_data *ret, const void *p, size_t n, struct err *err) _must_check_;
void state_data_deinit(struct state_data *d);
