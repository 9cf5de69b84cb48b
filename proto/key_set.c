#include "proto/key_set.h"

#include <ctype.h>
#include <errno.h>
#include <strings.h>

enum { ESCAPED_DOT = sizeof "\\u002e" - 1 };

int key_set_add(struct key_set *s, const char *key)
{
	struct bytes k = bytes_of(key);
	unsigned char c = (unsigned char)*key;

	if (k.size == 0 || k.size > KEY_SIZE_MAX)
		return -EINVAL;
	if (s->count == KEYS_MAX)
		return -ENOSPC;
	s->keys[s->count++] = k;
	s->sizes |= UINT64_C(1) << (k.size < 63 ? k.size : 63);
	if (!memchr(key, '.', k.size) && (s->shortest == 0 || k.size < s->shortest))
		s->shortest = k.size;
	s->first[c] = s->first['\\'] = true; /* an escape may stand for any letter */
	if (s->fold && c < 0x80)
		s->first[tolower(c)] = s->first[toupper(c)] = true;
	return 0;
}

static bool is_same(struct bytes key, struct bytes name, bool fold)
{
	if (key.size != name.size)
		return false;
	return fold ? strncasecmp(key.data, name.data, key.size) == 0 : memcmp(key.data, name.data, key.size) == 0;
}

bool key_set_search_plain(const struct key_set *s, struct bytes name)
{
	for (size_t i = 0; i < s->count; i++)
		if (is_same(s->keys[i], name, s->fold))
			return true;
	return false;
}

/* The name is decoded once, however many keys there are. */
bool key_set_search(const struct key_set *s, struct bytes name)
{
	char decoded[KEY_SIZE_MAX];
	struct buffer to = { .data = decoded, .room = sizeof decoded, .ceiling = sizeof decoded };

	if (json_is_escaped(name)) {
		if (json_decode(name, &to) < 0)
			return false; /* it is longer than any key */
		name = buffer_bytes(&to);
	}
	return key_set_search_plain(s, name);
}

static bool is_escaped_dot(struct bytes b)
{
	return b.size >= ESCAPED_DOT && strncasecmp(b.data, "\\u002e", ESCAPED_DOT) == 0 && b.data[1] == 'u';
}

/* How long the first word is, and in *ret_dot how many bytes the dot behind it has: 0 if it is the last one. */
static size_t word_size(struct bytes name, size_t *ret_dot)
{
	size_t i = 0;

	*ret_dot = 0;
	while (i < name.size && name.data[i] != '.') {
		bool escape = name.data[i] == '\\';
		if (escape && is_escaped_dot((struct bytes){ name.data + i, name.size - i })) {
			*ret_dot = ESCAPED_DOT;
			return i;
		}
		i += escape ? 2 : 1;
	}
	if (i >= name.size)
		return name.size;
	*ret_dot = 1;
	return i;
}

bool key_set_search_words(const struct key_set *s, struct bytes name)
{
	size_t dot = 1, size;

	for (; dot > 0 && name.size >= s->shortest; name.data += size + dot, name.size -= size + dot) {
		size = word_size(name, &dot);
		if (key_set_has(s, (struct bytes){ name.data, size }))
			return true;
	}
	return false;
}

bool key_set_has_plain_word(const struct key_set *s, struct bytes name)
{
	const char *dot = name.data;

	if (key_set_has_plain(s, name))
		return true;
	while (s->shortest > 0 && name.size >= s->shortest && dot) {
		size_t size;
		dot = memchr(name.data, '.', name.size);
		size = dot ? (size_t)(dot - name.data) : name.size;
		if (key_set_has_plain(s, (struct bytes){ name.data, size }))
			return true;
		name = (struct bytes){ name.data + size + (dot != NULL), name.size - size - (dot != NULL) };
	}
	return false;
}
