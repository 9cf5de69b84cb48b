/*
 * Steps: each type over lines, and the chain over batches: edits of one are what the next sees, what is dropped
 * settles, and without room nothing has happened.
 */
#include "unit/pipeline/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/option.h"

enum { TOLD_MAX = 16, LINES_MAX = 1024, LONG_TEXT = 70000 };

extern const struct step_type step_add, step_drop, step_ecs, step_filter, step_fold, step_keep, step_limit, step_redact,
	step_rename, step_sample;

/* What a step is lent. */
struct host {
	char last_log[256];
	uint64_t dropped;
};

void host_log(struct host *h, enum log_level level, const char *format, ...)
{
	va_list args;

	(void)level;
	va_start(args, format);
	vsnprintf(h->last_log, sizeof h->last_log, format, args);
	va_end(args);
}

const struct resource *host_resource(struct host *h)
{
	static const struct resource all[] = { { "service.name", "service.name", "api" },
		{ "host.name", "host.name", "a\"b" }, { NULL, NULL, NULL } };

	(void)h;
	return all;
}

/* The options of a step, in the order of its config struct. */
struct step_options {
	const struct option_list *first, *second;
	unsigned third;
	const char *fourth;
};

struct filter_options {
	const struct option_map *where;
	unsigned min_level;
};
struct drop_options {
	const struct option_list *keys;
	const struct option_map *where;
};

#define LIST(...)                     \
	(&(const struct option_list){ \
		.count = COUNT_OF(((const char *[]){ __VA_ARGS__ })), .items = (const char *[]){ __VA_ARGS__ } })
#define NOTHING (&(const struct option_list){ 0 })
#define MAP(...)                                                                                 \
	(&(const struct option_map){ .count = COUNT_OF(((struct option_pair[]){ __VA_ARGS__ })), \
		.pairs = (const struct option_pair[]){ __VA_ARGS__ } })

/* An exporter that has taken all it was sent, and remembers it. */
struct exporter {
	char *lines[LINES_MAX];
	uint64_t offsets[LINES_MAX];
	size_t count;
};

static void take(struct exporter *e, const struct batch *b, struct send *s)
{
	for (size_t i = send_first(s); i < send_end(s); i++) {
		const struct batch_item *item = batch_item(b, i);
		assert_true(e->count < LINES_MAX);
		e->offsets[e->count] = item->offset;
		e->lines[e->count++] = strndup(item->data, item->size);
	}
	batch_check(b);
	send_done(s, DELIVERED, NULL);
}

static void no_cancel(struct exporter *e, struct send *s)
{
	(void)e;
	(void)s;
}

static void forget(struct exporter *e)
{
	while (e->count > 0)
		free(e->lines[--e->count]);
}

static const struct exporter_type taker = {
	.name = "taker", .signals = SIGNAL_LOGS, .send = take, .cancel = no_cancel, .destroy = forget
};

struct world {
	BENCH;
	struct exporter exporter;
	struct sender *sender;
	struct source *source;
	struct chain *chain;
	struct host host;
	uint64_t generation; /* that lines are of */
	uint64_t told[TOLD_MAX];
	size_t told_count;
};

static void on_settled(void *context, uint64_t token)
{
	struct world *w = context;

	assert_true(w->told_count < TOLD_MAX);
	w->told[w->told_count++] = token;
}

static const struct source_hooks hooks = { .settled = on_settled };

/* With a new chain, in the place of the one before. */
static void begin_source(struct world *w)
{
	chain_free(w->chain);
	w->chain = chain_new();
	w->source = pipeline_source(
		&w->pipeline, &(struct source_options){ .name = "in",
				      .signal = SIGNAL_LOGS,
				      .rewind = REWIND_SAVED,
				      .chain = w->chain,
				      .hooks = &hooks,
				      .context = w,
				      .limits = { .bytes = 1 << 20, .records = 1000, .age = DURATION_S(1) } });
	source_route(w->source, w->sender);
}

static const struct sender_limits limits = {
	.concurrency = 1, .timeout = { 30000000000 }, .retry_first = { 1000000000 }, .retry_last = { 8000000000 }
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	bench_init(&w->bench, 1 << 20);
	w->sender = pipeline_sender(&w->pipeline, "out", &taker, &limits);
	sender_exporter(w->sender, &w->exporter);
	begin_source(w);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	assert_int_equal(ledger_imbalance(source_row(w->source, 0)), 0);
	bench_done(&w->bench);
	chain_free(w->chain);
	free(w);
	return 0;
}

static void use(struct world *w, const struct step_type *type, const void *config)
{
	struct step *step;

	assert_true(!type->check || type->check(config, w->host.last_log, sizeof w->host.last_log));
	assert_int_equal(type->create(config, &w->host, &step), 0);
	assert_int_equal(chain_add(w->chain, type, step, &w->host.dropped), 0);
}

static void refuses(const struct step_type *type, const void *config)
{
	char why[256] = "";

	assert_false(type->check(config, why, sizeof why));
	assert_true(why[0]);
}

/* Lines as a collector brings them: in one block, a line end between them. Ends with NULL. */
static struct batch *batch_of(struct world *w, const char *const *lines)
{
	struct batch *b = source_batch_new(w->source);
	size_t size = 0, at = 0;
	char *data;

	for (size_t i = 0; lines[i]; i++)
		size += strlen(lines[i]) + 1;
	data = batch_block(b, size);
	assert_non_null(data);
	for (size_t i = 0; lines[i]; i++) {
		struct batch_item item = { .data = data + at,
			.size = (uint32_t)strlen(lines[i]),
			.records = 1,
			.generation = w->generation,
			.offset = at };
		memcpy(data + at, lines[i], item.size);
		data[at + item.size] = '\n';
		at += item.size + 1;
		assert_int_equal(batch_add(b, &item), 0);
	}
	batch_token(b, 1);
	return b;
}

#define LINES(...) ((const char *const[]){ __VA_ARGS__, NULL })

static enum admit offer(struct world *w, const char *const *lines)
{
	struct batch *b = batch_of(w, lines);
	enum admit admit = source_offer(w->source, &b);

	assert_int_equal(admit == ADMIT_TAKEN, b == NULL);
	batch_free(b);
	return admit;
}

static void later(struct world *w, int64_t ms)
{
	w->clock.ns += ms * 1000000;
	for (int i = 0; i < 20; i++)
		loop_turn(w->loop, DURATION_MS(0));
}

