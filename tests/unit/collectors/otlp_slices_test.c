/*
 * What a callback does of a request of OTLP metrics is bounded by what it costs: by points, by their bytes, and by the
 * resources that are told. What is usual takes no more callbacks than before.
 */
#include "collectors/otlp_door.h"
#include "unit/fake_host.h"
#include "unit/http/raw.h"
#include "unit/proto/otlp_builder.h"

enum {
	MEMORY = 64 << 20,
	BODY_MAX = 32 << 20,
	SLICE_BYTES = 96 << 10,
	SLICE_RESOURCES = 12,
	SLICE_FIELDS = 20000,
	UNKNOWN = 128, /* bytes of a field, unless they are tiny */
};

struct fixture {
	struct world world;
	struct host host;
	struct otlp_door door;
	struct buffer body;
};

static void begin(struct fixture *f)
{
	*f = (struct fixture){ 0 };
	world_init(&f->world);
	fake_host_init(&f->host, f->world.loop, NULL, MEMORY);
	f->host.series = series_new(&series_limits_default, 1);
	assert_int_equal(
		otlp_meters_new(&f->host,
			&(struct otlp_meters_options){ .scope_labels = true,
				.limits = { .series = 9000, .family_series = 9000, .label = METER_LABEL_MAX } },
			&f->door.meters),
		0);
	buffer_init(&f->body, BODY_MAX);
}

static void end(struct fixture *f)
{
	otlp_meters_free(f->door.meters);
	series_free(f->host.series);
	fake_host_done(&f->host);
	loop_free(f->world.loop);
	buffer_done(&f->body);
}

/* Fields that nobody knows, of two bytes each: number 15, a varint. */
static void put_tiny(struct buffer *b, size_t size)
{
	for (size_t i = 0; i < size; i += 2)
		put_raw(b, "\x78\x01", 2);
}

static void put_unknown(struct buffer *b, size_t size)
{
	static const char text[UNKNOWN];

	for (size_t i = 0; i + sizeof text <= size; i += sizeof text)
		put_bytes(b, 15, text, sizeof text);
	put_tiny(b, size % sizeof text);
}

/* The messages of a request, from its outside. */
enum place { AROUND_REQUEST, AROUND_SCOPES, AROUND_METRICS, AROUND_DATA, AROUND_POINTS, PLACES };

struct shape {
	size_t resources, points, point_unknown, scope_unknown, resource_unknown;
	bool tiny; /* what is unknown */
	size_t around[PLACES]; /* bytes of tiny fields at that place */
};

static void put_in(struct buffer *b, const struct shape *s, size_t size)
{
	if (s->tiny)
		put_tiny(b, size);
	else
		put_unknown(b, size);
}

/* Of a gauge: one metric. */
static void put_points(struct buffer *b, const struct shape *s)
{
	size_t metric = b->size, data;

	put_text(b, 1, "m");
	put_tiny(b, s->around[AROUND_DATA]);
	data = b->size;
	for (size_t i = 0; i < s->points; i++) {
		size_t point = b->size;
		put_attribute_int(b, 7, "i", (int64_t)i);
		put_fixed64(b, 4, 0);
		put_in(b, s, s->point_unknown);
		put_wrap(b, point, 1);
	}
	put_tiny(b, s->around[AROUND_POINTS]);
	put_wrap(b, data, 5);
	put_wrap(b, metric, 2);
}

static void put_request(struct buffer *b, const struct shape *s)
{
	for (size_t i = 0; i < s->resources; i++) {
		size_t all = b->size, part = b->size, scope;
		put_attribute_int(b, 1, "made.of", (int64_t)i);
		put_attribute(b, 1, "service.name", (char[]){ 'a', (char)('a' + i / 26), (char)('a' + i % 26), 0 });
		put_in(b, s, s->resource_unknown);
		put_wrap(b, part, 1);
		part = b->size;
		scope = b->size;
		put_text(b, 1, "scope");
		put_in(b, s, s->scope_unknown);
		put_wrap(b, scope, 1);
		put_points(b, s);
		put_tiny(b, s->around[AROUND_METRICS]);
		put_wrap(b, part, 2);
		put_tiny(b, s->around[AROUND_SCOPES]);
		put_wrap(b, all, 1);
	}
	put_tiny(b, s->around[AROUND_REQUEST]);
}

/* Applies it; how many callbacks that takes. */
static size_t callbacks(struct fixture *f, const struct shape *shape, struct otlp_request *r)
{
	size_t count = 1;

	buffer_clear(&f->body);
	put_request(&f->body, shape);
	*r = (struct otlp_request){ .base = { .door = &f->door.door,
					    .body = { .data = f->body.data, .size = f->body.size } } };
	assert_true(otlp_service_metrics.type.fill(&r->base));
	while (otlp_service_metrics.type.apply(&r->base))
		count++;
	return count;
}

