#include "proto/key_set.h"

#include <ctype.h>
#include <errno.h>

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
	s->first[c] = s->first['\\'] = true; /* an escape may stand for any letter */
	if (s->fold && c < 0x80)
		s->first[tolower(c)] = s->first[toupper(c)] = true;
	return 0;
}

bool key_set_search(const struct key_set *s, struct bytes name)
{
	for (size_t i = 0; i < s->count; i++)
		if (json_name_is(name, s->keys[i], s->fold))
			return true;
	return false;
}
