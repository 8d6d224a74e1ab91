// SPDX-License-Identifier: Apache-2.0
//
// Frames. Bytes are put together one by one so that no alignment, padding or endianness of this machine
// shows, and no uninitialised byte leaves the process.
#include "frame.h"

#include <string.h>

static const uint8_t magic[4] = {'V', 'K', 'E', 'Y'};

static void put16(uint8_t *p, uint32_t v)
{
        p[0] = (uint8_t)v;
        p[1] = (uint8_t)(v >> 8);
}

static void put32(uint8_t *p, uint32_t v)
{
        put16(p, v);
        put16(p + 2, v >> 16);
}

static uint16_t get16(const uint8_t *p)
{
        return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get32(const uint8_t *p)
{
        return get16(p) | (uint32_t)get16(p + 2) << 16;
}

void frame_begin(struct frame_writer *w, void *room, size_t max, uint16_t type)
{
        *w = (struct frame_writer){.p = room, .max = max < FRAME_MAX ? max : FRAME_MAX};
        if (w->max < FRAME_HEADER) {
                w->failed = true;
                return;
        }
        memcpy(w->p, magic, sizeof magic);
        put16(w->p + 4, FRAME_VERSION);
        put16(w->p + 6, type);
        w->n = FRAME_HEADER;
}

void frame_put(struct frame_writer *w, uint16_t tag, const void *p, size_t n)
{
        if (w->failed || n > FRAME_FIELD_MAX || w->max - w->n < 4 || w->max - w->n - 4 < n) {
                w->failed = true;
                return;
        }
        put16(w->p + w->n, tag);
        put16(w->p + w->n + 2, (uint32_t)n);
        if (n)
                memcpy(w->p + w->n + 4, p, n);
        w->n += 4 + n;
}

void frame_put_str(struct frame_writer *w, uint16_t tag, const char *s)
{
        if (s)
                frame_put(w, tag, s, strlen(s));
}

void frame_put_u32(struct frame_writer *w, uint16_t tag, uint32_t v)
{
        uint8_t b[4];

        put32(b, v);
        frame_put(w, tag, b, sizeof b);
}

void frame_put_u64(struct frame_writer *w, uint16_t tag, uint64_t v)
{
        uint8_t b[8];

        put32(b, (uint32_t)v);
        put32(b + 4, (uint32_t)(v >> 32));
        frame_put(w, tag, b, sizeof b);
}

size_t frame_end(struct frame_writer *w)
{
        if (w->failed)
                return 0;
        put32(w->p + 8, (uint32_t)(w->n - FRAME_HEADER));
        return w->n;
}

bool frame_parse(struct frame *ret, const void *packet, size_t n)
{
        const uint8_t *p = packet;

        memset(ret, 0, sizeof *ret);
        if (n < FRAME_HEADER || n > FRAME_MAX || memcmp(p, magic, sizeof magic) != 0 ||
                get32(p + 8) != n - FRAME_HEADER)
                return false;
        ret->version = get16(p + 4);
        ret->type = get16(p + 6);
        if (ret->version != FRAME_VERSION)
                return false;
        for (size_t o = FRAME_HEADER; o < n;) {
                struct frame_field f;

                if (n - o < 4)
                        return false;
                f = (struct frame_field){.tag = get16(p + o), .n = get16(p + o + 2), .p = p + o + 4};
                if (n - o - 4 < f.n || ret->n_fields == FRAME_FIELDS_MAX || frame_find(ret, f.tag))
                        return false;
                ret->fields[ret->n_fields++] = f;
                o += 4u + f.n;
        }
        return true;
}

bool frame_only_has(const struct frame *f, const uint16_t *tags, size_t n)
{
        for (unsigned i = 0; i < f->n_fields; i++) {
                bool known = (f->fields[i].tag & FRAME_TAG_OPTIONAL) != 0;

                for (size_t k = 0; k < n && !known; k++)
                        known = tags[k] == f->fields[i].tag;
                if (!known)
                        return false;
        }
        return true;
}

const struct frame_field *frame_find(const struct frame *f, uint16_t tag)
{
        for (unsigned i = 0; i < f->n_fields; i++)
                if (f->fields[i].tag == tag)
                        return &f->fields[i];
        return NULL;
}

bool frame_get_str(const struct frame *f, uint16_t tag, char *dst, size_t size)
{
        const struct frame_field *x = frame_find(f, tag);

        if (!x || x->n >= size || memchr(x->p, 0, x->n))
                return false;
        memcpy(dst, x->p, x->n);
        dst[x->n] = 0;
        return true;
}

bool frame_get_u32(const struct frame *f, uint16_t tag, uint32_t *ret)
{
        const struct frame_field *x = frame_find(f, tag);

        if (!x || x->n != 4)
                return false;
        *ret = get32(x->p);
        return true;
}

bool frame_get_u64(const struct frame *f, uint16_t tag, uint64_t *ret)
{
        const struct frame_field *x = frame_find(f, tag);

        if (!x || x->n != 8)
                return false;
        *ret = get32(x->p) | (uint64_t)get32(x->p + 4) << 32;
        return true;
}
