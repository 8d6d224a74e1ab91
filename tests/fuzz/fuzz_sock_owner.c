// SPDX-License-Identifier: Apache-2.0
//
// What the kernel, or whoever sends in its place, says about a socket. The first byte chooses: an answer of sock_diag, or
// /proc/net/tcp or tcp6. An answer that counts names somebody.
#include "sock_owner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct sock_tuple t = {
                .local = 0x7f000001, .local_port = 40000, .remote = 0x7f000001, .remote_port = 61000};
        struct sock_owner o = {0};
        unsigned found = 0;
        uint8_t *p;

        if (size < 1)
                return 0;
        p = malloc(size); // so that a byte too far is seen
        if (!p)
                abort();
        memcpy(p, data + 1, size - 1);
        if (data[0] == 'd') {
                if (sock_diag_read(&o, p, size - 1, &t, 7) == 0 && o.inode == 0)
                        abort();
        } else {
                sock_proc_read(&o, &found, (const char *)p, size - 1, &t, data[0] == '6');
                if (found && o.inode == 0)
                        abort();
        }
        free(p);
        return 0;
}
