// SPDX-License-Identifier: Apache-2.0
//
// What the kernel tells of the network. Whatever it is, it is answered, and what brings the network still does so with more
// behind it.
#include "rtnl.h"
#include "util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        bool brings = rtnl_brings_network(data, size);
        char *more = malloc(size + 4);

        if (!more)
                return 0;
        memcpy(more, data, size);
        memset(more + size, 0, 4);
        if (brings && !rtnl_brings_network(more, size + 4))
                abort();
        free(more);
        return 0;
}
