/*
 * Steps of spans: each type over one request, and the chain over batches: what is dropped is counted, what no step
 * edits keeps its bytes, and without room nothing has happened.
 */
#include "unit/pipeline/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/option.h"
#include "otlp.pb-c.h"
#include "proto/otlp_walk.h"
#include "unit/proto/otlp_builder.h"

extern const struct step_type step_span_add, step_span_drop, step_span_filter, step_span_keep, step_span_limits,
	step_span_redact, step_span_rename, step_span_sample;

enum { MEMORY = 1 << 20, MS = 1000000 };

/* No memory for the bits of struct chain_sampled. */
static bool no_bits;

void *__real_oxp_grow(void *array, size_t *room, size_t need, size_t size);
void *__wrap_oxp_grow(void *array, size_t *room, size_t need, size_t size);

void *__wrap_oxp_grow(void *array, size_t *room, size_t need, size_t size)
{
	return no_bits && size == sizeof(uint64_t) ? NULL : __real_oxp_grow(array, room, need, size);
}

/* What a step is lent. */
struct host {
	uint64_t dropped;
};

void host_log(struct host *h, enum log_level level, const char *format, ...)
{
	(void)h;
	(void)level;
	(void)format;
}

const struct resource *host_resource(struct host *h)
{
	static const struct resource all[] = { { "service.name", "service.name", "shop" },
		{ "kubernetes.pod.name", "k8s.pod.name", "shop-1" }, { "x", "x\xff", "y" }, { NULL, NULL, NULL } };

	(void)h;
	return all;
}

#define LIST(...)                     \
	(&(const struct option_list){ \
		.count = COUNT_OF(((const char *[]){ __VA_ARGS__ })), .items = (const char *[]){ __VA_ARGS__ } })
#define NO_LIST (&(const struct option_list){ 0 })
#define MAP(...)                                                                                 \
	(&(const struct option_map){ .count = COUNT_OF(((struct option_pair[]){ __VA_ARGS__ })), \
		.pairs = (const struct option_pair[]){ __VA_ARGS__ } })
#define NO_MAP (&(const struct option_map){ 0 })

/* Options, in the order of the structs of the steps. */
struct redact_options {
	const struct option_list *keys, *detect;
	unsigned with;
	const char *salt;
};
struct map_options {
	const struct option_map *fields;
	bool service;
};
struct select_options {
	const struct option_map *where;
	const struct option_list *keys;
};

struct limits_options {
	uint64_t attributes, value_length, events, links, event_attributes, link_attributes;
};
struct sample_options {
	const char *ratio;
	uint64_t rate;
	bool errors;
	struct duration slower;
	const struct option_map *where;
};

/* The request. */

static void put_head(struct buffer *b, unsigned char id, const char *name, unsigned kind)
{
	put_bytes(b, 1, "0123456789abcdef", 16);
	put_bytes(b, 2, (unsigned char[8]){ id }, 8);
	put_text(b, 5, name);
	put_number(b, 6, kind);
}

static void put_times(struct buffer *b, uint64_t ms)
{
	put_fixed64(b, 7, 1000);
	put_fixed64(b, 8, 1000 + ms * MS);
}

/* user = { password: hunter2, roles: [ "bob@x.de" ] } */
static void put_user(struct buffer *b)
{
	size_t pair = b->size, value, map, inner, array;

	put_text(b, 1, "user");
	value = map = b->size;
	put_attribute(b, 1, "password", "hunter2");
	inner = b->size;
	put_text(b, 1, "roles");
	array = b->size;
	put_text(b, 1, "bob@x.de");
	put_wrap(b, array, 1);
	put_wrap(b, array, 5);
	put_wrap(b, array, 2);
	put_wrap(b, inner, 1);
	put_wrap(b, map, 6);
	put_wrap(b, value, 2);
	put_wrap(b, pair, 9);
}

static void put_users(struct buffer *b)
{
	size_t span = b->size, mark;

	put_head(b, 2, "GET /users?token=s3cr3t", 2);
	put_times(b, 700);
	put_attribute_int(b, 9, "http.response.status_code", 500);
	put_attribute(b, 9, "http.request.header.Password", "hunter2");
	put_user(b);
	mark = b->size;
	put_text(b, 2, "mail to bob@x.de");
	put_attribute(b, 3, "password", "hunter2");
	put_wrap(b, mark, 11);
	mark = b->size;
	put_text(b, 2, "bob@x.de is not known");
	put_number(b, 3, 2);
	put_wrap(b, mark, 15);
	put_wrap(b, span, 2);
}

