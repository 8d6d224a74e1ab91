// SPDX-License-Identifier: Apache-2.0
//
// valetkeyd's one object: what its two doors (login.sock, claim.sock) and its sign-ins share. Everything hangs off this
// struct, so a test can have two of them, with a clock of its own.
#pragma once

#include "bucket.h"
#include "config.h"
#include "log.h"
#include "loop.h"
#include "ours.h"
#include "packet.h"
#include "pending.h"
#include "provider.h"

#include <sys/queue.h>

#define SIGNIN_REQUEST_MS 10000 // a connection that asks nothing
#define SIGNIN_PROMPT_MS  8000  // until there must be something to show: less than the module waits

struct flow;
struct login;
struct claim;
struct ports;
struct report_quota;
struct pace;
struct reauth;
struct departures;

struct signin {
        struct loop *loop;
        struct config *config;
        const struct config_identity *identity; // of PAM sign-ins; NULL: not configured
        struct provider *provider;              // NULL without identity
        struct pending *pending;
        struct timer *reaper;
        struct ports *ports; // borrowed
        struct report_quota *reports;
        struct bucket newcomers; // who was made a user
        const char *group;       // the file, beside paths.passwd
        struct pace *pace;
        struct reauth *reauth;
        struct departures *departures; // what ends in reauth
        struct ours_paths paths;
        uid_t owners[3];
        char *table, *removed;
        uid_t login_uid; // besides 0; (uid_t)-1: none
        char host[256];
        TAILQ_HEAD(flows, flow) flows;
        unsigned n_flows;
        LIST_HEAD(, login) logins; // open connections, freed with us
        LIST_HEAD(, claim) claims;
        struct packet_listener *login_listener, *claim_listener;
        struct log_limit login_broken, claim_broken, self_refused;
};

struct signin_options {
        struct loop *loop;
        struct http *http;
        struct config *config; // referenced
        struct ports *ports;   // outlives it; NULL: none are given
        const char *root_table, *state_dir, *passwd, *group;
        const char *sessions_dir; // logind's files of users who are here
        uid_t login_uid;
        const char *login_path, *claim_path; // where no descriptor was passed
        int login_fd, claim_fd;              // taken; -1: none
};

// Which identity PAM sign-ins use: the one that is named, or the only one. NULL: none.
const struct config_identity *signin_identity(const struct config *c);
// 0, or -errno with a sentence.
int signin_new(struct signin **ret, const struct signin_options *o, struct err *err) _must_check_;
struct signin *signin_free(struct signin *s);
DEFINE_CLEANUP(struct signin *, signin_free);

// Arms the timer that drops what has outlived its time; after every change of s->pending.
void signin_reap(struct signin *s);

// Answers. A peer that does not read is disconnected.
void signin_reply_ok(struct packet_conn *c, const uint32_t *uid, const uint32_t *port); // NULL: left out
void signin_reply_verified(struct packet_conn *c);
void signin_reply_error(
        struct packet_conn *c, enum outcome o, const char *message); // NULL: the outcome's text
