/*
 * The overview: /status on the control socket, and the agent's own numbers of memory and spool on /metrics.
 */
#ifndef OXP_OVERVIEW_H
#define OXP_OVERVIEW_H

#include "status/process_rows.h"
#include "status/report.h"

struct budget;
struct core;
struct http_request;
struct pipeline;

struct overview {
	const struct core *core;
	const struct budget *budget;
	uint64_t state_max;
	struct process_rows process;
	struct report report; /* sections are added with report_add() */
};

/* Adds the numbers to the core's counters. */
void overview_init(struct overview *, struct core *, struct pipeline *, uint64_t state_max);
/* The section "state"; the context is the struct overview. */
void overview_state(void *context, const char *name, struct json_writer *);
/* The section "families": those with the most series, and those of which samples were dropped. */
void overview_families(void *context, const char *name, struct json_writer *);
/* The handler of the route; its context is the same. */
void overview_answer(void *context, struct http_request *);

#endif
