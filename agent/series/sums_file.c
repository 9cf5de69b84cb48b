#include "series/sums_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/path.h"
#include "base/whole.h"

enum {
	LAYOUT = 1,
	MARK_USED = 0x4d53584f,
	MARK_FREE = 0x4653584f,
	COPIES = 2,
	CELLS_MAX = SUMS_RECORD_MAX / SUMS_CELL,
	CELLS_EXACT = 16, /* up to that, a record has as many as it needs; */
	STEPS = 8, /* beyond it there are so many sizes before one is twice as large */
	SIZES = 80,
	SIZE_FIRST = 64 << 10, /* bytes of the file, which doubles */
	WINDOW = 256 << 10, /* of it, that is read at a time */
};

static const char magic[16] = "oxpecker sums";

/* In the first cell. `check` covers the fields before it. */
struct header {
	char magic[16];
	uint32_t layout, cell;
	uint64_t check;
};

/* `check` covers the fields before it and the key. */
struct head {
	uint32_t mark, cells;
	uint32_t key, value; /* bytes; 0 if it is free */
	uint64_t life;
	uint64_t check;
};

/* `check` covers the serial and the value. A serial of 0: it was never written. */
struct copy {
	uint64_t serial, check;
};

/* Cells that are free, all of one size; and with their sizes those that are not yet. */
struct cells {
	uint32_t *at;
	size_t count, room;
};
struct removed {
	uint32_t cell, cells;
};

/* Invariant: cells before `end` belong to records, are in `free` or `removed`, or could not be read; all have
 * blocks. */
struct sums_file {
	struct path_folder folder;
	char name[SUMS_NAME_MAX];
	uint64_t seed, most;
	int fd; /* -1: there is none */
	uint32_t number, end;
	uint64_t size, lives;
	size_t records;
	struct cells free[SIZES];
	struct removed *removed;
	size_t removed_count, removed_room;
	struct buffer made; /* what is to be written */
};

/* Checks. */

static uint64_t header_check(const struct sums_file *f, const struct header *h)
{
	return XXH3_64bits_withSeed(h, offsetof(struct header, check), f->seed);
}

static uint64_t head_check(const struct sums_file *f, uint32_t cell, const struct head *h, const char *key)
{
	uint64_t seed = XXH3_64bits_withSeed(h, offsetof(struct head, check), f->seed ^ cell);

	return XXH3_64bits_withSeed(key, h->key, seed);
}

static uint64_t copy_check(const struct sums_file *f, uint64_t life, uint64_t serial, struct bytes value)
{
	return XXH3_64bits_withSeed(
		value.data, value.size, f->seed ^ XXH3_64bits_withSeed(&serial, sizeof serial, life));
}

/* Sizes. */

/* Sizes that go up by an eighth of a power of two, and the number of that size. */
static size_t size_number(uint32_t cells, uint32_t *ret_cells)
{
	uint32_t power = CELLS_EXACT, number = CELLS_EXACT, step;

	*ret_cells = cells;
	if (cells <= CELLS_EXACT)
		return cells;
	while (2 * power < cells) {
		power *= 2;
		number += STEPS;
	}
	step = power / STEPS;
	*ret_cells = (cells + step - 1) / step * step;
	return number + (*ret_cells - power) / step;
}

static size_t record_size(size_t key, size_t value)
{
	return sizeof(struct head) + key + COPIES * (sizeof(struct copy) + value);
}

static uint32_t cells_of(size_t key, size_t value)
{
	uint32_t cells;

	(void)size_number((uint32_t)((record_size(key, value) + SUMS_CELL - 1) / SUMS_CELL), &cells);
	return cells;
}

static uint64_t copy_at(const struct sums_place *p, size_t value, uint64_t serial)
{
	return (uint64_t)p->cell * SUMS_CELL + sizeof(struct head) + p->key +
	       serial % COPIES * (sizeof(struct copy) + value);
}

/* Free cells. */

static void free_cells(struct sums_file *f, uint32_t cell, uint32_t cells)
{
	uint32_t whole;
	struct cells *c = &f->free[size_number(cells, &whole)];
	uint32_t *at = oxp_grow(c->at, &c->room, c->count + 1, sizeof *c->at);

	if (!at) /* the next start finds them */
		return;
	c->at = at;
	c->at[c->count++] = cell;
}

