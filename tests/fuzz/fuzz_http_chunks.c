// SPDX-License-Identifier: Apache-2.0
//
// A body in chunks: in one piece and byte by byte it is the same body, or none.
#include "buf.h"
#include "http_chunks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_in(struct buf *out, const char *p, size_t n, size_t piece, size_t *ret_at)
{
        struct http_chunks c = {0};

        for (*ret_at = 0; *ret_at < n && c.state != HTTP_CHUNKS_END;) {
                size_t k = n - *ret_at < piece ? n - *ret_at : piece, used = 0;
                struct http_text body;

                if (http_chunks_read(&c, p + *ret_at, k, &used, &body) < 0)
                        return -1;
                if (used > k || used == 0 || body.p < p + *ret_at || body.p + body.n > p + *ret_at + k)
                        abort();
                (void)buf_append(out, body.p, body.n);
                *ret_at += used;
        }
        return c.state == HTTP_CHUNKS_END;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct buf a = BUF_INIT(1u << 20), b = BUF_INIT(1u << 20);
        char *p = malloc(size + 1); // so that a byte too far is seen
        size_t at, at_b;
        int r;

        if (!p)
                abort();
        if (size)
                memcpy(p, data, size);
        r = read_in(&a, p, size, size + 1, &at);
        if (read_in(&b, p, size, 1, &at_b) != r)
                abort();
        if (r == 1 && (at != at_b || a.n != b.n || memcmp(buf_str(&a), buf_str(&b), a.n) != 0))
                abort();
        buf_deinit(&a);
        buf_deinit(&b);
        free(p);
        return 0;
}
