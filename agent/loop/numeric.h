/*
 * Addresses in digits.
 */
#ifndef OXP_NUMERIC_H
#define OXP_NUMERIC_H

#include <sys/socket.h>

#include "base/bytes.h"

/* IPv4, or IPv6 with %interface (its name or number) or without; `port` is put into the address. False: it is neither.
 */
bool numeric_parse(struct bytes text, uint16_t port, struct sockaddr_storage *ret) MUST_CHECK;

#endif
