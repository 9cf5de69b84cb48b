/*
 * For helpers: a connection to a server, with TLS if asked for. All calls block.
 */
#ifndef OXP_DIAL_H
#define OXP_DIAL_H

#include "base/base.h"

struct dial_options {
	const char *host, *port;
	bool tls;
	const char *ca; /* file of the authorities; "": the system's */
	bool trust_anyone; /* neither signature nor name is checked */
};

struct dial;

/* NULL, and why. */
struct dial *dial_new(const struct dial_options *, char *why, size_t room) MUST_CHECK;
void dial_free(struct dial *); /* takes NULL */
bool dial_write(struct dial *, const char *data, size_t size) MUST_CHECK;
/* One line, without its end. False: the connection ended, or the line is longer. */
bool dial_read_line(struct dial *, char *to, size_t room) MUST_CHECK;

#endif
