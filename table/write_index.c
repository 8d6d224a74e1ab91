// SPDX-License-Identifier: Apache-2.0
//
// A counting sort by bucket: no bucket is a list, so there is nothing to follow and nothing to loop in.
#include "write_index.h"

#include "format.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int index_new(struct index *x, uint32_t n_slots)
{
        *x = (struct index){.n_buckets = 1, .n_slots = n_slots};
        while (x->n_buckets < n_slots)
                x->n_buckets *= 2;
        x->hash = calloc(n_slots ? n_slots : 1, sizeof *x->hash);
        x->order = calloc(n_slots ? n_slots : 1, sizeof *x->order);
        x->start = calloc(x->n_buckets + 1u, sizeof *x->start);
        return x->hash && x->order && x->start ? 0 : -ENOMEM;
}

void index_deinit(struct index *x)
{
        free(x->hash);
        free(x->start);
        free(x->order);
        *x = (struct index){0};
}

bool index_fill(struct index *x, uint32_t (*hash)(const void *arg, uint32_t i, uint32_t seed),
        const void *arg, uint32_t seed)
{
        uint32_t mask = x->n_buckets - 1;

        memset(x->start, 0, (x->n_buckets + 1u) * sizeof *x->start);
        for (uint32_t i = 0; i < x->n_slots; i++) {
                x->hash[i] = hash(arg, i, seed);
                x->start[(x->hash[i] & mask) + 1]++;
        }
        for (uint32_t i = 1; i <= x->n_buckets; i++) {
                if (x->start[i] > TABLE_SLOTS_MAX)
                        return false;
                x->start[i] += x->start[i - 1];
        }
        for (uint32_t i = 0; i < x->n_slots; i++)
                x->order[x->start[x->hash[i] & mask]++] = i;
        // Placing moved every start to its bucket's end, which is the next one's start.
        memmove(x->start + 1, x->start, x->n_buckets * sizeof *x->start);
        x->start[0] = 0;
        return true;
}

uint64_t index_len(const struct index *x)
{
        return (uint64_t)x->n_buckets * TABLE_BUCKET_SIZE + (uint64_t)x->n_slots * TABLE_SLOT_SIZE;
}

void index_write(const struct index *x, FILE *f, uint64_t at, const uint64_t *offsets)
{
        uint8_t b[TABLE_BUCKET_SIZE], slots[TABLE_SLOTS_MAX * TABLE_SLOT_SIZE];

        for (int pass = 0; pass < 2; pass++) {
                for (uint32_t i = 0; i < x->n_buckets; i++) {
                        uint32_t first = x->start[i], n = x->start[i + 1] - first;
                        uint64_t off = at + (uint64_t)x->n_buckets * TABLE_BUCKET_SIZE +
                                       (uint64_t)first * TABLE_SLOT_SIZE;

                        for (uint32_t k = 0; k < n; k++) {
                                table_put32(slots + k * TABLE_SLOT_SIZE, x->hash[x->order[first + k]]);
                                table_put64(slots + k * TABLE_SLOT_SIZE + 4, offsets[x->order[first + k]]);
                        }
                        table_put32(b, table_bucket_crc(i, n, off, slots));
                        table_put32(b + 4, n);
                        table_put64(b + 8, off);
                        if (pass == 0)
                                fwrite(b, sizeof b, 1, f);
                        else
                                fwrite(slots, TABLE_SLOT_SIZE, n, f);
                }
        }
}
