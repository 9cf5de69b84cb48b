#include "proto/samples_item.h"

#include <errno.h>

#include "proto/exposition_number.h"

/* A line that has fewer bytes exceeds nothing: 129 labels, say, have more. */
enum { EXCESS_LEAST = EXPOSITION_LABELS_MAX * 4 };

static const char values[] = " values\n", gone[] = " gone\n", eof[] = "# EOF\n";

/* Cutting. */

void samples_cut_init(struct samples_cut *c, struct bytes page)
{
	size_t end = sizeof eof - 1;

	if (page.size >= end && memcmp(page.data + page.size - end, eof, end) == 0)
		page.size -= end;
	*c = (struct samples_cut){ .page = page };
}

void samples_cut_timed(struct samples_cut *c, int64_t latest_ms)
{
	*c = (struct samples_cut){ .page = c->page, .pass = { .timed = true, .latest_ms = latest_ms } };
}

/* With its line end. */
static struct bytes line_at(const struct samples_cut *c, size_t at)
{
	const char *from = c->page.data + at, *end = memchr(from, '\n', c->page.size - at);

	return (struct bytes){ from, end ? (size_t)(end - from) + 1 : c->page.size - at };
}

static bool is_meta(const struct samples_cut *c, size_t at)
{
	return c->page.data[at] == '#';
}

/* A family begins: its lines of metadata stand together. Moves behind them. */
static void take_family(struct samples_cut *c)
{
	size_t from = c->at;

	while (c->at < c->page.size && is_meta(c, c->at))
		c->at += line_at(c, c->at).size;
	c->family = (struct bytes){ c->page.data + from, c->at - from };
}

/* A series of a line. */
struct series {
	struct bytes name, labels; /* the latter between the braces */
};

/* Behind the quoted text that begins at `at`. */
static size_t behind_quoted(struct bytes line, size_t at)
{
	for (at++; at < line.size && line.data[at] != '"'; at++)
		at += line.data[at] == '\\';
	return at < line.size ? at + 1 : line.size;
}

static struct series series_of(struct bytes line)
{
	size_t name = 0, at;

	while (name < line.size && line.data[name] != '{' && line.data[name] != ' ')
		name++;
	if (name == line.size || line.data[name] == ' ')
		return (struct series){ { line.data, name }, { line.data, 0 } };
	for (at = name + 1; at < line.size && line.data[at] != '}';)
		at = line.data[at] == '"' ? behind_quoted(line, at) : at + 1;
	return (struct series){ { line.data, name }, { line.data + name + 1, at - name - 1 } };
}

/* The time that a sample has, in seconds, as it is written; empty: none. */
static struct bytes time_of(struct bytes line)
{
	struct series s = series_of(line);
	const char *at = bytes_end(s.labels.data > line.data ? s.labels : s.name), *end = bytes_end(line);

	at += at < end && *at == '}';
	at += at < end && *at == ' ';
	if (at < end && *at == '{') /* a native histogram */
		at = memchr(at, '}', (size_t)(end - at));
	at = at ? memchr(at, ' ', (size_t)(end - at)) : NULL;
	if (!at || ++at == end || *at == '#')
		return (struct bytes){ NULL, 0 };
	line = (struct bytes){ at, (size_t)(end - at) };
	for (line.size = 0; at < end && *at != ' ' && *at != '\n'; at++)
		line.size++;
	return line;
}

static bool is_later(struct bytes time, int64_t ms)
{
	double seconds;

	return exposition_number_parse(time, &seconds) && seconds * 1000 > (double)ms;
}

/* The next `name="value"` of them, which are not empty; what is no label is all that is left. */
static struct bytes take_label(struct bytes *labels)
{
	size_t at = 0;
	struct bytes label;

	while (at < labels->size && labels->data[at] != ',')
		at = labels->data[at] == '"' ? behind_quoted(*labels, at) : at + 1;
	label = (struct bytes){ labels->data, at };
	at += at < labels->size;
	*labels = (struct bytes){ labels->data + at, labels->size - at };
	return label;
}

