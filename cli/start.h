// SPDX-License-Identifier: Apache-2.0
//
// Starting a broker: by the session bus, which hands it to systemd where there is one; else detached from us.
#pragma once

#include "client.h"

enum outcome start_broker(const struct cli *cli, int64_t deadline_ms, struct err *err);
