#include "collectors/tail/file.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "collectors/tail/gzip.h"
#include "collectors/tail/hole.h"

/* PIECES of PIECE bytes: how far one slice looks for the end of a long line. BLOCK: what a file system may store at
 * once. */
enum { PIECE = 16 << 10, PIECES = 8, BLOCK = 4096, STAT_BLOCK = 512 /* stat(3type), st_blocks */ };
_Static_assert(TAIL_FILL_WHOLE >= TAIL_BEFORE_MAX + TAIL_CHUNK, "a chunk is read at once");

/* The hash covers what is there and no more, so it stays the same while the file grows. */
static bool extend_head(struct tail_file *f, const struct tail_head *h)
{
	if (h->size <= f->head_size)
		return false;
	f->head_size = (uint32_t)h->size;
	f->head_hash = XXH3_64bits(h->data, h->size);
	return true;
}

void tail_file_name(struct tail_file *f, uint64_t generation)
{
	struct tail_head h;

	f->generation = generation;
	f->head_at = f->head_size = 0;
	if (tail_head_read(f->fd, 0, &h) == 0)
		extend_head(f, &h);
}

void tail_file_unname(struct tail_file *f)
{
	f->generation = 0;
	f->held = f->unended = 0;
}

/* Slices. */

/* What one slice works on: bytes of the file from `offset` on, in the batch's memory. Counted only when it is taken. */
struct tail_slice {
	struct tail_file *file;
	struct tail_reader *reader;
	struct line_slice in;
	struct tail_head head;
	uint64_t generation, offset; /* of the file, as they were */
	bool on_loop; /* even if it has long lines */
	bool ended, ending, due; /* the file's trait, the reader's, the file's */
	bool pieces; /* of a line are among what is held */
	size_t before; /* bytes before `data` that are known */
	struct tail_before behind; /* what was taken of it */
	bool at_end; /* of the file */
	bool is_other; /* it is another file than the one that was read: the bytes before these say so */
};

/* If each line is copied anyway, it is read into memory that is used again and again, not into the batch. */
static char *room_for(struct tail_slice *s, size_t want)
{
	struct tail_reader *r = s->reader;

	s->in.apart = r->origin && want <= TAIL_BEFORE_MAX + TAIL_CHUNK;
	if (!s->in.apart)
		return batch_block(s->in.batch, want);
	if (!r->scratch)
		r->scratch = oxp_new(TAIL_BEFORE_MAX + TAIL_CHUNK + BATCH_PADDING);
	return r->scratch;
}

/* Whether the bytes before `offset` are others. Those that were read in an earlier callback say nothing of now. */
static bool is_other(const struct tail_slice *s, const char *data, size_t got)
{
	const struct tail_file *f = s->file;
	bool whole = s->reader->fill.size <= TAIL_FILL_WHOLE;

	if (got < f->before.size || XXH3_64bits(data, f->before.size) != f->before.hash)
		return true;
	return !whole && f->before.size > 0 && tail_stood_before(f->fd, f->offset, &f->before) == 0;
}

/* Reads `want` bytes, with those before them that are known. MORE: they are there; PART, FULL, or FAILED. */
static enum tail_read fill(struct tail_slice *s, size_t want)
{
	struct tail_fill *fill = &s->reader->fill;
	size_t before = s->file->before.size;
	char *data = fill->data ? fill->data : room_for(s, before + want);
	int more;

	if (!data)
		return TAIL_READ_FULL;
	if (!fill->data)
		tail_fill_begin(fill, data, before + want, s->generation, s->offset - before);
	more = tail_fill_read(fill, s->file->fd, s->reader->leaver ? SIZE_MAX : TAIL_FILL_PIECE);
	if (more > 0) {
		tail_fill_keep(fill, &s->in.batch);
		return TAIL_READ_PART;
	}
	errno = -more;
	if (more < 0)
		return TAIL_READ_FAILED;
	data = s->in.apart ? data : batch_block_trim(s->in.batch, fill->got);
	s->is_other = is_other(s, data, fill->got);
	s->in.data = data + before;
	s->in.size = s->is_other ? 0 : fill->got - before;
	return TAIL_READ_MORE;
}

/* MORE: it is still the same file. This is asked after the read: what was read before the file was cut down still
 * belongs to this generation. */
static enum tail_read look_at_head(struct tail_slice *s)
{
	struct tail_file *f = s->file;
	size_t both;

