/*
 * Meters: series that change in place, event by event, for collectors that are pushed to. A meter is a counter, a
 * gauge, a histogram, a summary or a set with one set of labels. Owned by the loop thread; each collector has meters of
 * its own.
 *
 * On the page they are a target of the series table. When the page is wanted, the collector shows them: each meter is
 * staged as it is at that moment, a slice at a time, and the whole is committed as a scrape is. So names, limits and
 * duplicates of the page are the table's business, and a meter that it refuses is counted there.
 *
 * A meter is found by the raw bytes of an event (struct meter_raw) with one look-up, once meters_get() was told of
 * them; nothing is allocated for an event of a known meter. A meter that no event has touched for its `ttl` ends, and
 * begins anew if it comes again; while it is used, a counter never falls.
 *
 * Beyond a ceiling an event goes into a meter of its family whose only label is overflow="true". So sums over a family
 * stay right, whatever labels its events have. There is one for each family, beside the ceilings. If the family itself
 * is not there, there is no room for it either, and the event is refused. Both are counted by their reason, with the
 * name of the latest family.
 */
#ifndef OXP_SERIES_METERS_H
#define OXP_SERIES_METERS_H

#include "base/clock.h"
#include "proto/native_sum.h"
#include "series/series.h"
#include "series/sums_file.h"

struct meters;
struct meter;

/* A set is shown as a gauge: how many different values there were in the last window of time that is over. A family of
 * histograms has classic and native ones. These numbers are saved. */
enum meter_kind {
	METER_COUNTER,
	METER_GAUGE,
	METER_HISTOGRAM, /* with buckets of its own bounds; it may be a native one, too */
	METER_SUMMARY,
	METER_SET,
	METER_NATIVE, /* a native histogram */
	METER_KINDS,
};

enum {
	METER_LABELS_MAX = 64,
	METER_LABEL_MAX = 1024, /* for limits.label */
	METER_BOUNDS_MAX = 64,
	METER_MEMBERS_MAX = 1 << 16, /* different values of a set in one window */
	METER_RAWS_MAX = 8, /* raw spellings of one meter that are found at once, such as tags in another order */
};

struct meters_limits {
	size_t series; /* on the page: a histogram is one for each bucket, its sum and its count, and one
			* more if it is native, too; a native one without bounds is 4 */
	size_t family_series; /* of one family */
	size_t label; /* bytes of a label's value, or of its name */
	struct duration window; /* of sets */
};

enum meter_refusal {
	METER_FITS,
	METER_SERIES_CEILING,
	METER_FAMILY_CEILING,
	METER_LABEL_SIZE, /* a label beyond limits.label, or more than METER_LABELS_MAX */
	METER_BYTES, /* metrics.limits.bytes, or memory */
	METER_TYPE_CLASH, /* its family has another kind: refused */
	METER_MEMBERS, /* a value of a set beyond METER_MEMBERS_MAX, or without memory: it is not counted */
	METER_LABEL_NAME, /* one that begins with __, le of a histogram, quantile of a summary: refused */
	METER_REFUSALS,
};

/* What an event says of itself, as it came. Events of equal bytes belong to the same meter. */
struct meter_raw {
	unsigned char kind; /* whatever else tells them apart */
	struct bytes name, tags, more;
};

/* Who sends some of the meters. It outlives them: `meters` counts them, and only the table writes it. */
struct meter_owner {
	struct mono_time alive; /* when it was heard of last */
	struct meter *main; /* one of them that its user remembers; NULL once that ends */
	size_t meters;
	struct bytes name; /* what the next run finds it by, for meters that are saved */
};

/* What its user remembers of the latest event of a meter; 0 at first. */
struct meter_sent {
	uint64_t start, time;
};

struct meter_label {
	struct bytes name, value; /* the name is classic (exposition_name_valid()), the value any UTF-8 */
};

