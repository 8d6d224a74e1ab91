// SPDX-License-Identifier: Apache-2.0
#include "config_role.h"

#include "config_read.h"
#include "form.h"
#include "sts.h"

#define CONFIRM_FOR_S 900

int config_inherit(char **field, const char *value)
{
        if (*field || !value)
                return 0;
        *field = strdup(value);
        return *field ? 0 : -ENOMEM;
}

static void choose(enum config_choice *field, enum config_choice value)
{
        if (*field == CONFIG_UNSAID)
                *field = value == CONFIG_UNSAID ? CONFIG_NO : value;
}

int config_role_inherit(
        struct config_role *r, const struct config_account *a, const struct config_defaults *d)
{
        if (!r->duration_s)
                r->duration_s = d->duration_s ? d->duration_s : 3600;
        if (r->source_role && r->duration_s > STS_DURATION_CHAINED_S)
                r->duration_s = STS_DURATION_CHAINED_S;
        choose(&r->use_fips, d->use_fips);
        choose(&r->use_dual_stack, d->use_dual_stack);
        if (a && (config_inherit(&r->region, a->region) < 0 ||
                         config_inherit(&r->sts_region, a->sts_region) < 0))
                return -ENOMEM;
        if (config_inherit(&r->session_name, d->session_name) < 0 ||
                config_inherit(&r->region, d->region) < 0 ||
                config_inherit(&r->sts_region, d->sts_region) < 0 ||
                config_inherit(&r->sts_region, r->region) < 0 ||
                config_inherit(&r->sts_endpoint, d->sts_endpoint) < 0 ||
                config_inherit(&r->ca_file, d->ca_file) < 0)
                return -ENOMEM;
        return 0;
}

static const char *wrong(struct err *why, const char *key, const char *what)
{
        err_set(why, "%s", what);
        return key;
}

const char *config_role_confirm(struct config_role *r, bool said, struct err *why)
{
        if (said && r->confirm != CONFIRM_ASK)
                return wrong(why, "confirm_for", "confirm_for does nothing without confirm = ask");
        if (!said)
                r->confirm_for_s = CONFIRM_FOR_S;
        return NULL;
}

static const char *kind_wrong(const struct config_role *r, struct err *why)
{
        if (r->source_role && r->identity)
                return wrong(why, "identity",
                        "has both source_role and identity: the identity is its source role's");
        if (!r->source_role && r->external_id)
                return wrong(
                        why, "external_id", "external_id needs source_role: a web-identity call has none");
        if (!r->source_role && r->source_identity)
                return wrong(why, "source_identity",
                        "source_identity needs source_role: for a web identity the provider's token says it");
        if (!r->source_role && r->tags)
                return wrong(why, "tags",
                        "tags need source_role: for a web identity the provider's token says them");
        for (char **key = r->transitive_tags; key && *key; key++) {
                if (!strchr(*key, '=') && config_find_tag(r->tags, *key))
                        continue;
                err_set(why, "transitive_tags names %.128s, which is none of its tags", *key);
                return "transitive_tags";
        }
        return NULL;
}

static const char *endpoint_wrong(const struct config_role *r, struct err *why)
{
        const char *key = r->use_fips == CONFIG_YES         ? "use_fips_endpoint"
                          : r->use_dual_stack == CONFIG_YES ? "use_dualstack_endpoint"
                                                            : NULL;
        char partition[17];

        if (r->sts_endpoint && key) {
                err_set(why, "has both %s and an sts_endpoint of its own, which is used as it stands", key);
                return key;
        }
        if (!r->sts_region)
                return r->sts_endpoint ? NULL
                                       : wrong(why, "sts_region",
                                                 "lacks sts_region (or region, or sts_endpoint): which STS "
                                                 "is asked?");
        if (sts_role_arn_parse(r->role_arn, partition, NULL, NULL) == 0 &&
                strcmp(partition, sts_region_partition(r->sts_region)) == 0)
                return NULL;
        err_set(why, "asks the STS of %s, which is in partition %s, for a role in %s", r->sts_region,
                sts_region_partition(r->sts_region), partition);
        return "sts_region";
}

const char *config_role_wrong(const struct config_role *r, struct err *why)
{
        const char *key;

        if (r->duration_s < STS_DURATION_MIN_S && !(r->sts_endpoint && url_is_loopback(r->sts_endpoint)))
                return wrong(why, "duration", "duration is less than STS's least, 15m");
        key = kind_wrong(r, why);
        return key ? key : endpoint_wrong(r, why);
}

// What {role} stands for.
static void append_role(struct buf *out, const char *iam_name)
{
        const char *slash = strrchr(iam_name, '/');

        for (const char *c = slash ? slash + 1 : iam_name; *c; c++)
                buf_append_char(out, *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c);
}

int config_role_name(
        char **ret, const char *pattern, const char *account, const char *iam_name, struct err *why)
{
        cleanup_buf struct buf name = BUF_INIT(4 * CONFIG_VALUE_MAX);
        char shown[71];
        size_t n;

        for (const char *p = pattern; *p;) {
                if (strncmp(p, "{account}", 9) == 0) {
                        buf_append_str(&name, account);
                        p += 9;
                } else if (strncmp(p, "{role}", 6) == 0) {
                        append_role(&name, iam_name);
                        p += 6;
                } else {
                        buf_append_char(&name, *p++);
                }
        }
        if (buf_error(&name) == -ENOMEM)
                return -ENOMEM;
        n = config_name_span(buf_str(&name));
        if (buf_error(&name) < 0 || name.p[n] || n == 0 || n > CONFIG_NAME_MAX) {
                err_set(why,
                        "makes the name %s: a name is 1 to %u of a-z 0-9 . _ / - and begins with a letter or "
                        "digit",
                        err_sanitise(shown, sizeof shown, buf_str(&name), name.n), CONFIG_NAME_MAX);
                return -EBADMSG;
        }
        *ret = strdup(name.p);
        return *ret ? 0 : -ENOMEM;
}
