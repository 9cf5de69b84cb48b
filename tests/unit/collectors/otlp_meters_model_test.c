/*
 * Streams of OTLP against a plain model: processes that send counters and histograms, cumulative and delta, send a
 * request twice, begin anew and fall silent, in any order. After each move the page has what the model has. If the
 * agent is killed, it has what deltas have added up to, and waits for the rest to be sent.
 */
#include "collectors/otlp_meters.h"

#include "base/random.h"
#include "series/meters_table.h"
#include "unit/fake_host.h"
#include "unit/http/raw.h"
#include "unit/proto/otlp_builder.h"
#include "unit/scratch.h"

enum { MEMORY = 8 << 20, PROCESSES = 3, STREAMS = 6, MOVES = 6000, TTL_S = 60, REQUEST = 64 << 10 };

static const double bound = 1;

/* Streams 0 and 1 are counters, 2 and 3 histograms with one bound, 4 and 5 exponential ones, whose buckets are one
 * below zero and one above; the even ones are cumulative. */
struct stream {
	uint64_t total, above; /* since the process began */
	uint64_t new_total, new_above; /* since it sent last */
	uint64_t shown, shown_above; /* on the page */
	bool there;
	int64_t sent; /* when */
};

struct process {
	uint64_t began, sent; /* its own clock */
	int64_t alive;
	struct stream streams[STREAMS];
};

struct bench {
	struct world world;
	struct host host;
	struct otlp_meters *meters;
	struct process processes[PROCESSES];
	struct random random;
	struct buffer request;
	uint64_t clock;
};

static bool is_delta(unsigned stream)
{
	return stream % 2;
}

/* Of any scale: what counts is above 1, and below -1. */
static void put_buckets(struct buffer *b, unsigned field, uint64_t count)
{
	size_t mark = b->size;

	put_number(b, 1, 0);
	put_number(b, 2, count);
	put_wrap(b, mark, field);
}

static void put_point(struct buffer *b, const struct process *p, unsigned stream, uint64_t now)
{
	const struct stream *s = &p->streams[stream];
	uint64_t total = is_delta(stream) ? s->new_total : s->total, above = is_delta(stream) ? s->new_above : s->above;
	uint64_t bits, start = is_delta(stream) ? p->sent : p->began;
	size_t mark = b->size;

	put_fixed64(b, 2, start);
	put_fixed64(b, 3, now);
	if (stream < 2) {
		put_fixed64(b, 6, total);
	} else if (stream > 3) {
		put_fixed64(b, 4, total);
		put_fixed64(b, 5, 0);
		put_number(b, 6, 2 * (now % 12)); /* from 0 to 11 */
		put_buckets(b, 9, total - above);
		put_buckets(b, 8, above);
	} else {
		put_fixed64(b, 4, total);
		put_fixed64(b, 6, total - above);
		put_fixed64(b, 6, above);
		memcpy(&bits, &bound, sizeof bits);
		put_fixed64(b, 7, bits);
	}
	put_wrap(b, mark, 1);
}

static void put_metric(struct buffer *b, const struct process *p, unsigned stream, uint64_t now)
{
	const char name[2] = { (char)('a' + stream), '\0' };
	size_t mark = b->size, data;

	put_text(b, 1, name);
	data = b->size;
	put_point(b, p, stream, now);
	put_number(b, 2, is_delta(stream) ? OTLP_DELTA : OTLP_CUMULATIVE);
	if (stream < 2)
		put_number(b, 3, 1);
	put_wrap(b, data, stream < 2 ? 7 : stream < 4 ? 9 : 10);
	put_wrap(b, mark, 2);
}

static void take(struct bench *b)
{
	struct otlp_points points;
	size_t steps = SIZE_MAX;

	otlp_points_init(&points, buffer_bytes(&b->request));
	otlp_meters_begin(b->meters);
	while (otlp_points_next(&points, &steps) == OTLP_POINTS_POINT)
		assert_int_equal(otlp_meters_take(b->meters, &points.point), OTLP_POINT_FINE);
	otlp_meters_answer(b->meters, SIZE_MAX);
	meters_check(b->meters->meters);
}

/* As an SDK sends: all cumulative streams that it ever had, and the deltas that are not zero. */
static void send_all(struct bench *b, unsigned number)
{
	struct process *p = &b->processes[number];
	const char instance[2] = { (char)('0' + number), '\0' };
	int64_t now = loop_now(b->world.loop).ns;
	size_t resource;

	buffer_clear(&b->request);
	put_attribute(&b->request, 1, "service.instance.id", instance);
	put_wrap(&b->request, 0, 1);
	resource = b->request.size;
	b->clock++;
	for (unsigned i = 0; i < STREAMS; i++) {
		struct stream *s = &p->streams[i];
		if (is_delta(i) ? s->new_total == 0 : s->total == 0)
			continue;
		put_metric(&b->request, p, i, b->clock);
		s->shown = is_delta(i) ? s->shown + s->new_total : s->total;
		s->shown_above = is_delta(i) ? s->shown_above + s->new_above : s->above;
		s->new_total = s->new_above = 0;
		s->there = true;
		s->sent = p->alive = now;
	}
	p->sent = b->clock;
	put_wrap(&b->request, resource, 2);
	put_wrap(&b->request, 0, 1);
	for (uint64_t times = 1 + (random_below(&b->random, 4) == 0); times > 0; times--)
		take(b);
}

static void measure(struct bench *b, struct process *p)
{
	struct stream *s = &p->streams[random_below(&b->random, STREAMS)];
	uint64_t by = random_below(&b->random, 10);
	bool above = random_below(&b->random, 2);

	s->total += by;
	s->new_total += by;
	s->above += above ? by : 0;
	s->new_above += above ? by : 0;
}

