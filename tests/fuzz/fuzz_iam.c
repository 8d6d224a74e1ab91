// SPDX-License-Identifier: Apache-2.0
//
// IAM's answers: the XML, the simulator's decision in it, and each text of it as a document.
#include "iam.h"
#include "query_xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode(const json_t *j)
{
        const char *key;
        json_t *v;
        size_t i;

        if (json_is_string(j)) {
                struct buf b = BUF_INIT(65536);
                int r = iam_document(&b, json_string_value(j));

                if (r == 0 && b.n > json_string_length(j))
                        abort();
                buf_deinit(&b);
        }
        json_array_foreach(j, i, v) decode(v);
        if (json_is_object(j)) {
                json_t *o = (json_t *)(uintptr_t)j;

                json_object_foreach(o, key, v) decode(v);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct iam_simulation s;
        struct err err = ERR_INIT;
        json_t *j = NULL;
        int r = query_xml_read(&j, NULL, data, size, IAM_ANSWER_MAX, &err);

        if (r == 0) {
                decode(j);
                json_decref(j);
        } else if (j || !err.text[0]) {
                abort();
        }
        if (iam_simulation_parse(&s, data, size, NULL) == 0 &&
                (s.decision < POLICY_IMPLICIT_DENY || s.decision > POLICY_ALLOW ||
                        s.n_matched > IAM_MATCHED_MAX || s.n_missing > IAM_MISSING_MAX))
                abort();
        return 0;
}
