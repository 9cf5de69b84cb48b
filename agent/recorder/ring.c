#include "recorder/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/whole.h"

enum { LAYOUT = 1, HEADERS = 2, HEADER_ROOM = 2048, HEADER_SIZE = HEADERS * HEADER_ROOM, FRAME_MARK = 0x52504f58 };
#define POSITION_MAX (UINT64_C(1) << 62)

static const char magic[16] = "oxpecker flight";

/* `check` covers the fields before it. There are two, written in turns, so that one is whole: the latest counts. */
struct header {
	char magic[16];
	uint64_t serial;
	uint32_t layout, ended;
	uint64_t size; /* of the frames */
	uint64_t tail;
	uint64_t check;
};

/* `check` covers the fields before it and the entries; `dumped` is set later. */
struct frame {
	uint32_t mark, size; /* with this head */
	uint64_t position;
	uint64_t check;
	uint64_t dumped;
};

/* The request stands behind it, without any padding. */
struct entry {
	int64_t at_ns;
	uint32_t kind, records, size;
};

enum { ENTRY_SIZE = offsetof(struct entry, size) + sizeof(uint32_t) };

/* Invariant: tail <= head <= tail + header.size. */
struct ring {
	int fd;
	bool looks; /* another process may write to it */
	struct header header;
	uint64_t head, hold;
	uint64_t newest; /* position of the last frame, or the head */
};

/* Reading and writing the file. */

static int put(const struct ring *r, const void *data, size_t size, uint64_t at)
{
	return whole_write(r->fd, data, size, at);
}

/* 0, -errno, or -ENODATA if the file ends before. */
static int get(const struct ring *r, void *data, size_t size, uint64_t at)
{
	ssize_t got = whole_read(r->fd, data, size, at);

	if (got < 0)
		return (int)got;
	return (size_t)got == size ? 0 : -ENODATA;
}

/* Of `size` bytes at a position: those before the end of the file. The others are at its beginning. */
static size_t before_end(const struct ring *r, uint64_t position, size_t size)
{
	uint64_t left = r->header.size - position % r->header.size;

	return size < left ? size : (size_t)left;
}

static int put_around(const struct ring *r, const char *data, size_t size, uint64_t position)
{
	size_t first = before_end(r, position, size);
	int failed = put(r, data, first, HEADER_SIZE + position % r->header.size);

	if (failed || first == size)
		return failed;
	return put(r, data + first, size - first, HEADER_SIZE);
}

static int get_around(const struct ring *r, char *data, size_t size, uint64_t position)
{
	size_t first = before_end(r, position, size);
	int failed = get(r, data, first, HEADER_SIZE + position % r->header.size);

	if (failed || first == size)
		return failed;
	return get(r, data + first, size - first, HEADER_SIZE);
}

static uint64_t header_check(const struct header *h)
{
	return XXH3_64bits(h, offsetof(struct header, check));
}

static uint64_t header_at(uint64_t serial)
{
	return serial % HEADERS * HEADER_ROOM;
}

static int put_header(struct ring *r)
{
	r->header.serial++;
	r->header.check = header_check(&r->header);
	return put(r, &r->header, sizeof r->header, header_at(r->header.serial));
}

static bool header_fits(const struct header *h)
{
	return memcmp(h->magic, magic, sizeof magic) == 0 && h->layout == LAYOUT && h->check == header_check(h) &&
	       h->size >= RING_SIZE_MIN - HEADER_SIZE && h->size <= RING_SIZE_MAX && h->tail < POSITION_MAX &&
	       h->serial < POSITION_MAX;
}

/* The latest header that is whole. 0; -EBADMSG: none is; -errno. */
static int get_header(const struct ring *r, struct header *ret)
{
	struct header h;
	int found = -EBADMSG;

	for (uint64_t i = 0; i < HEADERS; i++) {
		int failed = get(r, &h, sizeof h, header_at(i));
		if (failed && failed != -ENODATA)
			return failed;
		if (failed || !header_fits(&h) || (found == 0 && h.serial < ret->serial))
			continue;
		*ret = h;
		found = 0;
	}
	return found;
}

/* Frames. */

size_t ring_frame_max(uint64_t size)
{
	return size / 4 < RING_FRAME_MAX ? (size_t)size / 4 : RING_FRAME_MAX;
}

size_t ring_frame_head(void)
{
	return sizeof(struct frame);
}

size_t ring_entry_size(size_t request)
{
	return ENTRY_SIZE + request;
}

int ring_frame_begin(struct buffer *frame)
{
	buffer_clear(frame);
	return buffer_append(frame, &(struct frame){ .mark = FRAME_MARK }, sizeof(struct frame));
}

int ring_frame_add(struct buffer *frame, const struct ring_entry *e)
{
	const struct entry entry = {
		.at_ns = e->at.ns, .kind = e->kind, .records = e->records, .size = (uint32_t)e->request.size
	};
	char *to;

	if (e->request.size > RING_FRAME_MAX)
		return -ENOSPC;
	to = buffer_reserve(frame, ring_entry_size(e->request.size));
	if (!to)
		return -ENOSPC;
	memcpy(to, &entry, ENTRY_SIZE);
	memcpy(to + ENTRY_SIZE, e->request.data, e->request.size);
	frame->size += ring_entry_size(e->request.size);
	return 0;
}

