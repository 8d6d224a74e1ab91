// SPDX-License-Identifier: Apache-2.0
//
// The memory file that outlives the broker's process: a memfd of a fixed, sealed size that is handed over when the
// broker runs itself anew, and that systemd's descriptor store keeps when it crashes. Nothing of it is ever on a disk.
#pragma once

#include "err.h"
#include "secret.h"

// What one state may be at most. The file is sparse: only what is written takes memory.
#define STATE_MAX (32u << 20)

struct state;
int state_new(struct state **ret) _must_check_; // empty; -errno
// Takes fd, also on failure. -EBADMSG when it is no such file of ours.
int state_adopt(struct state **ret, int fd) _must_check_;
struct state *state_free(struct state *s); // closes; the contents live on wherever else the file is open
int state_fd(const struct state *s);       // borrowed

// Replaces what is stored, at one moment: whoever is killed in between leaves the one or the other, whole. Afterwards
// the one before is gone from memory. 0, -EMSGSIZE, -errno.
int state_write(struct state *s, const void *p, size_t n) _must_check_;
// What was stored last and is whole. 0; -ENODATA when there is none; -ENOMEM, -errno.
int state_read(struct state *s, struct secret **ret) _must_check_;
int state_wipe(struct state *s) _must_check_;
