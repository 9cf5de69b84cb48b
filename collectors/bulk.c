/*
 * The `bulk` door: answers as Elasticsearch does, on localhost, so an app that ships its own logs can point at the
 * sidecar and gains its buffering. What clients ask first (version, health, templates) gets the answer they expect.
 * Documents of `_bulk` are log records; when they are answered 201 they are held within the budget (`ack: memory`) or
 * on disk (`ack: disk`). The answers are the agent's own: the index that a client names is repeated to it and otherwise
 * ignored, and the records go to the exporter's index.
 *
 * A client that gives a document an _id may send it again if it saw no answer: the same index, _id and bytes are one
 * document wherever they come twice, also after a restart. The bytes belong to the identity because log records are
 * only created: under `index` a server would replace the first document of that _id with the second; here both stay.
 *
 * A document that is not a JSON object, an update and a delete are each refused by themselves with 400, as the server
 * does (Elasticsearch "Bulk API"). A body that is not a bulk is refused as a whole. If there is no room in memory or on
 * disk the answer is 503 with Retry-After, and nothing of the request is taken.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "base/json_writer.h"
#include "base/text.h"
#include "collectors/door.h"
#include "proto/bulk_request.h"

enum { OPERATIONS_MAX = 20000, INDEX_MAX = 255, ROUTES = 8, ANSWER_SPARE = 64, BODY_PART = 2 };

struct bulk_config {
	const struct option_list *http;
	uint64_t body_max, connections;
	enum door_ack ack;
	const struct option_list *origins;
	const char *version;
	struct guard_config guard;
};

static const struct option bulk_options[] = {
	{ OPT_ADDRESSES(struct bulk_config, http), .name = "http", .main = true, .text = "127.0.0.1:9200",
		.help = "Addresses to listen on: host:port, :port or unix:/path." },
	DOOR_BODY_MAX_OPTION(struct bulk_config, body_max, "half", ""),
	{ OPT_COUNT(struct bulk_config, connections), .name = "connections", .text = "64", .min = 1, .max = 4096,
		.help = DOOR_CONNECTIONS_HELP },
	{ OPT_CHOICE(struct bulk_config, ack, door_acks), .name = "ack", .text = "memory", .help = DOOR_ACK_HELP },
	{ OPT_TEXTS(struct bulk_config, origins), .name = "origins", .example = "[\"https://app.example.com\"]",
		.help = DOOR_ORIGINS_HELP },
	GUARD_ROWS(struct bulk_config, guard),
	{ OPT_TEXT(struct bulk_config, version), .name = "version", .text = "8.19.0",
		.help = "Version of Elasticsearch that clients are told of." },
	{ .name = NULL },
};

struct collector {
	struct door door;
	const struct bulk_config *config;
	struct http_route routes[ROUTES];
	uint64_t *documents, *refused;
};

/* A piece of the body; none has no size. */
struct part {
	uint32_t at, size;
};

/* One operation: taken, or refused by itself with `fault`. generation and offset are 0 unless the client has named
 * it. */
struct operation {
	struct part document, index, id;
	enum bulk_action action;
	const char *fault;
	uint64_t generation, offset;
};

/* The operations are in the work memory until those that are taken are in the batch. */
struct bulk_body {
	struct door_request base;
	size_t lines; /* of the body: there are no more operations */
	size_t all, refused;
	size_t reply_max;
	uint64_t number; /* begins the ids of those that have none */
	char index[INDEX_MAX + 1]; /* that the path names */
};

static struct bulk_body *bulk_of(struct door_request *r)
{
	return CONTAINER_OF(r, struct bulk_body, base);
}

/* Answers. */

static const char json[] = "application/json";
/* `errors` comes before the items, as in the server's answer: Fluent Bit looks for these bytes if the answer is longer
 * than what it reads, and takes an answer without them for a failure. */
static const char answer_start[] = "{\"took\":0,\"errors\":false,\"items\":[";
static const char no_errors[] = "false", errors[] = " true";
/* Clients from version 7.14 on refuse a server that does not send it. */
#define PRODUCT "X-Elastic-Product", "Elasticsearch"

static void put_cause(struct json_writer *w, unsigned status, const char *message)
{
	const char *type = status == 503   ? "es_rejected_execution_exception"
			   : status == 404 ? "resource_not_found_exception"
					   : "illegal_argument_exception";

	json_put_string(w, "type", type);
	json_put_string(w, "reason", message);
}

