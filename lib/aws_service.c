// SPDX-License-Identifier: Apache-2.0
#include "aws_service.h"

#include "sigv4.h"

// Not all that begin with s3: s3tables and s3vectors are services like any other.
bool aws_service_is_s3(const char *service)
{
        static const char *const names[] = {"s3", "s3-outposts", "s3-object-lambda", "s3express"};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (strcmp(service, names[i]) == 0)
                        return true;
        return false;
}

unsigned aws_service_flags(const char *service)
{
        if (aws_service_is_s3(service))
                return SIGV4_S3;
        if (strcmp(service, "aoss") == 0)
                return SIGV4_DEFAULT | SIGV4_SIGN_BODY | SIGV4_LENGTH_UNSIGNED;
        return SIGV4_DEFAULT;
}
