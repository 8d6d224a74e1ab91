// SPDX-License-Identifier: Apache-2.0
//
// The configuration as a text: what it says when it is right, and for everything that is wrong the line and a
// sentence.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "config.h"
#include "fault.h"

#define IDENTITY "[identity corp]\nissuer = https://login.example.com\nclient_id = valetkey\n"
#define ROLE     "[role dev]\nrole_arn = arn:aws:iam::123456789012:role/dev\nregion = eu-central-1\n"

static struct config *parse(const char *text, struct err *err)
{
        struct config *c = NULL;
        int r = config_parse(&c, "x.conf", text, strlen(text), err);

        assert_true(r == 0 || r == -EBADMSG);
        assert_int_equal(r == 0, c != NULL);
        return c;
}

// The text must be refused with exactly this error.
static void refused_n(const char *text, size_t n, const char *why)
{
        struct err err = ERR_INIT;
        struct config *c = NULL;

        if (config_parse(&c, "x.conf", text, n, &err) != -EBADMSG)
                fail_msg("taken: %s", text);
        assert_null(c);
        if (strcmp(err.text, why) != 0)
                fail_msg("says \"%s\" and not \"%s\"", err.text, why);
}

static void refused(const char *text, const char *why)
{
        refused_n(text, strlen(text), why);
}

static void what_it_says(void **state)
{
        static const char text[] = "[identity corp]\n"
                                   "type = oidc\n"
                                   "issuer = https://login.example.com/realms/x\n"
                                   "client_id = valetkey\n"
                                   "client_secret_file = /etc/valetkey/secret\n"
                                   "scopes = openid profile\n"
                                   "ca_file = /etc/ssl/corp.pem\n"
                                   "username_claim = preferred_username\n"
                                   "username_claim_is_immutable = yes\n"
                                   "username_strip = @example.com\n"
                                   "allow_groups = 3f0c9a4e-1 b#c \t d\n"
                                   "groups_claim = https://example.com/groups\n"
                                   "revocation = per-grant\n"
                                   "  # a comment\n"
                                   "[identity other]\n"
                                   "issuer=http://127.0.0.1:8080/oidc\n"
                                   "client_id\t=\tx#y\n"
                                   "[defaults]\n"
                                   "duration = 2h\n"
                                   "region = eu-central-1\n"
                                   "sts_region = eu-west-1\n"
                                   "ca_file = /ca\n"
                                   "session_name = me@host\n"
                                   "default_role = data/dev\n"
                                   "[role data/dev]\n"
                                   "identity = other\n"
                                   "role_arn = arn:aws:iam::123456789012:role/team/dev\n"
                                   "[role   chain.1_a-b]  \n"
                                   "identity = corp\n"
                                   "  role_arn   =   arn:aws:iam:::role/S3Access   \n"
                                   "duration = 3\n"
                                   "session_name = x1\n"
                                   "region = us-east-1\n"
                                   "sts_region = us-east-2\n"
                                   "sts_endpoint = http://127.0.0.1:9000\n"
                                   "ca_file = /ca2\n"
                                   "[signin]\n"
                                   "identity = corp\n"
                                   "max_offline_age = 30d\n"
                                   "handle_life = 60s\n"
                                   "grant_life = 5m\n"
                                   "max_flows = 100\n"
                                   "max_flows_per_rhost = 7";
        const struct config_identity *i;
        const struct config_role *r;
        struct config *c;

        (void)state;
        c = parse(text, NULL);
        assert_int_equal(c->n_identities, 2);
        i = config_find_identity(c, "corp");
        assert_int_equal(i->type, SOURCE_OIDC);
        assert_string_equal(i->issuer, "https://login.example.com/realms/x");
        assert_string_equal(i->client_id, "valetkey");
        assert_string_equal(i->client_secret_file, "/etc/valetkey/secret");
        assert_string_equal(i->scopes, "openid profile");
        assert_string_equal(i->ca_file, "/etc/ssl/corp.pem");
        assert_string_equal(i->username_claim, "preferred_username");
        assert_true(i->username_claim_is_immutable);
        assert_string_equal(i->username_strip, "@example.com");
        assert_string_equal(i->allow_groups[0], "3f0c9a4e-1");
        assert_string_equal(i->allow_groups[1], "b#c");
        assert_string_equal(i->allow_groups[2], "d");
        assert_null(i->allow_groups[3]);
        assert_string_equal(i->groups_claim, "https://example.com/groups");
        assert_true(i->revocation_per_grant);
        i = config_find_identity(c, "other");
        assert_int_equal(i->type, SOURCE_OIDC);
        assert_string_equal(i->client_id, "x#y");
        assert_string_equal(i->groups_claim, "groups");
        assert_null(i->allow_groups);
        assert_false(i->revocation_per_grant);
        assert_int_equal(c->n_roles, 2);
        r = config_find_role(c, "data/dev");
        assert_string_equal(r->identity, "other");
        assert_string_equal(r->role_arn, "arn:aws:iam::123456789012:role/team/dev");
        assert_int_equal(r->duration_s, 7200);
        assert_string_equal(r->session_name, "me@host");
        assert_string_equal(r->region, "eu-central-1");
        assert_string_equal(r->sts_region, "eu-west-1");
        assert_null(r->sts_endpoint);
        assert_string_equal(r->ca_file, "/ca");
        r = config_find_role(c, "chain.1_a-b");
        assert_int_equal(r->duration_s, 3);
        assert_string_equal(r->session_name, "x1");
        assert_string_equal(r->region, "us-east-1");
        assert_string_equal(r->sts_region, "us-east-2");
        assert_string_equal(r->sts_endpoint, "http://127.0.0.1:9000");
        assert_string_equal(r->ca_file, "/ca2");
        assert_string_equal(c->default_role, "data/dev");
        assert_string_equal(c->signin.identity, "corp");
        assert_int_equal(c->signin.max_offline_age_s, 30 * 86400);
        assert_int_equal(c->signin.handle_life_s, 60);
        assert_int_equal(c->signin.grant_life_s, 300);
        assert_int_equal(c->signin.max_flows, 100);
        assert_int_equal(c->signin.max_flows_per_rhost, 7);
        assert_null(config_find_role(c, "nobody"));
        assert_null(config_find_identity(c, "nobody"));
        assert_ptr_equal(config_ref(c), c);
        assert_null(config_unref(c));
        assert_string_equal(c->roles[0].name, "data/dev"); // one reference is left
        assert_null(config_unref(c));
        assert_null(config_unref(NULL));
}

