// SPDX-License-Identifier: Apache-2.0
//
// What a broker tells of its grant. That the provider refused to renew it is taken on the broker's word, for it only makes
// things stricter, and only for the uid that says it. That the provider renewed it is never taken on anybody's word: the
// ID token itself is presented and verified here, and proves no more than the time at which it was issued.
#pragma once

#include "frame.h"
#include "signin.h"

struct report;
typedef void (*report_done_fn)(
        void *arg, enum outcome o, const char *message); // once; message: NULL or a sentence
// A well-formed MSG_REPORT from a peer of that uid. NULL: it is answered already, by *ret_outcome and err, and done() does not
// come. Else done() follows, never from inside, and frees what was returned.
struct report *report_start(struct signin *s, uid_t uid, const struct frame *f, report_done_fn done,
        void *arg, enum outcome *ret_outcome, struct err *err);
struct report *report_free(struct report *r);
// It has the fields of a report, and no others.
bool report_is_one(const struct frame *f);

// How often each uid may report. signin_free() frees it.
struct report_quota *report_quota_free(struct report_quota *q);
