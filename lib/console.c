// SPDX-License-Identifier: Apache-2.0
//
// The hosts are those AWS documents for each partition; a partition's first region has the plain name. The isolated
// partitions' are not public, so there are none: a URL that is guessed would be sent credentials.
#include "console.h"

#include "form.h"
#include "json.h"
#include "json_text.h"
#include "sts.h"

#define TOKEN_MAX 32768u

static const struct row {
        const char *partition, *signin, *console, *first_region;
} rows[] = {
        {"aws", "signin.aws.amazon.com", "console.aws.amazon.com", "us-east-1"},
        {"aws-us-gov", "signin.amazonaws-us-gov.com", "console.amazonaws-us-gov.com", "us-gov-west-1"},
        {"aws-cn", "signin.amazonaws.cn", "console.amazonaws.cn", "cn-north-1"},
        {"aws-eusc", "signin.amazonaws-eusc.eu", "console.amazonaws-eusc.eu", ""},
};

static const struct row *find(const char *partition)
{
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (strcmp(rows[i].partition, partition) == 0)
                        return &rows[i];
        return NULL;
}

// A region that may stand in a host name of this partition.
static bool is_region_of(const char *region, const struct row *row)
{
        const char *partition = region ? sts_region_partition(region) : NULL;

        return partition && strcmp(partition, row->partition) == 0;
}

int console_endpoint(struct buf *out, const char *partition, const char *region)
{
        const struct row *row = find(partition);

        if (!row)
                return -ENOENT;
        if (is_region_of(region, row) && strcmp(region, row->first_region) != 0)
                return buf_printf(out, "https://%s.%s/federation", region, row->signin);
        return buf_printf(out, "https://%s/federation", row->signin);
}

int console_home(struct buf *out, const char *partition, const char *region)
{
        const struct row *row = find(partition);

        if (!row)
                return -ENOENT;
        if (is_region_of(region, row))
                return buf_printf(out, "https://%s/console/home?region=%s", row->console, region);
        return buf_printf(out, "https://%s/", row->console);
}

// Begins the query; an endpoint may have one already.
static int begin(struct buf *out, const char *endpoint, const char *action)
{
        buf_append_str(out, endpoint);
        buf_append_char(out, strchr(endpoint, '?') ? '&' : '?');
        buf_append_str(out, "Action=");
        return buf_append_str(out, action);
}

int console_token_url(struct buf *out, const char *endpoint, const char *access_key_id,
        const struct secret *secret_access_key, const struct secret *session_token)
{
        cleanup_buf struct buf session = BUF_INIT(128u << 10);
        int r;

        buf_append_char(&session, '{');
        r = json_text_member_str(&session, "sessionId", access_key_id);
        if (r == 0)
                r = json_text_member(
                        &session, "sessionKey", secret_str(secret_access_key), secret_len(secret_access_key));
        if (r == 0)
                r = json_text_member(
                        &session, "sessionToken", secret_str(session_token), secret_len(session_token));
        if (r == 0)
                r = buf_append_char(&session, '}');
        if (r == 0)
                r = begin(out, endpoint, "getSigninToken");
        return r < 0 ? err_trace(r) : form_add_n(out, "Session", buf_str(&session), session.n);
}

int console_token_parse(struct secret **ret, const void *json, size_t n, struct err *err)
{
        cleanup_json json_t *j = NULL;
        const char *token;
        int r = json_parse(&j, json, n, err);

        if (r < 0)
                return err_trace(r);
        if (json_get_string(j, "SigninToken", TOKEN_MAX, &token) < 0 || !*token) {
                err_set(err, "it holds no SigninToken");
                return -EBADMSG;
        }
        return secret_new_str(ret, token);
}

int console_login_url(
        struct buf *out, const char *endpoint, const char *destination, const struct secret *token)
{
        int r = begin(out, endpoint, "login");

        if (r == 0)
                r = form_add(out, "Issuer", "valetkey");
        if (r == 0)
                r = form_add(out, "Destination", destination);
        return r < 0 ? err_trace(r) : form_add_n(out, "SigninToken", secret_str(token), secret_len(token));
}
