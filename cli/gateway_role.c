// SPDX-License-Identifier: Apache-2.0
#include "gateway_role.h"

#include "clock.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#define AGAIN_MS    10000 // each time is a line in the broker's log
#define AWAY_MS     20000 // after it could not be asked, or somebody would have had to answer
#define DEADLINE_MS 8000  // while it is waited for, nothing passes
#define LEFT_S      5

static enum outcome ask(struct gateway_role *r, struct err *err)
{
        struct role_credentials fresh = {0};
        struct cli cli = *r->cli;
        enum outcome o;

        cli.deadline_ms = cli_now_ms() + DEADLINE_MS;
        // Whoever holds a secret hides what he is (client.c), and the broker wants to see who asks. There are no cores meanwhile.
        (void)prctl(PR_SET_DUMPABLE, 1);
        o = role_credentials_get(&fresh, &cli, r->role, 0, err);
        (void)prctl(PR_SET_DUMPABLE, 0);
        r->ask_at_ms = cli_now_ms() + (o == OUTCOME_OK ? AGAIN_MS : AWAY_MS);
        if (o != OUTCOME_OK)
                return o;
        role_credentials_deinit(&r->c);
        r->c = fresh;
        return o;
}

enum outcome gateway_role_start(struct gateway_role *r, struct err *err)
{
        enum outcome o;

        (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0});
        if (!r->role)
                return role_credentials_from_env(&r->c, err);
        // Nothing passes yet: somebody may be asked whether this program may have the role.
        o = role_credentials_get(&r->c, r->cli, r->role, 0, err);
        r->ask_at_ms = cli_now_ms() + AGAIN_MS;
        return o;
}

static bool is_alive(const struct gateway_role *r)
{
        return r->c.access_key_id &&
               (!r->c.expiration_s || clock_wall_s(&clock_system) + LEFT_S < r->c.expiration_s);
}

// What the broker says no to ends at once. Where it cannot be asked, what it said last holds until it ends.
static bool is_final(enum outcome o)
{
        return o == OUTCOME_NEEDS_LOGIN || o == OUTCOME_ACCESS_DENIED || o == OUTCOME_DENIED_BY_USER ||
               o == OUTCOME_UNKNOWN_ROLE;
}

enum outcome gateway_role_get(void *arg, const struct role_credentials **ret, struct err *err)
{
        struct gateway_role *r = arg;
        enum outcome o = OUTCOME_OK;
        struct err why = ERR_INIT;

        if (r->role && (!is_alive(r) || cli_now_ms() >= r->ask_at_ms))
                o = ask(r, &why);
        if (o != OUTCOME_OK && (is_final(o) || !is_alive(r))) {
                role_credentials_deinit(&r->c);
                *err = why;
                return o;
        }
        *ret = &r->c;
        return OUTCOME_OK;
}

void gateway_role_deinit(struct gateway_role *r)
{
        role_credentials_deinit(&r->c);
}
