// SPDX-License-Identifier: Apache-2.0
//
// What valetkey sign and valetkey verify share: the request on stdin, whose key, and the service's rules.
#pragma once

#include "cmd.h"
#include "http_message.h"
#include "role_credentials.h"

#include <getopt.h>

struct sign_options {
        const char *role, *service, *region, *show;
        bool env, sign_body, unsigned_payload, no_normalize, unsigned_token, has_time;
        int64_t time_s, presign_s; // presign_s 0: the header form
        struct err err;            // of an option, the first
};
enum sign_option {
        SIGN_ROLE = 512,
        SIGN_ENV,
        SIGN_SERVICE,
        SIGN_REGION,
        SIGN_TIME,
        SIGN_SHOW,
        SIGN_PRESIGN,
        SIGN_BODY,
        SIGN_UNSIGNED_PAYLOAD,
        SIGN_NO_NORMALIZE,
        SIGN_UNSIGNED_TOKEN,
};
int sign_on_option(int c, void *options); // for cmd_parse()

// Reads stdin and parses it. OUTCOME_OK or err.
enum outcome sign_read_request(struct http_message *ret, struct err *err);
enum outcome sign_get_credentials(
        struct role_credentials *ret, const struct cli *cli, const struct sign_options *o, struct err *err);
// How a service wants it signed (enum sigv4_flags): S3 has rules of its own.
unsigned sign_flags(const struct sign_options *o, const char *service);
