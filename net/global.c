// SPDX-License-Identifier: Apache-2.0
//
// What our executables do once before they use a library: put allocators under them that clear what they give
// back. Measured on Debian 12, this takes the copies of a token that a request leaves in freed memory from
// some to none. Never in a module inside somebody else's process.
#include "http.h"

#include "zalloc.h"
#include "zlibs.h"

#include <curl/curl.h>
#include <event2/event.h>

// 0 or -EIO. Signals are blocked before (loop_block_signals): curl's resolver threads inherit the mask.
int net_global_init(void)
{
        zlibs_install();
        event_set_mem_functions(malloc, zrealloc, zfree);
        // A variable of this name would have curl write the keys of its TLS sessions into a file.
        unsetenv("SSLKEYLOGFILE");
        return curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, zfree, zrealloc, strdup, calloc) == CURLE_OK
                       ? 0
                       : -EIO;
}
