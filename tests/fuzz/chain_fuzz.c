/*
 * The steps, in any order and with any options, over batches of lines, against a plain model.
 *
 * The model has a line as a list of members, names and values out of a table that says what each step makes of them; it
 * does what the reference says of a step, one line and one step at a time, and knows nothing of bytes, blocks, batches
 * and edits. Compared are the records that come out, their order, bytes and places, and what was dropped and merged.
 * Batches come in several offers, at a clock that is given; some find no room, and then nothing may have happened. What
 * came out is merged into one batch, as the pipeline does, and compared once more at the end.
 *
 * The bytes are read as choices: steps, offers, lines, members.
 */
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "base/text.h"
#include "config/option.h"
#include "pipeline/chain.h"
#include "proto/log_level.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

extern const struct step_type step_add, step_drop, step_ecs, step_filter, step_fold, step_keep, step_limit, step_redact,
	step_rename, step_sample;

enum { MEMORY = 64 << 20, STEPS = 6, OFFERS = 3, LINES = 32, MEMBERS = 7, FILLERS = 126, MEMBERS_MAX = 160 };

/* What steps are lent. */
struct host {
	uint64_t dropped[STEPS];
};

void host_log(struct host *h, enum log_level level, const char *format, ...)
{
	(void)h, (void)level, (void)format;
}

const struct resource *host_resource(struct host *h)
{
	static const struct resource none = { NULL, NULL };

	(void)h;
	return &none;
}

/* The choices. */

struct choices {
	const uint8_t *data;
	size_t size;
};

static uint8_t choose(struct choices *c)
{
	uint8_t next = 0;

	if (c->size > 0) {
		next = *c->data++;
		c->size--;
	}
	return next;
}

/* Names, as they stand and as they read. */

static const struct name {
	const char *raw, *plain;
} names[] = { { "a", "a" }, { "m\\u0073g", "msg" }, { "msg", "msg" }, { "level", "level" }, { "time", "time" },
	{ "t", "t" }, { "password", "password" }, { "user.Password", "user.Password" }, { "trace_id", "trace_id" },
	{ "service", "service" }, { "service.name", "service.name" }, { "log", "log" }, { "log.level", "log.level" },
	{ "oxpecker.repeated", "oxpecker.repeated" }, { "oxpecker.offset", "oxpecker.offset" }, { "id", "id" },
	{ "@timestamp", "@timestamp" }, { "date", "date" }, { "err", "err" }, { "b", "b" } };

/* Values, and what is known of each. */

static char long_text[603], huge_text[9003];

enum { MASKED = 18, VALUES = 20 };
static const struct value {
	const char *text;
	enum member_kind kind;
	enum severity level; /* of a member that is called level */
	const char *masked, *removed; /* by redact, of `password` and of e-mail addresses; NULL: nothing is found */
	const char *time; /* as the schema has it; NULL: it is none */
	bool strict; /* it stands so already */
	bool absent; /* as an id */
} values[VALUES] = {
	{ "1", MEMBER_NUMBER, SEVERITY_FATAL },
	{ "\"x\"", MEMBER_STRING },
	{ "\"info\"", MEMBER_STRING, SEVERITY_INFO },
	{ "\"DEBUG\"", MEMBER_STRING, SEVERITY_DEBUG },
	{ "30", MEMBER_NUMBER, SEVERITY_INFO },
	{ "50", MEMBER_NUMBER, SEVERITY_ERROR },
	{ "null", MEMBER_NULL, .absent = true },
	{ "true", MEMBER_TRUE },
	{ "{\"level\":\"warn\",\"password\":[1,{\"x\":\"y\"}]}", MEMBER_OBJECT, SEVERITY_UNKNOWN,
		"{\"level\":\"warn\",\"password\":\"***\"}", "{\"level\":\"warn\"}" },
	{ "\"bob@x.de\"", MEMBER_STRING, SEVERITY_UNKNOWN, "\"***\"", "\"\"" },
	{ "\"2026-11-23T04:45:06Z\"", MEMBER_STRING, .time = "\"2026-11-23T04:45:06Z\"", .strict = true },
	{ "\"2026-11-23 04:45:07,250\"", MEMBER_STRING, .time = "\"2026-11-23T04:45:07.250Z\"" },
	{ "1795409106", MEMBER_NUMBER, .time = "\"2026-11-23T04:45:06.000Z\"" },
	{ "[ 1 ,\t{\"password\" :\"p\\n\"} ]", MEMBER_ARRAY, SEVERITY_UNKNOWN, "[ 1 ,\t{\"password\" :\"***\"} ]",
		"[ 1 ,\t{} ]" },
	{ "\"password=s3cret, b\"", MEMBER_STRING, SEVERITY_UNKNOWN, "\"password=***, b\"", "\"password=, b\"" },
	{ "\"\"", MEMBER_STRING, .absent = true },
	{ "\"00\"", MEMBER_STRING, SEVERITY_FATAL, .absent = true },
	{ long_text, MEMBER_STRING },
	{ "\"***\"", MEMBER_STRING },
	{ huge_text, MEMBER_STRING },
};

