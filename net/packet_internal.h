// SPDX-License-Identifier: Apache-2.0
//
// What packet.c (listeners) and packet_conn.c (connections) share.
#pragma once

#include "packet.h"

struct packet_out;

struct packet_conn {
        struct loop *loop;
        int fd;
        struct packet_peer peer;
        struct packet_handlers handlers;
        void *arg;
        struct watch *watch;
        struct packet_out *first, **last; // what waits to be sent
        size_t n_queued, bytes_queued;
        bool closing;        // packet_close_after_send was called
        struct timer *drain; // bounds it
        // NULL for a connection of ours, and once the listener is gone
        struct packet_listener *listener;
        struct packet_conn *next, **prev;
};

// Takes fd, also on failure.
int packet_conn_new(struct packet_conn **ret, struct loop *l, int fd);
