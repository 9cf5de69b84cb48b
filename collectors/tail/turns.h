/*
 * Reading of `tail`: one slice of one file a callback, in turns. If there is no room, all files wait, and ask for less
 * and less. Lines whose message may go on are read again with what is behind them, or shipped when they have waited
 * long enough.
 *
 * If a turn finds something that is about more than reading, that is its verdict, and the caller acts on it.
 */
#ifndef OXP_TAIL_TURNS_H
#define OXP_TAIL_TURNS_H

#include "collectors/tail/core.h"
#include "collectors/tail/ready.h"
#include "collectors/tail/saver.h"
#include "collectors/tail/trouble.h"

struct tail_turns_parts {
	const struct tail_core *core;
	struct tail_ready *ready;
	struct tail_saver *saver;
	struct tail_troubles *troubles;
};

struct tail_turns {
	struct tail_turns_parts with;
	struct tail_reader reader;
	struct tail_offer_list offers; /* oldest first */
	struct tail_file_list held; /* files with lines whose message may go on */
	struct loop_timer again, waited;
	unsigned fulls; /* tries since anything of ours was taken or settled */
	unsigned hopeless; /* the last of them at which nobody else held anything, either */
	uint64_t taken; /* bytes of all files since the start */
	uint64_t *holes, *hole_bytes;
};

enum tail_turn {
	TAIL_TURN_OVER, /* nothing more is to be done */
	TAIL_TURN_CUT_DOWN, /* the file was cut down, and has to begin anew */
	TAIL_TURN_PACKED, /* the file was empty when it was opened, and is compressed: it has to be closed */
};

void tail_turns_init(struct tail_turns *, const struct tail_turns_parts *);
void tail_turns_done(struct tail_turns *);
/* Takes one turn. *ret is the file that the verdict is about, or NULL if no file had a turn. */
enum tail_turn tail_turns_take(struct tail_turns *, struct tail_file **ret);
/* A batch with this token has settled. */
void tail_turns_settled(struct tail_turns *, uint64_t token);
/* The pipeline says that it has room again. */
void tail_turns_resume(struct tail_turns *);
/* Reads a slice of a file that has no turns any more, and hands it to host_leave(). ret_offer: there was one, which is
 * under way until tail_turns_left(); else NULL. Nothing is done about the answer. */
enum tail_read tail_turns_leave(
	struct tail_turns *, struct tail_file *, const struct tail_leaver *, struct tail_offer **ret_offer);
void tail_turns_left(struct tail_turns *, struct tail_offer *);
/* The file is closed: nothing of it is held, and its turn does not come. */
void tail_turns_drop(struct tail_turns *, struct tail_file *);
/* From now on, lines that are held do not wait. */
void tail_turns_drain(struct tail_turns *);
void tail_turns_stop(struct tail_turns *);
bool tail_turns_is_quiet(const struct tail_turns *);

#endif
