// SPDX-License-Identifier: Apache-2.0
//
// Entries are kept as encoded records: those of the old file stay where they were read, changed ones get
// memory of their own, and a commit copies the bytes. Whether a name, a uid or a subject is there twice is
// asked once, at the commit, by sorting: adding a hundred thousand users is not quadratic.
//
// The lock is a file of mode 0600: a lock that everybody can open is a lock that everybody can hold. When
// root edits valetkeyd's table, what it creates is given to the owner of the folder, so that the daemon can
// go on.
#include "write_edit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

// The i-th string of a record that has been verified.
static struct view record_string(const struct entry *e, int i)
{
        size_t o = TABLE_RECORD_MIN;

        for (int k = 0; k < i; k++)
                o += table_get16(e->rec + 36 + 2 * k);
        return (struct view){e->rec + o, table_get16(e->rec + 36 + 2 * i)};
}

struct view entry_name(const struct entry *e)
{
        return record_string(e, 0);
}

uint32_t entry_uid(const struct entry *e)
{
        return table_get32(e->rec + 8);
}

int view_cmp(struct view a, struct view b)
{
        int c = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

        return c ? c : (a.n > b.n) - (a.n < b.n);
}

// ---- the lock

static int give_to_folder(const struct table_edit *e, int fd)
{
        if (geteuid() != 0 || e->dir_st.st_uid == 0)
                return 0;
        return fchown(fd, e->dir_st.st_uid, e->dir_st.st_gid) < 0 ? -errno : 0;
}

