#include "proto/otlp_text.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "base/writer.h"
#include "proto/otlp_names.h"
#include "proto/otlp_walk.h"
#include "proto/otlp_wire.h"

enum { HEX_PIECE = 16, ROW_TEXT_FACTOR = 16, ROW_TEXT_LEAST = 4096 };

/*
 * A message that is being written. Its fields are looked for row by row, so the order on the wire does not matter.
 *
 * Invariant: at stands behind the element of a repeated row that was written last; `only` is the field of an AnyValue
 * that counts, 0 in other messages.
 */
struct frame {
	struct bytes message;
	const struct row *row;
	struct wire at;
	uint32_t only;
	bool in_list, started;
};

struct output {
	struct writer text;
	int depth;
	struct frame frames[OTLP_DEPTH_MAX];
};

static void put_hex(struct writer *w, struct bytes id)
{
	char text[2 * HEX_PIECE + 1];

	writer_text(w, "\"");
	for (size_t i = 0; i < id.size; i += HEX_PIECE) {
		size_t n = id.size - i < HEX_PIECE ? id.size - i : HEX_PIECE;
		hex_format(id.data + i, n, text);
		text[2 * n] = '\0';
		writer_text(w, text);
	}
	writer_text(w, "\"");
}

static void put_base64(struct writer *w, struct bytes data)
{
	char group[BASE64_GROUP + 1];

	writer_text(w, "\"");
	for (size_t i = 0; i < data.size && !w->failed; i += 3) {
		base64_group((const unsigned char *)data.data + i, data.size - i, group);
		writer_text(w, group);
	}
	writer_text(w, "\"");
}