static void what_it_says_when_little_is_said(void **state)
{
        struct config *c;

        (void)state;
        c = parse("", NULL);
        assert_int_equal(c->n_identities, 0);
        assert_int_equal(c->n_roles, 0);
        assert_null(c->default_role);
        assert_null(c->signin.identity);
        assert_int_equal(c->signin.max_offline_age_s, 0);
        assert_int_equal(c->signin.handle_life_s, 120);
        assert_int_equal(c->signin.grant_life_s, 600);
        assert_int_equal(c->signin.max_flows, 64);
        assert_int_equal(c->signin.max_flows_per_rhost, 4);
        config_unref(c);
        c = parse(ROLE IDENTITY, NULL);
        assert_string_equal(c->roles[0].identity, "corp");
        assert_string_equal(c->roles[0].sts_region, "eu-central-1");
        assert_int_equal(c->roles[0].duration_s, 3600);
        assert_null(c->roles[0].session_name);
        assert_string_equal(c->signin.identity, "corp");
        config_unref(c);
}

static void lines_that_are_none(void **state)
{
        (void)state;
        refused("\n[role dev", "x.conf:2: a section is [KIND] or [KIND NAME], and nothing follows it");
        refused("[role dev] # x", "x.conf:1: a section is [KIND] or [KIND NAME], and nothing follows it");
        refused("[]", "x.conf:1: a section begins with its kind in lower-case letters");
        refused("[ role dev]", "x.conf:1: a section begins with its kind in lower-case letters");
        refused("[role Dev]",
                "x.conf:1: a name is 1 to 64 of a-z 0-9 . _ / - and begins with a letter or digit");
        refused("[role .dev]",
                "x.conf:1: a name is 1 to 64 of a-z 0-9 . _ / - and begins with a letter or digit");
        refused("[role a b]",
                "x.conf:1: a name is 1 to 64 of a-z 0-9 . _ / - and begins with a letter or digit");
        refused("[role ]",
                "x.conf:1: a name is 1 to 64 of a-z 0-9 . _ / - and begins with a letter or digit");
        refused("[role 12345678901234567890123456789012345678901234567890123456789012345]",
                "x.conf:1: a name is 1 to 64 of a-z 0-9 . _ / - and begins with a letter or digit");
        refused("[role]", "x.conf:1: [role] needs a name: [role NAME]");
        refused("[signin x]", "x.conf:1: [signin] has no name");
        refused("[roles dev]", "x.conf:1: unknown section [roles]");
        refused("[role dev]\n\nfoo\n", "x.conf:3: neither a section nor a comment nor KEY = VALUE");
        refused("; comment", "x.conf:1: neither a section nor a comment nor KEY = VALUE");
        refused("[role dev]\n= x", "x.conf:2: a value without a key");
        refused("[role dev]\nRole_arn = x", "x.conf:2: a key is lower-case letters, digits and _");
        refused("[role dev]\nrole arn = x", "x.conf:2: a key is lower-case letters, digits and _");
        refused("[role dev]\nrole_arn =",
                "x.conf:2: role_arn has no value; leave the line out to have the default");
        refused("[role dev]\nrole_arn = \t \n",
                "x.conf:2: role_arn has no value; leave the line out to have the default");
        refused("[role dev]\nrole = x", "x.conf:2: unknown key role in [role]");
        refused("[role dev]\nissuer = x", "x.conf:2: unknown key issuer in [role]");
        refused("duration = 1h\n[role dev]", "x.conf:1: duration stands before the first section");
        refused("[role dev]\nregion = eu-west-1\nduration = 1h\nregion = eu-west-1",
                "x.conf:4: region stands in line 2 already");
        refused("[role dev]\n[defaults]\n[role dev]", "x.conf:3: [role dev] stands in line 1 already");
        refused("[defaults]\n\n[defaults]", "x.conf:3: [defaults] stands in line 1 already");
}

