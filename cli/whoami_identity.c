// SPDX-License-Identifier: Apache-2.0
//
// What the ID token says, as STS would read it. The token itself and its signature stay with the broker.
#include "whoami_identity.h"

#include "cmd.h"
#include "columns.h"
#include "json.h"
#include "protocol.h"
#include "translate.h"

#include <stdio.h>
#include <time.h>

#define HEAD_WIDTH 16u

static void line(const char *head, const json_t *v)
{
        cleanup_free char *dumped = json_is_string(v) ? NULL : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);

        if (v && !json_is_null(v))
                columns_line(head, HEAD_WIDTH, json_is_string(v) ? json_string_value(v) : dumped);
}

static void print_tags(const json_t *tags)
{
        const json_t *o;
        size_t i;

        json_array_foreach(tags, i, o)
        {
                bool transitive = json_is_true(json_object_get(o, "transitive"));
                char text[600];

                snprintf(text, sizeof text, transitive ? _("%s = %s (transitive)") : "%s = %s",
                        columns_text(o, "key"), columns_text(o, "value"));
                columns_line(i == 0 ? _("Session tags") : "", HEAD_WIDTH, text);
        }
}

static void print(const json_t *j)
{
        json_int_t size = json_integer_value(json_object_get(j, "token_bytes")),
                   most = json_integer_value(json_object_get(j, "token_bytes_max")),
                   ends = json_integer_value(json_object_get(j, "expires_at"));
        char left[COLUMNS_DURATION], text[100];

        columns_duration(left, (int64_t)ends - (int64_t)time(NULL));
        line(_("Identity"), json_object_get(j, "identity"));
        line(_("Issuer (iss)"), json_object_get(j, "iss"));
        line(_("Audience (aud)"), json_object_get(j, "aud"));
        line(_("Client (azp)"), json_object_get(j, "azp"));
        line(_("Subject (sub)"), json_object_get(j, "sub"));
        line(_("Source identity"), json_object_get(j, "source_identity"));
        print_tags(json_object_get(j, "tags"));
        line(_("Tags refused"), json_object_get(j, "tags_refused"));
        snprintf(text, sizeof text, _("%lld of %lld bytes that STS takes"), (long long)size, (long long)most);
        columns_line(_("Token size"), HEAD_WIDTH, text);
        columns_line(_("Ends in"), HEAD_WIDTH, left);
}

enum outcome whoami_identity(const struct cli *cli, const char *identity, struct err *err)
{
        cleanup_json json_t *j = NULL;
        enum outcome o = cmd_get_json(cli, MSG_CLAIMS, TAG_IDENTITY, identity, &j, err);

        if (o != OUTCOME_OK)
                return o;
        if (!cli->json)
                print(j);
        else if (json_dumpf(j, stdout, JSON_INDENT(2)) < 0 || putchar('\n') < 0)
                return OUTCOME_INTERNAL;
        return OUTCOME_OK;
}
