#include "recorder/mark.h"

#include <errno.h>
#include <stdlib.h>

#include "proto/otlp_build.h"
#include "proto/otlp_edit.h"
#include "proto/otlp_walk.h"

enum {
	SCRATCH_MAX = 1 << 20, /* nothing is lent for a mark */
	VALUE_ROOM = 64,
	ROOM_STEP = 64 << 10,
};

struct mark {
	struct otlp_edit *edit;
	char value[VALUE_ROOM]; /* an AnyValue */
	size_t size;
	size_t first, next, seen; /* spans of the request: where the piece begins, and ends; how many were shown */
	size_t bytes; /* of the spans in the piece, with their marks */
	struct buffer *to;
};

struct mark *mark_new(const char *reason)
{
	struct mark *m = oxp_new(sizeof *m);
	struct otlp_build b = { .to = m->value, .room = sizeof m->value };

	otlp_build_text(&b, OTLP_VALUE_TEXT, bytes_of(reason));
	OXP_ASSERT(b.size <= b.room);
	m->size = b.size;
	m->edit = otlp_edit_new(SCRATCH_MAX);
	return m;
}

void mark_free(struct mark *m)
{
	if (!m)
		return;
	otlp_edit_free(m->edit);
	free(m);
}

/* Whether the span at hand is one of the piece. */
static bool is_in_piece(struct mark *m, const struct otlp_view *view)
{
	size_t number = m->seen++;

	if (number < m->first || m->bytes >= MARK_PIECE)
		return false;
	m->bytes += view->message.size + sizeof MARK_NAME + m->size;
	m->next = number + 1;
	return true;
}

/* One that has the attribute already was dumped by another agent before: the latest reason stands. */
static bool show(void *context, struct otlp_edit *e, struct otlp_view *view)
{
	struct mark *m = context;
	const struct bytes value = { m->value, m->size };
	struct otlp_part *part;

	(void)e;
	if (view->level != OTLP_SPAN)
		return true;
	if (!is_in_piece(m, view))
		return false;
	part = otlp_view_find(view, bytes_of(MARK_NAME));
	if (!part)
		return otlp_view_add(view, bytes_of(MARK_NAME), value);
	otlp_part_value(view, part, value);
	return true;
}

static char *give_room(void *context, size_t size, size_t *ret_room)
{
	struct buffer *to = ((struct mark *)context)->to;
	char *room = buffer_reserve_step(to, size, ROOM_STEP);

	if (room)
		*ret_room = to->room - to->size;
	return room;
}

/* Edits the request down to the piece that begins with that span, behind what the buffer has. */
static int append_piece(struct mark *m, struct bytes request, size_t first, struct buffer *to)
{
	struct otlp_edit *e = m->edit;
	size_t all = SIZE_MAX;
	int failed;

	m->first = m->next = first;
	m->seen = m->bytes = 0;
	m->to = to;
	otlp_edit_begin(e, request, &(struct otlp_editor){ show, give_room, m });
	failed = otlp_edit_go_on(e, &all);
	if (failed)
		return failed;
	if (e->kept == 0)
		return m->next < m->seen ? 0 : -EBADMSG;
	to->size += e->size;
	return 0;
}

int mark_append(struct mark *m, struct bytes request, size_t *span, struct buffer *to, uint32_t *ret_spans)
{
	size_t first = *span, at;
	struct otlp_summary sum;
	int failed;

	*span = 0;
	if (otlp_traces_check(request.data, request.size, &sum, &at) != OTLP_OK)
		return -EBADMSG;
	failed = append_piece(m, request, first, to);
	otlp_edit_forget(m->edit);
	if (failed)
		return failed;
	*span = m->next < m->seen ? m->next : 0;
	*ret_spans = (uint32_t)m->edit->kept;
	return 0;
}
