// SPDX-License-Identifier: Apache-2.0
//
// Sentences for people, as "make pot" collects them for translators (docs/HACKING.md). Only valetkey(1) opens a catalogue: what daemons
// log, and what goes over sockets, is English everywhere.
#pragma once

#include <libintl.h>

#define _(text)  gettext(text)
#define N_(text) text // translated where it is shown
