// SPDX-License-Identifier: Apache-2.0
//
// The desktop's notifications (org.freedesktop.Notifications on the session bus): a question with buttons, or a line to read. On a
// connection of its own, made when there is something to say.
#pragma once

#include "loop.h"

#include <dbus/dbus.h>

enum desktop_answer {
        DESKTOP_NOBODY, // no bus, nobody who shows notifications, or none with buttons
        DESKTOP_CLOSED, // put away without an answer
        DESKTOP_NO,
        DESKTOP_ONCE,
        DESKTOP_A_WHILE,
};

struct desktop;
int desktop_new(struct desktop **ret, struct loop *l) _must_check_;
struct desktop *desktop_free(struct desktop *d); // after its questions

struct desktop_text {
        const char *summary, *body; // plain text: what notifications take for markup is taken out
        // The buttons of a question: DESKTOP_ONCE, DESKTOP_NO, and the one that is good for a while (NULL: there is none).
        const char *yes, *no, *a_while;
        bool urgent; // somebody waits for the answer
};

// done() exactly once, never from inside start. Freed before that, the question is taken from the screen.
struct desktop_question;
int desktop_ask(struct desktop_question **ret, struct desktop *d, const struct desktop_text *t,
        void (*done)(void *arg, enum desktop_answer a), void *arg) _must_check_;
struct desktop_question *desktop_question_free(struct desktop_question *q);

void desktop_tell(struct desktop *d, const struct desktop_text *t); // where it cannot be shown, it is not

// The session bus as it is there now; NULL: none. Borrowed until the next turn of the loop.
DBusConnection *desktop_connection(struct desktop *d);
