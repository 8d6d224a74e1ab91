// SPDX-License-Identifier: Apache-2.0
//
// The strict JSON reader and its getters, asked for a member under every name the document uses.
#include "json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        cleanup_json json_t *j = NULL;
        struct err err = ERR_INIT;
        const char *key, *s;
        json_t *value;
        int64_t i;
        bool b;

        if (json_parse(&j, data, size, &err) < 0) {
                if (j)
                        abort();
                return 0;
        }
        json_object_foreach(j, key, value)
        {
                if (json_get_string(j, key, 64, &s) == 0 && strlen(s) > 64)
                        abort();
                (void)json_get_int64(j, key, &i);
                (void)json_get_bool(j, key, &b);
        }
        return 0;
}
