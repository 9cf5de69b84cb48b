/*
 * Readiness on a clock that the test moves, with checks that answer what the test says; and the three real checks'
 * beginnings and ends.
 */
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <sys/un.h>
#include <unistd.h>

#include "config/option.h"
#include "health/probes.h"
#include "loop/resolve.h"
#include "status/counters.h"

#define TWENTY "/twenty-bytes-of-path"
#define LONG_PATH TWENTY TWENTY TWENTY TWENTY TWENTY TWENTY /* an address has room for 108 */

struct check {
	struct health_check *slot;
	size_t started, cancelled, destroyed;
	bool at_once, answer;
};

struct host {
	struct loop *loop;
	struct resolver *resolver;
	size_t fine, not_fine, errors;
	char why[200];
};

static void fake_start(struct check *c)
{
	c->started++;
	if (c->at_once)
		health_checked(c->slot, c->answer, c->answer ? "" : "told to");
}

static void fake_cancel(struct check *c)
{
	c->cancelled++;
}

static void fake_destroy(struct check *c)
{
	if (c)
		c->destroyed++;
}

static const struct check_type fake_type = {
	.name = "fake", .start = fake_start, .cancel = fake_cancel, .destroy = fake_destroy
};

/* What was answered to a probe, in place of the server. */
struct http_request {
	unsigned status;
	char text[2048];
	bool verbose;
};

bool http_request_asks(const struct http_request *r, const char *name)
{
	return r->verbose && strcmp(name, "verbose") == 0;
}

void http_respond(struct http_request *r, const struct http_answer *a)
{
	r->status = a->status;
	snprintf(r->text, sizeof r->text, "%.*s", (int)a->body->size, a->body->data);
}

void http_respond_text(struct http_request *r, unsigned status, const char *type, const char *text)
{
	assert_string_equal(type, "application/json");
	r->status = status;
	snprintf(r->text, sizeof r->text, "%s", text);
}

/* What a real check is lent. */

struct loop *host_loop(struct host *h)
{
	return h->loop;
}

void host_checked(struct host *h, bool fine, const char *why)
{
	h->fine += fine;
	h->not_fine += !fine;
	snprintf(h->why, sizeof h->why, "%s", why);
}

void host_log(struct host *h, enum log_level level, const char *format, ...)
{
	(void)format;
	h->errors += level == LOG_LEVEL_ERROR;
}

struct resolver *host_resolver(struct host *h)
{
	return h->resolver;
}

struct http_client *host_http(struct host *h)
{
	(void)h;
	return NULL;
}

struct world {
	struct still_clock clock;
	struct loop *loop;
	struct log log;
	struct health health;
	struct check checks[2];
};

static const char *const of_app[] = { "app" }, *const of_readiness[] = { "readiness" };
static const struct option_list app_alone = { 1, of_app }, readiness_alone = { 1, of_readiness }, nothing = { 0 };

#define LIMITS(successes, failures, of)                                                                   \
	{                                                                                                 \
		.interval = { 10000000000 }, .timeout = { 2000000000 }, .success_threshold = (successes), \
		.failure_threshold = (failures), .probes = (of)                                           \
	}
static const struct health_limits limits = LIMITS(1, 1, &readiness_alone);

static void add_with(struct world *w, size_t i, const char *name, const struct health_limits *l)
{
	w->checks[i].slot = health_add(&w->health, name, &fake_type, l);
	health_check_set(w->checks[i].slot, &w->checks[i]);
}

static void add(struct world *w, size_t i, const char *name)
{
	add_with(w, i, name, &limits);
}

static int setup(void **state)
{
	struct world *w = oxp_new(sizeof *w);

	w->clock = (struct still_clock)STILL_CLOCK;
	w->log = (struct log){ .fd = -1, .clock = &w->clock.clock };
	assert_int_equal(loop_new(&w->clock.clock, &w->loop), 0);
	health_init(&w->health, w->loop, &w->log);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	health_done(&w->health);
	loop_free(w->loop);
	free(w);
	return 0;
}

static void pass(struct world *w, struct duration d)
{
	w->clock.ns += d.ns;
	for (int i = 0; i < 5; i++)
		loop_turn(w->loop, DURATION_MS(0));
}

