// SPDX-License-Identifier: Apache-2.0
//
// valetkey console ROLE: the AWS console as a role. The URL that opens it is as good as the role's credentials for 15
// minutes: it is printed when a person asks for that, and otherwise goes to the browser and nowhere else.
#include "browser.h"
#include "cmd.h"
#include "console.h"
#include "fetches.h"
#include "form.h"
#include "hand_over.h"
#include "role_choose.h"
#include "role_credentials.h"
#include "sts.h"
#include "translate.h"

#include <getopt.h>
#include <stdio.h>

#define SYNOPSIS   "console [--destination URL] [--open | --print] [--endpoint URL] [ROLE]"
#define URL_MAX_   (128u << 10)
#define TIMEOUT_MS 15000

struct options {
        const char *destination, *endpoint;
        bool print, open;
};

static int on_option(int c, void *arg)
{
        struct options *o = arg;

        if (c == 'd')
                o->destination = optarg;
        else if (c == 'e')
                o->endpoint = optarg;
        else if (c == 'p')
                o->print = true;
        else if (c == 'o')
                o->open = true;
        else
                return -1;
        return o->print && o->open ? -1 : 0;
}

static const char *member(const json_t *o, const char *key)
{
        return json_string_value(json_object_get(o, key));
}

// Where: by the partition of the role's ARN, and its region.
static enum outcome find_hosts(struct buf *endpoint, struct buf *destination, const struct options *o,
        const struct role_choice *c, struct err *err)
{
        const char *arn = member(c->role, "role_arn"), *region = member(c->role, "region");
        char partition[17] = "";
        struct url u;
        int r;

        if (!arn || sts_role_arn_parse(arn, partition, NULL, NULL) < 0)
                partition[0] = 0; // what is none has no console
        r = o->endpoint ? buf_append_str(endpoint, o->endpoint)
                        : console_endpoint(endpoint, partition, region);
        if (r == 0 && o->destination)
                r = url_parse(&u, o->destination, err) < 0 ? -EINVAL
                                                           : buf_append_str(destination, o->destination);
        else if (r == 0)
                r = console_home(destination, partition, region);
        if (r == 0)
                r = url_check_callable(buf_str(endpoint), err) < 0 ? -EINVAL : 0;
        if (r == -ENOENT) {
                err_set(err,
                        "no console is known for role %.80s; --endpoint and --destination say where it is",
                        c->name);
                return OUTCOME_MISCONFIGURED;
        }
        return r == 0 ? OUTCOME_OK : r == -EINVAL ? OUTCOME_INVALID_REQUEST : OUTCOME_INTERNAL;
}

static enum outcome get_token(
        struct secret **ret, const char *endpoint, const struct role_credentials *keys, struct err *err)
{
        cleanup_buf struct buf url = BUF_INIT(URL_MAX_);
        struct http_response response = {0};
        struct http_request q = {
                .accept = "application/json", .body_max = CONSOLE_ANSWER_MAX, .timeout_ms = TIMEOUT_MS};
        enum outcome o;

        if (console_token_url(
                    &url, endpoint, keys->access_key_id, keys->secret_access_key, keys->session_token) < 0)
                return OUTCOME_INTERNAL;
        q.url = buf_str(&url);
        o = fetch_once(&response, &q, err);
        if (o == OUTCOME_OK && response.status != 200) {
                err_set(err, "AWS's console refused these credentials (HTTP status %d)", response.status);
                o = response.status >= 500 ? OUTCOME_UNREACHABLE : OUTCOME_ACCESS_DENIED;
        } else if (o == OUTCOME_OK && console_token_parse(ret, response.body.p, response.body.n, err) < 0) {
                err_prefix(err, "the console's answer makes no sense: ");
                o = OUTCOME_BAD_ANSWER;
        }
        buf_deinit(&response.body);
        return o;
}

static enum outcome show(const struct options *o, const char *url, struct err *err)
{
        enum outcome r;

        if (o->print)
                return printf("%s\n", url) < 0 ? OUTCOME_INTERNAL : OUTCOME_OK;
        if (!o->open && !browser_is_likely()) {
                err_set(err, "there is no display here; --print prints the URL, --open tries nevertheless");
                return OUTCOME_MISCONFIGURED;
        }
        r = hand_over_url(url, err);
        if (r == OUTCOME_OK)
                fputs(_("The console opens in the browser.\n"), stderr);
        return r;
}

static enum outcome console(
        const struct cli *cli, const struct options *o, const char *typed, struct err *err)
{
        cleanup_buf struct buf endpoint = BUF_INIT(8192), destination = BUF_INIT(8192),
                               url = BUF_INIT(URL_MAX_);
        cleanup_secret struct secret *token = NULL;
        struct role_credentials keys = {0};
        struct role_choice c = {0};
        enum outcome r = role_choose(&c, cli, typed, err);

        if (r == OUTCOME_OK)
                r = find_hosts(&endpoint, &destination, o, &c, err);
        if (r == OUTCOME_OK)
                r = role_credentials_get(&keys, cli, c.name, 0, err);
        if (r == OUTCOME_OK)
                r = get_token(&token, buf_str(&endpoint), &keys, err);
        if (r == OUTCOME_OK && console_login_url(&url, buf_str(&endpoint), buf_str(&destination), token) < 0)
                r = OUTCOME_INTERNAL;
        role_credentials_deinit(&keys);
        role_choice_deinit(&c);
        return r == OUTCOME_OK ? show(o, buf_str(&url), err) : r;
}

int cmd_console(struct cli *cli, int argc, char *argv[])
{
        static const struct option options[] = {{"destination", required_argument, NULL, 'd'},
                {"open", no_argument, NULL, 'o'}, {"print", no_argument, NULL, 'p'},
                {"endpoint", required_argument, NULL, 'e'}, {0}};
        struct options o = {0};
        struct err err = ERR_INIT;
        enum outcome r;
        int code;
        int n = cmd_parse(cli, argc, argv, options, on_option, &o, 1, SYNOPSIS,
                "Opens the AWS console as ROLE.\n"
                "\n"
                "  --destination URL  the page to come to; else the console's home in the role's region\n"
                "  --open             open a browser even where no display is to be seen\n"
                "  --print            print the URL instead: it is a secret, good for 15 minutes\n"
                "  --endpoint URL     another federation endpoint than that of the role's partition\n"
                "  --help             this text\n",
                &code);

        if (n < 0)
                return code;
        cli->json = false; // what is printed is a URL or nothing
        r = console(cli, &o, n == 1 ? argv[optind] : NULL, &err);
        if (r == OUTCOME_INVALID_REQUEST && !err.text[0])
                return cmd_usage(SYNOPSIS, "which role?");
        return r == OUTCOME_OK ? 0 : cmd_fail(cli, r, &err);
}
