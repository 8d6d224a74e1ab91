// SPDX-License-Identifier: Apache-2.0
//
// The SDKs' files: whatever is read keeps its promises (lines inside the file, indices inside the arrays), what is
// refused names a line, and no chain ends at a setting that is not there.
#include "awschain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
        if (!ok)
                abort();
}

static const char *no_environment(const char *name, void *arg)
{
        (void)name;
        (void)arg;
        return NULL;
}

static void read_as(
        enum awsconf_reading reading, enum awsconf_kind kind, const char *text, size_t n, unsigned lines)
{
        struct err err = ERR_INIT;
        struct awsconf *c = NULL;
        unsigned line = 0;
        int r = awsconf_parse(&c, reading, kind, text, n, &line, &err);

        must(r == 0 || r == -EBADMSG);
        if (r) {
                must(line >= 1 && line <= lines && err.text[0] && reading == AWSCONF_BOTOCORE);
                return;
        }
        for (size_t i = 0; i < c->n_sections; i++) {
                must(c->sections[i].line >= 1 && c->sections[i].line <= lines);
                if (c->sections[i].profile && strcmp(c->sections[i].header, "DEFAULT") != 0)
                        must(awsconf_has_profile(c, c->sections[i].profile) != 0);
        }
        for (size_t i = 0; i < c->n_keys; i++)
                must(c->keys[i].section < c->n_sections && c->keys[i].value && c->keys[i].line <= lines);
        awsconf_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *text = (const char *)data;
        struct awschain_input in = {.env = no_environment,
                .config = {.path = "config", .text = text, .n = size},
                .credentials = {.path = "credentials", .text = text, .n = size / 2}};
        unsigned lines = 1;

        for (size_t i = 0; i < size; i++)
                lines += text[i] == '\n' || text[i] == '\r';
        for (int reading = AWSCONF_BOTOCORE; reading <= AWSCONF_LENIENT; reading++)
                for (int kind = AWSCONF_CONFIG; kind <= AWSCONF_CREDENTIALS; kind++)
                        read_as((enum awsconf_reading)reading, (enum awsconf_kind)kind, text, size, lines);
        for (unsigned sdk = 0; sdk < AWSCHAIN_SDK_MAX_; sdk++) {
                struct awschain_source s;
                char where[256];

                must(awschain_walk(&s, (enum awschain_sdk)sdk, &in) == 0);
                must(s.kind < AWSCHAIN_KIND_MAX_ && s.line <= lines);
                must(awschain_where(&s, where, sizeof where)[0] != 0);
        }
        return 0;
}
