// SPDX-License-Identifier: Apache-2.0
//
// Uids are in order in the text; ports are told apart by a map.
#include "ports_list.h"

static const char head[] = "valetkey ports 1\n";

#define UID_LAST (UINT32_MAX - 1)

// A decimal number as it is written here, up to max, and what must follow it. NULL: something else stands there.
static const char *read_number(const char *s, const char *end, uint32_t max, char after, uint32_t *ret)
{
        uint64_t v = 0;
        const char *p = s;

        while (p < end && *p >= '0' && *p <= '9' && v <= max)
                v = v * 10 + (uint64_t)(*p++ - '0');
        if (p == s || p == end || *p != after || v == 0 || v > max || *s == '0')
                return NULL;
        *ret = (uint32_t)v;
        return p + 1;
}

static int compare(const void *a, const void *b)
{
        const struct ports_entry *x = a, *y = b;

        return (x->uid > y->uid) - (x->uid < y->uid);
}

static bool adds(const struct ports_list *l, const struct ports_entry *e, bool *used)
{
        if ((l->n > 0 && l->e[l->n - 1].uid >= e->uid) || used[e->port])
                return false;
        used[e->port] = true;
        return true;
}

int ports_list_parse(struct ports_list *ret, size_t max, const char *text, size_t n)
{
        const char *p = text + sizeof head - 1, *end = text + n;
        bool *used;
        int r = 0;

        ret->n = 0;
        if (n < sizeof head - 1 || memcmp(text, head, sizeof head - 1) != 0)
                return -EBADMSG;
        used = calloc(UINT16_MAX + 1, sizeof *used);
        if (!used)
                return -ENOMEM;
        while (r == 0 && p < end) {
                uint32_t uid = 0, port = 0;
                struct ports_entry e;

                p = read_number(p, end, UID_LAST, ' ', &uid);
                if (p)
                        p = read_number(p, end, UINT16_MAX, '\n', &port);
                e = (struct ports_entry){.uid = uid, .port = (uint16_t)port};
                if (!p || port < 1024 || ret->n == max || !adds(ret, &e, used))
                        r = -EBADMSG;
                else
                        ret->e[ret->n++] = e;
        }
        free(used);
        return r;
}

int ports_list_print(struct buf *out, const struct ports_list *list)
{
        cleanup_free struct ports_entry *sorted = calloc(list->n + 1, sizeof *sorted);

        if (!sorted)
                return -ENOMEM;
        memcpy(sorted, list->e, list->n * sizeof *sorted);
        qsort(sorted, list->n, sizeof *sorted, compare);
        buf_append_str(out, head);
        for (size_t i = 0; i < list->n; i++)
                buf_printf(out, "%u %u\n", (unsigned)sorted[i].uid, sorted[i].port);
        return buf_error(out);
}