static int put_free(struct sums_file *f, uint32_t cell, uint32_t cells)
{
	struct head h = { .mark = MARK_FREE, .cells = cells };
	int failed;

	h.check = head_check(f, cell, &h, "");
	failed = whole_write(f->fd, &h, sizeof h, (uint64_t)cell * SUMS_CELL);
	if (!failed)
		free_cells(f, cell, cells);
	return failed;
}

/* The largest of the sizes that is not above. */
static uint32_t size_within(uint32_t cells)
{
	uint32_t size;

	cells = (uint32_t)smaller(cells, CELLS_MAX);
	do
		(void)size_number(cells, &size);
	while (size > cells-- && cells > 0);
	return size;
}

static int put_free_all(struct sums_file *f, uint32_t cell, uint32_t cells)
{
	int failed = 0;

	while (cells > 0 && !failed) {
		uint32_t size = size_within(cells);
		failed = put_free(f, cell, size);
		cell += size;
		cells -= size;
	}
	return failed;
}

/* The file. */

/* What stood in the file that was open is somewhere else, or nowhere. */
static void forget(struct sums_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	f->size = f->records = f->removed_count = 0;
	f->end = 1;
	f->number++;
	for (size_t i = 0; i < SIZES; i++)
		f->free[i].count = 0;
}

static bool is_zero(const void *data, size_t size)
{
	const char *at = data;

	while (size > 0 && !*at) {
		at++;
		size--;
	}
	return size == 0;
}

static int put_header(struct sums_file *f)
{
	struct header h = { .layout = LAYOUT, .cell = SUMS_CELL };

	memcpy(h.magic, magic, sizeof magic);
	h.check = header_check(f, &h);
	return whole_write(f->fd, &h, sizeof h, 0);
}

/* 0; -ENODATA: there is none yet; -EBADMSG: it is not ours; -errno. */
static int get_header(const struct sums_file *f)
{
	struct header h = { .layout = 0 };
	ssize_t got = whole_read(f->fd, &h, sizeof h, 0);

	if (got < 0)
		return (int)got;
	if (is_zero(&h, sizeof h))
		return -ENODATA;
	return memcmp(h.magic, magic, sizeof magic) == 0 && h.layout == LAYOUT && h.cell == SUMS_CELL &&
			       h.check == header_check(f, &h)
		       ? 0
		       : -EBADMSG;
}

/* Blocks for that many cells. */
static int grow(struct sums_file *f, uint64_t cells)
{
	uint64_t size = f->size ? f->size : SIZE_FIRST;
	int failed;

	while (size < cells * SUMS_CELL)
		size *= 2;
	size = smaller(size, f->most);
	if (size < cells * SUMS_CELL)
		return -ENOSPC;
	if (size == f->size)
		return 0;
	failed = -posix_fallocate(f->fd, 0, (off_t)size);
	if (!failed)
		f->size = size;
	return failed;
}

/* There may be one that was made and not begun, or that came meanwhile. 0; -EBADMSG: it is not ours; -errno. */
static int open_or_make(struct sums_file *f)
{
	int fd = path_ours_open(f->folder.fd, f->name, O_RDWR | O_CREAT), failed;

	if (fd < 0)
		return fd;
	f->fd = fd;
	failed = get_header(f);
	return failed == -ENODATA ? 0 : failed;
}

static int make(struct sums_file *f)
{
	int failed;

	if (f->fd >= 0)
		return 0;
	failed = open_or_make(f);
	if (failed == -EBADMSG) {
		forget(f);
		failed = path_ours_set_aside(f->folder.fd, f->name);
		if (!failed)
			failed = open_or_make(f);
	}
	if (!failed && ftruncate(f->fd, 0) < 0)
		failed = -errno;
	if (!failed)
		failed = grow(f, 1);
	if (!failed)
		failed = put_header(f);
	if (failed)
		forget(f);
	return failed;
}

/* 0; -ENODATA: it is not there, or not begun; -errno. */
static int find(struct sums_file *f)
{
	struct stat info;
	int failed = 0;

	f->fd = path_ours_open(f->folder.fd, f->name, O_RDWR);
	if (f->fd < 0)
		failed = f->fd == -ENOENT ? -ENODATA : f->fd;
	else if (fstat(f->fd, &info) < 0)
		failed = -errno;
	else
		failed = get_header(f);
	if (failed) {
		forget(f);
		return failed;
	}
	f->size = smaller((uint64_t)info.st_size, f->most) / SUMS_CELL * SUMS_CELL;
	return 0;
}