	if (s->is_other)
		return TAIL_READ_CUT_DOWN;
	if (tail_head_read(f->fd, f->head_at, &s->head) < 0)
		return TAIL_READ_FAILED;
	both = f->offset == f->head_at ? smaller(s->in.size, s->head.size) : 0;
	if (both > 0 && memcmp(s->head.data, s->in.data, both) != 0)
		return TAIL_READ_CUT_DOWN;
	return tail_head_begins(&s->head, f->head_hash, f->head_size) ? TAIL_READ_MORE : TAIL_READ_CUT_DOWN;
}

/* Lines that are held at the end of the file are shipped when they have waited long enough. */
static void end_wait(struct tail_slice *s)
{
	const struct line_slice *in = &s->in;

	if (in->failed || in->waits || in->took == in->seen || !s->at_end)
		return;
	if (s->ended || s->ending || (s->due && in->took == 0))
		lines_end(&s->in);
}

/* In the lane, or on the loop. A file that nobody writes to any more ends with its last line. */
static void split(void *slice)
{
	struct tail_slice *s = slice;

	lines_split(&s->in);
	lines_rest(&s->in, s->ended && s->at_end);
	end_wait(s);
	s->pieces = lines_in_pieces(&s->in);
	s->behind = tail_before_of(s->in.data + s->in.took, s->before + s->in.took);
}

static void pass_zeros(struct tail_file *f, uint64_t zeros)
{
	bool at_head = f->offset == 0 || f->offset == f->head_at;

	f->offset += zeros;
	f->unended = 0;
	if (at_head && f->head_at != f->offset) {
		f->head_at = f->offset;
		f->head_size = 0;
	}
}

/* Lines were held, and where they were a hole begins now: the file was cut down, and its writer does not append. */
static bool is_hole_by_now(const struct tail_slice *s)
{
	return s->file->held > 0 && !s->file->skipping && tail_zeros(s->in.data, s->in.size) >= TAIL_HOLE_MIN;
}

/* The slice ends before a hole. A hole at its beginning is passed, or waits for what follows. Bytes within a line that
 * was cut, and bytes that are held, are not looked at. */
static enum tail_read pass_hole(struct tail_slice *s, uint64_t size)
{
	struct tail_file *f = s->file;
	size_t before = f->skipping || f->held > 0 ? s->in.size : tail_before_hole(s->in.data, s->in.size);
	bool at_end = s->at_end;
	uint64_t zeros;
	int more;

	s->at_end = s->at_end && before == s->in.size;
	if (before > 0) {
		s->in.size = before;
		return TAIL_READ_MORE;
	}
	more = tail_hole_at(f->fd, f->offset, f->offset + size, &zeros);
	if (more < 0)
		return TAIL_READ_FAILED;
	if (!more && !tail_file_trait(f)->ended) {
		f->unended = (uint32_t)smaller(zeros, UINT32_MAX);
		return TAIL_READ_END;
	}
	if (zeros < TAIL_HOLE_MIN && tail_zeros(s->in.data, s->in.size) >= TAIL_HOLE_MIN)
		return TAIL_READ_CUT_DOWN; /* it was another file a moment ago */
	s->at_end = at_end;
	if (zeros < TAIL_HOLE_MIN)
		return TAIL_READ_MORE;
	s->reader->hole = zeros;
	pass_zeros(f, zeros);
	zeros = smaller(zeros, s->in.size);
	f->before = tail_before_of(s->in.data + zeros, zeros);
	return TAIL_READ_HOLE;
}

/* It was empty when it was opened, otherwise this would have been seen then. */
static bool is_packed(const struct tail_slice *s)
{
	return s->file->offset == 0 && s->file->head_at == 0 && !tail_file_trait(s->file)->compressed &&
	       tail_packing_of((struct bytes){ s->head.data, s->head.size });
}

/* If it has long lines, and is offered. */
static bool is_for_lane(const struct tail_slice *s)
{
	const struct tail_reader *r = s->reader;

	return !s->on_loop && !r->leaver && r->lane.stage == LINES_IDLE && lines_are_long(&s->in, s->file->held);
}

static bool begin_in_lane(struct tail_slice *s)
{
	struct tail_reader *r = s->reader;

	if (!r->slow)
		r->slow = oxp_new(sizeof *r->slow);
	*r->slow = *s;
	if (!lines_lane_begin(&r->lane, &r->slow->in))
		return false;
	s->in.batch = NULL;
	return true;
}

