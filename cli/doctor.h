// SPDX-License-Identifier: Apache-2.0
//
// The parts of valetkey doctor: each looks at one side of things and adds what it finds. None changes anything, and none
// has a secret to print.
#pragma once

#include "client.h"
#include "config.h"
#include "findings.h"

struct doctor {
        const struct cli *cli;
        struct findings found;
        const char *sdk;        // only this one's chain; NULL
        const char *pam, *sshd; // folder and file that are looked at
        struct config *config;  // NULL: it does not load
        json_t *status;         // the broker's; NULL: it does not answer
        bool uses_pam;          // some service signs in by the module
        int64_t code_life_s;    // the longest of the providers' device codes; 0: not known
};

void doctor_chains(struct doctor *d);  // the SDKs' chains, and each profile that is valetkey's
void doctor_config(struct doctor *d);  // fills d->config
void doctor_broker(struct doctor *d);  // fills d->status
void doctor_here(struct doctor *d);    // bus, valetkeyd, units, the shim, the endpoint
void doctor_imds(struct doctor *d);    // where unknowing programs come
void doctor_network(struct doctor *d); // providers, STS, clocks; fills d->code_life_s
void doctor_machine(struct doctor *d); // PAM, sshd, ports
