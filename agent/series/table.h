/*
 * The inside of the series table, for the files of series/ only.
 *
 *	family ── group ── group …		one group for each target that has samples of the family
 *	            └─ entry → entry → …	its series in the order of the scrape
 *	target ── group → group …
 *	       └─ sources			what a scrape calls a family; has the metadata
 *
 * Whatever a scrape changes has two slots: one is visible, the other is being staged. A slot counts only when its
 * `scrape` is the number of the target's visible or staged scrape, so that a commit is a change of two numbers of the
 * target.
 *
 * The scrape that is over still hangs in its slot: it is left, and counts for nothing. tidy.c frees bit by bit what
 * only it has. If both slots of a target are left, the one that went first is tidied first: what hangs in both is freed
 * with the second.
 */
#ifndef OXP_SERIES_TABLE_H
#define OXP_SERIES_TABLE_H

#include "series/order.h"
#include "series/seen.h"
#include "series/series.h"
#include "series/steps.h"
#include "series/worst.h"

enum {
	SLOTS = 2,
	VALUE_TEXT_MAX = 22,
	VALUE_NATIVE = 255, /* in place of a text's size: a native histogram, which stands in place of an exemplar */
};

/* How a sample's name hangs on the name of its source, and what family of the page it belongs to. */
enum role { ROLE_PLAIN, ROLE_TOTAL, ROLE_INFO, ROLE_CREATED, ROLE_GSUM, ROLE_GCOUNT, ROLES };

/* The text is kept while the value is one target's own, so that it leaves as it came; without it the double speaks. */
struct value {
	double value;
	int64_t timestamp_ms;
	bool has_timestamp : 1;
	unsigned char merge : 7;	/* enum series_merge, of what was staged so far */
	unsigned char text_size;
	char text[VALUE_TEXT_MAX];
};

/* `{…} value timestamp`, as it came; or a native histogram, as protobuf has it. */
struct exemplar {
	size_t size;
	char text[];
};

/* One series. `text` is name{labels} as it stands on the page, and its key. */
struct entry {
	struct map_node node;
	struct series_target *target;
	struct {
		uint64_t scrape;
		struct group *group;	/* another one than before, if a type has changed */
		struct entry *next;
		struct value value;
		struct exemplar *exemplar;	/* or a native histogram, or NULL */
	} slot[SLOTS];
	uint64_t set;			/* the label set it belongs to (cut.h) */
	uint64_t written;		/* hash_written() of how its target writes it; 0: not known */
	uint32_t size : 29;		/* in one word with the next three, since there are many entries */
	bool quoted : 1;		/* a name in it is not classic, and in quotes */
	bool unnamed : 1;		/* it is left, and not found by its text any more */
	bool ends : 1;			/* its name does, in _count or _sum */
	char text[];
};

/* What one target has of one family. */
struct group {
	struct family *family;
	struct series_target *target;
	struct group *sibling;		/* the next of the family */
	size_t weight;			/* the larger of the visible and the staged count; part of the family's */
	struct {
		uint64_t scrape;
		struct origin *source;
		enum role role;
		struct group *next;	/* of the target */
		struct entry *first, *last;
		size_t count;
		size_t shown;		/* of them: visible in this group when they were staged */
		/* How often another label set begins in the list, and how many entries are x_count or x_sum. A set has
		 * one of each at most: so if there are two for each run, each set of a histogram or summary is whole
		 * and in one piece. */
		unsigned runs, ends;
	} slot[SLOTS];
};

struct text {
	char *data;
	size_t size;
};

/* A family as a target's scrape names it. */
struct origin {
	struct map_node node;
	struct {
		uint64_t scrape;
		enum exposition_type type;
		bool typed;		/* by a # TYPE line */
		bool helped, united;	/* by # HELP, # UNIT; otherwise an earlier text may be here */
		struct text help, unit;
	} slot[SLOTS];
	bool clashed;			/* two types in the scrape being staged */
	bool cut, cut_whole;		/* of it, some label sets, or all, are not to be shown (cut.h) … */
	enum series_drop why_cut;	/* … for this reason */
	struct group *group[ROLES];	/* of the scrape being staged, as far as they are known */
	unsigned refused;		/* a bit for each role whose family is refused … */
	enum series_drop why;		/* … for this reason */
	size_t size;
	char name[];
};

