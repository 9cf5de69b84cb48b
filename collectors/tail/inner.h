/*
 * The collector `tail` from the inside: what its parts share. Nobody else includes this.
 *
 *	tail.c        options, inotify and polling, life
 *	scans.c       scans from begin to end, in steps
 *	find.c        what a scan found: new files, names that changed hands, files without one
 *	links.c       which links are followed
 *	packed.c      compressed files
 *	turns.c       slices in turns, and what is held for the rest of a message
 *	saver.c       generations and positions, committed together
 */
#ifndef OXP_TAIL_H
#define OXP_TAIL_H

#include <sys/resource.h>

#include "collectors/tail/globs.h"
#include "collectors/tail/gzip.h"
#include "collectors/tail/links.h"
#include "collectors/tail/table.h"
#include "collectors/tail/watch.h"

struct tail_config {
	const struct option_list *paths;
	int start, format;
	uint64_t line_max;
	struct duration sweep, tick;
	struct lines_multiline multiline;
	bool origin;
	const struct option_list *exclude;
	int poll;
	struct duration poll_every;
	bool gzip;
	const struct option_list *links;
};

enum { POLL_AUTO, POLL_ALWAYS };
enum { START_BEGINNING, START_END };
enum { TAIL_KNOWN = 0 }; /* in place of a generation: the position that says `known`, where files begin at their end */

/*
 * Invariant: a file is in `ready` exactly when its flag says so, in `unsaved` or `saving` as its `save` says.
 * `scanning`: a scan is under way; `in_lane`: the lane has it; `working`: its answer is there, and the table's lists
 * are gone through in order.
 */
struct collector {
	const struct tail_config *config;
	struct option_list paths, exclude; /* the configuration's, expanded */
	struct tail_reader reader;
	struct loop *loop;
	struct tail_table table;
	struct tail_watch watch;
	struct tail_file_list ready; /* in turns */
	struct tail_file_list unsaved, saving; /* for the next commit, in the one under way */
	struct tail_file_list held; /* files with lines whose message may go on */
	uint64_t *forgotten; /* generations for the next commit, then those of the one under way */
	size_t forgotten_count, forgetting_count, forgotten_room;
	struct tail_offer_list offers; /* oldest first */
	struct loop_timer tick, sweep, save, again, waited, poll;
	struct loop_soon reading, scan_soon;
	struct tail_scan scan;
	size_t step, scan_at; /* how far the answer of a scan is worked through */
	struct tail_lost_list lost; /* for the next scan */
	size_t troubled; /* files that cannot be opened or read */
	size_t ask_named, ask_gone; /* so many files are still to be asked whether they grew */
	struct wall_time known; /* what was there by then has its position on disk, or has with the next commit */
	struct wall_time known_before; /* the same, of an earlier run; 0: there is none */
	struct wall_time looked; /* when the last scan that is sure of its answer began; at first, the start */
	struct wall_time looking; /* when the one under way did */
	struct mono_time began;
	struct mono_time scan_began;
	struct mono_time scan_after; /* not before */
	struct mono_time swept; /* when idle files were last counted */
	uint32_t scans;
	unsigned commit_failures; /* in a row */
	unsigned fulls; /* since anything of ours was taken or settled */
	bool scanning, in_lane, working, scan_again, had_scan, committing, commit_again;
	bool asking_all; /* of them, once more, before it is quiet */
	bool sweeping; /* this scan counts how long files were idle */
	bool full, stopped, draining, drained_scan, watch_failed, too_many;
	bool watch_missing; /* there is no inotify: all files are asked */
	bool stranger; /* something changed that has a name we do not follow */
	bool out_of_descriptors;
	bool linked, silent; /* some file is, as of the last scan */
	bool renames; /* were told of since the scan began */
	bool put_off; /* a file that was found is begun after the next scan */
	bool unsure; /* of the scan's answer: a folder that is read while names change in it may not show them all */
	unsigned unsure_scans; /* in a row */
	rlim_t descriptors; /* files get those below */
	struct tail_unpack *unpack; /* the one file that is unpacked at a time */
	struct tail_saved *resumed; /* the position that it goes on from, or NULL */
	size_t packed_waiting; /* files that wait for their turn: what may be theirs is not forgotten */
	uint64_t *open_files, *rotations, *truncations, *vanished, *errors, *holes, *hole_bytes, *packed, *unpacked,
		*damaged, *scan_count, *refused;
};

