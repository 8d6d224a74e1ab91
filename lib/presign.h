// SPDX-License-Identifier: Apache-2.0
//
// Tokens that are a presigned request: who shows one shows that he could have sent it, and the service that takes it sends it
// to AWS or checks it there. EKS takes STS's GetCallerIdentity with the cluster's name signed along, RDS a request to itself.
#pragma once

#include "sigv4.h"

#define PRESIGN_EKS_S      60  // kubectl's plugin has always said so; the cluster takes it for 15 minutes
#define PRESIGN_EKS_LIFE_S 840 // and kubectl is told one minute less
#define PRESIGN_RDS_S      900

// endpoint: of STS, "https://HOST[:PORT]". Appends "k8s-aws-v1.…". 0; -EINVAL with err; -errno.
int presign_eks_token(struct buf *out, const char *endpoint, const char *region, const char *cluster,
        const struct sigv4_credentials *cred, int64_t time_s, struct err *err) _must_check_;
// Appends the password for user at host:port.
int presign_rds_token(struct buf *out, const char *host, unsigned port, const char *user, const char *region,
        const struct sigv4_credentials *cred, int64_t time_s, struct err *err) _must_check_;
