// SPDX-License-Identifier: Apache-2.0
//
// XML of STS, read as credentials, as a caller's identity and as an error. Credentials that are taken are whole and can be written as
// a credential_process document; no document with a DOCTYPE is taken.
#include "credproc.h"
#include "sts.h"
#include "sts_caller_identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
        if (!ok)
                abort();
}

static void credentials(const uint8_t *data, size_t size)
{
        cleanup_buf struct buf out = BUF_INIT(1 << 20);
        struct err err = ERR_INIT;
        struct sts_credentials c;
        int r = sts_credentials_parse(&c, data, size, &err);

        if (r < 0) {
                must(r == -ENOMEM || err.text[0]);
                return;
        }
        must(c.access_key_id[0] && secret_len(c.secret_access_key) && secret_len(c.session_token));
        must(c.expiration_s > 0 && strncmp(c.assumed_role_arn, "arn:", 4) == 0);
        must(strlen(c.account_id) == 0 || strlen(c.account_id) == 12);
        must(credproc_write(&out, &c, c.expiration_s) == 0);
        must(memchr(buf_str(&out), '\n', out.n) == buf_str(&out) + out.n - 1);
        sts_credentials_deinit(&c);
}

static void identity(const uint8_t *data, size_t size)
{
        struct sts_caller_identity c = {0};
        struct err err = ERR_INIT;

        if (sts_caller_identity_parse(&c, data, size, &err) < 0) {
                must(!c.arn && err.text[0]);
                return;
        }
        must(strncmp(c.arn, "arn:", 4) == 0 && c.account && c.user_id);
        must(!strpbrk(c.arn, "\033\n\r") && !strpbrk(c.account, "\033\n\r"));
        sts_caller_identity_deinit(&c);
}

static void error(const uint8_t *data, size_t size)
{
        struct sts_error_answer e;

        sts_error_parse(&e, 400, data, size);
        must(e.code >= STS_E_OTHER && e.code <= STS_E_UNREADABLE);
        must((e.code == STS_E_UNREADABLE) == !e.name[0]);
        must(strnlen(e.name, sizeof e.name) < sizeof e.name);
        must(strnlen(e.message, sizeof e.message) < sizeof e.message);
        must(!strpbrk(e.message, "\033\n\r") && !strpbrk(e.name, "\033\n\r"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        credentials(data, size);
        identity(data, size);
        error(data, size);
        return 0;
}
