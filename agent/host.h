/*
 * The core's side of `struct host`: what one component was lent, and by whom.
 */
#ifndef OXP_HOST_H
#define OXP_HOST_H

#include "component.h"
#include "core.h"

struct agent;
struct agent_config;
struct budget;
struct host;
struct source;
struct state_change;

/* All hosts, and what each lends from. */
struct hosts {
	struct core *core;
	const struct agent_config *config;
	const struct budget *budget;
	struct agent *agent; /* the one whose spool takes what is offered by host_offer_kept() */
	/* A document was refused for what the destination's mapping says; `destination` lives as long as the host. */
	void (*conflict)(void *context, const char *destination, const struct mapping_conflict *);
	void *conflict_context;
	struct host *first;
};
void hosts_done(struct hosts *);

struct host {
	struct host *next;
	struct hosts *from;
	struct core *core;
	char *name; /* "logs.export.elasticsearch" */
	struct source *source; /* of a collector of logs or traces */
	struct ledger_row *samples; /* of a collector of metrics */
	void (*checked)(void *context, bool fine, const char *why); /* of a check */
	void (*collected)(void *context); /* of a collector of metrics */
	void *context;
	struct state_change *staged; /* positions for the next commit */
};

/* One more, which lives until hosts_done(). */
struct host *host_new(struct hosts *, const char *place, const char *name) __attribute__((returns_nonnull));

#endif
