#include "collectors/push_point.h"

#include <stdio.h>
#include <stdlib.h>

#include <xxhash.h>

#include "base/text.h"
#include "config/option.h"
#include "proto/exposition_write.h"

#define SEPARATOR '\xff' /* is in no text of UTF-8 */

enum { QUOTED = 1, ESCAPED = 2, KEY_MAX = 4 << 20 };

const char *const push_modes_words[] = { "sum", "min", "max", "mostrecent", "all", NULL };

static const char worker_label[] = "worker";

static bool mode_read(const char *word, enum push_mode *ret)
{
	for (unsigned i = 0; push_modes_words[i]; i++)
		if (strcmp(word, push_modes_words[i]) == 0) {
			*ret = (enum push_mode)i;
			return true;
		}
	return false;
}

bool push_modes_check(const struct option_map *map, char *why, size_t room)
{
	enum push_mode mode;

	for (size_t i = 0; i < map->count; i++)
		if (!mode_read(map->pairs[i].value, &mode)) {
			snprintf(why, room,
				"gauge_modes: \"%s\" of %s is none; a mode is sum, min, max, mostrecent or all",
				map->pairs[i].value, map->pairs[i].key);
			return false;
		}
	return true;
}

static bool ends_with(struct bytes name, const char *suffix)
{
	size_t size = strlen(suffix);

	return name.size > size && memcmp(name.data + name.size - size, suffix, size) == 0;
}

/* Facts such as versions, which are 1, do not become 40 of forty workers. */
static enum push_mode find_mode(const struct push_modes *modes, struct bytes family, enum exposition_type type)
{
	enum push_mode mode;

	for (size_t i = 0; modes->named && i < modes->named->count; i++)
		if (bytes_are(family, modes->named->pairs[i].key) && mode_read(modes->named->pairs[i].value, &mode))
			return mode;
	if (type == EXPOSITION_GAUGEHISTOGRAM)
		return PUSH_SUM;
	if (type == EXPOSITION_INFO || type == EXPOSITION_STATESET || ends_with(family, "_info"))
		return PUSH_MAX;
	return modes->usual;
}

/* Keys. */

static bool put(struct buffer *to, struct bytes b)
{
	static const char end = SEPARATOR;

	return buffer_append(to, b.data, b.size) == 0 && buffer_append(to, &end, 1) == 0;
}

/* So that all formats take it, and each spells it alike: a backslash that escapes nothing is doubled. */
static bool put_mended(struct buffer *to, struct bytes b)
{
	if (!buffer_reserve(to, 2 * b.size))
		return false;
	to->size += exposition_value_copy(b, to->data + to->size);
	return put(to, (struct bytes){ "", 0 });
}

static bool put_name(struct buffer *to, struct bytes name, unsigned flags)
{
	char first = (char)('0' + flags);

	return buffer_append(to, &first, 1) == 0 && (flags & QUOTED ? put_mended(to, name) : put(to, name));
}

/* Quotes that a name need not have do not make it another. */
static unsigned quotes(struct bytes name, bool quoted, bool label)
{
	return quoted && !exposition_name_valid(name, label) ? QUOTED : 0;
}

static bool put_label(struct buffer *to, const struct exposition_label *l)
{
	return put_name(to, l->name, quotes(l->name, l->quoted, true) | (l->escaped ? ESCAPED : 0)) &&
	       (l->escaped ? put_mended(to, l->value) : put(to, l->value));
}

static bool put_worker(struct buffer *to, const char *worker)
{
	return put_name(to, bytes_of(worker_label), strchr(worker, '\\') ? ESCAPED : 0) && put(to, bytes_of(worker));
}

static bool is_before(const char *name, struct bytes other)
{
	size_t size = strlen(name);
	int order = memcmp(name, other.data, smaller(size, other.size));

	return order < 0 || (order == 0 && size < other.size);
}

/* A label without a value is none. */
static bool is_left(const struct exposition_label *l, const char *without, const char *worker)
{
	return l->value.size == 0 || (without && bytes_are(l->name, without)) ||
	       (worker && bytes_are(l->name, worker_label));
}

