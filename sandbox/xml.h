// SPDX-License-Identifier: Apache-2.0
//
// The XML of the query protocol of STS and IAM: elements one after the other, text escaped, errors in AWS's wrapper.
#pragma once

#include "buf.h"
#include "web.h"

// <name>text</name>; nothing when text is NULL.
int xml_text(struct buf *b, const char *name, const char *text);
int xml_int(struct buf *b, const char *name, int64_t v);
// Wraps what is in result into <OPResponse><OPResult>…</OPResult><ResponseMetadata>… and sends it.
void xml_reply_result(struct web_request *r, const char *op, const struct buf *result);
// <ErrorResponse> as AWS sends it: Type Sender for 4xx, Receiver for 5xx.
void xml_reply_error(struct web_request *r, int status, const char *code, const char *message);
