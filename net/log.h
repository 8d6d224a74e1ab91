// SPDX-License-Identifier: Apache-2.0
//
// The daemons' log. One line an event: a stable event id, then key=value. Goes to stderr; to the journal where the journal
// reads that (JOURNAL_STREAM names our stderr), each key as a field (journal.h), or, where it does not take such, to stderr
// with a "<N>" priority in front. Never: bodies, headers, tokens, URLs with a query, names of users who may not exist.
#pragma once

#include "clock.h"
#include "util.h"

enum log_level {
        LOG_E_ERROR = 3,
        LOG_E_WARNING = 4,
        LOG_E_NOTICE = 5,
        LOG_E_INFO = 6,
        LOG_E_DEBUG = 7,
};

void log_init(const char *program, enum log_level max);
void log_journal_at(const char *path); // for tests: journald's socket; borrowed
// log_event(LOG_E_NOTICE, "signin.done", "user=%s issuer=%s", …): values are sanitised and quoted where
// needed.
void log_event(enum log_level level, const char *event, const char *fmt, ...) _printf_(3, 4);
// For events that a stranger can cause at will: the journal limits a service that writes much, and drops the lines that
// matter with the others. False after 10 in a minute; how many were kept back is said once the minute is over and the
// event comes again. A zeroed struct is ready.
struct log_limit {
        int64_t since_ms;
        unsigned n;
};
bool log_limit_allows(struct log_limit *l, const char *event, const struct clock *clock);
// First 8 hex digits of SHA-256: how a token may be named in a log.
void log_fingerprint(char dst[9], const void *p, size_t n);
