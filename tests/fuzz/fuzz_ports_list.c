// SPDX-License-Identifier: Apache-2.0
//
// Whatever reads as a list of ports is written again as the same text: there is one spelling for each list.
#include "ports_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct ports_entry e[64];
        struct ports_list l = {.e = e};
        cleanup_buf struct buf text = BUF_INIT(PORTS_LIST_TEXT_MAX);

        if (ports_list_parse(&l, ARRAY_SIZE(e), (const char *)data, size) < 0)
                return 0;
        if (ports_list_print(&text, &l) < 0 || text.n != size || memcmp(text.p, data, size) != 0)
                abort();
        for (size_t i = 0; i < l.n; i++)
                if (e[i].uid == 0 || e[i].uid == UINT32_MAX || e[i].port < 1024)
                        abort();
        return 0;
}