static void put_others(struct buffer *b)
{
	size_t span = b->size;

	put_head(b, 1, "GET /health", 2);
	put_times(b, 1);
	put_attribute(b, 9, "http.route", "/health");
	put_wrap(b, span, 2);
	put_users(b);
	span = b->size;
	put_head(b, 3, "db", 3);
	put_times(b, 5);
	put_attribute_int(b, 9, "pan", 4111111111111111);
	put_attribute(b, 9, "a", "b");
	put_wrap(b, span, 2);
}

static void put_request(struct buffer *b)
{
	size_t request = b->size, mark = b->size;

	put_attribute(b, 1, "service.name", "unknown_service:node");
	put_attribute(b, 1, "host", "h");
	put_wrap(b, mark, 1);
	mark = b->size;
	put_text(b, 1, "lib");
	put_wrap(b, mark, 1);
	put_others(b);
	put_wrap(b, mark, 2);
	put_wrap(b, request, 1);
}

/* In words: what a reader of the request gets. */

static void say(struct buffer *b, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	assert_int_equal(buffer_vprintf(b, format, args), 0);
	va_end(args);
}

static void say_value(struct buffer *b, const Otlp__AnyValue *v)
{
	switch (v ? v->value_case : OTLP__ANY_VALUE__VALUE__NOT_SET) {
	case OTLP__ANY_VALUE__VALUE_STRING_VALUE:
		say(b, "%s", v->string_value);
		break;
	case OTLP__ANY_VALUE__VALUE_INT_VALUE:
		say(b, "%lld", (long long)v->int_value);
		break;
	case OTLP__ANY_VALUE__VALUE_ARRAY_VALUE:
		for (size_t i = 0; i < v->array_value->n_values; i++)
			say(b, "[%s]", v->array_value->values[i]->string_value);
		break;
	case OTLP__ANY_VALUE__VALUE_KVLIST_VALUE:
		for (size_t i = 0; i < v->kvlist_value->n_values; i++) {
			const Otlp__AnyValue *in = v->kvlist_value->values[i]->value;
			say(b, "{%s:", v->kvlist_value->values[i]->key);
			if (in->value_case == OTLP__ANY_VALUE__VALUE_ARRAY_VALUE)
				say(b, "[%s]", in->array_value->values[0]->string_value);
			else
				say(b, "%s", in->string_value);
			say(b, "}");
		}
		break;
	default:
		say(b, "-");
	}
}

static void say_attributes(struct buffer *b, Otlp__KeyValue **pairs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		say(b, " %s=", pairs[i]->key);
		say_value(b, pairs[i]->value);
	}
}

static void say_span(struct buffer *b, const Otlp__Span *s)
{
	say(b, "; %s:", s->name);
	say_attributes(b, s->attributes, s->n_attributes);
	for (size_t i = 0; i < s->n_events; i++) {
		say(b, " (%s", s->events[i]->name);
		say_attributes(b, s->events[i]->attributes, s->events[i]->n_attributes);
		say(b, ")");
	}
	if (s->status && *s->status->message)
		say(b, " !%s", s->status->message);
	if (s->dropped_attributes_count > 0)
		say(b, " -%u", s->dropped_attributes_count);
}

static void say_request(struct buffer *b, const struct batch_item *item)
{
	Otlp__TracesRequest *r = otlp__traces_request__unpack(NULL, item->size, (const uint8_t *)item->data);
	struct otlp_summary sum;
	size_t at;

	assert_non_null(r);
	assert_int_equal(otlp_traces_check(item->data, item->size, &sum, &at), OTLP_OK);
	assert_int_equal(sum.spans, item->records);
	say(b, "resource:");
	say_attributes(b, r->resource_spans[0]->resource->attributes, r->resource_spans[0]->resource->n_attributes);
	for (size_t i = 0; i < r->resource_spans[0]->scope_spans[0]->n_spans; i++)
		say_span(b, r->resource_spans[0]->scope_spans[0]->spans[i]);
	otlp__traces_request__free_unpacked(r, NULL);
}

/* Steps over it. */

struct world {
	struct budget budget;
	struct chain *chain;
	struct host host;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	budget_init(&w->budget, MEMORY);
	w->chain = chain_new();
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	chain_free(w->chain);
	assert_int_equal(budget_used(&w->budget), 0);
	free(w);
	return 0;
}

static void use(struct world *w, const struct step_type *type, const void *config)
{
	struct step *step;
	char why[256] = "";

	if (type->check && !type->check(config, why, sizeof why))
		fail_msg("%s", why);
	assert_int_equal(type->create(config, &w->host, &step), 0);
	assert_int_equal(chain_add(w->chain, type, step, &w->host.dropped), 0);
}

static struct batch *batch_of(struct world *w, unsigned requests)
{
	struct batch *b = batch_new(&w->budget, SIGNAL_TRACES);
	struct buffer body;

