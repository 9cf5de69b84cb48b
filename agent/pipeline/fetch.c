#include "pipeline/fetch.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGES_AT_ONCE = 256 /* that are asked for */ };

struct fetch {
	struct job job;
	const struct batch *batch;
	struct bytes pages;
	void (*done)(void *context); /* NULL: nobody waits for it any more */
	void *context;
};

/* The pages that have these items. Empty: they are not of a file. */
static struct bytes pages_of(const struct fetch_items *i)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from;
	const struct batch_item *last;

	if (!i->batch->map.data || i->first >= i->end)
		return (struct bytes){ NULL, 0 };
	last = &i->batch->items[i->end - 1];
	from = (uintptr_t)i->batch->items[i->first].data & ~(page - 1);
	return (struct bytes){ (const char *)from, (size_t)((uintptr_t)last->data + last->size - from) };
}

static size_t count_of(struct bytes pages)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (pages.size + page - 1) / page;
}

bool fetch_is_due(const struct fetch_items *items)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), left;
	struct bytes pages = pages_of(items);
	unsigned char there[PAGES_AT_ONCE];

	for (left = count_of(pages); left > 0;) {
		size_t count = left < COUNT_OF(there) ? left : COUNT_OF(there);
		if (mincore((char *)pages.data, count * page, there) < 0)
			return true;
		for (size_t i = 0; i < count; i++)
			if (!(there[i] & 1))
				return true;
		pages.data += count * page;
		left -= count;
	}
	return false;
}

/* In the lane. Each page is touched: a call that reads them all is newer than the kernels that this runs on. */
static void read_pages(struct job *job)
{
	const struct fetch *f = CONTAINER_OF(job, struct fetch, job);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const volatile char *at = f->pages.data;

	(void)madvise((char *)f->pages.data, f->pages.size, MADV_WILLNEED);
	for (size_t i = 0; i < f->pages.size; i += page)
		(void)at[i];
}

static void on_read(struct job *job)
{
	struct fetch *f = CONTAINER_OF(job, struct fetch, job);

	batch_unkeep(f->batch);
	if (f->done)
		f->done(f->context);
	free(f);
}

struct fetch *fetch_new(struct lane *lane, const struct fetch_items *items, void (*done)(void *context), void *context)
{
	struct fetch *f = oxp_new(sizeof *f);

	*f = (struct fetch){ .job = { .work = read_pages, .done = on_read },
		.batch = batch_keep(items->batch),
		.pages = pages_of(items),
		.done = done,
		.context = context };
	if (lane_run(lane, &f->job) == 0)
		return f;
	batch_unkeep(f->batch);
	free(f);
	return NULL;
}

void fetch_abandon(struct fetch *f)
{
	if (f)
		f->done = NULL;
}