/* What the lines have become, once all of it was delivered. */
static void become(struct world *w, const char *const *lines, const char *const *wanted)
{
	size_t i;

	forget(&w->exporter);
	assert_int_equal(offer(w, lines), ADMIT_TAKEN);
	later(w, 1000);
	for (i = 0; wanted[i]; i++) {
		assert_true(i < w->exporter.count);
		assert_string_equal(w->exporter.lines[i], wanted[i]);
	}
	assert_int_equal(w->exporter.count, i);
	assert_int_equal(ledger_imbalance(source_row(w->source, 0)), 0);
}

static const struct ledger_amount *term(struct world *w, enum ledger_term t)
{
	return &source_row(w->source, 0)->live->term[t];
}

/* The types. */

static void redact_masks(void **state)
{
	struct world *w = *state;

	use(w, &step_redact, &(struct step_options){ LIST("password"), LIST("card", "email"), 0, NULL });
	become(w,
		LINES("{\"Password\":\"x\",\"a\":{\"password\":[1]}}", "{\"plain\":1}",
			"{\"m\":\"bob@x.de\",\"n\":[\"4111111111111111\"]}",
			"{\"pan\":4111111111111111,\"n\":[ 4111111111111111 ,-4111111111111111,1795409106128]}"),
		LINES("{\"Password\":\"***\",\"a\":{\"password\":\"***\"}}", "{\"plain\":1}",
			"{\"m\":\"***\",\"n\":[\"***\"]}",
			"{\"pan\":\"***\",\"n\":[ \"***\" ,-4111111111111111,1795409106128]}"));
	assert_int_equal(w->exporter.offsets[1], 38);
}

/* Whoever maps the line reads {"user.password":1} as {"user":{"password":1}}. */
static void redact_takes_dots_for_levels(void **state)
{
	struct world *w = *state;

	use(w, &step_redact, &(struct step_options){ LIST("password", "a.b"), NOTHING, 0, NULL });
	become(w,
		LINES("{\"user.password\":\"x\",\"a.b\":1,\"password.age\":1,\"password.\":1,\"b\":2}",
			"{\"o\":[{\"db.Password\":{\"x\":1}}]}", "{\"x.pass\\u0077ord\":1}"),
		LINES("{\"user.password\":\"***\",\"a.b\":\"***\",\"password.age\":\"***\","
		      "\"password.\":\"***\",\"b\":2}",
			"{\"o\":[{\"db.Password\":\"***\"}]}", "{\"x.pass\\u0077ord\":\"***\"}"));
}

static void redact_removes_and_hashes(void **state)
{
	struct world *w = *state;

	use(w, &step_redact, &(struct step_options){ LIST("p"), NOTHING, 2, NULL });
	use(w, &step_redact, &(struct step_options){ NOTHING, LIST("ip"), 1, "salt" });
	become(w, LINES("{\"p\":1,\"a\":\"x\"}"), LINES("{\"a\":\"x\"}"));
	assert_int_equal(offer(w, LINES("{\"a\":\"10.0.0.1\",\"b\":\"::1\"}")), ADMIT_TAKEN);
	later(w, 1000);
	assert_int_equal(strlen(w->exporter.lines[1]), strlen("{\"a\":\"\",\"b\":\"\"}") + 64);
}

static void redact_reaches_members_beyond_the_index(void **state)
{
	struct world *w = *state;
	struct buffer line;

	buffer_init(&line, 1 << 16);
	for (int i = 0; i < 200; i++)
		assert_int_equal(buffer_printf(&line, "%c\"m%d\":0", i ? ',' : '{', i), 0);
	assert_int_equal(buffer_printf(&line, ",\"pin\":\"12\",\"z\":{\"m\":\"bob@x.de\"}}"), 0);
	use(w, &step_redact, &(struct step_options){ LIST("pin"), LIST("email"), 0, NULL });
	use(w, &step_drop, &(struct step_options){ LIST("m199", "m3") });
	assert_int_equal(offer(w, LINES(line.data)), ADMIT_TAKEN);
	later(w, 1000);
	assert_non_null(strstr(w->exporter.lines[0], "\"m198\":0,\"pin\":\"***\",\"z\":{\"m\":\"***\"}}"));
	assert_null(strstr(w->exporter.lines[0], "\"m3\""));
	buffer_done(&line);
}

/* Nothing is left of what is beyond the index, and nothing was found before it. */
static void all_that_is_beyond_the_index_goes(void **state)
{
	const struct step_type *types[] = { &step_drop, &step_redact };
	struct world *w = *state;
	struct buffer line;
	size_t kept;

	buffer_init(&line, 1 << 16);
	for (int i = 0; i < JSON_MEMBERS_MAX; i++)
		assert_int_equal(buffer_printf(&line, "%c\"m%d\":0", i ? ',' : '{', i), 0);
	kept = line.size;
	assert_int_equal(buffer_printf(&line, ",\"pin\":\"12\",\"pin\":1}"), 0);
	for (size_t i = 0; i < COUNT_OF(types); i++) {
		begin_source(w);
		use(w, types[i], &(struct step_options){ LIST("pin"), NOTHING, 2, NULL });
		forget(&w->exporter);
		assert_int_equal(offer(w, LINES(line.data)), ADMIT_TAKEN);
		later(w, 1000);
		assert_int_equal(strlen(w->exporter.lines[0]), kept + 1);
		assert_memory_equal(w->exporter.lines[0], line.data, kept);
	}
	buffer_done(&line);
}

static void redact_refuses_what_makes_no_sense(void **state)
{
	(void)state;
	refuses(&step_redact, &(struct step_options){ NOTHING, NOTHING, 0, NULL });
	refuses(&step_redact, &(struct step_options){ LIST("a"), NOTHING, 1, NULL });
	refuses(&step_redact, &(struct step_options){ LIST(""), NOTHING, 0, NULL });
}

static void add_fills_what_is_absent(void **state)
{
	struct world *w = *state;
	const struct {
		const struct option_map *fields;
		bool service;
	} config = { MAP({ "team", "a\nb" }, { "level", "info" }), true };

	use(w, &step_add, &config);
	become(w, LINES("{}", "{\"level\":30,\"service\":\"x\"}", "{\"service.name\":\"y\",\"host\":{\"ip\":1}}"),
		LINES("{\"team\":\"a\\nb\",\"level\":\"info\",\"service.name\":\"api\",\"host.name\":\"a\\\"b\"}",
			"{\"level\":30,\"service\":\"x\",\"team\":\"a\\nb\",\"host.name\":\"a\\\"b\"}",
			"{\"service.name\":\"y\",\"host\":{\"ip\":1},\"team\":\"a\\nb\",\"level\":\"info\"}"));
}

