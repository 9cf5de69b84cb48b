/*
 * What every part of `tail` may read and only tail.c writes: the host, the loop, the configuration, and whether the
 * agent is ending.
 */
#ifndef OXP_TAIL_CORE_H
#define OXP_TAIL_CORE_H

#include "collectors/tail/config.h"
#include "collectors/tail/globs.h"

enum tail_life {
	TAIL_LIVES,
	TAIL_DRAINS, /* files are read to their end, and nothing waits any more */
	TAIL_STOPPED, /* nothing is offered any more; the end of the agent commits the positions that were put */
};

struct tail_core {
	struct host *host;
	struct loop *loop;
	const struct tail_config *config;
	struct tail_globs globs; /* the configuration's, expanded */
	enum tail_life life;
};

#endif
