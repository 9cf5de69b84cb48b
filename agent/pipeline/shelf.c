#include "pipeline/shelf.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/nameless.h"
#include "base/whole.h"

enum {
	SLICE = 1 << 20, /* bytes that are written in one job: commits wait for it */
	PIECES = 128,
	LOOKED_AT = 32, /* batches that somebody may be reading, at the head of those that wait */
	AGAIN_MS = 10000, /* after an error */
};

/* A batch that is being written. The lane has it while a job runs. */
struct shelving {
	struct job job;
	struct shelf *shelf;
	struct batch *batch; /* kept */
	int fd;
	size_t written, item, at; /* the next byte is byte `at` of that item */
	char *map; /* NULL: it is not whole yet */
	int failed;
};

/* In the disk lane. */

static int open_file(struct shelving *v)
{
	v->fd = nameless_open(v->shelf->folder);
	if (v->fd < 0)
		return v->fd;
	return nameless_room(v->fd, 0) < batch_size(v->batch) ? -ENOSPC : 0;
}

/* The bytes that come next: at most a slice. */
static int gather(const struct shelving *v, struct iovec pieces[PIECES])
{
	size_t room = SLICE, at = v->at;
	int count = 0;

	for (size_t i = v->item; i < batch_items(v->batch) && count < PIECES && room > 0; i++, at = 0) {
		const struct batch_item *item = batch_item(v->batch, i);
		size_t size = item->size - at < room ? item->size - at : room;
		pieces[count++] = (struct iovec){ (char *)item->data + at, size };
		room -= size;
	}
	return count;
}

static void advance(struct shelving *v, size_t written)
{
	v->written += written;
	v->at += written;
	while (v->item < batch_items(v->batch) && v->at >= batch_item(v->batch, v->item)->size)
		v->at -= batch_item(v->batch, v->item++)->size;
}

static int write_some(struct shelving *v)
{
	struct iovec pieces[PIECES];
	int count = gather(v, pieces);
	ssize_t written = pwritev(v->fd, pieces, count, (off_t)v->written);

	if (written < 0)
		return errno == EINTR ? 0 : -errno;
	if (written == 0)
		return -ENOSPC;
	advance(v, (size_t)written);
	return 0;
}

