/*
 * One followed file: who it is, how far it was read, and turning what is new in it into a batch.
 *
 *	saved <= offset <= offset + held <= offset + held + unended <= size
 *
 * `offset` is the start of the first line that was not offered, `saved` what every destination has settled. A last line
 * without its end is left in the file and read again later, and so are lines whose message may go on (lines.h): between
 * two reads only numbers are kept, and no saved position passes bytes that are not out. A file was cut down if it is
 * shorter than what was read, no longer begins with the bytes it began with, or has other bytes before `offset`: a
 * program that begins each file with the same lines may have written it anew, and more, since the last look.
 */
#ifndef OXP_TAIL_FILE_H
#define OXP_TAIL_FILE_H

#include <sys/queue.h>

#include "collectors/lines_lane.h"
#include "collectors/pace.h"
#include "collectors/tail/fill.h"
#include "collectors/tail/head.h"
#include "collectors/tail/identity.h"
#include "collectors/tail/state.h"

/* Whether its generation is on disk. Until then, nothing of it may be offered. */
enum tail_birth { TAIL_UNBORN /* it has none */, TAIL_NEW, TAIL_COMMITTING, TAIL_BORN };

/* In which list of the saver it waits for its position to be saved. */
enum tail_save { TAIL_SAVED, TAIL_UNSAVED, TAIL_SAVING };

enum { TAIL_CHUNK = 256 << 10, TAIL_CHUNK_FIRST = 64 << 10, TAIL_CHUNK_MIN = 16 << 10 };

/* Each group of fields is written by the file that is named above it, and by no other. */
struct tail_file {
	/* table.c */
	TAILQ_ENTRY(tail_file) entry;
	struct tail_file *by_path, *by_inode; /* the next of the chain */
	char *path;
	struct tail_identity identity;
	int64_t born; /* in the order of births, as it was when the file was found */
	uint8_t state; /* enum tail_state */
	bool outlived; /* the file that had its name after this one is not known any more */

	/* file.c */
	uint64_t generation, offset, saved;
	uint64_t head_at, head_hash; /* the first bytes, behind a hole that the file may begin with */
	struct tail_before before, before_saved; /* `offset`, `saved` */
	uint32_t head_size;
	uint32_t held; /* bytes from `offset` on that are whole lines whose message may go on */
	uint32_t unended; /* bytes behind those that are known to hold no line end */
	int fd; /* -1: closed */
	uint8_t format; /* enum lines_format, once it is known */
	bool skipping; /* inside a line that was cut */
	struct join_parted parted; /* what time has ended */
	bool waits; /* lines that continue it wait until it has settled */
	bool held_pieces; /* pieces of a line are among what is held */
	bool due; /* what is held waits no longer */

	/* ready.c */
	TAILQ_ENTRY(tail_file) ready_entry;
	bool ready; /* in the queue of files to read */

	/* saver.c */
	TAILQ_ENTRY(tail_file) save_entry;
	uint8_t birth, save; /* enum tail_birth, enum tail_save */
	bool moved; /* `saved` has moved since it went to the commit under way */

	/* turns.c */
	TAILQ_ENTRY(tail_file) held_entry;
	struct mono_time held_since; /* when `offset` reached the beginning of what is held */
	uint32_t offers; /* under way */
	bool in_held; /* in the list of files that hold lines */

	/* copies.c */
	bool copied; /* it was cut down, and everything in its copy had been read before */
	bool cut_before; /* it was cut down while nobody followed it */

	/* trouble.c */
	int trouble; /* errno of the last open or read that failed, which was logged; 0 */

	/* packed.c */
	uint32_t starved; /* the last round in which there was no room for its text */

	/* gone.c */
	uint8_t idle_sweeps; /* sweeps since it was gone, or deleted, and did not grow */
	bool deleted; /* an earlier scan knew that no name of it is left */

	/* leaves.c */
	bool ended : 1; /* nothing of it is left for anybody else: goes into its position */
	bool leaving : 1; /* it is read to its end there, and not in turns */
	uint8_t fate; /* enum tail_fate, as of round `looked` */
	uint32_t looked;

	/* find.c */
	uint32_t seen; /* number of the last scan that found it */
	bool linked, silent; /* as it was found: found.h */
	/* what it had when it was found is not read, unless an earlier run has begun to read it */
	bool from_end;
};
TAILQ_HEAD(tail_file_list, tail_file);

static inline const struct tail_trait *tail_file_trait(const struct tail_file *f)
{
	return &tail_traits[f->state];
}

/* Whether it is still to be opened. */
static inline bool tail_file_is_unopened(const struct tail_file *f)
{
	return !tail_file_trait(f)->open && f->state != TAIL_SPENT && f->state != TAIL_GONE_SPENT &&
	       f->state != TAIL_GONE_CUT;
}

