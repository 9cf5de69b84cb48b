#include "collectors/tail/hole.h"

#include <errno.h>
#include <unistd.h>

enum { PIECES = 64 };

size_t tail_zeros(const char *data, size_t size)
{
	size_t n = 0;
	uint64_t word;

	for (; n + sizeof word <= size; n += sizeof word) {
		memcpy(&word, data + n, sizeof word);
		if (word)
			break;
	}
	while (n < size && data[n] == '\0')
		n++;
	return n;
}

/* Zeros at the end may be the beginning of more. */
static bool may_be_hole(const char *data, size_t at, size_t size)
{
	size_t zeros = tail_zeros(data + at, size - at);

	return (at == 0 || data[at - 1] == '\n') && (zeros >= TAIL_HOLE_MIN || at + zeros == size);
}

size_t tail_before_hole(const char *data, size_t size)
{
	const char *zero = memchr(data, '\0', size);

	while (zero) {
		size_t at = (size_t)(zero - data);
		if (may_be_hole(data, at, size))
			return at;
		at += tail_zeros(zero, size - at);
		zero = memchr(data + at, '\0', size - at);
	}
	return size;
}

/* Where the file system has stored something next; `size` if there is a hole up to the end. */
static uint64_t next_data(int fd, uint64_t at, uint64_t size)
{
	off_t data = lseek(fd, (off_t)at, SEEK_DATA);

	if (data < 0)
		return errno == ENXIO ? size : at;
	return data > (off_t)at ? (uint64_t)data : at;
}

int tail_hole_at(int fd, uint64_t offset, uint64_t size, uint64_t *ret_zeros)
{
	char piece[TAIL_HOLE_PIECE];
	uint64_t at = next_data(fd, offset, size);

	for (int i = 0; i < PIECES && at < size; i++) {
		ssize_t got = pread(fd, piece, sizeof piece, (off_t)at);
		size_t zeros = got > 0 ? tail_zeros(piece, (size_t)got) : 0;
		if (got < 0)
			return -errno;
		at += zeros;
		if (got == 0 || zeros < (size_t)got)
			break;
		at = next_data(fd, at, size);
	}
	*ret_zeros = at - offset;
	return at < size;
}