/* {"a":1,"a.b":2} is a number and an object at once to whoever reads dots as levels. */
static void add_makes_no_object_of_a_text(void **state)
{
	struct world *w = *state;

	use(w, &step_add, &(const struct option_map *[2]){ MAP({ "a.b.c", "x" }, { "d", "y" }), NULL });
	become(w,
		LINES("{\"a.b\":1}", "{\"a\":{}}", "{\"d.e\":1}", "{\"\\u0064.e\":1,\"a\\u002eb\":1}",
			"{\"de\":1,\"a.bc\":1}", "{\"d.\":1,\"a.b.c\":1}"),
		LINES("{\"a.b\":1,\"d\":\"y\"}", "{\"a\":{},\"d\":\"y\"}", "{\"d.e\":1,\"a.b.c\":\"x\"}",
			"{\"\\u0064.e\":1,\"a\\u002eb\":1}", "{\"de\":1,\"a.bc\":1,\"a.b.c\":\"x\",\"d\":\"y\"}",
			"{\"d.\":1,\"a.b.c\":1}"));
}

static void rename_keeps_what_is_there(void **state)
{
	struct world *w = *state;

	use(w, &step_rename, &(const struct option_map *){ MAP({ "msg", "message" }, { "t", "@time\"" }) });
	become(w, LINES("{\"msg\":1,\"t\":2}", "{\"msg\":1,\"message\":2}", "{\"a\":1}"),
		LINES("{\"message\":1,\"@time\\\"\":2}", "{\"msg\":1,\"message\":2}", "{\"a\":1}"));
}

static void drop_and_keep(void **state)
{
	struct world *w = *state;

	use(w, &step_drop, &(struct step_options){ LIST("pid", "x") });
	use(w, &step_keep, &(struct step_options){ LIST("a", "x", "b") });
	become(w, LINES("{\"pid\":1,\"a\":{\"pid\":2},\"x\":3,\"c\":4}", "{\"b\":1}", "{\"Pid\":1}"),
		LINES("{\"a\":{\"pid\":2}}", "{\"b\":1}", "{}"));
}

static void a_step_sees_what_the_one_before_did(void **state)
{
	struct world *w = *state;

	use(w, &step_rename, &(const struct option_map *){ MAP({ "pw", "password" }) });
	use(w, &step_redact, &(struct step_options){ LIST("password"), LIST("email"), 0, NULL });
	use(w, &step_add, &(const struct option_map *[2]){ MAP({ "password", "again" }, { "mail", "eve@x.de" }) });
	use(w, &step_redact, &(struct step_options){ NOTHING, LIST("email"), 0, NULL });
	use(w, &step_drop, &(struct step_options){ LIST("gone") });
	become(w, LINES("{\"pw\":\"bob@x.de\",\"gone\":1}"), LINES("{\"password\":\"***\",\"mail\":\"***\"}"));
}

static void filter_by_level(void **state)
{
	struct world *w = *state;

	use(w, &step_filter, &(struct filter_options){ NULL, 3 });
	become(w, LINES("{\"level\":\"info\"}", "{\"level\":40}", "{\"no\":1}", "{\"level\":\"debug\"}"),
		LINES("{\"level\":40}", "{\"no\":1}"));
	assert_int_equal(term(w, LEDGER_DROPPED_STEP)->records, 2);
	assert_int_equal(w->host.dropped, 2);
	assert_int_equal(term(w, LEDGER_RECEIVED)->bytes,
		term(w, LEDGER_DELIVERED)->bytes + term(w, LEDGER_DROPPED_STEP)->bytes);
}

/* How many of 40 lines stay; the same ones each time. */
static size_t sampled(struct world *w, uint64_t *ret_which)
{
	char text[40][64];
	const char *lines[41] = { NULL };

	for (int i = 0; i < 40; i++) {
		snprintf(text[i], sizeof text[i], "{\"level\":\"debug\",\"n\":%d,\"id\":\"%d\"}", i, 1 + i / 20);
		lines[i] = text[i];
	}
	forget(&w->exporter);
	assert_int_equal(offer(w, lines), ADMIT_TAKEN);
	later(w, 1000);
	*ret_which = 0;
	for (size_t i = 0; i < w->exporter.count; i++)
		*ret_which += w->exporter.offsets[i] * (i + 1);
	return w->exporter.count;
}

static void sample_is_the_same_each_time(void **state)
{
	struct world *w = *state;
	uint64_t first, second;
	size_t count;
	struct {
		const struct option_map *levels;
		const char *by;
	} config = { MAP({ "debug", "0.5" }, { "info", "0" }), NULL };

	use(w, &step_sample, &config);
	count = sampled(w, &first);
	assert_in_range(count, 8, 32);
	assert_int_equal(sampled(w, &second), count);
	assert_int_equal(first, second);
	become(w, LINES("{\"level\":\"info\"}", "{\"level\":\"warn\"}"), LINES("{\"level\":\"warn\"}"));
	config.levels = MAP({ "debug", "1.5" });
	refuses(&step_sample, &config);
	config.levels = MAP({ "debugging", "1" });
	refuses(&step_sample, &config);
	config.levels = MAP({ "debug", "" });
	refuses(&step_sample, &config);
}

static void sample_by_a_member_keeps_lines_together(void **state)
{
	struct world *w = *state;
	uint64_t which;
	struct {
		const struct option_map *levels;
		const char *by;
	} config = { MAP({ "debug", "0.5" }), "id" };

	use(w, &step_sample, &config);
	assert_int_equal(sampled(w, &which) % 20, 0);
}

/* What libraries write where there is no id is none: such lines do not go together. */
static void sample_knows_an_absent_id(void **state)
{
	static const char *const none[] = { "null", "\"\"", "0", "\"0\"", "\"00000000000000000000000000000000\"" };
	struct world *w = *state;
	struct {
		const struct option_map *levels;
		const char *by;
	} config = { MAP({ "unknown", "0.5" }), "id" };

	use(w, &step_sample, &config);
	for (size_t k = 0; k < COUNT_OF(none); k++) {
		char text[40][80];
		const char *lines[41] = { NULL };
		for (size_t i = 0; i < 40; i++) {
			snprintf(text[i], sizeof text[i], "{\"n\":%zu,\"id\":%s}", i, none[k]);
			lines[i] = text[i];
		}
		forget(&w->exporter);
		assert_int_equal(offer(w, lines), ADMIT_TAKEN);
		later(w, 1000);
		assert_in_range(w->exporter.count, 8, 32);
	}
}

enum { BY_STREAM, BY_ALL };

struct limits {
	uint64_t rate, burst;
	unsigned by;
};