/* A batch under way: what its token leads to. Offers settle in their order. */
struct tail_offer {
	TAILQ_ENTRY(tail_offer) entry;
	struct tail_file *file;
	uint64_t generation, end;
	struct tail_before before; /* `end` */
};
TAILQ_HEAD(tail_offer_list, tail_offer);

/* Where a slice goes that is not offered: host_leave(). */
struct tail_leaver {
	void (*done)(void *context, int failed);
	void *context;
	size_t chunk; /* in place of the reader's */
};

struct tail_slice;

/* What a read needs to know. turns.c writes it, but for the last group. */
struct tail_reader {
	struct host *host;
	struct lines lines;
	size_t chunk; /* bytes of one slice: pace.most, or less where memory is short */
	struct pace pace;
	bool origin; /* items tell path and offset */
	bool ending; /* nothing is held any more */
	const struct tail_leaver *leaver; /* of this slice; NULL: it is offered */

	/* file.c */
	char *scratch; /* TAIL_BEFORE_MAX and TAIL_CHUNK bytes and the padding, once there was an origin to tell */
	uint64_t hole; /* answer: the zeros that a read has passed */
	struct tail_fill fill; /* of a slice that is read in pieces */
	struct lines_lane lane;
	struct tail_slice *slow; /* that the lane has, unless it is IDLE */
	void (*told)(void *context); /* a slice that was SLOW can be read now */
	void *context;
};

enum tail_read {
	TAIL_READ_MORE, /* there may be more */
	TAIL_READ_END,
	TAIL_READ_FULL, /* no room, nothing was taken */
	TAIL_READ_SLOW, /* long lines are in the lane; told() says when to read again. Nothing was taken */
	TAIL_READ_PART, /* a long slice is read in pieces: it goes on in the next turn. Nothing was taken */
	TAIL_READ_FAILED, /* errno tells */
	TAIL_READ_HEAD, /* more of its beginning is known now, and must be on disk first: nothing was taken */
	TAIL_READ_HOLE, /* `hole` zeros that stood at `offset` were passed; nothing was taken */
	TAIL_READ_CUT_DOWN, /* it is another file's beginning: nothing was taken */
	TAIL_READ_PACKED, /* it is not text that can be read: nothing was taken */
};

/* `told` is called on the loop. The other fields are set afterwards. */
void tail_reader_init(struct tail_reader *, struct host *, void (*told)(void *context), void *context);
void tail_reader_done(struct tail_reader *);
/* Takes a slice back from the lane, or on its way there, as if it had not been read. */
void tail_reader_forget(struct tail_reader *);
/* The next read is of that file, or of none (NULL): a slice of another that the lane has done with, or that is read in
 * pieces, is forgotten. */
void tail_reader_next(struct tail_reader *, const struct tail_file *);

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
/* The same for how far it was read. */
struct position tail_file_read_to(const struct tail_file *);
/* Whether there are bytes that no read has seen. */
bool tail_file_grew(const struct tail_file *);

/* For a new file, which is closed. */
void tail_file_init(struct tail_file *);
/* From now on the descriptor is the other file's. */
void tail_file_hand_over(struct tail_file *from, struct tail_file *to);
/* Takes the descriptor. */
void tail_file_open(struct tail_file *, int fd);
/* It is closed: the descriptor is the caller's, -1 if there was none. */
int tail_file_let_go(struct tail_file *) MUST_CHECK;
/* Of a closed file: where reading begins, unless there is a position of an earlier run. */
void tail_file_start(struct tail_file *, uint64_t offset);
/* Where reading begins in a file that was just opened. If the byte before it is not a line end, that is inside a line.
 * 0 or -errno; it cannot fail at the beginning of the file. */
int tail_file_begin(struct tail_file *, uint64_t offset);
/* The open file goes on as it was in an earlier run. */
int tail_file_go_on(struct tail_file *, const struct position *) MUST_CHECK;
/* Of a closed file: it was read up to there, in an earlier run. */
void tail_file_restore(struct tail_file *, const struct position *);
/* Its first bytes, as they are now, become those of that generation; if they cannot be read, it has none. */
void tail_file_name(struct tail_file *, uint64_t generation);
/* It no longer has a generation: it was closed, or its position now belongs to another file. */
void tail_file_unname(struct tail_file *);
/* `saved` is where it stands, or what has settled. */
void tail_file_save(struct tail_file *, const struct tail_offer *);
/* Lines that are held have waited long enough. */
void tail_file_ship_held(struct tail_file *);
/* All that was read of it is on disk, or has settled. */
void tail_file_left(struct tail_file *);
/* It stands where it stood then: what was read since is to be read again. */
void tail_file_go_back(struct tail_file *, const struct tail_file *then);

#endif
