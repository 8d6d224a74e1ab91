// SPDX-License-Identifier: Apache-2.0
//
// On the terminal itself, not on stdin and stdout: those may be a pipe's. What was typed before the question is no answer, and only a
// plain "y" or "a" is a yes.
#include "ask_person.h"

#include "protocol.h"
#include "translate.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <termios.h>

#define LINE_MAX 64

int terminal_open(void)
{
        int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

        if (fd >= 0 && tcgetpgrp(fd) != getpgrp()) {
                close(fd); // in the background: reading would stop us
                return -1;
        }
        return fd;
}

// The line without its end; false: none came in time.
static bool read_line(int terminal, char line[LINE_MAX], int64_t deadline_ms)
{
        struct pollfd p = {.fd = terminal, .events = POLLIN};
        int64_t left = deadline_ms - cli_now_ms();
        ssize_t n;

        if (left <= 0 || poll(&p, 1, (int)left) <= 0)
                return false;
        n = read(terminal, line, LINE_MAX - 1);
        if (n <= 0)
                return false;
        line[n] = 0;
        line[strcspn(line, "\r\n")] = 0;
        return true;
}

static uint32_t ask(int terminal, const char *text, uint32_t expires_in_s, uint32_t a_while_s)
{
        char line[LINE_MAX] = "", clean[ERR_MAX];
        uint32_t answer = ANSWER_NO;
        bool answered;

        tcflush(terminal, TCIFLUSH);
        dprintf(terminal, "valetkey: %s\n", err_sanitise(clean, sizeof clean, text, strlen(text)));
        if (a_while_s)
                dprintf(terminal, _("[y] once, [a] and for the next %u minutes, [n] no: "),
                        (a_while_s + 59) / 60);
        else
                dprintf(terminal, _("[y] yes, [n] no: "));
        answered = read_line(terminal, line, cli_now_ms() + (int64_t)expires_in_s * 1000);
        if (strcmp(line, "y") == 0 || strcmp(line, "yes") == 0)
                answer = ANSWER_ONCE;
        else if (a_while_s && strcmp(line, "a") == 0)
                answer = ANSWER_A_WHILE;
        if (!answered)
                dprintf(terminal, _("\nvaletkey: no answer, so no.\n"));
        return answer;
}

enum outcome terminal_answer(int terminal, struct client *c, struct err *err)
{
        uint32_t expires_in_s, a_while_s, answer;
        struct frame_writer w;
        char text[512];

        if (!frame_get_str(&c->frame, TAG_TEXT, text, sizeof text) ||
                !frame_get_u32(&c->frame, TAG_EXPIRES_IN, &expires_in_s) ||
                !frame_get_u32(&c->frame, TAG_CONFIRM_FOR, &a_while_s) || expires_in_s > 3600) {
                err_set(err, "the credential broker's question makes no sense");
                return OUTCOME_BAD_ANSWER;
        }
        answer = ask(terminal, text, expires_in_s, a_while_s);
        frame_begin(&w, c->packet, sizeof c->packet, MSG_ANSWER);
        frame_put_u32(&w, TAG_ANSWER, answer);
        return client_send(c, &w, err);
}
