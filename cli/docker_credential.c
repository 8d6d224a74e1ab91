// SPDX-License-Identifier: Apache-2.0
//
// docker-credential-valetkey: docker, podman and others that know docker's credential helpers run it as "get" with a registry on
// stdin. The password is made of a role's credentials, each time; nothing is stored, so there is nothing to erase. What failed is said on
// stdout: that is where docker reads it.
#include "cmd.h"

#include "aws_json.h"
#include "ecr.h"
#include "form.h"
#include "json.h"
#include "json_text.h"
#include "sts.h"

#include <stdio.h>

#define SERVER_MAX 4096
#define NOT_FOUND  "credentials not found in native keychain" // docker goes on without any

static int say(const char *text)
{
        printf("%s\n", text);
        return 1;
}

// All of stdin, without the white space around it.
static int read_input(struct buf *out)
{
        char block[1024];
        ssize_t n;

        while ((n = read(STDIN_FILENO, block, sizeof block)) != 0) {
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (buf_append(out, block, (size_t)n) < 0)
                        return buf_error(out);
        }
        while (out->n && strchr(" \t\r\n", out->p[out->n - 1]))
                buf_cut(out, 1);
        return out->n && !memchr(out->p, 0, out->n) ? 0 : -EBADMSG;
}

// ---- whose credentials

static const char *member(const json_t *o, const char *key)
{
        return json_string_value(json_object_get(o, key));
}

static const char *configured(const json_t *status, const char *server)
{
        const json_t *o;
        size_t i;

        if (strncmp(server, "https://", 8) == 0)
                server += 8;
        json_array_foreach(json_object_get(status, "registries"), i, o)
        {
                const char *host = member(o, "host");
                size_t n = host ? strlen(host) : 0;

                if (n && strncmp(server, host, n) == 0 && (!server[n] || server[n] == '/'))
                        return member(o, "role");
        }
        return NULL;
}

static bool is_in(const json_t *role, const char *account)
{
        char partition[17], own[13], name[65];
        const char *arn = member(role, "role_arn");

        return arn && sts_role_arn_parse(arn, partition, own, name) == 0 && strcmp(own, account) == 0;
}

// The one role of the registry's account: the default where it is one of them.
static const char *by_account(const json_t *status, const char *account, struct err *err)
{
        const char *usual = member(status, "default_role"), *found = NULL;
        size_t n = 0, i;
        const json_t *o;

        json_array_foreach(json_object_get(status, "roles"), i, o)
        {
                const char *name = member(o, "name");

                if (!name || !is_in(o, account))
                        continue;
                if (usual && strcmp(name, usual) == 0)
                        return name;
                found = name;
                n++;
        }
        if (n == 1)
                return found;
        if (n == 0)
                err_set(err, "no role of account %s is configured", account);
        else
                err_set(err,
                        "account %s has several roles: say which in a section [registry HOST] of "
                        "valetkey.conf",
                        account);
        return NULL;
}

static const char *choose(
        const json_t *status, const struct ecr_registry *r, const char *server, struct err *err)
{
        const char *role = configured(status, server), *standing = getenv("VALETKEY_ROLE");

        if (role)
                return role;
        if (standing && *standing)
                return standing;
        if (!r->is_public)
                return by_account(status, r->account, err);
        role = member(status, "default_role");
        if (!role && json_array_size(json_object_get(status, "roles")) == 1)
                role = member(json_array_get(json_object_get(status, "roles"), 0), "name");
        if (!role)
                err_set(err, "which role for the public registry? Set default_role, or [registry "
                             "public.ecr.aws] in valetkey.conf");
        return role;
}

// ---- get

// As the AWS SDKs take it from the environment, for work-alikes and the sandbox.
static const char *endpoint_of(const struct ecr_registry *r)
{
        const char *own = getenv(r->is_public ? "AWS_ENDPOINT_URL_ECR_PUBLIC" : "AWS_ENDPOINT_URL_ECR");

        return own && *own ? own : r->endpoint;
}

