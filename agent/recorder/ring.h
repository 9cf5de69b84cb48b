/*
 * The ring of the flight recorder: a file of a fixed size with the latest requests of spans. It outlives SIGKILL.
 *
 *	header   where the oldest frame begins
 *	frames   one behind the other, around and around: head, entries
 *	entry    one request of spans, when it came, and whether sampling left it out
 *
 * A position counts bytes since the ring was made and never goes back; the frame at it stands at position % size, and
 * goes on at the beginning of the file if it reaches the end. A frame says its own position and has a checksum. So the
 * oldest frame is all that the header must know: whoever reads goes on from there to the first frame that is not whole
 * or is of an earlier round. The header is written before what it passes is written over. A kill at any moment costs
 * the frame that was being written, and never what was there before.
 *
 * The file is written, not mapped. The page cache outlives the process either way, and a mapped file that a neighbour
 * cuts down would kill it (SIGBUS). Its blocks are its own from the start, so a full disk changes nothing.
 *
 * Others may have written to the file. Whatever it says, nothing is read beyond its frames and no frame is larger than
 * RING_FRAME_MAX. A checksum tells a torn frame, not a forged one: requests are to be checked before they are used.
 *
 * Everything here may block: it is for the disk lane and the command line.
 */
#ifndef OXP_RECORDER_RING_H
#define OXP_RECORDER_RING_H

#include "base/bytes.h"
#include "base/clock.h"
#include "base/path.h"

enum {
	RING_SIZE_MIN = 1 << 20,
	RING_FRAME_MAX = 2 << 20, /* bytes, the head among them; of a small ring a quarter */
	RING_PADDING = 64, /* readable bytes behind the requests of a frame that was read */
};
#define RING_SIZE_MAX (UINT64_C(1) << 30)
#define RING_NAME "recorder.ring" /* in the state folder */

enum ring_kind {
	RING_SENT, /* on its way to the exporters */
	RING_LEFT_OUT, /* sampling left it out */
	RING_KINDS
};

struct ring_entry {
	struct wall_time at;
	enum ring_kind kind;
	uint32_t records;
	struct bytes request;
};

struct ring;

enum ring_found { RING_THERE, RING_NEW /* empty, not there, or of another size */, RING_SET_ASIDE };

/* Opens the ring in that folder, which is locked, and finds its end. 0 or -errno; -ENOSPC if the disk has no room for
 * all of it. What is not a ring is renamed to NAME.corrupt-N. */
int ring_open(const struct path_folder *, uint64_t size, struct ring **ret, enum ring_found *ret_found) MUST_CHECK;
/* The same to read it, also while an agent writes to it. -ENOENT; -EBADMSG: it is not a ring. */
int ring_look(const struct path_folder *, struct ring **ret) MUST_CHECK;
void ring_close(struct ring *); /* NULL is fine */

/* The largest frame of a ring of that size. */
size_t ring_frame_max(uint64_t size);
/* A frame: begin, add entries, write. 0, or as buffer_append(). */
int ring_frame_begin(struct buffer *frame) MUST_CHECK;
int ring_frame_add(struct buffer *frame, const struct ring_entry *) MUST_CHECK;
/* How many bytes of a frame that request takes. */
size_t ring_entry_size(size_t request);
size_t ring_frame_head(void);
/* Completes the frame, and writes it over the oldest ones. 0 or -errno; -EMSGSIZE: it is too large. */
int ring_write(struct ring *, struct buffer *frame) MUST_CHECK;
/* Whether the name still leads to the file, and the file has its size and header. */
bool ring_is_whole(const struct ring *, const struct path_folder *);

/* Frames stand from the tail up to the head. */
uint64_t ring_tail(const struct ring *);
uint64_t ring_head(const struct ring *);
/* Whether the process that wrote it ended by itself. False from the first ring_write() on. */
bool ring_ended(const struct ring *);
int ring_set_ended(struct ring *) MUST_CHECK; /* 0 or -errno */
/* Frames from there on are not written over: ring_write() answers -EBUSY. UINT64_MAX: none is held. */
void ring_hold(struct ring *, uint64_t position);

/* Reads the frame at *at, or the oldest one that is left, into `frame`, and moves *at behind it. 1; 0 at the end of
 * what is whole; -errno. */
int ring_read(struct ring *, uint64_t *at, struct buffer *frame) MUST_CHECK;
/* The entries of a frame that was read: from `*at`, which begins with 0. False at the end. */
bool ring_entry_next(const struct buffer *frame, size_t *at, struct ring_entry *ret);
/* Whether the frame was dumped, and where it stands. */
bool ring_frame_is_dumped(const struct buffer *frame);
uint64_t ring_frame_position(const struct buffer *frame);
/* Says so of the frame there, which ring_read() has read. 0 or -errno. */
int ring_set_dumped(struct ring *, uint64_t position) MUST_CHECK;

#endif