struct target_label {
	struct text name, value, exported, plain;	/* value with escapes, exported_NAME, value without */
};

/* Keys of label sets that a ceiling has cut, by open addressing; NULL while there are none. */
struct cuts {
	uint64_t *keys;
	size_t mask, count;
	bool any;
};

struct series_target {
	struct series *series;
	struct series_target *next;
	struct map sources;
	struct target_label labels[SERIES_TARGET_LABELS_MAX];
	size_t label_count;
	uint64_t visible, staged;	/* numbers of scrapes, 0 for none */
	unsigned slot;			/* of the visible one */
	/* `scrape` is the number of the one that hangs there, 0 for none; `count` is in entries. */
	struct { uint64_t scrape; struct group *first, *last; size_t count; } groups[SLOTS];
	size_t weight;			/* the larger count of the visible and the staged one; part of the table's */
	unsigned doubts;		/* groups being staged that were not visible with the same type */
	unsigned left;			/* the slot that is tidied first, if it is left */
	bool begun;			/* entries of the first group there are gone already */
	bool sweeping;			/* from this bucket on, sources may be in no slot any more */
	size_t bucket;
	struct origin *source;		/* of the last line */
	struct entry *latest;		/* staged last; NULL: none yet */
	struct entry *known;		/* what on_known() has found, */
	struct group *known_group;	/* and where it goes; NULL: another line came behind it */
	size_t known_name;		/* bytes of its name */
	bool timeless;			/* the times of its samples are not shown */
	struct series_counts counts;	/* of the staged scrape */
	uint64_t merged;		/* of these: into another sample */
	uint64_t stepped[SERIES_STEPS_MAX];	/* of these: dropped by each step */
	struct cuts cuts;		/* of it, too */
};

/*
 * Invariant: weight = the sum of the targets'; weight + counted ≤ limits.series; bytes ≤ limits.bytes; bytes and lines
 * are what was taken of limits.take. What is visible is freed only after `version` has changed.
 */
struct series {
	struct series_limits limits;
	uint64_t seed;
	struct series_target *targets;
	struct map entries, families;
	struct order order;		/* of the families */
	uint64_t scrapes;
	uint64_t version;		/* changes whenever something is visible no more */
	size_t weight, bytes;
	size_t quoted;			/* names of families, and series, that are escaped for most readers */
	size_t shared;			/* groups that are not the only one of their family */
	size_t lines;			/* bytes that all of it takes on a page, at most */
	struct span_table *spans;	/* what is counted here; NULL: nothing */
	size_t counted;			/* series of that */
	struct seen seen;		/* of the page under way */
	struct worst worst;
	struct series_steps steps;	/* step: NULL if there are none */
	struct edited *edited;		/* by them (stepping.h); NULL if there are none */
	struct buffer scratch, names;	/* for what is being built, and for names that are copied */
};

static inline unsigned staged_slot(const struct series_target *t) { return !t->slot; }

static inline bool entry_visible(const struct entry *e)
{
	return e->target->visible && e->slot[e->target->slot].scrape == e->target->visible;
}

static inline bool group_visible(const struct group *g)
{
	return g->target->visible && g->slot[g->target->slot].scrape == g->target->visible;
}

/* Whether a slot with that number counts. */
static inline bool is_live(const struct series_target *t, unsigned slot, uint64_t scrape)
{
	return scrape != 0 && scrape == (slot == t->slot ? t->visible : t->staged);
}

static inline bool entry_live(const struct entry *e)
{
	return is_live(e->target, 0, e->slot[0].scrape) || is_live(e->target, 1, e->slot[1].scrape);
}

/* Whether what has that number in its slot is in the slot's list, which may be left. */
static inline bool hangs(const struct series_target *t, unsigned slot, uint64_t scrape)
{
	return scrape != 0 && scrape == t->groups[slot].scrape;
}