/* How a histogram with bounds is a native one, too, as client_golang makes them. */
struct meter_native_wanted {
	int64_t schema; /* in which it begins: NATIVE_SCHEMA_MIN to NATIVE_SCHEMA_MAX */
	uint32_t most; /* buckets, up to NATIVE_BUCKETS_MAX, beyond which they are merged; 0: it is none */
};

struct meter_wanted {
	struct bytes name; /* classic */
	enum meter_kind kind;
	const char *help; /* of the family; the first counts */
	/* Of a histogram's buckets, ascending, without +Inf; or the quantiles of a summary. Those of the family's first
	 * count; but each meter of an owner has its own, and one that comes with others ends, and begins anew. */
	const double *bounds;
	size_t bound_count;
	struct meter_native_wanted native; /* of a histogram */
	const struct meter_label
		*labels; /* in any order; of two with one name the last counts; empty ones count as none */
	size_t label_count;
	struct duration ttl; /* 0: it never ends */
	const struct meter_raw *raw; /* it is found by this from now on. May be NULL */
	double factor; /* kept with `raw`: what the numbers of such events are multiplied by */
	struct meter_owner *owner; /* the same for the same labels. May be NULL */
	bool as_owner; /* it does not end while its owner is heard of within `ttl` */
	bool whole; /* what is sent are no events, but all that there were: nothing for an overflow, so it is refused */
	bool saved; /* it outlives the process */
	uint64_t origin; /* such as a rule. One that was restored begins anew if another origin asks for it */
};

/* Of a histogram, a native one or a summary. */
struct meter_state {
	const uint64_t *buckets; /* of a histogram: one for each bound and +Inf, not added up */
	const double *values; /* of a summary: at its quantiles */
	const struct native_histogram *native; /* of a native one: whole numbers, NATIVE_SUM_MAX buckets of a sign */
	uint64_t created_ns; /* the same: when it began, since 1970; 0: not known */
	uint64_t count; /* of a summary; of a histogram the sum of its buckets counts */
	double sum;
	bool no_sum; /* there is none, and none is shown */
};

/* Since the start, in events. */
struct meters_counts {
	uint64_t by[METER_REFUSALS];
	char latest[METER_REFUSALS][SERIES_NAME_SHOWN]; /* the family */
};

/* A word for labels and logs: "series_ceiling" … */
const char *meter_refusal_name(enum meter_refusal);

/* With the labels of series_target_new(). 0, -EINVAL or -ENOMEM, for the same reasons. */
int meters_new(struct series *, const struct series_label *, size_t count, const struct meters_limits *,
	struct meters **ret) MUST_CHECK;
void meters_free(struct meters *); /* they leave the page; NULL is fine */

/* Pointers to meters are valid until meters_age(). */
/* NULL: not known by that. */
struct meter *meters_known(struct meters *, const struct meter_raw *, double *ret_factor);
/* Finds or makes it. Beyond a ceiling: the family's overflow; NULL if there is none. Both are counted, and *ret_why
 * says it, unless it is NULL. */
struct meter *meters_get(
	struct meters *, const struct meter_wanted *, struct mono_time now, enum meter_refusal *ret_why);
/* The one with that name and these labels, or NULL; no ceiling matters, and nothing is counted. */
struct meter *meters_find(struct meters *, const struct meter_wanted *);
/* Ends it now. It may be made anew. */
void meters_end(struct meters *, struct meter *);

enum meter_kind meter_kind(const struct meter *);
struct meter_sent *meter_sent(struct meter *);
/* Numbers are finite, but for the value of a gauge and the sums of states. */
void meter_add(struct meter *, double by, struct mono_time now); /* to a counter, not below 0; or to a gauge */
void meter_set(struct meter *, double value, struct mono_time now); /* a gauge; or a counter, not below 0 */
/* Into a histogram: one that stands for `weight` observations, which is 1 or more. What is no whole number of them is
 * kept for the next, so that the sum over many is right. If a native one needs another bucket and there is no memory
 * for it, it gets coarser. Beyond NATIVE_COUNT_MAX observations it begins anew. */