static void assert_probe(struct world *w, unsigned status, const char *text)
{
	struct http_request request = { .status = 0 };

	probes_readiness(&w->health, &request);
	assert_int_equal(request.status, status);
	assert_string_equal(request.text, text);
}

static void test_without_checks_it_is_ready(void **state)
{
	assert_probe(*state, 200, "{\"status\":\"ready\",\"checks\":{}}");
}

static void test_liveness_hangs_on_nothing(void **state)
{
	struct world *w = *state;
	struct http_request request = { .status = 0 };

	add(w, 0, "health.checks.database");
	probes_liveness(&w->health, &request);
	assert_int_equal(request.status, 200);
	assert_non_null(strstr(request.text, "{\"status\":\"starting\",\"timestamp\":17000000"));
	health_start(&w->health);
	probes_liveness(&w->health, &request);
	assert_int_equal(request.status, 200);
	assert_non_null(strstr(request.text, "{\"status\":\"ok\",\"timestamp\":17000000"));
}

static void test_what_has_not_looked_is_not_ready(void **state)
{
	struct world *w = *state;

	add(w, 0, "health.checks.database");
	assert_probe(w, 503, "{\"status\":\"not ready\",\"checks\":{\"database\":false}}");
	health_start(&w->health);
	pass(w, DURATION_MS(1));
	assert_int_equal(w->checks[0].started, 1);
	assert_probe(w, 503, "{\"status\":\"not ready\",\"checks\":{\"database\":false}}");
	health_checked(w->checks[0].slot, true, "");
	assert_probe(w, 200, "{\"status\":\"ready\",\"checks\":{\"database\":true}}");
}

static bool has_looked(void *context)
{
	return *(bool *)context;
}

static void test_before_the_first_look_it_is_starting(void **state)
{
	struct world *w = *state;
	bool looked = false;

	health_wait_for(&w->health, has_looked, &looked);
	assert_probe(w, 503, "{\"status\":\"starting\",\"checks\":{}}");
	looked = true;
	assert_probe(w, 200, "{\"status\":\"ready\",\"checks\":{}}");
}

static void test_every_check_has_to_be_fine(void **state)
{
	struct world *w = *state;

	add(w, 0, "health.checks.a");
	add(w, 1, "b\"");
	health_start(&w->health);
	pass(w, DURATION_MS(1));
	health_checked(w->checks[0].slot, true, "");
	assert_probe(w, 503, "{\"status\":\"not ready\",\"checks\":{\"a\":true,\"b\\\"\":false}}");
	health_checked(w->checks[1].slot, true, "");
	assert_true(health_ready(&w->health));
	pass(w, DURATION_S(10));
	health_checked(w->checks[0].slot, false, "gone");
	assert_probe(w, 503, "{\"status\":\"not ready\",\"checks\":{\"a\":false,\"b\\\"\":true}}");
	assert_string_equal(w->checks[0].slot->why, "gone");
}

/* While it looks again, what it said last stands. */
static void test_it_looks_again_after_its_interval(void **state)
{
	struct world *w = *state;

	w->checks[0] = (struct check){ .at_once = true, .answer = true };
	add(w, 0, "x");
	health_start(&w->health);
	pass(w, DURATION_MS(1));
	assert_int_equal(w->checks[0].started, 1);
	pass(w, DURATION_MS(9990));
	assert_int_equal(w->checks[0].started, 1);
	w->checks[0].at_once = false;
	pass(w, DURATION_MS(20));
	assert_int_equal(w->checks[0].started, 2);
	assert_true(health_ready(&w->health));
}

static void test_no_answer_in_time_is_a_no(void **state)
{
	struct world *w = *state;

	w->checks[0] = (struct check){ .at_once = true, .answer = true };
	add(w, 0, "x");
	health_start(&w->health);
	pass(w, DURATION_MS(1));
	w->checks[0].at_once = false;
	pass(w, DURATION_MS(10001));
	pass(w, DURATION_MS(1990));
	assert_int_equal(w->checks[0].cancelled, 0);
	assert_true(health_ready(&w->health));
	pass(w, DURATION_MS(20));
	assert_int_equal(w->checks[0].cancelled, 1);
	assert_false(health_ready(&w->health));
	assert_string_equal(w->checks[0].slot->why, "no answer in time");
}

