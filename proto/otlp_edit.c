#include "proto/otlp_edit.h"

#include <errno.h>
#include <stdlib.h>

#include "proto/otlp_raw.h"

enum {
	KEPT_PARTS = 256,
	SMALL = 4, /* what a field costs that is no message */
	SLACK = 64, /* room for the lengths of open messages, and for what these grow by */
};

struct otlp_edit *otlp_edit_new(size_t ceiling)
{
	struct otlp_edit *e = oxp_new(sizeof *e);

	lent_init(&e->lent, ceiling);
	e->frame = -1;
	return e;
}

static void forget_views(struct otlp_edit *e, size_t beyond)
{
	for (int i = 0; i < OTLP_LEVELS; i++)
		otlp_view_forget(&e->views[i], beyond);
	otlp_view_forget(&e->other, beyond);
}

void otlp_edit_forget(struct otlp_edit *e)
{
	lent_back(&e->lent, &(struct lent_mark){ 0 });
	forget_views(e, KEPT_PARTS);
}

void otlp_edit_free(struct otlp_edit *e)
{
	if (!e)
		return;
	lent_done(&e->lent);
	forget_views(e, 0);
	free(e);
}

/* Writing. */

/* Of the messages around a view: what goes of them and is behind all that was written. */
static size_t gaps(const struct otlp_edit *e)
{
	size_t sum = 0;

	for (int i = OTLP_FRAME_REQUEST; i <= OTLP_FRAME_SCOPE; i++)
		sum += (size_t)(e->frames[i].gap_end - e->frames[i].gap);
	return sum;
}

/* Makes room for all of the request up to there, and for so many bytes behind that. */
static bool make_room(struct otlp_edit *e, const char *at, size_t more)
{
	size_t size = e->out.size + (size_t)(at - e->copied) - gaps(e) + more + SLACK;

	e->changed = true;
	if (LIKELY(size <= e->out.room))
		return true;
	e->out.to = e->editor.room(e->editor.context, size, &e->out.room);
	OXP_ASSERT(!e->out.to || e->out.room >= size);
	return e->out.to;
}

static void copy_to(struct otlp_edit *e, const char *at)
{
	otlp_build_raw(&e->out, (struct bytes){ e->copied, (size_t)(at - e->copied) });
	e->copied = at;
}

/* Leaves out what goes of an open message. */
static void pass_gap(struct otlp_edit *e, struct otlp_frame *f)
{
	if (f->gap == f->gap_end)
		return;
	copy_to(e, f->gap);
	e->copied = f->gap_end;
	f->gap = f->gap_end;
}

/* The message, and those around it, are written up to their content, or up to what went last of it. */
static void open_to(struct otlp_edit *e, unsigned frame)
{
	unsigned first = frame;

	while (!e->frames[first].open)
		first--;
	pass_gap(e, &e->frames[first]);
	for (unsigned i = first + 1; i <= frame; i++) {
		struct otlp_frame *f = &e->frames[i];
		copy_to(e, f->length);
		f->open = true;
		f->start = e->out.size - (size_t)(f->length - f->field);
		f->width = wire_varint_size((size_t)(f->end - f->content));
		(void)otlp_build_claim(&e->out, f->width);
		f->begun = e->out.size;
		e->copied = f->content;
		pass_gap(e, f);
	}
}

/* Ends an open message: its length is known now. */
static void close_message(struct otlp_edit *e, struct otlp_frame *f)
{
	struct otlp_build length = { e->out.to, e->out.room, f->begun - f->width };
	size_t size, width;
	char *content;

	copy_to(e, f->end);
	size = e->out.size - f->begun;
	width = wire_varint_size(size);
	if (UNLIKELY(width != f->width)) {
		content = e->out.to + f->begun;
		e->out.size += width - f->width;
		OXP_ASSERT(e->out.size <= e->out.room);
		memmove(content + width - f->width, content, size);
	}
	otlp_build_varint(&length, size);
}

static void frame_at(struct otlp_frame *f, const struct otlp_raw *raw)
{
	struct wire w = { (const unsigned char *)raw->at, (const unsigned char *)raw->bytes.data };
	uint64_t tag;
	enum wire_varint bad = wire_varint(&w.at, w.end, &tag);

	OXP_ASSERT(!bad);
	f->at = wire_of(raw->bytes);
	f->field = raw->at;
	f->length = (const char *)w.at;
	f->content = f->gap = f->gap_end = raw->bytes.data;
	f->end = f->content + raw->bytes.size;
	f->open = f->kept = f->dropped = false;
}