/* The model's line. */

struct member {
	struct name name;
	struct value value;
	bool rest; /* beyond those that are indexed */
	int index; /* in the line as it was read; -1: it was appended */
};

struct line {
	struct member members[MEMBERS_MAX]; /* appended ones behind all others */
	size_t count;
	bool more, edited;
	struct bytes text; /* as it was read */
	uint64_t generation, stream, offset;
	int64_t now;
};

static bool is(const struct member *m, const char *name)
{
	return *m->name.plain == *name && strcmp(m->name.plain, name) == 0;
}

static struct member *find(struct line *l, const char *name)
{
	for (size_t i = 0; i < l->count; i++)
		if (is(&l->members[i], name) && !l->members[i].rest)
			return &l->members[i];
	return NULL;
}

static bool has(const struct line *l, const char *name)
{
	for (size_t i = 0; i < l->count; i++)
		if (is(&l->members[i], name))
			return true;
	return false;
}

static void drop(struct line *l, size_t i)
{
	memmove(&l->members[i], &l->members[i + 1], (--l->count - i) * sizeof *l->members);
	l->edited = true;
}

static void rename_member(struct line *l, struct member *m, const char *name)
{
	m->name = (struct name){ name, name };
	l->edited = true;
}

static void set_value(struct line *l, struct member *m, struct value value)
{
	m->value = value;
	l->edited = true;
}

static void append(struct line *l, const char *name, const char *text)
{
	if (l->count == MEMBERS_MAX)
		abort();
	l->members[l->count++] = (struct member){ { name, name }, { text, MEMBER_STRING }, false, -1 };
	l->edited = true;
}

/* Steps of the model: what the reference says. False: the line ends here. */

struct bucket {
	uint64_t stream;
	int64_t filled;
	uint64_t tokens; /* billionths */
	bool used;
};
enum { BUCKETS = 8 };

struct model_step {
	const struct row *row;
	struct bucket buckets[BUCKETS];
	uint64_t dropped;
};

struct row {
	const struct step_type *type;
	const void *config;
	bool (*apply)(struct model_step *, struct line *);
	int variant;
};

static enum severity severity_of(const struct member *m)
{
	if (is(m, "log"))
		return m->value.kind == MEMBER_OBJECT ? SEVERITY_WARN : SEVERITY_UNKNOWN;
	return is(m, "level") || is(m, "log.level") ? m->value.level : SEVERITY_UNKNOWN;
}

static struct member *find_level(struct line *l)
{
	for (size_t i = 0; i < l->count; i++)
		if (!l->members[i].rest && severity_of(&l->members[i]))
			return &l->members[i];
	return NULL;
}

static enum severity severity_in(struct line *l)
{
	struct member *m = find_level(l);

	return m ? severity_of(m) : SEVERITY_UNKNOWN;
}

static bool do_filter(struct model_step *s, struct line *l)
{
	enum severity severity = severity_in(l);

	return severity == SEVERITY_UNKNOWN || severity >= (enum severity)(SEVERITY_TRACE + s->row->variant);
}

static bool do_sample(struct model_step *s, struct line *l)
{
	enum severity severity = severity_in(l);
	struct member *id = s->row->variant ? find(l, "trace_id") : NULL;
	double ratio = severity == SEVERITY_DEBUG ? 0 : severity == SEVERITY_INFO ? 0.5 : severity ? 1 : 0.25;
	uint64_t hash = XXH3_64bits_withSeed(l->text.data, l->text.size, l->stream ^ l->offset << 20);

	if (id && !id->value.absent)
		hash = XXH3_64bits(id->value.text, strlen(id->value.text));
	return (double)(hash >> 11) / 9007199254740992.0 < ratio;
}

enum { RATE = 2, BURST = 3, BILLION = 1000000000 };