static bool begins_with(struct bytes text, const char *with)
{
	size_t n = strlen(with);

	return text.size >= n && memcmp(text.data, with, n) == 0;
}

/* The next label but that of a bucket or a quantile; empty: there are no more. */
static struct bytes take_set_label(struct bytes *labels)
{
	while (labels->size > 0) {
		struct bytes label = take_label(labels);
		if (!begins_with(label, "le=\"") && !begins_with(label, "quantile=\""))
			return label;
	}
	return (struct bytes){ NULL, 0 };
}

/* Whether both lines are of one label set of a family, which stands together: x_bucket, x_count and x_created, say. */
static bool is_same_set(struct bytes a, struct bytes b)
{
	struct series x = series_of(a), y = series_of(b);
	struct bytes of_x, of_y;

	if (bytes_equal(x.name, y.name) && x.labels.size == 0 && y.labels.size == 0)
		return false;
	do {
		of_x = take_set_label(&x.labels);
		of_y = take_set_label(&y.labels);
	} while (of_x.size > 0 && bytes_equal(of_x, of_y));
	return of_x.size == 0 && of_y.size == 0;
}

static int no_meta(void *context, const struct exposition_meta *m)
{
	(void)context, (void)m;
	return 0;
}

static int see_excess(void *excess, const struct exposition_sample *s)
{
	*(bool *)excess = s->excess != EXPOSITION_FITS;
	return 0;
}

/* Whether who reads the item would leave the sample out. */
static bool is_excess(struct bytes line)
{
	static const struct exposition_events events = { no_meta, see_excess };
	struct exposition_parser parser;
	bool excess = false;

	if (line.size < EXCESS_LEAST)
		return false;
	exposition_init(&parser, EXPOSITION_OPENMETRICS, &exposition_limits_default, &events, &excess);
	parser.natives = true;
	exposition_feed(&parser, line.data, line.size);
	exposition_done(&parser);
	return excess;
}

enum line_use { LINE_TAKEN, LINE_EXCESS, LINE_OTHER };

static enum line_use use_of(const struct samples_pass *pass, struct bytes line)
{
	struct bytes time = time_of(line);

	if ((time.size > 0) != pass->timed)
		return LINE_OTHER;
	return (time.size > 0 && is_later(time, pass->latest_ms)) || is_excess(line) ? LINE_EXCESS : LINE_TAKEN;
}

static enum line_use count(struct samples_piece *p, struct bytes line)
{
	enum line_use use = use_of(&p->pass, line);

	p->samples += use == LINE_TAKEN;
	p->excess += use == LINE_EXCESS;
	p->excess_bytes += use == LINE_EXCESS ? line.size : 0;
	p->other_bytes += use == LINE_OTHER ? line.size : 0;
	return use;
}

static bool has_any(const struct samples_piece *p)
{
	return p->samples + p->excess > 0;
}

struct most {
	size_t samples, bytes;
};

static bool is_full(const struct samples_piece *p, size_t size, struct most most)
{
	return p->samples + p->excess >= most.samples || size >= most.bytes;
}

/* Whether the piece, which begins at `from`, ends before the line at hand. */
static bool ends_here(
	const struct samples_cut *c, const struct samples_piece *p, size_t from, struct bytes last, struct most most)
{
	const struct most with_set = { most.samples + SAMPLES_SET_MAX, 2 * most.bytes };
	size_t size = c->at - from - p->other_bytes;

	if (p->other_bytes >= most.bytes)
		return true;
	return has_any(p) && is_full(p, size, most) &&
	       (is_meta(c, c->at) || is_full(p, size, with_set) || !is_same_set(last, line_at(c, c->at)));
}

bool samples_cut_next(struct samples_cut *c, size_t samples, size_t bytes, struct samples_piece *ret)
{
	const struct most most = { samples, bytes };
	size_t from = c->at;
	struct bytes last = { NULL, 0 };

	*ret = (struct samples_piece){ .pass = c->pass };
	if (c->at < c->page.size && !is_meta(c, c->at))
		ret->family = c->family;
	while (c->at < c->page.size && !ends_here(c, ret, from, last, most)) {
		struct bytes line = line_at(c, c->at);
		if (is_meta(c, c->at)) {
			take_family(c);
			continue;
		}
		c->at += line.size;
		if (count(ret, line) == LINE_OTHER)
			c->any_others = true;
		else
			last = line;
	}
	ret->lines = (struct bytes){ c->page.data + from, c->at - from };
	return has_any(ret) || c->at < c->page.size;
}

