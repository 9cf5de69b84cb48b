#include "spool/drop.h"

#include <stdlib.h>

enum { AGAIN_MS = 1000 };

struct drop {
	struct drop *next; /* next in drops.later */
	struct drops *drops;
	bool last; /* the process ends: this commit is waited for, and cannot be repeated */
	size_t count;
	uint64_t ids[];
};

static void on_again(void *context)
{
	struct drops *all = context;

	drops_again(all);
	all->retried(all->context);
}

void drops_init(struct drops *all, const struct spool_world *world, void (*retried)(void *context), void *context)
{
	*all = (struct drops){ .world = world, .retried = retried, .context = context };
	loop_timer_init(&all->again, world->options.loop, on_again, all);
}

void drops_done(struct drops *all)
{
	for (struct drop *d; (d = all->later);) {
		all->later = d->next;
		free(d);
	}
	loop_timer_done(&all->again);
}

static void drop_later(struct drop *d)
{
	struct drops *all = d->drops;

	d->next = all->later;
	all->later = d;
	if (!loop_timer_pending(&all->again))
		loop_timer_set(&all->again, DURATION_MS(AGAIN_MS));
}

static void on_dropped(void *context, int failed)
{
	struct drop *d = context;
	struct drops *all = d->drops;
	bool last = d->last;

	if (failed)
		log_warn(all->world->options.log, "spool", "delivered rows could not be deleted: %s; %s",
			strerror(-failed), last ? "they will be sent again" : "trying again");
	if (failed && !last)
		drop_later(d);
	else
		free(d);
	if (!last)
		return;
	all->commits--;
	all->world->options.committed(all->world->options.context);
}

static void drop(struct drop *d)
{
	struct drops *all = d->drops;

	d->last = all->world->phase == SPOOL_ENDING;
	all->commits += d->last;
	state_spool_drop(all->world->options.state, d->ids, d->count, on_dropped, d);
}

void drops_rows(struct drops *all, const struct batch_row *rows, size_t count)
{
	struct drop *d = oxp_new(sizeof *d + count * sizeof d->ids[0]);

	d->drops = all;
	d->count = count;
	for (size_t i = 0; i < count; i++)
		d->ids[i] = rows[i].id;
	drop(d);
}

void drops_again(struct drops *all)
{
	struct drop *later = all->later;

	all->later = NULL;
	for (struct drop *d; (d = later);) {
		later = d->next;
		drop(d);
	}
}
