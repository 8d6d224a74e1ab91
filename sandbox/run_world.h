// SPDX-License-Identifier: Apache-2.0
//
// The place a throw-away world lives in: one directory with everything the real parts would find under /etc,
// /run and /var, owned as they would be there. Nothing outside of it is written.
#pragma once

#include "err.h"

#include <sys/types.h>

#define WORLD_PATH 512

struct world {
        char dir[128];              // ends the longest socket path at 107 bytes
        char bin[WORLD_PATH - 128]; // where the programs are; "": installed ones
        char base[64];              // http://127.0.0.1:PORT: STS; the issuer is BASE/oidc
        char user[64];              // the sandbox's user who signs in
        char pam_user[64];          // the local account this opens
        bool root;                  // several uids, as on a real machine
        bool federated;             // pam_user is valetkey's, with a federated uid; else a local user
        bool named;                 // the session's uid has an account, or can be shown one
        uid_t daemon_uid;           // valetkeyd's
        uid_t session_uid;          // broker and command
        gid_t session_gid;          //
};

// Decides who is who: uids, the local account. Everything that can be refused is refused here.
int world_init(struct world *w, const char *user, struct err *err) _must_check_;
// Makes the directory below the first of $TMPDIR, /tmp that serves (short, reachable by the session's uid).
// The path is written to announce before the folder is made.
int world_make(struct world *w, char announce[128], struct err *err) _must_check_;
// Makes the folder of users, roles and policies one that the sandbox can read under its uid: absolute, and a
// copy in the world where the real one is not open to it. dir NULL: the example.
int world_bring_dir(
        const struct world *w, const char *dir, char ret[WORLD_PATH], struct err *err) _must_check_;
// The files that need the sandbox's address: configuration, PAM service, bus, AWS profiles.
struct world_role {
        char name[80], arn[256];
        char source[80]; // the role it is chained from; "": assumed with the web identity
};
int world_write_config(
        const struct world *w, const struct world_role *roles, size_t n_roles, struct err *err) _must_check_;
// For "sign-in" in a world that stands: the directory is all it is told.
int world_open(struct world *w, const char *dir, struct err *err) _must_check_;

// What has to be there to make a world.
#define WORLD_PROGRAMS 6
extern const char *const world_programs[WORLD_PROGRAMS];

// A path in the world, or that of one of valetkey's programs. Both return buf.
const char *world_path(const struct world *w, char buf[WORLD_PATH], const char *name);
const char *world_program(const struct world *w, char buf[WORLD_PATH], const char *name);
// What the session sees as /etc/passwd: NULL where that is the real one.
const char *world_passwd(const struct world *w, char buf[WORLD_PATH]);
const char *world_runtime_dir(const struct world *w, char buf[WORLD_PATH]);

#define WORLD_PAM_SERVICE "valetkey-sandbox"
