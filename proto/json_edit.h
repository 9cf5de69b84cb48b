/*
 * A log line being edited: the index of its members and the edits, without touching its bytes.
 *
 * Members are numbered: those of the line, then the appended ones. Edits are stored beside the index; json_edit_write()
 * makes the new line in one pass, and copies everything that was not edited. Members beyond JSON_MEMBERS_MAX are
 * not numbered: they are `rest`, one text that can be replaced. Whatever edits point to must live until the next
 * json_edit_begin(); json_edit_room() lends memory for that.
 */
#ifndef OXP_JSON_EDIT_H
#define OXP_JSON_EDIT_H

#include "base/lent.h"
#include "proto/json_walk.h"

enum {
	JSON_APPENDED_MAX = 64,
	JSON_VIEW_MAX = JSON_MEMBERS_MAX + JSON_APPENDED_MAX,
	JSON_VIEW_WORDS = JSON_VIEW_MAX / 64,
	JSON_LOOKED_MAX = 1 << 20
};

struct json_edit {
	const struct json_scan *scan;
	struct bytes text; /* the line */
	struct json_line line;
	size_t count; /* members of the line and appended ones */
	struct bytes rest; /* members that are not numbered, a comma before each; may be empty */
	bool changed;
	/* One bit for each member: it is gone, has another name, has another value. */
	uint64_t gone[JSON_VIEW_WORDS], renamed[JSON_VIEW_WORDS], replaced[JSON_VIEW_WORDS];
	struct bytes names[JSON_VIEW_MAX], values[JSON_VIEW_MAX]; /* where such a bit is set */
	struct lent lent; /* by json_edit_room() */
	/* Bytes of this line's rest, and of objects in it, that were read in search of names. From JSON_LOOKED_MAX on
	 * none is read any more: a name that may be in there counts as being there. */
	size_t looked;
};

struct json_edit *json_edit_new(const struct json_scan *, size_t ceiling) __attribute__((returns_nonnull));
void json_edit_free(struct json_edit *);

/* Indexes a line with JSON_LINE_PADDING readable bytes behind it, and forgets the previous one. */
enum json_fault json_edit_begin(struct json_edit *, struct bytes line);
/* What was lent for the line goes back. Its edits must not be looked at any more. */
void json_edit_end(struct json_edit *);
/* Bytes until json_edit_end() or the next json_edit_begin(), JSON_LINE_PADDING more behind them; NULL beyond the
 * ceiling. */
static inline MUST_CHECK char *json_edit_room(struct json_edit *e, size_t size)
{
	_Static_assert((int)LENT_PADDING >= (int)JSON_LINE_PADDING, "scanners read on behind a text");
	return lent_room(&e->lent, size);
}

static inline bool json_edit_bit(const uint64_t *bits, size_t i)
{
	return bits[i / 64] >> i % 64 & 1;
}

static inline bool json_edit_gone(const struct json_edit *e, size_t i)
{
	return json_edit_bit(e->gone, i);
}

/* The name without its quotes, and the value, as edited. */
struct bytes json_edit_name(const struct json_edit *, size_t i);
struct bytes json_edit_value(const struct json_edit *, size_t i);
/* The first member with that name that is not gone, or -1. */
int json_edit_find(const struct json_edit *, struct bytes name);
/* Whether the edited line has such a member, numbered or not. */
bool json_edit_has(struct json_edit *, struct bytes name);

/* How a dotted name fits into a line, for readers that take dots as levels; from the best to the worst. */
enum json_presence {
	JSON_FREE, /* nothing of it is there */
	JSON_BESIDE, /* there is an object for it, which has no such member */
	/* what would hold it is not an object, or it would have to be one itself: a backend refuses both */
	JSON_CROSSED,
	JSON_THERE, /* it is there, under that name or within objects, escaped or not */
};
/* For the line as edited, without member `except` (-1: with all). */
enum json_presence json_edit_presence(struct json_edit *, struct bytes name, int except);

void json_edit_drop(struct json_edit *, size_t i);
void json_edit_replace(struct json_edit *, size_t i, struct bytes value); /* JSON */
void json_edit_rename(struct json_edit *, size_t i, struct bytes name); /* what stands between quotes in JSON */
void json_edit_rest(struct json_edit *, struct bytes rest);
/* 0, or -ENOSPC: JSON_APPENDED_MAX are there. */
int json_edit_append(struct json_edit *, struct bytes name, struct bytes value) MUST_CHECK;

/* Size and bytes of the edited line. */
size_t json_edit_size(const struct json_edit *);
void json_edit_write(const struct json_edit *, char *to);

#endif
