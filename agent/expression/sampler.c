#include "expression/sampler.h"

void sampler_init(struct sampler *s, uint64_t seed)
{
	*s = (struct sampler){ .seed = seed, .room = { SAMPLER_BYTES_MAX } };
}

void sampler_add(struct sampler *s, struct sampled *one)
{
	one->next = s->first;
	one->wants = one->due = one->open = false;
	s->first = one;
}

void sampler_remove(struct sampler *s, struct sampled *one)
{
	struct sampled **link = &s->first;

	while (*link && *link != one)
		link = &(*link)->next;
	if (*link)
		*link = one->next;
}

/* What is wanted from now on waits for the page after the one under way. */
static void ask(struct sampler *s)
{
	bool wanted = false;

	if (s->under_way || !s->ask)
		return;
	for (struct sampled *one = s->first; one; one = one->next) {
		one->due = one->wants;
		wanted = wanted || one->wants;
	}
	s->under_way = wanted;
	if (wanted)
		s->ask(s->context);
}

void sampler_want(struct sampler *s, struct sampled *one)
{
	one->wants = true;
	ask(s);
}

void sampler_cancel(struct sampled *one)
{
	one->wants = one->due = false;
}

void sampler_serve(struct sampler *s, void (*hook)(void *context), void *context)
{
	s->ask = hook;
	s->context = context;
	ask(s);
}

size_t sampler_names(const struct sampler *s, struct bytes *names, size_t room)
{
	size_t count = 0;

	for (const struct sampled *one = s->first; one; one = one->next)
		for (size_t i = 0; i < one->windows->expression->selector_count; i++, count++)
			if (count < room)
				names[count] = one->windows->expression->selectors[i].name;
	return count;
}

void sampler_begin(struct sampler *s, int64_t ms)
{
	for (struct sampled *one = s->first; one; one = one->next) {
		windows_begin(one->windows, ms);
		one->open = true;
	}
}

void sampler_take(struct sampler *s, const struct exposition_sample *sample)
{
	for (struct sampled *one = s->first; one; one = one->next)
		windows_take(one->windows, sample);
}

/* done() may want the next page at once; nobody is added or removed in it. */
static void end_one(struct sampled *one, const char *failed)
{
	if (one->open)
		windows_end(one->windows);
	one->open = false;
	if (!one->due)
		return;
	one->wants = one->due = false;
	one->done(one->context, failed);
}

bool sampler_end(struct sampler *s, const char *failed)
{
	struct sampled *one = s->first;

	while (one && !one->open && !one->due)
		one = one->next;
	if (one) {
		end_one(one, failed);
		return true;
	}
	s->under_way = false;
	ask(s);
	return false;
}