static void test_it_recovers(void **state)
{
	struct world *w = *state;

	add(w, 0, "x");
	health_start(&w->health);
	pass(w, DURATION_MS(1));
	pass(w, DURATION_MS(2001));
	assert_false(health_ready(&w->health));
	w->checks[0].at_once = w->checks[0].answer = true;
	pass(w, DURATION_MS(10001));
	assert_int_equal(w->checks[0].started, 2);
	assert_true(health_ready(&w->health));
	assert_string_equal(w->checks[0].slot->why, "");
}

/* One look after another, as the letters say: + succeeds, - fails. The answer is what the probe says after each. */
static void assert_turns(struct world *w, const char *looks, const char *fine)
{
	for (size_t i = 0; looks[i]; i++) {
		pass(w, DURATION_MS(10001));
		health_checked(w->checks[0].slot, looks[i] == '+', "told to");
		assert_int_equal(health_ready(&w->health), fine[i] == '+');
		assert_string_equal(w->checks[0].slot->why, looks[i] == '+' ? "" : "told to");
	}
}

static void test_it_takes_so_many_looks_in_a_row(void **state)
{
	static const struct health_limits slow = LIMITS(2, 3, &readiness_alone);
	struct world *w = *state;

	add_with(w, 0, "x", &slow);
	health_start(&w->health);
	assert_turns(w, "+-++--+---+-++", "---++++++----+");
	assert_int_equal(w->checks[0].slot->successes, 7);
	assert_int_equal(w->checks[0].slot->failures, 7);
}

static void assert_answer(
	struct world *w, void (*probe)(void *, struct http_request *), unsigned status, const char *text)
{
	struct http_request request = { .status = 0 };

	probe(&w->health, &request);
	assert_int_equal(request.status, status);
	assert_string_equal(request.text, text);
}

/* Readiness asks only for what it is told to ask for, and so does the app's own probe. */
static void test_each_probe_has_its_checks(void **state)
{
	static const struct health_limits app = LIMITS(1, 1, &app_alone), neither = LIMITS(1, 1, &nothing);
	struct world *w = *state;

	assert_answer(w, probes_app, 503, "{\"status\":\"starting\",\"checks\":{}}");
	add(w, 0, "health.checks.database");
	add_with(w, 1, "health.checks.app", &app);
	health_add(&w->health, "health.checks.seen", &fake_type, &neither);
	health_start(&w->health);
	w->checks[0].slot->fine = true;
	assert_answer(w, probes_readiness, 200, "{\"status\":\"ready\",\"checks\":{\"database\":true}}");
	assert_answer(w, probes_app, 503, "{\"status\":\"not ok\",\"checks\":{\"app\":false}}");
	w->checks[0].slot->fine = false;
	w->checks[1].slot->fine = true;
	assert_answer(w, probes_readiness, 503, "{\"status\":\"not ready\",\"checks\":{\"database\":false}}");
	assert_answer(w, probes_app, 200, "{\"status\":\"ok\",\"checks\":{\"app\":true}}");
}

/* It waits for looks, not for what they see: an app that starts behind it could never be fine else. */
static void test_the_start_is_over_once(void **state)
{
	struct world *w = *state;
	bool looked = true;

	health_wait_for(&w->health, has_looked, &looked);
	add(w, 0, "a.b");
	assert_answer(w, probes_startup, 503, "{\"status\":\"starting\",\"checks\":{\"a.b\":false}}");
	health_start(&w->health);
	pass(w, DURATION_MS(1));
	assert_answer(w, probes_startup, 503, "{\"status\":\"starting\",\"checks\":{\"a.b\":false}}");
	health_checked(w->checks[0].slot, false, "not there");
	assert_answer(w, probes_startup, 200, "{\"status\":\"started\",\"checks\":{\"a.b\":true}}");
	looked = false;
	assert_answer(w, probes_startup, 200, "{\"status\":\"started\",\"checks\":{\"a.b\":true}}");
}

