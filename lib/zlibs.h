// SPDX-License-Identifier: Apache-2.0
//
// Puts allocators that clear what they give back under the libraries that lib/ uses: jansson, cjose, libcrypto. Once,
// first thing in an executable's main — never in a module inside somebody else's process.
#pragma once

void zlibs_install(void);
