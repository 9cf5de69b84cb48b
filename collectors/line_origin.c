#include "collectors/line_origin.h"

#include "proto/json_walk.h"

void line_origin_init(struct line_origin *o)
{
	buffer_init(&o->members, LINE_ORIGIN_MAX);
}

void line_origin_done(struct line_origin *o)
{
	buffer_done(&o->members);
}

void line_origin_set(struct line_origin *o, const char *path)
{
	struct writer w;

	buffer_clear(&o->members);
	writer_init(&w, &o->members);
	writer_text(&w, ",\"oxpecker.path\":");
	writer_quoted(&w, bytes_of(path));
	writer_text(&w, ",\"oxpecker.offset\":");
	(void)!writer_done(&w); /* nothing is left of it then */
}

void line_origin_put(const struct line_origin *o, struct writer *w, uint64_t at)
{
	if (o->members.size == 0)
		return;
	writer_bytes(w, buffer_bytes(&o->members));
	writer_u64(w, at);
}

static bool is_ours(struct bytes name)
{
	static const char own[] = "oxpecker";
	const struct bytes with_dot = { "oxpecker.", sizeof own };

	return json_name_is(name, bytes_of(own), false) || json_name_begins(name, with_dot);
}

/* The same behind the members that are indexed. */
static bool says_origin_behind(const struct json_scan *scan, struct bytes object)
{
	struct json_walk w = json_walk_of(scan, object);

	json_walk_next(&w);
	for (enum json_token t; (t = json_walk_next(&w)) != TOKEN_END;)
		if (t == TOKEN_NAME && (is_ours(w.text) || !json_walk_value(&w)))
			return true;
	return false;
}

bool line_origin_is_said(const struct json_scan *scan, const struct line_message *m)
{
	for (size_t i = 0; i < m->object->count; i++) {
		const struct json_member *member = &m->object->members[i];
		struct bytes name = { m->text.data + member->name, member->name_size };
		if ((*name.data == 'o' || member->name_escaped) && is_ours(name))
			return true;
	}
	return m->object->more && says_origin_behind(scan, m->text);
}
