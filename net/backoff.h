// SPDX-License-Identifier: Apache-2.0
//
// How long to wait before trying again: doubling, bounded, and jittered so that a thousand machines do not
// come back in the same moment.
#pragma once

#include "util.h"

// attempt 0, 1, 2, …: a random time between half and all of min(base_ms << attempt, max_ms).
int64_t backoff_ms(unsigned attempt, int64_t base_ms, int64_t max_ms);