#define CORP "[identity corp]\nissuer = https://a.example\nclient_id = c\n"

static void what_a_logout_does(void **state)
{
        struct config *c = parse(CORP, NULL);

        (void)state;
        assert_int_equal(c->identities[0].logout, LOGOUT_WIPE);
        assert_int_equal(c->identities[0].max_grant_age_s, 0);
        config_unref(c);
        c = parse(CORP "logout = keep\n", NULL);
        assert_int_equal(c->identities[0].logout, LOGOUT_KEEP);
        assert_int_equal(c->identities[0].max_grant_age_s, 86400); // nothing is kept for ever
        config_unref(c);
        c = parse(CORP "logout = keep\nmax_grant_age = 7d\n", NULL);
        assert_int_equal(c->identities[0].max_grant_age_s, 7 * 86400);
        config_unref(c);
        c = parse(CORP "revocation = per-grant\nlogout = revoke\nmax_grant_age = 60s", NULL);
        assert_int_equal(c->identities[0].logout, LOGOUT_REVOKE);
        assert_int_equal(c->identities[0].max_grant_age_s, 60);
        config_unref(c);
        refused(CORP "logout = revoke", "x.conf:4: [identity corp] logout = revoke needs revocation = "
                                        "per-grant: at other providers a "
                                        "revocation ends the sign-ins on the person's other hosts too");
        refused(CORP "revocation = none\nlogout = revoke",
                "x.conf:5: [identity corp] logout = revoke needs revocation = per-grant: at other providers "
                "a "
                "revocation ends the sign-ins on the person's other hosts too");
        refused(CORP "logout = Wipe", "x.conf:4: logout: must be wipe, keep or revoke");
        refused(CORP "max_grant_age = 0",
                "x.conf:4: max_grant_age: must be a time like 12h or 7d, at least 60s");
        refused(CORP "max_grant_age = 59s",
                "x.conf:4: max_grant_age: must be a time like 12h or 7d, at least 60s");
}

