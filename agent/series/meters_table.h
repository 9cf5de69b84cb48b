/*
 * The inside of the meters, for the files of series/ only: meters_table.c has the table, meters_raws.c and
 * meters_labels.c what a meter is found by, meters_events.c and meters_sets.c what comes into it, meters_show.c the way
 * to the page, meters_save.c the way to the disk.
 *
 *	family ── meter ── meter …	in the order in which they came
 *	   └─ overflow		of it, beside the ceilings
 *	meter ── raw ── raw …	what it is found by
 */
#ifndef OXP_SERIES_METERS_TABLE_H
#define OXP_SERIES_METERS_TABLE_H

#include <xxhash.h>

#include "series/map.h"
#include "series/meters.h"
#include "series/table.h"

enum { METER_BOUND_TEXT = 32 };

struct meter_bound {
	double value;
	unsigned char size;
	char text[METER_BOUND_TEXT]; /* as le has it */
};

/* The bounds of some meters of a family: of buckets, with +Inf behind them, or the quantiles of a summary. */
struct meter_scale {
	struct meter_scale *next;
	size_t users, count;
	struct meter_bound bounds[];
};

struct meter_raws {
	struct map_node node;
	struct meter_raws *next; /* of the meter */
	struct meter *meter;
	double factor;
	unsigned char kind;
	size_t name, tags, more; /* sizes */
	char text[];
};

/* Of a label in `text` of a meter, before its name and its value; the value has escapes if it says so. */
struct meter_head {
	uint32_t name;
	uint32_t value : 31, escaped : 1;
};

/* Of a set: hashes of the values of the window that began at `start`, by open addressing; 0 stands for none. */
struct meter_members {
	struct mono_time start;
	uint64_t last; /* how many the window before had */
	size_t count, mask;
	uint64_t keys[];
};

/* Of a native histogram: buckets of positive values by ascending index, then those of negative ones. It grows as they
 * become more. It is saved as it is. */
struct meter_native {
	int32_t schema;
	uint32_t most; /* buckets in all of what is a classic histogram, too; 0: NATIVE_SUM_MAX of a sign */
	double zero_threshold;
	uint64_t zero, created_ns;
	uint32_t positive, negative, room; /* buckets */
	uint32_t saved_room; /* of its record, if it has one */
	struct meter_native_bucket {
		int64_t index;
		uint64_t count;
	} buckets[];
};

struct meter {
	struct map_node node; /* the overflow hangs in no map */
	struct meter_family *family;
	struct meter *prev, *next;
	struct meter_raws *raws;
	struct meter_scale *scale; /* of a histogram or a summary */
	struct meter_owner *owner;
	enum meter_kind kind; /* METER_NATIVE in a family of METER_HISTOGRAM */
	unsigned raw_count : 16, as_owner : 1, no_sum : 1;
	unsigned saved : 1, unsaved : 1; /* it is to be, and has changed since */
	unsigned behind : 1; /* it could not be saved */
	unsigned restored : 1; /* and not asked for since */
	unsigned label_count;
	struct mono_time touched;
	struct duration ttl;
	struct meter_sent sent;
	uint64_t whole; /* of a counter: what came in whole numbers; of histograms, a summary: observations */
	double part; /* the rest of a counter; the value of a gauge; the sum of a histogram, a summary */
	double carry; /* of a histogram's weights, from -0.5 to 0.5 */
	struct meter_members *members; /* of a set; NULL: none yet */
	/* Of a native histogram; NULL: nothing was counted yet. Of a classic one: from its beginning, or never. */
	struct meter_native *native;
	struct meter *unsaved_next, **unsaved_at;
	struct sums_place place;
	uint64_t origin;
	struct meter_exemplars *exemplars; /* NULL: none yet */
	size_t size; /* of the labels */
	/* Of a histogram's buckets and +Inf, not added up; of a summary the bits of the values at its quantiles. Then
	 * the labels, in the order of names. */
	uint64_t counts[];
};

/* `lines` are the names of its samples: one, or those of buckets (of a summary, its own), sum and count. */
enum { METER_BUCKET, METER_SUM, METER_COUNT, METER_LINES };
struct meter_family {
	struct map_node node;
	struct meter_family *prev, *next;
	enum meter_kind kind;
	struct meters *all;
	struct meter *first, *last, *overflow;
	size_t weight; /* of its meters in series, without the overflow */
	size_t live; /* meters that are not just restored, the overflow among them */
	struct meter_scale *scales;
	struct bytes name, help, lines[METER_LINES];
	size_t size;
	char text[];
};

/*
 * Invariant: weight = the sum of the families', at most limits.series; a family's is at most limits.family_series; no
 * family is without meters; what is to be shown next is one of them, or NULL.
 */
struct meters {
	struct series *series;
	struct series_target *target;
	const struct exposition_events *events; /* that they are staged through, */
	void *context; /* with this */
	struct meters_limits limits;
	struct map families, meters, raws;
	struct meter_family *first, *last;
	size_t weight;
	struct meters_counts counts;
	struct buffer labels; /* those of the meter that is looked for */
	bool showing, show_begun; /* the family has its head */
	struct mono_time shown_at;
	struct meter_family *show_family, *age_family; /* under way */
	struct meter *show_meter, *age_meter; /* the next of it; NULL: there is none any more */
	struct sums_file *sums; /* NULL: none are saved */
	struct meter *unsaved, **unsaved_last;
	size_t unsaved_count, behind_count;
	int save_failed;
	void (*changed)(void *context);
	void *changed_context;
};

static inline uint64_t meters_hash(const struct meters *m, struct bytes b, uint64_t seed)
{
	return XXH3_64bits_withSeed(b.data, b.size, m->series->seed ^ seed);
}

