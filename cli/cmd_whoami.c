// SPDX-License-Identifier: Apache-2.0
//
// valetkey whoami: who a role's credentials are to AWS, asked of STS itself; with --identity, who signed in, by the
// claims of the ID token that the broker verified.
#include "cmd.h"

#include "columns.h"
#include "http_once.h"
#include "json.h"
#include "protocol.h"
#include "role_choose.h"
#include "role_credentials.h"
#include "sts.h"
#include "sts_caller_identity.h"
#include "sts_sign.h"
#include "whoami_identity.h"
#include "translate.h"

#include <getopt.h>
#include <stdio.h>

#define SYNOPSIS   "whoami [--json] [ROLE | --identity [IDENTITY]]"
#define HEAD_WIDTH 12u
#define TIMEOUT_MS 10000
#define SKEW_MAX_S 300 // what STS forgives

struct question {
        const char *endpoint, *region, *ca_file; // of the status document
        struct role_credentials keys;
        struct secret *form;
};

static const char *member(const json_t *o, const char *key)
{
        return json_string_value(json_object_get(o, key));
}

static enum outcome prepare(
        struct question *q, const struct cli *cli, const struct role_choice *c, struct err *err)
{
        const json_t *sts = json_object_get(c->role, "sts");
        cleanup_buf struct buf form = BUF_INIT(256);

        q->endpoint = member(sts, "endpoint");
        q->region = member(sts, "region");
        q->ca_file = member(sts, "ca_file");
        if (!q->endpoint || !q->region) {
                err_set(err, "role %.100s has no STS endpoint", c->name);
                return OUTCOME_MISCONFIGURED;
        }
        if (sts_caller_identity_request(&form) < 0 || buf_take_secret(&form, &q->form) < 0)
                return OUTCOME_INTERNAL;
        return role_credentials_get(&q->keys, cli, c->name, 0, err);
}

// One signed request. skew_s: what STS's clock is ahead of ours.
static enum outcome ask(
        const struct question *q, int64_t skew_s, struct http_response *response, struct err *err)
{
        const struct sts_signer by = {.access_key_id = q->keys.access_key_id,
                .secret_access_key = q->keys.secret_access_key,
                .session_token = q->keys.session_token,
                .region = q->region};
        struct sts_headers headers = STS_HEADERS_INIT;
        int r = sts_sign(&headers, q->endpoint, q->form, &by, clock_wall_s(&clock_system) + skew_s, err);
        const struct http_request request = {.url = q->endpoint,
                .ca_file = q->ca_file,
                .form = q->form,
                .accept = "text/xml",
                .authorization = headers.authorization,
                .headers = headers.list,
                .body_max = STS_ANSWER_MAX,
                .timeout_ms = TIMEOUT_MS};
        enum outcome o = r == 0         ? http_once(response, &request, err)
                         : r == -EINVAL ? OUTCOME_MISCONFIGURED
                                        : OUTCOME_INTERNAL;

        sts_headers_deinit(&headers);
        return o;
}

static enum outcome refused(const struct http_response *response, const char *role, struct err *err)
{
        struct sts_error_answer e;

        sts_error_parse(&e, response->status, response->body.p, response->body.n);
        if (e.code == STS_E_UNREADABLE) {
                err_set(err, "STS answered for role %.80s with HTTP status %d and no STS error", role,
                        response->status);
                return response->status >= 500 ? OUTCOME_UNREACHABLE : OUTCOME_BAD_ANSWER;
        }
        err_set(err, "STS refused role %.80s: %s: %.90s (request id %.60s)", role, e.name, e.message,
                e.request_id[0] ? e.request_id : "none");
        return e.code == STS_E_THROTTLED ? OUTCOME_THROTTLED
               : response->status >= 500 ? OUTCOME_UNREACHABLE
                                         : OUTCOME_ACCESS_DENIED;
}

// A clock that is wrong here is set right by STS's own word, once.
static enum outcome ask_sts(
        struct sts_caller_identity *ret, const struct question *q, const char *role, struct err *err)
{
        int64_t skew_s = 0;

