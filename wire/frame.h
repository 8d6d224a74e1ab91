// SPDX-License-Identifier: Apache-2.0
//
// The frame of all our sockets: one SOCK_SEQPACKET packet, one message. A frame is a twelve-byte header
// (magic "VKEY", version, type, length of the rest) and fields of tag (u16), length (u16) and bytes, all
// little-endian. Parsing looks at every field once, up front: afterwards a reader only looks fields up. libc
// only; the PAM module and the static shim use it inside other people's processes. Documented in
// docs/PROTOCOL.md.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX        65536u // whole packet
#define FRAME_HEADER     12u
#define FRAME_FIELD_MAX  65535u
#define FRAME_FIELDS_MAX 64u
#define FRAME_VERSION    1u

// A tag with this bit set may be ignored by a reader that does not know it; without it, the reader must
// refuse.
#define FRAME_TAG_OPTIONAL 0x8000u

struct frame_writer {
        uint8_t *p;
        size_t n, max;
        bool failed;
};

// Starts a frame of the given type in room for max bytes (FRAME_MAX at most is ever used).
void frame_begin(struct frame_writer *w, void *room, size_t max, uint16_t type);
void frame_put(struct frame_writer *w, uint16_t tag, const void *p, size_t n);
void frame_put_str(struct frame_writer *w, uint16_t tag, const char *s); // NULL: the field is left out
void frame_put_u32(struct frame_writer *w, uint16_t tag, uint32_t v);
void frame_put_u64(struct frame_writer *w, uint16_t tag, uint64_t v);
// Returns the length of the finished frame, 0 when something did not fit.
size_t frame_end(struct frame_writer *w);

struct frame_field {
        uint16_t tag, n;
        const uint8_t *p;
};

struct frame {
        uint16_t version, type;
        unsigned n_fields;
        struct frame_field fields[FRAME_FIELDS_MAX];
};

// Looks at the whole packet: false for anything that is not exactly one well-formed frame (wrong magic,
// length that differs from n, cut or duplicate fields, more than FRAME_FIELDS_MAX). Fields point into p.
bool frame_parse(struct frame *ret, const void *p, size_t n);
// True when every mandatory tag in the frame is one of the n given.
bool frame_only_has(const struct frame *f, const uint16_t *tags, size_t n);

const struct frame_field *frame_find(const struct frame *f, uint16_t tag);
// Copies a field without NUL bytes inside into dst as a C string; false when absent, too long or holding NUL.
bool frame_get_str(const struct frame *f, uint16_t tag, char *dst, size_t size);
bool frame_get_u32(const struct frame *f, uint16_t tag, uint32_t *ret);
bool frame_get_u64(const struct frame *f, uint16_t tag, uint64_t *ret);
