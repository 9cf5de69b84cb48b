/*
 * The file of sums as others may have written it: as it is; and with checksums that fit, where keys and values are any
 * bytes. Reading ends, meters that come of it keep their invariants, and a page of them can be read.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/path.h"
#include "proto/exposition_parse.h"
#include "series/meters.h"
#include "series/write.h"

enum { PAGE_MAX = 4 << 20, SEED = 1 };

static void need(int holds)
{
	if (!holds)
		abort();
}

static const struct meters_limits limits = {
	.series = 500, .family_series = 300, .label = METER_LABEL_MAX, .window = { 1000000000 }
};

static void on_changed(void *context)
{
	(void)context;
}

static bool want(void *context, struct bytes owner, struct meter_wanted *w)
{
	(void)context;
	(void)owner;
	return w->origin != 3;
}

static int on_meta(void *context, const struct exposition_meta *m)
{
	(void)context;
	(void)m;
	return 0;
}

static int on_sample(void *context, const struct exposition_sample *sample)
{
	(void)sample;
	++*(size_t *)context;
	return 0;
}

static void read_page(struct series *s)
{
	static const struct exposition_events events = { .meta = on_meta, .sample = on_sample };
	struct exposition_parser parser;
	struct series_cursor cursor;
	struct buffer page;
	size_t samples = 0;

	buffer_init(&page, PAGE_MAX);
	series_cursor_init(&cursor, s, EXPOSITION_TEXT);
	if (series_write_some(&cursor, &page, PAGE_MAX) == 0) {
		exposition_init(&parser, EXPOSITION_TEXT, &exposition_limits_default, &events, &samples);
		need(page.size == 0 || exposition_feed(&parser, page.data, page.size) == EXPOSITION_FINE);
		need(exposition_end(&parser) == EXPOSITION_FINE);
		exposition_done(&parser);
	}
	buffer_done(&page);
}

static void restore_and_show(struct sums_file *file)
{
	struct series *s = series_new(&series_limits_default, 1);
	struct mono_time now = { 1000000000 };
	struct meters_restored restored;
	struct series_counts counts;
	struct meters *m = NULL;

	need(s && meters_new(s, NULL, 0, &limits, &m) == 0);
	meters_save_to(m, file, on_changed, NULL);
	(void)!meters_restore(m, &(struct meters_restore){ want, NULL }, now, &restored);
	meters_check(m);
	meters_show(m, now);
	while (meters_show_some(m, 100))
		;
	meters_shown(m, &counts);
	read_page(s);
	meters_age(m, now, 1000);
	while (meters_save_some(m, 100))
		;
	meters_free(m);
	series_free(s);
}

/* Pairs of a key and a value, each behind its size in two bytes; the second byte of the size is 0 or 1. */
static void put_records(struct sums_file *file, const uint8_t *data, size_t size)
{
	struct bytes parts[2] = { { "", 0 }, { "", 0 } };
	struct sums_place place;

	for (unsigned i = 0; size >= 2; i++) {
		size_t wanted = data[0] + 256u * (data[1] & 1);
		data += 2;
		size -= 2;
		wanted = smaller(wanted, size);
		parts[i % 2] = (struct bytes){ (const char *)data, wanted };
		data += wanted;
		size -= wanted;
		if (i % 2)
			need(sums_file_add(file, parts[0], parts[1], &place) == 0);
	}
}

static struct sums_file *open_file(const char *folder)
{
	struct sums_file *file;
	enum sums_found found;

	need(sums_file_open(&(struct sums_options){ folder, "f.sums", SEED, 1 << 20 }, &file, &found) == 0);
	return file;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char folder[] = "/tmp/oxp-sums-fuzz-XXXXXX", name[64];
	struct sums_file *file;
	int fd;

	need(mkdtemp(folder) != NULL);
	snprintf(name, sizeof name, "%s/f.sums", folder);
	file = open_file(folder);
	put_records(file, data, size);
	sums_file_close(file);
	fd = open(name, O_RDWR);
	if (fd >= 0 && size > 0 && data[0] & 1) /* over what is there, behind the header */
		need(pwrite(fd, data, size, SUMS_CELL) >= 0);
	if (fd >= 0)
		close(fd);
	for (int run = 0; run < 2; run++) {
		file = open_file(folder);
		restore_and_show(file);
		sums_file_close(file);
	}
	(void)!unlink(name);
	(void)!rmdir(folder);
	return 0;
}