int sums_file_open(const struct sums_options *o, struct sums_file **ret, enum sums_found *ret_found)
{
	struct sums_file *f = oxp_new(sizeof *f);
	int failed;

	OXP_ASSERT(strlen(o->name) < SUMS_NAME_MAX);
	*ret = f;
	*ret_found = SUMS_NONE;
	f->fd = -1;
	f->number = f->end = 1;
	f->seed = o->seed;
	f->most = o->most ? o->most : SUMS_FILE_MAX;
	snprintf(f->name, sizeof f->name, "%s", o->name);
	buffer_init(&f->made, SUMS_RECORD_MAX + SUMS_CELL);
	failed = path_folder_open(o->folder, false, &f->folder);
	if (failed) {
		f->folder.fd = -1;
		return failed;
	}
	failed = find(f);
	if (failed == -EBADMSG) {
		*ret_found = SUMS_SET_ASIDE;
		return path_ours_set_aside(f->folder.fd, f->name);
	}
	if (!failed)
		*ret_found = SUMS_THERE;
	return failed == -ENODATA ? 0 : failed;
}

void sums_file_close(struct sums_file *f)
{
	if (!f)
		return;
	if (f->fd >= 0)
		close(f->fd);
	for (size_t i = 0; i < SIZES; i++)
		free(f->free[i].at);
	free(f->removed);
	buffer_done(&f->made);
	path_folder_close(&f->folder);
	free(f);
}