	buffer_init(&body, MEMORY);
	put_request(&body);
	for (unsigned i = 0; i < requests; i++) {
		char *data = batch_block(b, body.size);
		assert_non_null(data);
		memcpy(data, body.data, body.size);
		assert_int_equal(
			batch_add(b,
				&(struct batch_item){
					.data = data, .size = (uint32_t)body.size, .records = 3, .offset = i }),
			0);
	}
	buffer_done(&body);
	return b;
}

static void becomes(struct world *w, const char *wanted)
{
	struct batch *b = batch_of(w, 1);
	size_t size = batch_size(b);
	struct buffer said;

	buffer_init(&said, MEMORY);
	assert_int_equal(chain_run(w->chain, &b, 0, (struct mono_time){ 1 }), 0);
	batch_check(b);
	assert_int_equal(b->records + b->dropped.records, 3);
	assert_true(b->dropped.bytes <= size);
	for (size_t i = 0; i < batch_items(b); i++)
		say_request(&said, batch_item(b, i));
	assert_int_equal(buffer_append(&said, "", 1), 0);
	assert_string_equal(said.data, wanted);
	buffer_done(&said);
	batch_free(b);
}

#define RESOURCE "resource: service.name=unknown_service:node host=h"
#define HEALTH "; GET /health: http.route=/health"
#define USERS_HEAD "; GET /users?token=s3cr3t: http.response.status_code=500 http.request.header.Password=hunter2"
#define USERS_TAIL \
	" user={password:hunter2}{roles:[bob@x.de]} (mail to bob@x.de password=hunter2) !bob@x.de is not known"
#define USERS USERS_HEAD USERS_TAIL
#define DB "; db: pan=4111111111111111 a=b"
#define U_FFFD "\xef\xbf\xbd"

