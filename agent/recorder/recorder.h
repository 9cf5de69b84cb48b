/*
 * The flight recorder: the last seconds of all spans, also of those that sampling left out, in a file that outlives
 * SIGKILL, and what makes it send them.
 *
 *	source → tape → ring                       always
 *	                ring → dump → exporters    when asked, after an error burst, a crash, a killed run
 *
 *	POST /recorder/dump?last_ms=N&all=1        on the control socket
 *
 * What happens by itself happens once in `rest`, so that it cannot flood a backend.
 */
#ifndef OXP_RECORDER_RECORDER_H
#define OXP_RECORDER_RECORDER_H

#include "recorder/burst.h"
#include "recorder/dump.h"
#include "recorder/watch.h"

enum { RECORDER_ROUTES = 1, RECORDER_WHY = 160 };

struct core;
struct http_request;
struct http_route;
struct json_writer;

struct recorder_options {
	struct core *core;
	struct budget *budget;
	bool on;
	bool when[DUMP_REASONS]; /* which of them happen by themselves */
	uint64_t size;
	struct duration last; /* what a dump sends */
	uint64_t errors; /* spans, within: a burst */
	struct duration within, rest;
	const char *process; /* file with the number of the app's process, or NULL */
};

/* A dump that has ended. */
struct recorder_last {
	enum dump_reason reason;
	char why[RECORDER_WHY]; /* for people */
	struct wall_time at; /* 0: there was none */
	struct dump_result result;
};

/* Only recorder.c writes it. */
struct recorder {
	struct recorder_options options;
	struct tape tape;
	struct watch watch;
	struct burst burst;
	struct dump_config dump_config;
	struct dump *dump; /* made by dump_collector() */
	struct dump_order order; /* of the dump that is under way */
	char why[RECORDER_WHY]; /* of the same */
	struct http_request *asked; /* waits for it; NULL: nobody */
	struct mono_time rested; /* no dump by itself before */
	struct recorder_last last;
	int failed; /* of the ring, as it was told */
	uint64_t *dumps[DUMP_REASONS], *dumped, *recorded, *missed, *skipped;
};

/* If it is off, nothing of what follows does anything. */
void recorder_init(struct recorder *, const struct recorder_options *);
void recorder_done(struct recorder *);
/* Opens the ring. After everything was created. */
void recorder_start(struct recorder *);
/* The process ends, and the disk lane next. */
void recorder_end(struct recorder *);
/* A batch of spans was taken. */
void recorder_note(struct recorder *, const struct batch *);
/* At that door, a peer closed its connection in the middle of a request. */
void recorder_broke_off(struct recorder *, const char *door);
/* Fills RECORDER_ROUTES rows. */
void recorder_routes(struct recorder *, struct http_route *routes);
/* A section of the report. */
void recorder_report(void *recorder, const char *name, struct json_writer *);

#endif
