/*
 * Metrics of OTLP: what each kind of point becomes on the page, and when a series ends. Requests are written as JSON,
 * which the door reads, too.
 */
#include "collectors/otlp_meters.h"

#include <stdlib.h>

#include "base/random.h"
#include "proto/metric_family_read.h"
#include "proto/otlp_json.h"
#include "proto/otlp_native.h"
#include "series/meters_table.h"
#include "series/write.h"
#include "unit/fake_host.h"
#include "unit/http/raw.h"
#include "unit/scratch.h"

enum { MEMORY = 8 << 20, PAGE = 1 << 20, REQUEST = 256 << 10, TTL_S = 300 };

struct fixture {
	struct world world;
	struct host host;
	struct series *table;
	struct otlp_meters *meters;
	struct buffer page;
	size_t points, refused;
	enum otlp_point_fault fault; /* of the first that was refused */
};

static void begin_as(struct fixture *f, const struct otlp_meters_options *options)
{
	*f = (struct fixture){ 0 };
	world_init(&f->world);
	fake_host_init(&f->host, f->world.loop, NULL, MEMORY);
	f->table = f->host.series = series_new(&series_limits_default, 1);
	assert_non_null(f->table);
	assert_int_equal(otlp_meters_new(&f->host, options, &f->meters), 0);
	buffer_init(&f->page, PAGE);
}

static void begin(struct fixture *f)
{
	begin_as(f, &(struct otlp_meters_options){ .ttl = DURATION_S(TTL_S),
			    .limits = { .series = 1000, .family_series = 500, .label = METER_LABEL_MAX } });
}

static void end(struct fixture *f)
{
	meters_check(f->meters->meters);
	otlp_meters_free(f->meters);
	series_check(f->table);
	series_free(f->table);
	fake_host_done(&f->host);
	loop_free(f->world.loop);
	buffer_done(&f->page);
}

static void take(struct fixture *f, struct bytes wire)
{
	enum otlp_points_next next;
	struct otlp_points points;
	size_t steps = 1;

	f->points = f->refused = 0;
	f->fault = OTLP_POINT_FINE;
	otlp_points_init(&points, wire);
	otlp_meters_begin(f->meters);
	while ((next = otlp_points_next(&points, &steps)) != OTLP_POINTS_END) {
		assert_int_not_equal(next, OTLP_POINTS_BROKEN);
		steps = 1;
		if (next == OTLP_POINTS_LATER)
			continue;
		enum otlp_point_fault fault = otlp_meters_take(f->meters, &points.point);
		meters_check(f->meters->meters);
		f->points++;
		if (fault && f->refused++ == 0)
			f->fault = fault;
	}
}

/* A request in JSON, with ' for ". */
static void send_json(struct fixture *f, const char *json)
{
	char text[REQUEST] = "", wire[REQUEST];
	size_t size = strlen(json), at;
	const char *why;

	assert_true(size + JSON_LINE_PADDING < sizeof text);
	for (size_t i = 0; i < size; i++)
		text[i] = json[i] == '\'' ? '"' : json[i];
	assert_true(otlp_json_room((struct bytes){ text, size }, OTLP_JSON_METRICS) <= sizeof wire);
	why = otlp_json_read((struct bytes){ text, size }, OTLP_JSON_METRICS, wire, &size, &at);
	if (why)
		fail_msg("%s at %zu", why, at);
	take(f, (struct bytes){ wire, size });
}

#define METRICS(resource, metrics) \
	"{'resourceMetrics':[{'resource':{'attributes':[" resource "]},'scopeMetrics':[{'metrics':[" metrics "]}]}]}"
#define TEXT_OF(key, value) "{'key':'" key "','value':{'stringValue':'" value "'}}"
#define POINT(members) "{'dataPoints':[{" members "}]}"
#define SUM(monotonic, temporality, members) \
	"'sum':{'isMonotonic':" monotonic ",'aggregationTemporality':" temporality ",'dataPoints':[{" members "}]}"
#define HISTOGRAM(temporality, members) \
	"'histogram':{'aggregationTemporality':" temporality ",'dataPoints':[{" members "}]}"
#define EXPONENTIAL(temporality, members) \
	"'exponentialHistogram':{'aggregationTemporality':" temporality ",'dataPoints':[{" members "}]}"
#define METRIC(members) METRICS("", "{'name':'m'," members "}")

static void read_page_of(struct fixture *f, enum exposition_format format)
{
	struct series_cursor cursor;

	series_check(f->table);
	buffer_clear(&f->page);
	series_cursor_init(&cursor, f->table, format);
	assert_int_equal(series_write_some(&cursor, &f->page, PAGE), 0);
	assert_int_equal(buffer_append(&f->page, "", 1), 0);
}

static void assert_shows_in(struct fixture *f, enum exposition_format format, const char *expected)
{
	size_t before = f->host.collected;

	otlp_meters_collect(f->meters);
	while (f->host.collected == before)
		turn(&f->world);
	read_page_of(f, format);
	assert_string_equal(f->page.data, expected);
}

static void assert_shows(struct fixture *f, const char *expected)
{
	assert_shows_in(f, EXPOSITION_TEXT, expected);
}

