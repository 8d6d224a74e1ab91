// SPDX-License-Identifier: Apache-2.0
//
// SOCK_SEQPACKET on the loop: a listener that knows its peers by uid from the kernel (SO_PEERCRED),
// connections that send and receive whole frames, and descriptors beside them (SCM_RIGHTS). Half a message
// does not exist here: a packet is a frame or an error. Received bytes are cleared after the callback
// returns.
#pragma once

#include "err.h"
#include "frame.h"
#include "loop.h"

struct packet_peer {
        uid_t uid;
        gid_t gid;
        pid_t pid; // for logs only: it may be another process by now
};

struct packet_conn;
struct packet_handlers {
        // One frame. Descriptors that came along are in fds (borrowed; closed afterwards unless taken by
        // TAKE_FD).
        void (*frame)(struct packet_conn *c, const struct frame *f, int *fds, size_t n_fds, void *arg);
        // The peer closed, broke the framing (err says how), or sending failed. The connection may be freed
        // here.
        void (*closed)(struct packet_conn *c, const struct err *err, void *arg);
};

struct packet_listener;
// path: bound anew (a stale socket file is replaced, a live one is -EADDRINUSE), mode as given; or fd ≥ 0
// from activation. accepted() decides: give the connection handlers with packet_conn_set, or packet_conn_free
// it.
int packet_listen_path(struct packet_listener **ret, struct loop *l, const char *path, unsigned mode,
        void (*accepted)(struct packet_conn *c, void *arg), void *arg) _must_check_;
int packet_listen_fd(struct packet_listener **ret, struct loop *l, int fd,
        void (*accepted)(struct packet_conn *c, void *arg), void *arg) _must_check_; // takes fd
// paused: connections wait in the socket's queue. For a program that hands the socket over.
void packet_listener_pause(struct packet_listener *p, bool paused);
int packet_listener_get_fd(const struct packet_listener *p); // borrowed
// The socket at path was bound by the program that handed it over: remove it in the end.
void packet_listener_own(struct packet_listener *p, const char *path);
bool packet_listener_owns(const struct packet_listener *p);
struct packet_listener *packet_listener_free(struct packet_listener *p);
// At most this many connections in all and of one uid (512 and 256 unless told). Root is held to the first.
void packet_listener_limit(struct packet_listener *p, unsigned all, unsigned of_uid);
unsigned packet_listener_count(const struct packet_listener *p, uid_t uid); // open connections of that uid

int packet_connect(struct packet_conn **ret, struct loop *l, const char *path) _must_check_; // non-blocking
void packet_conn_set(struct packet_conn *c, const struct packet_handlers *h, void *arg);
const struct packet_peer *packet_conn_peer(const struct packet_conn *c);
// A descriptor of the process that connected, yours to close; -EOPNOTSUPP: the kernel gives none; -errno: it has ended.
int packet_conn_open_process(const struct packet_conn *c) _must_check_;
// Its label at the security module when it connected; "" where there is none. -errno.
int packet_conn_label(const struct packet_conn *c, char *dst, size_t n) _must_check_;
// Queues one frame (copied; the copy is cleared once sent) with up to 4 descriptors (duplicated).
int packet_send(
        struct packet_conn *c, const void *frame, size_t n, const int *fds, size_t n_fds) _must_check_;
void packet_close_after_send(struct packet_conn *c); // end once the queue is empty; closed() is called
struct packet_conn *packet_conn_free(struct packet_conn *c); // no callback afterwards
