/*
 * The block format of snappy (google/snappy, format_description.txt), by its own library. That is loaded only where
 * it is needed: it is written in C++, and takes more than a MiB.
 */
#ifndef OXP_SNAPPY_H
#define OXP_SNAPPY_H

#include <snappy-c.h>

#include "base/bytes.h"

struct snappy {
	__typeof__(snappy_max_compressed_length) *packed_at_most;
	__typeof__(snappy_compress) *pack;
};

/* Loads the library. 0, or -ENOENT with WHY. */
int snappy_load(struct snappy *ret, char *why, size_t room) MUST_CHECK;
/* Appends the packed form. 0, -ENOSPC or -ENOMEM. */
int snappy_pack(const struct snappy *, struct bytes, struct buffer *to) MUST_CHECK;

#endif
