// SPDX-License-Identifier: Apache-2.0
//
// The broker's stored state: what is read can be written, and what is written reads the same.
#include "state_form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_all(struct buf *out, const struct state_data *d)
{
        if (state_put_head(out, &d->head) < 0)
                abort();
        for (size_t i = 0; i < d->n_grants; i++)
                if (state_put_grant(out, &d->grants[i]) < 0)
                        abort();
        for (size_t i = 0; i < d->n_sessions; i++)
                if (state_put_session(out, &d->sessions[i]) < 0)
                        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct buf once = BUF_INIT(64u << 20), twice = BUF_INIT(64u << 20);
        struct err err = ERR_INIT;
        struct state_data d, again;

        if (state_parse(&d, data, size, &err) < 0) {
                if (!err.text[0])
                        abort();
                return 0;
        }
        write_all(&once, &d);
        state_data_deinit(&d);
        if (state_parse(&again, once.p, once.n, &err) < 0)
                abort();
        write_all(&twice, &again);
        if (once.n != twice.n || memcmp(once.p, twice.p, once.n) != 0)
                abort();
        state_data_deinit(&again);
        buf_deinit(&once);
        buf_deinit(&twice);
        return 0;
}
