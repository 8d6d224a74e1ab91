// SPDX-License-Identifier: Apache-2.0
//
// The verbs of valetkey(1), one file each. A verb gets its own arguments (argv[0] is its name) and returns the
// exit code. stdout is data, stderr is talk.
#pragma once

#include "client.h"

int cmd_login(struct cli *cli, int argc, char *argv[]);
int cmd_logout(struct cli *cli, int argc, char *argv[]);
int cmd_status(struct cli *cli, int argc, char *argv[]);
int cmd_whoami(struct cli *cli, int argc, char *argv[]);
int cmd_log(struct cli *cli, int argc, char *argv[]);
int cmd_console(struct cli *cli, int argc, char *argv[]);
int cmd_credentials(struct cli *cli, int argc, char *argv[]);
int cmd_roles(struct cli *cli, int argc, char *argv[]);
int cmd_evaluate(struct cli *cli, int argc, char *argv[]);
int cmd_sign(struct cli *cli, int argc, char *argv[]);
int cmd_verify(struct cli *cli, int argc, char *argv[]);
int cmd_credential_process(struct cli *cli, int argc, char *argv[]);
int cmd_exec(struct cli *cli, int argc, char *argv[]);
int cmd_env(struct cli *cli, int argc, char *argv[]);
int cmd_configure(struct cli *cli, int argc, char *argv[]);
int cmd_doctor(struct cli *cli, int argc, char *argv[]);
int cmd_why(struct cli *cli, int argc, char *argv[]);
int cmd_migrate(struct cli *cli, int argc, char *argv[]);
int cmd_curl(struct cli *cli, int argc, char *argv[]);
int cmd_proxy(struct cli *cli, int argc, char *argv[]);
int cmd_token(struct cli *cli, int argc, char *argv[]);
int cmd_service_url(struct cli *cli, int argc, char *argv[]);
int docker_credential(const struct cli *cli, int argc, char *argv[]); // the whole of another program
int cmd_container_args(struct cli *cli, int argc, char *argv[]);

// Says what failed: one line on stderr; with --json an object on stdout besides. Returns the exit code.
int cmd_fail(const struct cli *cli, enum outcome o, const struct err *err);
// The same for wrong usage; text NULL: the verb's synopsis only.
int cmd_usage(const char *synopsis, const char *text);
// "--json", "--help" and at most max further words (the verb's own options come first, from options). Returns
// the number of words, which start at argv[optind]; -1: said already, exit with *ret_code.
struct option;
#define CMD_OPTIONS_MAX 24 // a verb's own
int cmd_parse(struct cli *cli, int argc, char *argv[], const struct option *more,
        int (*on_option)(int c, void *arg), void *arg, int max, const char *synopsis, const char *help,
        int *ret_code);
// "900" → 900; false for anything that is no number of seconds.
bool cmd_read_seconds(uint32_t *ret, const char *s);
// The status document, parsed (json_t *), from the broker.
struct json_t;
enum outcome cmd_get_status(const struct cli *cli, struct json_t **ret, struct err *err);
// Any other document of the broker's; the request has one field of text (NULL: none).
enum outcome cmd_get_json(const struct cli *cli, uint16_t type, uint16_t tag, const char *text,
        struct json_t **ret, struct err *err);
// A role's credentials as the broker's document for credential_process, on stdout.
enum outcome cmd_print_document(const struct cli *cli, const char *role, uint32_t min_ttl, struct err *err);
// Writes all of it to stdout; false (and said) when that fails.
bool cmd_write(const void *p, size_t n);