static bool do_limit(struct model_step *s, struct line *l)
{
	uint64_t stream = s->row->variant ? l->stream : 0;
	struct bucket *b = s->buckets;

	while (b->used && b->stream != stream)
		if (++b == s->buckets + BUCKETS)
			abort();
	if (!b->used)
		*b = (struct bucket){ stream, l->now, (uint64_t)BURST * BILLION, true };
	b->tokens += (uint64_t)(l->now - b->filled) * RATE;
	if (b->tokens > (uint64_t)BURST * BILLION)
		b->tokens = (uint64_t)BURST * BILLION;
	b->filled = l->now;
	if (b->tokens < BILLION)
		return false;
	b->tokens -= BILLION;
	return true;
}

enum presence { FREE, BESIDE, CROSSED, THERE };

static bool is_below(const char *name, const char *parent)
{
	size_t size = strlen(parent);

	return strncmp(name, parent, size) == 0 && name[size] == '.';
}

static enum presence presence_by(const struct member *m, const char *name)
{
	const char *inside = name + strlen(m->name.plain) + 1;
	char quoted[64];

	if (is(m, name))
		return THERE;
	if (is_below(m->name.plain, name))
		return CROSSED;
	if (!is_below(name, m->name.plain))
		return FREE;
	if (m->value.kind != MEMBER_OBJECT)
		return CROSSED;
	snprintf(quoted, sizeof quoted, "\"%s\"", inside);
	return strstr(m->value.text, quoted) ? THERE : BESIDE;
}

/* How the name stands to all members but one. */
static enum presence presence_of(const struct line *l, const char *name, const struct member *except)
{
	enum presence presence = FREE;

	for (size_t i = 0; i < l->count; i++)
		if (&l->members[i] != except && presence_by(&l->members[i], name) > presence)
			presence = presence_by(&l->members[i], name);
	return presence;
}

static bool is_blank(const struct member *m)
{
	return strcmp(m->value.text, "null") == 0 || strcmp(m->value.text, "\"\"") == 0;
}

/* *m, which is not it, moves with the others. */
static bool make_way(struct line *l, struct member **m)
{
	for (struct member *t; (t = find(l, "@timestamp"));) {
		if (!is_blank(t))
			return false;
		*m -= t < *m;
		drop(l, (size_t)(t - l->members));
	}
	return !has(l, "@timestamp");
}

static bool do_rename(struct model_step *s, struct line *l)
{
	static const char *const pairs[][2] = { { "a", "c" }, { "msg", "message" }, { "time", "@timestamp" },
		{ "b", "log" } };

	(void)s;
	for (size_t i = 0; i < COUNT_OF(pairs); i++) {
		struct member *m = find(l, pairs[i][0]);
		if (m && (presence_of(l, pairs[i][1], m) <= BESIDE || (i == 2 && make_way(l, &m))))
			rename_member(l, m, pairs[i][1]);
	}
	return true;
}

static bool do_add(struct model_step *s, struct line *l)
{
	static const char *const fields[] = { "a", "service.name", "log", "service", "x.y" };

	(void)s;
	for (size_t i = 0; i < COUNT_OF(fields); i++)
		if (presence_of(l, fields[i], NULL) == FREE)
			append(l, fields[i], "\"api\"");
	return true;
}

/* drop and keep: one list for both. */
static bool do_select(struct model_step *s, struct line *l)
{
	static const char *const keys[] = { "a", "msg", "level", "time", "f3", "f120" };
	bool keeps = s->row->variant;

	for (size_t i = l->count; i-- > 0;) {
		bool listed = false;
		for (size_t k = 0; k < COUNT_OF(keys); k++)
			listed = listed || is(&l->members[i], keys[k]);
		if (listed != keeps || (keeps && l->members[i].rest))
			drop(l, i);
	}
	return true;
}

/* A name whose value is masked is still there for a step that removes it. */
static struct value cleaned(const struct value *v, const char *clean)
{
	bool whole = clean == v->removed || strcmp(clean, values[MASKED].text) == 0;

	return (struct value){ clean, v->kind, .removed = whole ? NULL : v->removed,
		.absent = strcmp(clean, "\"\"") == 0 };
}

