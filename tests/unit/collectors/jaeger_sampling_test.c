/*
 * What clients of Jaeger are told of sampling, byte by byte, whatever they put into their questions.
 */
#include "collectors/jaeger_sampling.h"

#include "unit/fake_host.h"
#include "unit/http/raw.h"

enum { MEMORY = 1 << 20, BODY_MAX = 64 << 10, LONG = 30 << 10 };

struct fixture {
	struct world world;
	struct host host;
	struct door door;
	struct jaeger_sampling sampling;
	char path[64];
	const char *address;
	struct option_list addresses;
	struct jaeger_sampling_config config;
};

/* The door is only what the strategy is served beside: nothing is posted to it. */
static const struct door_type type = { .signal = SIGNAL_TRACES, .request_size = sizeof(struct door_request) };

static void begin(struct fixture *f, const char *rate, uint64_t per_second)
{
	*f = (struct fixture){ .address = f->path };
	snprintf(f->path, sizeof f->path, "unix:/tmp/oxp-sampling-test-%d.sock", (int)getpid());
	f->addresses = (struct option_list){ 1, &f->address };
	f->config = (struct jaeger_sampling_config){ &f->addresses, rate, per_second };
	world_init(&f->world);
	fake_host_init(&f->host, f->world.loop, NULL, MEMORY);
	f->host.signals = SIGNAL_TRACES;
	assert_int_equal(door_init(&f->door, &type, &f->host, BODY_MAX), 0);
	assert_int_equal(jaeger_sampling_start(&f->sampling, &f->config, &f->door), 0);
}

static void end(struct fixture *f)
{
	door_done(&f->door);
	fake_host_done(&f->host);
	loop_free(f->world.loop);
}

/* The answer to that request line. The body is what `body` says, or anything if it is NULL. */
static void ask(struct fixture *f, const char *line, const char *status, const char *body)
{
	struct raw raw;
	char head[64];

	raw_init(&raw, &f->world, unix_connect(f->path + 5));
	raw_send(&raw, line);
	raw_send(&raw, " HTTP/1.1\r\nHost: 0.0.0.0:5778\r\nConnection: close\r\n\r\n");
	raw_expect_end(&raw);
	snprintf(head, sizeof head, "HTTP/1.1 %s ", status);
	assert_true(raw_has(&raw, head));
	*buffer_reserve(&raw.in, 1) = '\0';
	if (body)
		assert_string_equal(strstr(raw.in.data, "\r\n\r\n") + 4, body);
	raw_done(&raw);
}

#define HALF "\"probabilisticSampling\":{\"samplingRate\":0.5}}"
#define NAMED "{\"strategyType\":\"PROBABILISTIC\"," HALF
#define NUMBERED "{\"strategyType\":0," HALF
#define MISSING "the parameter 'service' is missing; expected ?service=NAME\n"
#define NO_BAGGAGE "collector error: baggage not implemented\n"

static const struct {
	const char *line, *status, *body;
} questions[] = {
	{ "GET /sampling?service=app", "200", NAMED },
	{ "GET /?service=app", "200", NUMBERED },
	{ "GET ?service=app", "400", NULL },
	{ "HEAD /sampling?service=app", "200", "" },
	{ "GET /sampling?x=1&service=app&y", "200", NAMED },
	{ "GET /sampling?service=a&service=b", "200", NAMED },
	{ "GET /sampling?service=", "200", NAMED },
	{ "GET /sampling?%73ervice=a", "200", NAMED },
	{ "GET /sampling?service=%00", "200", NAMED },
	{ "GET /sampling?service=a%00b%0d%0aX:%20y", "200", NAMED },
	{ "GET /sampling?service=%22%7D%5C%22%5Cu0000", "200", NAMED },
	{ "GET /sampling?service=\\u0022}", "200", NAMED },
	{ "GET /sampling?service=%ff%fe%c3", "200", NAMED },
	{ "GET /sampling?service=%", "200", NAMED },
	{ "GET /sampling?service=%zz%4", "200", NAMED },
	{ "GET /sampling?service=%25n%25s%s", "200", NAMED },
	{ "GET /sampling?service==&=&&", "200", NAMED },
	{ "GET /sampling", "400", MISSING },
	{ "GET /sampling?", "400", MISSING },
	{ "GET /sampling?Service=app", "400", MISSING },
	{ "GET /sampling?services=app", "400", MISSING },
	{ "GET /sampling?service%00=app", "400", MISSING },
	{ "GET /sampling?=service", "400", MISSING },
	{ "GET /", "400", MISSING },
	{ "GET /baggageRestrictions", "400", MISSING },
	{ "GET /baggageRestrictions?service=app", "500", NO_BAGGAGE },
	{ "POST /sampling?service=app", "405", NULL },
	{ "GET /sampling/?service=app", "200", NAMED },
	{ "GET /samplings?service=app", "404", NULL },
	{ "GET /../sampling?service=app", "404", NULL },
};

