// SPDX-License-Identifier: Apache-2.0
//
// The program that the kernel runs when a process connects, as instructions. It looks at TCP to port 80 of 169.254.169.254
// and 169.254.170.2, and only in one network namespace; whatever else connects is let alone after three comparisons. Of those:
//
//   - what speaks for another machine (a container's or a virtual machine's network in user space) is refused;
//   - a uid below the one up to which uids keep the real thing is let alone;
//   - a uid that the map knows is sent to 127.0.0.1 and its port: in the socket, before it connects, so that both ends see
//     the same four numbers and nothing rewrites a packet;
//   - any other uid is refused (ECONNREFUSED).
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROGRAM_MAX 128u

struct program_options {
        uint32_t map_fd;       // uid → port, as it stands in a packet
        uint64_t netns_cookie; // of the network namespace that is meant
        uint32_t pass_below;   // 0: nobody
        bool six;              // for IPv6 sockets: ::ffff:169.254.169.254 (Java has no others)
};
// Into room for PROGRAM_MAX instructions; returns their number.
size_t program_write(struct bpf_insn *out, const struct program_options *o);
