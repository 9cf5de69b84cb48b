/*
 * The tape: what the recorder writes, and when. Requests are gathered in a frame in memory, and the frame is written
 * by the disk lane: a tenth of a second after its first request, or once it is large. Nothing waits for that. What
 * comes while the disk is slow, or beyond `memory`, is not recorded, and counted as missed.
 *
 * The ring belongs to the disk lane: the loop has it touched by jobs only.
 */
#ifndef OXP_RECORDER_TAPE_H
#define OXP_RECORDER_TAPE_H

#include "loop/lane.h"
#include "loop/loop.h"
#include "pipeline/batch.h"
#include "recorder/ring.h"

/* What a job has done, for the loop. */
struct tape_wrote {
	int failed; /* -errno: the ring is not there, or was not written */
	bool opened; /* by this job: */
	enum ring_found found;
	bool killed; /* the run before did not end by itself, and left frames */
	bool missed; /* the frame was not written: it failed, or a dump holds the ring */
	uint64_t errors; /* spans with status error in the frame */
};

struct tape_options {
	struct loop *loop;
	struct lane *disk;
	struct budget *budget;
	const char *folder; /* outlives the tape */
	uint64_t size;
	bool count_errors;
	uint64_t *recorded, *missed; /* count spans; they outlive the tape */
	void (*wrote)(void *context, const struct tape_wrote *); /* after each job */
	void *context;
};

/* Only tape.c writes it. */
struct tape {
	struct tape_options options;
	struct buffer filling;
	uint64_t filling_spans;
	uint64_t number; /* of the frame that is filled */
	uint64_t written; /* the last one that was written, or could not be */
	struct loop_timer due;
	struct tape_job *job; /* NULL: none is under way */
	struct path_folder folder; /* the lane's, as the ring is */
	struct ring *ring;
	int failed; /* as the last job said */
	bool ends; /* the lane did not take the last job */
};

void tape_init(struct tape *, const struct tape_options *);
/* The lanes are empty. */
void tape_done(struct tape *);
/* Opens the ring; wrote() follows. */
void tape_open(struct tape *);
/* A batch of spans was taken. */
void tape_note(struct tape *, const struct batch *);
/* Writes what there is. Returns the number of the frame after which all that was noted has been written. */
uint64_t tape_flush(struct tape *);
/* The last job, at the end of the process: writes the rest, and that it ended by itself. If the lane is full,
 * tape_done() does that. */
void tape_end(struct tape *);

#endif
