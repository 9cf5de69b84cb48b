/*
 * One followed file: who it is, how far it was read, and turning what is new in it into a batch.
 *
 *	saved <= offset <= offset + held <= offset + held + unended <= size
 *
 * `offset` is the start of the first line not offered, `saved` what every destination has settled. A last line without
 * its end is left in the file and read again later, and so are lines whose message may go on (lines.h): nothing is kept
 * between two reads but numbers, and nothing is saved that passes bytes which are not out. A file is cut down when it
 * is shorter than what was read, no longer begins with the bytes it began with, or has others before `offset` than it
 * had: a program that begins each file with the same lines may have written it anew, and more, since the last look.
 */
#ifndef OXP_TAIL_FILE_H
#define OXP_TAIL_FILE_H

#include <sys/queue.h>

#include "collectors/lines.h"
#include "collectors/pace.h"
#include "collectors/tail_scan.h"

enum tail_state {
	TAIL_CLOSED, /* it could not be opened yet; tried again by every sweep */
	TAIL_NEW, /* its generation is not on disk yet: nothing may be offered */
	TAIL_COMMITTING,
	TAIL_FOLLOWED,
};

/* In which list of the collector it waits for its position to be saved. */
enum tail_save { TAIL_SAVED, TAIL_UNSAVED, TAIL_SAVING };

enum { TAIL_HEAD_MAX = 256, TAIL_BEFORE_MAX = 256 };
enum { TAIL_CHUNK = 256 << 10, TAIL_CHUNK_FIRST = 64 << 10, TAIL_CHUNK_MIN = 16 << 10 };

/* The first bytes of a file. Those that cannot be read are no sign that it is another file. */
struct tail_head {
	char data[TAIL_HEAD_MAX];
	size_t size;
};
int tail_head_read(int fd, uint64_t at, struct tail_head *ret) MUST_CHECK; /* 0 or -errno */
/* Whether the file begins as the one of that position did: 1, 0 or -errno. */
int tail_head_is(int fd, const struct position *) MUST_CHECK;
/* The same, of what was read from the position's head_at on. */
bool tail_head_begins(const struct tail_head *, uint64_t hash, uint32_t size);

/* So many bytes that stand before `offset`, as they were when they were read. */
struct tail_before {
	uint64_t hash;
	uint16_t size;
};

struct tail_file {
	TAILQ_ENTRY(tail_file) entry, ready_entry, save_entry, held_entry;
	struct tail_file *by_path, *by_inode; /* next in the table's chains */
	char *path; /* its name, or the last one it had */
	struct tail_identity identity;
	uint64_t generation, offset, saved;
	uint64_t head_at, head_hash; /* its first bytes, behind the hole that it may begin with */
	struct tail_before before, before_saved; /* `offset`, `saved` */
	uint32_t head_size;
	struct mono_time held_since; /* when `offset` came to stand before what is held */
	uint32_t held; /* so many bytes from `offset` on are whole lines whose message may go on */
	uint32_t unended; /* so many bytes behind those are known to hold no line's end */
	uint32_t offers; /* under way */
	uint32_t seen; /* number of the last scan that found it */
	int fd; /* -1: closed */
	int trouble; /* errno of the last open or read that failed, which was logged; 0 */
	uint8_t idle_sweeps; /* since it was gone and did not grow */
	uint8_t state, save; /* enum tail_state, enum tail_save */
	bool ready; /* in the queue of files to read */
	bool gone; /* its name is another's now, or nobody's */
	bool outlived; /* who had its name after it is known no more */
	bool last; /* nobody will write to it any more: its last line ends with it */
	bool moved; /* `saved` has moved since it went to the commit under way */
	bool skipping; /* inside a line that was cut */
	uint8_t format; /* enum lines_format, once it is known */
	struct join_parted parted; /* what time has ended */
	bool waits; /* lines that go on with that wait until it has settled */
	bool in_held; /* in the list of files that hold lines */
	bool held_pieces; /* pieces of a line are among them */
	bool linked, silent; /* as it was found: tail_scan.h */
	bool due; /* what is held waits no longer */
	bool packed; /* a gzip: fd is its text, or -1 where that waits, or is read */
	bool spent; /* a gzip that is read, or not to be */
	bool from_end; /* what it had when it was found is not read, unless an earlier run has begun to */
};
TAILQ_HEAD(tail_file_list, tail_file);

/* A batch under way: what its token leads to. Settled in the order they were offered. */
struct tail_offer {
	TAILQ_ENTRY(tail_offer) entry;
	struct tail_file *file;
	uint64_t generation, end;
	struct tail_before before; /* `end` */
};
TAILQ_HEAD(tail_offer_list, tail_offer);

/* What a read needs to know. */
struct tail_reader {
	struct host *host;
	struct lines lines;
	size_t chunk; /* bytes of one slice: pace.most, or less where memory is short */
	struct pace pace;
	bool origin; /* items tell path and offset */
	char *scratch; /* TAIL_BEFORE_MAX and TAIL_CHUNK bytes and the padding, once there was an origin to tell */
	bool ending; /* nothing is held any more */
	uint64_t hole; /* answer: what a read has passed */
};

enum tail_read {
	TAIL_READ_MORE, /* there may be more */
	TAIL_READ_END,
	TAIL_READ_FULL, /* no room, nothing was taken */
	TAIL_READ_FAILED, /* errno tells */
	TAIL_READ_HEAD, /* its beginning is known better now: nothing was taken before that is on disk */
	TAIL_READ_HOLE, /* `hole` zeros were passed that stood at `offset` before; nothing was taken */
	TAIL_READ_CUT_DOWN, /* it is another file's beginning: nothing was taken */
	TAIL_READ_PACKED, /* it is no text: nothing was taken */
};

/*
 * Offers what one slice can take. The batch's token is `offer`, which is filled in before the batch is offered: it may
 * settle within. ret_offered tells whether it was taken, and with it the offer.
 */
enum tail_read tail_file_read(struct tail_file *, struct tail_reader *, struct tail_offer *offer, bool *ret_offered);
static inline uint64_t tail_file_seen(const struct tail_file *f)
{
	return f->offset + f->held + f->unended;
}
/* What is saved of it; `path` is the file's. */
struct position tail_file_position(const struct tail_file *);
/* Whether there are bytes that no read has seen. */
bool tail_file_grew(const struct tail_file *);
/* Where reading begins for a file that was just opened: behind a byte that ends no line we are inside one. 0 or -errno;
 * it cannot fail at the beginning of the file. */
int tail_file_begin(struct tail_file *, uint64_t offset);
/* As the file that it was in an earlier run. */
int tail_file_go_on(struct tail_file *, const struct position *) MUST_CHECK;
/* `saved` is where it stands, or what has settled. */
void tail_file_save(struct tail_file *, const struct tail_offer *);
/* Its first bytes, as they are now; none if they cannot be read. */
void tail_file_learn_head(struct tail_file *);
/* Whether those bytes stand before that place: 1, 0 or -errno. Of none it is not known. */
int tail_stood_before(int fd, uint64_t offset, const struct tail_before *) MUST_CHECK;

#endif
