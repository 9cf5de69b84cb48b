/*
 * A set of member names that is looked up for every member of every line: size and first letter rule out most of them.
 *
 * Names of JSON are compared with their escapes resolved, as a JSON reader would; those of OTLP are plain: a backslash
 * in them is one. `fold` ignores the case of ASCII letters.
 */
#ifndef OXP_KEY_SET_H
#define OXP_KEY_SET_H

#include "proto/json_walk.h"

enum { KEYS_MAX = 128, KEY_SIZE_MAX = 256 };

struct key_set {
	size_t count;
	bool fold;
	uint64_t sizes; /* a bit for each size there is, those from 63 on in the last */
	size_t shortest; /* of the keys that can be a word of a name, as they have no dot; 0: none can */
	bool first[256]; /* letters that a key begins with */
	struct bytes keys[KEYS_MAX]; /* borrowed */
};

/* 0, -ENOSPC: too many, or -EINVAL: empty or longer than KEY_SIZE_MAX. */
int key_set_add(struct key_set *, const char *key) MUST_CHECK;
bool key_set_search(const struct key_set *, struct bytes name);

static inline bool key_set_has(const struct key_set *s, struct bytes name)
{
	unsigned char c;

	if (name.size == 0)
		return false;
	c = (unsigned char)name.data[0];
	if (!s->first[c] || (!(s->sizes >> (name.size < 63 ? name.size : 63) & 1) && !json_is_escaped(name)))
		return false;
	return key_set_search(s, name);
}

bool key_set_search_words(const struct key_set *, struct bytes name);

/* Whether the name or one of its words is in the set: to a reader dots are levels, escaped or not, and a key covers
 * everything below it. An escape is longer than what it stands for. */
static inline bool key_set_has_word(const struct key_set *s, struct bytes name)
{
	if (key_set_has(s, name))
		return true;
	return s->shortest > 0 && name.size > s->shortest && key_set_search_words(s, name);
}

/* The same for names that have no escapes. */

bool key_set_search_plain(const struct key_set *, struct bytes name);

static inline bool key_set_has_plain(const struct key_set *s, struct bytes name)
{
	return name.size > 0 && s->first[(unsigned char)name.data[0]] &&
	       s->sizes >> (name.size < 63 ? name.size : 63) & 1 && key_set_search_plain(s, name);
}

bool key_set_has_plain_word(const struct key_set *, struct bytes name);

#endif
