// SPDX-License-Identifier: Apache-2.0
//
// Each handler is one verb of the control; docs and the man page list them.
#include "control.h"

#include "dir.h"
#include "faults.h"
#include "keyring.h"
#include "log.h"
#include "op.h"
#include "sts_service.h"
#include "web.h"

static void reply_error(struct web_request *r, int status, const char *text)
{
        web_reply_json(r, status, json_pack("{s:s}", "error", text));
}

static void reply_ok(struct web_request *r)
{
        web_reply_json(r, 200, json_pack("{s:b}", "ok", 1));
}

void control_stats(struct web_request *r)
{
        web_reply_json(r, 200, json_incref(r->cloud->stats));
}

void control_faults(struct web_request *r)
{
        web_reply_json(r, 200, faults_to_json(r->cloud->faults));
}

// set=NAME[=VALUE] or clear=NAME|all.
void control_fault_set(struct web_request *r)
{
        const char *set = web_param(r, "set"), *clear = web_param(r, "clear");
        struct err err = ERR_INIT;

        if (!set == !clear) {
                reply_error(r, 400, "either set or clear is needed");
                return;
        }
        if (set && faults_set(r->cloud->faults, set, &err) < 0) {
                reply_error(r, 400, err.text);
                return;
        }
        if (clear && faults_clear(r->cloud->faults, clear) < 0) {
                reply_error(r, 404, "no such fault is set");
                return;
        }
        log_event(LOG_E_INFO, set ? "fault.set" : "fault.cleared", "name=%s", set ? set : clear);
        reply_ok(r);
}

void control_approve(struct web_request *r)
{
        const char *decision = web_param(r, "decision");
        bool allow = decision && strcmp(decision, "allow") == 0;

        if (!allow && (!decision || strcmp(decision, "deny") != 0))
                reply_error(r, 400, "decision must be allow or deny");
        else if (op_device_decide(r->cloud, web_param(r, "user_code"), web_param(r, "user"), allow) < 0)
                reply_error(r, 404, "no sign-in waits for this user_code, or there is no such user");
        else
                reply_ok(r);
}

void control_devices(struct web_request *r)
{
        web_reply_json(r, 200, op_devices_to_json(r->cloud));
}

// forget=yes: tokens signed before no longer verify.
void control_rotate_keys(struct web_request *r)
{
        const char *forget = web_param(r, "forget");

        if (keyring_rotate(r->cloud->keys, forget && strcmp(forget, "yes") == 0) < 0) {
                web_reply_out_of_memory(r);
                return;
        }
        log_event(LOG_E_INFO, "keys.rotated", "forget=%s", forget ? forget : "no");
        reply_ok(r);
}

// The directory as it is now; when anything in it is wrong, the one loaded before stays.
void control_reload(struct web_request *r)
{
        struct cloud *c = r->cloud;
        struct err err = ERR_INIT;
        struct dir *d = NULL;
        int k = dir_load(&d, c->dir_path, cloud_issuer_name(c), &err);

        if (k < 0) {
                log_event(LOG_E_WARNING, "directory.refused", "why=%s", err.text);
                reply_error(r, 400, err.text[0] ? err.text : strerror(-k));
                return;
        }
        dir_free(c->dir);
        c->dir = d;
        sts_forget_keys(c->sts);
        log_event(LOG_E_INFO, "directory.loaded", "path=%s roles=%zu users=%zu", c->dir_path, d->n_roles,
                d->n_users);
        reply_ok(r);
}
