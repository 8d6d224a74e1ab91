// SPDX-License-Identifier: Apache-2.0
//
// Entries stand in the order of their last hand-out, so the one that is forgotten is the one nobody has used for longest,
// and a program that asks every second cannot push the others out.
#include "handout_ring.h"

#include <jansson.h>

struct entry {
        int64_t first_s, last_s;
        uint64_t times;
        pid_t pid; // of the last time
        const char *door;
        char *role, *app, *exe, *access_key_id, *request_id; // app NULL: none
};

struct handout_ring {
        struct entry *entries[HANDOUT_RING_MAX]; // by last_s
        size_t n;
        uint64_t forgotten;
};

static struct entry *entry_free(struct entry *e)
{
        if (!e)
                return NULL;
        free(e->role);
        free(e->app);
        free(e->exe);
        free(e->access_key_id);
        free(e->request_id);
        free(e);
        return NULL;
}

static bool same(const char *a, const char *b)
{
        return strcmp(a ? a : "", b ? b : "") == 0;
}

// Clean, for names of files are any bytes, and a JSON text is not.
static char *copy_of(const char *s, bool *failed)
{
        size_t n = s ? strlen(s) : 0;
        char *copy = n ? malloc(n + 1) : NULL;

        *failed |= n && !copy;
        return copy ? err_sanitise(copy, n + 1, s, n) : NULL;
}

static struct entry *entry_new(
        const struct caller *who, const char *app, const char *role, const struct sts_credentials *c)
{
        struct entry *e = calloc(1, sizeof *e);
        bool failed = false;

        if (!e)
                return NULL;
        e->door = who->door;
        e->role = copy_of(role, &failed);
        e->app = copy_of(app, &failed);
        e->exe = copy_of(who->exe, &failed);
        e->access_key_id = copy_of(c->access_key_id, &failed);
        e->request_id = copy_of(c->request_id, &failed);
        return failed ? entry_free(e) : e;
}

// Takes the entry out of its place; NULL: it is not there.
static struct entry *take(struct handout_ring *r, const struct caller *who, const char *app, const char *role,
        const struct sts_credentials *c)
{
        for (size_t i = r->n; i-- > 0;) {
                struct entry *e = r->entries[i];

                if (!same(e->access_key_id, c->access_key_id) || !same(e->exe, who->exe) ||
                        !same(e->app, app) || !same(e->role, role) || strcmp(e->door, who->door) != 0)
                        continue;
                r->n--;
                memmove(&r->entries[i], &r->entries[i + 1], (r->n - i) * sizeof r->entries[0]);
                return e;
        }
        return NULL;
}

void handout_ring_add(struct handout_ring *r, int64_t now_s, const struct caller *who, const char *section,
        const char *role, const struct sts_credentials *c)
{
        const char *app = caller_is_sandboxed(who) ? who->app : section;
        struct entry *e = take(r, who, app, role, c);

        if (!e) {
                e = entry_new(who, app, role, c);
                if (e)
                        e->first_s = now_s;
        }
        if (!e) {
                r->forgotten++;
                return;
        }
        if (r->n == HANDOUT_RING_MAX) {
                r->forgotten += r->entries[0]->times;
                entry_free(r->entries[0]);
                memmove(&r->entries[0], &r->entries[1], --r->n * sizeof r->entries[0]);
        }
        e->last_s = now_s;
        e->pid = who->pid;
        e->times++;
        r->entries[r->n++] = e;
}

static int append(const char *p, size_t n, void *arg)
{
        return buf_append(arg, p, n) < 0 ? -1 : 0;
}

static int write_entry(struct buf *out, const struct entry *e)
{
        json_t *j = json_pack("{s:I, s:I, s:I, s:s, s:s?, s:s, s:I, s:s?, s:s?, s:s?}", "at",
                (json_int_t)e->last_s, "first_at", (json_int_t)e->first_s, "times", (json_int_t)e->times,
                "role", e->role, "app", e->app, "door", e->door, "pid", (json_int_t)e->pid, "exe", e->exe,
                "access_key_id", e->access_key_id, "request_id", e->request_id);
        int r = !j ? -ENOMEM : json_dump_callback(j, append, out, JSON_COMPACT) < 0 ? buf_error(out) : 0;

        json_decref(j);
        return r;
}

int handout_ring_write(const struct handout_ring *r, struct buf *out)
{
        int k = buf_printf(
                out, "{\"version\":1,\"forgotten\":%llu,\"handouts\":[", (unsigned long long)r->forgotten);

        for (size_t i = 0; k == 0 && i < r->n; i++) {
                buf_append_str(out, i ? "," : "");
                k = write_entry(out, r->entries[i]);
        }
        buf_append_str(out, "]}\n");
        return k < 0 ? k : buf_error(out);
}

int handout_ring_new(struct handout_ring **ret)
{
        *ret = calloc(1, sizeof **ret);
        return *ret ? 0 : -ENOMEM;
}

struct handout_ring *handout_ring_free(struct handout_ring *r)
{
        for (size_t i = 0; r && i < r->n; i++)
                entry_free(r->entries[i]);
        free(r);
        return NULL;
}
