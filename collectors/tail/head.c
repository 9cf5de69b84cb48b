#include "collectors/tail/head.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/bytes.h"

int tail_head_read(int fd, uint64_t at, struct tail_head *ret)
{
	ssize_t got = pread(fd, ret->data, sizeof ret->data, (off_t)at);

	ret->size = got > 0 ? (size_t)got : 0;
	return got < 0 ? -errno : 0;
}

bool tail_head_begins(const struct tail_head *h, uint64_t hash, uint32_t size)
{
	return size == 0 || (size <= h->size && XXH3_64bits(h->data, size) == hash);
}

int tail_head_is(int fd, const struct position *p)
{
	struct tail_head h;
	int failed = tail_head_read(fd, p->head_at, &h);

	if (failed)
		return failed;
	return tail_head_begins(&h, p->head_hash, p->head_size);
}

int tail_stood_before(int fd, uint64_t offset, const struct tail_before *before)
{
	char data[TAIL_BEFORE_MAX];
	size_t size = before->size;
	ssize_t got;

	if (size == 0 || size > TAIL_BEFORE_MAX || offset < size)
		return 0;
	got = pread(fd, data, size, (off_t)(offset - size));
	if (got < 0)
		return -errno;
	return (size_t)got == size && XXH3_64bits(data, size) == before->hash;
}

struct tail_before tail_before_of(const char *here, size_t known)
{
	size_t size = known < TAIL_BEFORE_MAX ? known : TAIL_BEFORE_MAX;

	return (struct tail_before){ .hash = XXH3_64bits(here - size, size), .size = (uint16_t)size };
}