/* In the server's form: the error, and its root cause, which is the same here. */
static int write_error(unsigned status, const char *message, struct buffer *out)
{
	struct json_writer w;

	json_writer_init(&w, out);
	json_put_object(&w, NULL);
	json_put_object(&w, "error");
	json_put_array(&w, "root_cause");
	json_put_object(&w, NULL);
	put_cause(&w, status, message);
	json_put_end(&w);
	json_put_end(&w);
	put_cause(&w, status, message);
	json_put_end(&w);
	json_put_u64(&w, "status", status);
	json_put_end(&w);
	return json_writer_done(&w);
}

static void answer(struct http_request *request, unsigned status, const char *message)
{
	static const char *const later[] = { PRODUCT, "Retry-After", "1", NULL };
	static const char *const plain[] = { PRODUCT, NULL };
	struct buffer out;

	buffer_init(&out, 4096);
	if (write_error(status, message, &out) < 0)
		buffer_clear(&out);
	http_respond(request, &(struct http_answer){ .status = status,
				      .content_type = json,
				      .headers = status == 503 ? later : plain,
				      .body = &out });
	buffer_done(&out);
}

static void respond_constant(struct http_request *request, const char *text)
{
	static const char *const headers[] = { PRODUCT, NULL };

	http_respond(
		request, &(struct http_answer){
				 .status = 200, .content_type = json, .headers = headers, .constant = bytes_of(text) });
}

static int write_version(const char *number, struct buffer *out)
{
	struct json_writer w;

	json_writer_init(&w, out);
	json_put_object(&w, NULL);
	json_put_string(&w, "name", "oxpecker");
	json_put_string(&w, "cluster_name", "oxpecker");
	json_put_string(&w, "cluster_uuid", "oxpecker");
	json_put_object(&w, "version");
	json_put_bytes(&w, "number", (struct bytes){ number, strnlen(number, 32) });
	json_put_string(&w, "build_flavor", "default");
	json_put_string(&w, "build_type", "sidecar");
	json_put_string(&w, "lucene_version", "9.12.0");
	json_put_string(&w, "minimum_wire_compatibility_version", "7.17.0");
	json_put_string(&w, "minimum_index_compatibility_version", "7.0.0");
	json_put_end(&w);
	json_put_string(&w, "tagline", "You Know, for Search");
	json_put_end(&w);
	return json_writer_done(&w);
}

static void respond_version(struct collector *c, struct http_request *request)
{
	static const char *const headers[] = { PRODUCT, NULL };
	struct buffer out;

	buffer_init(&out, 4096);
	if (write_version(c->config->version, &out) < 0)
		buffer_clear(&out);
	http_respond(request,
		&(struct http_answer){ .status = 200, .content_type = json, .headers = headers, .body = &out });
	buffer_done(&out);
}

/* A bulk. */

/* What stands before /_bulk, or /_bulk/, in the path: one name, of the characters that an index may have ("Create index
 * API"). It is repeated in the answer. */
static bool index_of(const char *path, struct bytes *ret)
{
	static const char end[] = "/_bulk", no[] = "\\/*?\"<>| ,#:";
	size_t size = strlen(path);

	size -= size > 0 && path[size - 1] == '/';
	if (size < sizeof end - 1 || memcmp(path + size - (sizeof end - 1), end, sizeof end - 1) != 0)
		return false;
	*ret = (struct bytes){ path + 1, size > sizeof end - 1 ? size - sizeof end : 0 };
	for (size_t i = 0; i < ret->size; i++)
		if ((unsigned char)ret->data[i] < ' ' || strchr(no, ret->data[i]))
			return false;
	return ret->size <= INDEX_MAX && utf8_valid(ret->data, ret->size);
}

static void bulk_count(struct door_request *r, struct bytes piece)
{
	struct bulk_body *b = bulk_of(r);
	const char *at = piece.data, *end = piece.data + piece.size;

	while (b->lines <= 2 * OPERATIONS_MAX && (at = memchr(at, '\n', (size_t)(end - at)))) {
		b->lines++;
		at++;
	}
}

/* One more than allowed: the last line may have no end, and one operation too many must be seen. */
static size_t bulk_need(const struct door_request *r)
{
	size_t lines = CONTAINER_OF(r, const struct bulk_body, base)->lines + 1;

	return smaller(lines, OPERATIONS_MAX) * sizeof(struct operation);
}