/* A step, its options, and what becomes of the request. */
static const struct row {
	const char *what;
	const struct step_type *type;
	const void *config;
	const char *wanted;
} rows[] = {
	{ "names at any depth, in the span's name, its events and its status", &step_span_redact,
		&(struct redact_options){ LIST("password", "token"), LIST("card", "email"), 0, NULL },
		RESOURCE HEALTH
		"; GET /users?token=***: http.response.status_code=500 "
		"http.request.header.Password=*** user={password:***}{roles:[***]} (mail to *** password=***) "
		"!*** is not known; db: pan=*** a=b" },
	{ "taken out instead", &step_span_redact,
		&(struct redact_options){ LIST("password", "a", "host"), NO_LIST, 2, NULL },
		"resource: service.name=unknown_service:node" HEALTH "; GET /users?token=s3cr3t: "
		"http.response.status_code=500 user={roles:[bob@x.de]} (mail to bob@x.de) !bob@x.de is not known; db: "
		"pan=4111111111111111" },
	{ "renamed, unless the name is taken", &step_span_rename,
		&(struct map_options){
			MAP({ "a", "b" }, { "pan", "b" }, { "resource.host", "host.name" }, { "b", "b" }) },
		NULL },
	{ "renamed in both", &step_span_rename,
		&(struct map_options){ MAP({ "a", "b" }, { "pan", "b" }, { "resource.host", "resource.host.name" }) },
		"resource: service.name=unknown_service:node host.name=h" HEALTH USERS
		"; db: pan=4111111111111111 b=b" },
	{ "added as UTF-8, which takes three times the bytes", &step_span_add,
		&(struct map_options){ MAP({ "resource.team", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" }), false },
		RESOURCE
		" team=" U_FFFD U_FFFD U_FFFD U_FFFD U_FFFD U_FFFD U_FFFD U_FFFD U_FFFD U_FFFD HEALTH USERS DB },
	{ "added where it is absent", &step_span_add,
		&(struct map_options){ MAP({ "a", "new" }, { "resource.team", "payments" }), true },
		"resource: service.name=shop host=h team=payments k8s.pod.name=shop-1 x" U_FFFD "=y" HEALTH " a=new"
		"; GET /users?token=s3cr3t: http.response.status_code=500 http.request.header.Password=hunter2 "
		"user={password:hunter2}{roles:[bob@x.de]} a=new (mail to bob@x.de password=hunter2) "
		"!bob@x.de is not known" DB },
	{ "attributes dropped", &step_span_drop,
		&(struct select_options){ NO_MAP, LIST("a", "http.route", "resource.host") },
		"resource: service.name=unknown_service:node; GET /health:" USERS "; db: pan=4111111111111111" },
	{ "attributes dropped of one span", &step_span_drop,
		&(struct select_options){ MAP({ "name", "db" }), LIST("a", "http.route") },
		RESOURCE HEALTH USERS "; db: pan=4111111111111111" },
	{ "attributes kept", &step_span_keep, &(struct select_options){ NULL, LIST("a", "user") },
		RESOURCE "; GET /health:; GET /users?token=s3cr3t:" USERS_TAIL "; db: a=b" },
	{ "attributes of the resource kept, too", &step_span_keep,
		&(struct select_options){ NULL, LIST("a", "user", "resource.host") },
		"resource: host=h; GET /health:; GET /users?token=s3cr3t:" USERS_TAIL "; db: a=b" },
	{ "by name", &step_span_drop, &(struct select_options){ MAP({ "name", "GET /h*|x" }), NO_LIST },
		RESOURCE USERS DB },
	{ "by what it must not be", &step_span_filter, &(struct select_options){ MAP({ "name", "!GET *" }) },
		RESOURCE DB },
	{ "by kind", &step_span_filter, &(struct select_options){ MAP({ "kind", "client|internal" }) }, RESOURCE DB },
	{ "by status", &step_span_filter, &(struct select_options){ MAP({ "status", "error" }) }, RESOURCE USERS },
	{ "by duration", &step_span_filter, &(struct select_options){ MAP({ "duration", ">=5ms" }) },
		RESOURCE USERS DB },
	{ "by a longer duration", &step_span_filter, &(struct select_options){ MAP({ "duration", ">5ms" }) },
		RESOURCE USERS },
	{ "by scope", &step_span_drop, &(struct select_options){ MAP({ "scope", "lib" }), NO_LIST }, "" },
	{ "by the resource", &step_span_drop, &(struct select_options){ MAP({ "resource.host", "h*" }), NO_LIST }, "" },
	{ "by another resource", &step_span_drop, &(struct select_options){ MAP({ "resource.host", "x*" }), NO_LIST },
		RESOURCE HEALTH USERS DB },
	{ "by a number", &step_span_filter, &(struct select_options){ MAP({ "http.response.status_code", ">=500" }) },
		RESOURCE USERS },
	{ "by a number as text", &step_span_filter,
		&(struct select_options){ MAP({ "http.response.status_code", "5*" }) }, RESOURCE USERS },
	{ "by an attribute that is not there", &step_span_filter,
		&(struct select_options){ MAP({ "http.response.status_code", "!>=500" }) }, RESOURCE HEALTH DB },
	{ "at most two attributes", &step_span_limits, &(struct limits_options){ .attributes = 2 },
		RESOURCE HEALTH USERS_HEAD " (mail to bob@x.de password=hunter2) !bob@x.de is not known -1" DB },
	{ "short texts", &step_span_limits, &(struct limits_options){ .value_length = 3 },
		RESOURCE "; GET /health: http.route=/he; GET /users?token=s3cr3t: http.response.status_code=500 "
			 "http.request.header.Password=hun user={password:hun}{roles:[bob]} (mail to bob@x.de "
			 "password=hun) !bob@x.de is not known" DB },
	{ "errors stay", &step_span_sample, &(struct sample_options){ "0", 0, true, { 0 }, NO_MAP }, RESOURCE USERS },
	{ "slow ones stay", &step_span_sample, &(struct sample_options){ "0", 0, false, { 5 * MS }, NO_MAP },
		RESOURCE USERS DB },
	{ "others are not sampled", &step_span_sample,
		&(struct sample_options){ "0", 0, false, { 0 }, MAP({ "kind", "server" }) }, RESOURCE DB },
	{ "two a second", &step_span_sample, &(struct sample_options){ NULL, 2, false, { 0 }, NO_MAP },
		RESOURCE HEALTH USERS },
	{ "by two", &step_span_drop,
		&(struct select_options){ MAP({ "name", "GET *" }, { "duration", "<10ms" }), NO_LIST },
		RESOURCE USERS DB },
};

static void each_step_does_its_work(void **state)
{
	char why[256];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		void *world;
		print_message("%s\n", rows[i].what);
		if (!rows[i].wanted) {
			assert_false(rows[i].type->check(rows[i].config, why, sizeof why));
			continue;
		}
		setup(&world);
		use(world, rows[i].type, rows[i].config);
		becomes(world, rows[i].wanted);
		teardown(&world);
	}
}

static const struct row refused[] = {
	{ "nothing to redact", &step_span_redact, &(struct redact_options){ NO_LIST, NO_LIST, 0, NULL }, NULL },
	{ "no name", &step_span_rename, &(struct map_options){ MAP({ "resource.", "resource.x" }) }, NULL },
	{ "a name that is not UTF-8", &step_span_rename, &(struct map_options){ MAP({ "a", "b\xff" }) }, NULL },
	{ "no name to add", &step_span_add, &(struct map_options){ MAP({ "resource.", "x" }), false }, NULL },
	{ "nothing to drop", &step_span_drop, &(struct select_options){ NO_MAP, NO_LIST }, NULL },
	{ "no name to drop", &step_span_drop, &(struct select_options){ NO_MAP, LIST("resource.") }, NULL },
	{ "nothing to filter by", &step_span_filter, &(struct select_options){ NO_MAP, NULL }, NULL },
	{ "no limit", &step_span_limits, &(struct limits_options){ .links = 0 }, NULL },
	{ "nothing to sample", &step_span_sample, &(struct sample_options){ NULL, 0, true, { 0 }, NO_MAP }, NULL },
	{ "no ratio", &step_span_sample, &(struct sample_options){ "1.5", 0, true, { 0 }, NO_MAP }, NULL },
	{ "no kind", &step_span_filter, &(struct select_options){ MAP({ "kind", "server|host" }) }, NULL },
	{ "no status", &step_span_filter, &(struct select_options){ MAP({ "status", ">2" }) }, NULL },
	{ "no duration", &step_span_filter, &(struct select_options){ MAP({ "duration", "5ms" }) }, NULL },
	{ "no number", &step_span_filter, &(struct select_options){ MAP({ "x", ">fast" }) }, NULL },
	{ "no pattern", &step_span_filter, &(struct select_options){ MAP({ "x", "!" }) }, NULL },
};

static void what_makes_no_sense_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(refused); i++) {
		char why[256] = "";
		print_message("%s\n", refused[i].what);
		assert_false(refused[i].type->check(refused[i].config, why, sizeof why));
		assert_true(why[0]);
	}
}