static void limit_by_rate(void **state)
{
	struct world *w = *state;
	const char *const *four = LINES("{\"n\":1}", "{\"n\":2}", "{\"n\":3}", "{\"n\":4}");

	use(w, &step_limit, &(struct limits){ 2, 3, BY_STREAM });
	become(w, four, LINES("{\"n\":1}", "{\"n\":2}", "{\"n\":3}"));
	become(w, four, LINES("{\"n\":1}", "{\"n\":2}")); /* a second later */
	later(w, 10000);
	become(w, four, LINES("{\"n\":1}", "{\"n\":2}", "{\"n\":3}"));
	assert_int_equal(term(w, LEDGER_DROPPED_STEP)->records, 4);
}

static void a_noisy_stream_is_limited_alone(void **state)
{
	struct world *w = *state;
	const char *const *three = LINES("{\"n\":1}", "{\"n\":2}", "{\"n\":3}");

	use(w, &step_limit, &(struct limits){ 1, 2, BY_STREAM });
	become(w, three, LINES("{\"n\":1}", "{\"n\":2}"));
	w->generation = 8;
	become(w, three, LINES("{\"n\":1}", "{\"n\":2}"));
	w->generation = 0;
	become(w, three, LINES("{\"n\":1}", "{\"n\":2}")); /* two seconds later */
}

static void all_streams_share_one_limit(void **state)
{
	struct world *w = *state;
	const char *const *three = LINES("{\"n\":1}", "{\"n\":2}", "{\"n\":3}");

	use(w, &step_limit, &(struct limits){ 1, 2, BY_ALL });
	become(w, three, LINES("{\"n\":1}", "{\"n\":2}"));
	w->generation = 8;
	become(w, three, LINES("{\"n\":1}")); /* a second later */
}

/* A line of each stream from `first` on. */
static struct batch *batch_of_streams(struct world *w, uint64_t first, uint64_t count)
{
	struct batch *b = source_batch_new(w->source);
	char *data = batch_block(b, count * 3);

	assert_non_null(data);
	for (uint64_t i = 0; i < count; i++, data += 3) {
		memcpy(data, "{}\n", 3);
		assert_int_equal(batch_add(b, &(struct batch_item){ .data = data,
						      .size = 2,
						      .records = 1,
						      .generation = first + i,
						      .offset = i * 3 }),
			0);
	}
	batch_token(b, 1);
	return b;
}

/* A line of each of these streams, past the pipeline. */
static void pass_streams(struct world *w, uint64_t from, uint64_t to, int64_t now)
{
	enum { AT_ONCE = 500 };

	for (uint64_t first = from; first < to; first += AT_ONCE) {
		struct batch *b = batch_of_streams(w, first, to - first < AT_ONCE ? to - first : AT_ONCE);
		assert_int_equal(chain_run(w->chain, &b, 0, (struct mono_time){ now + 1 }), 0);
		batch_free(b);
	}
}

/* Streams that come and go: what is spent stays spent, however often the table is made anew; full buckets leave no
 * trace; beyond the ceiling the rest share one. */
static void many_streams(void **state)
{
	struct world *w = *state;

	use(w, &step_limit, &(struct limits){ 1, 1, BY_STREAM });
	pass_streams(w, 0, 20000, 0);
	assert_int_equal(w->host.dropped, 20000 - 16384 - 1);
	pass_streams(w, 0, 1000, 0);
	assert_int_equal(w->host.dropped, 20000 - 16384 - 1 + 1000);
	pass_streams(w, 30000, 46000, 1000000000);
	assert_int_equal(w->host.dropped, 20000 - 16384 - 1 + 1000);
	pass_streams(w, 30000, 46000, 1000000000);
	assert_int_equal(w->host.dropped, 20000 - 16384 - 1 + 1000 + 16000);
}

/* Room is made every tenth of a second, and not for each line; until then what is new shares a bucket. */
static void a_full_table_is_looked_through_now_and_then(void **state)
{
	struct world *w = *state;

	use(w, &step_limit, &(struct limits){ 1000, 1, BY_STREAM });
	pass_streams(w, 0, 16385, 0);
	assert_int_equal(w->host.dropped, 0);
	pass_streams(w, 20000, 20005, 2000000); /* all buckets are full again */
	assert_int_equal(w->host.dropped, 4);
	pass_streams(w, 20000, 20005, 100000000);
	assert_int_equal(w->host.dropped, 4);
}

#define AT(second) "\"2026-11-23T04:45:0" second "Z\""

static void fold_counts_what_is_said_again(void **state)
{
	struct world *w = *state;

	use(w, &step_fold, &(const struct option_list *){ LIST("id") });
	become(w,
		LINES("{\"m\":1,\"time\":" AT("1") ",\"id\":1}", "{\"m\":1,\"time\":" AT("2") ",\"id\":2}",
			"{\"m\":1,\"time\":" AT("3") ",\"id\":3}", "{\"m\":2}", "{\"m\":2}", "{\"m\":3}",
			"{\"x\":1,\"m\":3}", "{\"m\":3,\"x\":1}", "{\"oxpecker.repeated\":1}",
			"{\"oxpecker.repeated\":1}"),
		LINES("{\"m\":1,\"time\":" AT("1") ",\"id\":1,\"oxpecker.repeated\":{\"count\":3,\"last\":" AT(
			      "3") "}}",
			"{\"m\":2,\"oxpecker.repeated\":{\"count\":2}}", "{\"m\":3}", "{\"x\":1,\"m\":3}",
			"{\"m\":3,\"x\":1}", "{\"oxpecker.repeated\":1}"));
	assert_int_equal(w->exporter.offsets[0], 0);
	assert_int_equal(term(w, LEDGER_MERGED)->records, 4);
	assert_int_equal(term(w, LEDGER_DELIVERED)->records, 6);
	assert_int_equal(w->host.dropped, 0);
}

/* A member that is called as a time is called, and tells none: what lines say there is what they say. */
static void fold_knows_a_time_by_its_value(void **state)
{
	struct world *w = *state;

	use(w, &step_fold, &(const struct option_list *){ NOTHING });
	become(w,
		LINES("{\"t\":\"login\"}", "{\"t\":\"logout\"}", "{\"t\":\"logout\"}", "{\"time\":35}", "{\"time\":36}",
			"{\"t\":1795409106,\"date\":1}", "{\"t\":1795409107,\"date\":1}"),
		LINES("{\"t\":\"login\"}", "{\"t\":\"logout\",\"oxpecker.repeated\":{\"count\":2}}", "{\"time\":35}",
			"{\"time\":36}",
			"{\"t\":1795409106,\"date\":1,\"oxpecker.repeated\":{\"count\":2,\"last\":1795409107}}"));
}

/* Where a run ends, its line stands in another block than those before it; that block ends early, and moves, when the
 * next run ends. */
