// SPDX-License-Identifier: Apache-2.0
//
// Six members in a fixed order. A field that is missing is never written as an empty string: half a document
// makes some SDKs call with broken keys and others crash, an error makes all of them say so.
#include "credproc.h"

#include "json_text.h"
#include "timefmt.h"

static int keys(struct buf *out, const struct sts_credentials *c, const char *token_name)
{
        int r = json_text_member_str(out, "AccessKeyId", c->access_key_id);

        if (r == 0)
                r = json_text_member(out, "SecretAccessKey", secret_str(c->secret_access_key),
                        secret_len(c->secret_access_key));
        if (r == 0)
                r = json_text_member(
                        out, token_name, secret_str(c->session_token), secret_len(c->session_token));
        return r;
}

static int times(struct buf *out, const char *name, int64_t s)
{
        char text[TIME_ISO_LEN + 1];

        time_format_iso(text, s);
        return json_text_member(out, name, text, TIME_ISO_LEN);
}

static bool is_whole(const struct sts_credentials *c, int64_t expiration_s)
{
        return c->access_key_id && c->access_key_id[0] && secret_len(c->secret_access_key) > 0 &&
               secret_len(c->session_token) > 0 && expiration_s > 0;
}

// Writes the document. Returns 0, -EINVAL (a field is missing, empty or not ASCII) or the buffer's error;
// what was written before an error stays in out.
int credproc_write(struct buf *out, const struct sts_credentials *c, int64_t expiration_s)
{
        int r;

        if (!is_whole(c, expiration_s))
                return -EINVAL;
        buf_append_str(out, "{\"Version\":1");
        r = keys(out, c, "SessionToken");
        if (r == 0)
                r = times(out, "Expiration", expiration_s);
        if (r == 0 && c->account_id[0])
                r = json_text_member_str(out, "AccountId", c->account_id);
        if (r < 0)
                return err_trace(r);
        return buf_append_str(out, "}\n");
}

int credproc_write_container(
        struct buf *out, const struct sts_credentials *c, int64_t expiration_s, const char *role_arn)
{
        int r;

        if (!is_whole(c, expiration_s))
                return -EINVAL;
        buf_append_char(out, '{');
        r = keys(out, c, "Token");
        if (r == 0)
                r = times(out, "Expiration", expiration_s);
        if (r == 0 && c->account_id[0])
                r = json_text_member_str(out, "AccountId", c->account_id);
        if (r == 0)
                r = json_text_member_str(out, "RoleArn", role_arn);
        if (r < 0)
                return err_trace(r);
        return buf_append_char(out, '}');
}

int credproc_write_imds(
        struct buf *out, const struct sts_credentials *c, int64_t expiration_s, int64_t updated_s)
{
        int r;

        if (!is_whole(c, expiration_s))
                return -EINVAL;
        buf_append_str(out, "{\"Code\":\"Success\"");
        r = times(out, "LastUpdated", updated_s);
        if (r == 0)
                r = json_text_member_str(out, "Type", "AWS-HMAC");
        if (r == 0)
                r = keys(out, c, "Token");
        if (r == 0)
                r = times(out, "Expiration", expiration_s);
        if (r < 0)
                return err_trace(r);
        return buf_append_char(out, '}');
}
