#include "proto/sha256.h"

void sha256_begin(struct sha256 *s)
{
	sha256_init(&s->context);
}

void sha256_add(struct sha256 *s, struct bytes piece)
{
	if (piece.size > 0)
		sha256_update(&s->context, piece.size, (const uint8_t *)piece.data);
}

void sha256_end(struct sha256 *s, unsigned char to[SHA256_SIZE])
{
	sha256_digest(&s->context, SHA256_SIZE, to);
}