size_t samples_piece_size(const struct samples_piece *p)
{
	return p->family.size + p->lines.size - p->excess_bytes - p->other_bytes;
}

static char *put(char *to, struct bytes b)
{
	if (b.size > 0)
		memcpy(to, b.data, b.size);
	return to + b.size;
}

char *samples_piece_put(const struct samples_piece *p, char *to)
{
	struct samples_cut lines = { .page = p->lines };
	struct bytes line;

	to = put(to, p->family);
	if (p->excess == 0 && p->other_bytes == 0)
		return put(to, p->lines);
	for (; lines.at < lines.page.size; lines.at += line.size) {
		line = line_at(&lines, lines.at);
		if (is_meta(&lines, lines.at) || use_of(&p->pass, line) == LINE_TAKEN)
			to = put(to, line);
	}
	return to;
}

size_t samples_head_write(int64_t at_ms, bool is_gone, char to[SAMPLES_HEAD_MAX])
{
	size_t size = exposition_integer_format(at_ms, to), n = is_gone ? sizeof gone - 1 : sizeof values - 1;

	memcpy(to + size, is_gone ? gone : values, n);
	return size + n;
}

/* Reading. */

/* Of its first line; the rest stays. */
static bool take_head(struct bytes *item, int64_t *ret_at, bool *ret_gone)
{
	const char *end = memchr(item->data, '\n', item->size < SAMPLES_HEAD_MAX ? item->size : SAMPLES_HEAD_MAX);
	const char *blank = end ? memchr(item->data, ' ', (size_t)(end - item->data)) : NULL;
	struct bytes what;

	if (!blank || !exposition_integer_parse((struct bytes){ item->data, (size_t)(blank - item->data) }, ret_at))
		return false;
	what = (struct bytes){ blank, (size_t)(end - blank) + 1 };
	*ret_gone = bytes_are(what, gone);
	item->size -= (size_t)(end + 1 - item->data);
	item->data = end + 1;
	return *ret_gone || bytes_are(what, values);
}

int64_t samples_when(struct bytes item)
{
	int64_t at;
	bool is_gone;

	return take_head(&item, &at, &is_gone) ? at : -1;
}

static int on_meta(void *context, const struct exposition_meta *m)
{
	struct samples_reader *r = context;
	struct samples_family *f = &r->family;

	if (!bytes_equal(f->name, m->name))
		*f = (struct samples_family){ .name = m->name, .quoted = m->quoted };
	if (m->what == EXPOSITION_TYPE)
		f->type = m->type;
	else if (m->what == EXPOSITION_HELP)
		f->help = m->text;
	else
		f->unit = m->text;
	return 0;
}

static int on_sample(void *context, const struct exposition_sample *s)
{
	struct samples_reader *r = context;

	r->failed = r->sample(r->context, r, s);
	return r->failed;
}

int samples_read(struct samples_reader *r, struct bytes item)
{
	static const struct exposition_events events = { on_meta, on_sample };
	struct exposition_parser parser;
	enum exposition_fault fault;

	r->failed = 0;
	r->family = (struct samples_family){ .name = { NULL, 0 } };
	if (!take_head(&item, &r->at_ms, &r->gone))
		return -EBADMSG;
	exposition_init(&parser, EXPOSITION_OPENMETRICS, &exposition_limits_default, &events, r);
	parser.natives = true;
	exposition_feed(&parser, item.data, item.size);
	exposition_feed(&parser, eof, sizeof eof - 1);
	fault = exposition_end(&parser);
	exposition_done(&parser);
	if (r->failed)
		return r->failed;
	return fault == EXPOSITION_FINE ? 0 : fault == EXPOSITION_NO_MEMORY ? -ENOMEM : -EBADMSG;
}
