// SPDX-License-Identifier: Apache-2.0
//
// What the kernel and Flatpak write down about a process, read: /proc/PID/cgroup, a cgroup's path, /.flatpak-info and an
// AppArmor label. Pure, and strict: what says two things, or names a sandbox without saying which, is -EBADMSG, and whoever
// asked must not be taken for a program outside of every sandbox.
#pragma once

#include "util.h"

#define APP_ID_MAX 256u // with the NUL

enum app_kind {
        APP_NONE,
        APP_FLATPAK,
        APP_SNAP,
};

struct app_id {
        enum app_kind kind;
        char name[APP_ID_MAX]; // of the Flatpak app or the snap; "" for APP_NONE
        char unit[APP_ID_MAX]; // the innermost systemd unit; "" where there is none
};

// Each adds what it finds to *id, which starts as {0}. 0; -EBADMSG.
int app_id_from_cgroup_path(struct app_id *id, const char *path, size_t n) _must_check_;
int app_id_from_proc_cgroup(
        struct app_id *id, const char *text, size_t n) _must_check_; // every hierarchy's path
int app_id_from_flatpak_info(struct app_id *id, const char *text, size_t n) _must_check_;
int app_id_from_label(struct app_id *id, const char *text, size_t n) _must_check_;

// Whether a name is one that Flatpak or snapd gives.
bool app_id_is_flatpak(const char *name);
bool app_id_is_snap(const char *name);
