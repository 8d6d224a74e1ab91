// SPDX-License-Identifier: Apache-2.0
//
// Which source each SDK takes in this environment, and with each profile of valetkey's. A source that is none of our doors is
// told by file and line, and what of ours stands behind it.
#include "doctor.h"

#include "aws_file.h"
#include "shadow.h"
#include "shim_path.h"
#include "translate.h"

#include <stdio.h>

#define WHERE_MAX 512

static const char *endpoint_url(const struct doctor *d)
{
        return json_string_value(json_object_get(json_object_get(d->status, "endpoint"), "url"));
}

// A door of ours, also where it is closed just now.
static bool is_ours(const struct doctor *d, const struct awschain_source *s)
{
        const char *url = endpoint_url(d), *value = s->key && !s->path ? getenv(s->key) : NULL;
        struct shim_words w;

        if (s->kind == AWSCHAIN_PROCESS)
                return shim_read_command(&w, s->text);
        if (s->kind == AWSCHAIN_ENV_KEYS) // valetkey exec --static
                return getenv("VALETKEY_ROLE") != NULL;
        if (s->kind != AWSCHAIN_CONTAINER && s->kind != AWSCHAIN_IMDS)
                return false;
        return value && url && strncmp(value, url, strlen(url)) == 0 && strchr("/", value[strlen(url)]);
}

static const char *mend_of(const struct awschain_source *s)
{
        switch (s->kind) {
        case AWSCHAIN_NOTHING:
        case AWSCHAIN_IMDS:
                return _("run valetkey configure and set AWS_PROFILE=ROLE, or use valetkey exec ROLE");
        case AWSCHAIN_ENV_KEYS:
        case AWSCHAIN_ENV_WEB:
        case AWSCHAIN_EC2_FILE:
        case AWSCHAIN_CONTAINER:
                return _("unset the variable, or use valetkey exec ROLE");
        case AWSCHAIN_BROKEN:
                return _("correct it there");
        default:
                return _(
                        "take it out there, choose another profile (AWS_PROFILE), or use valetkey exec ROLE");
        }
}

// ---- what of ours stands behind it

static const char *profile_of(void)
{
        const char *p = getenv("AWS_PROFILE");

        return p && *p ? p : "default";
}

static bool find_behind(char dst[WHERE_MAX], const struct shadow_files *f, const char *profile)
{
        _cleanup_(awsconf_freep) struct awsconf *c = NULL;
        const struct awsconf_key *k;
        struct shim_words w;
        unsigned line;

        if (!f->in.config.text || awsconf_parse(&c, AWSCONF_LENIENT, AWSCONF_CONFIG, f->in.config.text,
                                          f->in.config.n, &line, NULL) < 0)
                return false;
        k = awsconf_get(c, profile, "credential_process");
        if (!k || !shim_read_command(&w, k->value))
                return false;
        snprintf(dst, WHERE_MAX, _("; valetkey's credential_process in %s:%u is never asked"),
                f->in.config.path, k->line);
        return true;
}

static void tell(struct doctor *d, const char *check, const struct awschain_source *s,
        const struct shadow_files *f, const char *profile)
{
        char where[WHERE_MAX], behind[WHERE_MAX] = "";

        awschain_where(s, where, sizeof where);
        if (is_ours(d, s)) {
                findings_ok(&d->found, check, "%s (%s)", where, awschain_kind_name(s->kind));
                return;
        }
        find_behind(behind, f, profile);
        if (s->kind == AWSCHAIN_NOTHING)
                findings_wrong(&d->found, check, "there is no source of credentials");
        else if (s->kind == AWSCHAIN_IMDS && !s->key)
                findings_wrong(&d->found, check,
                        "nothing is configured; it would ask the metadata service of EC2%s", behind);
        else
                findings_wrong(
                        &d->found, check, "%s wins (%s)%s", where, awschain_kind_name(s->kind), behind);
        findings_mend(&d->found, "%s", mend_of(s));
}

static bool is_wanted(const struct doctor *d, unsigned sdk)
{
        return !d->sdk || strcmp(d->sdk, awschain_sdk_name((enum awschain_sdk)sdk)) == 0;
}