static struct batch *batch_for(const struct tail_slice *s)
{
	struct tail_reader *r = s->reader;

	if (r->fill.data)
		return tail_fill_take(&r->fill);
	return r->leaver ? host_leave_batch(r->host, SIGNAL_LOGS) : host_batch_new(r->host, SIGNAL_LOGS);
}

/* Reads the next bytes into a batch; MORE: there they are. */
static enum tail_read make_batch(struct tail_slice *s, size_t want, uint64_t size)
{
	enum tail_read answer;

	s->generation = s->file->generation;
	s->offset = s->file->offset;
	s->before = s->file->before.size;
	s->ended = tail_file_trait(s->file)->ended;
	s->ending = s->reader->ending;
	s->due = s->file->due;
	s->in.lines = &s->reader->lines;
	s->in.generation = s->file->generation;
	s->in.offset = s->file->offset;
	s->in.skipping = s->file->skipping;
	s->in.parts_wait = s->file->offers > 1 && !tail_file_trait(s->file)->gone; /* one is for this slice */
	if (s->in.parts_wait)
		s->in.parted = s->file->parted;
	s->in.format = (enum lines_format)s->file->format;
	s->in.batch = batch_for(s);
	if (!s->in.batch)
		return TAIL_READ_FULL;
	answer = fill(s, want);
	if (answer == TAIL_READ_MORE)
		answer = look_at_head(s);
	if (answer == TAIL_READ_MORE && is_packed(s))
		answer = TAIL_READ_PACKED;
	if (answer == TAIL_READ_MORE && s->in.size > 0)
		answer = is_hole_by_now(s) ? TAIL_READ_CUT_DOWN : pass_hole(s, size);
	if (answer != TAIL_READ_MORE)
		return answer;
	if (s->reader->origin)
		line_origin_set(&s->reader->lines.origin, s->file->path);
	if (!is_for_lane(s))
		return TAIL_READ_MORE;
	if (extend_head(s->file, &s->head)) /* it would be split in vain */
		return TAIL_READ_HEAD;
	return begin_in_lane(s) ? TAIL_READ_SLOW : TAIL_READ_MORE;
}

/* It has been split. */
static enum tail_read look_at_split(struct tail_slice *s)
{
	if (s->in.failed)
		return TAIL_READ_FULL;
	return s->in.took > 0 && extend_head(s->file, &s->head) && !s->reader->leaver ? TAIL_READ_HEAD : TAIL_READ_MORE;
}

static enum admit give(struct tail_slice *s, struct tail_offer *offer)
{
	const struct tail_leaver *to = s->reader->leaver;

	if (to)
		return host_leave(s->reader->host, &s->in.batch, to->done, to->context);
	batch_token(s->in.batch, (uint64_t)(uintptr_t)offer);
	if (s != s->reader->slow)
		return host_offer(s->reader->host, &s->in.batch);
	lines_lane_offer(&s->reader->lane);
	return ADMIT_TAKEN;
}

/* Offers the batch. The file's offset moves behind it before the pipeline has it, because it may settle at once. */
static enum tail_read hand_over(struct tail_slice *s, struct tail_offer *offer, bool *ret_offered)
{
	struct tail_file *f = s->file;
	uint64_t records = s == s->reader->slow ? s->reader->lane.records : batch_records(s->in.batch);
	struct tail_before before = f->before;
	bool waits;

	lines_forget(s->in.lines);
	f->before = s->behind;
	f->offset += s->in.took;
	if (records > 0) {
		offer->end = f->offset;
		offer->before = f->before;
		if (give(s, offer) != ADMIT_TAKEN) {
			f->offset -= s->in.took;
			f->before = before;
			return TAIL_READ_FULL;
		}
		*ret_offered = true;
	}
	f->skipping = s->in.skipping;
	f->format = (uint8_t)s->in.format;
	f->held = (uint32_t)(s->in.seen - s->in.took);
	f->held_pieces = f->held > 0 && s->pieces;
	f->parted = s->in.parted;
	f->waits = s->in.waits;
	f->unended = f->waits ? 0 : (uint32_t)(s->in.size - s->in.seen);
	f->due = f->due && s->in.took == 0 && f->held > 0;
	lines_count(&s->in, records);
	waits = f->waits && f->offers > !*ret_offered;
	return s->at_end || waits ? TAIL_READ_END : TAIL_READ_MORE;
}