/* What one step did is what the next one sees. */
static void steps_see_what_others_did(void **state)
{
	struct world *w = *state;

	use(w, &step_span_rename, &(struct map_options){ MAP({ "a", "c" }) });
	use(w, &step_span_add, &(struct map_options){ MAP({ "a", "new" }), false });
	use(w, &step_span_filter, &(struct select_options){ MAP({ "c", "b" }, { "a", "new" }) });
	use(w, &step_span_redact, &(struct redact_options){ LIST("c"), NO_LIST, 0, NULL });
	use(w, &step_span_drop, &(struct select_options){ NO_MAP, LIST("a") });
	becomes(w, RESOURCE "; db: pan=4111111111111111 c=***");
	assert_int_equal(w->host.dropped, 2);
}

static void a_hash_is_the_same_for_the_same(void **state)
{
	struct world *w = *state;
	struct batch *b = batch_of(w, 1);
	struct buffer said;
	const char *first;

	use(w, &step_span_redact, &(struct redact_options){ LIST("password"), NO_LIST, 1, "salt" });
	assert_int_equal(chain_run(w->chain, &b, 0, (struct mono_time){ 1 }), 0);
	buffer_init(&said, MEMORY);
	say_request(&said, batch_item(b, 0));
	assert_int_equal(buffer_append(&said, "", 1), 0);
	first = strstr(said.data, "Password=") + strlen("Password=");
	assert_memory_equal(first, strstr(said.data, "{password:") + strlen("{password:"), 32);
	assert_null(strstr(said.data, "hunter2"));
	buffer_done(&said);
	batch_free(b);
}

/* Bytes stay bytes, in the memory they are in. */
static void what_no_step_edits_is_not_copied(void **state)
{
	struct world *w = *state;
	struct batch *b = batch_of(w, 2), *before = b;
	const char *data = batch_item(b, 1)->data;

	use(w, &step_span_rename, &(struct map_options){ MAP({ "no", "where" }) });
	use(w, &step_span_redact, &(struct redact_options){ LIST("nothing"), LIST("ip"), 0, NULL });
	assert_int_equal(chain_run(w->chain, &b, 0, (struct mono_time){ 1 }), 0);
	assert_ptr_equal(b, before);
	assert_ptr_equal(batch_item(b, 1)->data, data);
	batch_free(b);
}

static void without_room_nothing_has_happened(void **state)
{
	struct world *w = *state;
	struct batch *b = batch_of(w, 3), *before = b;

	use(w, &step_span_drop, &(struct select_options){ MAP({ "name", "db" }), NO_LIST });
	w->budget.limit = budget_used(&w->budget) + 100;
	assert_int_equal(chain_run(w->chain, &b, 0, (struct mono_time){ 1 }), -ENOMEM);
	assert_ptr_equal(b, before);
	assert_int_equal(b->records, 9);
	assert_int_equal(w->host.dropped, 0);
	w->budget.limit = MEMORY;
	assert_int_equal(chain_run(w->chain, &b, 0, (struct mono_time){ 1 }), 0);
	assert_int_equal(b->records, 6);
	assert_int_equal(b->dropped.records, 3);
	assert_int_equal(w->host.dropped, 3);
	batch_check(b);
	batch_free(b);
}

static void aside_becomes(const struct batch *b, size_t i, const char *wanted)
{
	struct buffer said;

	buffer_init(&said, MEMORY);
	say_request(&said, batch_item(b->aside, i));
	assert_int_equal(buffer_append(&said, "", 1), 0);
	assert_string_equal(said.data, wanted);
	buffer_done(&said);
}

