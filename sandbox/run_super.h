// SPDX-License-Identifier: Apache-2.0
//
// The supervisor: builds a world, runs the command in it, and takes everything down again, whoever died
// first. It is the subreaper of all of them.
#pragma once

#include "run_pam.h"

struct run_options {
        struct sign_in sign_in; // how the person signs in
        const char *user;       // of the sandbox
        const char *dir;        // users, roles and policies; NULL: the example
        const char *logs;       // NULL: in the world, and gone with it
        const char **faults;
        size_t n_faults;
        bool no_sign_in, no_broker, no_bus;
        char *const *command;
};

// What the supervisor and the front share (an anonymous mapping): who survives knows what to remove.
struct run_shared {
        char dir[128];
};

// One message from the front to the supervisor: a signal came. Its end: the front is gone.
struct run_signal {
        int signal;
        bool from_terminal; // the command heard it from the kernel, too
};

enum {
        RUN_EXIT_FAILED = 125, // the world could not be made, or the sign-in was refused
        RUN_EXIT_CANNOT = 126, // the command cannot be executed
        RUN_EXIT_MISSING = 127,
};

struct super {
        const struct run_options *o;
        struct world world;
        struct sign_in sign_in;
        int ctl;     // run_signals from the front
        int chld;    // signalfd
        pid_t group; // the front's process group: the terminal's
        int log_dir; // where logs are made
        pid_t command;
        int status;      // of the command, as exit status
        int last_status; // of the process super_wait() saw end
        int stop_signal; // why to stop before there is a command
        bool ended, orphaned;
};

// The supervisor's whole life; returns the exit status of "run".
int super_main(const struct run_options *o, struct run_shared *shared, int ctl, pid_t group);

// Waits until fd (-1: none) is readable. -ETIMEDOUT; -ECHILD when pid (if not 0) has ended; -ECANCELED when
// told to stop.
int super_wait(struct super *s, int fd, pid_t pid, int64_t timeout_ms);

// Starts everything up to the point where somebody could sign in.
int services_start(struct super *s, struct err *err) _must_check_;
