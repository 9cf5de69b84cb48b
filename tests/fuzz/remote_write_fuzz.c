/*
 * Remote write: whatever a page or an item has, the page is cut into items that hold all of it, each becomes a message
 * of 1.0 and of 2.0 that another reader takes, with the labels, values and times that the item has, and one of OTLP;
 * the series that a second page lacks are lines of the first.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/library.h"
#include "proto/exposition_write.h"
#include "proto/otlp_samples.h"
#include "proto/remote_write.h"
#include "proto/samples_item.h"
#include "proto/series_gone.h"
#include "proto/snappy.h"
#include "unit/proto/remote_write_reader.h"

enum { EXPECTED_MAX = 1 << 12 };

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

/* The series of an item, as rw_reader writes them, but for exemplars: made here from what the item says. */
struct expected {
	struct rw_reader reader;
	struct buffer text;
	size_t ends[EXPECTED_MAX];
	bool created[EXPECTED_MAX]; /* by its name: in 2.0 it may be a time of others */
	bool native[EXPECTED_MAX]; /* its fields, in place of a value, are not looked at here */
	size_t count, at; /* that was seen */
};

struct label {
	struct bytes name, value;
};

static struct bytes plain(struct buffer *room, struct bytes text)
{
	struct bytes made = { room->data + room->size, 0 };

	made.size = exposition_unescape(text, EXPOSITION_OPENMETRICS, room->data + room->size);
	room->size += made.size;
	return made;
}

/* Unless there is one of that name. */
static void add(struct label *all, size_t *count, struct label label)
{
	for (size_t i = 0; i < *count; i++)
		if (bytes_equal(all[i].name, label.name))
			return;
	all[(*count)++] = label;
}

static int by_name(const void *a, const void *b)
{
	return bytes_compare(((const struct label *)a)->name, ((const struct label *)b)->name);
}

static size_t labels_of(const struct exposition_sample *s, struct label *all, struct buffer *room)
{
	size_t count = 0;

	for (size_t i = 0; i < s->label_count; i++) {
		const struct exposition_label *l = &s->labels[i];
		struct label label = { l->quoted ? plain(room, l->name) : l->name, plain(room, l->value) };
		if (label.value.size > 0)
			add(all, &count, label);
	}
	add(all, &count, (struct label){ bytes_of("__name__"), s->quoted ? plain(room, s->name) : s->name });
	add(all, &count, (struct label){ bytes_of("cluster"), bytes_of("eu") });
	qsort(all, count, sizeof *all, by_name);
	return count;
}

static int expect(void *context, const struct samples_reader *r, const struct exposition_sample *s)
{
	static const char suffix[] = "_created";
	struct label all[EXPOSITION_LABELS_MAX + 2];
	struct expected *x = context;
	struct buffer room;
	uint64_t bits;
	size_t count;

	if (s->excess || x->count == EXPECTED_MAX)
		return 0;
	buffer_init(&room, SIZE_MAX);
	need(buffer_reserve(&room, s->raw_labels.size + s->name.size + 1));
	count = labels_of(s, all, &room);
	for (size_t i = 0; i < count; i++) {
		need(i == 0 || buffer_text(&x->text, ",") == 0);
		need(buffer_append(&x->text, all[i].name.data, all[i].name.size) == 0);
		need(buffer_text(&x->text, "=") == 0);
		need(buffer_append(&x->text, all[i].value.data, all[i].value.size) == 0);
	}
	memcpy(&bits, &s->value, sizeof bits);
	x->native[x->count] = s->native.size > 0;
	need(buffer_text(&x->text, "  ") == 0);
	if (s->native.size == 0)
		need(buffer_printf(&x->text, "%016" PRIx64 "@%" PRId64, r->gone ? REMOTE_WRITE_STALE : bits,
			     s->has_timestamp ? s->timestamp_ms : r->at_ms) == 0);
	x->created[x->count] =
		s->name.size >= sizeof suffix - 1 &&
		memcmp(s->name.data + s->name.size - (sizeof suffix - 1), suffix, sizeof suffix - 1) == 0;
	x->ends[x->count++] = x->text.size;
	buffer_done(&room);
	return 0;
}

static bool is_it(const struct expected *x, size_t i)
{
	const struct rw_reader *r = &x->reader;
	size_t from = i ? x->ends[i - 1] : 0, size = x->ends[i] - from;

	return r->size >= size && memcmp(r->line, x->text.data + from, size) == 0 &&
	       (r->size == size || r->line[size] == ' ' || x->native[i]);
}

/* The next one, whatever stands behind it; of 2.0 those are left out that say when others began. */
static void see(void *context, const char *line)
{
	struct expected *x = context;

	(void)line;
	if (x->count == EXPECTED_MAX || x->reader.size + 1 >= sizeof x->reader.line)
		return;
	while (x->reader.is_2 && x->at < x->count && x->created[x->at] && !is_it(x, x->at))
		x->at++;
	need(x->at < x->count && is_it(x, x->at));
	x->at++;
}