static bool do_redact(struct model_step *s, struct line *l)
{
	bool removes = s->row->variant;

	for (size_t i = l->count; i-- > 0;) {
		struct member *m = &l->members[i];
		const char *clean = removes ? m->value.removed : m->value.masked;
		bool is_key = is(m, "password") || is(m, "user.Password");
		if (is_key && removes)
			drop(l, i);
		else if (is_key)
			set_value(l, m, values[MASKED]);
		else if (clean)
			set_value(l, m, cleaned(&m->value, clean));
	}
	return true;
}

/* The Elastic Common Schema. */

static bool is_free(const struct line *l, const char *name, const struct member *m)
{
	return presence_of(l, name, m) <= BESIDE;
}

/* @timestamp before a name of loggers' own, and that before one that apps have, too. */
static struct member *find_time(struct line *l)
{
	static const char *const ranked[][2] = { { "@timestamp", "@timestamp" }, { "time", "time" }, { "t", "date" } };

	for (size_t rank = 0; rank < COUNT_OF(ranked); rank++)
		for (size_t i = 0; i < l->count; i++) {
			struct member *m = &l->members[i];
			if (!m->rest && m->value.time && (is(m, ranked[rank][0]) || is(m, ranked[rank][1])))
				return m;
		}
	return NULL;
}

static void name_time(struct line *l)
{
	struct member *m = find_time(l);

	if (!m || (m != find(l, "@timestamp") && !make_way(l, &m)))
		return;
	if (!m->value.strict)
		set_value(l, m, (struct value){ m->value.time, MEMBER_STRING, .time = m->value.time, .strict = true });
	rename_member(l, m, "@timestamp");
}

static void name_level(struct line *l)
{
	static const char *const words[] = { "", "\"trace\"", "\"debug\"", "\"info\"", "\"warn\"", "\"error\"",
		"\"fatal\"" };
	struct member *m = find_level(l);

	if (!m || is(m, "log") || !is_free(l, "log.level", m))
		return;
	if (m->value.kind != MEMBER_STRING)
		set_value(l, m, (struct value){ words[m->value.level], MEMBER_STRING, m->value.level });
	rename_member(l, m, "log.level");
}

static void name_others(struct line *l)
{
	static const struct {
		const char *from, *to;
		enum member_kind kind;
	} fields[] = { { "msg", "message", MEMBER_STRING }, { "trace_id", "trace.id", MEMBER_STRING },
		{ "err", "error.message", MEMBER_STRING }, { "err", "error", MEMBER_OBJECT },
		{ "error", "error.message", MEMBER_STRING }, { "oxpecker.offset", "log.offset", MEMBER_NUMBER } };

	for (size_t i = 0; i < l->count; i++)
		for (size_t k = 0; k < COUNT_OF(fields) && !l->members[i].rest; k++)
			if (is(&l->members[i], fields[k].from) && l->members[i].value.kind == fields[k].kind &&
				is_free(l, fields[k].to, &l->members[i])) {
				rename_member(l, &l->members[i], fields[k].to);
				break;
			}
}

static bool name_log(struct line *l)
{
	struct member *m = find(l, "log");
	const char *to = !m                                ? NULL
			 : is_free(l, "message", m)        ? "message"
			 : is_free(l, "event.original", m) ? "event.original"
							   : NULL;

	if (!to || m->value.kind != MEMBER_STRING)
		return false;
	rename_member(l, m, to);
	return true;
}

static bool do_ecs(struct model_step *s, struct line *l)
{
	name_time(l);
	name_others(l);
	if (name_log(l))
		name_others(l);
	name_level(l);
	if (s->row->variant && is_free(l, "ecs.version", NULL))
		append(l, "ecs.version", "\"8.11.0\"");
	return true;
}

/* The rows: steps with their options, and the model's. */

#define LIST(...) \
	(&(const struct option_list){ COUNT_OF(((const char *[]){ __VA_ARGS__ })), (const char *[]){ __VA_ARGS__ } })
#define MAP(...)                     \
	(&(const struct option_map){ \
		COUNT_OF(((struct option_pair[]){ __VA_ARGS__ })), (const struct option_pair[]){ __VA_ARGS__ } })

static const struct option_list *const ignored = LIST("id");
static const struct {
	const struct option_list *keys;
	const struct option_map *where;
} selection = { LIST("a", "msg", "level", "time", "f3", "f120"), NULL };
struct filter_options {
	const struct option_map *where;
	unsigned min_level;
};
struct redact_options {
	const struct option_list *keys, *detect;
	unsigned with;
	const char *salt;
};
static const struct redact_options mask = { LIST("PASSWORD"), LIST("email"), 0, NULL };
static const struct redact_options removal = { LIST("password"), LIST("email"), 2, NULL };
static const struct option_map *const renames =
	MAP({ "a", "c" }, { "msg", "message" }, { "time", "@timestamp" }, { "b", "log" });
