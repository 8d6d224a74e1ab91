// SPDX-License-Identifier: Apache-2.0
//
// What verbs about policies take from their command line: documents from files, and condition keys. Each failure is one sentence.
#pragma once

#include "buf.h"
#include "policy_decide.h"

#define POLICY_ARGS_MAX 64u

struct policy_args {
        struct policy_document documents[POLICY_ARGS_MAX];
        struct policy *policies[POLICY_ARGS_MAX];
        char *names[POLICY_ARGS_MAX]; // the files'
        size_t n;
        struct policy_context *context;
        unsigned levels[POLICY_LAYERS_];
};
int policy_args_init(struct policy_args *a) _must_check_; // 0, -ENOMEM
void policy_args_deinit(struct policy_args *a);
// These: 0, -EINVAL or -EBADMSG with err, -ENOMEM.
// A file; for control policies those of one level, "a.json,b.json", and the next call is the next level.
int policy_args_add_files(struct policy_args *a, enum policy_layer layer, bool trust, const char *list,
        struct err *err) _must_check_;
int policy_args_add_text(struct policy_args *a, enum policy_layer layer, bool trust, const char *name,
        const char *text, size_t n, struct err *err) _must_check_;
int policy_args_add_context(
        struct policy_args *a, const char *pair, struct err *err) _must_check_; // KEY=VALUE
// What any request has unless it is told: time, and TLS. 0 or the error of policy_context_add().
int policy_args_add_now(struct policy_context *c) _must_check_;
int policy_args_read_file(struct buf *out, const char *path, struct err *err) _must_check_;
int policy_args_read_fd(struct buf *out, int fd, const char *name, struct err *err) _must_check_;