/* Positions. */

/* It is read in its turn, if it may be. */
void tail_mark_ready(struct collector *, struct tail_file *);
void tail_not_ready(struct collector *, struct tail_file *);
void tail_save_as(struct collector *, struct tail_file *, enum tail_save);
void tail_put_position(struct collector *, const struct tail_file *);
/* As one of an earlier run, which somebody may claim. The file, to be dropped, has none any more. */
void tail_keep_position(struct collector *, struct tail_file *);
/* Once all files that it is about are put. */
void tail_put_known(struct collector *);
/* The position is another now. Once stopped, whoever ends the agent commits what is put. */
void tail_moved(struct collector *, struct tail_file *);
void tail_forget(struct collector *, uint64_t generation);
/* Saves what moved and what is new, in one transaction; what comes meanwhile goes with the next. */
void tail_commit(struct collector *);
void tail_on_save(void *context);
/* Nothing more of it is offered before generation and beginning are on disk. While commits fail, the next try takes it
 * along. */
void tail_commit_first(struct collector *, struct tail_file *);
/* It has begun, at its offset, as a file that nobody knew. */
void tail_new_generation(struct collector *, struct tail_file *);

/* Reading. */

void tail_settled(struct collector *, uint64_t token);
void tail_resume(struct collector *);
void tail_read_slice(void *context);
void tail_on_again(void *context);
void tail_on_waited(void *context);
void tail_hold_no_more(struct collector *, struct tail_file *);
void tail_tell_cut_down(struct collector *, const char *path, uint64_t offset);
/* Logged when it begins; the next sweep tries again. */
void tail_in_trouble(struct collector *, struct tail_file *, const char *what, int error);
void tail_out_of_trouble(struct collector *, struct tail_file *);

/* Compressed files. */

/* Takes the descriptor. One at a time, and none that is still being written; the others are asked again by the scan
 * that follows. */
void tail_begin_packed(struct collector *, struct tail_file *, int fd, enum tail_packing);
/* It was opened before there was anything in it, and is compressed by what it begins with now. */
void tail_is_packed_now(struct collector *, struct tail_file *);
/* It is read, or not to be. */
void tail_spend(struct tail_file *);
void tail_on_unpacked(struct job *);

/* Scans. */

/* A user has few instances of inotify on a machine, and others take them: each sweep tries again. */
void tail_begin_watching(struct collector *);
void tail_begin_scan(struct collector *);
void tail_on_sweep(void *context);
void tail_on_scan_soon(void *context);
void tail_on_event(void *context, uint32_t mask, const char *path);

/* Finding: what is done about one file. */

/* It was found under a name that we follow. */
void tail_look_at(struct collector *, const struct tail_found *);
/* It had the name of a file that was asked for as lost, or is that file. */
void tail_look_at_rotated(struct collector *, const struct tail_found *);
/* The name is another file's now, or nobody's: what is open is read to its end, what never was is looked for. */
void tail_lose_name(struct collector *, struct tail_file *);
/* A file without a name: closed when it is read, settled, and has not grown for some sweeps. Then nobody writes to it
 * any more, and what it ends with is its last line. */
void tail_tend_gone(struct collector *, struct tail_file *);
/* A position is kept as long as its file may come back: its folder cannot be read, it cannot be opened, or it may be
 * one that was found under another name and put off. It is of no use when the file is no more, or is another one that
 * has its inode; one that was born when it was has been cut down since. */
bool tail_may_come_back(void *collector, const struct tail_saved *);

#endif
