#include "outlet.h"

#include <stdlib.h>
#include <string.h>

#include "agent_config.h"
#include "pipeline/sender.h"
#include "pipeline/source.h"

struct outlet *outlet_new(struct outlets *all, const struct outlet *like)
{
	struct outlet *o = oxp_new(sizeof *o), **at = &all->first;

	while (*at)
		at = &(*at)->next;
	*at = o;
	*o = *like;
	o->next = NULL;
	return o;
}

static bool takes_from(const struct outlet *o, const char *collector)
{
	const struct option_list *from = o->config->from;

	for (size_t i = 0; from && i < from->count; i++)
		if (strcmp(from->items[i], collector) == 0)
			return true;
	return !from || from->count == 0;
}

void outlets_route(const struct outlets *all, struct source *s, const char *collector)
{
	for (const struct outlet *o = all->first; o; o = o->next)
		if (o->signal == s->options.signal && takes_from(o, collector))
			source_route(s, o->sender);
}

void outlets_tell_waiting(const struct outlets *all, struct buffer *to)
{
	for (const struct outlet *o = all->first; o; o = o->next)
		if (o->sender->queued_records > 0)
			(void)!buffer_printf(to, "%s%s (%llu records%s%s)", to->size ? ", " : "", o->sender->name,
				(unsigned long long)o->sender->queued_records, *o->sender->standing.failure ? ": " : "",
				o->sender->standing.failure);
}

void outlets_done(struct outlets *all)
{
	for (struct outlet *o; (o = all->first);) {
		all->first = o->next;
		free(o);
	}
}
