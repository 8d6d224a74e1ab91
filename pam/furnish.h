// SPDX-License-Identifier: Apache-2.0
//
// What a session's programs are told of the user's port on the loopback interface. By default the IMDS pointer alone:
// it stands last in every SDK's chain, so it overrides nothing that somebody configured, and holds no secret. Never a
// region: where the work is done is not the login's to say.
#pragma once

#include "arguments.h"

// Sets variables of the PAM environment; what is set there already stays as it is. Nothing is set for "imds" on a
// machine whose DMI says EC2, for the real IMDS is there. NULL, or for the log why nothing was set.
const char *furnish_set(pam_handle_t *pamh, const struct arguments *o, uid_t uid, uint32_t port);
