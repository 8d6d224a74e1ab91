// SPDX-License-Identifier: Apache-2.0
//
// A request has a uid and no name. A uid of the passwd file is that of whoever stands there, who is ours where root's table
// says so; any other is looked for in the daemon's own table.
#include "port.h"

#include "admit.h"
#include "name.h"
#include "ports.h"
#include "protocol.h"

#include <pwd.h>
#include <stdio.h>

// Several lines may have one uid; one that is ours is enough.
static enum outcome find_local(struct signin *s, uid_t uid, bool *ret_known, struct err *err)
{
        FILE *f = fopen(s->paths.passwd, "re");
        int64_t now_s = clock_wall_s(loop_clock(s->loop));
        enum outcome o = OUTCOME_NOT_OURS;
        const struct passwd *p;

        *ret_known = false;
        if (!f) {
                err_set(err, "%s cannot be read: %s", s->paths.passwd, strerror(errno));
                return OUTCOME_INTERNAL;
        }
        while (o != OUTCOME_OK && (p = fgetpwent(f))) {
                char name[NAME_MAX_USER + 1];
                struct ours_user u;

                if (p->pw_uid != uid)
                        continue;
                *ret_known = true;
                if ((size_t)snprintf(name, sizeof name, "%s", p->pw_name) >= sizeof name)
                        continue;
                err_clear(err);
                o = admit_user(&s->paths, name, now_s, &u, err);
                if (o == OUTCOME_OK && (u.kind != OURS_LOCAL || u.uid != uid))
                        o = OUTCOME_NOT_OURS;
        }
        fclose(f);
        return o;
}

static enum outcome find_federated(struct signin *s, uid_t uid, struct err *err)
{
        struct table t = TABLE_INIT;
        struct table_user entry;
        struct ours_user u;
        enum outcome o;
        int r = table_open(&t, s->paths.table, TABLE_FEDERATED, s->paths.owners, s->paths.n_owners);

        if (r == 0)
                r = table_find_uid(&t, uid, &entry);
        table_close(&t);
        if (r == TABLE_E_NOT_FOUND)
                return OUTCOME_NOT_OURS;
        if (r != 0) {
                err_set(err, "%s: %s.", s->paths.table, table_result_text(r));
                return OUTCOME_INTERNAL;
        }
        o = admit_user(&s->paths, entry.name, clock_wall_s(loop_clock(s->loop)), &u, err);
        return o == OUTCOME_OK && (u.kind != OURS_FEDERATED || u.uid != uid) ? OUTCOME_NOT_OURS : o;
}

enum outcome port_of_uid(struct signin *s, uid_t uid, uint32_t *ret_port, int *ret_fd, struct err *err)
{
        enum outcome o = OUTCOME_NOT_OURS;
        bool known = false;
        uint16_t port;
        int r;

        if (!s->ports) {
                err_set(err, "This daemon gives no loopback ports.");
                return OUTCOME_NOTHING;
        }
        if (uid != 0)
                o = find_local(s, uid, &known, err);
        if (uid != 0 && !known && o == OUTCOME_NOT_OURS)
                o = find_federated(s, uid, err);
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
