#include "exporters/frame.h"

void frame_init(struct frame *f, const struct frame_form *form, void *reader)
{
	OXP_ASSERT(form->prefix_size <= FRAME_PREFIX_MAX);
	f->form = form;
	f->reader = reader;
	f->at = 0;
}

static struct bytes suffix_of(const struct frame_form *form)
{
	return bytes_of(form->suffix ? form->suffix : "");
}

size_t frame_room(const struct frame_form *form, const struct batch_item *item)
{
	return form->prefix_size + item->size + suffix_of(form).size;
}

/* Writes the prefix of the item, and learns what goes into it. */
static size_t put_prefix(const struct frame *f, const struct batch_item *item, char *to, struct frame_splice *splice)
{
	const struct frame_form *form = f->form;

	splice->at = splice->skip = splice->size = 0;
	if (form->varied)
		return form->varied(form->exporter, f->reader, item, to, splice);
	if (form->prefix)
		form->prefix(form->exporter, item, to);
	return form->prefix_size;
}

size_t frame_size(const struct frame *f, const struct batch_item *item)
{
	char prefix[FRAME_PREFIX_MAX];
	struct frame_splice splice;
	size_t size;

	if (!f->form->varied)
		return frame_room(f->form, item);
	size = put_prefix(f, item, prefix, &splice);
	return size + item->size - splice.skip + splice.size + suffix_of(f->form).size;
}

/* Copies the rest of a segment, of which a part has been copied already. */
static size_t copy_segment(char *to, size_t room, struct bytes segment, size_t out)
{
	size_t n = out < segment.size ? segment.size - out : 0;

	if (n > room)
		n = room;
	if (n > 0)
		memcpy(to, segment.data + out, n);
	return n;
}

static void begin_part(struct frame *f, const struct batch_item *item)
{
	f->prefix_size = put_prefix(f, item, f->prefix, &f->splice);
	OXP_ASSERT(!f->form->lines || bytes_one_line((struct bytes){ item->data, item->size }));
}

/* As much as fits of an item that does not fit in one go. */
static size_t put_part(struct frame *f, const struct batch_item *item, char *to, size_t room, bool *ret_ended)
{
	const struct frame_splice *splice = &f->splice;
	size_t behind, start = 0, wrote = 0;

	if (f->at == 0)
		begin_part(f, item);
	behind = splice->at + splice->skip;
	const struct bytes segments[] = { { f->prefix, f->prefix_size }, { item->data, splice->at },
		{ splice->text, splice->size }, { item->data + behind, item->size - behind }, suffix_of(f->form) };
	for (size_t i = 0; i < COUNT_OF(segments); start += segments[i++].size)
		if (f->at + wrote >= start)
			wrote += copy_segment(to + wrote, room - wrote, segments[i], f->at + wrote - start);
	f->at += wrote;
	*ret_ended = f->at == start;
	if (*ret_ended)
		f->at = 0;
	return wrote;
}

/* Returns the size of what it becomes. */
static size_t put_spliced(const struct batch_item *item, const struct frame_splice *s, char *to, bool *ret_one_line)
{
	size_t behind = s->at + s->skip, rest = item->size - behind;

	*ret_one_line = bytes_copy_line(to, (struct bytes){ item->data, s->at });
	memcpy(to + s->at, s->text, s->size);
	*ret_one_line &= bytes_copy_line(to + s->at + s->size, (struct bytes){ item->data + behind, rest });
	return s->at + s->size + rest;
}

static size_t put_whole(struct frame *f, const struct batch_item *item, char *to)
{
	struct bytes suffix = suffix_of(f->form);
	struct frame_splice splice;
	size_t at = put_prefix(f, item, to, &splice), size = item->size;
	bool one = true;

	if (splice.size > 0)
		size = put_spliced(item, &splice, to + at, &one);
	else if (f->form->lines)
		one = bytes_copy_line(to + at, (struct bytes){ item->data, item->size });
	else
		memcpy(to + at, item->data, item->size);
	OXP_ASSERT(one || !f->form->lines);
	at += size;
	memcpy(to + at, suffix.data, suffix.size);
	return at + suffix.size;
}

size_t frame_put(struct frame *f, const struct batch_item *item, char *to, size_t room, bool *ret_ended)
{
	if (f->at > 0 || frame_room(f->form, item) > room)
		return put_part(f, item, to, room, ret_ended);
	*ret_ended = true;
	return put_whole(f, item, to);
}
