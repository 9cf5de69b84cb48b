/*
 * What a collector does when the pipeline is full and its input cannot wait for long.
 *
 *	FINE ──full──→ WAITING ──`span` is over──→ LOSING
 *	  ↑ ←─────taken────┘                          │
 *	  └───────nothing lost for `span`, at least a second ───┘
 *
 * While WAITING nothing is read: the kernel's buffer holds what the app writes. While LOSING everything is read and
 * offered at once, and whatever finds no room counts as dropped{full}. So an app waits for the agent once at most,
 * however long the trouble lasts.
 */
#ifndef OXP_COLLECTORS_PATIENCE_H
#define OXP_COLLECTORS_PATIENCE_H

#include "component.h"
#include "loop/loop.h"

enum patience_state { PATIENCE_FINE, PATIENCE_WAITING, PATIENCE_LOSING };

struct patience_words; /* what is lost: for the ledger, in counters and messages */

struct patience {
	struct host *host;
	const struct patience_words *words;
	struct loop *loop;
	struct duration span;
	enum patience_state state;
	bool ending; /* nothing waits any more */
	bool loses; /* the last offer found no room */
	struct mono_time lost_at;
	uint64_t lost_now; /* records, since LOSING began */
	struct loop_timer over, again;
	loop_callback *go_on; /* called to offer again what found no room */
	void *context;
	uint64_t *waits, *lost, *lost_bytes;
};

void patience_init(struct patience *, struct host *, struct duration span, loop_callback *go_on, void *context);
/* The same for a collector of spans. */
void patience_init_spans(struct patience *, struct host *, struct duration span, loop_callback *go_on, void *context);
void patience_done(struct patience *); /* fine on zeroed memory */
static inline bool patience_waits(const struct patience *p)
{
	return p->state == PATIENCE_WAITING;
}
/* The last offer found no room, and was lost. */
static inline bool patience_loses(const struct patience *p)
{
	return p->state == PATIENCE_LOSING && p->loses;
}
/* An offer found no room. True: wait, go_on() will be called. False: lose it. */
bool patience_full(struct patience *) MUST_CHECK;
void patience_taken(struct patience *);
void patience_lost(struct patience *, uint64_t records, uint64_t bytes);
/* The collector's resume(). */
void patience_resume(struct patience *);
/* The collector stops: from now on an offer that finds no room is lost. */
void patience_end(struct patience *);

#endif
