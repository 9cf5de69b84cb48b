#include "config/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { CHUNK_SIZE = 16 << 10, ALIGNMENT = 16 };

struct chunk {
	struct chunk *next;
	size_t used, size;
	_Alignas(ALIGNMENT) char memory[];
};

struct secret {
	struct secret *next;
	const void *field;
};

struct config_arena {
	struct chunk *chunks; /* the first one is filled, the others are full */
	struct secret *secrets;
};

struct config_arena *config_arena_new(void)
{
	return oxp_new(sizeof(struct config_arena));
}

void config_arena_free(struct config_arena *a)
{
	if (!a)
		return;
	while (a->chunks) {
		struct chunk *c = a->chunks;
		a->chunks = c->next;
		explicit_bzero(c->memory, c->size);
		free(c);
	}
	free(a);
}

static struct chunk *chunk_new(struct config_arena *a, size_t size)
{
	struct chunk *c = oxp_new(sizeof *c + size);

	c->size = size;
	c->next = a->chunks;
	a->chunks = c;
	return c;
}

void *config_alloc(struct config_arena *a, size_t size)
{
	size_t need = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	struct chunk *c = a->chunks;
	void *memory;

	if (!c || c->size - c->used < need)
		c = chunk_new(a, need > CHUNK_SIZE ? need : CHUNK_SIZE);
	memory = c->memory + c->used;
	c->used += need;
	return memory;
}

char *config_copy(struct config_arena *a, const char *text, size_t size)
{
	char *copy = config_alloc(a, size + 1);

	if (size > 0)
		memcpy(copy, text, size);
	return copy;
}

char *config_printf(struct config_arena *a, const char *format, ...)
{
	va_list args;
	char *text;
	int size;

	va_start(args, format);
	size = vsnprintf(NULL, 0, format, args);
	va_end(args);
	OXP_ASSERT(size >= 0);
	text = config_alloc(a, (size_t)size + 1);
	va_start(args, format);
	vsnprintf(text, (size_t)size + 1, format, args);
	va_end(args);
	return text;
}

void config_secret(struct config_arena *a, const void *field)
{
	struct secret *s = config_alloc(a, sizeof *s);

	s->field = field;
	s->next = a->secrets;
	a->secrets = s;
}

bool config_is_secret(const struct config_arena *a, const void *field)
{
	for (const struct secret *s = a->secrets; s; s = s->next)
		if (s->field == field)
			return true;
	return false;
}
