// SPDX-License-Identifier: Apache-2.0
//
// The federation endpoint's answer: a token that is taken can be put into a URL, and stays one parameter of it.
#include "console.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
        if (!ok)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        cleanup_secret struct secret *token = NULL;
        cleanup_buf struct buf url = BUF_INIT(256u << 10);
        struct err err = ERR_INIT;
        const char *at;

        if (console_token_parse(&token, data, size, &err) < 0) {
                must(err.text[0] && !token);
                return 0;
        }
        must(console_login_url(&url, "https://h.example/federation", "https://d.example/", token) == 0);
        at = strstr(buf_str(&url), "&SigninToken=");
        must(at && at[13] && !strpbrk(at + 13, "&#? \r\n\"<>"));
        return 0;
}
