// SPDX-License-Identifier: Apache-2.0
//
// What comes to the loopback address of a sign-in: a query that is taken lies inside of the request; the same bytes whole and in
// two pieces are judged alike; nothing that came makes a tag, or a header, in the page that is shown.
#include "callback_page.h"
#include "callback_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PORT 61234

static size_t count(const struct buf *b, char c)
{
        size_t n = 0;

        for (size_t i = 0; i < b->n; i++)
                n += b->p[i] == c;
        return n;
}

static void show(const char *text)
{
        cleanup_buf struct buf plain = BUF_INIT(64u << 10), b = BUF_INIT(64u << 10);
        const char *head_end;

        if (callback_page(&plain, 400, "", "") != 0 || callback_page(&b, 400, text, text) != 0)
                return; // too long, or no memory
        if (count(&plain, '<') != count(&b, '<') || count(&plain, '"') != count(&b, '"'))
                abort();
        head_end = strstr(buf_str(&b), "\r\n\r\n");
        if (!head_end || strncmp(head_end + 4, "<!DOCTYPE", 9) != 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct callback_request q, part;
        char *p = malloc(size + 1);

        if (!p)
                return 0;
        if (size)
                memcpy(p, data, size);
        p[size] = 0;
        callback_request_read(&q, p, size, false, PORT);
        if (q.verdict == CALLBACK_QUERY) {
                if (q.query < p || q.query + q.query_n > p + size || memchr(q.query, '\n', q.query_n))
                        abort();
                callback_request_read(&part, p, size, true, PORT);
                if (part.verdict != CALLBACK_QUERY || part.query != q.query || part.query_n != q.query_n)
                        abort();
                callback_request_read(&part, p, size, true, PORT + 1); // another's name
                if (part.verdict == CALLBACK_QUERY)
                        abort();
        }
        if (q.verdict == CALLBACK_REFUSE && (q.status < 400 || !q.title || !q.text))
                abort();
        callback_request_read(&part, p, size / 2, false, PORT);
        if (q.verdict == CALLBACK_MORE && part.verdict != CALLBACK_MORE)
                abort();
        show(p);
        free(p);
        return 0;
}