static void place_named(const struct bulk_operation *op, struct bytes index, struct operation *o)
{
	const XXH128_hash_t parts[] = { XXH3_128bits(index.data, index.size), XXH3_128bits(op->id.data, op->id.size),
		XXH3_128bits(op->document.data, op->document.size) };
	XXH128_hash_t hash = XXH3_128bits(parts, sizeof parts);

	o->generation = PLACE_NAMED | (hash.high64 & (PLACE_NAMED - 1));
	o->offset = hash.low64 & PLACE_OFFSET_MAX;
}

static struct part part_of(const struct bulk_body *b, struct bytes bytes)
{
	if (bytes.size == 0)
		return (struct part){ 0, 0 };
	return (struct part){ (uint32_t)(bytes.data - b->base.body.data), (uint32_t)bytes.size };
}

static struct bytes bytes_from(const struct bulk_body *b, struct part part)
{
	return (struct bytes){ b->base.body.data + part.at, part.size };
}

static void add_operation(struct bulk_body *b, const struct bulk_operation *op)
{
	struct operation o = { .action = op->action, .fault = op->fault };

	o.document = part_of(b, op->document);
	o.index = part_of(b, op->index);
	o.id = part_of(b, op->id);
	if (op->id.size > 0)
		place_named(op, op->index.size > 0 ? op->index : bytes_of(b->index), &o);
	b->refused += op->fault != NULL;
	b->reply_max += bulk_item_max(op, strlen(b->index)) + 1;
	((struct operation *)b->base.body.work)[b->all++] = o;
}

/* On the loop or in the CPU lane. */
static void bulk_look(struct door_request *r)
{
	struct bulk_body *b = bulk_of(r);
	size_t most = bulk_need(r) / sizeof(struct operation);
	struct bulk_request request;
	struct bulk_operation op;

	bulk_request_init(&request, json_scan_best(), (struct bytes){ r->body.data, r->body.size });
	while (b->all < most && bulk_request_next(&request, &op))
		add_operation(b, &op);
	if (request.fault)
		r->fault = request.fault;
	else if (request.at < request.end && b->all == OPERATIONS_MAX)
		r->fault = "more than 20000 operations: send fewer at a time";
	else if (b->all == 0)
		r->fault = "request body is required";
}

static size_t bulk_reply_max(const struct door_request *r)
{
	return CONTAINER_OF(r, const struct bulk_body, base)->reply_max + sizeof answer_start + ANSWER_SPARE;
}

static int write_item(struct buffer *to, const struct bulk_body *b, size_t i)
{
	const struct operation *o = (const struct operation *)b->base.body.work + i;
	const struct bulk_operation op = {
		.action = o->action, .index = bytes_from(b, o->index), .id = bytes_from(b, o->id), .fault = o->fault
	};

	if (buffer_text(to, i ? "," : ""))
		return -ENOSPC;
	return bulk_item_write(to, &op, bytes_of(b->index), b->number + i + 1);
}

/* On the loop or in the CPU lane. The buffer has all of its room from the beginning, and is not ours to free. */
static size_t bulk_write(struct door_request *r)
{
	struct bulk_body *b = bulk_of(r);
	struct buffer to = { r->reply.data, 0, r->reply.room, r->reply.room };
	int failed = buffer_text(&to, answer_start);
	char *said = memmem(r->reply.data, sizeof answer_start - 1, no_errors, sizeof no_errors - 1);

	if (b->refused)
		memcpy(said, errors, sizeof errors - 1);
	for (size_t i = 0; i < b->all && !failed; i++)
		failed = write_item(&to, b, i);
	if (!failed)
		failed = buffer_text(&to, "]}");
	OXP_ASSERT(!failed && "the answer is longer than bulk_reply_max()");
	return to.size;
}

/* The documents become items where they are; their names were computed from their bytes before. */
static bool bulk_fill(struct door_request *r)
{
	const struct bulk_body *b = bulk_of(r);
	const struct operation *all = (const struct operation *)r->body.work;
	char *body = batch_block_trim(r->body.batch, r->body.size);

	for (size_t i = 0; i < b->all; i++) {
		const struct batch_item item = { .data = body + all[i].document.at,
			.size = all[i].document.size,
			.records = 1,
			.generation = all[i].generation,
			.offset = all[i].offset };
		if (all[i].fault)
			continue;
		bytes_make_one_line(body + all[i].document.at, all[i].document.size);
		if (batch_add(r->body.batch, &item) < 0)
			return false;
	}
	return true;
}

