/*
 * Samples on their way to a destination that they are pushed to: what an item of a batch of metrics is made of.
 *
 *	1732977600123 values		when, in ms since 1970, and what the lines are
 *	# HELP …			lines of OpenMetrics 1.0, those of metadata for each family
 *	requests_total{code="200"} 3
 *
 * A native histogram is `name{…} {sum:1.5,native:BASE64}` (exposition_write_native()), with no other lines of its label
 * set unless it has classic buckets, too.
 *
 * With `gone` in place of `values` the lines are series that have ended, and their values mean nothing. An item is one
 * request, whatever the protocol: it has no more samples than its destination takes at once. It is text, so that what
 * one version has spooled is read by the next.
 */
#ifndef OXP_SAMPLES_ITEM_H
#define OXP_SAMPLES_ITEM_H

#include "proto/exposition_parse.h"

enum {
	SAMPLES_HEAD_MAX = 32, /* bytes of the first line */
	SAMPLES_SET_MAX = 2048, /* of a label set that is kept whole */
};

/*
 * Which lines of a page a pass over it takes. Samples whose target gave them a time go in items of their own: for one
 * that is too old, or of a time that its series had another value at, a receiver refuses all of a request.
 */
struct samples_pass {
	bool timed; /* those that have a time of their own; no others */
	int64_t latest_ms; /* of such a time: a receiver takes none that is later, and it counts as an excess */
};

/* A page that is cut into items. */
struct samples_cut {
	struct bytes page;
	size_t at;
	struct bytes family; /* the metadata of the family under way */
	struct samples_pass pass;
	bool any_others; /* among the lines so far: another pass takes them */
};

/*
 * What an item has behind its first line: `family` and then `lines`, which point into the page, but for those of
 * samples that exceed a ceiling of exposition_parse.h: nobody could read them from the item.
 */
struct samples_piece {
	struct bytes family, lines;
	uint32_t samples; /* without those; 0: there is nothing for an item */
	uint32_t excess; /* how many of them there are, */
	size_t excess_bytes; /* among `lines` */
	size_t other_bytes; /* the same, of lines that another pass takes */
	struct samples_pass pass;
};

/* The page is OpenMetrics, or lines of samples alone. A pass over those without a time of their own. */
void samples_cut_init(struct samples_cut *, struct bytes page);
/* Another pass over the same page, from its beginning, if there were any others: those with one. */
void samples_cut_timed(struct samples_cut *, int64_t latest_ms);
/* The next piece: that many samples, those that exceed a ceiling included, or bytes, and what is left of its last label
 * set, up to as many bytes again and SAMPLES_SET_MAX: buckets, say, or when it was created. It may be empty: that many
 * bytes of the page were others. False: that was all. */
bool samples_cut_next(struct samples_cut *, size_t samples, size_t bytes, struct samples_piece *ret);
/* How much samples_piece_put() writes, */
size_t samples_piece_size(const struct samples_piece *);
/* which is all that an item has behind its first line. Returns behind it. */
char *samples_piece_put(const struct samples_piece *, char *to);
/* Writes the first line. Returns its size. */
size_t samples_head_write(int64_t at_ms, bool gone, char to[SAMPLES_HEAD_MAX]);

/* A family as far as the item tells of it; without a name if it does not. */
struct samples_family {
	struct bytes name, help, unit; /* as they were written, with their escapes */
	enum exposition_type type;
	bool quoted; /* the name */
};

struct samples_reader {
	int64_t at_ms; /* of the item, */
	bool gone; /* which is about series that have ended */
	struct samples_family family; /* of the sample at hand */
	/* 0, or -errno, which ends the reading. What it is given points into the item. */
	int (*sample)(void *context, const struct samples_reader *, const struct exposition_sample *);
	void *context;
	int failed;
};

/* Reads all of an item. `sample` and `context` are set. 0; -EBADMSG if it is no such item; or what sample() said. */
int samples_read(struct samples_reader *, struct bytes item) MUST_CHECK;
/* When an item is of; -1 if it is none. */
int64_t samples_when(struct bytes item);

#endif
