/*
 * The table of malformed frames and floods (tests/hostile/frames.txt) against the engine of HTTP/2, whole and in
 * pieces; the table of malformed HTTP/1.1 requests, none of which it may take.
 */
#include "http/server.h"

#include "unit/http/h2_raw.h"

enum { BODY_MAX = 100 << 10, SEATS = 4, OTHER_STREAM = 9001 };

struct fixture {
	struct world world;
	struct http_server *server;
	struct http_route routes[2];
	uint16_t port;
	uint64_t refused;
	unsigned begun, gone, wrong;
};

static enum http_take begin(void *context, struct http_request *r)
{
	struct fixture *f = context;

	(void)r;
	f->begun++;
	return HTTP_TAKEN;
}

static enum http_take take_body(void *context, struct http_request *r, struct bytes piece)
{
	(void)context, (void)r, (void)piece;
	return HTTP_TAKEN;
}

static void hello(void *context, struct http_request *r)
{
	struct fixture *f = context;

	f->begun--;
	http_respond_text(r, 200, "text/plain", "hello\n");
}

static void count_gone(void *context, struct http_request *r)
{
	struct fixture *f = context;

	(void)r;
	f->begun--;
	f->gone++;
}

static int setup(void **state)
{
	struct fixture *f = oxp_new(sizeof *f);
	struct http_server_options o = { .name = "test",
		.body_max = BODY_MAX,
		.connections_max = SEATS,
		.idle = DURATION_S(75),
		.priority = LOOP_PROBES,
		.engine = HTTP_2,
		.refused = &f->refused };

	world_init(&f->world);
	f->routes[0] = (struct http_route){ HTTP_POST, "/take", begin, take_body, hello, count_gone, f, 0 };
	assert_int_equal(http_server_new(f->world.loop, &o, f->routes, &f->server), 0);
	assert_int_equal(http_server_listen(f->server, "127.0.0.1:0", &f->port), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	http_server_free(f->server);
	loop_free(f->world.loop);
	assert_int_equal(f->begun, 0);
	free(f);
	return 0;
}

static void wrong(struct fixture *fixture, const struct frames_row *row, const char *what, long got)
{
	fixture->wrong++;
	print_error("%s: %s (%ld)\n", row->name, what, got);
}

/* The first of HEADERS or RST_STREAM on stream 1. */
static struct h2_frame verdict_on_stream(struct h2_peer *p)
{
	struct h2_frame frame = { 0 };

	for (;;) {
		while (h2_next(p, &frame))
			if (frame.stream == 1 && (frame.type == H2_HEADERS || frame.type == H2_RST))
				return frame;
		if (p->raw.ended)
			return (struct h2_frame){ .type = H2_GOAWAY };
		raw_turn(&p->raw);
	}
}

static void expect_goaway(struct fixture *f, const struct frames_row *row, struct h2_peer *p)
{
	struct h2_frame frame = { 0 };
	uint32_t code = UINT32_MAX;

	while (h2_await(p, H2_GOAWAY, H2_ANY, &frame))
		code = h2_u32(frame.payload + 4);
	if (code != row->code)
		wrong(f, row, "ended with another code", code);
}

static void expect(struct fixture *f, const struct frames_row *row, struct h2_peer *p)
{
	char status[32];
	struct h2_frame frame;

	switch (row->kind) {
	case 'g':
		expect_goaway(f, row, p);
		return;
	case 't':
		raw_expect_end(&p->raw);
		snprintf(status, sizeof status, "HTTP/1.1 %u ", row->code);
		if (!raw_has(&p->raw, status))
			wrong(f, row, "no answer of HTTP/1.1", (long)p->raw.in.size);
		return;
	case 'r':
		frame = verdict_on_stream(p);
		if (frame.type != H2_RST)
			wrong(f, row, "not reset but", frame.type);
		else if (h2_u32(frame.payload) != row->code)
			wrong(f, row, "reset with another code", h2_u32(frame.payload));
		break;
	case 's':
		frame = verdict_on_stream(p);
		snprintf(status, sizeof status, ":status: %u\n", row->code);
		if (frame.type != H2_HEADERS)
			wrong(f, row, "not answered but", frame.type);
		else if (!h2_has_field(p, status))
			wrong(f, row, p->fields, 0);
		break;
	default:
		break;
	}
	if (!h2_serves(p, OTHER_STREAM))
		wrong(f, row, "others are not served", 0);
}

static void run_row(struct fixture *f, struct frames_row *row, size_t piece)
{
	char *words = oxp_strdup(row->words);
	struct buffer out;
	struct h2_peer p;
	uint64_t refused = f->refused;

	buffer_init(&out, FRAMES_MAX);
	frames_write(words, &out);
	h2_connect(&p, &f->world, f->port);
	assert_int_equal(nghttp2_hd_inflate_new(&p.inflater), 0);
	for (size_t at = 0; at < out.size; at += piece) {
		raw_send_bytes(&p.raw, out.data + at, smaller(piece, out.size - at));
		turns(&f->world, 1);
		raw_receive(&p.raw);
	}
	expect(f, row, &p);
	if ((row->kind == 'g' || row->kind == 't' || row->code == 413 || row->code == 431) && f->refused == refused)
		wrong(f, row, "was not counted", 0);
	h2_done(&p);
	while (http_server_totals(f->server).connections > 0)
		turn(&f->world);
	if (f->begun > 0)
		wrong(f, row, "left a request", f->begun);
	buffer_done(&out);
	free(words);
}

/* Floods are cut into larger pieces than others, so that they end. */
static void run_table(struct fixture *f, size_t piece, size_t of_flood)
{
	FILE *file = fopen("hostile/frames.txt", "r");
	struct frames_row row;
	unsigned rows = 0;

	assert_non_null(file);
	for (; frames_next(file, &row); rows++)
		run_row(f, &row, strchr(row.words, '*') && row.words[0] != 'r' ? of_flood : piece);
	fclose(file);
	assert_true(rows > 80);
	assert_int_equal(f->wrong, 0);
}

static void the_table_whole(void **state)
{
	run_table(*state, FRAMES_MAX, FRAMES_MAX);
}

static void the_table_in_pieces(void **state)
{
	run_table(*state, 1, 1000);
}

static void requests_of_http_1_are_answered_and_not_taken(void **state)
{
	const struct hostile_targets targets = { .get = "/take", .post = "/take" };
	struct fixture *f = *state;
	FILE *file = fopen("hostile/requests.txt", "r");
	struct hostile_row row;

	assert_non_null(file);
	while (hostile_next(file, &row)) {
		struct buffer out;
		struct raw raw;
		buffer_init(&out, HOSTILE_MAX);
		hostile_bytes(&row, &targets, &out);
		raw_connect(&raw, &f->world, f->port);
		if (memcmp(out.data ? out.data : "", "PRI", smaller(out.size, 3)) != 0) {
			raw_send_bytes(&raw, out.data, out.size);
			raw_expect_end(&raw);
			if (!raw_has(&raw, "HTTP/1.1 505 "))
				fail_msg("%s: was not answered", row.name);
		}
		raw_done(&raw);
		buffer_done(&out);
	}
	fclose(file);
	assert_int_equal(http_server_totals(f->server).requests, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_table_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(the_table_in_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(requests_of_http_1_are_answered_and_not_taken, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