/* Whether it begins as ours, and is as long as it was. */
static bool is_whole(const struct sums_file *f)
{
	struct stat named, open;

	if (fstat(f->fd, &open) < 0 || fstatat(f->folder.fd, f->name, &named, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	return named.st_dev == open.st_dev && named.st_ino == open.st_ino && (uint64_t)open.st_size >= f->size &&
	       get_header(f) == 0;
}

bool sums_file_look(struct sums_file *f)
{
	if (f->fd < 0 || is_whole(f))
		return true;
	forget(f);
	return false;
}

uint32_t sums_file_number(const struct sums_file *f)
{
	return f->number;
}

uint64_t sums_file_size(const struct sums_file *f)
{
	return f->size;
}

size_t sums_file_records(const struct sums_file *f)
{
	return f->records;
}

/* Reading. */

/* A part of the file, in memory. */
struct window {
	struct buffer data;
	uint64_t at;
};

/* So many bytes at that place, or as many as there are. NULL: none, or *failed. */
static const char *see(struct sums_file *f, struct window *w, uint64_t at, size_t *size, int *failed)
{
	ssize_t got;

	*size = (size_t)smaller(*size, f->size - at);
	if (at >= w->at && at + *size <= w->at + w->data.size)
		return w->data.data + (at - w->at);
	buffer_clear(&w->data);
	w->at = at;
	got = buffer_reserve(&w->data, WINDOW) ? whole_read(f->fd, w->data.data, WINDOW, at) : -ENOMEM;
	if (got <= 0) {
		*failed = (int)got;
		return NULL;
	}
	w->data.size = (size_t)got;
	*size = smaller(*size, w->data.size);
	return w->data.data;
}

static bool is_head(const struct sums_file *f, uint32_t cell, const struct head *h)
{
	uint32_t size;

	if (h->cells == 0 || h->cells > CELLS_MAX || ((uint64_t)cell + h->cells) * SUMS_CELL > f->size)
		return false;
	(void)size_number(h->cells, &size);
	if (h->mark == MARK_FREE)
		return h->cells == size && h->key == 0 && h->value == 0;
	return h->mark == MARK_USED && h->key <= SUMS_RECORD_MAX && h->value <= SUMS_RECORD_MAX &&
	       record_size(h->key, h->value) <= SUMS_RECORD_MAX && h->cells == cells_of(h->key, h->value);
}

/* The latest value that is whole; its serial is 0 if none is. */
static struct sums_record read_copies(const struct sums_file *f, uint32_t cell, const struct head *h, const char *data)
{
	struct sums_record r = { .place = { f->number, cell, h->cells, h->key, h->life, 0 },
		.key = { data + sizeof *h, h->key } };
	const char *at = data + sizeof *h + h->key;
	uint64_t broken = 0;

	for (int i = 0; i < COPIES; i++, at += sizeof(struct copy) + h->value) {
		struct bytes value = { at + sizeof(struct copy), h->value };
		struct copy c;
		memcpy(&c, at, sizeof c);
		if (c.serial % COPIES != (uint64_t)i || c.serial == 0 ||
			c.check != copy_check(f, h->life, c.serial, value)) {
			broken = is_zero(at, sizeof c + h->value) ? 0 : c.serial + 1;
		} else if (c.serial > r.place.serial) {
			r.place.serial = c.serial;
			r.value = value;
		}
	}
	r.older = broken && broken != r.place.serial;
	return r;
}

/* What is known while the file is gone through. */
struct loading {
	struct window window;
	const struct sums_visit *visit;
	uint32_t bad; /* from that cell on up to the one at hand nothing can be read; 0: no */
	bool zeros; /* but they are all zeros */
	bool zero; /* the cell at hand is */
	size_t damaged;
	int failed;
};

static void end_bad(struct sums_file *f, struct loading *l, uint32_t cell)
{
	if (!l->bad)
		return;
	l->damaged += !l->zeros;
	if (l->failed == 0)
		l->failed = put_free_all(f, l->bad, cell - l->bad);
	l->bad = 0;
}

static void take_record(struct sums_file *f, struct loading *l, uint32_t cell, const struct head *h, const char *data)
{
	struct sums_record r = read_copies(f, cell, h, data);

	f->lives = h->life > f->lives ? h->life : f->lives;
	f->records++;
	l->damaged += r.place.serial == 0;
	if (r.place.serial == 0 || !l->visit->record(l->visit->context, &r))
		sums_file_remove(f, &r.place, h->value);
}

/* The head in that cell, and all of its record. NULL: there is none that is whole. */
static const char *get_record(struct sums_file *f, struct loading *l, uint32_t cell, struct head *ret)
{
	uint64_t at = (uint64_t)cell * SUMS_CELL;
	size_t size = SUMS_CELL, whole = size;
	const char *data = see(f, &l->window, at, &size, &l->failed);

	if (!data || size < whole)
		return NULL;
	l->zero = is_zero(data, size);
	memcpy(ret, data, sizeof *ret);
	if (!is_head(f, cell, ret))
		return NULL;
	if (ret->mark == MARK_USED)
		size = whole = (size_t)ret->cells * SUMS_CELL;
	data = see(f, &l->window, at, &size, &l->failed);
	return data && size == whole && ret->check == head_check(f, cell, ret, data + sizeof *ret) ? data : NULL;
}

/* Returns how many cells it was. */
static uint32_t load_one(struct sums_file *f, struct loading *l, uint32_t cell)
{
	struct head h;
	const char *data = get_record(f, l, cell, &h);

	if (!data) {
		l->zeros = (!l->bad || l->zeros) && l->zero;
		l->bad = l->bad ? l->bad : cell;
		return 1;
	}
	end_bad(f, l, cell);
	f->end = cell + h.cells;
	if (h.mark == MARK_USED)
		take_record(f, l, cell, &h, data);
	else
		free_cells(f, cell, h.cells);
	return h.cells;
}

/* What could not be read stays where it is, for the next start. New records go behind it. Their lives are beyond those
 * that it may have: each file that is left so grows, and none has had 2^32 records for each of its cells. */
static void go_behind(struct sums_file *f)
{
	uint64_t cells = f->size / SUMS_CELL, least;

	f->end = (uint32_t)cells;
	(void)!grow(f, cells + 1);
	least = f->size / SUMS_CELL << 32;
	f->lives = f->lives > least ? f->lives : least;
}

int sums_file_load(struct sums_file *f, const struct sums_visit *visit, size_t *ret_damaged)
{
	struct loading l = { .visit = visit };
	uint32_t cells = (uint32_t)(f->size / SUMS_CELL);

	*ret_damaged = 0;
	if (f->fd < 0)
		return 0;
	buffer_init(&l.window.data, WINDOW);
	for (uint32_t cell = 1; cell < cells && !l.failed;)
		cell += load_one(f, &l, cell);
	l.damaged += l.bad && !l.zeros; /* what is behind the last record is written over */
	buffer_done(&l.window.data);
	*ret_damaged = l.damaged;
	if (l.failed)
		go_behind(f);
	(void)sums_file_sweep(f, SIZE_MAX);
	return l.failed;
}

int sums_file_key(const struct sums_file *f, const struct sums_place *p, struct buffer *to, struct bytes *ret)
{
	size_t size = sizeof(struct head) + p->key;
	struct head h;
	ssize_t got;

	OXP_ASSERT(p->file == f->number);
	buffer_clear(to);
	if (!buffer_reserve(to, size))
		return -ENOMEM;
	got = whole_read(f->fd, to->data, size, (uint64_t)p->cell * SUMS_CELL);
	if (got < 0)
		return (int)got;
	if ((size_t)got < size)
		return -EBADMSG;
	memcpy(&h, to->data, sizeof h);
	if (h.mark != MARK_USED || h.key != p->key || h.life != p->life ||
		h.check != head_check(f, p->cell, &h, to->data + sizeof h))
		return -EBADMSG;
	*ret = (struct bytes){ to->data + sizeof h, p->key };
	return 0;
}

/* Writing. */

static bool take_cells(struct sums_file *f, uint32_t cells, uint32_t *ret)
{
	uint32_t whole;
	struct cells *c = &f->free[size_number(cells, &whole)];

	if (c->count == 0)
		return false;
	*ret = c->at[--c->count];
	return true;
}

static void put_copy(struct sums_file *f, char *to, const struct sums_place *p, struct bytes value)
{
	const struct copy c = { p->serial, copy_check(f, p->life, p->serial, value) };

	memcpy(to, &c, sizeof c);
	memcpy(to + sizeof c, value.data, value.size);
}

/* All of it, zeros up to the end of its cells included. */
static int put_record(struct sums_file *f, const struct sums_place *p, struct bytes key, struct bytes value)
{
	struct head h = { MARK_USED, p->cells, (uint32_t)key.size, (uint32_t)value.size, p->life, 0 };
	size_t size = record_size(key.size, value.size);
	char *to;

	buffer_clear(&f->made);
	to = buffer_reserve(&f->made, size);
	if (!to)
		return -ENOMEM;
	h.check = head_check(f, p->cell, &h, key.data);
	memset(to, 0, size);
	memcpy(to, &h, sizeof h);
	memcpy(to + sizeof h, key.data, key.size);
	put_copy(f, to + sizeof h + key.size + p->serial % COPIES * (sizeof(struct copy) + value.size), p, value);
	return whole_write(f->fd, to, size, (uint64_t)p->cell * SUMS_CELL);
}

int sums_file_add(struct sums_file *f, struct bytes key, struct bytes value, struct sums_place *place)
{
	struct sums_place p = { .key = (uint32_t)key.size, .serial = 1 };
	bool fresh;
	int failed;

	if (key.size > SUMS_RECORD_MAX || value.size > SUMS_RECORD_MAX ||
		record_size(key.size, value.size) > SUMS_RECORD_MAX)
		return -E2BIG;
	failed = make(f);
	if (failed)
		return failed;
	p.file = f->number;
	p.cells = cells_of(key.size, value.size);
	p.life = f->lives + 1;
	fresh = !take_cells(f, p.cells, &p.cell);
	if (fresh) {
		failed = grow(f, (uint64_t)f->end + p.cells);
		p.cell = f->end;
	}
	if (!failed)
		failed = put_record(f, &p, key, value);
	if (failed) {
		if (!fresh)
			free_cells(f, p.cell, p.cells);
		return failed;
	}
	f->end += fresh ? p.cells : 0;
	f->lives = p.life;
	f->records++;
	*place = p;
	return 0;
}

int sums_file_change(struct sums_file *f, struct sums_place *place, struct bytes value)
{
	struct sums_place p = *place;
	size_t size = sizeof(struct copy) + value.size;
	char *to;
	int failed;

	OXP_ASSERT(p.file == f->number && cells_of(p.key, value.size) == p.cells);
	buffer_clear(&f->made);
	to = buffer_reserve(&f->made, size);
	if (!to)
		return -ENOMEM;
	p.serial++;
	put_copy(f, to, &p, value);
	failed = whole_write(f->fd, to, size, copy_at(&p, value.size, p.serial));
	if (!failed)
		*place = p;
	return failed;
}

void sums_file_remove(struct sums_file *f, struct sums_place *place, size_t value)
{
	const struct sums_place p = *place;
	struct removed *all;

	*place = (struct sums_place){ 0 };
	if (p.file != f->number)
		return;
	OXP_ASSERT(p.cells == cells_of(p.key, value));
	f->records--;
	all = oxp_grow(f->removed, &f->removed_room, f->removed_count + 1, sizeof *all);
	if (!all) /* it comes back with the next start, where its time is over once more */
		return;
	f->removed = all;
	all[f->removed_count++] = (struct removed){ p.cell, p.cells };
}

bool sums_file_sweep(struct sums_file *f, size_t count)
{
	for (; count > 0 && f->removed_count > 0; count--) {
		const struct removed *r = &f->removed[f->removed_count - 1];
		if (put_free(f, r->cell, r->cells))
			return false;
		f->removed_count--;
	}
	return f->removed_count > 0;
}