/* Looks in the new bytes for the end of the line behind what is held. True: it is there, behind `unended` bytes. */
static bool find_end(struct tail_file *f, uint64_t size, uint64_t max)
{
	char piece[PIECE];

	for (int i = 0; i < PIECES && f->unended < size && f->unended < max; i++) {
		ssize_t got = pread(f->fd, piece, sizeof piece, (off_t)tail_file_seen(f));
		const char *end = got > 0 ? memchr(piece, '\n', (size_t)got) : NULL;
		if (got <= 0)
			break;
		f->unended += (uint32_t)(end ? end - piece : got);
		if (end)
			return true;
	}
	return false;
}

/* What is skipped makes no item: it is read into memory that malloc() has at hand. */
static size_t chunk_of(const struct tail_file *f, const struct tail_reader *r)
{
	size_t chunk = r->leaver ? r->leaver->chunk : r->chunk;

	return f->skipping ? smaller(chunk, TAIL_CHUNK_FIRST) : chunk;
}

/* How many of the `size` bytes behind what is held to read now: a chunk, or a line that is longer, once its end is
 * there or out of reach. 0: END or MORE, nothing is to be read yet. */
static enum tail_read measure(struct tail_file *f, const struct tail_reader *r, uint64_t size, size_t *want)
{
	uint64_t max = r->lines.line_max + 1, chunk = smaller(size, chunk_of(f, r));
	bool ended;

	if (f->unended > size)
		f->unended = 0;
	*want = chunk;
	if (f->unended == 0 || f->skipping)
		return size ? TAIL_READ_MORE : TAIL_READ_END;
	ended = find_end(f, size, max);
	if (ended || f->unended >= max || (tail_file_trait(f)->ended && f->unended == size))
		*want = smaller(max, ended && f->unended < chunk ? chunk : smaller(size, f->unended + 1ull));
	else
		*want = 0;
	return f->unended == size ? TAIL_READ_END : TAIL_READ_MORE;
}

/* Bytes that are held are read together with new ones behind them, or when they wait no longer. */
static enum tail_read measure_all(struct tail_file *f, const struct tail_reader *r, uint64_t size, size_t *want)
{
	bool ship = f->due || r->ending || tail_file_trait(f)->ended;
	enum tail_read answer;

	if (f->held > size)
		f->held = f->unended = 0;
	answer = measure(f, r, size - f->held, want);
	if (f->held > 0 && *want == 0 && ship)
		*want = f->unended;
	else if (f->held == 0 || *want == 0)
		return answer;
	*want = smaller(f->held + *want, 2 * r->lines.line_max + chunk_of(f, r));
	return answer;
}

static bool begins_with_hole(const struct tail_file *f)
{
	char zeros[TAIL_HOLE_MIN];
	ssize_t got = pread(f->fd, zeros, sizeof zeros, (off_t)f->offset);

	return got == TAIL_HOLE_MIN && tail_zeros(zeros, sizeof zeros) == sizeof zeros;
}

/* Nothing is read of a hole of the file system but the first block, since the kernel would make pages of zeros for it:
 * hole.h tells how far it goes. What is held, or in a line, is bytes like others. */
static size_t without_hole(const struct tail_file *f, const struct stat *info, size_t want)
{
	bool sparse = (uint64_t)info->st_blocks * STAT_BLOCK < (uint64_t)info->st_size;
	off_t hole;

	if (!sparse || want <= BLOCK || f->held > 0 || f->skipping || (f->unended > 0 && !begins_with_hole(f)))
		return want;
	hole = lseek(f->fd, (off_t)f->offset, SEEK_HOLE);
	return hole < (off_t)f->offset ? want : (size_t)smaller(want, (uint64_t)hole - f->offset + BLOCK);
}

/* The slice that the lane had, if it is of this file and the file has not been begun anew or read otherwise since. It
 * may have grown. */
static enum tail_read take_back(struct tail_slice *s, struct tail_offer *offer, bool *ret_offered)
{
	struct tail_file *f = s->file;
	enum tail_read answer = TAIL_READ_FULL;
	struct stat info;

	s->at_end = s->at_end && fstat(f->fd, &info) == 0 && (uint64_t)info.st_size == f->offset + s->in.size;
	if (s->reader->lane.stage == LINES_READY)
		answer = look_at_split(s);
	if (answer == TAIL_READ_MORE)
		answer = hand_over(s, offer, ret_offered);
	return answer;
}

