/*
 * The scout: whether a destination that has fallen silent takes something by now.
 *
 * A destination can take connections and answer nothing: its process hangs, or a dead node has its address. What is
 * under way then may be lost, or may only take long, so it is waited for to its timeout. But once nothing has been
 * answered for a while, one item of the oldest send under way goes out a second time, on its own: a scout. About once a
 * second there is another one, and each has two seconds, since thousands of agents may come back to the destination at
 * once. So up to SCOUTS_MAX are out, beside the sends that get no answer.
 *
 * A scout settles nothing, since its item is still under way with the send. If it is taken, the destination is back.
 * Whatever began before it has a moment more to be answered, and is then called back and sent again. An item that is
 * slow by itself, or never answered, is slow as a scout, too: it is not called back.
 *
 * A send of no items (suspects.h) would not do for a scout. A server that is slow at its work answers an empty request
 * at once, and everything under way would be called back again and again.
 *
 * "A while" is twice as long as answers have taken lately, at least a second: a slow destination gets no scouts.
 */
#ifndef OXP_SCOUT_H
#define OXP_SCOUT_H

#include "base/random.h"
#include "pipeline/send.h"

enum { SCOUTS_MAX = 3 };
enum scout_phase {
	SCOUT_RESTS, /* nothing is under way */
	SCOUT_LISTENS, /* something is */
	SCOUT_OUT, /* and a scout or more beside it */
	SCOUT_TAKEN, /* a scout was taken: what began before it has a moment more */
	SCOUT_PHASES
};

/* What the sender does for its scout, with the context it gave. */
struct scout_hooks {
	/* The oldest send under way; NULL if no scout may go out now. */
	const struct send *(*elder)(void *context);
	void (*go)(void *context, struct send *scout); /* ends with scout_done(), maybe within the call */
	void (*cancel)(void *context, struct send *scout); /* ends it within the call */
	/* Ends every send that began then or before, so that it is sent again. */
	void (*call_back)(void *context, struct mono_time begun);
};

/* Only scout.c writes it. */
struct scout {
	struct loop *loop;
	struct random *random;
	const struct scout_hooks *hooks;
	void *context;
	enum scout_phase phase;
	struct loop_timer timer;
	struct send_list out; /* the scouts, oldest first */
	size_t count; /* of them */
	uint64_t sent; /* scouts, in this run */
	struct mono_time begun; /* the scout that was taken */
	struct duration usual; /* how long answers take */
	struct duration least; /* between two scouts, by the sender's back-off */
	unsigned missed; /* scouts in a row that were not taken */
};

void scout_init(struct scout *, struct loop *, struct random *, const struct scout_hooks *, void *context);
void scout_free(struct scout *);
bool scout_is(const struct scout *, const struct send *);
/* A send begins. */
void scout_began(struct scout *, struct duration least);
/* A send is about to end: its scouts must not outlive it. */
void scout_withdraw(struct scout *);
/* A send has ended, and that many are still under way. `took`: how long its answer took; NULL: it got none. */
void scout_ended(struct scout *, size_t under_way, const struct duration *took);
/* Sends the next scout now, if one is due at all. */
void scout_hurry(struct scout *);
/* A scout has ended. Returns how many in a row were not taken before it. */
unsigned scout_done(struct scout *, struct send *, bool taken);
void scout_check(const struct scout *, size_t under_way);

#endif
