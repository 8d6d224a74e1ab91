// SPDX-License-Identifier: Apache-2.0
//
// Functions clear what they keep in variables. Nobody clears what the compiler spilt, nor the vector registers that the
// dynamic linker saves when a library calls a function for the first time: half a token that memcpy() had in them.
#include "scrub.h"

#include <string.h>

#define DEEP (32u << 10)

__attribute__((noinline)) void scrub_stack(void)
{
        char room[DEEP];

        explicit_bzero(room, sizeof room);
}
