/*
 * Prints what expressions say of pages, for test_expression.py, which asks a real Prometheus the same.
 *
 * usage: expression_values FILE. Lines of the file: `? EXPRESSION`, before all others; `@ MS`, where the page of that
 * time begins; and the lines of that page, in text 0.0.4. Prints, behind each page, a line of JSON for each expression:
 * its number, the time, and its value, or why it has none.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json_writer.h"
#include "base/text.h"
#include "expression/evaluate.h"
#include "expression/label_set.h"

enum { EXPRESSIONS_MAX = 1024, LINE_MAX_BYTES = 64 << 10, OUT_MAX = 16 << 20 };

struct asked {
	struct expression *expression;
	struct windows *windows;
};

struct all {
	struct asked asked[EXPRESSIONS_MAX];
	size_t count;
	struct windows_room room;
	struct exposition_parser parser;
	int64_t ms; /* of the page under way; 0: none */
};

static void put_number(struct json_writer *w, const char *name, double x)
{
	char text[DOUBLE_TEXT_SIZE] = "NaN";

	if (isfinite(x))
		double_format(x, text);
	else if (!isnan(x))
		snprintf(text, sizeof text, "%sInf", x < 0 ? "-" : "+");
	json_put_string(w, name, text);
}

static void put_element(struct json_writer *w, const struct element *e)
{
	struct bytes rest = e->labels;
	struct label label;
	char name[256];

	json_put_object(w, NULL);
	json_put_object(w, "labels");
	if (e->name.size > 0)
		json_put_bytes(w, "__name__", e->name);
	while (label_set_next(&rest, &label)) {
		snprintf(name, sizeof name, "%.*s", (int)label.name.size, label.name.data);
		json_put_bytes(w, name, label.value);
	}
	json_put_end(w);
	put_number(w, "value", e->value);
	json_put_end(w);
}

static void print_value(const struct all *a, size_t i)
{
	struct wall_time wall = { a->ms * 1000000 };
	struct json_writer w;
	struct buffer out;
	struct value value;
	struct work work;
	bool fine;

	work_init(&work);
	fine = evaluate(a->asked[i].expression, a->asked[i].windows, wall, &work, &value);
	buffer_init(&out, OUT_MAX);
	json_writer_init(&w, &out);
	json_put_object(&w, NULL);
	json_put_u64(&w, "expression", i);
	json_put_u64(&w, "ms", (uint64_t)a->ms);
	if (!fine)
		json_put_string(&w, "why", work.why);
	else if (value.kind == VALUE_NUMBER)
		put_number(&w, "number", value.number);
	else
		json_put_array(&w, "elements");
	for (size_t k = 0; fine && value.kind == VALUE_VECTOR && k < value.count; k++)
		put_element(&w, &value.elements[k]);
	if (fine && value.kind == VALUE_VECTOR)
		json_put_end(&w);
	json_put_end(&w);
	if (json_writer_done(&w))
		abort();
	printf("%.*s\n", (int)out.size, out.data);
	buffer_done(&out);
	work_done(&work);
}

static int on_meta(void *context, const struct exposition_meta *meta)
{
	(void)context, (void)meta;
	return 0;
}

static int on_sample(void *context, const struct exposition_sample *sample)
{
	struct all *a = context;

	for (size_t i = 0; i < a->count; i++)
		windows_take(a->asked[i].windows, sample);
	return 0;
}

static const struct exposition_events events = { on_meta, on_sample };

static void end_page(struct all *a)
{
	if (!a->ms)
		return;
	if (exposition_end(&a->parser) != EXPOSITION_FINE) {
		fprintf(stderr, "the page is wrong: %s\n", a->parser.what);
		exit(1);
	}
	exposition_done(&a->parser);
	for (size_t i = 0; i < a->count; i++) {
		windows_end(a->asked[i].windows);
		windows_check(a->asked[i].windows);
		print_value(a, i);
	}
}

static void begin_page(struct all *a, const char *ms)
{
	end_page(a);
	a->ms = strtoll(ms, NULL, 10);
	exposition_init(&a->parser, EXPOSITION_TEXT, &exposition_limits_default, &events, a);
	for (size_t i = 0; i < a->count; i++)
		windows_begin(a->asked[i].windows, a->ms);
}

static void add(struct all *a, char *text)
{
	char why[EXPRESSION_WHY_MAX];
	struct asked *to = &a->asked[a->count++];

	text[strcspn(text, "\n")] = '\0';
	if (expression_new(text, &to->expression, why)) {
		fprintf(stderr, "%s: %s\n", text, why);
		exit(1);
	}
	to->windows = windows_new(to->expression, &a->room, 1);
}

int main(int argc, char **argv)
{
	struct all *a = oxp_new(sizeof *a);
	FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;
	char *line = oxp_new(LINE_MAX_BYTES);

	a->room.left = SIZE_MAX / 2;
	if (!file)
		return 2;
	while (fgets(line, LINE_MAX_BYTES, file))
		if (line[0] == '?')
			add(a, line + 2);
		else if (line[0] == '@')
			begin_page(a, line + 2);
		else if (exposition_feed(&a->parser, line, strlen(line)) != EXPOSITION_FINE)
			break;
	end_page(a);
	fclose(file);
	for (size_t i = 0; i < a->count; i++) {
		windows_free(a->asked[i].windows);
		expression_free(a->asked[i].expression);
	}
	free(line);
	free(a);
	return 0;
}
