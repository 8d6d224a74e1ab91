// SPDX-License-Identifier: Apache-2.0
//
// A ring of the last sign-ins that began: its size is the limit for all, and what it costs to count in it is nothing beside
// a call to a provider.
#include "pace.h"

#include "name.h"

#define WINDOW_MS 60000
#define RHOST_MAX 255

struct start {
        int64_t until_ms; // boot time; 0: nothing stands here
        unsigned kind;
        char user[NAME_MAX_USER + 1], rhost[RHOST_MAX + 1];
};

struct pace {
        const struct clock *clock;
        size_t next; // the oldest one's place
        struct start ring[CONFIG_STARTS_MAX];
};

int pace_new(struct pace **ret, const struct clock *clock)
{
        struct pace *l = calloc(1, sizeof *l);

        if (!l)
                return -ENOMEM;
        l->clock = clock;
        *ret = l;
        return 0;
}

struct pace *pace_free(struct pace *l)
{
        free(l);
        return NULL;
}

static void copy(char *dst, size_t size, const char *s)
{
        const size_t n = strnlen(s, size - 1);

        memcpy(dst, s, n);
        dst[n] = 0;
}

bool pace_allows(
        struct pace *l, const struct config_signin *c, unsigned kind, const char *user, const char *rhost)
{
        const int64_t now = l->clock->boot_ms(l->clock);
        struct start *oldest = &l->ring[l->next];
        unsigned of_user = 0, of_rhost = 0;

        for (size_t i = 0; i < CONFIG_STARTS_MAX; i++) {
                const struct start *s = &l->ring[i];

                if (now >= s->until_ms)
                        continue;
                of_user += s->kind == kind && strncmp(s->user, user, NAME_MAX_USER) == 0;
                of_rhost += rhost && strncmp(s->rhost, rhost, RHOST_MAX) == 0;
        }
        if (now < oldest->until_ms || of_user >= c->max_starts_per_user ||
                of_rhost >= c->max_starts_per_rhost)
                return false;
        oldest->until_ms = now + WINDOW_MS;
        oldest->kind = kind;
        copy(oldest->user, sizeof oldest->user, user);
        copy(oldest->rhost, sizeof oldest->rhost, rhost ? rhost : "");
        l->next = (l->next + 1) % CONFIG_STARTS_MAX;
        return true;
}