static bool is_back(const struct tail_reader *r)
{
	return r->lane.stage == LINES_READY || r->lane.stage == LINES_NO_ROOM;
}

static bool is_of(const struct tail_slice *s, const struct tail_file *f)
{
	return s->file == f && s->generation == f->generation && s->offset == f->offset && f->fd >= 0;
}

static bool is_filling(const struct tail_reader *r, const struct tail_file *f)
{
	return tail_fill_is_of(&r->fill, f->generation, f->offset - f->before.size);
}

void tail_reader_forget(struct tail_reader *r)
{
	lines_lane_forget(&r->lane);
	tail_fill_drop(&r->fill);
}

void tail_reader_next(struct tail_reader *r, const struct tail_file *f)
{
	bool there = is_back(r) || r->lane.stage == LINES_TIGHT;

	if (there && !(f && is_of(r->slow, f)))
		lines_lane_forget(&r->lane);
	if (!(f && is_filling(r, f)))
		tail_fill_drop(&r->fill);
}

/* How much a slice reads of the `size` bytes, as measure(). One that is on its way goes on, unless the file has become
 * shorter meanwhile. */
static enum tail_read measure_slice(struct tail_file *f, struct tail_reader *r, const struct stat *info, size_t *want)
{
	uint64_t size = (uint64_t)info->st_size - f->offset;
	enum tail_read answer;

	if (is_filling(r, f) && r->fill.size - f->before.size <= size) {
		*want = r->fill.size - f->before.size;
		return TAIL_READ_MORE;
	}
	tail_fill_drop(&r->fill);
	answer = measure_all(f, r, size, want);
	*want = without_hole(f, info, *want);
	return answer;
}

static enum tail_read read_slice(
	struct tail_file *f, struct tail_reader *r, bool on_loop, struct tail_offer *offer, bool *ret_offered)
{
	struct tail_slice s = { .file = f, .reader = r, .on_loop = on_loop };
	struct stat info;
	enum tail_read answer, same;
	uint64_t size;
	size_t want;

	if (fstat(f->fd, &info) < 0)
		return TAIL_READ_FAILED;
	if ((uint64_t)info.st_size < f->offset)
		return TAIL_READ_CUT_DOWN;
	size = (uint64_t)info.st_size - f->offset;
	answer = measure_slice(f, r, &info, &want);
	if (want == 0) {
		same = look_at_head(&s);
		return same == TAIL_READ_MORE ? answer : same;
	}
	s.at_end = want == size;
	answer = make_batch(&s, want, size);
	if (answer == TAIL_READ_SLOW)
		return answer;
	if (answer == TAIL_READ_MORE) {
		split(&s);
		answer = look_at_split(&s);
	}
	if (answer == TAIL_READ_MORE)
		answer = hand_over(&s, offer, ret_offered);
	lines_forget(&r->lines);
	batch_free(s.in.batch);
	return answer;
}

enum tail_read tail_file_read(struct tail_file *f, struct tail_reader *r, struct tail_offer *offer, bool *ret_offered)
{
	enum tail_read answer;
	bool tight;

	*ret_offered = false;
	if (!r->leaver && lines_lane_is_busy(&r->lane))
		return TAIL_READ_SLOW;
	tight = r->lane.stage == LINES_TIGHT && is_of(r->slow, f);
	if (r->leaver)
		tail_fill_drop(&r->fill);
	if (r->leaver || !is_back(r) || !is_of(r->slow, f)) {
		lines_lane_forget(&r->lane);
		return read_slice(f, r, tight, offer, ret_offered);
	}
	answer = take_back(r->slow, offer, ret_offered);
	lines_lane_forget(&r->lane);
	return answer;
}

static void tell(void *reader)
{
	const struct tail_reader *r = reader;

	r->told(r->context);
}

static void split_slow(void *reader)
{
	split(((struct tail_reader *)reader)->slow);
}

void tail_reader_init(struct tail_reader *r, struct host *host, void (*told)(void *), void *context)
{
	r->host = host;
	r->told = told;
	r->context = context;
	lines_lane_init(&r->lane, host, split_slow, tell, r);
}

void tail_reader_done(struct tail_reader *r)
{
	lines_lane_done(&r->lane);
	tail_fill_drop(&r->fill);
	lines_done(&r->lines);
	free(r->scratch);
	free(r->slow);
}

