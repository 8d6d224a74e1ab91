// SPDX-License-Identifier: Apache-2.0
//
// A log line as journald takes entries with fields (systemd.journal-fields(7)): one datagram, "NAME=value" lines. Each
// key=value of the line becomes a field of that name in capitals behind VALETKEY_, the event VALETKEY_EVENT, and the whole
// line the MESSAGE. Who says so (_UID, _PID, the unit) journald takes from the kernel.
#pragma once

#include "util.h"

#define JOURNAL_ENTRY_MAX 8192u

// line: as log_event() builds it: the event, then key=value, with quotes where a value would be mistaken for more. A value of
// "-" (nothing is known) is left out. Returns the entry's length; what does not fit is left out.
size_t journal_entry(
        char out[JOURNAL_ENTRY_MAX], const char *program, int priority, const char *line, size_t n);
// The entry to the socket at path; *fd is made where it is -1, and kept. 0, -errno: it is to be said otherwise.
int journal_send(int *fd, const char *path, const char *entry, size_t n) _must_check_;
