/*
 * What a file is recognized by, beside its inode: the bytes that it begins with, and those before an offset in it. Both
 * are saved as a hash and a size, so a copy is recognized as well as the file itself.
 */
#ifndef OXP_TAIL_HEAD_H
#define OXP_TAIL_HEAD_H

#include "component.h"

enum { TAIL_HEAD_MAX = 256, TAIL_BEFORE_MAX = 256 };

/* The first bytes of a file. If they cannot be read, that does not mean that it is another file. */
struct tail_head {
	char data[TAIL_HEAD_MAX];
	size_t size;
};
int tail_head_read(int fd, uint64_t at, struct tail_head *ret) MUST_CHECK; /* 0 or -errno */
/* Whether the file begins as the one of that position did: 1, 0 or -errno. */
int tail_head_is(int fd, const struct position *) MUST_CHECK;
/* The same for bytes that were read from the position's head_at on. */
bool tail_head_begins(const struct tail_head *, uint64_t hash, uint32_t size);

/* The bytes that stand before `offset`, as they were when they were read. */
struct tail_before {
	uint64_t hash;
	uint16_t size;
};

/* Whether those bytes are before that offset: 1, 0 or -errno. Without bytes, that is not known. */
int tail_stood_before(int fd, uint64_t offset, const struct tail_before *) MUST_CHECK;
/* The bytes before `here`, of which `known` may be looked at. */
struct tail_before tail_before_of(const char *here, size_t known);

#endif
