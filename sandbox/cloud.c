// SPDX-License-Identifier: Apache-2.0
//
// The clock and the counters that all of the sandbox shares.
#include "cloud.h"

#include "faults.h"
#include "loop.h"

int64_t cloud_now_s(const struct cloud *c, const char *service)
{
        return clock_wall_s(loop_clock(c->loop)) +
               faults_value(c->faults, FAULTS_CLOCK_SKEW, service, NULL, 0);
}

void cloud_count(struct cloud *c, const char *name)
{
        json_t *n = json_object_get(c->stats, name);

        // Running out of memory loses a count, never an answer.
        if (n)
                json_integer_set(n, json_integer_value(n) + 1);
        else
                (void)json_object_set_new(c->stats, name, json_integer(1));
}

const char *cloud_issuer_name(const struct cloud *c)
{
        return strstr(c->issuer, "://") + 3;
}