static void assert_details(struct world *w, const char *details)
{
	struct http_request request = { .verbose = true };
	const char *found;

	probes_readiness(&w->health, &request);
	assert_non_null(strstr(request.text, "\"checks\":{\"x\":"));
	found = strstr(request.text, "\"details\":");
	assert_non_null(found);
	assert_string_equal(found + 10, details);
}

static void test_the_details_of_a_check(void **state)
{
	struct world *w = *state;

	add(w, 0, "x");
	health_start(&w->health);
	assert_details(w, "{\"x\":{\"type\":\"fake\",\"why\":\"has not been made yet\","
			  "\"latency_seconds\":0.000000,\"last_success\":null}}}");
	pass(w, DURATION_MS(1));
	pass(w, DURATION_MS(250));
	health_checked(w->checks[0].slot, true, "");
	assert_int_equal(w->checks[0].slot->latency.ns, DURATION_MS(250).ns);
	assert_details(w, "{\"x\":{\"type\":\"fake\",\"why\":\"\",\"latency_seconds\":0.250000,"
			  "\"last_success\":\"2023-11-14T22:13:21.251Z\"}}}");
	pass(w, DURATION_MS(10001));
	health_checked(w->checks[0].slot, false, "so \"what\"");
	assert_int_equal(w->checks[0].slot->all_latency.ns, DURATION_MS(250).ns);
	assert_details(w, "{\"x\":{\"type\":\"fake\",\"why\":\"so \\\"what\\\"\",\"latency_seconds\":0.000000,"
			  "\"last_success\":\"2023-11-14T22:13:21.251Z\"}}}");
}

static void test_what_metrics_say_of_a_check(void **state)
{
	static const char *const lines[] = { "\noxpecker_check_up{check=\"x\"} 1\n",
		"\noxpecker_check_latency_seconds{check=\"x\"} 0.5\n",
		"\noxpecker_check_seconds_total{check=\"x\"} 0.75\n",
		"\noxpecker_checks_total{check=\"x\",result=\"success\"} 1\n",
		"\noxpecker_checks_total{check=\"x\",result=\"failure\"} 1\n",
		"\noxpecker_check_last_success_timestamp_seconds{check=\"x\"} 17000000" };
	struct world *w = *state;
	struct counters counters = { NULL };
	struct buffer page;

	add(w, 0, "health.checks.x");
	probes_count(&counters, w->checks[0].slot);
	health_start(&w->health);
	pass(w, DURATION_MS(1));
	pass(w, DURATION_MS(250));
	health_checked(w->checks[0].slot, false, "no");
	pass(w, DURATION_MS(10001));
	pass(w, DURATION_MS(500));
	health_checked(w->checks[0].slot, true, "");
	buffer_init(&page, 1 << 16);
	assert_int_equal(counters_write(&counters, &page, false), 0);
	assert_int_equal(buffer_append(&page, "", 1), 0);
	for (size_t i = 0; i < COUNT_OF(lines); i++)
		assert_non_null(strstr(page.data, lines[i]));
	buffer_done(&page);
	counters_done(&counters);
}

/* The end in the middle of a look: cancelled once, destroyed once. One without a check is half-built. */
static void test_the_end_in_the_middle_of_a_look(void **state)
{
	struct world *w = *state;

	add(w, 0, "x");
	health_start(&w->health);
	pass(w, DURATION_MS(1));
	health_add(&w->health, "half-built", &fake_type, &limits);
	health_done(&w->health);
	assert_int_equal(w->checks[0].cancelled, 1);
	assert_int_equal(w->checks[0].destroyed, 1);
	health_init(&w->health, w->loop, &w->log);
}

static void test_more_than_an_answer_holds_is_not_ready(void **state)
{
	struct world *w = *state;
	char name[2000];

	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	for (int i = 0; i < 40; i++)
		health_add(&w->health, name, &fake_type, &limits)->fine = true;
	assert_probe(w, 503, "{\"status\":\"not ready\",\"checks\":{}}");
}

/* The real ones. */

static int listen_at(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
	assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 4) == 0);
	return fd;
}