static const struct {
	const struct option_map *fields;
	bool service;
} additions = {
	MAP({ "a", "api" }, { "service.name", "api" }, { "log", "api" }, { "service", "api" }, { "x.y", "api" }), false
};
static const struct sample_options {
	const struct option_map *levels;
	const char *by;
} sample_line = { MAP({ "debug", "0" }, { "info", "0.5" }, { "unknown", "0.25" }), NULL },
  sample_trace = { MAP({ "debug", "0" }, { "info", "0.5" }, { "unknown", "0.25" }), "trace_id" };
static const struct limit_options {
	uint64_t rate, burst;
	unsigned by;
} limit_each = { RATE, BURST, 0 }, limit_all = { RATE, BURST, 1 };

static const struct row rows[] = {
	{ &step_fold, &ignored, NULL, 0 },
	{ &step_filter, &(const struct filter_options){ NULL, 2 }, do_filter, 2 },
	{ &step_redact, &mask, do_redact, 0 },
	{ &step_redact, &removal, do_redact, 1 },
	{ &step_ecs, &(const bool){ true }, do_ecs, 1 },
	{ &step_ecs, &(const bool){ false }, do_ecs, 0 },
	{ &step_rename, &renames, do_rename, 0 },
	{ &step_add, &additions, do_add, 0 },
	{ &step_drop, &selection, do_select, 0 },
	{ &step_keep, &selection, do_select, 1 },
	{ &step_sample, &sample_line, do_sample, 0 },
	{ &step_sample, &sample_trace, do_sample, 1 },
	{ &step_limit, &limit_each, do_limit, 1 },
	{ &step_limit, &limit_all, do_limit, 0 },
};

/* What comes out. */

struct out {
	struct buffer text; /* without white space between its tokens */
	struct bytes exact; /* as it was read, where no step has edited it */
	uint64_t generation, offset;
	bool has_repeated;
};

/* Lines that are one. */
struct run {
	struct line first; /* as it was read */
	struct out *out; /* its record */
	uint64_t count;
	bool any, stands;
	const char *last; /* the time of the last one, as edited by the steps before; NULL: it tells none */
};

struct model {
	struct model_step steps[STEPS];
	size_t count;
	struct out out[OFFERS * LINES];
	size_t out_count;
	struct run run;
	struct left_out dropped, merged;
};

/* Without the white space between tokens. */
static void put(struct buffer *b, struct bytes text)
{
	bool quoted = false;
	size_t from = 0;

	for (size_t i = 0; i < text.size; i++) {
		if (quoted && text.data[i] == '\\')
			i++;
		else if (text.data[i] == '"')
			quoted = !quoted;
		else if (!quoted && strchr(" \t\r\n", text.data[i])) {
			if (buffer_append(b, text.data + from, i - from))
				abort();
			from = i + 1;
		}
	}
	if (buffer_append(b, text.data + from, text.size - from))
		abort();
}

static void put_text(struct buffer *b, const char *text)
{
	if (buffer_text(b, text))
		abort();
}

static void write_out(struct model *m, const struct line *l)
{
	struct out *o = &m->out[m->out_count++];

	*o = (struct out){ .generation = l->generation,
		.offset = l->offset,
		.has_repeated = has(l, "oxpecker.repeated") || has(l, "oxpecker") };
	if (!l->edited)
		o->exact = l->text;
	buffer_init(&o->text, 1 << 20);
	put_text(&o->text, "{");
	for (size_t i = 0; i < l->count; i++) {
		put_text(&o->text, i ? ",\"" : "\"");
		put_text(&o->text, l->members[i].name.raw);
		put_text(&o->text, "\":");
		put(&o->text, bytes_of(l->members[i].value.text));
	}
	put_text(&o->text, "}");
}

/* Folding. */

static bool is_time_name(const struct member *m)
{
	return is(m, "time") || is(m, "@timestamp") || is(m, "t") || is(m, "date");
}

