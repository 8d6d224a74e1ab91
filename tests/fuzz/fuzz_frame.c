// SPDX-License-Identifier: Apache-2.0
//
// Frames: fields of a frame that is taken lie inside the packet, and written again they give the same packet.
#include "frame.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static uint8_t room[FRAME_MAX];
        struct frame_writer w;
        struct frame f;
        char s[64];
        uint64_t v64;
        uint32_t v32;

        if (!frame_parse(&f, data, size))
                return 0;
        frame_begin(&w, room, sizeof room, f.type);
        for (unsigned i = 0; i < f.n_fields; i++) {
                const struct frame_field *x = &f.fields[i];

                if (x->p < data || x->p + x->n > data + size || frame_find(&f, x->tag) != x)
                        abort();
                if (frame_get_str(&f, x->tag, s, sizeof s) && strlen(s) != x->n)
                        abort();
                if (frame_get_u32(&f, x->tag, &v32) && frame_get_u64(&f, x->tag, &v64))
                        abort();
                frame_put(&w, x->tag, x->p, x->n);
        }
        if (frame_end(&w) != size || memcmp(room, data, size) != 0)
                abort();
        return 0;
}
