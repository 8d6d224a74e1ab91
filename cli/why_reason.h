// SPDX-License-Identifier: Apache-2.0
//
// What an error of STS means and what is to be done about it, by the code and the words AWS documents for it.
#pragma once

struct why_reason {
        const char *id;           // a stable word
        const char *code;         // of AWS; "" where there is none
        const char *means, *mend; // a sentence each
};
// message: what the broker remembers of the failure. Never NULL.
const struct why_reason *why_reason(const char *message);