static void runs_among_many_lines(void **state)
{
	enum { MANY = 501, RUN_EVERY = 50 };
	struct world *w = *state;
	char text[MANY][64], wanted[MANY][96];
	const char *lines[2 * MANY + 1];
	size_t count = 0;

	use(w, &step_fold, &(const struct option_list *){ NOTHING });
	for (int i = 0; i < MANY; i++) {
		bool run = i % RUN_EVERY == 0;
		snprintf(text[i], sizeof text[i], "{\"n\":%d,\"text\":\"%0*d\"}", i, 1 + i % 30, i);
		snprintf(wanted[i], sizeof wanted[i], "%.*s%s", (int)strlen(text[i]) - 1, text[i],
			run ? ",\"oxpecker.repeated\":{\"count\":2}}" : "}");
		lines[count++] = text[i];
		if (run)
			lines[count++] = text[i];
	}
	lines[count] = NULL;
	assert_int_equal(offer(w, lines), ADMIT_TAKEN);
	later(w, 1000);
	assert_int_equal(w->exporter.count, MANY);
	for (int i = 0; i < MANY; i++)
		assert_string_equal(w->exporter.lines[i], wanted[i]);
}

/* A run ends with what was read at once, and with the stream. */
static void a_run_is_of_one_reading(void **state)
{
	struct world *w = *state;

	use(w, &step_fold, &(const struct option_list *){ NOTHING });
	become(w, LINES("{\"m\":1}", "{\"m\":1}"), LINES("{\"m\":1,\"oxpecker.repeated\":{\"count\":2}}"));
	become(w, LINES("{\"m\":1}"), LINES("{\"m\":1}"));
}

/* In the language of the steps of spans. */
static const struct where_row {
	const char *key, *pattern;
	const char *fits, *others; /* first characters of the lines' n that do, and that do not */
} where_rows[] = {
	{ "level", "warn|error", "2", "1345" },
	{ "level", "!debug", "2345", "1" },
	{ "level", "unknown", "345", "12" },
	{ "path", "/health*", "1", "2345" },
	{ "path", "!/health*", "2345", "1" },
	{ "path", "/a\"b/é", "3", "1245" },
	{ "status", ">=500", "23", "145" },
	{ "status", "5*", "23", "145" },
	{ "status", "200", "1", "2345" },
	{ "took", "<5ms", "14", "235" },
	{ "ok", "true", "5", "1234" },
	{ "members.level", "40|x", "2", "1345" },
	{ "where.it", "is", "4", "1235" },
	{ "n", "<=2", "12", "345" },
	{ "none", "!*", "12345", "" },
	{ "object", "*", "", "12345" },
	{ "nothing", "null", "", "12345" },
};

#define WHERE_LINES                                                                               \
	LINES("{\"n\":1,\"level\":\"debug\",\"path\":\"/health/x\",\"status\":200,\"took\":3e6}", \
		"{\"n\":2,\"level\":40,\"path\":\"/x\",\"status\":503,\"object\":{\"a\":1}}",     \
		"{\"n\":3,\"path\":\"/a\\\"b\\/\\u00e9\",\"status\":\"500\"}",                    \
		"{\"n\":4,\"took\":-1,\"where.it\":\"is\",\"nothing\":null}", "{\"n\":5,\"ok\":true,\"took\":\"x\"}")

static void come_out(struct world *w, const char *numbers)
{
	forget(&w->exporter);
	assert_int_equal(offer(w, WHERE_LINES), ADMIT_TAKEN);
	later(w, 1000);
	assert_int_equal(w->exporter.count, strlen(numbers));
	for (size_t i = 0; i < w->exporter.count; i++)
		assert_int_equal(w->exporter.lines[i][strlen("{\"n\":")], numbers[i]);
}

static void lines_are_chosen_by_where(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(where_rows); i++) {
		const struct where_row *row = &where_rows[i];
		const struct option_map *where = MAP({ row->key, row->pattern });
		void *world;
		print_message("%s: %s\n", row->key, row->pattern);
		setup(&world);
		use(world, &step_filter, &(struct filter_options){ where, 0 });
		come_out(world, row->fits);
		teardown(&world);
		setup(&world);
		use(world, &step_drop, &(struct drop_options){ NOTHING, where });
		come_out(world, row->others);
		teardown(&world);
	}
}

static void members_are_dropped_of_lines_that_fit(void **state)
{
	struct world *w = *state;

	use(w, &step_drop, &(struct drop_options){ LIST("pid"), MAP({ "level", "info" }, { "a", "1" }) });
	use(w, &step_filter, &(struct filter_options){ MAP({ "a", "*" }), 2 });
	become(w,
		LINES("{\"level\":\"info\",\"a\":1,\"pid\":2}", "{\"level\":\"info\",\"a\":2,\"pid\":2}", "{\"pid\":2}",
			"{\"level\":\"debug\",\"a\":1}"),
		LINES("{\"level\":\"info\",\"a\":1}", "{\"level\":\"info\",\"a\":2,\"pid\":2}"));
}

/* It is not copied. */
static void a_very_long_text_is_compared_as_it_stands(void **state)
{
	struct world *w = *state;
	char *line = oxp_new(LONG_TEXT + 64);
	int size = snprintf(line, 64, "{\"m\":\"\\\"");

	memset(line + size, 'x', LONG_TEXT);
	memcpy(line + size + LONG_TEXT, "end\"}", sizeof "end\"}");
	use(w, &step_filter, &(struct filter_options){ MAP({ "m", "\\\"x*end" }), 0 });
	become(w, LINES(line, "{\"m\":\"\\\"xend\"}"), LINES(line));
	free(line);
}

static void a_where_that_can_never_be_is_refused(void **state)
{
	(void)state;
	refuses(&step_filter, &(struct filter_options){ NULL, 0 });
	refuses(&step_filter, &(struct filter_options){ MAP({ "level", "loud" }), 0 });
	refuses(&step_filter, &(struct filter_options){ MAP({ "level", ">2" }), 0 });
	refuses(&step_filter, &(struct filter_options){ MAP({ "x", "!" }), 0 });
	refuses(&step_filter, &(struct filter_options){ MAP({ "x", ">fast" }), 0 });
	refuses(&step_filter, &(struct filter_options){ MAP({ "members.", "x" }), 0 });
	refuses(&step_drop, &(struct drop_options){ NOTHING, NULL });
	refuses(&step_drop, &(struct drop_options){ LIST("a"), MAP({ "level", "loud" }) });
}

/* Steps before and behind: what was taken out does not come back, and with the record that stands for a run the run
 * is dropped. */