static void bulk_taken(struct door_request *r)
{
	static const char *const headers[] = { PRODUCT, NULL };
	struct collector *c = CONTAINER_OF(r->door, struct collector, door);
	const struct bulk_body *b = bulk_of(r);

	*c->documents += b->all - b->refused;
	*c->refused += b->refused;
	door_answered(r, &(struct http_answer){ .status = 200, .content_type = json, .headers = headers });
}

static const struct door_type bulk_door = { .signal = SIGNAL_LOGS,
	.request_size = sizeof(struct bulk_body),
	.count = bulk_count,
	.need = bulk_need,
	.look = bulk_look,
	.reply_max = bulk_reply_max,
	.write = bulk_write,
	.fill = bulk_fill,
	.taken = bulk_taken,
	.answer = answer };

/* Routes. */

/* The types that the server takes. What a form or a script of a web page may send unasked is not among them; a missing
 * type is fine. */
static bool is_bulk_type(const char *type)
{
	static const char *const types[] = { "application/x-ndjson", "application/json",
		"application/vnd.elasticsearch+x-ndjson", "application/vnd.elasticsearch+json" };

	for (size_t i = 0; type && i < COUNT_OF(types); i++)
		if (media_type_is(bytes_of(type), types[i]))
			return true;
	return !type;
}

static enum http_take any_begin(void *context, struct http_request *request)
{
	struct door *door = context;
	enum http_method method = http_request_method(request);
	struct bytes index;
	enum http_take take;
	struct bulk_body *b;

	http_context_set(request, NULL);
	if ((method != HTTP_POST && method != HTTP_PUT) || !index_of(http_request_path(request), &index))
		return HTTP_TAKEN;
	take = door_begin(door, request, NULL);
	if (take != HTTP_TAKEN)
		return take;
	if (!is_bulk_type(http_request_header(request, "Content-Type")))
		return door_refuse(
			http_context(request), 406, "Content-Type must be application/x-ndjson or application/json");
	b = bulk_of(http_context(request));
	b->number = (uint64_t)loop_wall(host_loop(door->host)).ns;
	memcpy(b->index, index.data, index.size);
	return HTTP_TAKEN;
}

/* Routes that are not a bulk ignore the body. */
static enum http_take any_body(void *context, struct http_request *request, struct bytes piece)
{
	return http_context(request) ? door_body(context, request, piece) : HTTP_TAKEN;
}

/* Whether the path begins like one of these. */
static bool is_one_of(const char *path, const char *const *these)
{
	for (; *these; these++)
		if (strncmp(path, *these, strlen(*these)) == 0)
			return true;
	return false;
}

/* What clients make before the first bulk, and what has no meaning here: templates, policies, an index, and its
 * settings. A document that does not come with _bulk is not part of it. */
static bool is_made(const char *path, enum http_method method)
{
	static const char *const parts[] = { "/_template/", "/_index_template/", "/_component_template/", "/_ilm/",
		"/_data_stream/", "/_ingest/pipeline/", "/_plugins/_ism/", "/_alias", "/_refresh", NULL };
	static const char *const of_index[] = { "/_mapping", "/_settings", "/_alias", "/_refresh", NULL };
	const char *behind = strchr(path + 1, '/');

	if (path[1] == '_')
		return is_one_of(path, parts);
	return behind && behind[1] ? is_one_of(behind, of_index) : method == HTTP_PUT && path[1];
}

static bool is_asked_for(const char *path)
{
	static const char *const parts[] = { "/_template", "/_index_template", "/_ilm", "/_data_stream", NULL };

	return is_one_of(path, parts);
}

/* Logstash and Beats refuse a server without an active license; every server has a basic one (Elasticsearch "Get
 * license API"). */
static bool is_license(const char *path)
{
	return strcmp(path, "/_license") == 0 || strcmp(path, "/_xpack") == 0;
}

static void respond_404(struct collector *c, struct http_request *request)
{
	static const char why[] =
		"the sidecar takes POST and PUT of /_bulk and /INDEX/_bulk; nothing is searched or read here";

	door_declined_note(&c->door.declined, request, 404, why);
	answer(request, 404, why);
}

