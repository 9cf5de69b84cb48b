/*
 * What the body of an answer that refuses says, in words for people, whoever has answered: Elasticsearch and OpenSearch
 * ("error" with type, reason, caused_by and root_cause), a receiver of OTLP (google.rpc.Status, in protobuf or JSON),
 * what says `message`, `detail` (RFC 9457) or the like in JSON, a page of a proxy, plain text.
 *
 * Answers come from outside: at most SAID_LOOKED_AT bytes are looked at, and what comes out is one line without control
 * characters. Secrets that the peer quotes are in it: the caller takes them out.
 */
#ifndef OXP_SAID_H
#define OXP_SAID_H

#include "base/bytes.h"

enum { SAID_LOOKED_AT = 16 << 10 };

/* Writes at most room - 1 bytes and a zero; "" when there is nothing that can be read. Returns whether there is. */
bool said_read(const char *content_type, struct bytes body, char *to, size_t room);

#endif
