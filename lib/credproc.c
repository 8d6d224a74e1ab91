// SPDX-License-Identifier: Apache-2.0
//
// Six members in a fixed order. A field that is missing is never written as an empty string: half a document
// makes some SDKs call with broken keys and others crash, an error makes all of them say so.
#include "credproc.h"

#include "timefmt.h"

static int json_string(struct buf *out, const char *s, size_t n)
{
        buf_append_char(out, '"');
        for (size_t i = 0; i < n; i++) {
                unsigned char c = (unsigned char)s[i];

                if (c == '"' || c == '\\') {
                        buf_append_char(out, '\\');
                        buf_append_char(out, (char)c);
                } else if (c < 0x20 || c == 0x7f) {
                        buf_printf(out, "\\u%04x", c);
                } else if (c > 0x7f) {
                        return -EINVAL; // keys and tokens are ASCII; anything else would need UTF-8 checks
                } else {
                        buf_append_char(out, (char)c);
                }
        }
        return buf_append_char(out, '"');
}

static int member(struct buf *out, const char *name, const char *s, size_t n)
{
        buf_printf(out, ",\"%s\":", name);
        return json_string(out, s, n);
}

// Writes the document. Returns 0, -EINVAL (a field is missing, empty or not ASCII) or the buffer's error;
// what was written before an error stays in out.
int credproc_write(struct buf *out, const struct sts_credentials *c, int64_t expiration_s)
{
        char expiration[TIME_ISO_LEN + 1];
        int r;

        if (!c->access_key_id || !c->access_key_id[0] || secret_len(c->secret_access_key) == 0 ||
                secret_len(c->session_token) == 0 || expiration_s <= 0)
                return -EINVAL;
        time_format_iso(expiration, expiration_s);
        buf_append_str(out, "{\"Version\":1");
        r = member(out, "AccessKeyId", c->access_key_id, strlen(c->access_key_id));
        if (r == 0)
                r = member(out, "SecretAccessKey", secret_str(c->secret_access_key),
                        secret_len(c->secret_access_key));
        if (r == 0)
                r = member(out, "SessionToken", secret_str(c->session_token), secret_len(c->session_token));
        if (r == 0)
                r = member(out, "Expiration", expiration, TIME_ISO_LEN);
        if (r == 0 && c->account_id[0])
                r = member(out, "AccountId", c->account_id, strlen(c->account_id));
        if (r < 0)
                return err_trace(r);
        return buf_append_str(out, "}\n");
}
