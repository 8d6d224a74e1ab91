// SPDX-License-Identifier: Apache-2.0
//
// Anybody's text: unchanged it is written as it was, and whichever line goes, what is left is made of its lines.
#include "awsedit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
        if (!ok)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        cleanup_buf struct buf same = BUF_INIT(1u << 24), less = BUF_INIT(1u << 24),
                               diff = BUF_INIT(1u << 24);
        struct awsedit *e = NULL;

        must(awsedit_new(&e, (const char *)data, size) == 0);
        must(awsedit_write(e, &same) == 0 && same.n == size);
        must(size == 0 || memcmp(same.p, data, size) == 0);
        awsedit_drop(e, size ? data[0] : 0);
        if (awsedit_insert(e, size ? data[size - 1] : 0, "inserted") == 0)
                must(awsedit_write(e, &less) == 0 && less.n <= size + 10 &&
                        memmem(less.p, less.n, "inserted", 8));
        else
                must(awsedit_write(e, &less) == 0 && less.n <= size);
        must(awsedit_diff(e, &diff, "f") == 0);
        awsedit_free(e);
        return 0;
}
