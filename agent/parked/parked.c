#include "parked/parked.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json_writer.h"
#include "base/text.h"
#include "core.h"
#include "http/server.h"
#include "parked/parked_text.h"

/* A request that waits for state. */
struct ask {
	struct parked *parked;
	struct http_request *request; /* NULL if the client is gone */
	struct state_parked_query query;
	struct state_change *change; /* only for a drop */
	struct ledger_row *row;
	struct ledger_amount sum;
	uint64_t last;
	size_t count;
	bool placed;
};

/* Answers. */

static void respond_failed(struct http_request *request, int failed)
{
	char text[200];

	snprintf(text, sizeof text, "cannot read what is parked: %s\n", strerror(-failed));
	if (request)
		http_respond_text(request, 500, "text/plain", text);
}

/* Questions. */

/* Returns false if the parameter is not a number. If it is absent, the number is 0. */
static bool query_number(const struct http_request *request, const char *name, uint64_t *ret)
{
	const char *text = http_request_query(request, name);

	*ret = 0;
	return !text || u64_parse(bytes_of(text), ret);
}

/* Reads id=N, or after=N&until=N, and destination=NAME. The name is owned by the request. */
static bool read_query(const struct http_request *request, struct state_parked_query *q)
{
	uint64_t id;

	*q = (struct state_parked_query){ .destination = http_request_query(request, "destination"),
		.rows = PARKED_PAGE };
	if (!query_number(request, "id", &id) || !query_number(request, "after", &q->after) ||
		!query_number(request, "until", &q->until))
		return false;
	if (id) {
		q->after = id - 1;
		q->until = id;
	}
	return q->after <= INT64_MAX && q->until <= INT64_MAX;
}

static struct ask *ask_new(struct parked *p, struct http_request *request)
{
	struct ask *ask = oxp_new(sizeof *ask);

	ask->parked = p;
	ask->request = request;
	if (read_query(request, &ask->query)) {
		http_context_set(request, &ask->request);
		return ask;
	}
	http_respond_text(request, 400, "text/plain", "id, after and until are numbers\n");
	free(ask);
	return NULL;
}

/* The client is gone. The request's context is the place that holds the request. */
static void on_gone(void *context, struct http_request *request)
{
	struct http_request **at = http_context(request);

	(void)context;
	if (at && *at == request)
		*at = NULL;
}

/* Listing and showing. */

static int write_page(const struct ask *ask, const struct state_parked_page *page, struct buffer *out)
{
	const struct state *state = ask->parked->core->state;
	uint64_t last = page->count ? page->records[page->count - 1].id : page->last;
	struct json_writer w;

	json_writer_init(&w, out);
	json_put_object(&w, NULL);
	json_put_u64(&w, "items", state_parked_count(state));
	json_put_u64(&w, "bytes", state_parked_bytes(state));
	json_put_u64(&w, "after", last);
	json_put_bool(&w, "more", last < page->last);
	json_put_array(&w, "records");
	for (size_t i = 0; i < page->count; i++)
		parked_text_put(&page->records[i], false, &w);
	json_put_end(&w);
	json_put_end(&w);
	json_put_line_end(&w);
	return json_writer_done(&w);
}

static void on_listed(void *context, const struct state_parked_page *page)
{
	struct ask *ask = context;
	struct buffer out;

	buffer_init(&out, PARKED_TEXT_MAX);
	if (page->failed)
		respond_failed(ask->request, page->failed);
	else
		http_respond_json(ask->request, &out, write_page(ask, page, &out));
	free(ask);
}

static void list(void *context, struct http_request *request)
{
	struct parked *p = context;
	struct ask *ask = ask_new(p, request);

	if (ask)
		state_parked_read(p->core->state, &ask->query, on_listed, ask);
}

static void on_shown(void *context, const struct state_parked_page *page)
{
	struct ask *ask = context;
	struct buffer out;

	buffer_init(&out, PARKED_TEXT_MAX);
	if (page->failed)
		respond_failed(ask->request, page->failed);
	else if (page->count == 0 && ask->request)
		http_respond_text(ask->request, 404, "text/plain", "no record of that id is parked\n");
	else if (ask->request)
		http_respond_json(
			ask->request, &out, parked_write(page->records, true, &out) || buffer_text(&out, "\n"));
	free(ask);
}

static void show(void *context, struct http_request *request)
{
	struct parked *p = context;
	struct ask *ask = ask_new(p, request);

	if (!ask)
		return;
	ask->query.payloads = true;
	ask->query.rows = 1;
	state_parked_read(p->core->state, &ask->query, on_shown, ask);
}

/* Dropping: parked records become rejected ones. */

static int write_dropped(const struct ask *ask, struct buffer *out)
{
	struct json_writer w;

	json_writer_init(&w, out);
	json_put_object(&w, NULL);
	json_put_u64(&w, "dropped", ask->count);
	json_put_u64(&w, "after", ask->last);
	json_put_u64(&w, "until", ask->query.until);
	json_put_bool(&w, "more", ask->last < ask->query.until);
	json_put_end(&w);
	json_put_line_end(&w);
	return json_writer_done(&w);
}

static void on_dropped(void *context, int failed)
{
	struct ask *ask = context;
	struct buffer out;

	ask->parked->dropping = false;
	if (failed && ask->row && ask->placed)
		ledger_move(&ask->row->settled, LEDGER_REJECTED, LEDGER_PARKED, &ask->sum);
	if (failed && ask->row)
		ledger_move(ask->row->live, LEDGER_REJECTED, LEDGER_PARKED, &ask->sum);
	if (ask->row)
		ledger_set_dropping(ask->row, NULL);
	buffer_init(&out, 4096);
	if (failed)
		respond_failed(ask->request, failed);
	else
		http_respond_json(ask->request, &out, write_dropped(ask, &out));
	free(ask);
}

