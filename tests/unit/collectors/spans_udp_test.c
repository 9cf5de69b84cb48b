/*
 * Spans over UDP, through a real socket, with a clock that stands still: each datagram is a request of its own; what is
 * refused is counted and sinks nobody; what finds no room waits, and is lost and counted when that takes too long.
 */
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "collectors/spans_udp.h"
#include "proto/jaeger.h"
#include "proto/otlp_walk.h"
#include "unit/fake_host.h"
#include "unit/proto/thrift_writer.h"

enum { MEMORY = 64 << 20, PATIENCE_MS = 1000, TURNS = 50, MANY = 40 };

struct bench {
	struct still_clock clock;
	struct loop *loop;
	struct host host;
	struct spans_tally tally;
	struct patience patience;
	struct spans_udp udp;
	int ends[2];
	struct thrift_writer w;
};

static const char *plan(struct bytes body, struct otlp_made *ret, size_t *ret_at)
{
	return jaeger_plan(&(struct jaeger_source){ body, THRIFT_COMPACT, true }, ret, ret_at);
}

static void write_made(struct bytes body, const struct otlp_made *made, char *to)
{
	jaeger_write(&(struct jaeger_source){ body, THRIFT_COMPACT, true }, made, to);
}

static const struct spans_form form = { "a call", plan, write_made };

static void go_on(void *context)
{
	spans_udp_go_on(&((struct bench *)context)->udp);
}

static void bench_init(struct bench *b)
{
	*b = (struct bench){ .clock = STILL_CLOCK, .w = { .protocol = THRIFT_COMPACT } };
	assert_int_equal(loop_new(&b->clock.clock, &b->loop), 0);
	fake_host_init(&b->host, b->loop, NULL, MEMORY);
	b->host.signals = SIGNAL_TRACES;
	b->host.hold = b->host.only_held = true; /* items have no places of their own */
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, b->ends), 0);
	spans_tally_init(&b->tally, &b->host);
	patience_init_spans(&b->patience, &b->host, DURATION_MS(PATIENCE_MS), go_on, b);
	spans_udp_init(&b->udp, &form, &b->tally, &b->patience, b->ends[0]);
	buffer_init(&b->w.out, 1 << 20);
}

static void bench_done(struct bench *b)
{
	spans_udp_done(&b->udp);
	patience_done(&b->patience);
	fake_host_done(&b->host);
	loop_free(b->loop);
	buffer_done(&b->w.out);
	close(b->ends[0]);
	close(b->ends[1]);
}

static void turn(struct bench *b, int64_t ms)
{
	b->clock.ns += ms * 1000000;
	for (int i = 0; i < TURNS; i++)
		loop_turn(b->loop, DURATION_MS(0));
}

static void send_raw(struct bench *b, const void *data, size_t size)
{
	assert_int_equal(send(b->ends[1], data, size, 0), size);
}

/* A call with that many good spans and bad ones. */
static void send_spans(struct bench *b, const char *function, unsigned good, unsigned bad)
{
	buffer_clear(&b->w.out);
	write_message(&b->w, function);
	write_field(&b->w, THRIFT_STRUCT, 1);
	write_list(&b->w, 2, THRIFT_STRUCT, good + bad);
	for (unsigned i = 0; i < good + bad; i++) {
		write_span_head(&b->w, 2, i < good ? i + 1 : 0, "n");
		write_stop(&b->w);
	}
	write_stop(&b->w);
	write_stop(&b->w);
	send_raw(b, b->w.out.data, b->w.out.size);
}

/* The spans of all items, each of which passes the check. */
static uint64_t spans_of(const struct bench *b, size_t *ret_items)
{
	uint64_t spans = 0;

	*ret_items = 0;
	for (size_t i = 0; i < b->host.held_count; i++)
		for (size_t n = 0; n < batch_items(b->host.held[i]); n++) {
			const struct batch_item *item = batch_item(b->host.held[i], n);
			struct otlp_summary sum;
			size_t at;
			assert_int_equal(otlp_traces_check(item->data, item->size, &sum, &at), OTLP_OK);
			assert_int_equal(sum.spans, item->records);
			spans += sum.spans;
			++*ret_items;
		}
	return spans;
}

static uint64_t number(const struct bench *b, const char *name)
{
	return fake_host_number(&b->host, name);
}