static void each_kind_of_point_is_on_the_page(void **state)
{
	static const struct {
		const char *request, *page;
	} rows[] = {
		{ METRIC("'gauge':" POINT("'asInt':'-5'")), "# TYPE m gauge\nm -5\n" },
		{ METRIC("'gauge':" POINT("'asDouble':'NaN'")), "# TYPE m gauge\nm NaN\n" },
		{ METRIC("'unit':'1','gauge':" POINT("'asDouble':0.25")), "# TYPE m_ratio gauge\nm_ratio 0.25\n" },
		{ METRIC("'description':'a \\\\ b','gauge':" POINT("'asInt':1")),
			"# HELP m a \\\\ b\n# TYPE m gauge\nm 1\n" },
		{ METRIC(SUM("true", "2", "'asInt':7")), "# TYPE m_total counter\nm_total 7\n" },
		{ METRIC("'unit':'By'," SUM("true", "'AGGREGATION_TEMPORALITY_DELTA'", "'asDouble':7.5")),
			"# TYPE m_bytes_total counter\nm_bytes_total 7.5\n" },
		{ METRIC(SUM("false", "2", "'asInt':-7")), "# TYPE m gauge\nm -7\n" },
		{ METRIC("'unit':'s'," HISTOGRAM("2", "'count':6,'sum':4.5,'bucketCounts':['1',2,3],"
						      "'explicitBounds':[0.5,1]")),
			"# TYPE m_seconds histogram\nm_seconds_bucket{le=\"0.5\"} 1\nm_seconds_bucket{le=\"1\"} 3\n"
			"m_seconds_bucket{le=\"+Inf\"} 6\nm_seconds_sum 4.5\nm_seconds_count 6\n" },
		{ METRIC(HISTOGRAM("1", "'count':6,'sum':4.5")),
			"# TYPE m histogram\nm_bucket{le=\"+Inf\"} 6\nm_sum 4.5\nm_count 6\n" },
		{ METRIC(HISTOGRAM("2", "'count':3,'bucketCounts':[3],'explicitBounds':[]")),
			"# TYPE m histogram\nm_bucket{le=\"+Inf\"} 3\nm_count 3\n" },
		{ METRIC(HISTOGRAM("2", "'count':3,'sum':-1,'bucketCounts':[1,2],'explicitBounds':[-1]")),
			"# TYPE m histogram\nm_bucket{le=\"-1\"} 1\nm_bucket{le=\"+Inf\"} 3\nm_count 3\n" },
		{ METRIC("'exponentialHistogram':{'aggregationTemporality':2,'dataPoints':[{'count':9,'sum':2,"
			 "'scale':-1,'positive':{'offset':-3,'bucketCounts':[4,5]}}]}"),
			"# TYPE m histogram\nm_bucket{le=\"+Inf\"} 9\nm_sum 2\nm_count 9\n" },
		{ METRIC("'summary':" POINT("'count':2,'sum':3,'quantileValues':[{'quantile':0.5,'value':1},"
					    "{'quantile':1,'value':2}]")),
			"# TYPE m summary\nm{quantile=\"0.5\"} 1\nm{quantile=\"1\"} 2\nm_sum 3\nm_count 2\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct fixture f;
		begin(&f);
		send_json(&f, rows[i].request);
		assert_int_equal(f.points, 1);
		assert_int_equal(f.fault, OTLP_POINT_FINE);
		assert_shows(&f, rows[i].page);
		end(&f);
	}
}

static void attributes_become_labels(void **state)
{
	static const struct {
		const char *attributes, *labels;
	} rows[] = {
		{ TEXT_OF("http.method", "GET") "," TEXT_OF("b", "\\\"\\n"), "{b=\"\\\"\\n\",http_method=\"GET\"}" },
		{ "{'key':'i','value':{'intValue':'-3'}},{'key':'t','value':{'boolValue':true}},"
		  "{'key':'d','value':{'doubleValue':0.5}}",
			"{d=\"0.5\",i=\"-3\",t=\"true\"}" },
		{ "{'key':'l','value':{'arrayValue':{'values':[{'intValue':1},{'stringValue':'x'}]}}},"
		  "{'key':'m','value':{'kvlistValue':{'values':[{'key':'k','value':{'boolValue':false}}]}}},"
		  "{'key':'raw','value':{'bytesValue':'aGk='}}",
			"{l=\"[1,\\\"x\\\"]\",m=\"{\\\"k\\\":false}\",raw=\"aGk=\"}" },
		{ TEXT_OF("a_b", "3") "," TEXT_OF("a.b", "1") "," TEXT_OF("a/b", "2") "," TEXT_OF("c", "4"),
			"{a_b=\"1;2;3\",c=\"4\"}" },
		{ TEXT_OF("", "none") "," TEXT_OF("empty", "") "," TEXT_OF("9", "digit") "," TEXT_OF("__x", "low"),
			"{_x=\"low\",key_9=\"digit\"}" },
		{ TEXT_OF("\xc3\xa4\xc3\xb6.x", "\xc3\xa4"), "{_x=\"\xc3\xa4\"}" },
		{ TEXT_OF("bad", "a\xff"), "{bad=\"a\xef\xbf\xbd\"}" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char request[2048], page[2048];
		struct fixture f;
		snprintf(request, sizeof request, METRIC("'gauge':" POINT("'asInt':1,'attributes':[%s]")),
			rows[i].attributes);
		snprintf(page, sizeof page, "# TYPE m gauge\nm%s 1\n", rows[i].labels);
		begin(&f);
		send_json(&f, request);
		assert_shows(&f, page);
		end(&f);
	}
}

#define SHOP                                                                           \
	TEXT_OF("service.name", "shop")                                                \
	"," TEXT_OF("service.namespace", "web") "," TEXT_OF("service.instance.id", "i" \
										   "1")

static void a_resource_is_told_once(void **state)
{
	struct fixture f;

	(void)state;
	begin_as(&f, &(struct otlp_meters_options){
			     .limits = { .series = 100, .family_series = 100, .label = 100 }, .scope_labels = true });
	send_json(&f,
		"{'resourceMetrics':[{'resource':{'attributes':[" SHOP "," TEXT_OF("host.name",
			"a") "]},'scopeMetrics':[{'scope':{'name':'lib','version':'2','attributes':[" TEXT_OF("team",
			"x") "," TEXT_OF("name",
			"no") "]},'schemaUrl':'http://s',"
			      "'metrics':[{'name':'m','gauge':" POINT(
				      "'asInt':1,'attributes':[" TEXT_OF("job", "mine") "]") "}]}]}]}");
	assert_shows(&f, "# TYPE m gauge\nm{instance=\"i1\",job=\"web/shop\",otel_scope_name=\"lib\","
			 "otel_scope_schema_url=\"http://s\",otel_scope_team=\"x\",otel_scope_version=\"2\"} 1\n"
			 "# HELP target_info What is known of what sends over OTLP.\n# TYPE target_info gauge\n"
			 "target_info{host_name=\"a\",instance=\"i1\",job=\"web/shop\"} 1\n");
	send_json(&f, METRICS(SHOP "," TEXT_OF("host.name", "b"), "{'name':'m','gauge':" POINT("'asInt':2") "}"));
	send_json(&f, METRICS(TEXT_OF("service.name", "alone"), "{'name':'n','gauge':" POINT("'asInt':3") "}"));
	assert_shows(&f, "# TYPE m gauge\nm{instance=\"i1\",job=\"web/shop\",otel_scope_name=\"lib\","
			 "otel_scope_schema_url=\"http://s\",otel_scope_team=\"x\",otel_scope_version=\"2\"} 1\n"
			 "m{instance=\"i1\",job=\"web/shop\"} 2\n# TYPE n gauge\nn{job=\"alone\"} 3\n"
			 "# HELP target_info What is known of what sends over OTLP.\n# TYPE target_info gauge\n"
			 "target_info{host_name=\"b\",instance=\"i1\",job=\"web/shop\"} 1\n");
	end(&f);
}

/* An attribute may have the name of a label that is ours, and stand for another resource. */
static void resources_that_look_alike_take_turns(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	send_json(
		&f, METRICS(TEXT_OF("service.name", "s") "," TEXT_OF("service.instance.id", "i") "," TEXT_OF("x", "1"),
			    "{'name':'b','gauge':" POINT("'asInt':1") "}"));
	send_json(&f, METRICS(TEXT_OF("service.name", "s") "," TEXT_OF("instance", "i") "," TEXT_OF("x", "1"),
			      "{'name':'a','gauge':" POINT("'asInt':2") "}"));
	send_json(
		&f, METRICS(TEXT_OF("service.name", "s") "," TEXT_OF("service.instance.id", "i") "," TEXT_OF("x", "2"),
			    "{'name':'b','gauge':" POINT("'asInt':3") "}"));
	send_json(&f, METRICS(TEXT_OF("service.name", "s") "," TEXT_OF("instance", "i") "," TEXT_OF("x", "3"),
			      "{'name':'a','gauge':" POINT("'asInt':4") "}"));
	assert_shows(&f, "# TYPE a gauge\na{job=\"s\"} 4\n# TYPE b gauge\nb{instance=\"i\",job=\"s\"} 3\n"
			 "# HELP target_info What is known of what sends over OTLP.\n# TYPE target_info gauge\n"
			 "target_info{instance=\"i\",job=\"s\",x=\"2\"} 1\n"
			 "target_info{instance=\"i\",job=\"s\",x=\"3\"} 1\n");
	end(&f);
}

static void a_long_value_of_a_resource_costs_itself(void **state)
{
	struct fixture f;
	char value[METER_LABEL_MAX + 2], json[4096];

	(void)state;
	begin(&f);
	memset(value, 'v', sizeof value - 1);
	value[sizeof value - 1] = '\0';
	snprintf(json, sizeof json,
		METRICS(TEXT_OF("service.name", "s") "," TEXT_OF("long", "%s") "," TEXT_OF("short", "1"),
			"{'name':'a','gauge':" POINT("'asInt':2") "}"),
		value);
	send_json(&f, json);
	assert_shows(&f, "# TYPE a gauge\na{job=\"s\"} 2\n# HELP target_info What is known of what sends over OTLP.\n"
			 "# TYPE target_info gauge\ntarget_info{job=\"s\",short=\"1\"} 1\n");
	end(&f);
}

/* As many as fit beside job and instance are shown, and the resource is counted once. */
static void a_resource_of_many_attributes_is_told_in_part(void **state)
{
	static const int counts[] = { 60, 61, 63, 64, 100 };
	char attributes[8192], json[16384], *at;
	size_t size, labels;

	(void)state;
	for (size_t k = 0; k < COUNT_OF(counts); k++) {
		struct fixture f;
		size = labels = 0;
		for (int i = 0; i < counts[k]; i++)
			size += (size_t)snprintf(attributes + size, sizeof attributes - size,
				"{'key':'a%d','value':{'intValue':%d}},", i, i);
		snprintf(json, sizeof json,
			METRICS("%s" TEXT_OF("service.name", "s") "," TEXT_OF("service.instance.id", "i"),
				"{'name':'a','gauge':" POINT("'asInt':2") "}"),
			attributes);
		begin(&f);
		send_json(&f, json);
		send_json(&f, json);
		assert_int_equal(f.refused, 0);
		meters_show(f.meters->meters, loop_now(f.world.loop));
		while (meters_show_some(f.meters->meters, 100))
			;
		meters_shown(f.meters->meters, &(struct series_counts){ 0 });
		read_page_of(&f, EXPOSITION_TEXT);
		at = strstr(f.page.data, "\ntarget_info{a");
		assert_non_null(at);
		assert_non_null(strstr(at, "instance=\"i\",job=\"s\""));
		for (; *at; at++)
			labels += *at == '=';
		assert_int_equal(labels, smaller((size_t)counts[k], METER_LABELS_MAX - 2) + 2);
		assert_int_equal(
			fake_host_number(&f.host, "metric_resources_cut_total"), counts[k] > METER_LABELS_MAX - 2);
		end(&f);
	}
}

/* In JSON they stand in quotes; whatever size the text for them has, nothing behind it is touched. */
static void bytes_of_any_size_become_a_label(void **state)
{
	struct fixture f;
	char json[4096], base64[1024];

	(void)state;
	begin(&f);
	for (int groups = 1; groups < 200; groups++) {
		memset(base64, 'A', 4 * (size_t)groups);
		base64[4 * groups] = '\0';
		snprintf(json, sizeof json,
			METRIC("'gauge':" POINT("'attributes':[{'key':'k','value':{'bytesValue':'%s'}}],'asInt':1")),
			base64);
		send_json(&f, json);
		assert_int_equal(f.refused, 0);
	}
	end(&f);
}

static void too_many_attributes_are_no_other_series(void **state)
{
	struct fixture f;
	char attributes[8192] = "", json[16384];
	size_t size = 0;

	(void)state;
	begin(&f);
	for (int i = 0; i < 70; i++) /* the first two become one label */
		size += (size_t)snprintf(attributes + size, sizeof attributes - size,
			"%s{'key':'%s%d','value':{'intValue':%d}}", i ? "," : "", i == 0 ? "a." : "a_", i == 1 ? 0 : i,
			i);
	snprintf(json, sizeof json, METRIC("'gauge':" POINT("'attributes':[%s],'asInt':1")), attributes);
	send_json(&f, json);
	assert_int_equal(f.points, 1);
	assert_int_equal(f.refused, 1);
	end(&f);
}

static void a_point_with_too_many_buckets_is_refused(void **state)
{
	char zeros[2 * OTLP_NATIVE_SIDE_MAX + 1], request[2 * OTLP_NATIVE_SIDE_MAX + 1024];
	struct fixture f;

	(void)state;
	for (size_t i = 0; i + 1 < sizeof zeros; i++)
		zeros[i] = i % 2 ? ',' : '0';
	zeros[sizeof zeros - 1] = '\0';
	snprintf(request, sizeof request, METRICS("", "{'name':'m',%s%s%s}"),
		"'exponentialHistogram':{'aggregationTemporality':2,'dataPoints':[{'timeUnixNano':'1',"
		"'positive':{'bucketCounts':[",
		zeros, "0]}}]}");
	begin(&f);
	send_json(&f, request);
	assert_int_equal(f.refused, 1);
	assert_int_equal(f.fault, OTLP_POINT_SIZE);
	assert_int_equal(*f.meters->refused[OTLP_POINT_SIZE], 1);
	end(&f);
}

static void a_bad_point_is_refused_alone(void **state)
{
	static const struct {
		const char *metric;
		unsigned fault;
	} rows[] = {
		{ "'gauge':" POINT(""), OTLP_POINT_BROKEN },
		{ SUM("true", "0", "'asInt':1"), OTLP_POINT_TEMPORALITY },
		{ SUM("true", "3", "'asInt':1"), OTLP_POINT_TEMPORALITY },
		{ SUM("false", "1", "'asInt':1"), OTLP_POINT_TEMPORALITY },
		{ HISTOGRAM("0", "'count':1"), OTLP_POINT_TEMPORALITY },
		{ SUM("true", "2", "'asInt':-1"), OTLP_POINT_VALUE },
		{ SUM("true", "1", "'asDouble':'NaN'"), OTLP_POINT_VALUE },
		{ SUM("true", "1", "'asDouble':'Infinity'"), OTLP_POINT_VALUE },
		{ HISTOGRAM("2", "'count':1,'bucketCounts':[1],'explicitBounds':[1]"), OTLP_POINT_BOUNDS_BAD },
		{ HISTOGRAM("2", "'count':1,'bucketCounts':[1,0,0],'explicitBounds':[2,1]"), OTLP_POINT_BOUNDS_BAD },
		{ HISTOGRAM("2", "'count':1,'bucketCounts':[1,0],'explicitBounds':['NaN']"), OTLP_POINT_BOUNDS_BAD },
		{ "'summary':" POINT("'quantileValues':[{'quantile':1},{'quantile':0}]"), OTLP_POINT_BOUNDS_BAD },
		{ HISTOGRAM("2", "'count':1,'attributes':[" TEXT_OF("le", "1") "]"), METER_LABEL_NAME },
		{ EXPONENTIAL("0", "'count':0"), OTLP_POINT_TEMPORALITY },
		{ EXPONENTIAL("2", "'count':0,'scale':-5"), OTLP_POINT_SCALE },
		{ EXPONENTIAL("1", "'count':1,'sum':0"), OTLP_POINT_BOUNDS_BAD },
		{ EXPONENTIAL("2", "'zeroCount':1,'attributes':[" TEXT_OF("le", "1") "],'count':1"), METER_LABEL_NAME },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char request[2048];
		struct fixture f;
		snprintf(request, sizeof request,
			METRICS("", "{'name':'m',%s},{'name':'fine','gauge':" POINT("'asInt':1") "}"), rows[i].metric);
		begin(&f);
		send_json(&f, request);
		assert_int_equal(f.points, 2);
		assert_int_equal(f.refused, 1);
		assert_int_equal(f.fault, rows[i].fault);
		assert_int_equal(*f.meters->refused[rows[i].fault], 1);
		assert_shows(&f, "# TYPE fine gauge\nfine 1\n");
		end(&f);
	}
}

static void a_name_that_is_none_or_another_type_is_refused(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	send_json(&f, METRICS("", "{'name':'._','gauge':" POINT("'asInt':1") "}"));
	assert_int_equal(f.fault, OTLP_POINT_NAME);
	send_json(&f, METRICS("", "{'name':'a.b','gauge':" POINT("'asInt':1") "},{'name':'a_b'," HISTOGRAM(
					  "2", "'count':1") "}"));
	assert_int_equal(f.fault, METER_TYPE_CLASH);
	assert_shows(&f, "# TYPE a_b gauge\na_b 1\n");
	end(&f);
}

static void what_comes_late_or_twice_changes_nothing(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	send_json(&f, METRIC(SUM("true", "2", "'asInt':10,'startTimeUnixNano':1,'timeUnixNano':100")));
	send_json(&f, METRIC(SUM("true", "2", "'asInt':9,'startTimeUnixNano':1,'timeUnixNano':99")));
	send_json(&f, METRIC(SUM("true", "2", "'asInt':10,'startTimeUnixNano':1,'timeUnixNano':100")));
	assert_shows(&f, "# TYPE m_total counter\nm_total 10\n");
	assert_int_equal(*f.meters->late, 1);
	send_json(&f, METRIC(SUM("true", "2", "'asInt':2,'startTimeUnixNano':50,'timeUnixNano':60"))); /* began anew */
	assert_shows(&f, "# TYPE m_total counter\nm_total 2\n");
	send_json(&f, METRIC(SUM("true", "1", "'asInt':3,'startTimeUnixNano':60,'timeUnixNano':70")));
	send_json(&f, METRIC(SUM("true", "1", "'asInt':3,'startTimeUnixNano':60,'timeUnixNano':70")));
	send_json(&f, METRIC(SUM("true", "1", "'asInt':4,'startTimeUnixNano':70,'timeUnixNano':80")));
	assert_shows(&f, "# TYPE m_total counter\nm_total 9\n");
	assert_int_equal(*f.meters->repeated, 1);
	send_json(&f, METRIC(SUM("true", "2", "'flags':1")));
	assert_int_equal(f.refused, 0);
	assert_shows(&f, "");
	end(&f);
}

static void deltas_of_histograms_are_added_up(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	for (int i = 0; i < 3; i++)
		send_json(&f, METRIC(HISTOGRAM("1", "'count':3,'sum':2.5,'bucketCounts':[1,2],'explicitBounds':[1]")));
	assert_shows(&f, "# TYPE m histogram\nm_bucket{le=\"1\"} 3\nm_bucket{le=\"+Inf\"} 9\nm_sum 7.5\nm_count 9\n");
	send_json(&f, METRIC(HISTOGRAM("1", "'count':3,'sum':2.5,'bucketCounts':[1,2],'explicitBounds':[2]")));
	assert_shows(&f, "# TYPE m histogram\nm_bucket{le=\"2\"} 1\nm_bucket{le=\"+Inf\"} 3\nm_sum 2.5\nm_count 3\n");
	end(&f);
}

/* What a reader of protobuf sees. */
struct native_seen {
	struct native_histogram *all;
	size_t count; /* of native ones */
	double sum;
	bool summed;
};

static int on_meta(void *context, const struct exposition_meta *m)
{
	(void)context, (void)m;
	return 0;
}

/* What is not in its buckets is NaN, which the sum says; it stands apart. */
static void read_native(struct native_histogram *h, struct bytes native)
{
	static const char nan_sum[] = "\x11\0\0\0\0\0\0\xf8\x7f";
	char all[NATIVE_WRITTEN_MAX + sizeof nan_sum];

	assert_in_range(native.size, 1, NATIVE_WRITTEN_MAX);
	memcpy(all, native.data, native.size);
	memcpy(all + native.size, nan_sum, sizeof nan_sum - 1);
	assert_true(native_histogram_read(h, (struct bytes){ all, native.size + sizeof nan_sum - 1 }));
}

static int on_sample(void *context, const struct exposition_sample *s)
{
	struct native_seen *seen = context;

	if (s->native.size > 0) {
		read_native(seen->all, s->native);
		seen->count++;
	} else if (s->name.size > 4 && memcmp(bytes_end(s->name) - 4, "_sum", 4) == 0) {
		seen->summed = true;
		seen->sum = s->value;
	}
	return 0;
}

static void see(struct fixture *f, struct native_seen *seen)
{
	static const struct exposition_events events = { on_meta, on_sample };
	size_t before = f->host.collected;
	struct family_reader reader;

	seen->count = 0;
	seen->summed = false;
	otlp_meters_collect(f->meters);
	while (f->host.collected == before)
		turn(&f->world);
	read_page_of(f, EXPOSITION_PROTOBUF);
	family_reader_init(&reader, &exposition_limits_default, &events, seen);
	assert_int_equal(family_reader_feed(&reader, f->page.data, f->page.size - 1), EXPOSITION_FINE);
	assert_int_equal(family_reader_end(&reader), EXPOSITION_FINE);
	family_reader_done(&reader);
}

static void deltas_of_exponential_histograms_are_added_up(void **state)
{
	struct native_seen seen = { .all = native_histogram_new() };
	struct fixture f;

	(void)state;
	assert_non_null(seen.all);
	begin(&f);
	send_json(&f, METRIC(EXPONENTIAL("1", "'count':5,'sum':10,'scale':1,'zeroCount':2,'startTimeUnixNano':7,"
					      "'timeUnixNano':8,'positive':{'offset':-1,'bucketCounts':[1,2]}")));
	send_json(&f, METRIC(EXPONENTIAL("1", "'count':4,'sum':-1,'scale':0,'zeroCount':1,'startTimeUnixNano':8,"
					      "'timeUnixNano':9,'positive':{'offset':0,'bucketCounts':[1]},"
					      "'negative':{'offset':3,'bucketCounts':[2]}")));
	assert_int_equal(f.refused, 0);
	see(&f, &seen);
	assert_int_equal(seen.count, 1);
	assert_true(seen.summed && seen.sum == 9);
	assert_true(seen.all->schema == 0 && seen.all->count == 9 && seen.all->zero == 3);
	assert_true(seen.all->zero_threshold == 1e-128);
	assert_int_equal(seen.all->positive.count, 2);
	assert_true(seen.all->positive.buckets[0].index == 0 && seen.all->positive.buckets[0].whole == 1);
	assert_true(seen.all->positive.buckets[1].index == 1 && seen.all->positive.buckets[1].whole == 3);
	assert_int_equal(seen.all->negative.count, 1);
	assert_true(seen.all->negative.buckets[0].index == 4 && seen.all->negative.buckets[0].whole == 2);
	assert_shows(&f, "# TYPE m histogram\nm_bucket{le=\"+Inf\"} 9\nm_sum 9\nm_count 9\n");
	end(&f);
	free(seen.all);
}

/* Readers of protobuf would take none for 0. */
static void a_native_histogram_without_a_sum_has_nan(void **state)
{
	struct native_seen seen = { .all = native_histogram_new() };
	struct fixture f;

	(void)state;
	assert_non_null(seen.all);
	begin(&f);
	send_json(&f, METRIC(EXPONENTIAL("2", "'count':5,'zeroCount':3")));
	see(&f, &seen);
	assert_true(seen.count == 1 && seen.all->count == 5 && seen.all->zero == 3);
	assert_true(seen.summed && seen.sum != seen.sum);
	assert_shows(&f, "# TYPE m histogram\nm_bucket{le=\"+Inf\"} 5\nm_sum NaN\nm_count 5\n");
	send_json(&f, METRIC(EXPONENTIAL("2", "'flags':1")));
	assert_shows(&f, "");
	end(&f);
	free(seen.all);
}

/* As an SDK that keeps more of them than there is room for. */
static void what_loses_resolution_is_counted(void **state)
{
	struct native_seen seen = { .all = native_histogram_new() };
	char request[REQUEST], counts[4096];
	size_t size = 0;
	struct fixture f;

	(void)state;
	assert_non_null(seen.all);
	begin(&f);
	for (int i = 0; i < NATIVE_SUM_MAX + 1; i++)
		size += (size_t)snprintf(counts + size, sizeof counts - size, "%s1", i > 0 ? "," : "");
	snprintf(request, sizeof request,
		METRIC(EXPONENTIAL("2", "'count':161,'sum':1,'scale':3,'positive':{'offset':0,'bucketCounts':[%s]}")),
		counts);
	send_json(&f, request);
	see(&f, &seen);
	assert_true(seen.count == 1 && seen.all->schema == 2 && seen.all->count == 161);
	assert_int_equal(fake_host_number(&f.host, "metric_points_coarser_total"), 1);
	send_json(&f, METRIC(EXPONENTIAL("2", "'count':1,'sum':1,'scale':20,'positive':{'offset':5,"
					      "'bucketCounts':[1]}")));
	assert_int_equal(fake_host_number(&f.host, "metric_points_coarser_total"), 1);
	see(&f, &seen);
	assert_true(seen.all->schema == NATIVE_SCHEMA_MAX && seen.all->positive.buckets[0].index == 1);
	end(&f);
	free(seen.all);
}

static void beyond_a_ceiling_only_deltas_have_an_overflow(void **state)
{
	struct fixture f;

	(void)state;
	begin_as(&f, &(struct otlp_meters_options){ .limits = { .series = 2, .family_series = 1, .label = 100 } });
	for (int i = 0; i < 3; i++) {
		char request[2048];
		snprintf(request, sizeof request,
			METRICS("", "{'name':'d'," SUM("true", "1",
					    "'asInt':2,'attributes':[" TEXT_OF(
						    "n", "%d") "]") "},"
								    "{'name':'g','gauge':" POINT(
									    "'asInt':3,'attributes':[" TEXT_OF(
										    "n", "%d") "]") "}"),
			i, i);
		send_json(&f, request);
		assert_int_equal(f.refused, i > 0);
	}
	assert_int_equal(f.fault, METER_SERIES_CEILING);
	assert_int_equal(*f.meters->overflow, 2);
	assert_shows(&f, "# TYPE d_total counter\nd_total{n=\"0\"} 2\nd_total{overflow=\"true\"} 4\n"
			 "# TYPE g gauge\ng{n=\"0\"} 3\n");
	end(&f);
}

/* Until a look after that time. (The loop's timers run by the system's clock.) */
static void later(struct fixture *f, int64_t seconds)
{
	f->world.ahead += DURATION_S(seconds).ns;
	loop_timer_set(&f->meters->look, DURATION_MS(1));
	for (int i = 0; i < 20; i++)
		turn(&f->world);
}

static void a_series_ends_with_what_sends_it(void **state)
{
	static const char deltas[] = METRICS(SHOP, "{'name':'d'," SUM("true", "1", "'asInt':1") "}"),
			  gauges[] = METRICS(SHOP, "{'name':'g','gauge':" POINT("'asInt':1") "}"),
			  others[] = METRICS(SHOP, "{'name':'o','gauge':" POINT("'asInt':1") "}");
	struct fixture f;

	(void)state;
	begin(&f);
	send_json(&f, deltas);
	send_json(&f, gauges);
	for (int i = 0; i < 4; i++) {
		later(&f, TTL_S / 2);
		send_json(&f, others); /* the process lives */
	}
	assert_shows(&f, "# TYPE d_total counter\nd_total{instance=\"i1\",job=\"web/shop\"} 1\n"
			 "# TYPE o gauge\no{instance=\"i1\",job=\"web/shop\"} 1\n");
	later(&f, TTL_S + 10);
	assert_shows(&f, "");
	assert_int_equal(f.meters->resource_count, 0);
	assert_false(loop_timer_pending(&f.meters->look));
	send_json(&f, deltas);
	assert_shows(&f, "# TYPE d_total counter\nd_total{instance=\"i1\",job=\"web/shop\"} 1\n");
	end(&f);
}

/* It has no resource of its own, and may be all that is left. */
static void an_overflow_ends_too(void **state)
{
	struct fixture f;

	(void)state;
	begin_as(&f, &(struct otlp_meters_options){
			     .ttl = DURATION_S(TTL_S), .limits = { .series = 1, .family_series = 1, .label = 100 } });
	send_json(&f, METRIC(SUM("true", "2", "'asInt':1")));
	later(&f, TTL_S / 2);
	send_json(&f, METRICS(TEXT_OF("service.name", "b"), "{'name':'m'," SUM("true", "1", "'asInt':2") "}"));
	later(&f, TTL_S / 2 + 10);
	assert_shows(&f, "# TYPE m_total counter\nm_total{overflow=\"true\"} 2\n");
	assert_int_equal(f.meters->resource_count, 0);
	assert_true(loop_timer_pending(&f.meters->look));
	later(&f, TTL_S);
	assert_shows(&f, "");
	assert_false(loop_timer_pending(&f.meters->look));
	end(&f);
}

/* Who asks for a page then may be given the one that is being made. */
static void what_is_answered_while_they_are_shown_is_shown(void **state)
{
	struct fixture f;
	size_t before;

	(void)state;
	begin_as(
		&f, &(struct otlp_meters_options){ .limits = { .series = 2000, .family_series = 2000, .label = 100 } });
	for (int i = 0; i < 1200; i++) {
		char request[512];
		snprintf(request, sizeof request,
			METRIC("'gauge':" POINT("'asInt':1,'attributes':[" TEXT_OF("n", "%d") "]")), i);
		send_json(&f, request);
	}
	before = f.host.collected;
	otlp_meters_collect(f.meters);
	while (!f.meters->meters->show_meter)
		turn(&f.world);
	assert_int_equal(f.host.collected, before);
	send_json(&f, METRIC("'gauge':" POINT("'asInt':5,'attributes':[" TEXT_OF("n", "0") "]")));
	while (f.host.collected == before)
		turn(&f.world);
	read_page_of(&f, EXPOSITION_TEXT);
	assert_non_null(strstr(f.page.data, "\nm{n=\"0\"} 5\n"));
	assert_non_null(strstr(f.page.data, "\nm{n=\"1199\"} 1\n"));
	end(&f);
}

static struct otlp_meters_options usual(bool scope_labels)
{
	return (struct otlp_meters_options){ .ttl = DURATION_S(TTL_S),
		.limits = { .series = 1000, .family_series = 500, .label = METER_LABEL_MAX },
		.scope_labels = scope_labels };
}

/* As by SIGKILL, behind the last answer. */
static void begin_next_run(struct fixture *f, const struct otlp_meters_options *options)
{
	otlp_meters_answer(f->meters, SIZE_MAX);
	otlp_meters_free(f->meters);
	series_free(f->table);
	f->table = f->host.series = series_new(&series_limits_default, 1);
	assert_int_equal(otlp_meters_new(&f->host, options, &f->meters), 0);
	otlp_meters_save(f->meters);
}

#define OF_SHOP(name, data) METRICS(TEXT_OF("service.name", "shop"), "{'name':'" name "'," data "}")
#define TIMES "'startTimeUnixNano':5,'timeUnixNano':9"

/* Two deltas, and what is sent again in any case. */
static void send_shop(struct fixture *f)
{
	send_json(f, OF_SHOP("m", SUM("true", "1", "'asInt':7," TIMES)));
	send_json(
		f, OF_SHOP("h", HISTOGRAM("1", "'count':3,'sum':3,'bucketCounts':[1,2],'explicitBounds':[1]," TIMES)));
	send_json(f, OF_SHOP("c", SUM("true", "2", "'asInt':7," TIMES)));
	send_json(f, OF_SHOP("g", "'gauge':" POINT("'asInt':1")));
}

static void a_delta_that_comes_again_after_a_kill_is_not_added(void **state)
{
	static const char sums[] =
		"# TYPE h histogram\nh_bucket{job=\"shop\",le=\"1\"} 1\nh_bucket{job=\"shop\",le=\"+Inf\"} 3\n"
		"h_sum{job=\"shop\"} 3\nh_count{job=\"shop\"} 3\n"
		"# TYPE m_total counter\nm_total{job=\"shop\"} 7\n";
	const struct otlp_meters_options options = usual(true), others = usual(false);
	struct scratch scratch;
	struct fixture f;

	(void)state;
	scratch_init(&scratch, "otlp");
	begin_as(&f, &options);
	f.host.state_path = scratch.path;
	otlp_meters_save(f.meters);
	send_shop(&f);
	begin_next_run(&f, &options);
	assert_true(otlp_meters_any(f.meters));
	assert_shows(&f, sums); /* all else is sent again */
	send_shop(&f);
	assert_int_equal(fake_host_number(&f.host, "metric_points_repeated_total"), 2);
	begin_next_run(&f, &others); /* series have other labels now */
	assert_false(otlp_meters_any(f.meters));
	end(&f);
	scratch_done(&scratch);
}

static void a_restored_series_ends_with_what_sent_it(void **state)
{
	const struct otlp_meters_options options = usual(true);
	struct scratch scratch;
	struct fixture f;

	(void)state;
	scratch_init(&scratch, "otlp");
	begin_as(&f, &options);
	f.host.state_path = scratch.path;
	otlp_meters_save(f.meters);
	for (int i = 0; i < 2; i++)
		send_json(&f,
			i ? METRICS(TEXT_OF("service.name", "a"), "{'name':'m'," SUM("true", "1", "'asInt':7") "}")
			  : METRICS(TEXT_OF("service.name", "b"), "{'name':'m'," SUM("true", "1", "'asInt':7") "}"));
	begin_next_run(&f, &options);
	f.world.ahead += DURATION_S(TTL_S - 1).ns;
	turn(&f.world);
	send_json(&f, METRICS(TEXT_OF("service.name", "a"), "{'name':'other'," SUM("true", "1", "'asInt':1") "}"));
	f.world.ahead += DURATION_S(5).ns;
	while (meters_series(f.meters->meters) > 2)
		turn(&f.world);
	assert_shows(&f, "# TYPE m_total counter\nm_total{job=\"a\"} 7\n"
			 "# TYPE other_total counter\nother_total{job=\"a\"} 1\n");
	end(&f);
	scratch_done(&scratch);
}

#define TRACE "'traceId':'0102030405060708090a0b0c0d0e0f10','spanId':'0102030405060708'"
#define IDS "trace_id=\"0102030405060708090a0b0c0d0e0f10\",span_id=\"0102030405060708\""

/* The latest of each bucket; what says too much loses attributes and not its ids. */
static void exemplars_stand_beside_counters_and_buckets(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	send_json(&f, METRIC(SUM("true", "2",
			      "'asInt':7,'exemplars':[{'asInt':'3','timeUnixNano':'1500000000'," TRACE
			      ",'filteredAttributes':[" TEXT_OF("http.route", "/a\\\"b") "]}]")));
	assert_shows_in(
		&f, EXPOSITION_OPENMETRICS, "# TYPE m counter\nm_total 7 # {" IDS ",http_route=\"/a\\\"b\"} 3 1.500\n");
	assert_shows(&f, "# TYPE m_total counter\nm_total 7\n");
	send_json(&f, METRIC(SUM("true", "2", "'asInt':8")));
	assert_shows_in(
		&f, EXPOSITION_OPENMETRICS, "# TYPE m counter\nm_total 8 # {" IDS ",http_route=\"/a\\\"b\"} 3 1.500\n");
	end(&f);

	begin(&f);
	send_json(&f, METRIC(HISTOGRAM("1", "'count':3,'sum':4,'bucketCounts':[1,0,2],'explicitBounds':[1,5],"
					    "'exemplars':[{'asDouble':0.5},{'asDouble':9," TRACE "},{'asDouble':1.0,"
					    "'filteredAttributes':[" TEXT_OF("trace.id", "mine") "," TEXT_OF(
						    "a", "x") "]},{'asDouble':'NaN'}]")));
	assert_shows_in(&f, EXPOSITION_OPENMETRICS,
		"# TYPE m histogram\nm_bucket{le=\"1\"} 1 # {a=\"x\"} 1\nm_bucket{le=\"5\"} 1\n"
		"m_bucket{le=\"+Inf\"} 3 # {" IDS "} 9\nm_sum 4\nm_count 3\n");
	end(&f);
}

/* 63 characters are the ids, and their names; 65 are left. */
static void an_exemplar_has_128_characters_at_most(void **state)
{
	static const char fits[] = "0123456789012345678901234567890123456789012345678901234567890123";
	char request[2048], page[1024];
	struct fixture f;

	(void)state;
	for (int more = 0; more < 2; more++) {
		snprintf(request, sizeof request,
			METRIC(SUM("true", "2",
				"'asInt':7,'exemplars':[{'asInt':'3'," TRACE
				",'filteredAttributes':[" TEXT_OF("a", "%s%s") "]}]")),
			fits, more ? "4" : "");
		snprintf(page, sizeof page, "# TYPE m counter\nm_total 7 # {" IDS "%s%s%s} 3\n", more ? "" : ",a=\"",
			more ? "" : fits, more ? "" : "\"");
		begin(&f);
		send_json(&f, request);
		assert_shows_in(&f, EXPOSITION_OPENMETRICS, page);
		end(&f);
	}
}

static void an_attribute_with_a_zero_is_in_no_exemplar(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	send_json(&f, METRIC(SUM("true", "2",
			      "'asInt':7,'exemplars':[{'asInt':'3'," TRACE
			      ",'filteredAttributes':[" TEXT_OF("a", "x\\u0000") "," TEXT_OF("b", "y") "]}]")));
	assert_shows_in(&f, EXPOSITION_OPENMETRICS, "# TYPE m counter\nm_total 7 # {" IDS ",b=\"y\"} 3\n");
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_of_point_is_on_the_page),
		cmocka_unit_test(attributes_become_labels),
		cmocka_unit_test(a_resource_is_told_once),
		cmocka_unit_test(resources_that_look_alike_take_turns),
		cmocka_unit_test(a_long_value_of_a_resource_costs_itself),
		cmocka_unit_test(a_resource_of_many_attributes_is_told_in_part),
		cmocka_unit_test(bytes_of_any_size_become_a_label),
		cmocka_unit_test(too_many_attributes_are_no_other_series),
		cmocka_unit_test(a_bad_point_is_refused_alone),
		cmocka_unit_test(a_point_with_too_many_buckets_is_refused),
		cmocka_unit_test(a_name_that_is_none_or_another_type_is_refused),
		cmocka_unit_test(what_comes_late_or_twice_changes_nothing),
		cmocka_unit_test(deltas_of_histograms_are_added_up),
		cmocka_unit_test(deltas_of_exponential_histograms_are_added_up),
		cmocka_unit_test(a_native_histogram_without_a_sum_has_nan),
		cmocka_unit_test(what_loses_resolution_is_counted),
		cmocka_unit_test(beyond_a_ceiling_only_deltas_have_an_overflow),
		cmocka_unit_test(a_series_ends_with_what_sends_it),
		cmocka_unit_test(an_overflow_ends_too),
		cmocka_unit_test(what_is_answered_while_they_are_shown_is_shown),
		cmocka_unit_test(a_delta_that_comes_again_after_a_kill_is_not_added),
		cmocka_unit_test(a_restored_series_ends_with_what_sent_it),
		cmocka_unit_test(exemplars_stand_beside_counters_and_buckets),
		cmocka_unit_test(an_exemplar_has_128_characters_at_most),
		cmocka_unit_test(an_attribute_with_a_zero_is_in_no_exemplar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