static enum outcome get_password(struct secret **ret, const struct cli *cli, const struct ecr_registry *r,
        const char *server, struct err *err)
{
        const struct aws_json_call call = {.endpoint = endpoint_of(r),
                .service = r->service,
                .region = r->region,
                .target = r->target,
                .body = "{}"};
        struct http_response answer = {0};
        struct role_credentials keys = {0};
        json_t *status = NULL;
        const char *role = NULL;
        char why[300];
        enum outcome o = cmd_get_status(cli, &status, err);

        if (o == OUTCOME_OK) {
                role = choose(status, r, server, err);
                o = role ? role_credentials_get(&keys, cli, role, 0, err) : OUTCOME_UNKNOWN_ROLE;
        }
        if (o == OUTCOME_OK)
                o = aws_json(&answer, &call, &keys, err);
        if (o == OUTCOME_OK && answer.status != 200) {
                err_set(err, "the registry refused role %.80s: %s", role,
                        ecr_error_text(why, sizeof why, answer.body.p, answer.body.n));
                o = OUTCOME_ACCESS_DENIED;
        } else if (o == OUTCOME_OK && ecr_answer_parse(ret, answer.body.p, answer.body.n, err) < 0) {
                o = OUTCOME_BAD_ANSWER;
        }
        buf_deinit(&answer.body);
        role_credentials_deinit(&keys);
        json_decref(status);
        return o;
}

static int print_password(const char *server, const struct secret *password)
{
        cleanup_buf struct buf out = BUF_INIT(256u << 10);

        buf_append_char(&out, '{');
        (void)json_text_member_str(&out, "ServerURL", server);
        (void)json_text_member_str(&out, "Username", "AWS");
        (void)json_text_member(&out, "Secret", secret_str(password), secret_len(password));
        buf_append_str(&out, "}\n");
        if (buf_error(&out))
                return say("valetkey: the registry's password is none");
        return cmd_write(buf_str(&out), out.n) ? 0 : 1;
}

static int get(const struct cli *cli)
{
        cleanup_buf struct buf server = BUF_INIT(SERVER_MAX);
        cleanup_secret struct secret *password = NULL;
        struct ecr_registry registry;
        struct err err = ERR_INIT;
        char text[ERR_MAX + 16];
        enum outcome o;

        if (read_input(&server) < 0)
                return say("valetkey: which registry?");
        if (ecr_registry_parse(&registry, buf_str(&server)) < 0)
                return say(NOT_FOUND);
        o = get_password(&password, cli, &registry, buf_str(&server), &err);
        if (o == OUTCOME_OK)
                return print_password(buf_str(&server), password);
        snprintf(text, sizeof text, "valetkey: %s", err.text[0] ? err.text : outcome_info(o)->text);
        return say(text);
}

// ---- the rest

static int list(const struct cli *cli)
{
        cleanup_json json_t *status = NULL, *out = json_object();
        struct err err = ERR_INIT;
        const json_t *o;
        size_t i;

        if (!out || cmd_get_status(cli, &status, &err) != OUTCOME_OK)
                return say(err.text[0] ? err.text : "valetkey: out of memory");
        json_array_foreach(json_object_get(status, "registries"), i,
                o) if (json_object_set_new(out, member(o, "host"), json_string("AWS")) <
                       0) return say("valetkey: out of memory");
        return json_dumpf(out, stdout, JSON_COMPACT) == 0 && putchar('\n') >= 0 ? 0 : 1;
}

// docker has its helpers read all they are given.
static void swallow(void)
{
        char block[4096];
        ssize_t n;

        do {
                n = read(STDIN_FILENO, block, sizeof block);
                explicit_bzero(block, sizeof block);
        } while (n > 0 || (n < 0 && errno == EINTR));
}

int docker_credential(const struct cli *cli, int argc, char *argv[])
{
        const char *what = argc == 2 ? argv[1] : "";
        char clean[65];

        if (strcmp(what, "get") == 0)
                return get(cli);
        if (strcmp(what, "list") == 0)
                return list(cli);
        if (strcmp(what, "erase") == 0) {
                swallow();
                return 0; // nothing was stored
        }
        if (strcmp(what, "store") == 0) {
                swallow();
                return say("valetkey: nothing is stored here: a registry's password is made of a role's "
                           "credentials when it is needed");
        }
        if (strcmp(what, "version") == 0 || strcmp(what, "--version") == 0)
                return puts("docker-credential-valetkey " VALETKEY_VERSION) < 0;
        if (strcmp(what, "--help") == 0)
                return fputs("Usage: docker-credential-valetkey get | list | store | erase | version\n"
                             "For docker and podman: passwords of Amazon's container registries, made of "
                             "roles.\n"
                             "\n"
                             "  --help     this text\n"
                             "  --version  the version\n",
                               stdout) < 0;
        fprintf(stderr,
                "docker-credential-valetkey: no command '%s': get, list, store, erase and version are\n",
                err_sanitise(clean, sizeof clean, what, strlen(what)));
        return outcome_info(OUTCOME_INVALID_REQUEST)->exit_code;
}