/* With `worker`, its label is put where it belongs, in the place of another one. */
static bool put_labels(struct buffer *to, const struct exposition_sample *s, const char *without, const char *worker)
{
	bool due = worker, fine = true;

	for (size_t i = 0; i < s->label_count && fine; i++) {
		const struct exposition_label *l = &s->labels[i];
		if (due && is_before(worker_label, l->name)) {
			fine = put_worker(to, worker);
			due = false;
		}
		if (fine && !is_left(l, without, worker))
			fine = put_label(to, l);
	}
	return fine && (!due || put_worker(to, worker));
}

static struct bytes take(struct bytes *from)
{
	const char *end = memchr(from->data, SEPARATOR, from->size);
	struct bytes found = { from->data, (size_t)(end - from->data) };

	*from = (struct bytes){ end + 1, from->size - found.size - 1 };
	return found;
}

static struct bytes take_name(struct bytes *from, unsigned *ret_flags)
{
	*ret_flags = (unsigned)(from->data[0] - '0');
	*from = (struct bytes){ from->data + 1, from->size - 1 };
	return take(from);
}

void push_key_sample(struct bytes key, struct exposition_label *labels, struct exposition_sample *ret)
{
	unsigned flags;

	*ret = (struct exposition_sample){ .labels = labels, .value_text = bytes_of("") };
	ret->name = take_name(&key, &flags);
	ret->quoted = flags & QUOTED;
	while (key.size > 0) {
		struct exposition_label *l = &labels[ret->label_count++];
		l->name = take_name(&key, &flags);
		l->value = take(&key);
		l->quoted = flags & QUOTED;
		ret->quoted_label |= l->quoted;
		l->escaped = flags & ESCAPED;
	}
}

/* What a sample is. */

enum kind { KIND_LEFT_OUT, KIND_GAUGE, KIND_LASTING, KIND_LASTING_SUM /* which may fall */ };

static enum kind kind_of_part(enum exposition_type type, struct bytes suffix, enum push_left_out *why)
{
	*why = bytes_are(suffix, "_created") ? PUSH_LEFT_CREATED : PUSH_LEFT_QUANTILES;
	if (bytes_are(suffix, "_created") || (suffix.size == 0 && type == EXPOSITION_SUMMARY))
		return KIND_LEFT_OUT;
	if (suffix.size == 0)
		return KIND_GAUGE;
	return bytes_are(suffix, "_sum") ? KIND_LASTING_SUM : KIND_LASTING;
}

static enum kind kind_of(enum exposition_type type, struct bytes family, struct bytes suffix, enum push_left_out *why)
{
	*why = PUSH_LEFT_CREATED;
	switch (type) {
	case EXPOSITION_COUNTER:
		return bytes_are(suffix, "_created") ? KIND_LEFT_OUT : KIND_LASTING;
	case EXPOSITION_HISTOGRAM:
	case EXPOSITION_SUMMARY:
		return kind_of_part(type, suffix, why);
	case EXPOSITION_UNTYPED:
		if (ends_with(family, "_total"))
			return KIND_LASTING;
		return ends_with(family, "_created") ? KIND_LEFT_OUT : KIND_GAUGE;
	case EXPOSITION_GAUGE:
		return ends_with(family, "_created") ? KIND_LEFT_OUT : KIND_GAUGE;
	default:
		return KIND_GAUGE;
	}
}

static bool make_key(struct push_walk *w, const struct exposition_sample *s, struct push_point *p)
{
	bool many = p->lasting && p->type != EXPOSITION_COUNTER && p->type != EXPOSITION_UNTYPED;
	const char *worker = p->mode == PUSH_ALL ? w->worker : NULL;

	buffer_clear(&w->key);
	buffer_clear(&w->group);
	if (!put_name(&w->key, s->name, quotes(s->name, s->quoted, false)) || !put_labels(&w->key, s, NULL, worker))
		return false;
	p->key = buffer_bytes(&w->key);
	if (many && (!put(&w->group, p->family) || !put_labels(&w->group, s, "le", NULL)))
		return false;
	p->group = many ? XXH3_64bits_withSeed(w->group.data, w->group.size, w->family.seed)
			: XXH3_64bits_withSeed(p->key.data, p->key.size, w->family.seed);
	return true;
}

static enum push_mode mode_of(struct push_walk *w, const struct push_point *p)
{
	if (w->mode_of != w->family.changes) {
		w->mode_of = w->family.changes;
		w->mode = find_mode(w->modes, p->family, p->type);
	}
	return w->mode;
}

