// SPDX-License-Identifier: Apache-2.0
//
// What the files of the provider share: provider.c (what is known of it, fetched once for all who ask),
// provider_op.c (the life of an operation, verification of what it got), provider_device.c,
// provider_code.c, provider_refresh.c, provider_verify.c.
//
// Everything here runs from the loop. A function that may end an operation says so by being the last thing its
// caller does: after op_finish(), op_when_ready(), op_send() or op_verify() the operation may be gone.
#pragma once

#include "provider.h"

struct provider {
        struct http *http;
        struct loop *loop;
        const struct clock *clock;
        char *issuer, *client_id, *scopes, *ca_file;
        struct secret *client_secret;

        bool has_metadata;
        struct oidc_metadata metadata;
        struct jwks *jwks;
        int64_t known_until_ms; // boot time
        bool rekeyed;
        int64_t rekeyed_at_ms; // boot time of the last fetch for an unknown key

        // The fetch in progress, if any, and who waits for it.
        enum {
                FETCH_NONE,
                FETCH_METADATA,
                FETCH_JWKS,
        } fetching;
        struct http_op *fetch;
        struct timer *fetch_again;
        unsigned attempt;
        struct provider_op *waiters;

        struct clock_remote date; // its clock
};

// What a browser brought back (RFC 6749 4.1.2, RFC 9207); NULL: absent.
struct code_answer {
        char *code, *state, *iss, *error, *description;
};

#define CODE_STATE_HEX 32

// An authorization code flow: what was sent with the person, and what came back.
struct code_flow {
        provider_open_fn open;
        char *redirect_uri;
        struct secret *verifier, *code;
        char state[CODE_STATE_HEX + 1], nonce[CODE_STATE_HEX + 1];
        bool opened, answered;
        struct code_answer answer;
};
struct code_flow *code_flow_free(struct code_flow *f);

struct provider_op {
        struct provider *provider;
        provider_done_fn done;
        provider_prompt_fn prompt;
        provider_rotated_fn rotated; // NULL: done() tells
        void *arg;
        struct timer *tick, *deadline;
        void (*on_tick)(struct provider_op *op);
        void (*ready)(struct provider_op *op); // when metadata and keys are there
        struct http_op *http;
        void (*answered)(struct provider_op *op, enum outcome outcome, const struct http_response *r,
                const struct err *err);
        struct provider_op *next, **prev; // among the waiters
        struct provider_result result;
        bool keep_refresh;  // a failure still hands out the new refresh token
        bool asked_for_key; // the key set was fetched anew for this one
        unsigned attempt;

        struct oidc_device device;
        int64_t end_ms, interval_ms, delay_ms; // boot time; the provider's interval; the present one

        struct code_flow *code; // of an authorization code flow
        struct secret *token;   // refresh, revocation
        char *subject;
};

// Runs op->ready once metadata and keys are known and fresh, fetching them where needed.
void op_when_ready(struct provider_op *op);
// The same, with the key set fetched anew; false when that was done a moment ago already.
bool op_when_rekeyed(struct provider_op *op);
void op_stop_waiting(struct provider_op *op);

// begin: the first thing to do, from the loop; deadline_ms: for everything.
int op_new(struct provider_op **ret, struct provider *p, void (*begin)(struct provider_op *op),
        int64_t deadline_ms, provider_done_fn done, void *arg);
void op_finish(struct provider_op *op, enum outcome outcome, const struct err *err);
void op_fail(struct provider_op *op, enum outcome outcome, const char *fmt, ...) _printf_(3, 4);
// POSTs a form (cleared afterwards).
void op_send(struct provider_op *op, const char *url, struct buf *form,
        void (*answered)(struct provider_op *op, enum outcome outcome, const struct http_response *r,
                const struct err *err));
// Verifies result.tokens.id_token and finishes.
void op_verify(struct provider_op *op);
// Ends the operation over an answer that is not 200 in the way every endpoint shares.
void op_refused(struct provider_op *op, const struct http_response *r, const struct oidc_error_answer *e);
// A server that is down or overloaded rather than one that says no.
bool answer_is_transient(const struct http_response *r, const struct oidc_error_answer *e);
