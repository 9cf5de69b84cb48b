/*
 * A line, edited: what is written parses, and is the tree that jansson makes of the same edits.
 *
 * The first byte picks the edits, the second how redaction replaces; the rest is the line. Left out are lines that
 * jansson does not take, among them those where a name stands twice. Redacted lines are held to a walk over jansson's
 * tree that knows the keys, and to the detectors finding nothing in what is left.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <strings.h>

#include "proto/log_level.h"
#include "proto/redact.h"

enum { ROOM = 1 << 20, DROP_FIRST = 1, REPLACE_LAST = 2, RENAME_FIRST = 4, APPEND = 8, REDACT = 16 };

static void must(bool true_that)
{
	if (!true_that)
		abort();
}

static struct bytes written(const struct json_edit *e)
{
	size_t size = json_edit_size(e);
	char *to = calloc(1, size + JSON_LINE_PADDING);

	json_edit_write(e, to);
	return (struct bytes){ to, size };
}

/* The same edits on both; a name that the line has already is not given again. */
static void edit(struct json_edit *e, json_t *tree, uint8_t what)
{
	void *first = json_object_iter(tree);
	char *name = first ? strdup(json_object_iter_key(first)) : NULL;
	int at = name ? json_edit_find(e, bytes_of(name)) : -1;

	must(!first || at >= 0 || e->rest.size > 0 || strlen(name) > KEY_SIZE_MAX);
	if (at >= 0 && what & DROP_FIRST) {
		json_edit_drop(e, (size_t)at);
		json_object_del(tree, name);
	} else if (at >= 0 && what & REPLACE_LAST) {
		json_edit_replace(e, (size_t)at, bytes_of("[true,\"x\"]"));
		json_object_set_new(tree, name, json_pack("[b,s]", 1, "x"));
	} else if (at >= 0 && what & RENAME_FIRST && !json_object_get(tree, "renamed")) {
		json_edit_rename(e, (size_t)at, bytes_of("renamed"));
		json_object_set(tree, "renamed", json_object_get(tree, name));
		json_object_del(tree, name);
	}
	must(json_edit_has(e, bytes_of("appended")) == (json_object_get(tree, "appended") != NULL));
	if (what & APPEND && !json_object_get(tree, "appended")) {
		must(json_edit_append(e, bytes_of("appended"), bytes_of("{}")) == 0);
		json_object_set_new(tree, "appended", json_object());
	}
	free(name);
}

/* Redaction: every value under a key is the mask, or gone; no string has a match. */

static bool is_key(const char *name)
{
	return strcasecmp(name, "a") == 0 || strcasecmp(name, "password") == 0;
}

static void check_string(const struct redact *r, const json_t *string)
{
	size_t size = json_string_length(string);
	char *text = calloc(1, size + DETECT_PADDING);
	struct detected found;

	memcpy(text, json_string_value(string), size);
	must(!detect_next(&r->detector, (struct bytes){ text, size }, 0, &found));
	free(text);
}

/* What one detector has masked, another may take for the end of a word. */
static bool alone(unsigned what)
{
	return (what & (what - 1)) == 0;
}

static void check_clean(const struct redact *r, const json_t *value)
{
	const char *name;
	json_t *inner;
	size_t i;

	if (json_is_string(value) && r->with == REDACT_MASK && alone(r->detector.what))
		check_string(r, value);
	json_array_foreach(value, i, inner)
		check_clean(r, inner);
	json_object_foreach((json_t *)value, name, inner) {
		must(!is_key(name) || (json_is_string(inner) && r->with != REDACT_REMOVE));
		must(!is_key(name) || json_string_length(inner) == (r->with == REDACT_HASH ? 32 : 3));
		check_clean(r, inner);
	}
}

/* Takes the keys out of jansson's tree; strings are compared only where there is nothing to detect. */
static void redact_tree(json_t *value)
{
	const char *name;
	json_t *inner;
	void *next;
	size_t i;

	json_array_foreach(value, i, inner)
		redact_tree(inner);
	json_object_foreach_safe(value, next, name, inner) {
		if (is_key(name))
			json_object_del(value, name);
		else
			redact_tree(inner);
	}
}

static void redact(const struct json_scan *scan, struct bytes line, uint8_t how)
{
	struct redact r;
	struct buffer out;
	enum redacted found;
	json_error_t error;
	json_t *tree, *wanted;

	redact_init(&r, scan, ROOM);
	buffer_init(&out, ROOM);
	r.keys.fold = true;
	r.salt = bytes_of("s");
	r.with = how % 3;
	must(key_set_add(&r.keys, "a") == 0 && key_set_add(&r.keys, "password") == 0);
	detector_init(&r.detector, how >> 4);
	found = redact_json(&r, line, &out);
	must(found != REDACT_FAILED);
	if (found == REDACT_NOTHING)
		must(buffer_append((buffer_clear(&out), &out), line.data, line.size) == 0);
	tree = json_loadb(out.data, out.size, JSON_REJECT_DUPLICATES, &error);
	must(tree != NULL);
	check_clean(&r, tree);
	wanted = json_loadb(line.data, line.size, 0, &error);
	redact_tree(wanted);
	must(how >> 4 || r.with != REDACT_REMOVE || json_equal(tree, wanted));
	json_decref(wanted);
	json_decref(tree);
	buffer_done(&out);
	redact_done(&r);
}

static void compare(const struct json_scan *scan, const uint8_t *data, struct bytes line)
{
	struct json_edit *e = json_edit_new(scan, ROOM);
	json_error_t error;
	json_t *tree = json_loadb(line.data, line.size, JSON_REJECT_DUPLICATES, &error), *again;
	struct bytes out;

	if (tree && json_edit_begin(e, line) == JSON_FINE) {
		if (data[0] & REDACT)
			redact(scan, line, data[1]);
		severity_of_line(e);
		edit(e, tree, data[0]);
		out = written(e);
		again = json_loadb(out.data, out.size, JSON_REJECT_DUPLICATES, &error);
		must(again && json_equal(again, tree));
		json_decref(again);
		free((char *)out.data);
	}
	json_decref(tree);
	json_edit_free(e);
}

/* Every detector on any bytes: within the text, and always further; every way to skip says the same. */
static void detect(const char *text, size_t size)
{
	const unsigned char *bytes = (const unsigned char *)text;
	struct detector d;
	struct detected found;

	detector_init(&d, DETECT_CARD | DETECT_BEARER | DETECT_EMAIL | DETECT_IP);
	for (size_t at = 0; detect_next(&d, (struct bytes){ text, size }, at, &found); at = found.to)
		must(found.from >= at && found.to > found.from && found.to <= size);
	for (const struct detect_skip *skip = detect_skips; skip->name; skip++)
		for (size_t at = 0; at < size; at++)
			must(skip->next(bytes, size, at) == detect_skips->next(bytes, size, at));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size < 2)
		return 0;
	text = malloc(size - 2 + DETECT_PADDING);
	memcpy(text, data + 2, size - 2);
	memset(text + size - 2, '1', DETECT_PADDING);
	detect(text, size - 2);
	text = realloc(text, size - 2 + JSON_LINE_PADDING);
	for (const struct json_scan *scan = json_scans; scan->name; scan++) {
		memset(text + size - 2, '"', JSON_LINE_PADDING);
		if (json_scan_runs(scan))
			compare(scan, data, (struct bytes){ text, size - 2 });
	}
	free(text);
	return 0;
}
