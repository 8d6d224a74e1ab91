// SPDX-License-Identifier: Apache-2.0
//
// Bytes of the table, put together and taken apart one by one: no alignment, no padding, nothing of this
// machine. A decoder never trusts a length it has not compared with what is there.
#include "format.h"

#include "name.h"

#include <string.h>

void table_put16(uint8_t *p, uint32_t v)
{
        p[0] = (uint8_t)v;
        p[1] = (uint8_t)(v >> 8);
}

void table_put32(uint8_t *p, uint32_t v)
{
        table_put16(p, v);
        table_put16(p + 2, v >> 16);
}

void table_put64(uint8_t *p, uint64_t v)
{
        table_put32(p, (uint32_t)v);
        table_put32(p + 4, (uint32_t)(v >> 32));
}

uint32_t table_get16(const uint8_t *p)
{
        return (uint32_t)(p[0] | p[1] << 8);
}

uint32_t table_get32(const uint8_t *p)
{
        return table_get16(p) | table_get16(p + 2) << 16;
}

uint64_t table_get64(const uint8_t *p)
{
        return table_get32(p) | (uint64_t)table_get32(p + 4) << 32;
}

// FNV-1a with a final mix: the buckets are chosen by the low bits, which FNV alone leaves poor.
uint32_t table_hash(uint32_t seed, const void *bytes, size_t n)
{
        const uint8_t *p = bytes;
        uint32_t h = 2166136261u ^ seed;

        for (size_t i = 0; i < n; i++)
                h = (h ^ p[i]) * 16777619u;
        h ^= h >> 16;
        h *= 0x85ebca6bu;
        h ^= h >> 13;
        h *= 0xc2b2ae35u;
        return h ^ h >> 16;
}

uint32_t table_hash_uid(uint32_t seed, uint32_t uid)
{
        uint8_t b[4];

        table_put32(b, uid);
        return table_hash(seed, b, sizeof b);
}

uint32_t table_bucket_crc(uint32_t i, uint32_t n, uint64_t off, const uint8_t *slots)
{
        uint8_t b[16];

        table_put32(b, i);
        table_put32(b + 4, n);
        table_put64(b + 8, off);
        return table_crc(table_crc(0, b, sizeof b), slots, (size_t)n * TABLE_SLOT_SIZE);
}

// The sections of the users always, those of groups where there is one.
static bool is_there(const struct table *t, int id)
{
        if (id <= TABLE_SECTION_BY_UID)
                return true;
        return t->section[id <= TABLE_SECTION_BY_MEMBER ? TABLE_SECTION_GROUPS : id].len > 0;
}

size_t table_header_encode(uint8_t *p, const struct table *t, uint64_t file_len)
{
        size_t n = TABLE_HEADER_FIXED;
        uint32_t n_sections = 0;

        for (int id = 1; id < TABLE_SECTIONS; id++)
                if (is_there(t, id)) {
                        table_put32(p + n, (uint32_t)id);
                        table_put32(p + n + 4, t->section[id].n);
                        table_put64(p + n + 8, t->section[id].off);
                        table_put64(p + n + 16, t->section[id].len);
                        n += TABLE_SECTION_SIZE;
                        n_sections++;
                }
        memcpy(p, TABLE_MAGIC, 8);
        table_put32(p + 8, TABLE_VERSION);
        table_put32(p + 12, (uint32_t)n + 4);
        table_put32(p + 16, t->kind);
        table_put32(p + 20, n_sections);
        table_put64(p + 24, file_len);
        table_put64(p + 32, t->serial);
        table_put32(p + 40, t->n_users);
        table_put32(p + 44, t->seed);
        table_put64(p + 48, (uint64_t)t->max_offline_age_s);
        table_put32(p + n, table_crc(0, p, n));
        return n + 4;
}

// An index has a power of two of buckets, room for them, and room for a slot per entry.
static bool index_fits(const struct table_section *s, uint32_t n_entries)
{
        return s->n >= 1 && (s->n & (s->n - 1)) == 0 && s->n <= 2 * TABLE_USERS_MAX &&
               s->len == (uint64_t)s->n * TABLE_BUCKET_SIZE + (uint64_t)n_entries * TABLE_SLOT_SIZE;
}

