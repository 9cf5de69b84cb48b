/*
 * SHA-256 (FIPS 180-4) of bytes that come in pieces.
 */
#ifndef OXP_SHA256_H
#define OXP_SHA256_H

#include <nettle/sha2.h>

#include "base/bytes.h"

enum { SHA256_SIZE = SHA256_DIGEST_SIZE, SHA256_TEXT = 2 * SHA256_SIZE + 1 };

struct sha256 {
	struct sha256_ctx context;
};

void sha256_begin(struct sha256 *);
void sha256_add(struct sha256 *, struct bytes);
/* It is ready to begin again. */
void sha256_end(struct sha256 *, unsigned char to[SHA256_SIZE]);

#endif
