// SPDX-License-Identifier: Apache-2.0
//
// A port belongs to a uid that is ours, and to nobody else.
#include "port.h"

#include "admit_uid.h"
#include "ports.h"
#include "protocol.h"

enum outcome port_of_uid(struct signin *s, uid_t uid, uint32_t *ret_port, int *ret_fd, struct err *err)
{
        struct ours_user u;
        enum outcome o;
        uint16_t port;
        int r;

        if (!s->ports) {
                err_set(err, "This daemon gives no loopback ports.");
                return OUTCOME_NOTHING;
        }
        o = admit_uid(&s->paths, uid, clock_wall_s(loop_clock(s->loop)), &u, err);
        if (o != OUTCOME_OK)
                return o;
        r = ports_get(s->ports, uid, &port, ret_fd);
        if (r != 0) {
                err_set(err, "No loopback port can be given: %s.",
                        r == PORTS_E_FULL      ? "all are taken"
                        : r == PORTS_E_UNSAVED ? "it cannot be written down, see the log"
                                               : strerror(-r));
                return r == PORTS_E_FULL ? OUTCOME_BUSY : OUTCOME_INTERNAL;
        }
        *ret_port = port;
        return OUTCOME_OK;
}

void port_reply(struct packet_conn *c, uint32_t port, int fd)
{
        struct frame_writer w;
        uint8_t room[64];

        frame_begin(&w, room, sizeof room, MSG_OK);
        frame_put_u32(&w, TAG_PORT, port);
        if (packet_send(c, room, frame_end(&w), &fd, fd >= 0) < 0)
                packet_close_after_send(c);
}
