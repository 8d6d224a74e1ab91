// SPDX-License-Identifier: Apache-2.0
//
// The region that the environment names, for verbs to which nobody said one.
#pragma once

// AWS_REGION, AWS_DEFAULT_REGION; NULL.
const char *region_of_environment(void);
