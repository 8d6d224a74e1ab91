// SPDX-License-Identifier: Apache-2.0
#include "callback_request.h"

#include "http_head.h"

#include <stdio.h>

static bool is_our_host(const struct http_text *host, uint16_t port)
{
        static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};
        char want[32];

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                snprintf(want, sizeof want, "%s:%u", names[i], port);
                if (http_text_is_nocase(host, want))
                        return true;
        }
        return false;
}

static struct callback_request refuse(int status, const char *title, const char *text)
{
        return (struct callback_request){
                .verdict = CALLBACK_REFUSE, .status = status, .title = title, .text = text};
}

static struct callback_request judge(const struct http_head *head, uint16_t port)
{
        const struct http_text *target = &head->target;
        const char *end = target->p + target->n, *query = memchr(target->p, '?', target->n);
        size_t path_n = query ? (size_t)(query - target->p) : target->n;
        struct http_text host;

        if (http_head_find(head, "Host", &host) != 1 || !is_our_host(&host, port))
                return refuse(400, "Not here", "This address answers to its own name only.");
        if (!http_text_is(&head->method, "GET") || path_n != strlen(CALLBACK_PATH) ||
                memcmp(target->p, CALLBACK_PATH, path_n) != 0)
                return refuse(404, "Nothing here", "There is no such page.");
        query = query ? query + 1 : end;
        return (struct callback_request){
                .verdict = CALLBACK_QUERY, .query = query, .query_n = (size_t)(end - query)};
}

void callback_request_read(struct callback_request *ret, const char *p, size_t n, bool full, uint16_t port)
{
        struct http_head head;
        size_t head_n;
        int r = http_head_parse(&head, p, n, &head_n);

        if (r == HTTP_HEAD_E_MORE && !full)
                *ret = (struct callback_request){.verdict = CALLBACK_MORE};
        else
                *ret = r == 0 ? judge(&head, port)
                              : refuse(400, "Not a request", "What came is no request of a browser.");
}