/* Wherever in the chain it samples; what other steps drop is not wanted. */
static void what_sampling_leaves_out_is_aside_as_the_other_steps_make_it(void **state)
{
	struct world *w = *state;
	struct batch *b = batch_of(w, 2);
	uint64_t missed = 0;

	use(w, &step_span_rename, &(struct map_options){ MAP({ "a", "c" }) });
	use(w, &step_span_sample, &(struct sample_options){ "0", 0, true, { 0 }, NO_MAP });
	use(w, &step_span_drop, &(struct select_options){ MAP({ "name", "GET /health" }), NO_LIST });
	use(w, &step_span_redact, &(struct redact_options){ LIST("c", "password"), NO_LIST, 0, NULL });
	chain_set_aside(w->chain, &missed);
	assert_int_equal(chain_run(w->chain, &b, 0, (struct mono_time){ 1 }), 0);
	assert_int_equal(b->records, 2);
	assert_int_equal(b->dropped.records, 4);
	assert_int_equal(w->host.dropped, 4);
	assert_non_null(b->aside);
	batch_check(b);
	batch_check(b->aside);
	assert_int_equal(batch_items(b->aside), 2);
	for (size_t i = 0; i < 2; i++)
		aside_becomes(b, i, RESOURCE "; db: pan=4111111111111111 c=***");
	assert_int_equal(missed, 0);
	batch_free(b);
}

/* The recorder is the last to have room. */
static void without_room_aside_the_batch_goes_on(void **state)
{
	struct world *w = *state;
	struct batch *b = batch_of(w, 1);
	uint64_t missed = 0;

	use(w, &step_span_sample, &(struct sample_options){ "0", 0, false, { 0 }, NO_MAP });
	chain_set_aside(w->chain, &missed);
	memset(w->budget.guaranteed, 0, sizeof w->budget.guaranteed);
	w->budget.limit = budget_used(&w->budget) + sizeof *b + BATCH_OVERHEAD;
	assert_int_equal(chain_run(w->chain, &b, 0, (struct mono_time){ 1 }), 0);
	assert_int_equal(b->dropped.records, 3);
	assert_null(b->aside);
	assert_int_equal(missed, 3);
	batch_free(b);
}

/* The edits of its resource would not fit. */
static void what_cannot_be_made_aside_is_missed(void **state)
{
	struct world *w = *state;
	struct batch *b = batch_of(w, 1);
	uint64_t missed = 0;

	use(w, &step_span_sample, &(struct sample_options){ "0", 0, false, { 0 }, NO_MAP });
	use(w, &step_span_redact, &(struct redact_options){ LIST("host"), NO_LIST, 0, NULL });
	chain_set_aside(w->chain, &missed);
	w->chain->aside->lent.ceiling = 0;
	assert_int_equal(chain_run(w->chain, &b, 0, (struct mono_time){ 1 }), 0);
	assert_int_equal(b->dropped.records, 3);
	assert_null(b->aside);
	assert_int_equal(missed, 3);
	batch_free(b);
}

/* Without memory for the bits, nobody knows which spans sampling left out. */
static void what_nobody_knows_is_missed(void **state)
{
	struct world *w = *state;
	struct batch *b = batch_of(w, 1);
	uint64_t missed = 0;

	use(w, &step_span_sample, &(struct sample_options){ "0", 0, true, { 0 }, NO_MAP });
	chain_set_aside(w->chain, &missed);
	no_bits = true;
	assert_int_equal(chain_run(w->chain, &b, 0, (struct mono_time){ 1 }), 0);
	no_bits = false;
	assert_int_equal(b->records, 1);
	assert_null(b->aside);
	assert_int_equal(missed, 2);
	batch_free(b);
}

/* Its secrets could not be told from the rest. */
static void what_is_no_request_is_dropped(void **state)
{
	struct world *w = *state;
	struct batch *b = batch_of(w, 1);
	char *bad = batch_block(b, 4);

	memcpy(bad, "\x0a\x7f!!", 4);
	assert_int_equal(batch_add(b, &(struct batch_item){ .data = bad, .size = 4, .records = 1 }), 0);
	use(w, &step_span_redact, &(struct redact_options){ LIST("x"), NO_LIST, 0, NULL });
	assert_int_equal(chain_run(w->chain, &b, 0, (struct mono_time){ 1 }), 0);
	assert_int_equal(batch_items(b), 1);
	assert_int_equal(b->dropped.records, 1);
	batch_free(b);
}

