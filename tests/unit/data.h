// SPDX-License-Identifier: Apache-2.0
//
// Fixtures of tests/data, read whole. Tests run in the top folder.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "buf.h"

// Reads tests/data/NAME into an emptied buffer; the test fails when it is not there.
static inline void data_read(struct buf *b, const char *name)
{
        char path[256], chunk[4096];
        const char *top = getenv("VALETKEY_TOP");
        size_t n;
        FILE *f;

        snprintf(path, sizeof path, "%s/tests/data/%s", top ? top : ".", name);
        f = fopen(path, "rbe");
        if (!f)
                fail_msg("no %s", path);
        buf_reset(b);
        while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
                assert_int_equal(buf_append(b, chunk, n), 0);
        fclose(f);
}
