/*
 * The inside of the meters, for the files of series/ only: meters_table.c has the table, meters_show.c the way to the
 * page.
 *
 *	family ── meter ── meter …	in the order in which they came
 *	   └─ overflow		of it, beside the ceilings
 *	meter ── raw ── raw …	what it is found by
 */
#ifndef OXP_SERIES_METERS_TABLE_H
#define OXP_SERIES_METERS_TABLE_H

#include "series/map.h"
#include "series/meters.h"

enum { METER_BOUND_TEXT = 32 };

struct meter_bound {
	double value;
	unsigned char size;
	char text[METER_BOUND_TEXT]; /* as le has it */
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

struct meter {
	struct map_node node; /* the overflow hangs in no map */
	struct meter_family *family;
	struct meter *prev, *next;
	struct meter_raws *raws;
	unsigned raw_count;
	struct mono_time touched;
	struct duration ttl;
	uint64_t whole; /* of a counter: what came in whole numbers; of a histogram: observations */
	double part; /* the rest of a counter; the value of a gauge; the sum of a histogram */
	double carry; /* of a histogram's weights, from -0.5 to 0.5 */
	struct meter_members *members; /* of a set; NULL: none yet */
	size_t size; /* of the labels */
	unsigned label_count;
	uint64_t counts[]; /* of a histogram's buckets and +Inf, not added up; then the labels, in the order of names */
};

/* `lines` are the names of its samples: one, or those of buckets, sum and count. */
enum { METER_BUCKET, METER_SUM, METER_COUNT, METER_LINES };
struct meter_family {
	struct map_node node;
	struct meter_family *prev, *next;
	enum meter_kind kind;
	struct meter *first, *last, *overflow;
	size_t weight; /* of its meters in series, without the overflow */
	struct meter_bound *bounds;
	size_t bound_count;
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
};

static inline char *meter_labels(const struct meter *m)
{
	size_t counts = m->family->kind == METER_HISTOGRAM ? m->family->bound_count + 1 : 0;

	return (char *)(uintptr_t)(m->counts + counts);
}

/* How many members the last window had that is over, as of now. */
uint64_t meter_members(const struct meters *, const struct meter *, struct mono_time now);

static inline size_t family_series(const struct meter_family *f)
{
	return f->kind == METER_HISTOGRAM ? f->bound_count + 3 : 1;
}

#endif