void meter_observe(struct meter *, double value, double weight, struct mono_time now);

/* A histogram or a summary is like that from now on; a histogram has got that, too. */
void meter_set_state(struct meter *, const struct meter_state *, struct mono_time now);
void meter_add_state(struct meter *, const struct meter_state *, struct mono_time now);
/* The same of a native one. 0; -ENOMEM; -ERANGE if it would have counted more than NATIVE_COUNT_MAX, or buckets that
 * lie too far apart: then it is as it was. What is added may make it coarser: the coarser schema and the wider zero
 * bucket count, and *ret_merged is how often buckets were merged since there were too many. */
int meter_set_native(struct meter *, const struct meter_state *, struct mono_time now) MUST_CHECK;
int meter_add_native(struct meter *, const struct meter_state *, struct mono_time now, unsigned *ret_merged) MUST_CHECK;
/* Of a counter, or of the bucket of a histogram that the value is in: `{…} value timestamp`, as OpenMetrics has it. The
 * latest is shown, of a native histogram the latest NATIVE_EXEMPLARS_MAX; without memory there is none. */
void meter_exemplar(struct meters *, struct meter *, double value, struct bytes text);
/* Into a set. The value is counted once in each window. */
void meter_insert(struct meters *, struct meter *, struct bytes value, struct mono_time now);

/*
 * Saving. The file outlives the meters, and is theirs alone from here on. `changed` is called when there is something
 * to save and was nothing before.
 */
void meters_save_to(struct meters *, struct sums_file *, void (*changed)(void *context), void *context);

struct meters_restore {
	/* What an earlier run has saved is about to be made: `ttl` and `owner` are for the callee to set, and `help`,
	 * if it knows better. `owner` is the name of that in the earlier run. False: it is not wanted any more. */
	bool (*wanted)(void *context, struct bytes owner, struct meter_wanted *);
	void *context;
};
struct meters_restored {
	size_t restored;
	size_t unwanted; /* or there was no place for them any more */
	size_t older; /* of those restored: the latest value could not be read, and the one before it is there */
	size_t damaged; /* they could not be read */
};
/* Makes what the file has. Before there are any others. 0 or -errno. */
int meters_restore(
	struct meters *, const struct meters_restore *, struct mono_time now, struct meters_restored *ret) MUST_CHECK;
/* Saves so many that have changed, and frees as many that are gone. True: there are more. */
bool meters_save_some(struct meters *, size_t count);
size_t meters_unsaved(const struct meters *); /* that have changed since they were saved */
size_t meters_behind(const struct meters *); /* that could not be saved when that was tried last */
/* The first failure since it was asked last, as -errno; 0: none. Meters that could not be saved are tried again by
 * meters_age(). */
int meters_save_failure(struct meters *);

/* Ends meters whose time is over: looks at `count` of them, from where the last call stopped. Not while they are
 * shown. */
void meters_age(struct meters *, struct mono_time now, size_t count);

/* Begins to show them. One that is under way begins anew. */
void meters_show(struct meters *, struct mono_time now);
/* Stages some more of them, about that many series. False: all are; then meters_shown() is due. */
bool meters_show_some(struct meters *, size_t series) MUST_CHECK;
void meters_shown(struct meters *, struct series_counts *ret); /* makes them visible */
/* They are staged through these events, which hand them on to the target, in place of series_events. */
void meters_through(struct meters *, const struct exposition_events *, void *context);
struct series_target *meters_target(struct meters *); /* for series_tidy() and series_target_count() */

const struct meters_counts *meters_counts(const struct meters *);
size_t meters_series(const struct meters *); /* those of the overflow are not counted */
size_t meters_families(const struct meters *);

/* Asserts the invariants; for tests. */
void meters_check(const struct meters *);

#endif
