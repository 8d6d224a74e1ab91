// SPDX-License-Identifier: Apache-2.0
//
// A binary heap of armed timers: a broker of ten thousand roles has as many, and arms one each time a session is
// replaced. Room for all timers there are is made when they are made, so that arming cannot fail. Of those due in the same
// millisecond the one that was armed first comes first.
#include "loop_internal.h"

static bool before(const struct timer *a, const struct timer *b)
{
        return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->seq < b->seq;
}

static void place(struct timer_queue *q, size_t i, struct timer *t)
{
        q->heap[i] = t;
        t->at = i;
}

static void up(struct timer_queue *q, size_t i, struct timer *t)
{
        for (; i > 0 && before(t, q->heap[(i - 1) / 2]); i = (i - 1) / 2)
                place(q, i, q->heap[(i - 1) / 2]);
        place(q, i, t);
}

static void down(struct timer_queue *q, size_t i, struct timer *t)
{
        for (size_t child; (child = 2 * i + 1) < q->n; i = child) {
                if (child + 1 < q->n && before(q->heap[child + 1], q->heap[child]))
                        child++;
                if (!before(q->heap[child], t))
                        break;
                place(q, i, q->heap[child]);
        }
        place(q, i, t);
}

int timer_queue_reserve(struct timer_queue *q, size_t n)
{
        size_t room = q->room ? q->room : 8;
        struct timer **heap;

        if (n <= q->room)
                return 0;
        while (room < n)
                room *= 2;
        heap = realloc(q->heap, room * sizeof(struct timer *));
        if (!heap)
                return -ENOMEM;
        q->heap = heap;
        q->room = room;
        return 0;
}

void timer_queue_add(struct timer_queue *q, struct timer *t)
{
        up(q, q->n++, t);
}

void timer_queue_remove(struct timer_queue *q, struct timer *t)
{
        struct timer *last = q->heap[--q->n];

        if (last == t)
                return;
        if (before(last, t))
                up(q, t->at, last);
        else
                down(q, t->at, last);
}
