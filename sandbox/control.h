// SPDX-License-Identifier: Apache-2.0
//
// The control of a running sandbox, under /_sandbox/: statistics, faults, approvals, keys, the directory.
#pragma once

struct web_request;

void control_stats(struct web_request *r);
void control_faults(struct web_request *r);
void control_fault_set(struct web_request *r);
void control_approve(struct web_request *r);
void control_devices(struct web_request *r);
void control_rotate_keys(struct web_request *r);
void control_reload(struct web_request *r);
