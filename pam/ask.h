// SPDX-License-Identifier: Apache-2.0
//
// Talking to valetkeyd from inside somebody else's process: one connection, one packet a message, a deadline
// on every wait, the daemon's identity from the kernel. Raises no signal and leaves no descriptor behind.
#pragma once

#include "frame.h"
#include "arguments.h"
#include "outcome.h"

struct ask {
        int fd;
        uint8_t *room;     // for the answer; cleared when it goes
        const char *fault; // for the log: what went wrong, in words; NULL
        int error;         // errno behind it, or 0
};
#define ASK_INIT                                                                                             \
        {                                                                                                    \
                .fd = -1                                                                                     \
        }

int64_t ask_now_ms(void); // CLOCK_BOOTTIME: a laptop that slept has used its time up

// Connects and makes sure who listens. OUTCOME_OK, OUTCOME_NO_DAEMON, OUTCOME_INTERNAL.
enum outcome ask_open(struct ask *a, const struct arguments *o, int64_t deadline_ms);
enum outcome ask_send(struct ask *a, const void *frame, size_t n);
// One well-formed frame, borrowed until the next call; an error answer is an answer. OUTCOME_NO_DAEMON on
// end of file, deadline or garbage.
enum outcome ask_receive(struct ask *a, struct frame *ret, int64_t deadline_ms);
void ask_close(struct ask *a); // legal on ASK_INIT and twice

// One question, one answer, closed: expects a frame of the given type or turns an error frame into its
// outcome.
enum outcome ask_once(struct ask *a, const struct arguments *o, int64_t patience_ms, const void *frame,
        size_t n, uint16_t expect, struct frame *ret);
// The outcome in an error frame; never OUTCOME_OK.
enum outcome ask_error(const struct frame *f);