/* Of two lines as they were read; *when: the index of the last member in which they may differ as times, or -1. */
static bool are_same(const struct line *a, const struct line *b, int *when)
{
	*when = -1;
	if (a->more || b->more || a->count != b->count || a->stream != b->stream)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct member *x = &a->members[i], *y = &b->members[i];
		if (strcmp(x->name.raw, y->name.raw) != 0)
			return false;
		if (is_time_name(x) && x->value.time && y->value.time)
			*when = (int)i;
		else if (strcmp(x->value.text, y->value.text) != 0 && !is(x, "oxpecker.offset") &&
			 !is(x, "log.offset") && !is(x, "id"))
			return false;
	}
	return true;
}

static void end_run(struct model *m)
{
	struct run *r = &m->run;
	struct buffer *text = r->out ? &r->out->text : NULL;

	if (r->any && r->stands && r->count > 1 && !r->out->has_repeated) {
		text->size--;
		put_text(text, text->size > 1 ? ",\"oxpecker.repeated\":" : "\"oxpecker.repeated\":");
		if (buffer_printf(text, "{\"count\":%llu%s%s}}", (unsigned long long)r->count,
			    r->last ? ",\"last\":" : "", r->last ? r->last : ""))
			abort();
		r->out->exact = (struct bytes){ NULL, 0 };
	}
	r->any = false;
}

static bool folds(struct run *r, const struct line *read, const struct line *now)
{
	int when;

	if (!r->any || !are_same(&r->first, read, &when))
		return false;
	r->count++;
	r->last = NULL;
	for (size_t i = 0; i < now->count; i++)
		if (when >= 0 && now->members[i].index == when)
			r->last = now->members[i].value.text;
	return true;
}

/* One line through all steps. */
static void pass_line(struct model *m, const struct line *read)
{
	struct line l = *read;
	struct model_step *s = m->steps;
	bool asked = false;

	for (; s < m->steps + m->count; s++) {
		if (!s->row->apply && folds(&m->run, read, &l)) {
			s->dropped += !m->run.stands;
			left_out_add(m->run.stands ? &m->merged : &m->dropped, 1, read->text.size);
			return;
		}
		if (!s->row->apply) {
			end_run(m);
			m->run = (struct run){ .first = *read, .count = 1, .any = !read->more };
			asked = true;
		} else if (!s->row->apply(s, &l)) {
			s->dropped++;
			left_out_add(&m->dropped, 1, read->text.size);
			return;
		}
	}
	write_out(m, &l);
	if (asked) {
		m->run.stands = true;
		m->run.out = &m->out[m->out_count - 1];
	}
}

/* Lines as they are read. */

static char fillers[FILLERS][8];

static void add_member(struct line *l, struct name name, const struct value *value)
{
	l->members[l->count] = (struct member){ name, *value, l->count >= JSON_MEMBERS_MAX, (int)l->count };
	l->count++;
	l->more = l->count > JSON_MEMBERS_MAX;
}

static void build_line(struct choices *c, struct line *l)
{
	size_t wanted = choose(c) % (MEMBERS + 1), fill_at = choose(c);

	for (size_t i = 0; i < wanted; i++) {
		struct name name = names[choose(c) % COUNT_OF(names)];
		add_member(l, name, &values[choose(c) % VALUES]);
		for (size_t k = 0; i == fill_at && k < FILLERS; k++)
			add_member(l, (struct name){ fillers[k], fillers[k] }, &values[0]);
	}
}

/* The one before again, at other times, with other ids. */
static void build_again(struct choices *c, struct line *l, const struct line *before)
{
	uint8_t differs = choose(c);

	memcpy(l->members, before->members, before->count * sizeof *l->members);
	l->count = before->count;
	l->more = before->more;
	for (size_t i = 0; i < l->count; i++)
		if ((differs & 1 && is_time_name(&l->members[i])) || (differs & 2 && is(&l->members[i], "id")))
			l->members[i].value = values[choose(c) % VALUES];
}

static void write_line(const struct line *l, bool spaced, struct buffer *to)
{
	put_text(to, spaced ? " {\n" : "{");
	for (size_t i = 0; i < l->count; i++) {
		put_text(to, i && spaced ? "\t,\r\n\"" : i ? ",\"" : "\"");
		put_text(to, l->members[i].name.raw);
		put_text(to, spaced ? "\" : " : "\":");
		put_text(to, l->members[i].value.text);
	}
	put_text(to, spaced ? "\r}\n" : "}");
}

/* One offer. */

struct offer {
	struct line lines[LINES];
	bool no_object[LINES];
	size_t count;
	struct buffer texts[LINES]; /* as they are in the batch */
	uint64_t stream;
};

enum { AGAIN = 1, SPACED = 2, NO_OBJECT = 255 };

