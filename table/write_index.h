// SPDX-License-Identifier: Apache-2.0
//
// An index of the user table in the making: which entry's slot goes into which bucket.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct index {
        uint32_t n_buckets, n_slots;
        uint32_t *hash;  // of each entry
        uint32_t *start; // n_buckets + 1: the first slot of each bucket
        uint32_t *order; // entries in the order of their slots
};

int index_new(struct index *x, uint32_t n_slots); // 0, -ENOMEM; deinit in either case
void index_deinit(struct index *x);
// False when a bucket would be fuller than a reader takes: try another seed.
bool index_fill(struct index *x, uint32_t (*hash)(const void *arg, uint32_t i, uint32_t seed),
        const void *arg, uint32_t seed);
uint64_t index_len(const struct index *x);
// Buckets, then slots, to a file that is at byte `at`; offsets are those of the entries' records.
void index_write(const struct index *x, FILE *f, uint64_t at, const uint64_t *offsets);
