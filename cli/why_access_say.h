// SPDX-License-Identifier: Apache-2.0
//
// Telling what was found out about a refused request, for people or as JSON.
#pragma once

#include "client.h"
#include "why_facts.h"

// The exit code.
int why_access_say(const struct cli *cli, const struct why_facts *f);
