// SPDX-License-Identifier: Apache-2.0
//
// The five things that are asked of bpf(2), without a library: a map from uid to port, a program, and the link that attaches
// it to a control group. What the kernel keeps lives as long as its descriptor: a process that ends, however it ends, leaves
// nothing attached.
#pragma once

#include "err.h"

#include <linux/bpf.h>

// Each returns a descriptor or -errno.
int bpf_map_new(uint32_t max_entries) _must_check_;
int bpf_program_new(enum bpf_attach_type type, const struct bpf_insn *insns, size_t n,
        struct err *err) _must_check_; // err: what the verifier said
int bpf_link_new(int program_fd, int cgroup_fd, enum bpf_attach_type type) _must_check_;

int bpf_map_set(int map_fd, uint32_t key, uint32_t value) _must_check_;
int bpf_map_unset(int map_fd, uint32_t key) _must_check_; // 0 also where it is not there
