// SPDX-License-Identifier: Apache-2.0
//
// Anybody's ~/.aws/config: what is read is written again as it was, a profile that was set and dropped leaves no byte behind, and what
// is refused names a line.
#include "awsblock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
        if (!ok)
                abort();
}

static struct awsblock *read_block(const void *text, size_t n)
{
        struct awsblock *b = NULL;
        struct err err = ERR_INIT;
        unsigned line = 0;
        int r = awsblock_read(&b, text, n, &line, &err);

        must(r == 0 || (r == -EBADMSG && line > 0 && err.text[0]));
        return b;
}

static void write_block(struct buf *out, const struct awsblock *b)
{
        bool gone;

        must(awsblock_write(b, out, &gone) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        cleanup_buf struct buf same = BUF_INIT(1u << 24), set = BUF_INIT(1u << 24), back = BUF_INIT(1u << 24);
        struct awsblock *b = read_block(data, size), *again;
        bool had_block;

        if (!b)
                return 0;
        had_block = b->line != 0;
        // An end line without a line end gets one; an empty block goes. Both only where valetkey has written before.
        if (!had_block) {
                write_block(&same, b);
                must(same.n == size && (size == 0 || memcmp(same.p, data, size) == 0));
        }
        if (!awsblock_find(b, "fuzz"))
                must(awsblock_set(b, "fuzz", "/x y", "z") == 1);
        write_block(&set, b);
        awsblock_free(b);
        again = read_block(buf_str(&set), set.n);
        must(again && awsblock_find(again, "fuzz"));
        must(awsblock_drop(again, "fuzz"));
        write_block(&back, again);
        if (!had_block)
                must(back.n == size && (size == 0 || memcmp(back.p, data, size) == 0));
        awsblock_free(again);
        return 0;
}
