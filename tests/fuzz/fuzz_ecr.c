// SPDX-License-Identifier: Apache-2.0
//
// A registry's name as docker hands it over, and what the registry's service answers: a password has no NUL in it and is not empty; a name is
// Amazon's or none, and what is called for it is below Amazon's suffixes.
#include "ecr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *p = malloc(size + 1), text[100]; // so that a byte too far is seen
        struct secret *password = NULL;
        struct ecr_registry r;
        struct err err = ERR_INIT;

        if (!p)
                abort();
        if (size)
                memcpy(p, data, size);
        if (ecr_answer_parse(&password, p, size, &err) == 0 &&
                (secret_len(password) == 0 || strlen(secret_str(password)) != secret_len(password)))
                abort();
        secret_free(password);
        (void)ecr_error_text(text, sizeof text, p, size);
        for (const char *c = text; *c; c++)
                if ((unsigned char)*c < ' ')
                        abort();
        p[size] = 0;
        if (ecr_registry_parse(&r, p) == 0 &&
                (strncmp(r.endpoint, "https://", 8) != 0 || strpbrk(r.endpoint + 8, "/@?#:") || !r.region[0]))
                abort();
        free(p);
        return 0;
}