static inline bool slot_left(const struct series_target *t, unsigned slot)
{
	return t->groups[slot].scrape != 0 && !is_live(t, slot, t->groups[slot].scrape);
}

/* What a group shows for its family, by that slot. */
enum exposition_type group_type(const struct group *, unsigned slot);
/* NULL when there is none, or no memory. */
struct family *family_find(struct series *, struct bytes name);
struct family *family_new(struct series *, struct bytes name) MUST_CHECK;
struct group *group_new(struct series_target *, struct family *) MUST_CHECK;
void family_drop_empty(struct series *, struct family *);	/* frees it when it has no group */
void group_free(struct group *);
void entry_free(struct series *, struct entry *);
void entry_unname(struct series *, struct entry *);	/* of one that is left: another may have its text */
/* What it has in the staged scrape; empty: none. If out of memory, it has none. */
void entry_exemplar(struct series_target *, struct entry *, struct bytes text);
/* Takes it out of the staged scrape, and frees it unless it is visible. It hangs in no slot that is left. */
void entry_unstage(struct series_target *, struct entry *);
void origin_free(struct series_target *, struct origin *);
struct entry *entry_find(struct series *, struct bytes text);
struct entry *entry_new(struct series_target *, struct bytes text, uint64_t set, bool quoted) MUST_CHECK;
struct origin *origin_find(struct series_target *, struct bytes name);
struct origin *origin_new(struct series_target *, struct bytes name) MUST_CHECK;
/* Replaces the text; if out of memory, it stays as it was. */
void text_set(struct series *, struct text *, struct bytes);

/* An entry stands in the group's list behind another one, or NULL. */
static inline void note_run(struct group *g, unsigned slot, const struct entry *e, const struct entry *last)
{
	g->slot[slot].runs += !last || last->set != e->set;
	g->slot[slot].ends += e->ends;
}

/* What a group, all groups of a family, a target weigh: the larger of what is visible and what is staged. */
void weigh_group(struct group *);
void weigh_family(struct family *);
void weigh_target(struct series_target *);
/* Samples of the staged scrape that are not shown; the first name is kept. */
void count_dropped(struct series_target *, enum series_drop, struct bytes name, uint64_t samples);
/* The scrape in that slot is over. */
void slot_leave(struct series_target *, unsigned slot);
/* Frees all that is left of a target, or some of what is left of any; false if nothing was. What is visible or staged
 * stays. */
bool tidy_all(struct series_target *);
bool tidy_some(struct series *);

/* Zeroed memory that counts, with that many bytes of a page; NULL beyond a ceiling. Released with the same sizes. */
void *series_alloc(struct series *, size_t size, size_t line) MUST_CHECK;
void series_release(struct series *, void *, size_t size, size_t line);

/* A sample's name and labels as they belong on the page: the target's labels among them, in order. What is not classic
 * is in quotes. */
struct head {
	struct bytes name;
	bool quoted;			/* the name */
	const struct exposition_label *labels;
	size_t count;
	struct exposition_label own[EXPOSITION_LABELS_MAX + SERIES_TARGET_LABELS_MAX];
};

/* Points into the sample, the target and series.names. `whole`: the sample has the target's labels already. 0; -EEXIST:
 * two labels have one name; -ENOMEM. */
int head_prepare(struct series_target *, const struct exposition_sample *, bool whole, struct head *) MUST_CHECK;
/* Into its own labels, which keep the order of their names. 0 or -EEXIST. */
int head_insert(struct head *, const struct exposition_label *) MUST_CHECK;
/* Whether anything of it is in quotes that is not a value. */
bool head_is_quoted(const struct head *);
/* name{labels} or {"name",labels}, in series.scratch; without data when out of memory. */
struct bytes head_render(struct series *, const struct head *);
/* A name as the table keeps it, in series.scratch when it was in quotes. Without data when out of memory. */
struct bytes name_kept(struct series *, struct bytes name, bool quoted);
/* Checks and copies the labels of a target. 0, -EINVAL or -ENOMEM. */
int target_labels_set(struct series_target *, const struct series_label *, size_t count) MUST_CHECK;
void target_labels_done(struct series_target *);

#endif
