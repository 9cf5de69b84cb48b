/*
 * Between those who ask expressions and those who read pages of /metrics. Whoever asks adds its windows, and wants a
 * page before each question; whoever reads pages is told that one is wanted, and shows it to all windows.
 */
#ifndef OXP_EXPRESSION_SAMPLER_H
#define OXP_EXPRESSION_SAMPLER_H

#include "expression/windows.h"

enum { SAMPLER_BYTES_MAX = 2 << 20 }; /* of samples and series of all expressions together */

/* Only sampler.c writes the fields behind `context`. */
struct sampled {
	struct windows *windows;
	/* The windows have a page that was collected since sampler_want(). NULL, or why they have none. Once for each
	 * of these, from a later callback. */
	void (*done)(void *context, const char *failed);
	void *context;
	struct sampled *next;
	bool wants, due; /* a page; the one under way */
	bool open; /* it has been shown some of the page, whose end it does not know yet */
};

struct sampler {
	uint64_t seed;
	struct windows_room room;
	struct sampled *first;
	bool under_way;
	void (*ask)(void *context); /* makes a page, from a later callback; NULL: nobody does yet */
	void *context;
};

void sampler_init(struct sampler *, uint64_t seed);

/* For those who ask. */
void sampler_add(struct sampler *, struct sampled *);
void sampler_remove(struct sampler *, struct sampled *);
void sampler_want(struct sampler *, struct sampled *);
void sampler_cancel(struct sampled *); /* done() is not called; fine if nothing is wanted */

/* For the one who reads pages. */
void sampler_serve(struct sampler *, void (*ask)(void *context), void *context);
/* How many names of metrics the expressions have, with repetitions; the first `room` of them are written. */
size_t sampler_names(const struct sampler *, struct bytes *names, size_t room);
/* A page, as in windows.h. */
void sampler_begin(struct sampler *, int64_t ms);
void sampler_take(struct sampler *, const struct exposition_sample *);
/* It ends, or there was none, and why. Each call is about one of the expressions: those that wanted the page are told.
 * True: there is another one. After the last, ask() may be called. */
bool sampler_end(struct sampler *, const char *failed) MUST_CHECK;

#endif
