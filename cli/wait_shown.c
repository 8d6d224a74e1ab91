// SPDX-License-Identifier: Apache-2.0
//
// One line, written over each second. Ctrl-C ends the program, and with its connection the sign-in: there is nothing to
// clean up, for the line ends where the shell's next one begins.
#include "wait_shown.h"

#include "terminal.h"
#include "translate.h"

#include <poll.h>
#include <stdio.h>

void wait_shown_begin(struct wait_shown *w, uint32_t expires_in_s)
{
        if (terminal_is_smart(STDERR_FILENO))
                w->ends_ms = cli_now_ms() + (int64_t)expires_in_s * 1000;
}

static void clear(struct wait_shown *w)
{
        if (w->line)
                fputs("\r\033[K", stderr);
        w->line = false;
}

enum outcome wait_shown_receive(struct wait_shown *w, struct client *c, struct err *err)
{
        struct pollfd p = {.fd = c->fd, .events = POLLIN};

        while (w->ends_ms) {
                int64_t left = w->ends_ms - cli_now_ms();
                int r;

                if (left < 0)
                        left = 0;
                fputc('\r', stderr);
                fprintf(stderr, _("%d:%02d left. Ctrl-C cancels."), (int)(left / 60000),
                        (int)(left / 1000 % 60));
                fputs("\033[K", stderr);
                w->line = true;
                r = poll(&p, 1, left % 1000 ? (int)(left % 1000) : 1000);
                if (r > 0 || (r < 0 && errno != EINTR))
                        break;
        }
        clear(w);
        // The broker bounds the flow; here is only waited.
        return client_receive(c, 0, err);
}
