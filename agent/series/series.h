/*
 * The table of metric series between collectors and the exposition. Owned by the loop thread.
 *
 * A target is one address that is scraped. A scrape is staged while it arrives, and becomes visible as a whole when it
 * is committed; if it is abandoned, it leaves no trace. The page shows only series of a target's last committed scrape.
 * Between two commits nothing on the page changes.
 *
 * The table speaks text. What OpenMetrics adds is turned into what Prometheus' own libraries write for it: the samples
 * of counter `x` are family `x_total`, those of info `x` are gauge `x_info`, `_created`, `_gsum` and `_gcount` are
 * gauge families of their own. For readers of OpenMetrics it becomes again what it was (openmetrics.h), but for gauge
 * histograms, and exemplars and units are kept. Names that are not classic stay as they came, and are escaped when a
 * page is written (escape.h). Labels stand in the order of their names.
 *
 * A page cannot have two series with the same name and labels, nor one family with two types. The first one stays; the
 * other is refused and counted. So is a series that exceeds a ceiling, and a sample that Prometheus would refuse the
 * whole page for.
 */
#ifndef OXP_SERIES_H
#define OXP_SERIES_H

#include "proto/exposition_parse.h"

struct series;
struct series_target;

struct series_limits {
	size_t series; /* visible at once; while a scrape is staged, the larger of old and new counts */
	size_t family_series; /* of one family */
	size_t bytes; /* of memory, staged series included */
	const char *reserved; /* prefix of families that are refused: they are written elsewhere. May be NULL */
	/* Called for all memory of series, and for the bytes that they take on a page, so that a page always has room;
	 * give() is called when they are freed. NULL: neither is called. */
	bool (*take)(void *context, size_t bytes);
	void (*give)(void *context, size_t bytes);
	void *context;
};

extern const struct series_limits series_limits_default;

enum series_drop {
	SERIES_DROP_TYPE_CLASH, /* its family has another type already */
	SERIES_DROP_SERIES_CEILING,
	SERIES_DROP_FAMILY_CEILING,
	SERIES_DROP_BYTES, /* that ceiling, or out of memory */
	SERIES_DROP_DUPLICATE, /* twice in one scrape, or another target has it */
	SERIES_DROP_LABELS, /* two of one name, once the target's are there */
	SERIES_DROP_RESERVED,
	SERIES_DROP_TIMESTAMP, /* before 1970, for which Prometheus refuses a page of text, or beyond 2^53 ms */
	SERIES_DROP_NATIVE, /* a native histogram that Prometheus would refuse; it is shown as a classic one */
	SERIES_DROP_SAMPLE_SIZE, /* a ceiling of proto/exposition_parse.h */
	SERIES_DROPS,
};

enum {
	SERIES_NAME_SHOWN = 80,
	SERIES_NAME_MAX = 2 * EXPOSITION_NAME_MAX + 8, /* of a family: with all escapes, and a suffix */
};

/* Of one scrape, in samples: received = merged + filtered + the sum of dropped. A ceiling that refuses one sample of a
 * label set of a histogram or summary drops all of them. Series of several samples (steps.h) count as often. */
struct series_counts {
	uint64_t received, merged;
	uint64_t filtered; /* by steps; and by rules of the collector, which adds it: the table has not seen these */
	uint64_t dropped[SERIES_DROPS];
	char first[SERIES_DROPS][SERIES_NAME_SHOWN]; /* what the first that was dropped for it is called, maybe cut */
};

/* Whether it is one of the table's ceilings, or a sample's. */
bool series_drop_is_ceiling(enum series_drop);

/* A word for labels and logs: "type_clash", "series_ceiling" … */
const char *series_drop_name(enum series_drop);

/* With a random `seed`, a hostile target cannot aim at one bucket. NULL if out of memory. */
struct series *series_new(const struct series_limits *, uint64_t seed);
void series_free(struct series *); /* with its targets; NULL is fine */

size_t series_page_max(const struct series *); /* no page is larger */

/* Families with the most series, and those of which the most samples were dropped since the start, also by meters,
 * whose overflow counts as that. Most series first. */
enum { SERIES_WORST_MAX = 26 };
struct series_worst {
	char name[SERIES_NAME_SHOWN]; /* maybe cut; of dropped samples what their target calls it */
	size_t series;
	uint64_t dropped;
	const char *why; /* the latest reason; "" if nothing was dropped */
};
size_t series_worst(const struct series *, struct series_worst ret[SERIES_WORST_MAX]) MUST_CHECK;

/* A label that every series of a target gets. A label of that name in the scrape becomes exported_NAME, as in
 * Prometheus. */
struct series_label {
	const char *name, *value;
};
enum { SERIES_TARGET_LABELS_MAX = 16 };

/* 0; -EINVAL for a name that is not classic, a name twice, or too many; or -ENOMEM. */
int series_target_new(
	struct series *, const struct series_label *, size_t count, struct series_target **ret) MUST_CHECK;
/* Whether the times that its samples have are shown: yes, unless this says no. */
void series_target_honor_timestamps(struct series_target *, bool);
void series_target_free(struct series_target *); /* its series vanish; NULL is fine */
/* Discards its last scrape, so its series vanish. A scrape that is being staged goes on. */
void series_target_down(struct series_target *);
size_t series_target_count(const struct series_target *); /* visible */

/* Begins a scrape; one that was under way is abandoned. What is left of earlier ones is freed. */
void series_begin(struct series_target *);
/* Takes events of a parser whose context is the target, between begin and commit. Never stops the parser. */
extern const struct exposition_events series_events;
/* Makes the scrape visible, whatever it has and the one before it had. */
void series_commit(struct series_target *, struct series_counts *ret);
void series_abandon(struct series_target *); /* does nothing if none is under way */
/* Frees what a commit, an abandoned scrape or series_target_down() left behind: at most that many series, families and
 * the like, each of which takes a tenth of a microsecond. True: more is left. It is not on the page, and holds up
 * nobody: where memory, a ceiling or a series is wanted that it has, it is freed at once. */
bool series_tidy(struct series_target *, size_t count);
bool series_is_tidy(const struct series_target *); /* nothing is left */

/* Asserts the invariants of the table; for tests. */
void series_check(const struct series *);

#endif