/* As it goes out, and comes in. */
static void pass(struct bytes message, struct buffer *to)
{
	static __typeof__(snappy_uncompress) *unpack;
	static const struct library_function reader = { "snappy_uncompress", &unpack };
	static struct snappy snappy;
	size_t size = message.size;
	struct buffer packed;
	char why[256];

	if (!unpack)
		need(snappy_load(&snappy, why, sizeof why) == 0 &&
			library_load("libsnappy.so.1", &reader, 1, why, sizeof why) == 0);
	buffer_init(&packed, SIZE_MAX);
	need(buffer_reserve(to, message.size + 1));
	need(snappy_pack(&snappy, message, &packed) == 0);
	need(unpack(packed.data, packed.size, to->data, &size) == SNAPPY_OK);
	to->size = size;
	need(bytes_equal(buffer_bytes(to), message));
	buffer_done(&packed);
}

/* Returns how many samples it has; -1 if it cannot be read to its end. */
static int64_t send(struct bytes item, enum remote_write_version version)
{
	static const struct remote_write_label labels[] = { { { "cluster", 7 }, { "eu", 2 } } };
	const struct remote_write how = { version, labels, 1 };
	struct expected *x = calloc(1, sizeof *x);
	struct samples_reader reader = { .sample = expect, .context = x };
	struct remote_write_counts counts;
	struct buffer message, came;
	int failed;

	need(x);
	buffer_init(&x->text, SIZE_MAX);
	buffer_init(&message, SIZE_MAX);
	buffer_init(&came, SIZE_MAX);
	failed = remote_write_build(&how, item, &message, &counts);
	need(failed == samples_read(&reader, item) && (failed == 0 || failed == -EBADMSG));
	x->reader.is_2 = version == REMOTE_WRITE_2;
	x->reader.wrong = wrong;
	x->reader.series_line = see;
	x->reader.context = x;
	pass(buffer_bytes(&message), &came);
	rw_read(&x->reader, came.size > 0 ? buffer_bytes(&came) : (struct bytes){ "", 0 });
	need(x->reader.samples == counts.samples && x->reader.exemplars == counts.exemplars);
	need(x->reader.histograms == counts.histograms);
	need(x->reader.is_2 || x->count == EXPECTED_MAX || x->count == counts.samples + counts.histograms);
	buffer_done(&came);
	buffer_done(&message);
	buffer_done(&x->text);
	free(x);
	return failed ? -1 : (int64_t)(counts.samples + counts.histograms);
}

static void send_otlp(struct bytes item)
{
	struct buffer message;
	struct wire_field f;
	uint64_t left_out;
	struct wire w;
	int failed;

	buffer_init(&message, SIZE_MAX);
	failed = otlp_samples_build((struct bytes){ NULL, 0 }, item, &message, &left_out);
	need(failed == 0 || failed == -EBADMSG);
	w = wire_of(message.size > 0 ? buffer_bytes(&message) : (struct bytes){ "", 0 });
	while ((failed = wire_next(&w, &f)) > 0)
		need(f.number == 1 && f.type == WIRE_LENGTH);
	need(failed == 0);
	buffer_done(&message);
}

static void send_pass(struct samples_cut *cut, size_t samples, size_t bytes)
{
	struct samples_piece piece;
	struct buffer item;
	size_t lines = 0;
	int64_t sent;
	char *to;

	while (samples_cut_next(cut, samples, bytes, &piece)) {
		char head[SAMPLES_HEAD_MAX];
		buffer_init(&item, SIZE_MAX);
		need(buffer_append(&item, head, samples_head_write(5, false, head)) == 0);
		to = buffer_reserve(&item, samples_piece_size(&piece) + 1);
		need(to && samples_piece_put(&piece, to) == to + samples_piece_size(&piece));
		item.size += samples_piece_size(&piece);
		send_otlp(buffer_bytes(&item));
		sent = send(buffer_bytes(&item), samples % 2 ? REMOTE_WRITE_1 : REMOTE_WRITE_2);
		need(sent < 0 || samples % 2 == 0 || sent == piece.samples);
		buffer_done(&item);
		lines += piece.lines.size;
	}
	need(lines <= cut->page.size);
}

static void send_page(struct bytes page, size_t samples, size_t bytes)
{
	struct samples_cut cut;

	samples_cut_init(&cut, page);
	send_pass(&cut, samples, bytes);
	samples_cut_timed(&cut, 1000);
	send_pass(&cut, samples, bytes);
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
	(void)send(all, REMOTE_WRITE_1);
	(void)send(all, REMOTE_WRITE_2);
	send_otlp(all);
	all = (struct bytes){ all.data + 2, size - 2 };
	send_page(all, 1 + data[0] % 16, 1 + data[1]);
	compare((struct bytes){ all.data, all.size / 2 },
		(struct bytes){ all.data + all.size / 2, all.size - all.size / 2 });
	compare(all, (struct bytes){ "", 0 });
	return 0;
}