static void fold_among_other_steps(void **state)
{
	struct world *w = *state;

	use(w, &step_filter, &(struct filter_options){ NULL, 2 });
	use(w, &step_redact, &(struct step_options){ LIST("p", "date"), LIST("email"), 0, NULL });
	use(w, &step_fold, &(const struct option_list *){ NOTHING });
	use(w, &step_add, &(const struct option_map *[2]){ MAP({ "a", "b" }), NULL });
	use(w, &step_filter, &(struct filter_options){ NULL, 3 });
	become(w,
		LINES("{\"p\":1,\"date\":" AT("1") "}", "{\"level\":\"debug\"}", "{\"p\":1,\"date\":" AT("2") "}",
			"{\"level\":\"info\"}", "{\"level\":\"info\"}", "{\"level\":\"warn\"}", "{\"level\":\"warn\"}"),
		LINES("{\"p\":\"***\",\"date\":\"***\",\"a\":\"b\",\"oxpecker.repeated\":{\"count\":2,\"last\":\"***\"}"
		      "}",
			"{\"level\":\"warn\",\"a\":\"b\",\"oxpecker.repeated\":{\"count\":2}}"));
	assert_int_equal(term(w, LEDGER_MERGED)->records, 2);
	assert_int_equal(term(w, LEDGER_DROPPED_STEP)->records, 3);
}

static void one_step_that_folds_is_enough(void **state)
{
	struct world *w = *state;
	const struct option_list *nothing = NOTHING;
	struct step *second;

	use(w, &step_fold, &nothing);
	assert_int_equal(step_fold.create(&nothing, &w->host, &second), 0);
	assert_int_equal(chain_add(w->chain, &step_fold, second, &w->host.dropped), -EEXIST);
	step_fold.destroy(second);
}

/* As pino, zap, slog, python-json-logger, structlog, log4j2 and winston write them. */
static void ecs_names_what_loggers_write(void **state)
{
	struct world *w = *state;

	use(w, &step_ecs, &(bool){ false });
	become(w,
		LINES("{\"level\":30,\"time\":1795409106123,\"pid\":7,\"hostname\":\"a\",\"msg\":\"m\"}",
			"{\"level\":\"info\",\"ts\":1795409106.1234567,\"logger\":\"x\",\"msg\":\"m\"}",
			"{\"time\":\"2026-11-23T05:45:06.123456789+01:00\",\"level\":\"WARN+1\",\"msg\":\"m\"}",
			"{\"asctime\":\"2026-11-23 04:45:06,123\",\"levelname\":\"ERROR\",\"message\":\"m\","
			"\"exc_info\":\"t\"}",
			"{\"event\":\"e\",\"level\":\"error\",\"timestamp\":\"2026-11-23T04:45:06.123456Z\"}",
			"{\"instant\":{\"epochSecond\":1795409106,\"nanoOfSecond\":5},\"thread\":\"main\",\"level\":"
			"\"INFO\","
			"\"loggerName\":\"l\",\"message\":\"m\"}",
			"{\"level\":\"info\",\"trace_id\":\"a\",\"span_id\":\"b\",\"stack\":\"s\"}",
			"{\"date\":\"2020-01-01T00:00:00Z\",\"message\":\"m\",\"timestamp\":\"2026-11-23T04:45:06Z\"}"),
		LINES("{\"log.level\":\"info\",\"@timestamp\":\"2026-11-23T04:45:06.123Z\",\"process.pid\":7,"
		      "\"host.hostname\":\"a\",\"message\":\"m\"}",
			"{\"log.level\":\"info\",\"@timestamp\":\"2026-11-23T04:45:06.123456700Z\",\"log.logger\":"
			"\"x\","
			"\"message\":\"m\"}",
			"{\"@timestamp\":\"2026-11-23T05:45:06.123456789+01:00\",\"log.level\":\"WARN+1\",\"message\":"
			"\"m\"}",
			"{\"@timestamp\":\"2026-11-23T04:45:06.123Z\",\"log.level\":\"ERROR\",\"message\":\"m\","
			"\"error.stack_trace\":\"t\"}",
			"{\"message\":\"e\",\"log.level\":\"error\",\"@timestamp\":\"2026-11-23T04:45:06.123456Z\"}",
			"{\"@timestamp\":\"2026-11-23T04:45:06.000000005Z\",\"process.thread.name\":\"main\","
			"\"log.level\":\"INFO\",\"log.logger\":\"l\",\"message\":\"m\"}",
			"{\"log.level\":\"info\",\"trace.id\":\"a\",\"span.id\":\"b\",\"error.stack_trace\":\"s\"}",
			"{\"date\":\"2020-01-01T00:00:00Z\",\"message\":\"m\","
			"\"@timestamp\":\"2026-11-23T04:45:06Z\"}"));
}

/* What has the schema's names already, and what only looks like a member of it, stays. */
static void ecs_leaves_what_it_does_not_know(void **state)
{
	struct world *w = *state;

	use(w, &step_ecs, &(bool){ false });
	become(w,
		LINES("{\"@timestamp\":\"x\",\"time\":1795409106123,\"log\":{\"level\":\"info\"}}",
			"{\"msg\":{\"a\":1},\"time\":35,\"level\":\"loud\",\"pid\":\"x\"}",
			"{\"msg\":\"m\",\"message\":\"n\"}",
			"{\"log\":\"l\",\"level\":\"info\",\"message\":1,\"event\":\"e\"}",
			"{\"err\":{\"stack\":\"s\"},\"stack\":\"t\"}", "{\"event\":{\"kind\":\"k\"}}",
			"{\"event\":\"e\",\"message\":\"m\"}"),
		LINES("{\"@timestamp\":\"x\",\"time\":1795409106123,\"log\":{\"level\":\"info\"}}",
			"{\"msg\":{\"a\":1},\"time\":35,\"level\":\"loud\",\"pid\":\"x\"}",
			"{\"msg\":\"m\",\"message\":\"n\"}",
			"{\"log\":\"l\",\"level\":\"info\",\"message\":1,\"event\":\"e\"}",
			"{\"error\":{\"stack\":\"s\"},\"error.stack_trace\":\"t\"}", "{\"event\":{\"kind\":\"k\"}}",
			"{\"event\":\"e\",\"message\":\"m\"}"));
}