static int on_meta(void *context, const struct exposition_meta *m)
{
	struct push_walk *w = context;

	push_family_meta(&w->family, m);
	w->mode_of = 0; /* the type may be another */
	if (m->what == EXPOSITION_HELP && w->help)
		w->help(w->context, m->name, m);
	return 0;
}

/* It is summed up beside its classic form, which follows. What is no sum of counts is left out: floats, say. */
static void on_native(struct push_walk *w, const struct exposition_sample *s)
{
	struct push_point p = { .quoted = s->quoted, .lasting = true, .mode = PUSH_SUM, .page = w->page };

	push_family_sample(&w->family, s);
	p.family = (struct bytes){ s->name.data, w->family.size };
	p.type = w->family.type;
	if (!w->native)
		w->native = native_histogram_new();
	if (!w->native) {
		w->failed = true;
		return;
	}
	if (s->bad_native || p.type != EXPOSITION_HISTOGRAM || p.family.size != s->name.size ||
		!native_histogram_read_written(w->native, s->native) || w->native->floats ||
		!native_histogram_reduce(w->native)) {
		w->left_out[PUSH_LEFT_NATIVE]++;
		return;
	}
	p.native = w->native;
	if (!make_key(w, s, &p))
		w->failed = true;
	else
		w->point(w->context, &p);
}

static int on_sample(void *context, const struct exposition_sample *s)
{
	struct push_walk *w = context;
	struct push_point p = { .quoted = s->quoted, .value = s->value, .page = w->page };
	enum push_left_out why;
	enum kind kind;

	if (s->excess) {
		w->left_out[PUSH_LEFT_EXCESS]++;
		return 0;
	}
	if (s->created) { /* by a name that does not begin with the family's */
		w->left_out[PUSH_LEFT_CREATED]++;
		return 0;
	}
	if (s->native.size > 0 || s->bad_native) {
		on_native(w, s);
		return 0;
	}
	push_family_sample(&w->family, s);
	p.family = (struct bytes){ s->name.data, w->family.size };
	p.type = w->family.type;
	kind = kind_of(
		p.type, p.family, (struct bytes){ s->name.data + p.family.size, s->name.size - p.family.size }, &why);
	p.lasting = kind == KIND_LASTING || kind == KIND_LASTING_SUM;
	p.grows = kind == KIND_LASTING;
	p.mode = p.lasting ? PUSH_SUM : mode_of(w, &p);
	if (kind == KIND_LEFT_OUT)
		w->left_out[why]++;
	else if (!make_key(w, s, &p))
		w->failed = true;
	else
		w->point(w->context, &p);
	return 0;
}

static const struct exposition_events events = { .meta = on_meta, .sample = on_sample };

void push_walk_begin(struct push_walk *w, struct bytes text, enum exposition_format format, uint64_t seed)
{
	w->family = (struct push_family){ .seed = seed };
	w->mode_of = 0;
	w->text = text;
	w->at = 0;
	w->failed = false;
	memset(w->left_out, 0, sizeof w->left_out);
	buffer_init(&w->key, KEY_MAX);
	buffer_init(&w->group, KEY_MAX);
	exposition_read_begin(&w->reader, format, &events, w);
	exposition_read_in_slices(&w->reader);
	exposition_read_natives(&w->reader);
	w->native = NULL;
}

bool push_walk_some(struct push_walk *w, size_t bytes)
{
	size_t size = smaller(bytes, w->text.size - w->at);
	enum exposition_fault fault;

	if (exposition_read_go_on(&w->reader))
		return true;
	fault = exposition_read_feed(&w->reader, w->text.data + w->at, size);
	w->at += size;
	if (!fault && exposition_read_is_behind(&w->reader))
		return true;
	if (!fault && w->at == w->text.size)
		fault = exposition_read_end(&w->reader); /* the last line may have no line feed */
	w->failed |= fault != EXPOSITION_FINE;
	return !w->failed && w->at < w->text.size;
}

void push_walk_done(struct push_walk *w)
{
	exposition_read_done(&w->reader);
	buffer_done(&w->key);
	buffer_done(&w->group);
	free(w->native);
	w->native = NULL;
}