/* Values that JSON lacks are strings, as in protobuf's JSON mapping. */
static void put_double(struct writer *w, uint64_t bits)
{
	char text[DOUBLE_TEXT_SIZE];
	double value;

	memcpy(&value, &bits, sizeof value);
	if (!isfinite(value)) {
		writer_text(w, isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
		return;
	}
	double_format(value, text);
	writer_text(w, text);
}

static void put_leaf(struct writer *w, unsigned form, const struct wire_field *f)
{
	switch (form) {
	case TEXT: writer_quoted(w, f->bytes); break;
	case HEX: put_hex(w, f->bytes); break;
	case BASE64: put_base64(w, f->bytes); break;
	case UINT32: writer_printf(w, "%" PRIu32, (uint32_t)f->value); break;
	case ENUM: writer_printf(w, "%" PRId32, (int32_t)(uint32_t)f->value); break;
	case UINT64: writer_printf(w, "\"%" PRIu64 "\"", f->value); break;
	case INT64: writer_printf(w, "\"%" PRId64 "\"", (int64_t)f->value); break;
	case BOOL: writer_text(w, f->value ? "true" : "false"); break;
	case DOUBLE: put_double(w, f->value); break;
	}
}

/* Which member of a oneof was set last: that one counts. */
static int last_member(struct bytes message, uint32_t *ret)
{
	struct wire w = wire_of(message);
	struct wire_field f;
	int more;

	*ret = 0;
	while ((more = wire_next(&w, &f)) > 0)
		for (const struct row *r = rows[ANY_VALUE]; r->number; r++)
			if (r->number == f.number && r->type == f.type)
				*ret = f.number;
	return more;
}

static void open_message(struct output *o, unsigned message, struct bytes bytes)
{
	struct frame *frame;

	if (o->text.failed)
		return;
	if (o->depth == OTLP_DEPTH_MAX) {
		o->text.failed = -EBADMSG;
		return;
	}
	frame = &o->frames[o->depth++];
	*frame = (struct frame){ .message = bytes, .row = rows[message], .at = wire_of(bytes) };
	writer_text(&o->text, "{");
	if (message == ANY_VALUE && !o->text.failed)
		o->text.failed = last_member(bytes, &frame->only);
}

/* 1 with the row's next element or, if it is not repeated, with the last; 0 if there is none; -EBADMSG. */
static int find(struct frame *frame, struct wire_field *ret)
{
	const struct row *row = frame->row;
	struct wire_field f;
	int more, found = 0;

	if (frame->only && frame->only != row->number)
		return 0;
	while ((more = wire_next(&frame->at, &f)) > 0) {
		if (f.number != row->number || f.type != row->type)
			continue;
		*ret = f;
		found = 1;
		if (row->repeated)
			break;
	}
	return more < 0 ? more : found;
}

static void next_row(struct output *o, struct frame *frame)
{
	if (frame->in_list)
		writer_text(&o->text, "]");
	frame->in_list = false;
	frame->row++;
	frame->at = wire_of(frame->message);
}

static void put_name(struct output *o, struct frame *frame)
{
	if (frame->started)
		writer_text(&o->text, ",");
	frame->started = true;
	if (frame->in_list)
		return;
	writer_printf(&o->text, "\"%s\":%s", frame->row->name, frame->row->repeated ? "[" : "");
	frame->in_list = frame->row->repeated;
}

/* One element, one row, or the end of the innermost message. */
static void step(struct output *o)
{
	struct frame *frame = &o->frames[o->depth - 1];
	const struct row *row = frame->row;
	struct wire_field f = { .number = 0 };
	int found = row->number ? find(frame, &f) : 0;

	if (found < 0) {
		o->text.failed = found;
	} else if (!row->number) {
		writer_text(&o->text, "}");
		o->depth--;
	} else if (!found) {
		next_row(o, frame);
	} else {
		put_name(o, frame);
		if (!row->repeated)
			next_row(o, frame);
		if (row->form == MESSAGE)
			open_message(o, row->message, f.bytes);
		else
			put_leaf(&o->text, row->form, &f);
	}
}

static int write_message(unsigned message, struct bytes bytes, struct buffer *to)
{
	struct output o;

	writer_init(&o.text, to);
	o.depth = 0;
	open_message(&o, message, bytes);
	while (o.depth > 0 && !o.text.failed)
		step(&o);
	return writer_done(&o.text);
}

int otlp_traces_to_json(const char *body, size_t size, struct buffer *to)
{
	return write_message(REQUEST, (struct bytes){ size ? body : "", size }, to);
}

/* Rows. The texts of one span stand one after the other, each with its zero, and are pointed at when all are there. */
struct row_visit {
	void (*visit)(void *, const struct otlp_row *);
	void *context;
	struct buffer texts;
};

static int copy_text(struct buffer *to, struct bytes text, size_t *ret_at)
{
	int failed;

	*ret_at = to->size;
	failed = text.size ? buffer_append(to, text.data, text.size) : 0;
	if (failed)
		return failed;
	return buffer_append(to, "", 1);
}

static const char *hex_text(struct bytes id, char *to)
{
	hex_format(id.data, id.size, to);
	to[2 * id.size] = '\0';
	return to;
}

static int visit_row(void *context, const struct otlp_span *s)
{
	struct row_visit *v = context;
	char trace[33], id[17], parent[17];
	size_t service, name, json;
	int failed;

	buffer_clear(&v->texts);
	if ((failed = copy_text(&v->texts, s->service, &service)) || (failed = copy_text(&v->texts, s->name, &name)))
		return failed;
	json = v->texts.size;
	if ((failed = write_message(SPAN_DETAILS, s->span, &v->texts)) || (failed = buffer_append(&v->texts, "", 1)))
		return failed;
	v->visit(v->context, &(struct otlp_row){
		.trace_id = hex_text(s->trace_id, trace), .span_id = hex_text(s->span_id, id),
		.parent_id = hex_text(s->parent_id, parent), .service = v->texts.data + service,
		.name = v->texts.data + name, .kind = (unsigned)s->kind, .status = (unsigned)s->status,
		.start_ns = s->start_ns, .end_ns = s->end_ns, .json = v->texts.data + json });
	return 0;
}

int otlp_traces_rows(const char *body, size_t size, void (*visit)(void *, const struct otlp_row *), void *context)
{
	struct row_visit v = { .visit = visit, .context = context };
	int failed;

	buffer_init(&v.texts, ROW_TEXT_FACTOR * size + ROW_TEXT_LEAST);
	failed = otlp_traces_each((struct bytes){ size ? body : "", size }, visit_row, &v);
	buffer_done(&v.texts);
	return failed;
}
