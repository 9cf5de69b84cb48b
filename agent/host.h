/*
 * The core's side of `struct host`: what one component was lent, and from what.
 */
#ifndef OXP_HOST_H
#define OXP_HOST_H

#include "component.h"
#include "core.h"
#include "loop/pen.h"
#include "own_files.h"

struct agent_config;
struct budget;
struct host;
struct recorder;
struct source;
struct spool;
struct state_change;

enum { HOST_SOURCES_MAX = 2 }; /* one for each signal that goes through the pipeline */

/* All hosts, and what each lends from. */
struct hosts {
	struct core *core;
	const struct agent_config *config;
	struct budget *budget;
	struct own_files written;
	struct pens pens;
	struct spool *spool; /* takes what is offered by host_offer_spooled() */
	struct recorder *recorder; /* is told of apps that broke off */
	/* A document was refused because of the destination's mapping. `destination` lives as long as the host. */
	void (*conflict)(void *context, const char *destination, const struct mapping_conflict *);
	void *conflict_context;
	struct host *first;
	uint64_t lost; /* metrics; what sources lose is the pipeline's */
};
void hosts_done(struct hosts *);

struct host {
	struct host *next;
	struct hosts *from;
	struct core *core;
	char *name; /* "logs.export.elasticsearch" */
	struct source *sources[HOST_SOURCES_MAX]; /* host_add_source(), the rest is NULL */
	struct ledger_row *samples; /* host_set_samples() */
	void (*collected)(void *context);
	void (*checked)(void *context, bool fine, const char *why); /* host_set_check() */
	void *context; /* of either */
	void (*left)(void *context); /* host_set_left() */
	void *left_context;
	struct state_change *staged; /* positions for the next commit */
};

/* One more, which lives until hosts_done(). */
struct host *host_new(struct hosts *, const char *part, const char *name) __attribute__((returns_nonnull));
/* What the host is for: one kind of these at most, before its component is created. The first is for a collector of
 * logs or traces, once for each signal that it may offer; the second for one of metrics, whose samples the row counts;
 * the third is for a check. */
void host_add_source(struct host *, struct source *);
void host_set_samples(struct host *, struct ledger_row *, void (*collected)(void *context), void *context);
void host_set_check(struct host *, void (*checked)(void *context, bool fine, const char *why), void *context);
/* Whom host_left() tells; until then nobody. */
void host_set_left(struct host *, void (*left)(void *context), void *context);

#endif