static int walk_all(struct doctor *d, const struct shadow_files *f)
{
        for (unsigned sdk = 0; sdk < AWSCHAIN_SDK_MAX_; sdk++) {
                struct awschain_source s;
                char check[64];

                if (!is_wanted(d, sdk))
                        continue;
                if (awschain_walk(&s, (enum awschain_sdk)sdk, &f->in) < 0)
                        return -ENOMEM;
                snprintf(check, sizeof check, "sdk:%s", awschain_sdk_name((enum awschain_sdk)sdk));
                tell(d, check, &s, f, profile_of());
        }
        return 0;
}

// ---- the profiles, each as if it were chosen

struct chosen {
        const char *profile;
};

// Nothing of the environment but the profile: what is set there has been told above.
static const char *chosen_environment(const char *name, void *arg)
{
        const struct chosen *c = arg;

        return strcmp(name, "AWS_PROFILE") == 0 ? c->profile : NULL;
}

static int walk_profile(
        struct doctor *d, const struct shadow_files *f, const struct awsconf_key *k, const char *profile)
{
        struct chosen chosen = {profile};
        struct awschain_input in = f->in;
        struct awschain_source other = {0};
        char check[300], path[PATH_MAX], behind[WHERE_MAX], where[WHERE_MAX], sdks[128] = "";
        struct shim_words w;

        in.env = chosen_environment;
        in.arg = &chosen;
        for (unsigned sdk = 0; sdk < AWSCHAIN_SDK_MAX_; sdk++) {
                struct awschain_source s;

                if (awschain_walk(&s, (enum awschain_sdk)sdk, &in) < 0)
                        return -ENOMEM;
                if (!is_wanted(d, sdk) || is_ours(d, &s))
                        continue;
                other = s;
                snprintf(sdks + strlen(sdks), sizeof sdks - strlen(sdks), "%s%s", *sdks ? ", " : "",
                        awschain_sdk_name((enum awschain_sdk)sdk));
        }
        snprintf(check, sizeof check, "profile:%.200s", profile);
        if (*sdks) {
                find_behind(behind, f, profile);
                findings_wrong(&d->found, check, "%s wins with %s%s",
                        awschain_where(&other, where, sizeof where), sdks, behind);
                findings_mend(&d->found, "%s", mend_of(&other));
                return 0;
        }
        if (!shim_read_command(&w, k->value))
                return 0;
        snprintf(path, sizeof path, "%.*s", (int)w.n_path, w.path);
        if (path[0] == '/' && access(path, X_OK) < 0) {
                findings_wrong(&d->found, check, "%s:%u: %s cannot be run: %s", f->in.config.path, k->line,
                        path, strerror(errno));
                findings_mend(&d->found, "valetkey configure");
        } else {
                findings_ok(&d->found, check, "%s:%u: credential_process, with every SDK", f->in.config.path,
                        k->line);
        }
        return 0;
}

static int walk_profiles(struct doctor *d, const struct shadow_files *f)
{
        _cleanup_(awsconf_freep) struct awsconf *c = NULL;
        unsigned line;
        int r = f->in.config.text ? awsconf_parse(&c, AWSCONF_LENIENT, AWSCONF_CONFIG, f->in.config.text,
                                            f->in.config.n, &line, NULL)
                                  : -EBADMSG;

        for (size_t i = 0; r == 0 && i < c->n_sections; i++) {
                const char *profile = c->sections[i].profile;
                const struct awsconf_key *k = profile ? awsconf_get(c, profile, "credential_process") : NULL;
                struct shim_words w;

                if (k && k->section == i && shim_read_command(&w, k->value))
                        r = walk_profile(d, f, k, profile);
        }
        return r == -ENOMEM ? r : 0;
}

// What is there and no file that can be read: the SDKs each do something else about it.
static void check_file(struct doctor *d, const char *check, const char *variable, const char *usual)
{
        struct aws_file f;
        struct err err = ERR_INIT;

        if (aws_file_read(&f, variable, usual, &err) != OUTCOME_OK) {
                findings_wrong(&d->found, check, "%s", err.text);
                findings_mend(&d->found, "correct or remove the file");
        }
        aws_file_deinit(&f);
}

void doctor_chains(struct doctor *d)
{
        struct shadow_files f;

        check_file(d, "aws-config", "AWS_CONFIG_FILE", "~/.aws/config");
        check_file(d, "aws-credentials", "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials");
        if (shadow_read_files(&f) < 0) {
                d->found.no_memory = true;
                return;
        }
        if (walk_all(d, &f) < 0 || walk_profiles(d, &f) < 0)
                d->found.no_memory = true;
        shadow_deinit(&f);
}