static void look(const struct check_type *type, struct check *check, struct host *host)
{
	size_t before = host->fine + host->not_fine;

	type->start(check);
	for (int i = 0; i < 1000 && host->fine + host->not_fine == before; i++)
		loop_turn(host->loop, DURATION_MS(10));
	assert_int_equal(host->fine + host->not_fine, before + 1);
}

static void test_a_unix_socket_that_comes_and_goes(void **state)
{
	struct world *w = *state;
	struct host host = { .loop = w->loop };
	char folder[] = "/tmp/oxp-health-XXXXXX", path[64];
	const char *config = path;
	struct check *check;
	int fd;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "unix:%s/app.sock", folder);
	assert_int_equal(check_unix.create(&config, &host, &check), 0);
	look(&check_unix, check, &host);
	assert_int_equal(host.not_fine, 1);
	assert_string_equal(host.why, strerror(ENOENT));
	fd = listen_at(path + 5);
	look(&check_unix, check, &host);
	assert_int_equal(host.fine, 1);
	close(fd);
	look(&check_unix, check, &host);
	assert_string_equal(host.why, strerror(ECONNREFUSED));
	check_unix.cancel(check);
	check_unix.destroy(check);
	unlink(path + 5);
	rmdir(folder);
}

/* Of three only the third lives. */
static void test_a_name_with_several_addresses(void **state)
{
	const struct resolver_sources sources = { .hosts_file = unit_file("unit/http/hosts") };
	struct world *w = *state;
	struct host host = { .loop = w->loop };
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof at;
	char address[64];
	const char *config = address;
	struct check *check;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(bind(fd, (struct sockaddr *)&at, size) == 0 && listen(fd, 4) == 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
	snprintf(address, sizeof address, "three.test:%u", ntohs(at.sin_port));
	assert_int_equal(resolver_new_from(w->loop, &sources, &host.resolver), 0);
	assert_int_equal(check_tcp.create(&config, &host, &check), 0);
	look(&check_tcp, check, &host);
	assert_int_equal(host.fine, 1);
	look(&check_tcp, check, &host);
	assert_int_equal(host.fine, 2);
	close(fd);
	look(&check_tcp, check, &host);
	assert_string_equal(host.why, strerror(ECONNREFUSED));
	check_tcp.destroy(check);
	resolver_free(host.resolver);
}

static void test_options_that_cannot_be(void **state)
{
	static const struct {
		const struct check_type *type;
		const char *text;
	} rows[] = {
		{ &check_unix, "" },
		{ &check_unix, "unix:" },
		{ &check_unix, LONG_PATH },
		{ &check_tcp, "" },
		{ &check_tcp, "tcp://" },
		{ &check_tcp, "host" },
		{ &check_tcp, ":80" },
		{ &check_tcp, "host:0" },
		{ &check_tcp, "host:65536" },
		{ &check_tcp, "host:" },
		{ &check_tcp, "host:1x" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct host host = { .loop = w->loop };
		struct check *check = NULL;
		assert_int_equal(rows[i].type->create(&rows[i].text, &host, &check), -EINVAL);
		assert_null(check);
		assert_int_equal(host.errors, 1);
	}
	check_unix.destroy(NULL);
	check_tcp.destroy(NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_without_checks_it_is_ready),
		TEST(test_liveness_hangs_on_nothing),
		TEST(test_what_has_not_looked_is_not_ready),
		TEST(test_before_the_first_look_it_is_starting),
		TEST(test_every_check_has_to_be_fine),
		TEST(test_it_looks_again_after_its_interval),
		TEST(test_no_answer_in_time_is_a_no),
		TEST(test_it_recovers),
		TEST(test_it_takes_so_many_looks_in_a_row),
		TEST(test_each_probe_has_its_checks),
		TEST(test_the_start_is_over_once),
		TEST(test_the_details_of_a_check),
		TEST(test_what_metrics_say_of_a_check),
		TEST(test_the_end_in_the_middle_of_a_look),
		TEST(test_more_than_an_answer_holds_is_not_ready),
		TEST(test_a_unix_socket_that_comes_and_goes),
		TEST(test_a_name_with_several_addresses),
		TEST(test_options_that_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