        for (int tries = 0;; tries++) {
                struct http_response response = {0};
                enum outcome o = ask(q, skew_s, &response, err);
                int64_t ahead = response.date_s ? response.date_s - clock_wall_s(&clock_system) : 0;

                if (o == OUTCOME_OK && response.status == 200)
                        o = sts_caller_identity_parse(ret, response.body.p, response.body.n, err) == 0
                                    ? OUTCOME_OK
                                    : OUTCOME_BAD_ANSWER;
                else if (o == OUTCOME_OK && tries == 0 && (ahead > SKEW_MAX_S || ahead < -SKEW_MAX_S))
                        skew_s = ahead;
                else if (o == OUTCOME_OK)
                        o = refused(&response, role, err);
                buf_deinit(&response.body);
                if (o != OUTCOME_OK || ret->arn)
                        return o;
        }
}

static enum outcome print(
        const struct cli *cli, const char *role, const struct sts_caller_identity *id, int64_t expires_s)
{
        char left[COLUMNS_DURATION];

        if (cli->json) {
                cleanup_json json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:I, s:s?}", "role", role, "arn",
                        id->arn, "account", id->account, "user_id", id->user_id, "expires_at",
                        (json_int_t)expires_s, "request_id", id->request_id);

                return j && json_dumpf(j, stdout, JSON_INDENT(2)) == 0 && putchar('\n') >= 0
                               ? OUTCOME_OK
                               : OUTCOME_INTERNAL;
        }
        columns_duration(left, expires_s - clock_wall_s(&clock_system));
        columns_line(_("Role"), HEAD_WIDTH, role);
        columns_line(_("ARN"), HEAD_WIDTH, id->arn);
        columns_line(_("Account"), HEAD_WIDTH, id->account[0] ? id->account : "-");
        columns_line(_("User id"), HEAD_WIDTH, id->user_id[0] ? id->user_id : "-");
        columns_line(_("Ends in"), HEAD_WIDTH, left);
        return OUTCOME_OK;
}

static enum outcome whoami(const struct cli *cli, const char *typed, struct err *err)
{
        struct sts_caller_identity id = {0};
        struct role_choice c = {0};
        struct question q = {0};
        enum outcome o = role_choose(&c, cli, typed, err);

        if (o == OUTCOME_OK)
                o = prepare(&q, cli, &c, err);
        if (o == OUTCOME_OK)
                o = ask_sts(&id, &q, c.name, err);
        if (o == OUTCOME_OK)
                o = print(cli, c.name, &id, q.keys.expiration_s);
        sts_caller_identity_deinit(&id);
        role_credentials_deinit(&q.keys);
        secret_free(q.form);
        role_choice_deinit(&c);
        return o;
}

static int on_option(int c, void *arg)
{
        bool *identity = arg;

        *identity |= c == 'i';
        return c == 'i' ? 0 : -1;
}

int cmd_whoami(struct cli *cli, int argc, char *argv[])
{
        static const struct option options[] = {{"identity", no_argument, NULL, 'i'}, {0}};
        struct err err = ERR_INIT;
        bool identity = false;
        enum outcome o;
        int code;
        int n = cmd_parse(cli, argc, argv, options, on_option, &identity, 1, SYNOPSIS,
                "Asks AWS STS whose credentials those of ROLE are.\n"
                "\n"
                "  --identity  who signed in instead: the claims of the ID token, as they were verified\n"
                "  --json      the same as JSON\n"
                "  --help      this text\n",
                &code);
        const char *word = n == 1 ? argv[optind] : NULL;

        if (n < 0)
                return code;
        o = identity ? whoami_identity(cli, word, &err) : whoami(cli, word, &err);
        if (o == OUTCOME_INVALID_REQUEST && !err.text[0])
                return cmd_usage(SYNOPSIS, "which role?");
        return o == OUTCOME_OK ? 0 : cmd_fail(cli, o, &err);
}