static void stage_drop(struct ask *ask, const struct state_parked_page *page)
{
	const struct state_parked *first = page->records;
	char key[STATE_KEY_MAX];

	ask->change = state_change_new();
	for (size_t i = 0; i < page->count; i++) {
		state_change_unpark(ask->change, page->records[i].id);
		ask->sum.records += page->records[i].records;
		ask->sum.bytes += page->records[i].size;
	}
	ask->row = replay_row(&ask->parked->core->ledger, first);
	ask->placed = first->placed;
	if (ask->row) { /* before the rows go: a kill may come right after the commit, see spool/books.h */
		ledger_set_dropping(ask->row, &ask->sum);
		ledger_move(ask->row->live, LEDGER_PARKED, LEDGER_REJECTED, &ask->sum);
	}
	if (!first->placed)
		return;
	snprintf(key, sizeof key, "%s %s %s", first->signal, first->source, first->destination);
	state_change_move(ask->change, key, &ask->sum, LEDGER_PARKED, LEDGER_REJECTED);
	if (ask->row)
		ledger_move(&ask->row->settled, LEDGER_PARKED, LEDGER_REJECTED, &ask->sum);
}

static void on_found(void *context, const struct state_parked_page *page)
{
	struct ask *ask = context;

	if (!ask->query.until)
		ask->query.until = page->last;
	ask->count = page->count;
	ask->last = page->count ? page->records[page->count - 1].id : ask->query.until;
	if (page->failed || page->count == 0) {
		on_dropped(ask, page->failed);
		return;
	}
	stage_drop(ask, page);
	state_commit(ask->parked->core->state, &ask->change, on_dropped, ask);
}

static bool is_busy(const struct parked *p, struct http_request *request)
{
	if (p->replay.busy)
		http_respond_text(request, 503, "text/plain",
			"a replay is under way, and waits for its destination: see `oxpecker status`\n");
	else if (p->dropping)
		http_respond_text(request, 503, "text/plain", "records are being dropped: try again\n");
	return p->replay.busy || p->dropping;
}

static void drop(void *context, struct http_request *request)
{
	struct parked *p = context;
	struct ask *ask = is_busy(p, request) ? NULL : ask_new(p, request);

	if (!ask)
		return;
	p->dropping = true;
	ask->query.alike = true;
	state_parked_read(p->core->state, &ask->query, on_found, ask);
}

/* Replaying. */

static void on_replayed(void *context, const struct replay_result *result)
{
	struct parked *p = context;
	struct http_request *request = p->replaying;
	struct json_writer w;
	struct buffer out;

	p->replaying = NULL;
	if (!request)
		return;
	buffer_init(&out, 64 << 10);
	json_writer_init(&w, &out);
	json_put_object(&w, NULL);
	json_put_u64(&w, "replayed", result->replayed);
	json_put_u64(&w, "refused", result->refused);
	json_put_u64(&w, "waiting", result->waiting);
	json_put_u64(&w, "after", result->after);
	json_put_u64(&w, "until", result->until);
	json_put_bool(&w, "more", result->more);
	json_put_string(&w, "error", result->error);
	json_put_end(&w);
	json_put_line_end(&w);
	http_respond_json(request, &out, json_writer_done(&w));
}

static bool copy_name(char to[REPLAY_NAME_MAX], const char *from)
{
	return (size_t)snprintf(to, REPLAY_NAME_MAX, "%s", from ? from : "") < REPLAY_NAME_MAX;
}

static void replay(void *context, struct http_request *request)
{
	struct parked *p = context;
	struct replay_order order;

	if (is_busy(p, request))
		return;
	if (!read_query(request, &order.query) || !copy_name(order.destination, order.query.destination) ||
		!copy_name(order.from, http_request_query(request, "from")) ||
		!copy_name(order.to, http_request_query(request, "to")) || !order.from[0] != !order.to[0]) {
		http_respond_text(request, 400, "text/plain",
			"id, after and until are numbers; from and to are names, both or none\n");
		return;
	}
	p->replaying = request;
	http_context_set(request, &p->replaying);
	replay_begin(&p->replay, &order, on_replayed, p);
}

void parked_init(struct parked *p, struct core *core, struct pipeline *pipeline)
{
	*p = (struct parked){ .core = core };
	replay_init(&p->replay, core, pipeline);
}

void parked_done(struct parked *p)
{
	replay_done(&p->replay);
}

void parked_routes(struct parked *p, struct http_route *routes)
{
	routes[0] = (struct http_route){ .path = "/parked", .complete = list, .gone = on_gone, .context = p };
	routes[1] = (struct http_route){ .path = "/parked/show", .complete = show, .gone = on_gone, .context = p };
	routes[2] = (struct http_route){
		.method = HTTP_POST, .path = "/parked/replay", .complete = replay, .gone = on_gone, .context = p
	};
	routes[3] = (struct http_route){
		.method = HTTP_POST, .path = "/parked/drop", .complete = drop, .gone = on_gone, .context = p
	};
}

void parked_report(void *parked, const char *name, struct json_writer *w)
{
	const struct state *state = ((struct parked *)parked)->core->state;

	json_put_object(w, name);
	json_put_u64(w, "items", state_parked_count(state));
	json_put_u64(w, "bytes", state_parked_bytes(state));
	json_put_u64(w, "bytes_limit", state_parked_max(state));
	json_put_end(w);
}