static bool sections_fit(const struct table *t, uint32_t seen)
{
        const uint32_t users = 1u << TABLE_SECTION_USERS | 1u << TABLE_SECTION_BY_NAME |
                               1u << TABLE_SECTION_BY_UID,
                       groups = 1u << TABLE_SECTION_GROUPS | 1u << TABLE_SECTION_BY_GROUP_NAME |
                                1u << TABLE_SECTION_BY_GID | 1u << TABLE_SECTION_MEMBERSHIPS |
                                1u << TABLE_SECTION_BY_MEMBER;
        const struct table_section *s = t->section;

        if ((seen & users) != users || s[TABLE_SECTION_USERS].n != t->n_users ||
                !index_fits(&s[TABLE_SECTION_BY_NAME], t->n_users) ||
                !index_fits(&s[TABLE_SECTION_BY_UID], t->kind == TABLE_FEDERATED ? t->n_users : 0))
                return false;
        if (t->kind != TABLE_FEDERATED)
                return seen == users; // local users' groups are not ours to tell
        if (s[TABLE_SECTION_NEWCOMERS].n > TABLE_NEWCOMERS_MAX ||
                s[TABLE_SECTION_NEWCOMERS].len > TABLE_NEWCOMERS_LEN_MAX)
                return false;
        if (!(seen & groups))
                return true;
        return (seen & groups) == groups && s[TABLE_SECTION_GROUPS].n <= TABLE_GROUPS_MAX &&
               s[TABLE_SECTION_MEMBERSHIPS].n <= t->n_users &&
               index_fits(&s[TABLE_SECTION_BY_GROUP_NAME], s[TABLE_SECTION_GROUPS].n) &&
               index_fits(&s[TABLE_SECTION_BY_GID], s[TABLE_SECTION_GROUPS].n) &&
               index_fits(&s[TABLE_SECTION_BY_MEMBER], s[TABLE_SECTION_MEMBERSHIPS].n);
}

bool table_header_decode(struct table *ret, const uint8_t *p, size_t n, uint64_t file_len)
{
        struct table t = {.fd = -1};
        uint32_t len, n_sections, seen = 0;

        if (n < TABLE_HEADER_MIN || memcmp(p, TABLE_MAGIC, 8) != 0 || table_get32(p + 8) != TABLE_VERSION)
                return false;
        len = table_get32(p + 12);
        n_sections = table_get32(p + 20);
        if (n_sections > TABLE_SECTIONS_MAX || len > n ||
                len != TABLE_HEADER_FIXED + n_sections * TABLE_SECTION_SIZE + 4 ||
                table_get32(p + len - 4) != table_crc(0, p, len - 4))
                return false;
        t.kind = table_get32(p + 16);
        t.serial = table_get64(p + 32);
        t.n_users = table_get32(p + 40);
        t.seed = table_get32(p + 44);
        t.max_offline_age_s = (int64_t)table_get64(p + 48);
        if ((t.kind != TABLE_FEDERATED && t.kind != TABLE_LOCAL) || table_get64(p + 24) != file_len ||
                t.n_users > TABLE_USERS_MAX || t.max_offline_age_s < 0)
                return false;
        for (uint32_t i = 0; i < n_sections; i++) {
                const uint8_t *s = p + TABLE_HEADER_FIXED + i * TABLE_SECTION_SIZE;
                struct table_section x = {
                        .n = table_get32(s + 4), .off = table_get64(s + 8), .len = table_get64(s + 16)};
                uint32_t id = table_get32(s);

                if (x.off < len || x.off > file_len || x.len > file_len - x.off)
                        return false;
                if (id < TABLE_SECTION_USERS || id >= TABLE_SECTIONS)
                        continue;
                if (seen & 1u << id)
                        return false;
                seen |= 1u << id;
                t.section[id] = x;
        }
        if (!sections_fit(&t, seen))
                return false;
        *ret = t;
        return true;
}

// ---- records

static bool is_printable_ascii(const char *s, bool space)
{
        for (; *s; s++)
                if (*s < (space ? ' ' : '!') || *s > '~')
                        return false;
        return true;
}

// May stand in a field of a passwd line.
static bool is_field(const char *s)
{
        for (; *s; s++)
                if ((unsigned char)*s < ' ' || *s == 0x7f || *s == ':')
                        return false;
        return true;
}

bool table_id_is_ours(uint32_t id)
{
        return id >= TABLE_UID_MIN && id <= TABLE_UID_MAX;
}