/* The message goes as a whole, out of the one around it. */
static int leave_out(struct otlp_edit *e, unsigned around, const char *from, const char *to)
{
	struct otlp_frame *f = &e->frames[around];

	e->changed = f->dropped = true;
	if (f->gap_end != from) {
		if (f->gap != f->gap_end) {
			if (!make_room(e, f->gap_end, 0))
				return -ENOMEM;
			open_to(e, around);
		}
		f->gap = from;
	}
	f->gap_end = to;
	return 0;
}

static size_t edited_size(const struct otlp_view *v)
{
	size_t size = 0;

	for (size_t i = 0; i < v->count; i++)
		size += v->parts[i].state == OTLP_PART_EDITED ? otlp_part_size(v, &v->parts[i]) : 0;
	return size;
}

/* The view that stands in that field, as it was edited. */
static int write_view(struct otlp_edit *e, const struct otlp_view *v, const struct otlp_raw *raw, unsigned frame)
{
	struct otlp_frame *f = &e->frames[frame];

	frame_at(f, raw);
	if (!make_room(e, f->end, edited_size(v)))
		return -ENOMEM;
	open_to(e, frame);
	for (size_t i = 0; i < v->count; i++) {
		const struct otlp_part *p = &v->parts[i];
		if (p->state == OTLP_PART_SAME || (p->state == OTLP_PART_GONE && !p->at))
			continue;
		copy_to(e, p->at ? p->at : f->end);
		e->copied += p->size;
		if (p->state == OTLP_PART_EDITED)
			otlp_part_build(&e->out, v, p);
	}
	close_message(e, f);
	return 0;
}

/* A resource or scope that the message did not have; it goes to its beginning, before everything else in it. */
static int insert_view(struct otlp_edit *e, const struct otlp_view *v, unsigned around)
{
	struct otlp_frame *f = &e->frames[around];
	size_t size = edited_size(v);

	if (!make_room(e, f->content, size))
		return -ENOMEM;
	open_to(e, around);
	otlp_build_tag(&e->out, 1, WIRE_LENGTH);
	otlp_build_varint(&e->out, size);
	for (size_t i = 0; i < v->count; i++)
		if (v->parts[i].state == OTLP_PART_EDITED)
			otlp_part_build(&e->out, v, &v->parts[i]);
	return 0;
}

/* The walk. */

static void spend(size_t *bytes, size_t size)
{
	*bytes -= size < *bytes ? size : *bytes;
}

static bool show(struct otlp_edit *e, struct otlp_view *v)
{
	return e->editor.visit(e->editor.context, e, v);
}

/* The message at hand. */

static inline void see(struct otlp_edit *e)
{
	e->failed = otlp_view_read(e->view, e->view->level, e->raw.bytes);
	e->stays = !e->failed && show(e, e->view);
}

/* What became of the span. One with too many parts goes. */
static inline int put_span(struct otlp_edit *e)
{
	const struct otlp_raw *raw = &e->raw;
	const char *until = raw->bytes.data + raw->bytes.size;

	if (e->stays) {
		e->kept++;
		e->frames[OTLP_FRAME_SCOPE].kept = true;
		return e->view->changed ? write_view(e, e->view, raw, OTLP_FRAME_SPAN) : 0;
	}
	e->dropped++;
	e->dropped_bytes += (size_t)(until - raw->at);
	return leave_out(e, OTLP_FRAME_SCOPE, raw->at, until);
}

/* A resource or scope that is missing stands nowhere. */
static inline int put(struct otlp_edit *e)
{
	if (e->view->level == OTLP_SPAN)
		return put_span(e);
	return e->raw.at ? write_view(e, e->view, &e->raw, e->around + 1) : insert_view(e, e->view, e->around);
}

/* Up to where put() writes the request; NULL: it writes nothing. */
static const char *put_until(const struct otlp_edit *e)
{
	const struct otlp_frame *f = &e->frames[e->around];

	if (e->view->level == OTLP_SPAN && !e->stays)
		return f->gap != f->gap_end && f->gap_end != e->raw.at ? f->gap_end : NULL;
	if (!e->view->changed)
		return NULL;
	return e->raw.at ? e->raw.bytes.data + e->raw.bytes.size : f->content;
}

static int end_message(struct otlp_edit *e, int failed)
{
	if (e->raw.at)
		lent_back(&e->lent, &e->raw_lent);
	return failed;
}

/* All that was left unwritten before the first edit is a part of it, so a small one may take long. */
static bool is_much(const struct otlp_edit *e, const char *until, size_t more)
{
	return (size_t)(until - e->copied) + more > gaps(e) + e->editor.long_work;
}

/* OTLP_EDIT_LONG: room for it is there, and it is announced. */
static int begin_put(struct otlp_edit *e)
{
	const char *until = e->editor.long_work > 0 ? put_until(e) : NULL;
	size_t more;

	if (UNLIKELY(until)) {
		more = e->stays ? edited_size(e->view) : 0;
		if (is_much(e, until, more)) {
			e->work = OTLP_WORK_PUT;
			return make_room(e, until, more) ? OTLP_EDIT_LONG : -ENOMEM;
		}
	}
	return end_message(e, put(e));
}

