/*
 * What a file is known by, beside its inode: the bytes that it begins with, and those that stand before an offset in
 * it. Both are kept as a hash and a size, so a copy is known as well as the file itself.
 */
#ifndef OXP_TAIL_HEAD_H
#define OXP_TAIL_HEAD_H

#include "component.h"

enum { TAIL_HEAD_MAX = 256, TAIL_BEFORE_MAX = 256 };

/* The first bytes of a file. A head that cannot be read is no sign that it is another file. */
struct tail_head {
	char data[TAIL_HEAD_MAX];
	size_t size;
};
int tail_head_read(int fd, uint64_t at, struct tail_head *ret) MUST_CHECK; /* 0 or -errno */
/* Whether the file begins as the one of that position did: 1, 0 or -errno. */
int tail_head_is(int fd, const struct position *) MUST_CHECK;
/* The same, of what was read from the position's head_at on. */
bool tail_head_begins(const struct tail_head *, uint64_t hash, uint32_t size);

/* The bytes that stand before `offset`, as they were when they were read. */
struct tail_before {
	uint64_t hash;
	uint16_t size;
};

/* Whether those bytes stand before that offset: 1, 0 or -errno. Of no bytes it is not known. */
int tail_stood_before(int fd, uint64_t offset, const struct tail_before *) MUST_CHECK;
/* The bytes that stand before `here`, of which `known` may be looked at. */
struct tail_before tail_before_of(const char *here, size_t known);

#endif