static uint64_t frame_check(const struct frame *f, const char *entries)
{
	uint64_t seed = XXH3_64bits(f, offsetof(struct frame, check));

	return XXH3_64bits_withSeed(entries, f->size - sizeof *f, seed);
}

/* Whether a frame can be what it says. */
static bool is_frame(const struct ring *r, const struct frame *f, uint64_t position)
{
	return f->mark == FRAME_MARK && f->position == position && f->size >= sizeof *f &&
	       f->size <= ring_frame_max(r->header.size + HEADER_SIZE);
}

/* The frame at that position, into `to`. 1; 0: there is none that is whole; -errno. */
static int get_frame(const struct ring *r, uint64_t position, struct buffer *to)
{
	struct frame f;
	int failed = get_around(r, (char *)&f, sizeof f, position);
	char *data;

	if (failed || !is_frame(r, &f, position))
		return failed == -ENODATA ? 0 : failed;
	buffer_clear(to);
	data = buffer_reserve(to, f.size + RING_PADDING);
	if (!data)
		return -ENOMEM;
	failed = get_around(r, data, f.size, position);
	if (failed)
		return failed == -ENODATA ? 0 : failed;
	if (memcmp(data, &f, sizeof f) != 0 || f.check != frame_check(&f, data + sizeof f))
		return 0;
	memset(data + f.size, 0, RING_PADDING);
	to->size = f.size;
	return 1;
}

bool ring_entry_next(const struct buffer *frame, size_t *at, struct ring_entry *ret)
{
	struct entry e;
	size_t left;

	if (*at == 0)
		*at = sizeof(struct frame);
	left = frame->size > *at ? frame->size - *at : 0;
	if (left < ENTRY_SIZE)
		return false;
	memcpy(&e, frame->data + *at, ENTRY_SIZE);
	if (e.size > left - ENTRY_SIZE || e.kind >= RING_KINDS)
		return false;
	*ret = (struct ring_entry){ .at = { e.at_ns },
		.kind = (enum ring_kind)e.kind,
		.records = e.records,
		.request = { frame->data + *at + ENTRY_SIZE, e.size } };
	*at += ENTRY_SIZE + e.size;
	return true;
}

bool ring_frame_is_dumped(const struct buffer *frame)
{
	return ((const struct frame *)frame->data)->dumped != 0;
}

uint64_t ring_frame_position(const struct buffer *frame)
{
	return ((const struct frame *)frame->data)->position;
}

int ring_set_dumped(struct ring *r, uint64_t position)
{
	const uint64_t dumped = 1;

	if (position < r->header.tail || position >= r->head)
		return -ENOENT; /* it was written over */
	return put_around(r, (const char *)&dumped, sizeof dumped, position + offsetof(struct frame, dumped));
}

/* Opening. */

/* From the tail on to the last frame that is whole. */
static int find_head(struct ring *r)
{
	struct header *h = &r->header;
	struct buffer frame;
	int found = 1;

	buffer_init(&frame, RING_FRAME_MAX + RING_PADDING);
	r->head = r->newest = h->tail;
	while (found == 1) {
		found = get_frame(r, r->head, &frame);
		if (found == 1 && r->head + frame.size - h->tail > h->size)
			found = 0;
		if (found == 1) {
			r->newest = r->head;
			r->head += frame.size;
		}
	}
	buffer_done(&frame);
	return found;
}

/* An empty ring, which is on disk when this returns 0. */
static int make(struct ring *r, uint64_t size)
{
	int failed = ftruncate(r->fd, 0) < 0 ? -errno : -posix_fallocate(r->fd, 0, (off_t)size);

	if (failed) {
		(void)!ftruncate(r->fd, 0);
		return failed;
	}
	r->header = (struct header){ .layout = LAYOUT, .size = size - HEADER_SIZE, .ended = 1 };
	memcpy(r->header.magic, magic, sizeof magic);
	r->head = r->newest = 0;
	return put_header(r);
}

static int new_ring(const struct path_folder *folder, int flags, struct ring **ret)
{
	int fd = path_ours_open(folder->fd, RING_NAME, flags);

	if (fd < 0)
		return fd;
	*ret = oxp_new(sizeof **ret);
	(*ret)->fd = fd;
	(*ret)->looks = flags == O_RDONLY;
	(*ret)->hold = UINT64_MAX;
	return 0;
}

/* A kill came before the first header: that is all zeros. */
static bool is_begun(const struct ring *r)
{
	static const char zeros[sizeof magic];
	char there[sizeof magic];

	for (uint64_t i = 0; i < HEADERS; i++)
		if (get(r, there, sizeof there, header_at(i)) < 0 || memcmp(there, zeros, sizeof there) != 0)
			return false;
	return true;
}

