/*
 * The Pushgateway's API: whatever path is a grouping key, its labels are in order, have names, and lie in it; and a
 * page that is found fine gives the same events when it is read again, each of them of some family. As a worker's page
 * it is walked through to its end, however it is cut, and each key reads back with its labels in order. So is a page
 * that has native histograms, as the file of pages may have them; each can be added up, and nothing is lost of it.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/text.h"
#include "collectors/push_families.h"
#include "collectors/push_page.h"
#include "collectors/push_point.h"
#include "proto/native_sum.h"
#include "proto/push_path.h"

struct read {
	struct push_family family;
	struct push_families shown;
};

static void check_key(const struct push_key *k)
{
	bool job = false;

	for (size_t i = 0; i < k->count; i++) {
		const char *name = k->labels[i].name, *value = k->labels[i].value;
		if (!exposition_name_valid(bytes_of(name), true) || !utf8_valid(value, strlen(value)))
			abort();
		if (i > 0 && strcmp(k->labels[i - 1].name, name) >= 0)
			abort();
		if (name < k->text || value + strlen(value) >= k->text + k->size)
			abort();
		job |= strcmp(name, "job") == 0 && *value;
	}
	if (!job)
		abort();
}

static int on_meta(void *context, const struct exposition_meta *m)
{
	struct read *r = context;

	push_family_meta(&r->family, m);
	return !push_families_show(&r->shown, &r->family, 1);
}

static int on_sample(void *context, const struct exposition_sample *sample)
{
	struct read *r = context;

	push_family_sample(&r->family, sample);
	return sample->has_timestamp || !push_families_show(&r->shown, &r->family, 1);
}

static const struct exposition_events events = { on_meta, on_sample };

struct walked {
	size_t points, lasting;
};

static uint64_t total_of(const struct native_histogram *h)
{
	uint64_t total = 0;

	return native_sum_total(h, &total) ? total : 0;
}

static void add_twice(const struct native_histogram *h)
{
	static struct native_bucket buckets[2 * NATIVE_BUCKETS_MAX];
	struct native_histogram sum;
	unsigned merged = 0;

	if (h->floats || h->positive.count + h->negative.count > NATIVE_BUCKETS_MAX || h->schema > NATIVE_SCHEMA_MAX ||
		h->schema < NATIVE_SCHEMA_MIN)
		abort();
	native_histogram_init(&sum, buckets, NATIVE_BUCKETS_MAX);
	if (native_histogram_add(&sum, h, &merged) && native_histogram_add(&sum, h, &merged) && total_of(&sum) > 0 &&
		total_of(&sum) != 2 * total_of(h))
		abort();
}

static void on_point(void *context, const struct push_point *p)
{
	struct exposition_label labels[EXPOSITION_LABELS_MAX + 1];
	struct exposition_sample sample;
	struct walked *w = context;

	push_key_sample(p->key, labels, &sample);
	if (p->family.size > sample.name.size || memcmp(p->family.data, sample.name.data, p->family.size) != 0)
		abort();
	for (size_t i = 0; i < sample.label_count; i++)
		if (labels[i].value.size == 0 || (i > 0 && bytes_equal(labels[i - 1].name, labels[i].name)))
			abort();
	if (p->lasting && p->mode != PUSH_SUM)
		abort();
	if (p->native)
		add_twice(p->native);
	w->points++;
	w->lasting += p->lasting;
}

static struct walked walk(struct bytes text, enum exposition_format format, enum push_mode mode, size_t piece)
{
	const struct push_modes modes = { .usual = mode };
	struct walked seen = { 0 };
	struct push_walk w = { .modes = &modes, .worker = "w", .page = 1, .point = on_point, .context = &seen };

	push_walk_begin(&w, text, format, 7);
	while (push_walk_some(&w, piece))
		;
	if (w.failed)
		abort();
	push_walk_done(&w);
	return seen;
}

static void check_worker(struct bytes text, enum exposition_format format)
{
	struct walked whole = walk(text, format, PUSH_SUM, text.size + 1), cut = walk(text, format, PUSH_ALL, 7);

	if (whole.points != cut.points || whole.lasting != cut.lasting)
		abort();
}

static void check_page(struct bytes text, enum exposition_format format)
{
	char why[EXPOSITION_WHAT_MAX];
	struct exposition_parser parser;
	struct read r = { .family = { .seed = 7 } };

	if (!push_page_check(text, format, why, sizeof why)) {
		if (!why[0] || !memchr(why, '\0', sizeof why))
			abort();
		return;
	}
	exposition_init(&parser, format, &exposition_limits_default, &events, &r);
	if (exposition_feed(&parser, text.data, text.size) || exposition_end(&parser))
		abort();
	if (r.family.changes < r.shown.count)
		abort();
	exposition_done(&parser);
	push_families_done(&r.shown);
	check_worker(text, format);
}

static void check_own(struct bytes text, enum exposition_format format)
{
	char why[EXPOSITION_WHAT_MAX];

	if (push_page_check_own(text, format, why, sizeof why))
		check_worker(text, format);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *end = size > 0 ? memchr(text, '\n', size) : NULL;
	size_t path = end ? (size_t)(end - text) : size;
	struct push_key key;

	if (!push_path_read((struct bytes){ text, path }, &key))
		check_key(&key);
	if (end) {
		const struct bytes page = { end + 1, size - path - 1 };
		enum exposition_format format = path & 1 ? EXPOSITION_OPENMETRICS : EXPOSITION_TEXT;
		check_page(page, format);
		check_own(page, format);
	}
	return 0;
}