static void test_each_question_has_its_answer_and_repeats_nothing(void **state)
{
	struct fixture f;
	uint64_t told = 0, refused = 0;

	(void)state;
	begin(&f, "0.5", 0);
	for (size_t i = 0; i < COUNT_OF(questions); i++) {
		ask(&f, questions[i].line, questions[i].status, questions[i].body);
		told += strcmp(questions[i].status, "200") == 0;
		refused += questions[i].body && strcmp(questions[i].body, MISSING) == 0;
	}
	assert_int_equal(fake_host_number(&f.host, "sampling_told_total"), told);
	assert_true(fake_host_number(&f.host, "refused_bad_total") >= refused);
	end(&f);
}

static void test_names_of_any_length_are_answered(void **state)
{
	static const char start[] = "GET /sampling?service=";
	const size_t lengths[] = { 255, 256, 4096, LONG, 1 << 20 };
	char *line = oxp_new(sizeof start + (1 << 20));
	struct fixture f;

	(void)state;
	begin(&f, "0.5", 0);
	for (size_t i = 0; i < COUNT_OF(lengths); i++) {
		memcpy(line, start, sizeof start);
		memset(line + sizeof start - 1, 'n', lengths[i]);
		line[sizeof start - 1 + lengths[i]] = '\0';
		ask(&f, line, lengths[i] <= LONG ? "200" : "431", lengths[i] <= LONG ? NAMED : NULL);
	}
	free(line);
	end(&f);
}

static const struct {
	const char *rate;
	uint64_t per_second;
	const char *named, *numbered;
} strategies[] = {
	{ NULL, 0, "{\"strategyType\":\"PROBABILISTIC\",\"probabilisticSampling\":{\"samplingRate\":1}}",
		"{\"strategyType\":0,\"probabilisticSampling\":{\"samplingRate\":1}}" },
	{ "0", 0, "{\"strategyType\":\"PROBABILISTIC\",\"probabilisticSampling\":{\"samplingRate\":0}}",
		"{\"strategyType\":0,\"probabilisticSampling\":{\"samplingRate\":0}}" },
	{ "2.2250738585072011e-308", 0,
		"{\"strategyType\":\"PROBABILISTIC\",\"probabilisticSampling\":{\"samplingRate\":2.225073858507201e-"
		"308}}",
		"{\"strategyType\":0,\"probabilisticSampling\":{\"samplingRate\":2.225073858507201e-308}}" },
	{ NULL, 1, "{\"strategyType\":\"RATE_LIMITING\",\"rateLimitingSampling\":{\"maxTracesPerSecond\":1}}",
		"{\"strategyType\":1,\"rateLimitingSampling\":{\"maxTracesPerSecond\":1}}" },
	{ NULL, 32767, "{\"strategyType\":\"RATE_LIMITING\",\"rateLimitingSampling\":{\"maxTracesPerSecond\":32767}}",
		"{\"strategyType\":1,\"rateLimitingSampling\":{\"maxTracesPerSecond\":32767}}" },
};

static void test_a_strategy_is_written_as_jaegers_agent_did(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(strategies); i++) {
		struct fixture f;
		begin(&f, strategies[i].rate, strategies[i].per_second);
		ask(&f, "GET /sampling?service=app", "200", strategies[i].named);
		ask(&f, "GET /?service=app", "200", strategies[i].numbered);
		end(&f);
	}
}

static void test_options_that_do_not_go_together_are_refused(void **state)
{
	static const char *const address = ":5778";
	const struct option_list some = { 1, &address }, none = { 0, NULL };
	const struct {
		struct jaeger_sampling_config config;
		const char *why; /* NULL: fine */
	} cases[] = {
		{ { &none, NULL, 0 }, NULL },
		{ { &some, NULL, 0 }, NULL },
		{ { &some, "1e-3", 0 }, NULL },
		{ { &some, NULL, 5 }, NULL },
		{ { &some, "1.001", 0 }, "sampling_rate: \"1.001\"; expected a number from 0 to 1" },
		{ { &some, "-0.1", 0 }, "sampling_rate: \"-0.1\"; expected a number from 0 to 1" },
		{ { &some, "nan", 0 }, "sampling_rate: \"nan\"; expected a number from 0 to 1" },
		{ { &some, "inf", 0 }, "sampling_rate: \"inf\"; expected a number from 0 to 1" },
		{ { &some, "", 0 }, "sampling_rate: \"\"; expected a number from 0 to 1" },
		{ { &some, "10%", 0 }, "sampling_rate: \"10%\"; expected a number from 0 to 1" },
		{ { &some, "1", 5 }, "sampling_rate and sampling_per_second are both given; leave one of them out" },
		{ { &none, "1", 0 },
			"sampling_rate is given, but nobody can ask for it: name an address in `sampling`" },
		{ { &none, NULL, 5 },
			"sampling_per_second is given, but nobody can ask for it: name an address in `sampling`" },
	};
	char why[256];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_int_equal(jaeger_sampling_check(&cases[i].config, why, sizeof why), !cases[i].why);
		if (cases[i].why)
			assert_string_equal(why, cases[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_question_has_its_answer_and_repeats_nothing),
		cmocka_unit_test(test_names_of_any_length_are_answered),
		cmocka_unit_test(test_a_strategy_is_written_as_jaegers_agent_did),
		cmocka_unit_test(test_options_that_do_not_go_together_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
