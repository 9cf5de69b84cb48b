#include "proto/bulk_request.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/json_writer.h"

static const char *const names[] = { "index", "create", "update", "delete" };

void bulk_request_init(struct bulk_request *r, const struct json_scan *scan, struct bytes body)
{
	*r = (struct bulk_request){ .scan = scan, .at = body.data, .end = bytes_end(body) };
}

/* The next line without its end. The last one needs an end, too. */
static bool next_line(struct bulk_request *r, struct bytes *ret)
{
	const char *end = r->at < r->end ? memchr(r->at, '\n', (size_t)(r->end - r->at)) : NULL;

	if (!end)
		return false;
	*ret = (struct bytes){ r->at, (size_t)(end - r->at) };
	r->at = end + 1;
	r->lines++;
	if (ret->size > 0 && ret->data[ret->size - 1] == '\r')
		ret->size--;
	return true;
}

static struct bytes name_of(const char *line, const struct json_member *m)
{
	return (struct bytes){ line + m->name, m->name_size };
}

static struct bytes value_of(const char *line, const struct json_member *m)
{
	return (struct bytes){ line + m->value, m->value_size };
}

/* What follows the action's name: the index and the id. */
static bool read_target(struct bulk_request *r, struct bytes target, struct bulk_operation *op)
{
	struct json_line index;

	if (json_line_index(r->scan, target.data, target.size, &index) != JSON_FINE)
		return false;
	for (size_t i = 0; i < index.count; i++) {
		const struct json_member *m = &index.members[i];
		struct bytes name = name_of(target.data, m);
		if (m->kind == MEMBER_STRING && bytes_are(name, "_index"))
			op->index = value_of(target.data, m);
		else if ((m->kind == MEMBER_STRING || m->kind == MEMBER_NUMBER) && bytes_are(name, "_id"))
			op->id = value_of(target.data, m);
	}
	return true;
}

/* The first member is the action. Anything behind it is skipped, as servers up to version 8 do: winston's transport
 * puts a number there. */
static bool read_action(struct bulk_request *r, struct bytes line, struct bulk_operation *op)
{
	struct json_line index;
	struct bytes name;
	unsigned action = 0;

	if (json_line_index(r->scan, line.data, line.size, &index) != JSON_FINE || index.count == 0)
		return false;
	name = name_of(line.data, &index.members[0]);
	while (action < COUNT_OF(names) && !bytes_are(name, names[action]))
		action++;
	op->action = (enum bulk_action)action;
	return action < COUNT_OF(names) && index.members[0].kind == MEMBER_OBJECT &&
	       read_target(r, value_of(line.data, &index.members[0]), op);
}

static void read_document(struct bulk_request *r, struct bulk_operation *op)
{
	struct json_line index;
	struct bytes line;

	if (!next_line(r, &line))
		r->fault = "an action without its document, or a last line without its end";
	else if (op->action == BULK_UPDATE)
		op->fault = "update is not accepted here: log records can only be created";
	else if (json_line_index(r->scan, line.data, line.size, &index) != JSON_FINE)
		op->fault = "the document is not a JSON object";
	else
		op->document = line;
}

bool bulk_request_next(struct bulk_request *r, struct bulk_operation *op)
{
	struct bytes line = { NULL, 0 };

	*op = (struct bulk_operation){ .fault = NULL };
	while (!r->fault && line.size == 0 && next_line(r, &line))
		; /* empty lines between operations are skipped, as the server does */
	if (r->fault)
		return false;
	if (line.size == 0 || !read_action(r, line, op)) {
		if (line.size > 0 || r->at < r->end)
			r->fault = line.size > 0 ? "a line that should be an action is not one"
						 : "the last line has no end";
		return false;
	}
	if (op->action == BULK_DELETE)
		op->fault = "delete is not accepted here: log records can only be created";
	else
		read_document(r, op);
	return !r->fault;
}

/* A string of JSON as the client wrote it; a number becomes one. */
static void put_id(struct json_writer *w, struct bytes id, uint64_t number)
{
	char text[24];
	int size = snprintf(text, sizeof text, "%" PRIx64, number);

	if (id.size > 0 && *id.data == '"')
		json_put_raw(w, "_id", id);
	else if (id.size > 0)
		json_put_bytes(w, "_id", id);
	else
		json_put_bytes(w, "_id", (struct bytes){ text, (size_t)size });
}

static void put_fault(struct json_writer *w, const struct bulk_operation *op)
{
	bool document = op->action == BULK_INDEX || op->action == BULK_CREATE;

	json_put_u64(w, "status", 400);
	json_put_object(w, "error");
	json_put_string(w, "type", document ? "document_parsing_exception" : "illegal_argument_exception");
	json_put_string(w, "reason", op->fault);
	json_put_end(w);
}

/* Written for each record that a client sends, so the members that are always the same are one piece. */
static const char created[] =
	"\"_version\":1,\"result\":\"created\",\"_shards\":{\"total\":1,\"successful\":1,\"failed\":0},"
	"\"_seq_no\":0,\"_primary_term\":1,\"status\":201";

/* The same as the server's own answer, as far as clients look at it. */
int bulk_item_write(struct buffer *b, const struct bulk_operation *op, struct bytes index, uint64_t number)
{
	struct json_writer w;

	json_writer_init(&w, b);
	json_put_object(&w, NULL);
	json_put_object(&w, names[op->action]);
	if (op->index.size > 0)
		json_put_raw(&w, "_index", op->index);
	else
		json_put_bytes(&w, "_index", index);
	put_id(&w, op->id, number);
	if (op->fault)
		put_fault(&w, op);
	else
		json_put_members(&w, bytes_of(created));
	json_put_end(&w);
	json_put_end(&w);
	return json_writer_done(&w);
}