/* What clients do before their first bulk: they ask for the version, the license, health, and a template or an index,
 * and make what is missing. */
static void respond_kindly(struct collector *c, struct http_request *request)
{
	const char *path = http_request_path(request);
	enum http_method method = http_request_method(request);
	bool reads = method == HTTP_GET || method == HTTP_HEAD;

	if (reads && strcmp(path, "/") == 0)
		respond_version(c, request);
	else if (reads && is_license(path))
		respond_constant(request, "{\"license\":{\"status\":\"active\",\"uid\":\"oxpecker\",\"type\":\"basic\","
					  "\"mode\":\"basic\"},\"features\":{}}");
	else if (reads && is_one_of(path, (const char *const[]){ "/_cluster/health", NULL }))
		respond_constant(request, "{\"cluster_name\":\"oxpecker\",\"status\":\"green\",\"timed_out\":false,"
					  "\"number_of_nodes\":1,\"number_of_data_nodes\":1,\"active_shards\":1}");
	else if ((method == HTTP_PUT || method == HTTP_POST) && is_made(path, method))
		respond_constant(request, "{\"acknowledged\":true,\"shards_acknowledged\":true}");
	else if (method == HTTP_HEAD)
		respond_constant(request, "");
	else if (reads && is_asked_for(path))
		respond_constant(request, "{}");
	else
		respond_404(c, request);
}

static void any_complete(void *context, struct http_request *request)
{
	struct door *door = context;

	if (http_context(request))
		door_complete(context, request);
	else
		respond_kindly(CONTAINER_OF(door, struct collector, door), request);
}

/* Life. */

static bool bulk_check(const void *config, char *why, size_t room)
{
	const struct bulk_config *c = config;

	return door_check_origins(c->origins, why, room) && guard_check(&c->guard, why, room);
}

static int bulk_create(const void *config, struct host *host, struct collector **ret)
{
	static const enum http_method methods[] = { HTTP_GET, HTTP_POST, HTTP_PUT, HTTP_DELETE };
	struct collector *c = oxp_new(sizeof *c);
	int failed;

	c->config = config;
	failed = door_init(&c->door, &bulk_door, host, door_body_max(host, c->config->body_max, BODY_PART));
	if (failed) {
		free(c);
		return failed;
	}
	c->door.ack = c->config->ack;
	c->door.origins = c->config->origins;
	c->door.guarded = &c->config->guard;
	c->documents = host_counter(host, "documents_total", "Documents accepted.");
	c->refused = host_counter(
		host, "documents_refused_total", "Documents answered 400; the rest of the request was taken.");
	for (size_t i = 0; i < COUNT_OF(methods); i++)
		c->routes[i] = (struct http_route){ .method = methods[i],
			.path = "*",
			.begin = any_begin,
			.body = any_body,
			.complete = any_complete,
			.gone = door_gone,
			.enough = methods[i] == HTTP_GET || methods[i] == HTTP_DELETE ? NULL : door_enough,
			.context = &c->door };
	*ret = c;
	return 0;
}

static int bulk_start(struct collector *c)
{
	return door_start(&c->door, c->config->http, c->config->connections, c->routes);
}

static void bulk_resume(struct collector *c)
{
	door_resume(&c->door);
}

static bool bulk_quiet(struct collector *c)
{
	return door_quiet(&c->door);
}

static void bulk_report(const struct collector *c, struct json_writer *w)
{
	door_report(&c->door, w);
}

static void bulk_stop(struct collector *c)
{
	door_stop(&c->door);
}

static void bulk_destroy(struct collector *c)
{
	if (c)
		door_done(&c->door);
	free(c);
}

const struct collector_type collector_bulk = {
	.name = "bulk",
	.summary = "Takes log records over _bulk, as Elasticsearch does.",
	.signals = SIGNAL_LOGS,
	.when_full = FULL_REFUSE,
	.rewind = REWIND_NONE,
	.options = bulk_options,
	.config_size = sizeof(struct bulk_config),
	.check = bulk_check,
	.create = bulk_create,
	.start = bulk_start,
	.resume = bulk_resume,
	.report = bulk_report,
	.quiet = bulk_quiet,
	.stop = bulk_stop,
	.destroy = bulk_destroy,
};
