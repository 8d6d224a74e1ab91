// SPDX-License-Identifier: Apache-2.0
//
// The module's arguments, as they stand on its line in /etc/pam.d, and nothing else: no file, no environment.
// An argument that is unknown, double or senseless is an error, because a misspelt "max_offline_age" must not mean
// "no limit".
#pragma once

#include "ours.h"

#include <stdbool.h>
#include <security/pam_modules.h>

enum session_environment {
        SESSION_IMDS,
        SESSION_CONTAINER,
        SESSION_NONE
};

struct arguments {
        const char *socket; // valetkeyd's login.sock
        const char *table, *root_table, *passwd;
        const char *runtime_base;  // the broker's socket is BASE/UID/valetkey/credentials.sock
        int64_t timeout_ms;        // longest wait for anything that does not wait for a person
        int64_t max_offline_age_s; // account: since the last successful sign-in; 0: no limit
        enum session_environment session_environment;
        bool imds_on_ec2; // "imds!"
        bool any_home;    // home_owner=any
        const char *dmi;  // the folder in which the firmware says what machine this is
        uid_t owners[2];  // root, and the daemon's uid: who may answer, and own the tables
        size_t n_owners;
};

// False after logging what is wrong with which argument.
bool arguments_read(struct arguments *o, pam_handle_t *pamh, int argc, const char **argv);
struct ours_paths arguments_paths(const struct arguments *o);
bool arguments_is_server(const struct arguments *o, uid_t uid);
