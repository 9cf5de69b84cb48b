/*
 * The file of what was pushed as others may have written it: as it is; and with checksums that fit, where records say
 * of themselves what they like. Reading ends; what is handed over is in order, whole and fine, and once; what nobody
 * wants is gone at the next start, and what is wanted is there again.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "collectors/push_dead.h"
#include "collectors/push_found.h"
#include "collectors/push_page.h"
#include "pipeline/batch.h"
#include "proto/push_path.h"

enum { SEED = 1, FILE_MAX = 1 << 20, MEMORY = 4 << 20, OWNERS = 64, PAGES = 256, HEAD = 8 };

struct host {
	char folder[64];
	struct clock clock;
	struct loop *loop;
	struct budget budget;
	uint64_t number;
};

static void need(bool holds)
{
	if (!holds)
		abort();
}

const char *host_name(const struct host *h)
{
	(void)h;
	return "f";
}

const char *host_state_path(struct host *h)
{
	return h->folder;
}

uint64_t host_state_id(struct host *h)
{
	(void)h;
	return SEED;
}

struct loop *host_loop(struct host *h)
{
	return h->loop;
}

void host_log(struct host *h, enum log_level level, const char *format, ...)
{
	(void)h, (void)level, (void)format;
}

uint64_t *host_counter(struct host *h, const char *name, const char *help)
{
	(void)name, (void)help;
	return &h->number;
}

uint64_t *host_gauge(struct host *h, const char *name, const char *help)
{
	(void)name, (void)help;
	return &h->number;
}

struct batch *host_batch_new(struct host *h, enum signal signal)
{
	return batch_new(&h->budget, signal);
}

/* One run. */
struct run {
	struct host host;
	struct push_file file;
	struct push_dead dead;
	struct push_modes modes;
	struct push_owner owners[OWNERS];
	struct push_saved *pages[PAGES];
	struct batch *batches[PAGES];
	size_t owner_count, page_count, series;
	uint64_t latest; /* number of a page of the owner at hand */
	bool inside;
};

static void on_sum(void *context, struct bytes text)
{
	struct run *r = context;

	need(r->owner_count == 0);
	push_dead_add(&r->dead, &r->modes, text);
}

static void on_sum_ended(void *context, struct push_saved *saved)
{
	push_dead_added(&((struct run *)context)->dead, saved);
}

static bool on_owner(void *context, const struct push_owner *found)
{
	struct run *r = context;
	struct push_key key;

	need(!r->inside && found->id > 0);
	need(r->owner_count == 0 || r->owners[r->owner_count - 1].id < found->id);
	if (r->owner_count == OWNERS || found->id % 8 == 7)
		return false;
	if (found->kind == PUSH_GROUP && !push_key_read(found->identity, &key))
		return false;
	push_file_adopt(&r->file, &r->owners[r->owner_count], found, bytes_of("job\0j"));
	r->owner_count++;
	r->inside = true;
	r->latest = 0;
	return true;
}

static void on_page(void *context, struct push_found *found)
{
	struct run *r = context;
	char why[EXPOSITION_WHAT_MAX];

	need(r->inside && found->saved->owner == r->owners[r->owner_count - 1].id);
	need(found->saved->number > r->latest);
	need(push_page_check(found->text, found->format, why, sizeof why));
	r->latest = found->saved->number;
	if (r->page_count == PAGES || found->saved->number % 8 == 7)
		return;
	r->pages[r->page_count] = found->saved;
	r->batches[r->page_count++] = found->batch;
	found->saved = NULL;
	found->batch = NULL;
}

static void on_ended(void *context)
{
	struct run *r = context;

	need(r->inside);
	r->inside = false;
}

static void begin(struct run *r, const char *folder)
{
	struct push_visit visit = { on_sum, on_sum_ended, on_owner, on_page, on_ended, r };

	*r = (struct run){ .modes = { .usual = PUSH_SUM } };
	snprintf(r->host.folder, sizeof r->host.folder, "%s", folder);
	r->host.clock = clock_system;
	need(loop_new(&r->host.clock, &r->host.loop) == 0);
	budget_init(&r->host.budget, MEMORY);
	push_file_init(&r->file, &r->host);
	push_dead_init(&r->dead, &r->host, SEED, &r->file);
	push_file_restore(&r->file, &visit, &visit);
	for (int i = 0; i < 5; i++)
		loop_turn(r->host.loop, DURATION_MS(0));
	r->series = r->dead.sum.series;
}

static void end(struct run *r)
{
	push_file_close(&r->file);
	for (size_t i = 0; i < r->page_count; i++) {
		push_file_remove(&r->file, r->pages[i]);
		batch_free(r->batches[i]);
	}
	for (size_t i = 0; i < r->owner_count; i++)
		push_file_disown(&r->file, &r->owners[i]);
	push_dead_done(&r->dead);
	push_file_done(&r->file);
	need(budget_used(&r->host.budget) == 0);
	loop_free(r->host.loop);
}

/* Records: what they say of themselves in eight bytes, the last of them the size of what follows. */
static void put_records(const char *folder, const uint8_t *data, size_t size)
{
	struct sums_place place;
	struct sums_file *file;
	enum sums_found found;
	char key[sizeof(struct push_part_key) + UINT8_MAX];

	need(sums_file_open(&(struct sums_options){ folder, "f.pages", SEED, FILE_MAX }, &file, &found) == 0);
	while (size >= HEAD) {
		struct push_part_key k = { .kind = data[0] % 6,
			.format = data[1] & 7,
			.replaces = data[1] >> 7,
			.owner = data[2],
			.number = data[3],
			.at = data[4],
			.total = data[5] };
		struct push_part_value v = { .marked = data[6] };
		size_t rest = smaller(data[7], size - HEAD);
		memcpy(key, &k, sizeof k);
		memcpy(key + sizeof k, data + HEAD, rest);
		need(sums_file_add(file, (struct bytes){ key, sizeof k + rest },
			     (struct bytes){ (const char *)&v, sizeof v }, &place) == 0);
		data += HEAD + rest;
		size -= HEAD + rest;
	}
	sums_file_close(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char folder[] = "/tmp/oxp-pages-fuzz-XXXXXX", name[64];
	struct run *first = calloc(1, sizeof *first), *second = calloc(1, sizeof *second);
	int fd;

	need(first && second && mkdtemp(folder) != NULL);
	snprintf(name, sizeof name, "%s/f.pages", folder);
	put_records(folder, data, size);
	fd = open(name, O_RDWR);
	if (fd >= 0 && size > 0 && data[0] & 0x80) /* over what is there, behind the header */
		need(pwrite(fd, data, size, SUMS_CELL) >= 0);
	if (fd >= 0)
		close(fd);
	begin(first, folder);
	end(first);
	begin(second, folder);
	need(second->owner_count == first->owner_count && second->page_count == first->page_count);
	need(second->series == first->series);
	end(second);
	free(first);
	free(second);
	(void)!unlink(name);
	(void)!rmdir(folder);
	return 0;
}
