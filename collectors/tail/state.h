/*
 * The states of a file that `tail` knows, and which may follow which. table.c makes every move, since the list that a
 * file is in follows from its state.
 *
 *	CLOSED ──→ FOLLOWED                        its first bytes are text
 *	   │  ↖_______↙                            (it was empty, and is compressed by now)
 *	   └→ WAITING ──→ UNPACKED ──→ SPENT       its first bytes are those of a compressed file
 *
 * Each has a twin without a name, GONE_…, to and from which a file goes when it loses its name or is found under
 * another. GONE_ENDED has none: a file that nobody has written to for some sweeps ends with the bytes that it has.
 *
 *	FOLLOWED ──→ GONE_CUT ──→ GONE_FOLLOWED    it was cut down, and is read on in its copy
 *	CLOSED ──→ COPY                            it has what another file has, and is that one's copy when that is cut
 */
#ifndef OXP_TAIL_STATE_H
#define OXP_TAIL_STATE_H

#include "base/base.h"

enum tail_state {
	TAIL_CLOSED, /* it could not be opened yet; every sweep tries again */
	TAIL_WAITING, /* compressed: it is unpacked when its turn comes */
	TAIL_FOLLOWED, /* open, and read as it grows */
	TAIL_UNPACKED, /* compressed: its text is open, to which nobody adds */
	TAIL_SPENT, /* compressed: read, or left out */
	TAIL_COPY, /* closed: so far all its bytes are those of a followed file, or were until that was cut down */
	TAIL_GONE_CLOSED,
	TAIL_GONE_WAITING,
	TAIL_GONE_FOLLOWED, /* its writer may not have noticed yet */
	TAIL_GONE_ENDED, /* nobody writes to it any more: its last bytes are a line even without a line end */
	TAIL_GONE_UNPACKED,
	TAIL_GONE_SPENT,
	TAIL_GONE_CUT, /* closed: its bytes were cut away, and a copy of them is looked for */
	TAIL_STATES
};

struct tail_trait {
	bool gone; /* its name is another file's now, or no file's */
	bool open; /* it has a descriptor to read from */
	bool compressed;
	bool ended; /* nobody writes to it any more */
	enum tail_state twin; /* the same state with the name, or without it; the state itself if there is none */
};
extern const struct tail_trait tail_traits[TAIL_STATES];

bool tail_state_may_become(enum tail_state, enum tail_state to);
/* Breaking a rule of the two tables aborts: for tests. */
void tail_state_check(void);

#endif