/* 0; -EBADMSG: it is not a ring; -errno. */
static int load(struct ring *r, uint64_t size, enum ring_found *ret_found)
{
	struct stat info;
	int failed = fstat(r->fd, &info) < 0 ? -errno : get_header(r, &r->header);

	*ret_found = RING_THERE;
	if (failed && (failed != -EBADMSG || (info.st_size > 0 && !is_begun(r))))
		return failed;
	if (!failed && r->header.size + HEADER_SIZE == size && (uint64_t)info.st_size == size)
		return find_head(r);
	*ret_found = RING_NEW;
	return make(r, size);
}

int ring_open(const struct path_folder *folder, uint64_t size, struct ring **ret, enum ring_found *ret_found)
{
	struct ring *r = NULL;
	enum ring_found found = RING_THERE;
	int failed = new_ring(folder, O_RDWR | O_CREAT, &r);

	OXP_ASSERT(size >= RING_SIZE_MIN && size <= RING_SIZE_MAX);
	if (!failed)
		failed = load(r, size, &found);
	if (failed == -EBADMSG) {
		ring_close(r);
		r = NULL;
		failed = path_ours_set_aside(folder->fd, RING_NAME);
		if (!failed)
			failed = new_ring(folder, O_RDWR | O_CREAT, &r);
		if (!failed)
			failed = make(r, size);
		found = RING_SET_ASIDE;
	}
	if (failed) {
		ring_close(r);
		return failed;
	}
	*ret = r;
	*ret_found = found;
	return 0;
}

int ring_look(const struct path_folder *folder, struct ring **ret)
{
	struct ring *r = NULL;
	int failed = new_ring(folder, O_RDONLY, &r);

	if (!failed)
		failed = get_header(r, &r->header);
	if (!failed)
		failed = find_head(r);
	if (failed)
		ring_close(r);
	else
		*ret = r;
	return failed;
}

void ring_close(struct ring *r)
{
	if (!r)
		return;
	close(r->fd);
	free(r);
}

bool ring_is_whole(const struct ring *r, const struct path_folder *folder)
{
	struct stat named, open;
	struct header header;

	if (fstat(r->fd, &open) < 0 || fstatat(folder->fd, RING_NAME, &named, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	if (named.st_dev != open.st_dev || named.st_ino != open.st_ino)
		return false;
	return (uint64_t)open.st_size == r->header.size + HEADER_SIZE && get_header(r, &header) == 0 &&
	       memcmp(&header, &r->header, sizeof header) == 0;
}

/* Writing. */

/* Makes room for `size` bytes, and for a while beyond, so that the header is not written each time. */
static int pass_oldest(struct ring *r, size_t size)
{
	struct header *h = &r->header;
	uint64_t tail = h->tail, slack = h->size / 64;
	struct frame f;

	if (r->head + size - tail <= h->size)
		return 0;
	while (tail < r->head && tail < r->hold && r->head + size + slack - tail > h->size) {
		bool fine = get_around(r, (char *)&f, sizeof f, tail) == 0 && is_frame(r, &f, tail);
		tail = fine && tail + f.size <= r->head ? tail + f.size
							: r->head; /* if not, others have written to it */
	}
	if (r->head + size - tail > h->size)
		return -EBUSY;
	h->tail = tail;
	return put_header(r);
}

int ring_write(struct ring *r, struct buffer *frame)
{
	struct frame *f = (struct frame *)frame->data;
	int failed;

	if (frame->size > ring_frame_max(r->header.size + HEADER_SIZE))
		return -EMSGSIZE;
	if (r->header.ended) {
		r->header.ended = 0;
		failed = put_header(r);
		if (failed)
			return failed;
	}
	failed = pass_oldest(r, frame->size);
	if (failed)
		return failed;
	f->size = (uint32_t)frame->size;
	f->position = r->head;
	f->check = frame_check(f, frame->data + sizeof *f);
	failed = put_around(r, frame->data, frame->size, r->head);
	if (failed)
		return failed;
	r->newest = r->head;
	r->head += frame->size;
	return 0;
}

uint64_t ring_tail(const struct ring *r)
{
	return r->header.tail;
}

uint64_t ring_head(const struct ring *r)
{
	return r->head;
}

uint64_t ring_newest(const struct ring *r)
{
	return r->newest;
}

bool ring_ended(const struct ring *r)
{
	return r->header.ended;
}

int ring_set_ended(struct ring *r)
{
	r->header.ended = 1;
	return put_header(r);
}

void ring_hold(struct ring *r, uint64_t position)
{
	r->hold = position;
}

/* Reading. */

/* The writer, which may be another process, has passed the position: goes on with its oldest frame. */
static bool follow_tail(struct ring *r, uint64_t *at)
{
	struct header now;

	if (!r->looks || get_header(r, &now) < 0 || now.size != r->header.size || now.tail <= *at)
		return false;
	r->header.tail = now.tail;
	*at = now.tail;
	return true;
}

int ring_read(struct ring *r, uint64_t *at, struct buffer *frame)
{
	uint64_t position = *at > r->header.tail ? *at : r->header.tail;
	int found = get_frame(r, position, frame);

	while (found == 0 && follow_tail(r, &position))
		found = get_frame(r, position, frame);
	if (found == 1)
		*at = position + frame->size;
	return found;
}
