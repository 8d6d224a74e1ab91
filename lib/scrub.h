// SPDX-License-Identifier: Apache-2.0
//
// The stack keeps what the calls before left there.
#pragma once

// Clears the stack below the caller, where the calls it has made were, 32 KiB deep. A broker that has talked to a provider
// and to STS has touched 20 KiB of its stack in all.
void scrub_stack(void);