static void begin_anew(struct bench *b, struct process *p)
{
	p->began = p->sent = ++b->clock;
	for (unsigned i = 0; i < STREAMS; i++)
		p->streams[i].total = p->streams[i].new_total = p->streams[i].above = p->streams[i].new_above = 0;
}

static void pass_time(struct bench *b)
{
	int64_t now;

	b->world.ahead += DURATION_S(1 + random_below(&b->random, TTL_S)).ns;
	loop_turn(b->world.loop, DURATION_MS(0));
	now = loop_now(b->world.loop).ns;
	meters_age(b->meters->meters, loop_now(b->world.loop), 1000);
	saving_look(&b->meters->saving);
	for (unsigned i = 0; i < PROCESSES * STREAMS; i++) {
		struct process *p = &b->processes[i / STREAMS];
		struct stream *s = &p->streams[i % STREAMS];
		if (now - (is_delta(i % STREAMS) ? p->alive : s->sent) <= DURATION_S(TTL_S).ns)
			continue;
		s->there = false;
		s->shown = s->shown_above = 0;
	}
}

static const struct meter *find(struct bench *b, unsigned process, unsigned stream)
{
	char name[8], instance[2] = { (char)('0' + process), '\0' };
	struct meter_label label = { bytes_of("instance"), bytes_of(instance) };
	struct meter_wanted w = { .kind = stream < 2   ? METER_COUNTER
					  : stream < 4 ? METER_HISTOGRAM
						       : METER_NATIVE,
		.labels = &label };

	snprintf(name, sizeof name, "%c%s", (char)('a' + stream), stream < 2 ? "_total" : "");
	w.name = bytes_of(name);
	w.label_count = 1;
	return meters_find(b->meters->meters, &w);
}

static void assert_native(const struct meter *meter, const struct stream *s)
{
	struct native_sum sum;

	native_sum_init(&sum);
	meter_native_get(meter, &sum.all);
	assert_in_range(sum.all.positive.count + sum.all.negative.count, 0, 2);
	assert_int_equal(sum.all.positive.count ? sum.all.positive.buckets[0].whole : 0, s->shown_above);
	assert_int_equal(sum.all.negative.count ? sum.all.negative.buckets[0].whole : 0, s->shown - s->shown_above);
}

static void compare(struct bench *b)
{
	for (unsigned i = 0; i < PROCESSES * STREAMS; i++) {
		const struct stream *s = &b->processes[i / STREAMS].streams[i % STREAMS];
		const struct meter *meter = find(b, i / STREAMS, i % STREAMS);
		assert_int_equal(meter != NULL, s->there);
		if (!meter)
			continue;
		assert_int_equal(meter->whole, s->shown);
		if (meter->scale)
			assert_int_equal(meter->counts[1], s->shown_above);
		if (meter->native)
			assert_native(meter, s);
	}
}

static void begin_agent(struct bench *b, const char *state_path)
{
	const struct otlp_meters_options options = { .ttl = DURATION_S(TTL_S),
		.limits = { .series = 1000, .family_series = 500, .label = METER_LABEL_MAX } };

	b->host.state_path = state_path;
	b->host.series = series_new(&series_limits_default, 1);
	assert_int_equal(otlp_meters_new(&b->host, &options, &b->meters), 0);
	if (state_path)
		otlp_meters_save(b->meters);
}

static void end_agent(struct bench *b)
{
	otlp_meters_free(b->meters);
	series_check(b->host.series);
	series_free(b->host.series);
}

static void kill_agent(struct bench *b)
{
	end_agent(b);
	begin_agent(b, b->host.state_path);
	for (unsigned i = 0; i < PROCESSES * STREAMS; i++) {
		struct process *p = &b->processes[i / STREAMS];
		struct stream *s = &p->streams[i % STREAMS];
		p->alive = loop_now(b->world.loop).ns;
		if (is_delta(i % STREAMS))
			continue;
		s->there = false;
		s->shown = s->shown_above = 0;
	}
}

static void move(struct bench *b)
{
	unsigned process = (unsigned)random_below(&b->random, PROCESSES), what = (unsigned)random_below(&b->random, 12);

	if (what == 0)
		begin_anew(b, &b->processes[process]);
	else if (what == 1)
		pass_time(b);
	else if (what < 5)
		send_all(b, process);
	else if (what == 5 && b->host.state_path)
		kill_agent(b);
	else
		measure(b, &b->processes[process]);
	compare(b);
}

static void run(int moves, const char *state_path)
{
	struct bench b = { .clock = 1000 };

	world_init(&b.world);
	fake_host_init(&b.host, b.world.loop, NULL, MEMORY);
	begin_agent(&b, state_path);
	buffer_init(&b.request, REQUEST);
	random_seed(&b.random, 14);
	for (unsigned i = 0; i < PROCESSES; i++)
		begin_anew(&b, &b.processes[i]);
	for (int i = 0; i < moves; i++)
		move(&b);
	assert_true(fake_host_number(&b.host, "metric_points_repeated_total") > (uint64_t)moves / 60);
	end_agent(&b);
	fake_host_done(&b.host);
	loop_free(b.world.loop);
	buffer_done(&b.request);
}

static void streams_equal_a_plain_model(void **state)
{
	(void)state;
	run(MOVES, NULL);
}

static void deltas_equal_it_through_kills_of_the_agent(void **state)
{
	struct scratch scratch;

	(void)state;
	scratch_init(&scratch, "otlp");
	run(MOVES / 3, scratch.path);
	scratch_done(&scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(streams_equal_a_plain_model),
		cmocka_unit_test(deltas_equal_it_through_kills_of_the_agent) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
