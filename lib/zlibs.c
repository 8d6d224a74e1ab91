// SPDX-License-Identifier: Apache-2.0
//
// cjose keeps each token it verifies in buffers of its own, decoded and not, and jansson its claims; both give them
// back as they are. And both go on after a failed allocation, jansson with a character missing from a string, cjose
// with a NULL: theirs is an allocator that rather ends the process.
#include "zlibs.h"

#include "zalloc.h"

#include <cjose/util.h>
#include <jansson.h>

void zlibs_install(void)
{
        // cjose hands the three on to jansson, and to libcrypto where that has not allocated anything yet.
        cjose_set_alloc_funcs(zmalloc_or_die, zrealloc_or_die, zfree);
        json_set_alloc_funcs(zmalloc_or_die, zfree);
}
