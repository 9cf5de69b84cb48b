/*
 * A dump: the last seconds of the tape, offered to the exporters. It is a collector of its own, `traces.recorder`, so
 * that it has a row in the ledger for each of them, and goes through the spool.
 *
 *	tape written → a part of the ring read, marked → offered, on disk → the next part → told
 *
 * A part is read and marked in the disk lane. What sampling left out is sent; everything else has been sent already,
 * and goes again only if that is asked for. While a dump is under way its frames are not written over: what comes then
 * and finds no room is missed. So a dump that finds no room itself gives up after a while (STARVED_S). Frames that were
 * dumped say so in the ring, so nothing is dumped twice, also by the next run. Only a frame that a dump had the
 * beginning of when it ended early is dumped whole by the next.
 */
#ifndef OXP_RECORDER_DUMP_H
#define OXP_RECORDER_DUMP_H

#include "component.h"
#include "recorder/tape.h"

enum dump_reason { DUMP_COMMAND, DUMP_ERRORS, DUMP_CRASH, DUMP_RESTART, DUMP_REASONS };
extern const char *const dump_reasons[DUMP_REASONS];

struct dump_order {
	enum dump_reason reason;
	struct duration last; /* how far back */
	bool all; /* what was sent, too */
	bool from_newest; /* counted back from the newest request in the ring, not from now */
};

struct dump_result {
	uint64_t spans;
	uint64_t unreadable; /* requests that were not what they should be, or could not be marked */
	const char *error; /* NULL: none */
};

const struct collector_type *dump_collector(void) __attribute__((returns_nonnull));
/* Its config struct. */
struct dump_config {
	struct tape *tape;
	struct dump **made; /* where create() puts it */
};

struct dump;

bool dump_is_busy(const struct dump *);
/* Begins it. done() is called exactly once, from a later callback. Not while busy. */
void dump_begin(
	struct dump *, const struct dump_order *, void (*done)(void *, const struct dump_result *), void *context);
/* A job of the tape has ended. */
void dump_tape_wrote(struct dump *);

#endif
