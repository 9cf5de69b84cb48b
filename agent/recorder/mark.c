#include "recorder/mark.h"

#include <errno.h>
#include <stdlib.h>

#include "proto/otlp_build.h"
#include "proto/otlp_edit.h"
#include "proto/otlp_walk.h"

enum { SCRATCH_MAX = 8 << 20, VALUE_ROOM = 64 };

struct mark {
	struct otlp_edit *edit;
	char value[VALUE_ROOM]; /* an AnyValue */
	size_t size;
};

struct mark *mark_new(const char *reason)
{
	struct mark *m = oxp_new(sizeof *m);
	struct otlp_build b = { .to = m->value, .room = sizeof m->value };

	otlp_build_text(&b, OTLP_ANY_TEXT, bytes_of(reason));
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

/* One that has the attribute already was dumped by another agent before: the latest reason stands. */
static bool show(void *context, struct otlp_edit *e, struct otlp_view *view)
{
	struct mark *m = context;
	const struct bytes value = { m->value, m->size };
	struct otlp_part *part;

	(void)e;
	if (view->level != OTLP_SPAN)
		return true;
	part = otlp_view_find(view, bytes_of(MARK_NAME));
	if (!part)
		return otlp_view_add(view, bytes_of(MARK_NAME), value);
	otlp_part_value(view, part, value);
	return true;
}

int mark_append(struct mark *m, struct bytes request, struct buffer *to, uint32_t *ret_spans)
{
	struct otlp_summary sum;
	size_t at;
	char *room;
	int failed;

	if (otlp_traces_check(request.data, request.size, &sum, &at) != OTLP_OK)
		return -EBADMSG;
	failed = otlp_edit_run(m->edit, request, show, m);
	if (failed)
		return failed;
	if (m->edit->kept == 0)
		return -EBADMSG;
	room = buffer_reserve(to, m->edit->size);
	if (!room)
		return m->edit->size > to->ceiling - to->size ? -ENOSPC : -ENOMEM;
	otlp_edit_write(m->edit, room);
	to->size += m->edit->size;
	*ret_spans = (uint32_t)m->edit->kept;
	return 0;
}
