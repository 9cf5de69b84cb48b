/*
 * Intakes: the collectors, each with what it was lent, in the order of the configuration.
 *
 * Only intake.c calls start, drain, stop and destroy of a collector; assemble.c creates it, and admin/metrics.c asks
 * those of metrics to collect.
 */
#ifndef OXP_INTAKE_H
#define OXP_INTAKE_H

#include "pipeline/delivery.h"

struct buffer;
struct log;
struct parking;
struct recorder;
struct spool;

/* Only intake.c writes it. */
struct intake {
	struct intake *next;
	struct intakes *from;
	const struct collector_type *type;
	struct collector *collector; /* NULL until intake_create() */
	struct host *host;
	bool started;
	bool unrecorded; /* it is the recorder's own */
	bool unheard; /* its books count rows of the spool that the saved ones do not */
	bool leaving; /* after intakes_leave_rest() */
};

struct intakes {
	struct intake *first;
	struct parking *parking; /* takes what is refused */
	struct spool *spool; /* has the rows of what settles */
	struct recorder *recorder; /* is shown the spans that are taken */
	void (*left)(void *context); /* of intakes_leave_rest(), until it was called */
	void *context;
};

struct intake *intake_new(struct intakes *, const struct collector_type *, struct host *)
	__attribute__((returns_nonnull));
/* What a source tells; the context is the struct intake. */
extern const struct source_hooks intake_hooks;
/* As collector_type.create(). */
int intake_create(struct intake *, const void *config) MUST_CHECK;
/* What it offers is not recorded: it comes from the recorder. */
void intake_set_unrecorded(struct intake *);
/* Its books count rows of the spool that the last run had not counted: intakes_save_books() saves them. */
void intake_note_unheard(struct intake *);
/* Whether it reads files, whose positions are saved. */
bool intake_has_positions(const struct intake *);

/* Starts all, until one fails: that is logged, and the -errno returned. */
int intakes_start(struct intakes *, const struct log *) MUST_CHECK;
/* Commits the books of those that were noted, so that what the spool has is counted on disk before a row is deleted. */
void intakes_save_books(struct intakes *);
/* All have found what they are to follow. */
bool intakes_have_begun(const struct intakes *);
/* The process is asked to end. */
void intakes_drain(struct intakes *);
/* Nothing is left to read, and no peer is in the middle of sending. */
bool intakes_are_quiet(const struct intakes *);
/* Appends the names of those that are not quiet, for people, as far as there is room. */
void intakes_tell_busy(const struct intakes *, struct buffer *);
/* Stops all but those that can leave the rest where it is (FULL_PAUSE). */
void intakes_stop_doors(struct intakes *);
void intakes_stop(struct intakes *);
/* What the next run cannot read again goes to disk. Called now and then while the process ends. */
void intakes_leave(struct intakes *);
/* The same after intakes_stop(): left() is called once, when all of it is there or was given up, maybe
 * from within the call. */
void intakes_leave_rest(struct intakes *, void (*left)(void *context), void *context);
/* Time is up for that. */
void intakes_abandon(struct intakes *);
/* The lanes are empty. */
void intakes_done(struct intakes *);

/* A section of the report; the context is the struct intakes. */
void intakes_report(void *context, const char *name, struct json_writer *);

#endif
