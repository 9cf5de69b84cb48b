/*
 * Requests about parked records, without HTTP: pages, one record, what makes no sense; and dropping over kills at any
 * step.
 */
#include "unit/unit.h"

#include "http/server.h"
#include "unit/parked/world.h"

enum { ARGUMENTS_MAX = 4, BODY_MAX = 8192 };

/* What libmicrohttpd would bring, and how it was answered. */
struct http_request {
	struct {
		const char *name, *value;
	} arguments[ARGUMENTS_MAX];
	void *context;
	unsigned status; /* 0: not yet */
	char body[BODY_MAX];
};

const char *http_request_query(const struct http_request *r, const char *name)
{
	for (size_t i = 0; i < ARGUMENTS_MAX && r->arguments[i].name; i++)
		if (strcmp(r->arguments[i].name, name) == 0)
			return r->arguments[i].value;
	return NULL;
}

void http_context_set(struct http_request *r, void *context)
{
	r->context = context;
}

void *http_context(const struct http_request *r)
{
	return r->context;
}

void http_respond(struct http_request *r, const struct http_answer *a)
{
	EXPECT(r->status == 0 && a->body->size < BODY_MAX);
	r->status = a->status;
	memcpy(r->body, a->body->data, a->body->size);
}

void http_respond_text(struct http_request *r, unsigned status, const char *type, const char *text)
{
	(void)type;
	EXPECT(r->status == 0);
	r->status = status;
	snprintf(r->body, sizeof r->body, "%s", text);
}

enum { LIST, SHOW, REPLAY, DROP };

static void ask(struct world *w, int route, struct http_request *r)
{
	struct http_route routes[PARKED_ROUTES];

	parked_routes(&w->parked, routes);
	routes[route].complete(routes[route].context, r);
	UNTIL(w, r->status != 0);
}

/* In a child, over RECORDS records of a file. */
static void in_a_life(void (*live)(struct life *))
{
	struct life *l = life_new();

	assert_true(life_live(l, 0, prepare_file));
	assert_true(life_live(l, 0, live));
	life_free(l);
}

static struct world *begin(struct life *l)
{
	struct world *w = oxp_new(sizeof *w);

	start(w, l->path, true);
	return w;
}

static void end(struct world *w)
{
	stop(w);
	free(w);
}

static void ask_for_pages(struct life *l)
{
	struct world *w = begin(l);
	struct http_request all = { .status = 0 }, behind = { .arguments = { { "after", "2" } } },
			    others = { .arguments = { { "destination", "elsewhere" } } };

	ask(w, LIST, &all);
	EXPECT(all.status == 200 && strstr(all.body, "\"items\":4,") && strstr(all.body, "\"more\":false"));
	EXPECT(strstr(all.body, "\"id\":1,") && strstr(all.body, "\"id\":4,"));
	EXPECT(!strstr(all.body, "\"payload\""));
	ask(w, LIST, &behind);
	EXPECT(!strstr(behind.body, "\"id\":2,") && strstr(behind.body, "\"id\":3,"));
	ask(w, LIST, &others);
	EXPECT(others.status == 200 && strstr(others.body, "\"records\":[]"));
	end(w);
}

static void records_are_listed_in_pages(void **state)
{
	(void)state;
	in_a_life(ask_for_pages);
}

static void ask_for_one(struct life *l)
{
	struct world *w = begin(l);
	struct http_request one = { .arguments = { { "id", "3" } } }, none = { .arguments = { { "id", "9" } } };

	ask(w, SHOW, &one);
	EXPECT(one.status == 200 && strstr(one.body, "\"id\":3,") && strstr(one.body, "\"payload\":\"2 \""));
	ask(w, SHOW, &none);
	EXPECT(none.status == 404);
	end(w);
}

static void one_is_shown_with_its_payload(void **state)
{
	(void)state;
	in_a_life(ask_for_one);
}

static void ask_for_nonsense(struct life *l)
{
	struct world *w = begin(l);
	struct http_request word = { .arguments = { { "id", "x" } } };
	struct http_request half = { .arguments = { { "from", "a" } } };
	struct http_request busy = { .status = 0 }, dropped = { .status = 0 }, gone = { .status = 0 };
	struct http_route routes[PARKED_ROUTES];

	ask(w, LIST, &word);
	EXPECT(word.status == 400);
	ask(w, REPLAY, &half);
	EXPECT(half.status == 400);
	w->exporter.away = true;
	parked_routes(&w->parked, routes);
	routes[REPLAY].complete(routes[REPLAY].context, &gone);
	ask(w, REPLAY, &busy);
	ask(w, DROP, &dropped);
	EXPECT(busy.status == 503 && dropped.status == 503);
	routes[REPLAY].gone(routes[REPLAY].context, &gone); /* nobody waits for it any more */
	w->exporter.away = false;
	UNTIL(w, !w->parked.replay.busy);
	EXPECT(gone.status == 0 && state_parked_count(w->core.state) == 0);
	end(w);
}

static void what_makes_no_sense_is_refused_and_one_thing_is_done_at_a_time(void **state)
{
	(void)state;
	in_a_life(ask_for_nonsense);
}

/* Dropping, in slices until nothing is left. */

static void drop_all(struct life *l)
{
	struct world *w = oxp_new(sizeof *w);
	struct http_request r = { .status = 0 };

	start(w, l->path, l->file);
	ask(w, DROP, &r);
	EXPECT(r.status == 200 && !w->parked.dropping);
	note(w, l);
	stop(w);
	free(w);
}

static void check_dropped(const struct life *l, bool killed)
{
	(void)killed;
	assert_int_equal(l->parked, 0);
	for (int i = 0; i < 1 + l->file; i++) {
		const struct ledger_amount *t = l->terms[i].term;
		assert_int_equal(t[LEDGER_RECEIVED].records, BEFORE + RECORDS);
		assert_int_equal(t[LEDGER_DELIVERED].records, BEFORE);
		assert_int_equal(t[LEDGER_REJECTED].records, RECORDS);
		assert_int_equal(t[LEDGER_REJECTED].bytes, t[LEDGER_RECEIVED].bytes - BEFORE);
	}
}

static void drop_at_every_step(void (*before)(struct life *))
{
	life_at_every_step(
		&(struct life_script){ .before = before, .live = drop_all, .after = drop_all, .check = check_dropped },
		10);
}

static void what_is_dropped_is_counted_once_wherever_a_kill_comes(void **state)
{
	(void)state;
	drop_at_every_step(prepare_file);
	drop_at_every_step(prepare_socket);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_are_listed_in_pages),
		cmocka_unit_test(one_is_shown_with_its_payload),
		cmocka_unit_test(what_makes_no_sense_is_refused_and_one_thing_is_done_at_a_time),
		cmocka_unit_test(what_is_dropped_is_counted_once_wherever_a_kill_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
