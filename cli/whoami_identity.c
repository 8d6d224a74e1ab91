// SPDX-License-Identifier: Apache-2.0
//
// What the ID token says, as STS would read it. The token itself and its signature stay with the broker.
#include "whoami_identity.h"

#include "cmd.h"
#include "columns.h"
#include "json.h"
#include "protocol.h"

#include <stdio.h>
#include <time.h>

// Claims are the provider's text: cleaned before a terminal sees them.
static void line(const char *head, const json_t *v)
{
        cleanup_free char *dumped = json_is_string(v) ? NULL : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
        const char *s = json_is_string(v) ? json_string_value(v) : dumped;
        char clean[2048];

        if (s && !json_is_null(v))
                printf("%-16s %s\n", head, err_sanitise(clean, sizeof clean, s, strlen(s)));
}

static void print_tags(const json_t *tags)
{
        const json_t *o;
        size_t i;

        json_array_foreach(tags, i, o)
        {
                char clean[600], text[600];

                snprintf(text, sizeof text, "%s = %s%s", columns_text(o, "key"), columns_text(o, "value"),
                        json_is_true(json_object_get(o, "transitive")) ? " (transitive)" : "");
                printf("%-16s %s\n", i == 0 ? "Session tags" : "",
                        err_sanitise(clean, sizeof clean, text, strlen(text)));
        }
}

static void print(const json_t *j)
{
        json_int_t size = json_integer_value(json_object_get(j, "token_bytes")),
                   most = json_integer_value(json_object_get(j, "token_bytes_max")),
                   ends = json_integer_value(json_object_get(j, "expires_at"));
        char left[COLUMNS_DURATION];

        columns_duration(left, (int64_t)ends - (int64_t)time(NULL));
        line("Identity", json_object_get(j, "identity"));
        line("Issuer (iss)", json_object_get(j, "iss"));
        line("Audience (aud)", json_object_get(j, "aud"));
        line("Client (azp)", json_object_get(j, "azp"));
        line("Subject (sub)", json_object_get(j, "sub"));
        line("Source identity", json_object_get(j, "source_identity"));
        print_tags(json_object_get(j, "tags"));
        line("Tags refused", json_object_get(j, "tags_refused"));
        printf("%-16s %lld of %lld bytes that STS takes\n", "Token size", (long long)size, (long long)most);
        printf("%-16s %s\n", "Ends in", left);
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