static int take_lock(struct table_edit *e, int wait_ms)
{
        const struct timespec pause = {.tv_nsec = 10 * 1000000};
        char name[NAME_MAX + 8];
        struct stat st;
        int r;

        snprintf(name, sizeof name, "%s.lock", e->base);
        e->lock_fd = openat(
                e->dir_fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
        if (e->lock_fd < 0 || fstat(e->lock_fd, &st) < 0)
                return -errno;
        // Nothing is ever written there, and nobody links to it: anything else is not to be given away.
        if (!S_ISREG(st.st_mode) || st.st_nlink > 1 || st.st_size > 0)
                return TABLE_E_UNSAFE;
        r = st.st_uid == geteuid() ? give_to_folder(e, e->lock_fd) : 0;
        if (r < 0)
                return r;
        for (int waited = 0; flock(e->lock_fd, LOCK_EX | LOCK_NB) < 0; waited += 10) {
                if (errno != EWOULDBLOCK && errno != EINTR)
                        return -errno;
                if (waited >= wait_ms)
                        return TABLE_E_BUSY;
                nanosleep(&pause, NULL);
        }
        return 0;
}

static int open_folder(struct table_edit *e, const char *path)
{
        const char *slash = strrchr(path, '/');
        char dir[PATH_MAX];
        int n;

        n = snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
        if (n < 0 || n >= (int)sizeof dir)
                return -ENAMETOOLONG;
        n = snprintf(e->base, sizeof e->base, "%s", slash ? slash + 1 : path);
        if (n <= 0 || n >= (int)sizeof e->base - 9)
                return -EINVAL;
        e->dir_fd = open(dir[0] ? dir : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (e->dir_fd < 0 || fstat(e->dir_fd, &e->dir_st) < 0)
                return -errno;
        return 0;
}

// ---- loading and changing

static int append(struct table_edit *e, const uint8_t *rec, uint32_t len, bool owned)
{
        if (e->n == TABLE_USERS_MAX)
                return -E2BIG;
        if (e->n == e->cap) {
                size_t cap = e->cap ? e->cap * 2 : 16;
                struct entry *more = realloc(e->e, cap * sizeof *more);

                if (!more)
                        return -ENOMEM;
                e->e = more;
                e->cap = cap;
        }
        e->e[e->n++] = (struct entry){.rec = rec, .len = len, .owned = owned};
        return 0;
}

static int load_users(struct table_edit *e, const struct table *t)
{
        const struct table_section *users = &t->section[TABLE_SECTION_USERS];
        size_t len = (size_t)users->len;
        struct table_user u;
        int r;

        e->serial = t->serial;
        e->max_offline_age_s = t->max_offline_age_s;
        e->blob = malloc(len ? len : 1);
        if (!e->blob)
                return -ENOMEM;
        r = table_read_at(t->fd, e->blob, len, users->off);
        if (r != 0)
                return r;
        for (size_t o = 0; o < len;) {
                uint32_t n = len - o < TABLE_RECORD_MIN ? 0 : table_get32(e->blob + o);

                if (n > len - o || !table_record_decode(&u, e->blob + o, n, t->kind))
                        return TABLE_E_CORRUPT;
                r = append(e, e->blob + o, n, false);
                if (r < 0)
                        return r;
                o += n;
        }
        return e->n == t->n_users ? 0 : TABLE_E_CORRUPT;
}

int table_edit_begin(struct table_edit **ret, const char *path, enum table_kind kind, const uid_t *owners,
        size_t n_owners, int wait_ms)
{
        struct table_edit *e = calloc(1, sizeof *e);
        struct table t = TABLE_INIT;
        int r;

        if (!e)
                return -ENOMEM;
        e->kind = kind;
        e->dir_fd = e->lock_fd = -1;
        r = open_folder(e, path);
        if (r == 0)
                r = take_lock(e, wait_ms);
        if (r == 0) {
                r = table_open(&t, path, kind, owners, n_owners);
                if (r == 0)
                        r = load_users(e, &t);
                else if (r == TABLE_E_MISSING)
                        r = 0;
                if (r == 0 && t.fd >= 0)
                        r = groups_load(e, &t);
                table_close(&t);
        }
        if (r != 0) {
                table_edit_free(e);
                return r;
        }
        *ret = e;
        return 0;
}

struct entry *edit_find(const struct table_edit *e, const char *name)
{
        struct view want = {(const uint8_t *)name, strlen(name)};

        // From the end: whoever was added last is changed next.
        for (size_t i = e->n; i > 0; i--)
                if (view_cmp(entry_name(&e->e[i - 1]), want) == 0)
                        return &e->e[i - 1];
        return NULL;
}

int table_edit_get(const struct table_edit *e, const char *name, struct table_user *ret)
{
        const struct entry *x = edit_find(e, name);

        if (!x)
                return TABLE_E_NOT_FOUND;
        return table_record_decode(ret, x->rec, x->len, e->kind) ? 0 : TABLE_E_CORRUPT;
}

int table_edit_get_uid(const struct table_edit *e, uint32_t uid, struct table_user *ret)
{
        for (size_t i = 0; i < e->n; i++)
                if (entry_uid(&e->e[i]) == uid)
                        return table_record_decode(ret, e->e[i].rec, e->e[i].len, e->kind) ? 0
                                                                                           : TABLE_E_CORRUPT;
        return TABLE_E_NOT_FOUND;
}

static int encode(const struct table_edit *e, const struct table_user *u, uint8_t **ret, uint32_t *ret_len)
{
        uint8_t room[TABLE_RECORD_MAX], *p;
        size_t n = table_record_encode(room, u, e->kind);

        if (n == 0)
                return TABLE_E_INVALID;
        p = malloc(n);
        if (!p)
                return -ENOMEM;
        memcpy(p, room, n);
        *ret = p;
        *ret_len = (uint32_t)n;
        return 0;
}

int table_edit_add(struct table_edit *e, const struct table_user *u)
{
        uint8_t *p;
        uint32_t n;
        int r = encode(e, u, &p, &n);

        if (r != 0)
                return r;
        r = append(e, p, n, true);
        if (r < 0)
                free(p);
        e->told |= r == 0;
        return r;
}

static void release(struct entry *x)
{
        if (x->owned)
                free((void *)(uintptr_t)x->rec);
}

// Do programs that ask for the user hear the same of both?
static bool tells_the_same(const struct entry *a, const struct entry *b)
{
        static const int told[] = {0, 3, 4, 5}; // name, display name, home, shell

        for (size_t i = 0; i < sizeof told / sizeof told[0]; i++)
                if (view_cmp(record_string(a, told[i]), record_string(b, told[i])) != 0)
                        return false;
        return memcmp(a->rec + 8, b->rec + 8, 8) == 0; // uid and gid
}

int table_edit_replace(struct table_edit *e, const struct table_user *u)
{
        struct entry *x = edit_find(e, u->name);
        uint8_t *p;
        uint32_t n;
        int r;

        if (!x)
                return TABLE_E_NOT_FOUND;
        r = encode(e, u, &p, &n);
        if (r != 0)
                return r;
        e->told |= !tells_the_same(x, &(const struct entry){.rec = p, .len = n});
        release(x);
        x->rec = p;
        x->len = n;
        x->owned = true;
        return 0;
}

int table_edit_remove(struct table_edit *e, const char *name)
{
        struct entry *x = edit_find(e, name);

        if (!x)
                return TABLE_E_NOT_FOUND;
        release(x);
        free(x->gids);
        memmove(x, x + 1, (size_t)(e->e + e->n - x - 1) * sizeof *x);
        e->n--;
        e->told = true;
        return 0;
}

int64_t table_edit_max_offline_age(const struct table_edit *e)
{
        return e->max_offline_age_s;
}

void table_edit_set_max_offline_age(struct table_edit *e, int64_t s)
{
        e->max_offline_age_s = s;
}

size_t table_edit_count(const struct table_edit *e)
{
        return e->n;
}

struct table_edit *table_edit_free(struct table_edit *e)
{
        if (!e)
                return NULL;
        for (size_t i = 0; i < e->n; i++) {
                release(&e->e[i]);
                free(e->e[i].gids);
        }
        free(e->e);
        free(e->groups);
        free(e->blob);
        if (e->lock_fd >= 0)
                close(e->lock_fd);
        if (e->dir_fd >= 0)
                close(e->dir_fd);
        free(e);
        return NULL;
}

// ---- committing

static int by_name(const void *a, const void *b)
{
        return view_cmp(
                entry_name(*(const struct entry *const *)a), entry_name(*(const struct entry *const *)b));
}

static int by_uid(const void *a, const void *b)
{
        uint32_t x = entry_uid(*(const struct entry *const *)a),
                 y = entry_uid(*(const struct entry *const *)b);

        return (x > y) - (x < y);
}

static int by_subject(const void *a, const void *b)
{
        const struct entry *x = *(const struct entry *const *)a, *y = *(const struct entry *const *)b;
        int c = view_cmp(record_string(x, 2), record_string(y, 2));

        return c ? c : view_cmp(record_string(x, 1), record_string(y, 1));
}

static int check_duplicates(const struct table_edit *e)
{
        const struct entry **p = malloc((e->n ? e->n : 1) * sizeof *p);
        bool twice = false;

        if (!p)
                return -ENOMEM;
        for (size_t i = 0; i < e->n; i++)
                p[i] = &e->e[i];
        qsort(p, e->n, sizeof *p, by_name);
        for (size_t i = 1; i < e->n; i++)
                twice |= by_name(&p[i - 1], &p[i]) == 0;
        if (e->kind == TABLE_FEDERATED) {
                qsort(p, e->n, sizeof *p, by_uid);
                for (size_t i = 1; i < e->n; i++)
                        twice |= by_uid(&p[i - 1], &p[i]) == 0;
        }
        qsort(p, e->n, sizeof *p, by_subject);
        for (size_t i = 1; i < e->n; i++)
                twice |= record_string(p[i], 2).n > 0 && by_subject(&p[i - 1], &p[i]) == 0;
        free(p);
        return twice ? TABLE_E_DUPLICATE : 0;
}

static uint32_t name_hash(const void *arg, uint32_t i, uint32_t seed)
{
        struct view name = entry_name(&((const struct table_edit *)arg)->e[i]);

        return table_hash(seed, name.p, name.n);
}

static uint32_t uid_hash(const void *arg, uint32_t i, uint32_t seed)
{
        return table_hash_uid(seed, entry_uid(&((const struct table_edit *)arg)->e[i]));
}

// All that is laid out before anything is written.
struct layout {
        uint32_t seed;
        struct index names, uids;
        struct group_sections groups;
};

static void layout_deinit(struct layout *l)
{
        index_deinit(&l->names);
        index_deinit(&l->uids);
        group_sections_deinit(&l->groups);
}

// Deinit in either case.
static int layout_new(struct layout *l, const struct table_edit *e)
{
        int r;

        *l = (struct layout){.seed = (uint32_t)e->serial};
        r = index_new(&l->names, (uint32_t)e->n);
        if (r == 0)
                r = index_new(&l->uids, e->kind == TABLE_FEDERATED ? (uint32_t)e->n : 0);
        if (r == 0)
                r = group_sections_new(&l->groups, e);
        if (r != 0)
                return r;
        for (int i = 0; i < 100; i++, l->seed++)
                if (index_fill(&l->names, name_hash, e, l->seed) &&
                        index_fill(&l->uids, uid_hash, e, l->seed) &&
                        group_sections_fill(&l->groups, l->seed))
                        return 0;
        return -EOVERFLOW;
}

static uint64_t place_users(
        struct table *t, const struct table_edit *e, const struct layout *l, uint64_t at, uint64_t *offsets)
{
        struct table_section *s = t->section;

        s[TABLE_SECTION_USERS] = (struct table_section){.n = t->n_users, .off = at};
        for (size_t i = 0; i < e->n; i++) {
                offsets[i] = at;
                at += e->e[i].len;
        }
        s[TABLE_SECTION_USERS].len = at - s[TABLE_SECTION_USERS].off;
        s[TABLE_SECTION_BY_NAME] = (struct table_section){l->names.n_buckets, at, index_len(&l->names)};
        at += s[TABLE_SECTION_BY_NAME].len;
        s[TABLE_SECTION_BY_UID] = (struct table_section){l->uids.n_buckets, at, index_len(&l->uids)};
        return at + s[TABLE_SECTION_BY_UID].len;
}

static int write_all(FILE *f, const struct table_edit *e, struct layout *l)
{
        struct table t = {.kind = e->kind,
                .n_users = (uint32_t)e->n,
                .seed = l->seed,
                .serial = e->serial + 1,
                .max_offline_age_s = e->max_offline_age_s};
        uint8_t header[TABLE_HEADER_MAX];
        size_t header_len;
        uint64_t *offsets = malloc((e->n ? e->n : 1) * sizeof *offsets), at;

        if (!offsets)
                return -ENOMEM;
        // Which sections there are says how long the header is, and that where they are.
        group_sections_place(&l->groups, &t, 0);
        header_len = table_header_encode(header, &t, 0);
        at = place_users(&t, e, l, header_len, offsets);
        at = group_sections_place(&l->groups, &t, at);
        table_header_encode(header, &t, at);

        errno = 0;
        fwrite(header, header_len, 1, f);
        for (size_t i = 0; i < e->n; i++)
                fwrite(e->e[i].rec, e->e[i].len, 1, f);
        index_write(&l->names, f, t.section[TABLE_SECTION_BY_NAME].off, offsets);
        index_write(&l->uids, f, t.section[TABLE_SECTION_BY_UID].off, offsets);
        group_sections_write(&l->groups, &t, f);
        free(offsets);
        if (at > TABLE_FILE_MAX)
                return -EFBIG;
        if (fflush(f) != 0 || ferror(f))
                return errno ? -errno : -EIO;
        return 0;
}

// Writes the new file under its temporary name and makes it durable.
static int write_file(const struct table_edit *e, const char *tmp, struct layout *l)
{
        int fd, r;
        FILE *f;

        if (unlinkat(e->dir_fd, tmp, 0) < 0 && errno != ENOENT)
                return -errno;
        fd = openat(e->dir_fd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        f = fdopen(fd, "w");
        if (!f) {
                r = -errno;
                close(fd);
                return r;
        }
        r = write_all(f, e, l);
        if (r == 0)
                r = give_to_folder(e, fd);
        if (r == 0 && (fchmod(fd, 0644) < 0 || fsync(fd) < 0))
                r = -errno;
        if (fclose(f) != 0 && r == 0)
                r = -errno;
        return r;
}

// Who keeps answers of name services for a while (nscd) wants to know of it: a path unit waits for a file in the folder
// PATH.changed, and takes it away. Where nobody waits there is no such folder; a sign-in is not refused because of that.
static void tell(const struct table_edit *e)
{
        char name[NAME_MAX + 14];
        int fd;

        if (!e->told)
                return;
        snprintf(name, sizeof name, "%s.changed/now", e->base);
        fd = openat(e->dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (fd >= 0)
                close(fd);
}

int table_edit_commit(struct table_edit *e)
{
        struct layout l = {0};
        char tmp[NAME_MAX + 8];
        int r = check_duplicates(e);

        if (r == 0)
                r = groups_check(e);
        if (r == 0)
                r = layout_new(&l, e);
        snprintf(tmp, sizeof tmp, "%s.new", e->base);
        if (r == 0) {
                r = write_file(e, tmp, &l);
                if (r == 0 && renameat(e->dir_fd, tmp, e->dir_fd, e->base) < 0)
                        r = -errno;
                if (r != 0)
                        unlinkat(e->dir_fd, tmp, 0);
                else if (fsync(e->dir_fd) < 0)
                        r = -errno;
        }
        if (r == 0) {
                e->serial++;
                tell(e);
                e->told = false;
        }
        layout_deinit(&l);
        return r;
}
