// SPDX-License-Identifier: Apache-2.0
//
// The CLI's side of credentials.sock: blocking, with a deadline on everything. Where no broker listens it has
// one started, by the bus or by itself.
#pragma once

#include "err.h"
#include "frame.h"
#include "outcome.h"

struct cli {
        const char *config; // --config; NULL
        bool json;
        bool no_start;       // ask the broker that runs, and start none
        int64_t deadline_ms; // on the monotonic clock; 0: none
};

struct client {
        int fd;
        int received_fd;    // came with the last answer; -1: none
        bool secret;        // the answer is one: set it between opening and receiving
        struct frame frame; // the last answer; points into packet
        uint8_t packet[FRAME_MAX];
};

int64_t cli_now_ms(void);
// Connects, starting a broker where there is none. Outcomes other than OUTCOME_OK come with err.
enum outcome client_open(struct client *c, const struct cli *cli, struct err *err);
enum outcome client_send(struct client *c, struct frame_writer *w, struct err *err);
// The next answer. MSG_ERROR becomes its outcome, with its sentence in err.
enum outcome client_receive(struct client *c, int64_t deadline_ms, struct err *err);
void client_close(struct client *c); // clears what was received

// One request without fields, or with one of text (NULL: none); its answer must be of the type wanted.
enum outcome client_ask(struct client *c, const struct cli *cli, uint16_t type, uint16_t tag,
        const char *text, uint16_t wanted, struct err *err);
// A role's credentials (role NULL: the default's), as the credential_process document, borrowed until client_close().
enum outcome client_ask_credentials(struct client *c, const struct cli *cli, const char *role,
        uint32_t min_ttl, const struct frame_field **ret, struct err *err);
