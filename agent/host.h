/*
 * The core's side of `struct host`: what one component was lent, and by whom.
 */
#ifndef OXP_HOST_H
#define OXP_HOST_H

#include "component.h"
#include "pipeline/source.h"
#include "state/state.h"
#include "status/counters.h"

struct agent;

struct host {
	struct host *next; /* in the agent's list */
	struct agent *agent;
	char *name; /* "logs.export.elasticsearch" */
	struct source *source; /* of a collector of logs or traces */
	struct ledger_row *samples; /* of a collector of metrics */
	void (*checked)(void *context, bool fine, const char *why); /* of a check */
	void (*collected)(void *context); /* of a collector of metrics */
	void *context;
	struct state_change *staged; /* positions for the next commit */
};

struct host *host_new(struct agent *, const char *place, const char *name);
void host_free(struct host *);

#endif
