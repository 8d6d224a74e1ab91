// SPDX-License-Identifier: Apache-2.0
//
// Refusals: a sentence, an encoded message in it, a decoded document. Whatever is shown is fit for a terminal.
#include "authz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fit(const char *s)
{
        for (; *s; s++)
                if ((unsigned char)*s < 0x20 || *s == 0x7f)
                        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static char encoded[AUTHZ_ENCODED_MAX + 1];
        const char *text = (const char *)data;
        struct authz a;

        if (authz_text_parse(&a, text, size) && !a.action[0] && !a.has_decision)
                abort();
        fit(a.principal);
        fit(a.action);
        fit(a.resource);
        if (a.layer > POLICY_LAYERS_ || (a.layer != POLICY_LAYERS_ && !a.has_decision))
                abort();
        if (authz_find_encoded(encoded, text, size)) {
                fit(encoded);
                if (strlen(encoded) < 32)
                        abort();
        }
        if (authz_document_parse(&a, text, size, NULL) == 0) {
                fit(a.principal);
                fit(a.action);
                fit(a.resource);
                fit(a.statement);
                fit(a.endpoint);
                authz_deinit(&a);
        }
        return 0;
}
