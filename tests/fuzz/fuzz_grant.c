// SPDX-License-Identifier: Apache-2.0
//
// Grants: what is read can be written, and what is written reads the same.
#include "grant.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        cleanup_secret struct secret *once = NULL, *twice = NULL;
        struct err err = ERR_INIT;
        struct grant g, again;

        if (grant_decode(&g, data, size, &err) < 0) {
                if (!err.text[0])
                        abort();
                return 0;
        }
        if (grant_encode(&once, &g) < 0)
                abort();
        grant_deinit(&g);
        if (grant_decode(&again, secret_str(once), secret_len(once), &err) < 0)
                abort();
        if (grant_encode(&twice, &again) < 0 || !secret_eq(once, twice))
                abort();
        grant_deinit(&again);
        return 0;
}
