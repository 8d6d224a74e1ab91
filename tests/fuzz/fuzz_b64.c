// SPDX-License-Identifier: Apache-2.0
//
// Whatever decodes must encode back to the same text: there is one spelling for each byte string.
#include "b64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        cleanup_buf struct buf bytes = BUF_INIT(1u << 20), text = BUF_INIT(1u << 21);

        if (b64url_decode(&bytes, (const char *)data, size) == 0) {
                if (b64url_encode(&text, buf_str(&bytes), bytes.n) < 0)
                        return 0; // too large for the buffer
                if (text.n != size || (size && memcmp(text.p, data, size)))
                        abort();
        } else if (bytes.n) {
                abort();
        }
        return 0;
}