/* Returns the end of what was written. */
static inline char *meter_put(char *to, struct bytes b)
{
	if (b.size > 0)
		memcpy(to, b.data, b.size);
	return to + b.size;
}

/* Returns how many bytes it takes; `to` has room for twice those of the text. */
size_t meter_escape(struct bytes text, bool quotes, char *to);
/* As meter_labels() has one. 0 or -ENOSPC. */
int meter_put_label(struct buffer *to, const struct meter_label *);
/* Writes the labels to m->labels. */
enum meter_refusal meter_sort_labels(struct meters *, const struct meter_wanted *, unsigned *ret_count);
/* It is found by that from now on, if there is room. */
void meter_remember(struct meters *, struct meter *, const struct meter_raw *, double factor);
void meter_forget_raws(struct meters *, struct meter *);
/* Counts it, and returns what it is given. */
struct meter *meters_refused(struct meters *, enum meter_refusal, struct bytes name, struct meter *ret);
void meter_members_free(struct meters *, struct meter *);
void meter_native_free(struct meters *, struct meter *);
/* A histogram that was just made is a native one, too. False: no memory. */
bool meter_native_begin(struct meter *, const struct meter_native_wanted *);
/* Counts that value so often; the meter's own numbers are the caller's. */
void meter_native_observe(struct meter *, double value, uint64_t count);
/* What it has come to, in a histogram that was empty and has the room. */
void meter_native_get(const struct meter *, struct native_histogram *);
/* As fields of a Histogram of metrics.proto but for the sum, with its exemplars. Appends to `to`, which has room for
 * METER_NATIVE_WRITTEN_MAX bytes. */
void meter_native_write(const struct meter *, struct otlp_build *to);
enum { METER_NATIVE_WRITTEN_MAX = NATIVE_WRITTEN_MAX + 64 + NATIVE_EXEMPLARS_MAX * 3 * EXPOSITION_EXEMPLAR_MAX };
/* The value of a record behind its counts: whether it can be that of a meter, and which; and makes it one. False: no
 * memory. */
struct meter_native_saved {
	uint64_t counted; /* in its buckets */
	uint32_t most; /* as in struct meter_native */
};
bool meter_native_is_possible(struct bytes saved, struct meter_native_saved *ret);
bool meter_native_restore(struct meter *, struct bytes saved);

/* Of a meter that has changed: it is to be saved. */
void meter_unsaved(struct meter *);
static inline void meter_changed(struct meter *m)
{
	if (m->saved && !m->unsaved)
		meter_unsaved(m);
}
/* Not any more. */
void meter_take_unsaved(struct meters *, struct meter *);
/* Whether it could not be saved. */
void meter_set_behind(struct meters *, struct meter *, bool);
/* Saves one that has changed. */
void meter_save(struct meters *, struct meter *);
/* As meters_get(), of one that is restored; NULL: there is no place for it. */
struct meter *meter_restore(struct meters *, const struct meter_wanted *, bool overflow, struct mono_time now);
void meter_exemplars_free(struct meters *, struct meter *);
/* Of a histogram's bucket; of a native one up to NATIVE_EXEMPLARS_MAX; of a counter that of 0. Empty: none. */
struct bytes meter_exemplar_at(const struct meter *, size_t bucket);

static inline enum meter_kind meter_family_kind(enum meter_kind kind)
{
	return kind == METER_NATIVE ? METER_HISTOGRAM : kind;
}

static inline bool meter_has_scale(enum meter_kind kind)
{
	return kind == METER_HISTOGRAM || kind == METER_SUMMARY;
}

/* How many members the last window had that is over, as of now. */
uint64_t meter_members(const struct meters *, const struct meter *, struct mono_time now);

/* Of a meter with so many bounds: on the page, and in counts[]. */
static inline size_t meter_series_of(enum meter_kind kind, size_t bounds)
{
	switch (kind) {
	case METER_HISTOGRAM:
		return bounds + 3;
	case METER_SUMMARY:
		return bounds + 2;
	case METER_NATIVE:
		return 4; /* itself, and for readers who do not know it one bucket, its sum and its count */
	default:
		return 1;
	}
}

static inline size_t meter_counts_of(enum meter_kind kind, size_t bounds)
{
	return kind == METER_HISTOGRAM ? bounds + 1 : kind == METER_SUMMARY ? bounds : 0;
}

static inline size_t meter_bounds(const struct meter *m)
{
	return m->scale ? m->scale->count : 0;
}

static inline size_t meter_series(const struct meter *m)
{
	return meter_series_of(m->kind, meter_bounds(m)) + (m->kind == METER_HISTOGRAM && m->native);
}

/* What is saved of a meter as it changes; its counts stand behind it, then its struct meter_native. */
struct meter_value {
	uint64_t whole;
	double part, carry;
	uint64_t start, time, no_sum;
};

static inline size_t meter_native_size(size_t room)
{
	return sizeof(struct meter_native) + room * sizeof(struct meter_native_bucket);
}

/* Of the record that it has, or would have if it was saved now. */
static inline size_t meter_value_size(const struct meter *m, bool now)
{
	size_t counts = meter_counts_of(m->kind, meter_bounds(m)) * sizeof(uint64_t);
	size_t room = m->native ? (now ? m->native->room : m->native->saved_room) : 0;

	return sizeof(struct meter_value) + counts + (room > 0 ? meter_native_size(room) : 0);
}

static inline char *meter_labels(const struct meter *m)
{
	return (char *)(uintptr_t)(m->counts + meter_counts_of(m->kind, meter_bounds(m)));
}

#endif
