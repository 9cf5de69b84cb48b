/*
 * Who may ask: credentials in a file, one a line, and whether a request has one of them.
 *
 * A line is a bearer token (RFC 6750, 2.1), or user:password for basic authentication (RFC 7617). A token has no colon.
 * Only digests are kept, and all of them are compared in full, so neither memory nor time tells what they are. Pure.
 */
#ifndef OXP_HTTP_CREDENTIALS_H
#define OXP_HTTP_CREDENTIALS_H

#include "base/bytes.h"

enum { CREDENTIALS_MAX = 64, CREDENTIAL_SIZE_MAX = 4096, CREDENTIALS_FILE_MAX = 512 << 10, CREDENTIAL_DIGEST = 32 };

struct credentials {
	size_t count;
	unsigned char digests[CREDENTIALS_MAX][CREDENTIAL_DIGEST];
};

/* NULL; or what is wrong with the text, and nothing was written. Empty lines do not count, one credential must be
 * there. */
const char *credentials_read(struct bytes text, struct credentials *ret) MUST_CHECK;
/* `authorization` is the header's value, or NULL. */
bool credentials_have(const struct credentials *, const char *authorization) MUST_CHECK;

#endif