/* A time that says nothing makes way; one that says something is written as the schema has it, and goes first. */
static void ecs_gives_a_blank_time_its_moment(void **state)
{
	struct world *w = *state;

	use(w, &step_ecs, &(bool){ false });
	become(w,
		LINES("{\"@timestamp\":null,\"time\":1795409106123}", "{\"ts\":1795409106,\"\\u0040timestamp\":\"\"}",
			"{\"@timestamp\":null}", "{\"@timestamp\":\"2026-11-23 04:45:06,123\",\"time\":1}",
			"{\"time\":1,\"@timestamp\":1795409106123}",
			"{\"time\":1795409106123,\"\\u0040timestamp\":\"x\"}",
			"{\"time\":\"2020-01-01T00:00:00Z\",\"@timestamp\":\"2026-11-23T04:45:06Z\"}"),
		LINES("{\"@timestamp\":\"2026-11-23T04:45:06.123Z\"}", "{\"@timestamp\":\"2026-11-23T04:45:06.000Z\"}",
			"{\"@timestamp\":null}", "{\"@timestamp\":\"2026-11-23T04:45:06.123Z\",\"time\":1}",
			"{\"time\":1,\"@timestamp\":\"2026-11-23T04:45:06.123Z\"}",
			"{\"time\":1795409106123,\"\\u0040timestamp\":\"x\"}",
			"{\"time\":\"2020-01-01T00:00:00Z\",\"@timestamp\":\"2026-11-23T04:45:06Z\"}"));
}

/* Within objects and with escapes, a name is there all the same. */
static void ecs_adds_no_name_that_is_there(void **state)
{
	struct world *w = *state;

	use(w, &step_ecs, &(bool){ true });
	become(w,
		LINES("{\"ecs\":{\"version\":\"1\"},\"trace\":{\"x\":1,\"id\":\"a\"},\"trace_id\":\"b\"}",
			"{\"e\\u0063s\":{\"versio\\u006e\":\"1\"},\"span\":{\"y\":1},\"span_id\":\"b\"}",
			"{\"ecs\":\"no\",\"process\":\"p\",\"pid\":1,\"error\":\"e\"}",
			"{\"ecs.version.x\":1,\"process\":{\"thread\":\"t\"},\"thread\":\"u\"}",
			"{\"log\":\"l\",\"level\":\"info\",\"logger\":\"x\",\"ecs\":1}",
			"{\"log\":\"l\",\"msg\":\"m\",\"ecs\":1}", "{\"log\":7,\"level\":\"info\",\"ecs\":1}",
			"{\"oxpecker.path\":\"/a\",\"oxpecker.offset\":3,\"ecs\":1}"),
		LINES("{\"ecs\":{\"version\":\"1\"},\"trace\":{\"x\":1,\"id\":\"a\"},\"trace_id\":\"b\"}",
			"{\"e\\u0063s\":{\"versio\\u006e\":\"1\"},\"span\":{\"y\":1},\"span.id\":\"b\"}",
			"{\"ecs\":\"no\",\"process\":\"p\",\"pid\":1,\"error.message\":\"e\"}",
			"{\"ecs.version.x\":1,\"process\":{\"thread\":\"t\"},\"thread\":\"u\"}",
			"{\"message\":\"l\",\"log.level\":\"info\",\"log.logger\":\"x\",\"ecs\":1}",
			"{\"event.original\":\"l\",\"message\":\"m\",\"ecs\":1}",
			"{\"log\":7,\"level\":\"info\",\"ecs\":1}",
			"{\"log.file.path\":\"/a\",\"log.offset\":3,\"ecs\":1}"));
}

