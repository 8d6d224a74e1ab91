// SPDX-License-Identifier: Apache-2.0
//
// What tests of the configuration ask of it: a text that is taken, and one that is refused with exactly this sentence. The
// file is called x.conf.
#pragma once

#include "config.h"

static inline struct config *taken(const char *text)
{
        struct err err = ERR_INIT;
        struct config *c = NULL;

        if (config_parse(&c, "x.conf", text, strlen(text), &err) < 0)
                fail_msg("refused: %s", err.text);
        return c;
}

static inline void refused(const char *text, const char *why)
{
        struct err err = ERR_INIT;
        struct config *c = NULL;

        if (config_parse(&c, "x.conf", text, strlen(text), &err) != -EBADMSG)
                fail_msg("taken: %s", text);
        assert_null(c);
        if (strcmp(err.text, why) != 0)
                fail_msg("says \"%s\" and not \"%s\"", err.text, why);
}
