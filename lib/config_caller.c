// SPDX-License-Identifier: Apache-2.0
//
// The readers of values that are about callers: which app, which of the roles, and whether a person is asked.
#include "config_schema.h"

#include "timefmt.h"

static int wrong(struct err *err, const char *what)
{
        err_set(err, "%s", what);
        return -EBADMSG;
}

static int set_text(char **field, const char *value)
{
        *field = strdup(value);
        return *field ? 0 : -ENOMEM;
}

int config_set_by_name_only(void *field, const char *value, struct err *err)
{
        bool *b = field;

        if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
                return wrong(err, "must be yes or no");
        *b = value[0] == 'n';
        return 0;
}

int config_set_confirm(void *field, const char *value, struct err *err)
{
        static const char *const names[] = {
                [CONFIRM_NO] = "no", [CONFIRM_NOTIFY] = "notify", [CONFIRM_ASK] = "ask"};
        enum config_confirm *c = field;

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (strcmp(value, names[i]) == 0) {
                        *c = (enum config_confirm)i;
                        return 0;
                }
        return wrong(err, "must be ask, notify or no");
}

int config_set_confirm_for(void *field, const char *value, struct err *err)
{
        int64_t *s = field;

        if (strcmp(value, "0") == 0)
                *s = 0;
        else if (time_parse_duration(value, s) < 0 || *s < 60 || *s > 86400)
                return wrong(err, "must be 0 (each time) or a time from 60s to 1d");
        return 0;
}

int config_set_flatpak(void *field, const char *value, struct err *err)
{
        if (!app_id_is_flatpak(value))
                return wrong(err, "must be the id of a Flatpak app, like org.example.App");
        return set_text(field, value);
}

int config_set_snap(void *field, const char *value, struct err *err)
{
        if (!app_id_is_snap(value))
                return wrong(err, "must be the name of a snap, like firefox");
        return set_text(field, value);
}

int config_set_unit(void *field, const char *value, struct err *err)
{
        size_t n = strlen(value);

        for (const char *p = value; *p; p++)
                if (*p <= ' ' || *p > '~' || strchr("/[]", *p))
                        return wrong(
                                err, "must be the name of a systemd unit; * and ? stand for any characters");
        if (n < APP_ID_MAX && ((n > 8 && strcmp(value + n - 8, ".service") == 0) ||
                                      (n > 6 && strcmp(value + n - 6, ".scope") == 0)))
                return set_text(field, value);
        return wrong(err, "must end in .service or .scope");
}

// Names of roles, or patterns of them.
int config_set_role_patterns(void *field, const char *value, struct err *err)
{
        for (const char *p = value; *p; p++)
                if (!strchr("*? \t._/-", *p) && !(*p >= 'a' && *p <= 'z') && !(*p >= '0' && *p <= '9'))
                        return wrong(err, "must be names of roles; * and ? stand for any characters");
        return config_set_words(field, value, err);
}
