// SPDX-License-Identifier: Apache-2.0
//
// One form for everybody's sessions and for those an app has of its own.
#include "role_log.h"

#include "log.h"
#include "schedule.h"

#include <inttypes.h>

void role_log_assumed(
        const struct role *r, const struct sts_credentials *c, const struct clock *clock, const char *app)
{
        const struct config_role *conf = role_get_config(r);
        int64_t life = role_get_expiration_s(r) - clock_wall_s(clock);

        log_event(LOG_E_NOTICE, "role.assumed",
                "role=%s role_arn=%s session=%s access_key_id=%s request_id=%s expires=%" PRId64 " app=%s",
                conf->name, conf->role_arn, c->assumed_role_arn ? c->assumed_role_arn : "-", c->access_key_id,
                c->request_id ? c->request_id : "-", c->expiration_s, app ? app : "-");
        if (life <= SCHEDULE_SHORT_S && conf->duration_s > SCHEDULE_SHORT_S / 2)
                log_event(LOG_E_WARNING, "role.short_session", "role=%s life=%" PRId64 " hint=%s", conf->name,
                        life, "some SDKs ask anew on every call for sessions of 15 minutes; raise duration");
}

void role_log_refused(const struct role *r, const char *app)
{
        const char *text, *request_id;
        enum outcome o = role_get_last_error(r, &text, &request_id);

        log_event(o == OUTCOME_NEEDS_LOGIN ? LOG_E_NOTICE : LOG_E_WARNING, "role.refused",
                "role=%s role_arn=%s outcome=%s request_id=%s app=%s reason=%s", role_get_config(r)->name,
                role_get_config(r)->role_arn, outcome_info(o)->id, request_id[0] ? request_id : "-",
                app ? app : "-", text);
}

void role_log_shortened(const struct role *r, const char *app)
{
        const struct config_role *conf = role_get_config(r);

        log_event(LOG_E_WARNING, "role.duration_refused",
                "role=%s role_arn=%s asked=%" PRId64 " given=%" PRId64 " app=%s hint=%s", conf->name,
                conf->role_arn, conf->duration_s, role_get_duration_s(r), app ? app : "-",
                "raise the role's MaxSessionDuration, or lower duration here");
}
