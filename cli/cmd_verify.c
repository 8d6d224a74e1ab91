// SPDX-License-Identifier: Apache-2.0
//
// valetkey verify: makes the signature of a signed request anew and says at which step it differs. Where it does not match,
// the usual mistakes are tried one by one: a path encoded once instead of twice, one that was not normalised, a token left out, a
// body left out.
#include "sign_request.h"

#include "aws_service.h"
#include "json.h"
#include "translate.h"

#include <stdio.h>
#include <time.h>

#define SYNOPSIS "verify [--role ROLE | --env] [OPTION]… < REQUEST"

static const char help[] =
        N_("Recomputes the signature of a signed HTTP/1.1 request and says at which step it differs.\n"
           "\n"
           "  --role ROLE   whose credentials (default: the default role's)\n"
           "  --env         those of the environment instead (AWS_ACCESS_KEY_ID, …)\n"
           "  --time TIME   as if it were received then (default: now)\n"
           "  --show WHAT   canonical-request or string-to-sign, as they should be\n"
           "  --json        data for programs\n"
           "  --help        this text\n");

struct work {
        struct sign_options o;
        struct http_message m;
        struct role_credentials c;
        struct sigv4_result steps;
        struct sigv4_claim claim;
        struct err err;
};

static const char *step_name(int r)
{
        switch (r) {
        case 0:
                return "good";
        case SIGV4_E_MISSING:
                return "no signature";
        case SIGV4_E_INCOMPLETE:
                return "reading the signature";
        case SIGV4_E_SCOPE:
                return "credential scope";
        case SIGV4_E_SKEW:
                return "time";
        case SIGV4_E_EXPIRED:
                return "expiry";
        case SIGV4_E_TOKEN:
                return "session token";
        default:
                return "signature";
        }
}

static int try(struct work *w, unsigned flags, struct err *err)
{
        const struct sigv4_credentials cred = {.access_key_id = w->c.access_key_id,
                .secret_access_key = w->c.secret_access_key,
                .session_token = w->c.session_token};

        sigv4_result_deinit(&w->steps);
        w->steps = (struct sigv4_result)SIGV4_RESULT_INIT;
        return sigv4_verify_steps(
                &w->steps, &w->m.request, &cred, w->o.has_time ? w->o.time_s : time(NULL), flags, err);
}

// What would make it match: NULL where none of the usual mistakes does.
static const char *find_mistake(struct work *w, unsigned flags)
{
        static const struct {
                unsigned flip;
                const char *text;
        } mistakes[] = {
                {SIGV4_DOUBLE_ENCODE, "canonical request: the path is encoded the other way: once is for S3, "
                                      "twice for all else"},
                {SIGV4_NORMALIZE_PATH, "canonical request: the path was (or was not) normalised; only S3 "
                                       "takes it as it stands"},
                {SIGV4_DOUBLE_ENCODE | SIGV4_NORMALIZE_PATH,
                        "canonical request: the path was treated as S3 does for another service, or the "
                        "other way round"},
                {SIGV4_TOKEN_AFTER_SIGNING,
                        "canonical request: the session token is not among what was signed"},
                {SIGV4_UNSIGNED_PAYLOAD, "payload: the body is not among what was signed"},
        };
        struct err ignored;

        for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++) {
                err_clear(&ignored);
                if (try(w, flags ^ mistakes[i].flip, &ignored) == 0)
                        return mistakes[i].text;
        }
        return NULL;
}