static void rename_takes_no_name_that_is_there(void **state)
{
	struct world *w = *state;

	use(w, &step_rename,
		&(const struct option_map *){ MAP({ "a", "b.c" }, { "log", "log.text" }, { "t", "@timestamp" }) });
	become(w,
		LINES("{\"a\":1,\"b\":{\"\\u0063\":2}}", "{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":{\"d\":2}}",
			"{\"a\":1,\"b.c.d\":2}", "{\"log\":\"x\"}", "{\"t\":1,\"@timestamp\":null}",
			"{\"t\":1,\"@timestamp\":2}"),
		LINES("{\"a\":1,\"b\":{\"\\u0063\":2}}", "{\"a\":1,\"b\":2}", "{\"b.c\":1,\"b\":{\"d\":2}}",
			"{\"a\":1,\"b.c.d\":2}", "{\"log.text\":\"x\"}", "{\"@timestamp\":1}",
			"{\"t\":1,\"@timestamp\":2}"));
}

static void ecs_says_its_version_once(void **state)
{
	use(*state, &step_ecs, &(bool){ true });
	become(*state, LINES("{}", "{\"ecs.version\":\"1\"}", "{\"ecs\":{}}"),
		LINES("{\"ecs.version\":\"8.11.0\"}", "{\"ecs.version\":\"1\"}",
			"{\"ecs\":{},\"ecs.version\":\"8.11.0\"}"));
}

/* The chain. */

static void what_is_all_dropped_settles(void **state)
{
	struct world *w = *state;

	use(w, &step_filter, &(struct filter_options){ NULL, 5 });
	become(w, LINES("{\"level\":10}", "{\"level\":20}"), (const char *const[]){ NULL });
	assert_int_equal(w->told_count, 1);
	assert_true(pipeline_idle(&w->pipeline));
	assert_int_equal(source_row(w->source, 0)->settled.term[LEDGER_DROPPED_STEP].records, 2);
	assert_int_equal(source_row(w->source, 0)->settled.term[LEDGER_RECEIVED].records, 2);
}

static void dropped_lines_join_those_that_stay(void **state)
{
	struct world *w = *state;

	use(w, &step_filter, &(struct filter_options){ NULL, 2 });
	assert_int_equal(offer(w, LINES("{\"level\":10}")), ADMIT_TAKEN);
	assert_int_equal(offer(w, LINES("{\"level\":30}", "{\"level\":10}")), ADMIT_TAKEN);
	assert_int_equal(offer(w, LINES("{\"level\":10}")), ADMIT_TAKEN);
	assert_int_equal(w->told_count, 0);
	assert_int_equal(term(w, LEDGER_HELD)->records, 4);
	later(w, 1000);
	assert_int_equal(w->told_count, 3);
	assert_int_equal(w->exporter.count, 1);
	assert_int_equal(term(w, LEDGER_DROPPED_STEP)->records, 3);
	assert_int_equal(term(w, LEDGER_HELD)->records, 0);
}

static void lines_that_stay_are_not_copied(void **state)
{
	struct world *w = *state;
	struct batch *b = batch_of(w, LINES("{\"a\":1}", "{\"b\":1}"));
	const char *data = batch_item(b, 1)->data;

	use(w, &step_redact, &(struct step_options){ LIST("password"), LIST("card", "ip"), 0, NULL });
	assert_int_equal(chain_run(w->chain, &b, 0, (struct mono_time){ 1 }), 0);
	assert_ptr_equal(batch_item(b, 1)->data, data);
	batch_free(b);
}

/* What a step needs for a long line is part of `memory`, and is given back. */
static void a_long_line_is_worked_on_within_memory(void **state)
{
	enum { LONG = 100 << 10 };
	struct world *w = *state;
	char *line = malloc(LONG + 1);
	size_t limit = w->pipeline.budget.limit, used;
	struct batch *b;

	use(w, &step_redact, &(struct step_options){ LIST("password"), LIST("ip"), 0, NULL });
	memset(line, 'x', LONG);
	memcpy(line, "{\"m\":\"\\u0041 password=1 ", 24);
	snprintf(line + LONG - 2, 3, "\"}");
	b = batch_of(w, LINES(line));
	used = budget_used(&w->pipeline.budget);
	memset(w->pipeline.budget.guaranteed, 0, sizeof w->pipeline.budget.guaranteed);
	w->pipeline.budget.limit = used + LONG * 3 / 2; /* enough for what it becomes */
	assert_int_equal(source_offer(w->source, &b), ADMIT_FULL);
	assert_int_equal(budget_used(&w->pipeline.budget), used);
	w->pipeline.budget.limit = used + LONG * 7 / 2;
	assert_int_equal(source_offer(w->source, &b), ADMIT_TAKEN);
	assert_true(budget_used(&w->pipeline.budget) < used + LONG / 10);
	w->pipeline.budget.limit = limit;
	later(w, 1000);
	assert_true(w->exporter.count == 1 && strncmp(w->exporter.lines[0], "{\"m\":\"A password=*** xxx", 24) == 0);
	free(line);
}

static void lines_without_an_object_do_not_pass(void **state)
{
	use(*state, &step_redact, &(struct step_options){ LIST("password"), NOTHING, 0, NULL });
	become(*state, LINES("{\"a\":1}", "[1]", "{\"a\":"), LINES("{\"a\":1}"));
}

/* At whatever memory is left: taken whole or not at all; then nothing was counted and no token of the bucket spent. */
static void without_room_nothing_has_happened(void **state)
{
	struct world *w = *state;
	const char *const *lines =
		LINES("{\"a\":1,\"password\":\"x\"}", "{\"b\":2,\"password\":\"0123456789\"}", "{\"c\":3}");
	size_t full = 0, size = 0, limit = w->pipeline.budget.limit;

	use(w, &step_redact, &(struct step_options){ LIST("password"), NOTHING, 0, NULL });
	use(w, &step_limit, &(struct limits){ 1, 3, BY_STREAM });
	for (enum admit admit = ADMIT_FULL; admit != ADMIT_TAKEN; size += 16) {
		struct batch *b = batch_of(w, lines);
		size_t used = budget_used(&w->pipeline.budget);
		w->pipeline.budget.limit = used + size;
		memset(w->pipeline.budget.guaranteed, 0, sizeof w->pipeline.budget.guaranteed);
		admit = source_offer(w->source, &b);
		full += admit == ADMIT_FULL;
		w->pipeline.budget.limit = limit;
		if (admit == ADMIT_TAKEN)
			break;
		batch_check(b);
		assert_int_equal(b->count, 3);
		assert_int_equal(b->token_count, 1);
		assert_memory_equal(b->items[0].data, lines[0], strlen(lines[0]));
		assert_int_equal(budget_used(&w->pipeline.budget), used);
		batch_free(b);
		assert_int_equal(term(w, LEDGER_RECEIVED)->records, 0);
	}
	assert_true(full > 3);
	later(w, 1000);
	assert_int_equal(w->exporter.count, 3);
	assert_string_equal(w->exporter.lines[1], "{\"b\":2,\"password\":\"***\"}");
	assert_int_equal(w->host.dropped, 0);
}

/* Blocks end in the middle of a batch, and the last gives back what it does not need. */
static void large_batches_are_written_whole(void **state)
{
	struct world *w = *state;
	char *line = calloc(1, 60001);
	const char *lines[7] = { line, line, "{\"s\":1,\"x\":2}", line, "{\"x\":3}", line, NULL };

	memset(line, ' ', 60000);
	memcpy(line, "{\"x\":1", 6);
	line[59999] = '}';
	use(w, &step_drop, &(struct step_options){ LIST("s") });
	assert_int_equal(offer(w, lines), ADMIT_TAKEN);
	later(w, 1000);
	assert_int_equal(w->exporter.count, 6);
	for (size_t i = 0; i < 6; i++)
		assert_string_equal(w->exporter.lines[i], i == 2 ? "{\"x\":2}" : lines[i]);
	free(line);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(redact_masks),
		TEST(redact_takes_dots_for_levels),
		TEST(redact_removes_and_hashes),
		TEST(redact_reaches_members_beyond_the_index),
		TEST(all_that_is_beyond_the_index_goes),
		TEST(redact_refuses_what_makes_no_sense),
		TEST(add_fills_what_is_absent),
		TEST(add_makes_no_object_of_a_text),
		TEST(rename_keeps_what_is_there),
		TEST(drop_and_keep),
		TEST(a_step_sees_what_the_one_before_did),
		TEST(filter_by_level),
		TEST(lines_are_chosen_by_where),
		TEST(members_are_dropped_of_lines_that_fit),
		TEST(a_very_long_text_is_compared_as_it_stands),
		TEST(a_where_that_can_never_be_is_refused),
		TEST(sample_is_the_same_each_time),
		TEST(sample_by_a_member_keeps_lines_together),
		TEST(sample_knows_an_absent_id),
		TEST(limit_by_rate),
		TEST(a_noisy_stream_is_limited_alone),
		TEST(all_streams_share_one_limit),
		TEST(many_streams),
		TEST(a_full_table_is_looked_through_now_and_then),
		TEST(fold_counts_what_is_said_again),
		TEST(fold_knows_a_time_by_its_value),
		TEST(runs_among_many_lines),
		TEST(a_run_is_of_one_reading),
		TEST(fold_among_other_steps),
		TEST(one_step_that_folds_is_enough),
		TEST(ecs_names_what_loggers_write),
		TEST(ecs_leaves_what_it_does_not_know),
		TEST(ecs_says_its_version_once),
		TEST(ecs_gives_a_blank_time_its_moment),
		TEST(ecs_adds_no_name_that_is_there),
		TEST(rename_takes_no_name_that_is_there),
		TEST(what_is_all_dropped_settles),
		TEST(dropped_lines_join_those_that_stay),
		TEST(lines_that_stay_are_not_copied),
		TEST(a_long_line_is_worked_on_within_memory),
		TEST(lines_without_an_object_do_not_pass),
		TEST(without_room_nothing_has_happened),
		TEST(large_batches_are_written_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