static void build_offer(struct choices *c, struct offer *o, int64_t now)
{
	o->stream = choose(c) & 1 ? 77 : 0;
	o->count = choose(c) % (LINES + 1);
	for (size_t i = 0; i < o->count; i++) {
		uint8_t how = choose(c);
		struct line *l = &o->lines[i];
		uint64_t generation = 1 + (how >> 5) % 3;
		*l = (struct line){ .generation = generation,
			.stream = o->stream ? o->stream : generation,
			.offset = 1000 * i,
			.now = now };
		o->no_object[i] = how == NO_OBJECT;
		if (how & AGAIN && i > 0)
			build_again(c, l, &o->lines[i - 1]);
		else
			build_line(c, l);
		buffer_init(&o->texts[i], 1 << 20);
		if (how == NO_OBJECT)
			put_text(&o->texts[i], "[\n1]");
		else
			write_line(l, how & SPACED, &o->texts[i]);
	}
}

/* For people: OXP_TELL=1 says what is looked at. */
static void tell_offer(const struct offer *o)
{
	if (!getenv("OXP_TELL"))
		return;
	fprintf(stderr, "an offer, stream %llu\n", (unsigned long long)o->stream);
	for (size_t i = 0; i < o->count; i++)
		fprintf(stderr, "  of %llu: %.*s\n", (unsigned long long)o->lines[i].generation,
			(int)(o->texts[i].size < 400 ? o->texts[i].size : 400), o->texts[i].data);
}

/* All in one block; what the batch makes of each line is what is read. */
static struct batch *batch_of(struct budget *budget, struct offer *o)
{
	struct batch *b = batch_new(budget, SIGNAL_LOGS);
	size_t size = 0;
	char *block;

	for (size_t i = 0; i < o->count; i++)
		size += o->texts[i].size;
	block = b ? batch_block(b, size) : NULL;
	for (size_t i = 0; block && i < o->count; block += o->texts[i++].size) {
		struct batch_item item = { memcpy(block, o->texts[i].data, o->texts[i].size),
			(uint32_t)o->texts[i].size, 1, o->lines[i].generation, o->lines[i].offset };
		if (batch_add(b, &item))
			abort();
		memcpy(o->texts[i].data, batch_item(b, i)->data, item.size);
		o->lines[i].text = buffer_bytes(&o->texts[i]);
	}
	if (!block)
		abort();
	return b;
}

/* Both worlds. */

struct worlds {
	struct host host;
	struct budget budget;
	struct chain *chain;
	struct batch *all; /* what came out */
	struct model model;
	struct offer offers[OFFERS];
};

