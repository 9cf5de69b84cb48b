#include "http/codings.h"

#include <stdio.h>

static bool is_one_of(struct bytes word, const char *const *these)
{
	for (; *these; these++)
		if (bytes_same_word(word, bytes_of(*these)))
			return true;
	return false;
}

static void note_one(struct codings *c, struct bytes word)
{
	static const char *const none[] = { "", "identity", NULL };
	static const char *const gzip[] = { "gzip", "x-gzip", NULL }, *const deflate[] = { "deflate", NULL };

	if (is_one_of(word, none))
		return;
	c->count++;
	c->deflate = is_one_of(word, deflate);
	if (!c->deflate && !is_one_of(word, gzip))
		snprintf(c->unknown, sizeof c->unknown, "%.*s",
			(int)(word.size < CODING_SHOWN ? word.size : CODING_SHOWN), word.data);
}

void codings_note(struct codings *c, struct bytes list)
{
	while (list.size > 0) {
		const char *comma = memchr(list.data, ',', list.size);
		size_t size = comma ? (size_t)(comma - list.data) : list.size;
		note_one(c, bytes_trimmed((struct bytes){ list.data, size }));
		size += comma != NULL;
		list = (struct bytes){ list.data + size, list.size - size };
	}
}

const char *codings_why_not(struct codings *c)
{
	if (c->count > 1)
		return "the answer is coded more than once, which is not read here";
	if (!c->unknown[0])
		return NULL;
	snprintf(c->why, sizeof c->why, "the answer is coded as \"%s\", which is not read here: gzip and deflate are",
		c->unknown);
	return c->why;
}