static void bytes_that_do_not_belong(void **state)
{
        (void)state;
        refused_n("[role dev]\nregion = a\0b\n", 24, "x.conf:2: a control character");
        refused_n("\0", 1, "x.conf:1: a control character");
        refused("# comment\r\n", "x.conf:1: a carriage return; lines end with a line feed alone");
        refused("# \x1b[2J", "x.conf:1: a control character");
        refused("# \xc2\x9b", "x.conf:1: a control character");
        refused("\xef\xbb\xbf[role dev]", "x.conf:1: a control character");
        refused("\n# \xff", "x.conf:2: this is not UTF-8");
        refused("# \xc0\xaf", "x.conf:1: this is not UTF-8");
        refused("# \xc3\n\xbc", "x.conf:1: this is not UTF-8");
        config_unref(parse("# Gr\xc3\xbc\xc3\x9f\n", NULL));
}

static void values_have_a_bound(void **state)
{
        static char text[11000];
        char *at = stpcpy(text, "[identity corp]\nissuer = https://a.example\nclient_id = ");

        (void)state;
        memset(at, 'c', 4096);
        config_unref(parse(text, NULL));
        memset(at, 'c', 4097);
        refused(text, "x.conf:3: the value of client_id is longer than 4096 bytes");
        memset(at, 'c', 10240);
        refused(text, "x.conf:3: the value of client_id is longer than 4096 bytes");
        memset(text, ' ', sizeof text - 1); // blank, however long
        config_unref(parse(text, NULL));
        text[0] = '#';
        config_unref(parse(text, NULL));
        text[0] = '[';
        text[sizeof text - 2] = ']';
        refused(text, "x.conf:1: the line is too long");
}

static void files_have_a_bound(void **state)
{
        size_t n = (1u << 20) + 1;
        cleanup_free char *text = malloc(n);
        struct config *c;

        (void)state;
        memset(text, '\n', n);
        refused_n(text, n, "x.conf: larger than 1048576 bytes");
        assert_int_equal(config_parse(&c, "x.conf", text, n - 1, NULL), 0);
        config_unref(c);
        for (size_t i = 0; i < 1025; i++)
                snprintf(text + i * 15, 16, "[role r%06zu]\n", i);
        text[1025 * 15] = 0;
        refused(text, "x.conf:1025: more than 1024 sections");
}

