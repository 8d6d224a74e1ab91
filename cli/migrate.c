// SPDX-License-Identifier: Apache-2.0
//
// The settings are those of the tools' own documentation: "aws configure sso" writes sso_session or sso_start_url beside
// sso_account_id and sso_role_name; "granted sso populate" the same with granted_ in front; aws-vault adds nothing of its own but
// reads role_arn, source_profile and mfa_serial, and is named in credential_process.
#include "migrate.h"

#include "json.h"
#include "shim_path.h"
#include "sts.h"

#include <stdio.h>

static const char *const tool_names[] = {"aws-sso", "granted", "aws-vault"};
_Static_assert(ARRAY_SIZE(tool_names) == MIGRANT_TOOLS_, "one name each");

const char *migrant_tool_name(enum migrant_tool t)
{
        return tool_names[t];
}

bool migrate_replaces(const char *setting)
{
        static const char *const names[] = {"role_arn", "source_profile", "credential_source", "mfa_serial",
                "mfa_process", "role_session_name", "duration_seconds", "external_id", "credential_process",
                "web_identity_token_file", "parent_profile", "include_profile", "source_identity",
                "session_tags", "transitive_session_tags", "login_session"};

        if (strncmp(setting, "sso_", 4) == 0 || strncmp(setting, "granted_", 8) == 0)
                return true;
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (strcmp(setting, names[i]) == 0)
                        return true;
        return false;
}

static const char *value(const struct awsconf *c, const char *profile, const char *name)
{
        const struct awsconf_key *k = awsconf_get(c, profile, name);

        return k && k->value[0] ? k->value : NULL;
}

static bool by_names(struct migrant *m, const struct awsconf *c, const char *account, const char *role)
{
        const char *a = value(c, m->profile, account), *r = value(c, m->profile, role);

        if (!a && !r)
                return false;
        snprintf(m->account, sizeof m->account, "%s", a ? a : "");
        snprintf(m->role_name, sizeof m->role_name, "%s", r ? r : "");
        return true;
}

static bool by_arn(struct migrant *m, const char *arn)
{
        char partition[17], name[65];

        if (!arn || sts_role_arn_parse(arn, partition, m->account, name) < 0)
                return false;
        snprintf(m->role_name, sizeof m->role_name, "%s", name);
        return true;
}

// "aws-vault exec --json NAME", "/opt/aws-vault export --format=json NAME": the last word names the profile that it is about.
static bool by_vault_command(struct migrant *m, const struct awsconf *c)
{
        const char *command = value(c, m->profile, "credential_process"), *end, *last;
        cleanup_free char *name = NULL;

        if (!command || !strstr(command, "aws-vault"))
                return false;
        end = command + strlen(command);
        while (end > command && strchr(" \t\"'", end[-1]))
                end--;
        for (last = end; last > command && !strchr(" \t\"'", last[-1]); last--)
                ;
        name = strndup(last, (size_t)(end - last));
        if (name)
                by_arn(m, value(c, name, "role_arn"));
        return true;
}

// False: it is none of the tools', or ours already.
static bool recognise(struct migrant *m, const struct awsconf *c)
{
        const char *command = value(c, m->profile, "credential_process");
        struct shim_words w;

        if (command && shim_read_command(&w, command))
                return false;
        m->tool = MIGRANT_GRANTED;
        if (by_names(m, c, "granted_sso_account_id", "granted_sso_role_name"))
                return true;
        m->tool = MIGRANT_SSO;
        if (by_names(m, c, "sso_account_id", "sso_role_name"))
                return true;
        m->tool = MIGRANT_VAULT;
        return by_vault_command(m, c) || by_arn(m, value(c, m->profile, "role_arn"));
}

// ---- what is configured

// A permission set's role is called AWSReservedSSO_NAME_ and 16 hex digits in its account.
static bool is_role_name(const char *configured, const char *wanted)
{
        static const char prefix[] = "AWSReservedSSO_";
        size_t n = strlen(wanted);

        if (strcmp(configured, wanted) == 0)
                return true;
        return strncmp(configured, prefix, sizeof prefix - 1) == 0 &&
               strncmp(configured + sizeof prefix - 1, wanted, n) == 0 &&
               strlen(configured + sizeof prefix - 1 + n) == 17 && configured[sizeof prefix - 1 + n] == '_';
}

static const json_t *find_counterpart(const struct migrant *m, const json_t *roles)
{
        const json_t *o, *found = NULL;
        size_t i;

        json_array_foreach(roles, i, o)
        {
                char partition[17], account[13], name[65];
                const char *arn, *role;

                if (json_get_string(o, "role_arn", 2048, &arn) < 0 ||
                        json_get_string(o, "name", 256, &role) < 0 ||
                        sts_role_arn_parse(arn, partition, account, name) < 0 ||
                        strcmp(account, m->account) != 0 || !is_role_name(name, m->role_name))
                        continue;
                // Of several, the one that is called what the profile is called.
                if (!found || strcmp(role, m->profile) == 0)
                        found = o;
        }
        return m->role_name[0] ? found : NULL;
}

int migrate_find(struct migrant **ret, size_t *ret_n, const struct awsconf *c, const json_t *roles)
{
        struct migrant *list = calloc(c->n_sections + 1, sizeof *list);
        size_t n = 0;

        if (!list)
                return -ENOMEM;
        for (size_t i = 0; i < c->n_sections; i++) {
                struct migrant m = {
                        .profile = c->sections[i].profile, .section = i, .line = c->sections[i].line};

                // of sections that merge, the first
                if (!m.profile || awsconf_has_profile(c, m.profile) != m.line || !recognise(&m, c))
                        continue;
                m.role = find_counterpart(&m, roles);
                list[n++] = m;
        }
        *ret = list;
        *ret_n = n;
        return 0;
}

int migrate_each_long_lived(
        const struct awsconf *c, int (*fn)(const char *section, unsigned line, void *arg), void *arg)
{
        for (size_t i = 0; i < c->n_keys; i++) {
                const struct awsconf_key *k = &c->keys[i];
                bool session = false;
                int r;

                if (strcmp(k->name, "aws_access_key_id") != 0)
                        continue;
                for (size_t j = 0; j < c->n_keys; j++)
                        session = session || (c->keys[j].section == k->section &&
                                                     strcmp(c->keys[j].name, "aws_session_token") == 0);
                r = session ? 0 : fn(c->sections[k->section].header, k->line, arg);
                if (r)
                        return r;
        }
        return 0;
}
