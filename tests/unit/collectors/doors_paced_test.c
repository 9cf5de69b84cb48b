/*
 * Each door that peers post records to reads no further while its destinations have enough to do, and goes on when the
 * core says so; a signal that has not enough is not concerned.
 */
#include "config/arena.h"
#include "config/read.h"
#include "unit/fake_host.h"
#include "unit/http/h2_raw.h"

enum { MEMORY = 4 << 20 };

extern const struct collector_type collector_otlp, collector_jaeger, collector_zipkin, collector_bulk;

struct fixture {
	struct world world;
	struct host host;
	const struct collector_type *type;
	struct collector *collector;
	struct config_arena *arena;
	void *config;
	char path[64];
	const char *address;
	struct option_list addresses, nowhere;
	struct h2_peer peer;
};

static const struct option *row(const struct fixture *f, const char *name)
{
	const struct option *o = f->type->options;

	while (o->name && strcmp(o->name, name) != 0)
		o++;
	return o->name ? o : NULL;
}

static void set_addresses(struct fixture *f, const char *name, const struct option_list *to)
{
	const struct option *o = row(f, name);

	if (o)
		*(const struct option_list **)(void *)((char *)f->config + o->offset) = to;
}

/* Listens as `option` says, and nowhere else. */
static void begin(struct fixture *f, const struct collector_type *type, const char *option)
{
	struct config_errors errors = { 0 };
	struct option_set set = { .rows = type->options };

	*f = (struct fixture){ .type = type, .address = f->path, .nowhere = { 0, NULL } };
	snprintf(f->path, sizeof f->path, "unix:/tmp/oxp-doors-paced-test-%d.sock", (int)getpid());
	f->addresses = (struct option_list){ 1, &f->address };
	world_init(&f->world);
	fake_host_init(&f->host, f->world.loop, type, MEMORY);
	f->host.signals = SIGNAL_TRACES | SIGNAL_LOGS;
	f->arena = config_arena_new();
	f->config = set.target = config_alloc(f->arena, type->config_size);
	options_read(&(struct option_reader){ f->arena, &errors }, &set, 1, NULL, NULL);
	set_addresses(f, "http", &f->nowhere);
	set_addresses(f, "grpc", &f->nowhere);
	set_addresses(f, "compact", &f->nowhere);
	set_addresses(f, "binary", &f->nowhere);
	set_addresses(f, option, &f->addresses);
	assert_int_equal(type->create(f->config, &f->host, &f->collector), 0);
	f->host.collector = f->collector;
	assert_int_equal(type->start(f->collector), 0);
	f->peer = (struct h2_peer){ .at = 0 };
	raw_init(&f->peer.raw, &f->world, unix_connect(f->path + 5));
}

static void end(struct fixture *f)
{
	h2_done(&f->peer);
	fake_host_done(&f->host); /* ends the collector, too */
	config_arena_free(f->arena);
	loop_free(f->world.loop);
}

/* Whatever is answered: what counts is that it is read. */
static void post(struct fixture *f, const char *path, const char *type)
{
	char text[256];

	snprintf(text, sizeof text, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: 2\r\n\r\nxx",
		path, type);
	raw_send(&f->peer.raw, text);
}

static void expect_answer(struct fixture *f)
{
	raw_expect(&f->peer.raw, "HTTP/1.1 ");
	turns(&f->world, 5);
	raw_receive(&f->peer.raw);
	raw_clear(&f->peer.raw);
}

/* More often than that. */
static void until_asked(struct fixture *f, size_t asked)
{
	while (f->host.enough_asked == asked)
		raw_turn(&f->peer.raw);
	for (int i = 0; i < 20; i++)
		raw_turn(&f->peer.raw);
}

static void doors_of_http_wait(void **state)
{
	static const struct {
		const struct collector_type *collector;
		enum signal signal;
		const char *path, *type;
	} rows[] = {
		{ &collector_otlp, SIGNAL_TRACES, "/v1/traces", "application/x-protobuf" },
		{ &collector_otlp, SIGNAL_LOGS, "/v1/logs", "application/json" },
		{ &collector_jaeger, SIGNAL_TRACES, "/api/traces", "application/x-thrift" },
		{ &collector_zipkin, SIGNAL_TRACES, "/api/v2/spans", "application/json" },
		{ &collector_bulk, SIGNAL_LOGS, "/_bulk", "application/x-ndjson" },
	};
	struct fixture f;
	size_t asked;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		begin(&f, rows[i].collector, "http");
		post(&f, rows[i].path, rows[i].type);
		expect_answer(&f);
		f.host.enough = (SIGNAL_TRACES | SIGNAL_LOGS) & ~(unsigned)rows[i].signal;
		post(&f, rows[i].path, rows[i].type);
		expect_answer(&f);
		f.host.enough = rows[i].signal;
		asked = f.host.enough_asked;
		post(&f, rows[i].path, rows[i].type);
		until_asked(&f, asked);
		assert_int_equal(f.peer.raw.in.size, 0);
		f.host.enough = 0;
		rows[i].collector->resume(f.collector);
		expect_answer(&f);
		end(&f);
	}
}

#define EXPORT "\\x83\\x86\\x44\\x3b/opentelemetry.proto.collector.trace.v1.TraceService/Export\\x41\\x01x"

/* A call whose message is not whole is answered, too. */
static void the_door_of_grpc_waits(void **state)
{
	struct fixture f;
	struct h2_frame frame;
	size_t asked;

	(void)state;
	begin(&f, &collector_otlp, "grpc");
	h2_send(&f.peer, "headers:4:1:" EXPORT " data:1:1:ab");
	h2_expect(&f.peer, H2_HEADERS, 1);
	f.host.enough = SIGNAL_LOGS;
	h2_send(&f.peer, "headers:4:3:" EXPORT " data:1:3:ab");
	h2_expect(&f.peer, H2_HEADERS, 3);
	f.host.enough = SIGNAL_TRACES;
	asked = f.host.enough_asked;
	h2_send(&f.peer, "headers:4:5:" EXPORT " data:1:5:ab");
	until_asked(&f, asked);
	while (h2_next(&f.peer, &frame))
		assert_true(frame.stream < 5);
	f.host.enough = 0;
	collector_otlp.resume(f.collector);
	h2_expect(&f.peer, H2_HEADERS, 5);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(doors_of_http_wait),
		cmocka_unit_test(the_door_of_grpc_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
