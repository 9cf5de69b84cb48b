/*
 * Remote write: whatever a page or an item has, the page is cut into items that hold all of it, each becomes a message
 * of 1.0 and of 2.0 that another reader takes, and what it counts is there, and one of OTLP; the series that a second
 * page lacks are lines of the first.
 */
#include <errno.h>
#include <stdlib.h>

#include "proto/otlp_samples.h"
#include "proto/remote_write.h"
#include "proto/samples_item.h"
#include "proto/series_gone.h"
#include "unit/proto/remote_write_reader.h"

static void need(bool holds)
{
	if (!holds)
		abort();
}

static void wrong(const char *what)
{
	(void)what;
	abort();
}

static void send(struct bytes item, enum remote_write_version version)
{
	static const struct remote_write_label labels[] = { { { "cluster", 7 }, { "eu", 2 } } };
	const struct remote_write how = { version, labels, 1 };
	struct rw_reader *r = calloc(1, sizeof *r);
	struct remote_write_counts counts;
	struct buffer message;
	int failed;

	need(r);
	buffer_init(&message, SIZE_MAX);
	failed = remote_write_build(&how, item, &message, &counts);
	need(failed == 0 || failed == -EBADMSG);
	r->is_2 = version == REMOTE_WRITE_2;
	r->wrong = wrong;
	rw_read(r, buffer_bytes(&message));
	need(r->samples == counts.samples && r->exemplars == counts.exemplars && r->histograms == counts.histograms);
	buffer_done(&message);
	free(r);
}

static void send_otlp(struct bytes item)
{
	struct buffer message;
	struct wire_field f;
	struct wire w;
	int failed;

	buffer_init(&message, SIZE_MAX);
	failed = otlp_samples_build((struct bytes){ NULL, 0 }, item, &message);
	need(failed == 0 || failed == -EBADMSG);
	for (w = wire_of(buffer_bytes(&message)); message.size > 0 && (failed = wire_next(&w, &f)) > 0;)
		need(f.number == 1 && f.type == WIRE_LENGTH);
	need(message.size == 0 || failed == 0);
	buffer_done(&message);
}

static void send_page(struct bytes page, size_t samples, size_t bytes)
{
	struct samples_cut cut;
	struct samples_piece piece;
	struct buffer item;
	size_t lines = 0;

	samples_cut_init(&cut, page);
	while (samples_cut_next(&cut, samples, bytes, &piece)) {
		char head[SAMPLES_HEAD_MAX];
		buffer_init(&item, SIZE_MAX);
		need(buffer_append(&item, head, samples_head_write(5, false, head)) == 0);
		need(buffer_append(&item, piece.family.data, piece.family.size) == 0);
		need(buffer_append(&item, piece.lines.data, piece.lines.size) == 0);
		send_otlp(buffer_bytes(&item));
		send(buffer_bytes(&item), samples % 2 ? REMOTE_WRITE_1 : REMOTE_WRITE_2);
		buffer_done(&item);
		lines += piece.lines.size;
	}
	need(lines <= page.size);
}

static void compare(struct bytes before, struct bytes after)
{
	struct series_gone *g = series_gone_new(1);
	struct buffer gone;

	buffer_init(&gone, SIZE_MAX);
	need(series_gone_next(g, before, &gone) == 0 && gone.size == 0);
	need(series_gone_next(g, after, &gone) == 0 && gone.size <= 6 * before.size);
	gone.size = 0;
	need(series_gone_next(g, after, &gone) == 0 && gone.size == 0);
	buffer_done(&gone);
	series_gone_free(g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes all = { (const char *)data, size };

	if (size < 2)
		return 0;
	send(all, REMOTE_WRITE_1);
	send(all, REMOTE_WRITE_2);
	send_otlp(all);
	all = (struct bytes){ all.data + 2, size - 2 };
	send_page(all, 1 + data[0] % 16, 1 + data[1]);
	compare((struct bytes){ all.data, all.size / 2 },
		(struct bytes){ all.data + all.size / 2, all.size - all.size / 2 });
	compare(all, (struct bytes){ "", 0 });
	return 0;
}