/* The padding is written, since nothing behind the end of a file can be read. */
static int map_file(struct shelving *v)
{
	static const char padding[BATCH_PADDING] = { 0 };
	int failed = whole_write(v->fd, padding, sizeof padding, v->written);
	void *map;

	if (failed)
		return failed;
	map = mmap(NULL, v->written + sizeof padding, PROT_READ, MAP_SHARED, v->fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	v->map = map;
	return 0;
}

static void write_slice(struct job *job)
{
	struct shelving *v = CONTAINER_OF(job, struct shelving, job);
	size_t size = batch_size(v->batch), until = v->written + SLICE;

	if (v->fd < 0)
		v->failed = open_file(v);
	while (!v->failed && v->written < size && v->written < until)
		v->failed = write_some(v);
	if (!v->failed && v->written == size)
		v->failed = map_file(v);
	if (v->fd >= 0 && (v->failed || v->map)) {
		close(v->fd);
		v->fd = -1;
	}
}

/* A file that goes is freed block by block, which may have to wait for the disk. */
struct unmapping {
	struct job job;
	struct shelf *shelf;
	struct batch_map map;
};

static void unmap_now(const struct batch_map *map)
{
	munmap(map->data, map->size);
}

static void unmap_work(struct job *job)
{
	unmap_now(&CONTAINER_OF(job, struct unmapping, job)->map);
}

/* On the loop. */

static void unmap_done(struct job *job)
{
	CONTAINER_OF(job, struct unmapping, job)->shelf->maps--;
	free(CONTAINER_OF(job, struct unmapping, job));
}

static void give_back(struct shelf *s, const struct batch_map *map)
{
	struct unmapping *u = oxp_new(sizeof *u);

	*u = (struct unmapping){ .job = { .work = unmap_work, .done = unmap_done }, .shelf = s, .map = *map };
	if (s->disk && lane_run(s->disk, &u->job) == 0)
		return;
	unmap_now(map);
	s->maps--;
	free(u);
}

static void unmap(void *context, const struct batch_map *map)
{
	struct shelf *s = context;

	s->bytes -= map->size;
	give_back(s, map);
}

/* Only the delivery and we have it. */
static bool is_read_by_nobody(const struct shelving *v)
{
	return batch_refs(v->batch) == 2;
}

static void move(struct shelf *s, struct shelving *v)
{
	const struct batch_map map = { v->map, batch_size(v->batch) + BATCH_PADDING, unmap, s };

	if (v->map && s->disk && is_read_by_nobody(v)) {
		batch_move(v->batch, &map);
		s->bytes += map.size;
		return;
	}
	if (v->map)
		give_back(s, &map);
	batch_wait(v->batch, &s->waiting, loop_now(s->loop));
}

static void look(void *context);

static void on_slice(struct job *job)
{
	struct shelving *v = CONTAINER_OF(job, struct shelving, job);
	struct shelf *s = v->shelf;

	if (v->fd >= 0 && s->disk && lane_run(s->disk, job) == 0)
		return;
	if (v->fd >= 0)
		close(v->fd);
	s->shelving = NULL;
	s->maps += v->map != NULL;
	move(s, v);
	batch_unkeep(v->batch);
	if (v->failed && s->disk)
		loop_timer_set(&s->due, DURATION_MS(AGAIN_MS));
	else
		look(s);
	free(v);
}

static void begin(struct shelf *s, struct batch *b)
{
	struct shelving *v = oxp_new(sizeof *v);

	*v = (struct shelving){ .job = { .work = write_slice, .done = on_slice },
		.shelf = s,
		.batch = (struct batch *)batch_keep(b),
		.fd = -1 };
	batch_wait_end(b);
	s->shelving = v;
	if (lane_run(s->disk, &v->job) == 0)
		return;
	s->shelving = NULL;
	batch_wait(b, &s->waiting, loop_now(s->loop));
	batch_unkeep(b);
	free(v);
	loop_timer_set(&s->due, DURATION_MS(SHELF_AFTER_MS));
}

static struct duration rest_of_wait(const struct shelf *s, const struct batch *b)
{
	int64_t waited = mono_since(loop_now(s->loop), b->waits_since).ns;

	return (struct duration){ DURATION_MS(SHELF_AFTER_MS).ns - waited };
}

/* Begins with the batch that has waited longest, and long enough, and that nobody reads. */
static void look(void *context)
{
	struct shelf *s = context;
	struct duration again = DURATION_MS(SHELF_AFTER_MS);
	struct batch *b;
	int looked_at = 0;

	if (!s->disk || s->shelving)
		return;
	if (s->maps >= s->maps_max) {
		loop_timer_set(&s->due, DURATION_MS(AGAIN_MS));
		return;
	}
	TAILQ_FOREACH(b, &s->waiting, entry) {
		struct duration rest = rest_of_wait(s, b);
		if (rest.ns > 0)
			again = rest;
		if (rest.ns > 0 || looked_at++ == LOOKED_AT)
			break;
		if (batch_refs(b) == 1) {
			begin(s, b);
			return;
		}
	}
	if (!TAILQ_EMPTY(&s->waiting))
		loop_timer_set(&s->due, again);
}

void shelf_init(struct shelf *s, struct loop *loop, struct lane *disk, const char *folder)
{
	*s = (struct shelf){ .loop = loop, .disk = folder ? disk : NULL, .folder = folder, .maps_max = SHELF_MAPS_MAX };
	TAILQ_INIT(&s->waiting);
	loop_timer_init(&s->due, loop, look, s);
}

void shelf_add(struct shelf *s, struct batch *b)
{
	if (!s->disk || batch_size(b) < SHELF_LEAST)
		return;
	batch_wait(b, &s->waiting, loop_now(s->loop));
	if (!s->shelving && !loop_timer_pending(&s->due))
		loop_timer_set(&s->due, DURATION_MS(SHELF_AFTER_MS));
}

void shelf_halt(struct shelf *s)
{
	s->disk = NULL;
	loop_timer_clear(&s->due);
}

void shelf_done(struct shelf *s)
{
	OXP_ASSERT(!s->shelving && s->bytes == 0 && s->maps == 0);
	loop_timer_done(&s->due);
}
