// SPDX-License-Identifier: Apache-2.0
//
// The broker wants the person at this terminal asked before it hands out a role (confirm = ask).
#pragma once

#include "client.h"

// The controlling terminal, where this program may use it: yours to close. -1: there is none, or another program has it.
int terminal_open(void);
// Puts the question that has just come (MSG_QUESTION) and sends the answer. OUTCOME_OK or err.
enum outcome terminal_answer(int terminal, struct client *c, struct err *err);