bool tail_file_grew(const struct tail_file *f)
{
	struct stat info;

	return f->fd >= 0 && fstat(f->fd, &info) == 0 && (uint64_t)info.st_size != tail_file_seen(f);
}

void tail_file_open(struct tail_file *f, int fd)
{
	OXP_ASSERT(f->fd < 0 && fd >= 0);
	f->fd = fd;
}

void tail_file_init(struct tail_file *f)
{
	f->fd = -1;
}

void tail_file_hand_over(struct tail_file *from, struct tail_file *to)
{
	OXP_ASSERT(from->fd >= 0 && to->fd < 0);
	to->fd = from->fd;
	from->fd = -1;
}

int tail_file_let_go(struct tail_file *f)
{
	int fd = f->fd;

	f->fd = -1;
	return fd;
}

void tail_file_start(struct tail_file *f, uint64_t offset)
{
	OXP_ASSERT(f->fd < 0);
	f->offset = offset;
}

static bool ends_in_hole(const char *before, size_t size)
{
	return size >= TAIL_HOLE_MIN && tail_zeros(before + size - TAIL_HOLE_MIN, TAIL_HOLE_MIN) == TAIL_HOLE_MIN;
}

int tail_file_begin(struct tail_file *f, uint64_t offset)
{
	char before[TAIL_BEFORE_MAX];
	size_t size = smaller(offset, sizeof before);
	ssize_t got = size > 0 ? pread(f->fd, before, size, (off_t)(offset - size)) : 0;
	bool known = got == (ssize_t)size;

	if (got < 0)
		return -errno;
	f->before = f->before_saved = tail_before_of(before + size, known ? size : 0);
	f->offset = f->saved = offset;
	f->skipping = known && size > 0 && before[size - 1] != '\n' && !ends_in_hole(before, size);
	f->held = f->unended = 0;
	f->parted = (struct join_parted){ .pieces = { false } };
	f->due = f->waits = false;
	f->format = LINES_AUTO;
	return 0;
}

struct position tail_file_position(const struct tail_file *f)
{
	return (struct position){ .generation = f->generation,
		.dev = f->identity.dev,
		.inode = f->identity.inode,
		.birth_ns = f->identity.birth_ns,
		.head_at = f->head_at,
		.head_hash = f->head_hash,
		.head_size = f->head_size,
		.offset = f->saved,
		.before_hash = f->before_saved.hash,
		.before_size = f->before_saved.size,
		.ended = f->ended,
		.path = f->path };
}

struct position tail_file_read_to(const struct tail_file *f)
{
	struct position at = tail_file_position(f);

	at.offset = f->offset;
	at.before_hash = f->before.hash;
	at.before_size = f->before.size;
	return at;
}

void tail_file_restore(struct tail_file *f, const struct position *at)
{
	f->generation = at->generation;
	f->head_at = at->head_at;
	f->head_hash = at->head_hash;
	f->head_size = at->head_size;
	f->offset = f->saved = at->offset;
	f->before = f->before_saved = (struct tail_before){ at->before_hash, at->before_size };
}

/* The bytes before its offset must still be there, otherwise it was cut down and written anew meanwhile. */
int tail_file_go_on(struct tail_file *f, const struct position *at)
{
	int failed = tail_file_begin(f, at->offset);

	if (failed)
		return failed;
	f->generation = at->generation;
	f->head_at = at->head_at;
	f->head_hash = at->head_hash;
	f->head_size = at->head_size;
	if (at->before_size > 0)
		f->before = f->before_saved = (struct tail_before){ at->before_hash, at->before_size };
	return 0;
}

void tail_file_save(struct tail_file *f, const struct tail_offer *offer)
{
	bool all = f->offers == 0;

	f->saved = all ? f->offset : offer->end;
	f->before_saved = all ? f->before : offer->before;
}

void tail_file_ship_held(struct tail_file *f)
{
	f->due = true;
}

void tail_file_left(struct tail_file *f)
{
	f->saved = f->offset;
	f->before_saved = f->before;
}

void tail_file_go_back(struct tail_file *f, const struct tail_file *then)
{
	f->offset = then->offset;
	f->before = then->before;
	f->held = then->held;
	f->unended = then->unended;
	f->format = then->format;
	f->skipping = then->skipping;
	f->parted = then->parted;
	f->waits = then->waits;
	f->held_pieces = then->held_pieces;
	f->due = then->due;
}
