// SPDX-License-Identifier: Apache-2.0
//
// One message with one prompt: sshd before 10.3 holds informational messages back until a prompt comes, and
// some hosts take one message only. The text is the prompt.
#include "talk.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <security/pam_ext.h>

// Length of the UTF-8 sequence at s, 0 when it is none (overlong, surrogate, cut) or a C1 control.
static size_t sequence(const unsigned char *s)
{
        size_t n = s[0] < 0x80                    ? 1
                   : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4
                   : s[0] >= 0xe0                 ? 3
                   : s[0] >= 0xc2                 ? 2
                                                  : 0;

        if (s[0] > 0xf4)
                return 0;
        for (size_t i = 1; i < n; i++)
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
        if ((s[0] == 0xc2 && s[1] < 0xa0) || (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
                (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
                return 0;
        return n;
}

void talk_clean(char *text)
{
        unsigned char *s = (unsigned char *)text;

        while (*s) {
                size_t n = sequence(s);

                if (n == 0 || (*s < ' ' && *s != '\n') || *s == 0x7f) {
                        *s = '?';
                        n = 1;
                }
                s += n;
        }
}

int talk_prompt(pam_handle_t *pamh, const char *text)
{
        char *typed = NULL;
        int r = pam_prompt(pamh, PAM_PROMPT_ECHO_OFF, &typed, "%s", text);

        // People type passwords at prompts.
        if (typed)
                explicit_bzero(typed, strlen(typed));
        free(typed);
        return r;
}

void talk_failure(pam_handle_t *pamh, unsigned flags, enum outcome o, const char *message)
{
        if (flags & PAM_SILENT)
                return;
        pam_error(pamh, "%s", message && message[0] ? message : outcome_info(o)->text);
}
