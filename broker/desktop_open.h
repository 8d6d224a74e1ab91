// SPDX-License-Identifier: Apache-2.0
//
// Has the desktop open a page in the person's browser. The broker is a service with a hardened unit of its own, in which no browser
// could live: somebody else has to start it.
#pragma once

#include "desktop.h"

struct desktop_open;
// url: http or https. done() once, from the loop: whether somebody took it. What the browser makes of it nobody says.
int desktop_open_start(struct desktop_open **ret, struct desktop *d, struct loop *l, const char *url,
        void (*done)(void *arg, bool taken), void *arg) _must_check_;
struct desktop_open *desktop_open_free(struct desktop_open *o); // before the desktop
