// SPDX-License-Identifier: Apache-2.0
//
// What is said to a session's programs of the user's loopback port, in one way whoever says it: the PAM module, the user
// manager's environment generator, the broker, the CLI.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define SESSION_LOOPBACK     "127.0.0.1"
#define SESSION_POINTER      "AWS_EC2_METADATA_SERVICE_ENDPOINT"
#define SESSION_DMI          "/sys/class/dmi/id"
#define SESSION_NO_PROXY_MAX 4096u

// Whether the firmware (its words are in the files of dmi) says that this machine is on EC2, whose own IMDS is not to be
// hidden.
bool session_is_ec2(const char *dmi);

// What NO_PROXY, or no_proxy, has to become so that nobody sends requests for the loopback port to a proxy. own: its value;
// other: that of the other spelling (NULL: not set). Libraries that know both read one of them first, so one that is not
// set begins as the other is. False: it stays as it is (it says so already, or is too long to be added to).
bool session_no_proxy(char ret[SESSION_NO_PROXY_MAX], const char *own, const char *other);