/* The names of OTLP have no escapes, as those of JSON have: none hides a dot, or a key that has a backslash. */
static void a_backslash_in_the_name_of_an_attribute_is_one(void **state)
{
	struct world *w = *state;
	struct batch *b = batch_new(&w->budget, SIGNAL_TRACES);
	struct buffer body, said;
	size_t resource;
	char *data;

	buffer_init(&body, MEMORY);
	buffer_init(&said, MEMORY);
	put_head(&body, 1, "db", 1);
	put_attribute(&body, 9, "user\\.password", "hunter2");
	put_attribute(&body, 9, "domain\\user", "bob");
	put_attribute(&body, 9, "domain\\host", "h");
	put_wrap(&body, 0, 2);
	put_wrap(&body, 0, 2);
	resource = body.size;
	put_attribute(&body, 1, "host", "h");
	put_wrap(&body, resource, 1);
	put_wrap(&body, 0, 1);
	data = batch_block(b, body.size);
	memcpy(data, body.data, body.size);
	assert_int_equal(batch_add(b, &(struct batch_item){ data, (uint32_t)body.size, 1, 0, 0 }), 0);
	use(w, &step_span_redact, &(struct redact_options){ LIST("password", "domain\\user"), NO_LIST, 0, NULL });
	use(w, &step_span_drop, &(struct select_options){ NO_MAP, LIST("domain\\host") });
	assert_int_equal(chain_run(w->chain, &b, 0, (struct mono_time){ 1 }), 0);
	say_request(&said, batch_item(b, 0));
	assert_int_equal(buffer_append(&said, "", 1), 0);
	assert_non_null(strstr(said.data, "; db: user\\.password=*** domain\\user=***"));
	assert_null(strstr(said.data, "domain\\host"));
	buffer_done(&body);
	buffer_done(&said);
	batch_free(b);
}

/* Two events and three links, of which one and two had been dropped by the SDK. Each has three attributes, and had one
 * more. */
static void put_events_and_links(struct buffer *body)
{
	put_head(body, 1, "db", 1);
	put_number(body, 12, 1);
	for (size_t i = 0, mark = body->size; i < 5; i++, mark = body->size) {
		put_text(body, i < 2 ? 2 : 3, i == 0 ? "first" : "other");
		for (int k = 0; k < 3; k++)
			put_attribute(body, i < 2 ? 3 : 4, "a", "long");
		put_number(body, i < 2 ? 4 : 5, 1);
		put_wrap(body, mark, i < 2 ? 11 : 13);
	}
	put_number(body, 14, 2);
	for (int level = 0; level < 3; level++)
		put_wrap(body, 0, level < 2 ? 2 : 1);
}

static void events_and_links_beyond_the_limits_are_counted(void **state)
{
	struct world *w = *state;
	struct batch *b = batch_new(&w->budget, SIGNAL_TRACES);
	Otlp__TracesRequest *r;
	const Otlp__Span *s;
	struct buffer body;
	char *data;

	buffer_init(&body, MEMORY);
	put_events_and_links(&body);
	data = batch_block(b, body.size);
	memcpy(data, body.data, body.size);
	assert_int_equal(batch_add(b, &(struct batch_item){ data, (uint32_t)body.size, 1, 0, 0 }), 0);
	use(w, &step_span_limits, &(struct limits_options){ 0, 3, 1, 1, 2, 1 });
	assert_int_equal(chain_run(w->chain, &b, 0, (struct mono_time){ 1 }), 0);
	r = otlp__traces_request__unpack(NULL, batch_item(b, 0)->size, (const uint8_t *)batch_item(b, 0)->data);
	assert_non_null(r);
	s = r->resource_spans[0]->scope_spans[0]->spans[0];
	assert_int_equal(s->n_events, 1);
	assert_string_equal(s->events[0]->name, "first");
	assert_int_equal(s->events[0]->n_attributes, 2);
	assert_string_equal(s->events[0]->attributes[1]->value->string_value, "lon");
	assert_int_equal(s->events[0]->dropped_attributes_count, 2);
	assert_int_equal(s->dropped_events_count, 2);
	assert_int_equal(s->n_links, 1);
	assert_int_equal(s->links[0]->n_attributes, 1);
	assert_string_equal(s->links[0]->attributes[0]->value->string_value, "lon");
	assert_int_equal(s->links[0]->dropped_attributes_count, 3);
	assert_int_equal(s->dropped_links_count, 4);
	assert_int_equal(s->dropped_attributes_count, 0);
	otlp__traces_request__free_unpacked(r, NULL);
	buffer_done(&body);
	batch_free(b);
}

