#include "collectors/tail/gzip.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/nameless.h"
#include "base/whole.h"

enum { SMALLEST_GZIP = 18 };

/* A signature is longer than two bytes if a line could begin with those. */
static const struct {
	const char *bytes;
	size_t size;
	enum tail_packing packing;
} magics[] = {
	{ "\x1f\x8b", 2, TAIL_GZIP },
	{ "\x1f\x9d", 2, TAIL_PACKED }, /* compress */
	{ "\xfd"
	  "7zXZ\0",
		6, TAIL_PACKED },
	{ "\x28\xb5\x2f\xfd", 4, TAIL_PACKED }, /* zstd */
	{ "\x04\x22\x4d\x18", 4, TAIL_PACKED }, /* lz4 */
	{ "PK\3\4", 4, TAIL_PACKED }, /* zip */
	{ "\xff\xfe", 2, TAIL_WIDE }, /* little endian (Unicode 15, 23.8); no byte of UTF-8 */
	{ "\xfe\xff", 2, TAIL_WIDE },
	{ "\0\0\xfe\xff", 4, TAIL_WIDE },
};

/* BZh, the size of its blocks, and the first one's own magic. */
static bool is_bzip2(struct bytes b)
{
	return b.size >= TAIL_MAGIC_MAX && memcmp(b.data, "BZh", 3) == 0 && memcmp(b.data + 4, "1AY&SY", 6) == 0;
}

enum tail_packing tail_packing_of(struct bytes beginning)
{
	for (size_t i = 0; i < COUNT_OF(magics); i++)
		if (beginning.size >= magics[i].size && memcmp(beginning.data, magics[i].bytes, magics[i].size) == 0)
			return magics[i].packing;
	return is_bzip2(beginning) ? TAIL_PACKED : TAIL_TEXT;
}

static uint32_t read_whole(int fd)
{
	char trailer[SMALLEST_GZIP] = { 0 };
	off_t size = lseek(fd, 0, SEEK_END);

	if (size < SMALLEST_GZIP || pread(fd, trailer, sizeof trailer, size - SMALLEST_GZIP) != sizeof trailer)
		return 0;
	return (uint32_t)gzip_inflated_size((struct bytes){ trailer, sizeof trailer });
}

void tail_unpack_free(struct tail_unpack *u)
{
	int error = errno;

	if (!u)
		return;
	if (u->packed >= 0)
		close(u->packed);
	if (u->text >= 0)
		close(u->text);
	gunzip_free(u->gunzip);
	buffer_done(&u->piece);
	free(u);
	errno = error;
}

int tail_unpack_take_text(struct tail_unpack *u)
{
	int fd = u->text;

	u->text = -1;
	return fd;
}

bool tail_unpack_learn_size(struct tail_unpack *u)
{
	bool wrong = (uint32_t)u->size != u->whole;

	u->whole = (uint32_t)u->size;
	return wrong;
}

/* Appends what the piece has unpacked to. */
static int write_text(struct tail_unpack *u)
{
	int failed;

	if (u->size + u->piece.size > u->room && u->room < TAIL_UNPACKED_MAX)
		return -ENOSPC;
	failed = whole_write(u->text, u->piece.data, u->piece.size, u->size);
	if (failed)
		return failed;
	u->size += u->piece.size;
	return u->size > TAIL_UNPACKED_MAX ? -EFBIG : 0;
}

/* What was inflated before it failed is sound, and counts. */
static int unpack_piece(struct tail_unpack *u)
{
	char packed[TAIL_UNPACK_PIECE];
	ssize_t got = read(u->packed, packed, sizeof packed);
	int failed, written;

	if (got < 0)
		return errno == EINTR ? 0 : -errno;
	u->ended = got == 0;
	buffer_clear(&u->piece);
	failed = got > 0 ? gunzip_feed(u->gunzip, packed, (size_t)got) : gunzip_end(u->gunzip);
	written = write_text(u);
	u->starved = written && written != -EFBIG;
	if (u->starved)
		return written;
	if (failed)
		return failed;
	return written;
}

static void unpack_slice(struct job *job)
{
	struct tail_unpack *u = CONTAINER_OF(job, struct tail_unpack, job);
	uint64_t until = u->size + TAIL_UNPACK_SLICE;

	while (!u->ended && u->size < until) {
		u->failed = unpack_piece(u);
		u->ended = u->ended || u->failed;
	}
}

struct tail_unpack *tail_unpack_new(
	int packed, const struct tail_identity *identity, const char *folder, void (*done)(struct job *), void *context)
{
	struct tail_unpack *u = oxp_new(sizeof *u);
	int text = nameless_open(folder);

	*u = (struct tail_unpack){ .job = { .work = unpack_slice, .done = done },
		.context = context,
		.identity = *identity,
		.packed = packed,
		.text = text,
		.whole = read_whole(packed) };
	/* A few KiB of gzip can unpack to any number of GiB. */
	u->room = u->text >= 0 ? nameless_room(u->text, TAIL_UNPACKED_IN_MEMORY) : 0;
	lseek(packed, 0, SEEK_SET);
	buffer_init(&u->piece, TAIL_UNPACK_ROOM);
	u->gunzip = gunzip_new();
	if (u->text >= 0 && u->gunzip && gunzip_begin(u->gunzip, &u->piece, SIZE_MAX / 2) == 0)
		return u;
	errno = text < 0 ? -text : ENOMEM;
	tail_unpack_free(u);
	return NULL;
}
