/*
 * One row of options. The parser, defaults, errors, reference, JSON Schema and effective configuration come from rows.
 *
 * A row names a field of a config struct. The compiler checks the field's type against the kind, so a row cannot
 * write an int into a bool. What a field points to lives as long as the configuration it was read from, and does not
 * change. Tables are const and end with a row without a name.
 */
#ifndef OXP_CONFIG_OPTION_H
#define OXP_CONFIG_OPTION_H

#include "base/base.h"
#include "base/clock.h"

enum option_kind {
	OPTION_TEXT, /* const char *, NULL if there is neither a value nor a default */
	OPTION_PATH, /* const char *, not empty */
	OPTION_URL, /* const char *, scheme://host…, the scheme one of `choices` if there are any */
	OPTION_ADDRESS, /* const char *: host:port, [v6]:port, :port or unix:/path */
	OPTION_BOOL, /* bool */
	OPTION_COUNT, /* uint64_t, a whole number */
	OPTION_SIZE, /* uint64_t bytes, written 64KiB 32MiB 1GiB */
	OPTION_DURATION, /* struct duration, written 250ms 5s 2m 1h */
	OPTION_CHOICE, /* an enum: the position of the word in `choices` */
	OPTION_TEXT_LIST, /* const struct option_list *, never NULL after reading; one value is a list of one;
				 * each one of `choices` if there are any */
	OPTION_ADDRESS_LIST, /* a list, too; each is an address to listen on */
	OPTION_URL_LIST, /* a list, too; each is a URL, with `choices` as for one */
	OPTION_MAP, /* const struct option_map *, never NULL after reading */
	OPTION_ITEMS, /* const struct option_items *, never NULL after reading: mappings with rows of their own */
	OPTION_KINDS
};

struct option_list {
	size_t count;
	const char *const *items;
};

struct option_pair {
	const char *key, *value;
};

struct option_map {
	size_t count;
	const struct option_pair *pairs;
};

struct option_items {
	size_t count;
	const void *items; /* an array of structs of `item->size` bytes */
};

struct option_item;

struct option {
	const char *name; /* NULL ends the table */
	enum option_kind kind;
	size_t offset; /* into the config struct */
	const char *text; /* default, as a user would write it; spaces between list items; NULL: zero or NULL */
	const char *unless; /* another row: if that is written and this one is not, a list stays empty */
	const char *zero; /* COUNT, SIZE, DURATION: a word for 0 (auto, off), allowed whatever `min` is */
	uint64_t min, max; /* COUNT, SIZE in bytes, DURATION in milliseconds; max 0: no ceiling */
	const char *const *choices; /* ends with NULL */
	bool any_case; /* CHOICE: its words may be in upper case */
	const struct option_item *item; /* ITEMS */
	bool verbatim; /* a dollar sign in it is one, and ${…} is not expanded */
	const char *example; /* for the reference, if there is no default */
	bool main; /* set by a scalar or a list instead of the mapping */
	bool required;
	bool secret; /* never printed */
	const char *help; /* one sentence */
};

/* What each mapping of ITEMS is. A key that has no value is an error there. */
struct option_item {
	const struct option *rows; /* scalars, choices and lists */
	size_t size; /* of the struct that they point into */
	size_t max; /* items */
	/* Looks at one that was read. NULL: it is fine; or the name of the row that is wrong, and the reason, which
	 * begins with a verb. */
	const char *(*check)(const void *item, char *why, size_t room);
};

/* If the field has another type than `ctype`, this is an array of negative size. An enum without negative values is
 * unsigned. */
#define OPTION_FIELD(type, field, ctype) \
	(offsetof(type, field) + 0 * sizeof(char[_Generic(((type *)0)->field, ctype : 1, default : -1)]))
#define OPTION_ENUM(type, field) \
	(offsetof(type, field) + 0 * sizeof(char[_Generic(((type *)0)->field, int : 1, unsigned : 1, default : -1)]))

#define OPT_TEXT(type, field) .kind = OPTION_TEXT, .offset = OPTION_FIELD(type, field, const char *)
#define OPT_PATH(type, field) .kind = OPTION_PATH, .offset = OPTION_FIELD(type, field, const char *)
#define OPT_URL(type, field) .kind = OPTION_URL, .offset = OPTION_FIELD(type, field, const char *)
#define OPT_ADDRESS(type, field) .kind = OPTION_ADDRESS, .offset = OPTION_FIELD(type, field, const char *)
#define OPT_BOOL(type, field) .kind = OPTION_BOOL, .offset = OPTION_FIELD(type, field, bool)
#define OPT_COUNT(type, field) .kind = OPTION_COUNT, .offset = OPTION_FIELD(type, field, uint64_t)
#define OPT_SIZE(type, field) .kind = OPTION_SIZE, .offset = OPTION_FIELD(type, field, uint64_t)
#define OPT_DURATION(type, field) .kind = OPTION_DURATION, .offset = OPTION_FIELD(type, field, struct duration)
#define OPT_CHOICE(type, field, words) .kind = OPTION_CHOICE, .offset = OPTION_ENUM(type, field), .choices = (words)
#define OPT_TEXTS(type, field) .kind = OPTION_TEXT_LIST, .offset = OPTION_FIELD(type, field, const struct option_list *)
#define OPT_ADDRESSES(type, field) \
	.kind = OPTION_ADDRESS_LIST, .offset = OPTION_FIELD(type, field, const struct option_list *)
#define OPT_URLS(type, field) .kind = OPTION_URL_LIST, .offset = OPTION_FIELD(type, field, const struct option_list *)
#define OPT_ITEMS(type, field, of) \
	.kind = OPTION_ITEMS, .offset = OPTION_FIELD(type, field, const struct option_items *), .item = (of)
#define OPT_MAP(type, field) .kind = OPTION_MAP, .offset = OPTION_FIELD(type, field, const struct option_map *)

#endif