/* A span that no step can see whole might keep a secret. The one beside it stays. */
static void a_span_with_too_many_attributes_is_dropped(void **state)
{
	struct world *w = *state;
	struct batch *b = batch_new(&w->budget, SIGNAL_TRACES);
	struct buffer body;
	size_t span;
	char *data;

	buffer_init(&body, MEMORY);
	put_head(&body, 1, "db", 1);
	for (int i = 0; i <= OTLP_PARTS_MAX; i++)
		put_attribute(&body, 9, "k", "v");
	put_wrap(&body, 0, 2);
	span = body.size;
	put_head(&body, 2, "db", 1);
	put_wrap(&body, span, 2);
	put_wrap(&body, 0, 2);
	put_wrap(&body, 0, 1);
	data = batch_block(b, body.size);
	memcpy(data, body.data, body.size);
	assert_int_equal(batch_add(b, &(struct batch_item){ data, (uint32_t)body.size, 2, 0, 0 }), 0);
	use(w, &step_span_redact, &(struct redact_options){ LIST("password"), NO_LIST, 0, NULL });
	assert_int_equal(chain_run(w->chain, &b, 0, (struct mono_time){ 1 }), 0);
	batch_check(b);
	assert_int_equal(b->records, 1);
	assert_int_equal(b->dropped.records, 1);
	assert_true(batch_size(b) < 100);
	buffer_done(&body);
	batch_free(b);
}

/* The threshold that a span has once it was sampled, in tracestate. */
static void sampled_state(struct world *w, const char *ratio, const char *before, const char *after)
{
	struct batch *b = batch_new(&w->budget, SIGNAL_TRACES);
	struct buffer body;
	Otlp__TracesRequest *r;
	char *data;

	buffer_init(&body, MEMORY);
	put_bytes(&body, 1, "01234567\0\x8f\xff\xff\xff\xff\xff\xff", 16);
	put_bytes(&body, 2, "01234567", 8);
	put_text(&body, 3, before);
	put_wrap(&body, 0, 2);
	put_wrap(&body, 0, 2);
	put_wrap(&body, 0, 1);
	data = batch_block(b, body.size);
	memcpy(data, body.data, body.size);
	assert_int_equal(batch_add(b, &(struct batch_item){ data, (uint32_t)body.size, 1, 0, 0 }), 0);
	chain_free(w->chain);
	w->chain = chain_new();
	use(w, &step_span_sample, &(struct sample_options){ ratio, 0, false, { 0 }, NO_MAP });
	assert_int_equal(chain_run(w->chain, &b, 0, (struct mono_time){ 1 }), 0);
	assert_int_equal(batch_items(b), after != NULL);
	if (after) {
		r = otlp__traces_request__unpack(NULL, batch_item(b, 0)->size, (const uint8_t *)batch_item(b, 0)->data);
		assert_string_equal(r->resource_spans[0]->scope_spans[0]->spans[0]->trace_state, after);
		otlp__traces_request__free_unpacked(r, NULL);
	}
	buffer_done(&body);
	batch_free(b);
}

/* An equalizing downstream sampler; the randomness of the trace is 8fffffffffffff. */
static void a_ratio_is_sampled_by_the_rule_of_opentelemetry(void **state)
{
	static const struct {
		const char *ratio, *before, *after;
	} cases[] = {
		{ "0.5", "", "ot=th:8" },
		{ "0.4", "", NULL },
		{ "1", "", "ot=th:0" },
		{ "1", "ot=th:0", "ot=th:0" },
		{ "0.5", "a=b,ot=th:4;x:y", "ot=x:y;th:8,a=b" },
		{ "0.9", "ot=th:8", "ot=th:8" }, /* it cannot be lowered */
		{ "0.5", "ot=rv:7fffffffffffff", NULL },
		{ "0.1", "ot=rv:e6660000000000", "ot=rv:e6660000000000;th:e666" },
		{ "0.1", "ot=rv:e665ffffffffff", NULL },
		{ "0.9", "ot=th:9", "" }, /* it should not have been kept */
		{ "0.5", "ot=th:9;p:1,c=d", "ot=p:1,c=d" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++)
		sampled_state(*state, cases[i].ratio, cases[i].before, cases[i].after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_step_does_its_work),
		cmocka_unit_test(what_makes_no_sense_is_refused),
		cmocka_unit_test_setup_teardown(a_ratio_is_sampled_by_the_rule_of_opentelemetry, setup, teardown),
		cmocka_unit_test_setup_teardown(a_backslash_in_the_name_of_an_attribute_is_one, setup, teardown),
		cmocka_unit_test_setup_teardown(events_and_links_beyond_the_limits_are_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(a_span_with_too_many_attributes_is_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(steps_see_what_others_did, setup, teardown),
		cmocka_unit_test_setup_teardown(a_hash_is_the_same_for_the_same, setup, teardown),
		cmocka_unit_test_setup_teardown(what_no_step_edits_is_not_copied, setup, teardown),
		cmocka_unit_test_setup_teardown(without_room_nothing_has_happened, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_request_is_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_sampling_leaves_out_is_aside_as_the_other_steps_make_it, setup, teardown),
		cmocka_unit_test_setup_teardown(without_room_aside_the_batch_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_made_aside_is_missed, setup, teardown),
		cmocka_unit_test_setup_teardown(what_nobody_knows_is_missed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