/* A resource or scope that is where it was found is written when the walk comes there. */
static int seen(struct otlp_edit *e)
{
	bool span = e->view->level == OTLP_SPAN, found = !e->raw.at && e->frames[e->around].head.data;

	if (e->failed == -EBADMSG || (!span && e->failed))
		return e->failed;
	if (!span && !e->stays)
		return -ENOSPC;
	if (!span && (found || !e->view->changed))
		return end_message(e, 0);
	return begin_put(e);
}

/* One that stands nowhere, or is not where the walk is, has no `at`. */
static inline int take(struct otlp_edit *e, struct otlp_view *v, const struct otlp_raw *raw, unsigned around)
{
	e->raw = *raw;
	e->around = around;
	e->view = v;
	e->raw_lent = lent_mark(&e->lent);
	if (UNLIKELY(e->editor.long_work > 0 && raw->bytes.size > e->editor.long_work)) {
		e->work = OTLP_WORK_SEE;
		return OTLP_EDIT_LONG;
	}
	see(e);
	return seen(e);
}

static inline int take_span(struct otlp_edit *e, const struct otlp_raw *raw)
{
	e->views[OTLP_SPAN].level = OTLP_SPAN;
	return take(e, &e->views[OTLP_SPAN], raw, OTLP_FRAME_SCOPE);
}

static enum otlp_level level_of(unsigned frame)
{
	return frame == OTLP_FRAME_RESOURCE ? OTLP_RESOURCE : OTLP_SCOPE;
}

/* Shows the resource or scope that spans are shown with. */
static int show_head(struct otlp_edit *e, unsigned frame)
{
	struct otlp_frame *f = &e->frames[frame];
	struct otlp_view *v = &e->views[level_of(frame)];
	struct otlp_raw raw = { .at = NULL, .bytes = f->head.data ? f->head : (struct bytes){ "", 0 } };

	f->finding = false;
	v->level = level_of(frame);
	return take(e, v, &raw, frame);
}

/* The resource or scope of a message is the last of its fields 1. */
static int find_head(struct otlp_edit *e, unsigned frame, size_t *bytes)
{
	struct otlp_frame *f = &e->frames[frame];
	struct otlp_raw raw;
	int more = 1;

	while (*bytes > 0 && (more = otlp_raw_next(&f->to_find, &raw)) > 0) {
		spend(bytes, SMALL);
		if (raw.number == 1 && raw.type == WIRE_LENGTH)
			f->head = raw.bytes;
	}
	if (more > 0)
		return 0;
	spend(bytes, f->head.size);
	return more < 0 ? more : show_head(e, frame);
}

/* At a resource or scope, in the message `around`. */
static int pass_head(struct otlp_edit *e, const struct otlp_raw *raw, unsigned around)
{
	struct otlp_view *v = &e->views[level_of(around)];

	if (v->message.data != raw->bytes.data) {
		e->other.level = level_of(around);
		return take(e, &e->other, raw, around);
	}
	if (!v->changed)
		return 0;
	e->raw = *raw;
	e->around = around;
	e->view = v;
	e->raw_lent = lent_mark(&e->lent);
	e->stays = true;
	return begin_put(e);
}

static void enter(struct otlp_edit *e, const struct otlp_raw *raw)
{
	struct otlp_frame *f = &e->frames[++e->frame];

	frame_at(f, raw);
	f->finding = true;
	f->to_find = f->at;
	f->head = (struct bytes){ NULL, 0 };
	f->lent = lent_mark(&e->lent);
}

/* Of a message that goes, what was written of it goes, too. */
static int leave(struct otlp_edit *e, unsigned frame)
{
	struct otlp_frame *f = &e->frames[frame];
	bool goes = f->dropped && !f->kept;

	lent_back(&e->lent, &f->lent);
	f[-1].kept |= f->kept;
	e->frame--;
	if (goes && f->open) {
		otlp_build_cut(&e->out, f->start);
		e->copied = f->end;
		f[-1].dropped = true;
		f->gap = f->gap_end;
		return 0;
	}
	if (goes) {
		f->gap = f->gap_end;
		return leave_out(e, frame - 1, f->field, f->end);
	}
	f[-1].dropped |= f->dropped;
	if (!f->open && f->gap == f->gap_end)
		return 0;
	if (!make_room(e, f->end, 0))
		return -ENOMEM;
	open_to(e, frame);
	close_message(e, f);
	return 0;
}