static void must(bool true_that, const char *what)
{
	if (true_that)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static void compare(const struct out *o, const struct batch_item *item)
{
	struct bytes text = { item->data, item->size };
	struct buffer plain;

	buffer_init(&plain, 1 << 20);
	put(&plain, text);
	if (!bytes_equal(buffer_bytes(&plain), buffer_bytes(&o->text)))
		fprintf(stderr, "it is     %.*s\nand not   %.*s\n", (int)plain.size, plain.data, (int)o->text.size,
			o->text.data);
	must(bytes_equal(buffer_bytes(&plain), buffer_bytes(&o->text)), "another record");
	must(!o->exact.data || bytes_equal(o->exact, text), "a line that no step edits is another");
	must(item->generation == o->generation && item->offset == o->offset, "another place");
	must(item->records == 1, "no record by itself");
	buffer_done(&plain);
}

static void compare_all(const struct model *m, size_t first, const struct batch *b)
{
	batch_check(b);
	must(batch_items(b) == m->out_count - first, "not as many records");
	for (size_t i = 0; i < batch_items(b); i++)
		compare(&m->out[first + i], batch_item(b, i));
}

/* A pass in slices of that many bytes is the same as one that is whole. */
static int run_in_slices(struct worlds *w, const struct offer *o, struct batch **b, size_t slice)
{
	struct chain_pass *pass = chain_begin(w->chain, *b, o->stream, (struct mono_time){ o->lines[0].now });
	int more;

	do {
		more = chain_go_on(pass, slice);
	} while (more > 0);
	chain_end(pass, more == 0, b);
	return more;
}

/* Without room nothing has happened. */
static void run_without_room(struct worlds *w, const struct offer *o, struct batch **b, size_t room)
{
	size_t before = budget_used(&w->budget);

	w->budget.limit = before + room;
	if (run_in_slices(w, o, b, 1 + room % 64) == 0)
		return;
	batch_check(*b);
	must(budget_used(&w->budget) == before, "something was kept");
	must(batch_items(*b) == o->count && !(*b)->dropped.records && !(*b)->merged.records, "something was left out");
	for (size_t i = 0; i < o->count; i++) {
		const struct batch_item *item = batch_item(*b, i);
		must(bytes_equal((struct bytes){ item->data, item->size }, o->lines[i].text), "something was edited");
	}
	w->budget.limit = MEMORY;
	must(chain_run(w->chain, b, o->stream, (struct mono_time){ o->lines[0].now }) == 0, "no room");
}

static void pass_offer(struct worlds *w, struct offer *o, size_t room)
{
	struct model *m = &w->model;
	struct batch *b = batch_of(&w->budget, o);
	size_t first = m->out_count;

	tell_offer(o);
	m->dropped = m->merged = (struct left_out){ 0, 0 };
	for (size_t i = 0; i < o->count; i++)
		if (o->no_object[i])
			left_out_add(&m->dropped, 1, o->lines[i].text.size);
		else
			pass_line(m, &o->lines[i]);
	end_run(m);
	run_without_room(w, o, &b, room);
	w->budget.limit = MEMORY;
	compare_all(m, first, b);
	must(memcmp(&b->dropped, &m->dropped, sizeof b->dropped) == 0, "another count of dropped records");
	must(memcmp(&b->merged, &m->merged, sizeof b->merged) == 0, "another count of merged records");
	for (size_t i = 0; i < m->count; i++)
		must(w->host.dropped[i] == m->steps[i].dropped, "a step dropped others");
	must(batch_merge(w->all, &b) == 0, "no room to merge");
}

static void add_steps(struct worlds *w, struct choices *c)
{
	size_t wanted = 1 + choose(c) % STEPS;
	bool folding = false;

	for (size_t i = 0; i < wanted; i++) {
		const struct row *row = &rows[choose(c) % COUNT_OF(rows)];
		struct step *step;
		char why[256];
		if (getenv("OXP_TELL"))
			fprintf(stderr, "%s %d\n", row->type->name, row->variant);
		if (!row->apply && folding)
			row++;
		folding = folding || !row->apply;
		must(!row->type->check || row->type->check(row->config, why, sizeof why), "options are refused");
		must(row->type->create(row->config, &w->host, &step) == 0, "no step");
		must(chain_add(w->chain, row->type, step, &w->host.dropped[w->model.count]) == 0, "no room for a step");
		w->model.steps[w->model.count++].row = row;
	}
}

static void make_texts(void)
{
	for (int i = 0; i < FILLERS; i++)
		snprintf(fillers[i], sizeof fillers[i], "f%d", i);
	memset(long_text, 'y', sizeof long_text - 1);
	memset(huge_text, 'z', sizeof huge_text - 1);
	long_text[0] = long_text[sizeof long_text - 2] = huge_text[0] = huge_text[sizeof huge_text - 2] = '"';
}

static void end(struct worlds *w)
{
	compare_all(&w->model, 0, w->all);
	batch_free(w->all);
	chain_free(w->chain);
	must(budget_used(&w->budget) == 0, "memory is still charged");
	for (size_t i = 0; i < w->model.out_count; i++)
		buffer_done(&w->model.out[i].text);
	for (size_t i = 0; i < OFFERS; i++)
		for (size_t k = 0; k < w->offers[i].count; k++)
			buffer_done(&w->offers[i].texts[k]);
	free(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct choices c = { data, size };
	struct worlds *w = oxp_new(sizeof *w);
	size_t offers;
	int64_t now = 1000000000;

	make_texts();
	budget_init(&w->budget, MEMORY);
	memset(w->budget.guaranteed, 0, sizeof w->budget.guaranteed);
	w->chain = chain_new();
	w->all = batch_new(&w->budget, SIGNAL_LOGS);
	add_steps(w, &c);
	offers = 1 + choose(&c) % OFFERS;
	for (size_t i = 0; i < offers; i++) {
		uint8_t room = choose(&c);
		now += (int64_t)(choose(&c) % 8) * 250000000;
		build_offer(&c, &w->offers[i], now);
		if (w->offers[i].count > 0)
			pass_offer(w, &w->offers[i], room & 1 ? (size_t)room * 512 : MEMORY / 2);
	}
	end(w);
	return 0;
}