static void a_slice_is_bounded_in_bytes(void **state)
{
	static const struct shape shapes[] = {
		{ 1, 50, 20 << 10, 0, 0 }, /* of points, */
		{ 1, 200, 0, 40 << 10, 0 }, /* of the scope, which is read for each of them, */
		{ 20, 1, 0, 0, 50 << 10 }, /* of resources */
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(shapes); i++) {
		const struct shape *s = &shapes[i];
		size_t bytes = s->resources * (s->points * (s->point_unknown + s->scope_unknown) + s->resource_unknown);
		struct otlp_request r;
		struct fixture f;
		begin(&f);
		assert_true(callbacks(&f, s, &r) >= bytes / SLICE_BYTES);
		assert_int_equal(r.metrics.taken, s->resources * s->points);
		end(&f);
	}
}

/* Millions of fields that nobody knows, wherever they are. */
static void a_slice_is_bounded_in_fields(void **state)
{
	enum { TINY = 1 << 20 };

	(void)state;
	for (int i = 0; i < PLACES; i++) {
		struct shape shape = { .resources = 1, .points = 1 };
		struct otlp_request r;
		struct fixture f;
		begin(&f);
		shape.around[i] = TINY;
		assert_true(callbacks(&f, &shape, &r) >= TINY / 2 / SLICE_FIELDS);
		assert_int_equal(r.metrics.taken, 1);
		end(&f);
	}
}

static void a_slice_is_bounded_in_resources(void **state)
{
	struct otlp_request r;
	struct fixture f;

	(void)state;
	begin(&f);
	assert_true(callbacks(&f, &(struct shape){ 200, 1, 0, 0, 0 }, &r) >= 200 / SLICE_RESOURCES);
	assert_int_equal(r.metrics.taken, 200);
	end(&f);
}

static void what_is_usual_goes_as_fast_as_before(void **state)
{
	struct otlp_request r;
	struct fixture f;

	(void)state;
	begin(&f);
	assert_int_equal(callbacks(&f, &(struct shape){ 1, 100, 20, 20, 200 }, &r), 1);
	assert_int_equal(r.metrics.taken, 100);
	end(&f);
	begin(&f);
	assert_in_range(callbacks(&f, &(struct shape){ 1, 1000, 20, 20, 200 }, &r), 5, 7);
	assert_int_equal(r.metrics.taken, 1000);
	end(&f);
}

/* Nobody could read it in a slice, be it for its bytes or its fields. */
static void what_is_too_large_to_read_is_refused_alone(void **state)
{
	static const struct shape shapes[] = { { 1, 2, 300 << 10, 0, 0 }, { 1, 2, 0, 300 << 10, 0 },
		{ 1, 2, 0, 0, 300 << 10 }, { 1, 2, 20 << 10, 0, 0, .tiny = true },
		{ 1, 2, 0, 20 << 10, 0, .tiny = true }, { 1, 2, 0, 0, 20 << 10, .tiny = true } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(shapes); i++) {
		struct otlp_request r;
		struct fixture f;
		begin(&f);
		(void)callbacks(&f, &shapes[i], &r);
		assert_int_equal(r.metrics.taken, 0);
		assert_int_equal(r.metrics.refused, 2);
		assert_int_equal(r.metrics.fault, OTLP_POINT_SIZE);
		end(&f);
	}
}

/* Fields count where a reader passes them, and only there. */
static void put_deep(struct buffer *b, unsigned where, size_t tiny)
{
	size_t point = b->size, pair, any;

	put_fixed64(b, 4, 0);
	if (where == 0)
		put_tiny(b, tiny);
	pair = b->size;
	put_text(b, 1, "key");
	if (where == 1)
		put_tiny(b, tiny);
	any = b->size;
	put_text(b, 1, "value");
	if (where == 2)
		put_tiny(b, tiny);
	put_wrap(b, any, 2);
	put_wrap(b, pair, 7);
	pair = b->size;
	if (where == 3)
		put_tiny(b, tiny);
	put_wrap(b, pair, 5); /* an exemplar */
	pair = b->size;
	put_tiny(b, where == 4 ? tiny : 0);
	put_wrap(b, pair, 14); /* nobody knows it */
	put_wrap(b, point, 1);
}

static void fields_count_where_they_are_passed(void **state)
{
	(void)state;
	for (unsigned where = 0; where <= 4; where++)
		for (int more = 0; more < 2; more++) {
			size_t all, part, data, steps = SIZE_MAX;
			struct otlp_points p;
			struct buffer b;
			buffer_init(&b, BODY_MAX);
			all = part = b.size;
			data = b.size;
			put_deep(&b, where, more ? 2 * OTLP_POINT_FIELDS_MAX : 2 * OTLP_POINT_FIELDS_MAX - 32);
			put_wrap(&b, data, 5);
			put_wrap(&b, data, 2);
			put_wrap(&b, part, 2);
			put_wrap(&b, all, 1);
			otlp_points_init(&p, buffer_bytes(&b));
			assert_int_equal(otlp_points_next(&p, &steps), OTLP_POINTS_POINT);
			assert_int_equal(otlp_point_is_large(&p.point), more && where < 4);
			buffer_done(&b);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slice_is_bounded_in_bytes),
		cmocka_unit_test(a_slice_is_bounded_in_resources),
		cmocka_unit_test(what_is_usual_goes_as_fast_as_before),
		cmocka_unit_test(a_slice_is_bounded_in_fields),
		cmocka_unit_test(fields_count_where_they_are_passed),
		cmocka_unit_test(what_is_too_large_to_read_is_refused_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