static int say(struct cli *cli, struct work *w, int r, const char *mistake)
{
        const char *step = step_name(r), *text = r == 0 ? "the signature is good" : w->err.text;
        int code = outcome_info(r == 0 ? OUTCOME_OK : OUTCOME_ACCESS_DENIED)->exit_code;

        if (cli->json) {
                cleanup_json json_t *j = json_pack("{s:b, s:s, s:s, s:s?, s:s, s:s, s:s}", "good", r == 0,
                        "step", step, "message", text, "mistake", mistake, "access_key_id",
                        w->claim.access_key_id, "region", w->claim.region, "service", w->claim.service);

                return !j || json_dumpf(j, stdout, JSON_INDENT(2)) < 0 || putchar('\n') < 0 ? 1 : code;
        }
        printf("%s: %s\n", step, text);
        printf(_("signed with %s for %s in %s at %s (%s)\n"), w->claim.access_key_id, w->claim.service,
                w->claim.region, w->claim.date, w->claim.presigned ? "in the query" : "in the header");
        if (mistake)
                printf("%s\n", mistake);
        else if (r == SIGV4_E_SIGNATURE)
                printf(_("Compare what the service computed with --show canonical-request and --show "
                         "string-to-sign; where both "
                         "agree, the secret key is another.\n"));
        return code;
}

static int show(struct work *w)
{
        const struct buf *b = strcmp(w->o.show, "canonical-request") == 0 ? &w->steps.canonical_request
                                                                          : &w->steps.string_to_sign;

        if (b->n == 0)
                return -1;
        return cmd_write(buf_str(b), b->n) && cmd_write("\n", 1) ? 0 : 1;
}

static int verify(struct cli *cli, struct work *w)
{
        unsigned flags;
        const char *mistake = NULL;
        int r = sigv4_read_claim(&w->claim, &w->m.request, &w->err), code;

        if (r < 0)
                return cmd_fail(cli, OUTCOME_INTERNAL, &w->err);
        if (r > 0)
                return cmd_fail(cli, OUTCOME_INVALID_REQUEST, &w->err);
        w->o.presign_s = w->claim.presigned;
        flags = sign_flags(&w->o, w->claim.service);
        // S3 takes a body that is left out where the request says so.
        if (aws_service_is_s3(w->claim.service))
                flags |= SIGV4_UNSIGNED_PAYLOAD;
        err_clear(&w->err);
        r = try(w, flags, &w->err);
        if (r < 0)
                return cmd_fail(cli, OUTCOME_INTERNAL, &w->err);
        if (w->o.show) {
                code = show(w);
                if (code >= 0)
                        return code;
        }
        if (r == SIGV4_E_SIGNATURE || r == SIGV4_E_INCOMPLETE)
                mistake = find_mistake(w, flags);
        return say(cli, w, r, mistake);
}

int cmd_verify(struct cli *cli, int argc, char *argv[])
{
        static const struct option options[] = {{"role", required_argument, NULL, SIGN_ROLE},
                {"env", no_argument, NULL, SIGN_ENV}, {"time", required_argument, NULL, SIGN_TIME},
                {"show", required_argument, NULL, SIGN_SHOW}, {0}};
        struct work w = {.steps = SIGV4_RESULT_INIT};
        enum outcome o = OUTCOME_OK;
        int code;

        if (cmd_parse(cli, argc, argv, options, sign_on_option, &w.o, 0, SYNOPSIS, help, &code) < 0)
                return code;
        if (w.o.err.text[0])
                w.err = w.o.err;
        else if (w.o.show && strcmp(w.o.show, "canonical-request") != 0 &&
                 strcmp(w.o.show, "string-to-sign") != 0)
                err_set(&w.err, "--show wants canonical-request or string-to-sign");
        if (w.err.text[0])
                o = OUTCOME_INVALID_REQUEST;
        if (o == OUTCOME_OK)
                o = sign_read_request(&w.m, &w.err);
        if (o == OUTCOME_OK)
                o = sign_get_credentials(&w.c, cli, &w.o, &w.err);
        code = o == OUTCOME_OK ? verify(cli, &w) : cmd_fail(cli, o, &w.err);
        sigv4_result_deinit(&w.steps);
        role_credentials_deinit(&w.c);
        http_message_deinit(&w.m);
        return code;
}
