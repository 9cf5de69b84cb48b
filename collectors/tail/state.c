#include "collectors/tail/state.h"

const struct tail_trait tail_traits[TAIL_STATES] = {
	[TAIL_CLOSED] = { .twin = TAIL_GONE_CLOSED },
	[TAIL_WAITING] = { .compressed = true, .twin = TAIL_GONE_WAITING },
	[TAIL_FOLLOWED] = { .open = true, .twin = TAIL_GONE_FOLLOWED },
	[TAIL_UNPACKED] = { .compressed = true, .open = true, .ended = true, .twin = TAIL_GONE_UNPACKED },
	[TAIL_SPENT] = { .compressed = true, .twin = TAIL_GONE_SPENT },
	[TAIL_GONE_CLOSED] = { .gone = true, .twin = TAIL_CLOSED },
	[TAIL_GONE_WAITING] = { .gone = true, .compressed = true, .twin = TAIL_WAITING },
	[TAIL_GONE_FOLLOWED] = { .gone = true, .open = true, .twin = TAIL_FOLLOWED },
	[TAIL_GONE_ENDED] = { .gone = true, .open = true, .ended = true, .twin = TAIL_FOLLOWED },
	[TAIL_GONE_UNPACKED] = { .gone = true, .compressed = true, .open = true, .ended = true, .twin = TAIL_UNPACKED },
	[TAIL_GONE_SPENT] = { .gone = true, .compressed = true, .twin = TAIL_SPENT },
	[TAIL_COPY] = { .twin = TAIL_COPY },
	[TAIL_GONE_CUT] = { .gone = true, .twin = TAIL_GONE_CUT },
};

/* A closed file is dropped rather than kept without its name, so it has one way between the twins and not two. */
static const bool moves[TAIL_STATES][TAIL_STATES] = {
	[TAIL_CLOSED] = { [TAIL_WAITING] = true, [TAIL_FOLLOWED] = true, [TAIL_SPENT] = true, [TAIL_COPY] = true },
	[TAIL_WAITING] = { [TAIL_FOLLOWED] = true, [TAIL_UNPACKED] = true, [TAIL_SPENT] = true, [TAIL_COPY] = true },
	[TAIL_COPY] = { [TAIL_WAITING] = true, [TAIL_FOLLOWED] = true, [TAIL_SPENT] = true },
	[TAIL_FOLLOWED] = { [TAIL_CLOSED] = true, [TAIL_GONE_FOLLOWED] = true, [TAIL_GONE_CUT] = true },
	[TAIL_UNPACKED] = { [TAIL_SPENT] = true, [TAIL_GONE_UNPACKED] = true },
	[TAIL_SPENT] = { [TAIL_GONE_SPENT] = true },
	[TAIL_GONE_CLOSED] = { [TAIL_CLOSED] = true,
		[TAIL_GONE_WAITING] = true,
		[TAIL_GONE_FOLLOWED] = true,
		[TAIL_GONE_SPENT] = true,
		[TAIL_GONE_CUT] = true },
	[TAIL_GONE_WAITING] = { [TAIL_WAITING] = true, [TAIL_GONE_UNPACKED] = true, [TAIL_GONE_SPENT] = true },
	[TAIL_GONE_FOLLOWED] = { [TAIL_FOLLOWED] = true,
		[TAIL_GONE_ENDED] = true,
		[TAIL_GONE_CLOSED] = true,
		[TAIL_GONE_CUT] = true },
	[TAIL_GONE_ENDED] = { [TAIL_FOLLOWED] = true,
		[TAIL_GONE_FOLLOWED] = true,
		[TAIL_GONE_CLOSED] = true,
		[TAIL_GONE_CUT] = true },
	[TAIL_GONE_CUT] = { [TAIL_GONE_FOLLOWED] = true },
	[TAIL_GONE_UNPACKED] = { [TAIL_UNPACKED] = true, [TAIL_GONE_SPENT] = true },
	[TAIL_GONE_SPENT] = { [TAIL_SPENT] = true },
};

bool tail_state_may_become(enum tail_state from, enum tail_state to)
{
	return moves[from][to];
}

/* The twin differs in nothing but the name, and in whether somebody may still add to it. */
static void check_twin(enum tail_state state)
{
	const struct tail_trait *here = &tail_traits[state], *twin = &tail_traits[here->twin];

	if (here->twin == state)
		return;
	OXP_ASSERT(twin->gone != here->gone && twin->open == here->open && twin->compressed == here->compressed);
	OXP_ASSERT(twin->twin == state || state == TAIL_GONE_ENDED);
	OXP_ASSERT(!here->gone || moves[state][here->twin]);
}

void tail_state_check(void)
{
	for (enum tail_state from = 0; from < TAIL_STATES; from++) {
		check_twin(from);
		OXP_ASSERT(!moves[from][from]);
		for (enum tail_state to = 0; to < TAIL_STATES; to++)
			OXP_ASSERT(!moves[from][to] || tail_traits[from].gone == tail_traits[to].gone ||
				   tail_traits[from].twin == to || to == TAIL_GONE_CUT);
	}
}
