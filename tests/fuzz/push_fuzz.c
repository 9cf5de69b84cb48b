/*
 * The Pushgateway's API: whatever path is a grouping key, its labels are in order, have names, and lie in it; and a
 * page that is found fine gives the same events when it is read again, each of them of some family.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/text.h"
#include "collectors/push_families.h"
#include "collectors/push_page.h"
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

	push_family_sample(&r->family, sample->name);
	return sample->has_timestamp || !push_families_show(&r->shown, &r->family, 1);
}

static const struct exposition_events events = { on_meta, on_sample };

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
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *end = size > 0 ? memchr(text, '\n', size) : NULL;
	size_t path = end ? (size_t)(end - text) : size;
	struct push_key key;

	if (!push_path_read((struct bytes){ text, path }, &key))
		check_key(&key);
	if (end)
		check_page((struct bytes){ end + 1, size - path - 1 },
			path & 1 ? EXPOSITION_OPENMETRICS : EXPOSITION_TEXT);
	return 0;
}
