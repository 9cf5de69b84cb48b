#include "proto/remote_write_symbols.h"

#include <errno.h>
#include <stdlib.h>
#include <xxhash.h>

#include "proto/otlp_build.h"

enum { SYMBOLS = 4, PLACES_FIRST = 256, AROUND = 16 }; /* Request.symbols; its tag and length */

/* Of a text in the request; size is UINT32_MAX if the place is free. */
struct symbol_place {
	uint64_t hash;
	size_t at;
	uint32_t size, number;
};

static struct symbol_place *places_new(size_t count)
{
	struct symbol_place *all = malloc(count * sizeof *all);

	for (size_t i = 0; all && i < count; i++)
		all[i].size = UINT32_MAX;
	return all;
}

static bool is_free(const struct symbol_place *p)
{
	return p->size == UINT32_MAX;
}

int symbols_begin(struct symbols *s, struct buffer *to)
{
	uint32_t zero;

	*s = (struct symbols){ places_new(PLACES_FIRST), PLACES_FIRST - 1, 0 };
	return s->places ? symbols_put(s, (struct bytes){ "", 0 }, to, &zero) : -ENOMEM;
}

void symbols_done(struct symbols *s)
{
	free(s->places);
	s->places = NULL;
}

static struct symbol_place *find(const struct symbols *s, uint64_t hash, struct bytes text, const struct buffer *to)
{
	size_t i = hash & s->mask;

	for (; !is_free(&s->places[i]); i = (i + 1) & s->mask) {
		const struct symbol_place *p = &s->places[i];
		if (p->hash == hash && bytes_equal((struct bytes){ to->data + p->at, p->size }, text))
			break;
	}
	return &s->places[i];
}

static int grow(struct symbols *s)
{
	struct symbols larger = { places_new(2 * (s->mask + 1)), 2 * s->mask + 1, s->count };

	if (!larger.places)
		return -ENOMEM;
	for (size_t i = 0; i <= s->mask; i++) {
		size_t at = s->places[i].hash & larger.mask;
		if (is_free(&s->places[i]))
			continue;
		while (!is_free(&larger.places[at]))
			at = (at + 1) & larger.mask;
		larger.places[at] = s->places[i];
	}
	symbols_done(s);
	*s = larger;
	return 0;
}

/* Returns where the text stands. */
static int append(struct bytes text, struct buffer *to, size_t *ret_at)
{
	size_t room = text.size + AROUND;
	struct otlp_build b = { buffer_reserve(to, room), room, 0 };

	if (!b.to)
		return room > to->ceiling - to->size ? -ENOSPC : -ENOMEM;
	otlp_build_bytes(&b, SYMBOLS, text);
	to->size += b.size;
	*ret_at = to->size - text.size;
	return 0;
}

int symbols_put(struct symbols *s, struct bytes text, struct buffer *to, uint32_t *ret)
{
	uint64_t hash = XXH3_64bits(text.data, text.size);
	struct symbol_place *p;
	size_t at;
	int failed = 3 * (s->count + 1) > 2 * (s->mask + 1) ? grow(s) : 0;

	if (failed)
		return failed;
	p = find(s, hash, text, to);
	if (is_free(p)) {
		failed = append(text, to, &at);
		if (failed)
			return failed;
		*p = (struct symbol_place){ hash, at, (uint32_t)text.size, (uint32_t)s->count++ };
	}
	*ret = p->number;
	return 0;
}
