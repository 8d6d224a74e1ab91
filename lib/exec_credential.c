// SPDX-License-Identifier: Apache-2.0
#include "exec_credential.h"

#include "json.h"
#include "timefmt.h"

#define INFO_MAX (1u << 20) // a cluster's certificate authority may be in it

static const char *const versions[] = {"client.authentication.k8s.io/v1beta1",
        "client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1alpha1"};

static int read_version(const char **ret, const char *info, struct err *err)
{
        cleanup_json json_t *o = NULL;
        const char *said;
        size_t n = info ? strnlen(info, INFO_MAX + 1) : 0;
        int r;

        *ret = versions[0];
        if (n == 0)
                return 0;
        r = n > INFO_MAX ? -EBADMSG : json_parse(&o, info, n, NULL);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || json_get_string(o, "apiVersion", 128, &said) < 0) {
                err_set(err, "KUBERNETES_EXEC_INFO is no ExecCredential");
                return -EINVAL;
        }
        for (size_t i = 0; i < ARRAY_SIZE(versions); i++)
                if (strcmp(said, versions[i]) == 0) {
                        *ret = versions[i];
                        return 0;
                }
        err_set(err, "KUBERNETES_EXEC_INFO wants a version that is not known here: v1 and v1beta1 are");
        return -EINVAL;
}

int exec_credential(struct buf *out, const char *info, const char *token, int64_t expires_s, struct err *err)
{
        char when[TIME_ISO_LEN + 1];
        const char *version;
        int r = read_version(&version, info, err);

        if (r < 0)
                return r;
        time_format_iso(when, expires_s);
        // Nothing in it needs to be escaped: a token is base64url.
        return buf_printf(out,
                "{\"kind\":\"ExecCredential\",\"apiVersion\":\"%s\",\"spec\":{},\"status\":{"
                "\"expirationTimestamp\":\"%s\",\"token\":\"%s\"}}\n",
                version, when, token);
}
