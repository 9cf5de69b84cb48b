/*
 * An expression, and the pages it is asked about: whatever they are, it is refused with a place in its text or has a
 * value within its ceilings, and all memory of its windows comes back.
 *
 * Input: the expression, a line feed, and pages in text 0.0.4, each ended by an empty line.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "expression/evaluate.h"
#include "expression/label_set.h"

enum { ROOM = 64 << 10, STEP_MS = 7000 };

static void check(bool holds)
{
	if (!holds)
		abort();
}

static int on_meta(void *context, const struct exposition_meta *meta)
{
	(void)context, (void)meta;
	return 0;
}

static int on_sample(void *context, const struct exposition_sample *sample)
{
	windows_take(context, sample);
	return 0;
}

static const struct exposition_events events = { on_meta, on_sample };

static void check_element(const struct element *e)
{
	struct bytes rest = e->labels, before = { NULL, 0 };
	struct label label;

	while (label_set_next(&rest, &label)) {
		check(label.name.size > 0 && label.value.size > 0);
		check(!before.data || bytes_compare(before, label.name) < 0);
		before = label.name;
	}
	check(rest.size == 0);
}

static void ask(const struct expression *e, const struct windows *w)
{
	char why[VERDICT_WHY_MAX];
	struct work work;
	struct value value;

	work_init(&work);
	if (evaluate(e, w, (struct wall_time){ 0 }, &work, &value))
		for (size_t i = 0; value.kind == VALUE_VECTOR && i < value.count; i++)
			check_element(&value.elements[i]);
	else
		check(work.why && *work.why);
	check(work.held <= WORK_BYTES_MAX);
	work_done(&work);
	if (!expression_is_condition(e))
		return;
	switch (evaluate_condition(e, w, (struct wall_time){ 0 }, why)) {
	case VERDICT_NO:
	case VERDICT_FAILED:
		check(*why && utf8_valid(why, strlen(why)));
		break;
	default:
		break;
	}
}

/* Returns what is behind the page. */
static struct bytes show(struct windows *w, struct bytes pages, int64_t ms)
{
	const char *end = memmem(pages.data, pages.size, "\n\n", 2);
	size_t size = end ? (size_t)(end - pages.data) + 1 : pages.size;
	struct exposition_parser parser;

	windows_begin(w, ms);
	exposition_init(&parser, EXPOSITION_TEXT, &exposition_limits_default, &events, w);
	exposition_feed(&parser, pages.data, size);
	(void)!exposition_end(&parser);
	exposition_done(&parser);
	windows_end(w);
	windows_check(w);
	size += end != NULL;
	return (struct bytes){ pages.data + size, pages.size - size };
}

static void ask_of_pages(const struct expression *e, struct bytes pages)
{
	struct windows_room room = { ROOM };
	struct windows *w = windows_new(e, &room, 1);

	for (int64_t ms = STEP_MS; pages.size > 0; ms += STEP_MS) {
		pages = show(w, pages, ms);
		ask(e, w);
	}
	windows_free(w);
	check(room.left == ROOM);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *all = (const char *)data, *end = size ? memchr(all, '\n', size) : NULL;
	size_t length = end ? (size_t)(end - all) : size;
	char *text = oxp_new(length + 1), why[EXPRESSION_WHY_MAX] = "";
	struct expression *e = NULL;

	memcpy(text, all, length);
	if (expression_new(text, &e, why))
		check(*why && strlen(why) < sizeof why);
	else
		ask_of_pages(e, (struct bytes){ all + length + (end != NULL), size - length - (end != NULL) });
	expression_free(e);
	free(text);
	return 0;
}