static void each_datagram_is_a_request(void **state)
{
	struct bench b;
	size_t items;

	(void)state;
	bench_init(&b);
	for (unsigned i = 0; i < MANY; i++) {
		send_spans(&b, "emitBatch", 3, 0);
		turn(&b, 1);
	}
	assert_int_equal(spans_of(&b, &items), 3 * MANY);
	assert_int_equal(items, MANY);
	assert_int_equal(number(&b, "spans_total"), 3 * MANY);
	assert_int_equal(number(&b, "datagrams_total"), MANY);
	assert_true(spans_udp_is_empty(&b.udp));
	bench_done(&b);
}

static void what_is_refused_sinks_nobody(void **state)
{
	char *large = calloc(1, SPANS_DATAGRAM_MAX + 1);
	struct bench b;
	size_t items;

	(void)state;
	bench_init(&b);
	send_spans(&b, "emitBatch", 2, 1);
	send_raw(&b, "", 0);
	send_raw(&b, "{\"json\":true}", 13);
	turn(&b, 1);
	assert_non_null(strstr(b.host.last_log, "a datagram is refused: not a call: "));
	turn(&b, 120000);
	send_spans(&b, "emitZipkinBatch", 2, 0);
	turn(&b, 1);
	assert_non_null(strstr(b.host.last_log, "receive.zipkin"));
	send_raw(&b, b.w.out.data, b.w.out.size - 1);
	turn(&b, 1);
	turn(&b, 120000);
	send_raw(&b, large, SPANS_DATAGRAM_MAX + 1);
	turn(&b, 1);
	assert_non_null(strstr(b.host.last_log, "larger than 65,000 bytes"));
	send_spans(&b, "emitBatch", 0, 2);
	send_spans(&b, "emitBatch", 1, 0);
	turn(&b, 1);
	assert_int_equal(spans_of(&b, &items), 3);
	assert_int_equal(number(&b, "spans_total"), 3);
	assert_int_equal(number(&b, "spans_refused_total"), 3);
	assert_int_equal(b.host.refused, 3);
	assert_int_equal(number(&b, "datagrams_refused_total"), 5);
	assert_int_equal(b.host.lost, 0);
	bench_done(&b);
	free(large);
}

/* Nothing is counted before it is taken or lost, so nothing is counted twice. */
static void a_full_pipeline_is_waited_for_and_then_loses(void **state)
{
	struct bench b;
	size_t items;

	(void)state;
	bench_init(&b);
	b.host.refuse = true;
	send_spans(&b, "emitBatch", 2, 1);
	send_raw(&b, "x", 1);
	turn(&b, 1);
	assert_true(patience_waits(&b.patience));
	turn(&b, PATIENCE_MS / 2);
	assert_int_equal(number(&b, "spans_refused_total") + number(&b, "datagrams_refused_total"), 0);
	b.host.refuse = false;
	patience_resume(&b.patience);
	turn(&b, 10);
	assert_int_equal(spans_of(&b, &items), 2);
	assert_int_equal(b.host.refused, 1);
	assert_int_equal(number(&b, "datagrams_refused_total"), 1);
	assert_int_equal(b.patience.state, PATIENCE_FINE);

	b.host.refuse = true;
	send_spans(&b, "emitBatch", 5, 1);
	turn(&b, 1);
	assert_int_equal(b.host.lost, 0);
	turn(&b, PATIENCE_MS + 1);
	assert_int_equal(b.host.lost, 5);
	assert_int_equal(number(&b, "lost_spans_total"), 5);
	assert_int_equal(b.host.refused, 2);
	assert_int_equal(number(&b, "spans_total"), 2);
	assert_true(b.host.lost_bytes + b.host.refused_bytes > 5 * 20);
	bench_done(&b);
}

static void the_end_takes_what_was_sent(void **state)
{
	struct bench b;
	size_t items;

	(void)state;
	bench_init(&b);
	for (unsigned i = 0; i < 8; i++)
		send_spans(&b, "emitBatch", 1, 0);
	patience_end(&b.patience);
	spans_udp_finish(&b.udp);
	assert_int_equal(spans_of(&b, &items), 8);
	b.host.refuse = true;
	send_spans(&b, "emitBatch", 4, 0);
	spans_udp_finish(&b.udp);
	assert_int_equal(b.host.lost, 4);
	bench_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_datagram_is_a_request),
		cmocka_unit_test(what_is_refused_sinks_nobody),
		cmocka_unit_test(a_full_pipeline_is_waited_for_and_then_loses),
		cmocka_unit_test(the_end_takes_what_was_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