/* All of it has been seen. */
static int end(struct otlp_edit *e)
{
	struct otlp_frame *f = &e->frames[OTLP_FRAME_REQUEST];

	e->frame = -1;
	e->size = e->body.size;
	if (!e->changed || (f->dropped && !f->kept))
		return 0;
	if (!make_room(e, f->end, 0))
		return -ENOMEM;
	pass_gap(e, f);
	copy_to(e, f->end);
	e->size = e->out.size;
	return 0;
}

static int at_field(struct otlp_edit *e, const struct otlp_raw *raw, size_t *bytes)
{
	unsigned inner = e->frame == OTLP_FRAME_REQUEST ? 1 : 2;

	if (raw->type == WIRE_LENGTH && raw->number == inner && e->frame < OTLP_FRAME_SCOPE) {
		spend(bytes, SMALL);
		enter(e, raw);
		return 0;
	}
	if (raw->type != WIRE_LENGTH || raw->number > inner) {
		spend(bytes, SMALL);
		return 0;
	}
	spend(bytes, raw->bytes.size + 2);
	if (raw->number == inner)
		return take_span(e, raw);
	return raw->number == 1 ? pass_head(e, raw, (unsigned)e->frame) : 0;
}

/* All that is open, or has been, up to there. */
static void write_up_to(struct otlp_edit *e, const char *at)
{
	unsigned frame = (unsigned)e->frame;

	open_to(e, frame);
	pass_gap(e, &e->frames[frame]);
	copy_to(e, at);
}

static const char *place(const struct otlp_edit *e)
{
	return (const char *)e->frames[e->frame].at.at;
}

void otlp_edit_work(struct otlp_edit *e)
{
	e->worked = true;
	e->work_failed = 0;
	switch (e->work) {
	case OTLP_WORK_SEE:
		see(e);
		break;
	case OTLP_WORK_PUT:
		e->work_failed = put(e);
		break;
	case OTLP_WORK_CATCH_UP:
		write_up_to(e, place(e));
		break;
	case OTLP_WORK_NONE:
		OXP_ASSERT(!"nothing was announced");
	}
}

static int worked(struct otlp_edit *e)
{
	enum otlp_work work = e->work;

	OXP_ASSERT(e->worked);
	e->worked = false;
	e->work = OTLP_WORK_NONE;
	if (work == OTLP_WORK_SEE)
		return seen(e);
	return work == OTLP_WORK_PUT ? end_message(e, e->work_failed) : 0;
}

static int step(struct otlp_edit *e, size_t *bytes)
{
	unsigned frame = (unsigned)e->frame;
	struct otlp_raw raw;
	int more;

	if (UNLIKELY(e->work))
		return worked(e);
	if (UNLIKELY(e->changed && e->editor.long_work > 0 && is_much(e, place(e), 0))) {
		e->work = OTLP_WORK_CATCH_UP;
		return make_room(e, place(e), 0) ? OTLP_EDIT_LONG : -ENOMEM;
	}
	if (UNLIKELY(e->frames[frame].finding))
		return find_head(e, frame, bytes);
	more = otlp_raw_next(&e->frames[frame].at, &raw);
	if (more > 0)
		return at_field(e, &raw, bytes);
	if (more < 0)
		return more;
	return frame == OTLP_FRAME_REQUEST ? end(e) : leave(e, frame);
}

/* Before a pause, so that no long stretch without an edit is copied at once. */
static bool catch_up(struct otlp_edit *e)
{
	if (!e->frames[e->frame].open || !e->out.to)
		return true;
	if (!make_room(e, place(e), 0))
		return false;
	write_up_to(e, place(e));
	return true;
}

void otlp_edit_begin(struct otlp_edit *e, struct bytes body, const struct otlp_editor *editor)
{
	struct otlp_frame *f = &e->frames[OTLP_FRAME_REQUEST];
	const char *from = body.size > 0 ? body.data : "";

	lent_back(&e->lent, &(struct lent_mark){ 0 });
	e->editor = *editor;
	e->body = (struct bytes){ from, body.size };
	e->out = (struct otlp_build){ .to = NULL };
	e->copied = from;
	e->changed = false;
	e->work = OTLP_WORK_NONE;
	e->worked = false;
	e->kept = e->dropped = e->dropped_bytes = 0;
	e->frame = OTLP_FRAME_REQUEST;
	for (int i = 0; i < OTLP_FRAMES; i++)
		e->frames[i] = (struct otlp_frame){ .gap = from, .gap_end = from };
	f->at = wire_of(e->body);
	f->field = f->length = f->content = from;
	f->end = from + body.size;
	f->open = true;
}

int otlp_edit_go_on(struct otlp_edit *e, size_t *bytes)
{
	int failed = 0;

	while (e->frame >= 0 && *bytes > 0 && !failed)
		failed = step(e, bytes);
	if (failed || e->frame < 0)
		return failed;
	return catch_up(e) ? 1 : -ENOMEM;
}
