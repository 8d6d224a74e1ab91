// SPDX-License-Identifier: Apache-2.0
//
// The answer of a credential plugin of kubectl: an ExecCredential (client.authentication.k8s.io), in the version that kubectl
// says it speaks.
#pragma once

#include "buf.h"
#include "err.h"

// info: what kubectl has put into KUBERNETES_EXEC_INFO; NULL: v1beta1 is answered. 0; -EINVAL with err; -errno.
int exec_credential(struct buf *out, const char *info, const char *token, int64_t expires_s,
        struct err *err) _must_check_;