static void values_that_make_no_sense(void **state)
{
        static const struct {
                const char *line, *why;
        } bad[] = {
                {"[identity x]\nissuer = http://login.example.com",
                        "x.conf:2: issuer: http:// is allowed on the loopback interface only; use https://"},
                {"[identity x]\nissuer = login.example.com",
                        "x.conf:2: issuer: not a usable URL: it does not begin with https://"},
                {"[identity x]\nissuer = https://a.example/?x",
                        "x.conf:2: issuer: must be a URL without a query or a fragment"},
                {"[identity x]\ntype = saml", "x.conf:2: type: must be oidc"},
                {"[identity x]\nclient_id = a b",
                        "x.conf:2: client_id: must be one word of visible ASCII characters"},
                {"[identity x]\nca_file = ca.pem", "x.conf:2: ca_file: must be an absolute path"},
                {"[identity x]\nclient_secret_file = ~/s",
                        "x.conf:2: client_secret_file: must be an absolute path"},
                {"[identity x]\nscopes = a\"b",
                        "x.conf:2: scopes: must be scope names with spaces between them"},
                {"[identity x]\nusername_claim_is_immutable = true",
                        "x.conf:2: username_claim_is_immutable: must be yes or no"},
                {"[identity x]\nallow_groups = a b a", "x.conf:2: allow_groups: names something twice"},
                {"[identity x]\nrevocation = yes", "x.conf:2: revocation: must be per-grant or none"},
                {"[role x]\nrole_arn = arn:aws:iam::123456789012:user/x",
                        "x.conf:2: role_arn: must be a role's ARN, like arn:aws:iam::123456789012:role/dev"},
                {"[role x]\nduration = 13h",
                        "x.conf:2: duration: must be a time like 900s, 15m or 1h, at most 12h"},
                {"[role x]\nduration = 0",
                        "x.conf:2: duration: must be a time like 900s, 15m or 1h, at most 12h"},
                {"[role x]\nduration = 1 h",
                        "x.conf:2: duration: must be a time like 900s, 15m or 1h, at most 12h"},
                {"[role x]\nregion = Frankfurt",
                        "x.conf:2: region: must be the name of a region, like eu-central-1"},
                {"[role x]\nsts_region = aws-global",
                        "x.conf:2: sts_region: must be the name of a region, like eu-central-1"},
                {"[role x]\nsts_endpoint = http://sts.example.com",
                        "x.conf:2: sts_endpoint: http:// is allowed on the loopback interface only; use "
                        "https://"},
                {"[role x]\nsession_name = a b",
                        "x.conf:2: session_name: must be 2 to 64 letters, digits or _+=,.@-"},
                {"[role x]\nsession_name = a",
                        "x.conf:2: session_name: must be 2 to 64 letters, digits or _+=,.@-"},
                {"[signin]\nmax_offline_age = 59s",
                        "x.conf:2: max_offline_age: must be 0 (no limit) or a time like "
                        "12h or 30d, at least 60s"},
                {"[signin]\nhandle_life = 2h", "x.conf:2: handle_life: must be a time from 10s to 1h"},
                {"[signin]\ngrant_life = 9", "x.conf:2: grant_life: must be a time from 10s to 1h"},
                {"[signin]\nmax_flows = 0", "x.conf:2: max_flows: must be a number from 1 to 4096"},
                {"[signin]\nmax_flows = 4097", "x.conf:2: max_flows: must be a number from 1 to 4096"},
                {"[signin]\nmax_flows = 99999999999999999999",
                        "x.conf:2: max_flows: must be a number from 1 to 4096"},
                {"[signin]\nmax_flows = 5x", "x.conf:2: max_flows: must be a number from 1 to 4096"},
                {"[defaults]\nuser_identities = 1", "x.conf:2: user_identities: must be yes or no"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                refused(bad[i].line, bad[i].why);
}

static void values_that_contradict_others(void **state)
{
        (void)state;
        refused("[identity x]\nclient_id = v\n", "x.conf:1: [identity x] lacks issuer");
        refused("\n[identity x]\nissuer = https://a.example\n", "x.conf:2: [identity x] lacks client_id");
        refused(IDENTITY "username_claim = preferred_username\n",
                "x.conf:4: [identity corp] username_claim needs username_claim_is_immutable = yes: whoever "
                "can rename himself "
                "at the provider would choose whose account he opens");
        refused(IDENTITY "username_claim = sub\nusername_claim_is_immutable = no\n",
                "x.conf:4: [identity corp] username_claim needs username_claim_is_immutable = yes: whoever "
                "can rename himself "
                "at the provider would choose whose account he opens");
        refused(IDENTITY "username_strip = @x\n",
                "x.conf:4: [identity corp] username_strip does nothing without username_claim");
        refused(IDENTITY "[role dev]\nregion = eu-west-1\n", "x.conf:4: [role dev] lacks role_arn");
        refused(ROLE, "x.conf:1: [role dev] has no identity, and none is configured");
        refused(IDENTITY "[identity two]\nissuer = https://b.example\nclient_id = x\n" ROLE,
                "x.conf:7: [role dev] must say which identity: there are several");
        refused(IDENTITY ROLE "identity = corpse\n",
                "x.conf:7: [role dev] names the identity corpse, which is not configured");
        refused(IDENTITY ROLE "duration = 899\n",
                "x.conf:7: [role dev] duration is less than STS's least, 15m");
        refused("[defaults]\nduration = 5m\n" IDENTITY ROLE,
                "x.conf:2: [role dev] duration is less than STS's least, 15m");
        refused(IDENTITY ROLE "duration = 5m\nsts_endpoint = https://sts.example.com\n",
                "x.conf:7: [role dev] duration is less than STS's least, 15m");
        refused(IDENTITY "[role dev]\nrole_arn = arn:aws:iam::123456789012:role/dev\n",
                "x.conf:4: [role dev] lacks sts_region (or region, or sts_endpoint): which STS is asked?");
        refused(IDENTITY
                "[role dev]\nrole_arn = arn:aws-cn:iam::123456789012:role/dev\nsts_region = eu-west-1\n",
                "x.conf:6: [role dev] asks the STS of eu-west-1, which is in partition aws, for a role in "
                "aws-cn");
        refused(IDENTITY "[signin]\nidentity = nobody\n",
                "x.conf:5: [signin] names an identity that is not configured");
        refused("[signin]\nmax_flows = 3\n", "x.conf:1: [signin] max_flows_per_rhost is more than max_flows");
        refused("[signin]\nmax_flows = 3\nmax_flows_per_rhost = 4\n",
                "x.conf:3: [signin] max_flows_per_rhost is more than max_flows");
        refused("[defaults]\ndefault_role = dev\n",
                "x.conf:2: [defaults] default_role names a role that is not configured");
}

#define AUDIT                                                                                                \
        "[role audit]\nsource_role = dev\nrole_arn = arn:aws:iam::999988887777:role/audit\nregion = "        \
        "eu-central-1\n"

static void a_chained_role_has_its_sources_identity(void **state _unused_)
{
        struct config *c = parse(IDENTITY
                "[identity two]\nissuer = https://b.example\nclient_id = x\n" AUDIT
                "external_id = shared:secret/xyz\nsource_identity = alice\n"
                "session_policy = /etc/valetkey/read-only.json\n"
                "policy_arns = arn:aws:iam::aws:policy/ReadOnlyAccess arn:aws:iam::1:policy/b\n"
                "[role deeper]\nsource_role = audit\nregion = eu-central-1\n"
                "role_arn = arn:aws:iam::999988887777:role/deeper\n" ROLE "identity = two\n",
                NULL);
        const struct config_role *r;

        assert_non_null(c);
        r = config_find_role(c, "audit");
        assert_string_equal(r->source_role, "dev");
        assert_string_equal(r->identity, "two");
        assert_string_equal(r->external_id, "shared:secret/xyz");
        assert_string_equal(r->source_identity, "alice");
        assert_string_equal(r->session_policy, "/etc/valetkey/read-only.json");
        assert_string_equal(r->policy_arns[1], "arn:aws:iam::1:policy/b");
        assert_null(r->policy_arns[2]);
        assert_string_equal(config_find_role(c, "deeper")->identity, "two");
        config_unref(c);
}

static void a_chained_session_lives_an_hour_at_most(void **state _unused_)
{
        struct config *c = parse("[defaults]\nduration = 4h\n" IDENTITY ROLE AUDIT, NULL);

        assert_int_equal(config_find_role(c, "dev")->duration_s, 4 * 3600);
        assert_int_equal(config_find_role(c, "audit")->duration_s, 3600);
        assert_false(config_find_role(c, "audit")->duration_capped); // nobody asked for more of this role
        config_unref(c);
        c = parse(IDENTITY ROLE AUDIT "duration = 2h\n", NULL);
        assert_int_equal(config_find_role(c, "audit")->duration_s, 3600);
        assert_true(config_find_role(c, "audit")->duration_capped);
        config_unref(c);
        c = parse(IDENTITY ROLE AUDIT "duration = 15m\n", NULL);
        assert_int_equal(config_find_role(c, "audit")->duration_s, 900);
        config_unref(c);
}

static void chains_that_hang_in_the_air(void **state _unused_)
{
        refused(IDENTITY AUDIT, "x.conf:5: [role audit] comes from the role dev, which is not configured");
        refused(IDENTITY "[role a]\nsource_role = b\nrole_arn = arn:aws:iam::999988887777:role/a\nregion = "
                         "eu-central-1\n"
                         "[role b]\nsource_role = a\nrole_arn = arn:aws:iam::999988887777:role/b\nregion = "
                         "eu-central-1\n",
                "x.conf:5: [role a] comes from itself: its chain of source_role is a circle");
        refused(IDENTITY "[role a]\nsource_role = a\nrole_arn = arn:aws:iam::999988887777:role/a\nregion = "
                         "eu-central-1\n",
                "x.conf:5: [role a] comes from itself: its chain of source_role is a circle");
        refused(IDENTITY ROLE AUDIT "identity = corp\n", "x.conf:11: [role audit] has both source_role and "
                                                         "identity: the identity is its source role's");
        refused(IDENTITY ROLE "external_id = xyz\n",
                "x.conf:7: [role dev] external_id needs source_role: a web-identity call has none");
        refused(IDENTITY ROLE "source_identity = xyz\n",
                "x.conf:7: [role dev] source_identity needs source_role: for a web identity the provider's "
                "token says it");
        refused(IDENTITY ROLE AUDIT "external_id = with blank\n",
                "x.conf:11: external_id: must be 2 to 1224 letters, digits or _+=,.@:/-");
        refused(IDENTITY ROLE "policy_arns = ReadOnlyAccess\n",
                "x.conf:7: policy_arns: must be ARNs of managed policies, like "
                "arn:aws:iam::aws:policy/ReadOnlyAccess");
        refused(IDENTITY ROLE "session_policy = read-only.json\n",
                "x.conf:7: session_policy: must be an absolute path");
}

static void every_allocation_may_fail(void **state)
{
        static const char text[] =
                "[defaults]\nregion = eu-west-1\nca_file = /c\nsession_name = me\ndefault_role = "
                "dev\n" IDENTITY "allow_groups = a b\n" ROLE "[signin]\nmax_offline_age = 1h\n";
        struct config *c = NULL;
        unsigned failed = 0;
        int r = 0;

        (void)state;
        FAULT_EACH(500, r = config_parse(&c, "x.conf", text, strlen(text), NULL))
        {
                assert_int_equal(r, -ENOMEM);
                assert_null(c);
                failed++;
        }
        assert_int_equal(r, 0);
        assert_true(failed > 40);
        config_unref(c);
}

static void an_error_may_fail_to_be_made_too(void **state)
{
        static const char text[] = IDENTITY ROLE "identity = corpse\n";
        struct config *c = NULL;
        int r = 0;

        (void)state;
        FAULT_EACH(500, r = config_parse(&c, "x.conf", text, strlen(text), NULL))
        assert_int_equal(r, -ENOMEM);
        assert_int_equal(r, -EBADMSG);
        assert_null(c);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_it_says),
                cmocka_unit_test(what_it_says_when_little_is_said),
                cmocka_unit_test(lines_that_are_none),
                cmocka_unit_test(what_a_logout_does),
                cmocka_unit_test(bytes_that_do_not_belong),
                cmocka_unit_test(values_have_a_bound),
                cmocka_unit_test(files_have_a_bound),
                cmocka_unit_test(values_that_make_no_sense),
                cmocka_unit_test(values_that_contradict_others),
                cmocka_unit_test(a_chained_role_has_its_sources_identity),
                cmocka_unit_test(a_chained_session_lives_an_hour_at_most),
                cmocka_unit_test(chains_that_hang_in_the_air),
                cmocka_unit_test(every_allocation_may_fail),
                cmocka_unit_test(an_error_may_fail_to_be_made_too),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