const char *table_user_check(const struct table_user *u, enum table_kind kind)
{
        if (!name_is_valid_user(u->name, strlen(u->name)))
                return "the name is not a valid user name";
        if (kind == TABLE_FEDERATED && (!table_id_is_ours(u->uid) || !table_id_is_ours(u->gid)))
                return "uid and gid must be from 1879048192 to 2147483646";
        if (kind == TABLE_LOCAL && (u->uid != TABLE_UID_NONE || u->gid != TABLE_UID_NONE))
                return "a local user's ids stand in /etc/passwd, not here";
        if (u->flags & ~(uint32_t)TABLE_FLAGS_KNOWN)
                return "there are flags that this version does not know";
        if (u->expires_at_s < 0 || u->last_success_s < 0 || u->refused_at_s < 0)
                return "a time is before 1970";
        if (!u->issuer[0] || !is_printable_ascii(u->issuer, false))
                return "the issuer must be a URL in printable ASCII";
        if (!is_printable_ascii(u->subject, true) || (!u->subject[0] && kind == TABLE_LOCAL))
                return "the subject must be 1 to 255 printable ASCII characters";
        if (!is_field(u->display) || !is_field(u->home) || !is_field(u->shell))
                return "display name, home and shell may hold no colon and no control character";
        if ((u->home[0] && u->home[0] != '/') || (u->shell[0] && u->shell[0] != '/') ||
                (kind == TABLE_FEDERATED && (!u->home[0] || !u->shell[0])))
                return "home and shell must be absolute paths";
        return NULL;
}

enum {
        N_STRINGS = 6
};
#define RECORD_FIXED (36u + 2u * N_STRINGS)

struct string_place {
        char *p;
        size_t size;
};

static void string_places(struct string_place ret[N_STRINGS], struct table_user *u)
{
        ret[0] = (struct string_place){u->name, sizeof u->name};
        ret[1] = (struct string_place){u->issuer, sizeof u->issuer};
        ret[2] = (struct string_place){u->subject, sizeof u->subject};
        ret[3] = (struct string_place){u->display, sizeof u->display};
        ret[4] = (struct string_place){u->home, sizeof u->home};
        ret[5] = (struct string_place){u->shell, sizeof u->shell};
}

size_t table_record_encode(uint8_t *p, const struct table_user *user, enum table_kind kind)
{
        struct table_user u = *user;
        struct string_place s[N_STRINGS];
        size_t o = RECORD_FIXED;

        string_places(s, &u);
        for (int i = 0; i < N_STRINGS; i++)
                s[i].p[s[i].size - 1] = 0;
        if (table_user_check(&u, kind))
                return 0;
        table_put32(p + 8, u.uid);
        table_put32(p + 12, u.gid);
        table_put32(p + 16, u.flags | (u.refused_at_s ? TABLE_USER_REFUSED : 0));
        table_put64(p + 20, (uint64_t)u.expires_at_s);
        table_put64(p + 28, (uint64_t)u.last_success_s);
        for (int i = 0; i < N_STRINGS; i++) {
                size_t n = strlen(s[i].p);

                table_put16(p + 36 + 2 * i, (uint32_t)n);
                memcpy(p + o, s[i].p, n);
                o += n;
        }
        if (u.refused_at_s) {
                table_put64(p + o, (uint64_t)u.refused_at_s);
                o += 8;
        }
        table_put32(p, (uint32_t)o);
        table_put32(p + 4, table_crc(table_crc(0, p, 4), p + 8, o - 8));
        return o;
}

_Static_assert(RECORD_FIXED == TABLE_RECORD_MIN, "the smallest record has six empty strings");
_Static_assert(
        RECORD_FIXED + 65 + 513 + 256 + 129 + 257 + 129 + 8 <= TABLE_RECORD_MAX, "the largest record fits");

bool table_record_decode(struct table_user *ret, const uint8_t *p, size_t n, enum table_kind kind)
{
        struct table_user u = {0};
        struct string_place s[N_STRINGS];
        size_t o = RECORD_FIXED;

        if (n < RECORD_FIXED || n > TABLE_RECORD_MAX || table_get32(p) != n ||
                table_get32(p + 4) != table_crc(table_crc(0, p, 4), p + 8, n - 8))
                return false;
        u.uid = table_get32(p + 8);
        u.gid = table_get32(p + 12);
        u.flags = table_get32(p + 16);
        u.expires_at_s = (int64_t)table_get64(p + 20);
        u.last_success_s = (int64_t)table_get64(p + 28);
        string_places(s, &u);
        for (int i = 0; i < N_STRINGS; i++) {
                size_t len = table_get16(p + 36 + 2 * i);

                if (len >= s[i].size || len > n - o || memchr(p + o, 0, len))
                        return false;
                memcpy(s[i].p, p + o, len);
                o += len;
        }
        if (u.flags & TABLE_USER_REFUSED) {
                if (n - o != 8 || table_get64(p + o) == 0)
                        return false;
                u.refused_at_s = (int64_t)table_get64(p + o);
                u.flags &= ~(uint32_t)TABLE_USER_REFUSED;
                o += 8;
        }
        if (o != n || table_user_check(&u, kind))
                return false;
        *ret = u;
        return true;
}
