#include "proto/json_edit.h"

#include <errno.h>
#include <stdlib.h>

enum { DECODED_MAX = 256 };

struct json_edit *json_edit_new(const struct json_scan *scan, size_t ceiling)
{
	struct json_edit *e = oxp_new(sizeof *e);

	e->scan = scan;
	lent_init(&e->lent, ceiling);
	return e;
}

void json_edit_free(struct json_edit *e)
{
	if (!e)
		return;
	lent_done(&e->lent);
	free(e);
}

void json_edit_end(struct json_edit *e)
{
	lent_back(&e->lent, &(struct lent_mark){ 0 });
}

/* Everything between the last numbered member and the brace that closes the line. */
static struct bytes rest_of(const struct json_edit *e)
{
	const struct json_member *last = &e->line.members[JSON_MEMBERS_MAX - 1];
	const char *from = e->text.data + last->value + last->value_size, *to = e->text.data + e->text.size - 1;

	while (*to != '}')
		to--;
	return (struct bytes){ from, (size_t)(to - from) };
}

enum json_fault json_edit_begin(struct json_edit *e, struct bytes line)
{
	enum json_fault fault = json_line_index(e->scan, line.data, line.size, &e->line);

	if (fault != JSON_FINE)
		return fault;
	e->text = line;
	e->count = e->line.count;
	e->rest = e->line.more ? rest_of(e) : (struct bytes){ NULL, 0 };
	if (e->changed) {
		memset(e->gone, 0, sizeof e->gone);
		memset(e->renamed, 0, sizeof e->renamed);
		memset(e->replaced, 0, sizeof e->replaced);
		e->changed = false;
	}
	json_edit_end(e);
	e->looked = 0;
	return JSON_FINE;
}

/* An appended member has both bits; it has no entry in the index. */

struct bytes json_edit_name(const struct json_edit *e, size_t i)
{
	const struct json_member *m;

	if (json_edit_bit(e->renamed, i))
		return e->names[i];
	m = &e->line.members[i];
	return (struct bytes){ e->text.data + m->name, m->name_size };
}

struct bytes json_edit_value(const struct json_edit *e, size_t i)
{
	const struct json_member *m;

	if (json_edit_bit(e->replaced, i))
		return e->values[i];
	m = &e->line.members[i];
	return (struct bytes){ e->text.data + m->value, m->value_size };
}

int json_edit_find(const struct json_edit *e, struct bytes name)
{
	for (size_t i = 0; i < e->count; i++)
		if (json_name_is(json_edit_name(e, i), name, false) && !json_edit_gone(e, i))
			return (int)i;
	return -1;
}

/* Whether that many bytes may be read in search of a name. The last ones may be more than are left: a line as long as
 * that takes as long to index. */
static bool may_look(struct json_edit *e, size_t size)
{
	bool may = e->looked < JSON_LOOKED_MAX;

	e->looked += may ? size : 0;
	return may;
}

bool json_edit_has(struct json_edit *e, struct bytes name)
{
	struct bytes value;

	if (json_edit_find(e, name) >= 0)
		return true;
	return e->rest.size > 0 && (!may_look(e, e->rest.size) || json_find(e->scan, e->rest, name, &value));
}

/* Presence of names. */

enum relation { STRANGER, SAME, PARENT, CHILD };

/* How a member's name compares with the plain one; *ret_size is how long it is without escapes. */
static enum relation relate(struct bytes name, struct bytes plain, size_t *ret_size)
{
	char decoded[DECODED_MAX];
	struct buffer to = { .data = decoded, .room = sizeof decoded, .ceiling = sizeof decoded };

	if (json_is_escaped(name)) {
		if (json_decode(name, &to) < 0 && to.size <= plain.size)
			return STRANGER;
		name = buffer_bytes(&to); /* if it is too long, its beginning: it may be a child */
	}
	*ret_size = name.size;
	if (name.size == 0 || memcmp(name.data, plain.data, name.size < plain.size ? name.size : plain.size) != 0)
		return STRANGER;
	if (name.size == plain.size)
		return SAME;
	if (name.size < plain.size)
		return plain.data[name.size] == '.' ? PARENT : STRANGER;
	return name.data[plain.size] == '.' ? CHILD : STRANGER;
}

/* What one member says about the name. If it is an object that would hold the name, *ret_inside is that object, and
 * *name what is left of the name. */
static enum json_presence presence_by(
	struct bytes member, struct bytes value, struct bytes *name, struct bytes *ret_inside)
{
	size_t size;

	switch (relate(member, *name, &size)) {
	case SAME:
		return JSON_THERE;
	case CHILD:
		return JSON_CROSSED;
	case PARENT:
		if (json_kind(value) != MEMBER_OBJECT)
			return JSON_CROSSED;
		*ret_inside = value;
		*name = (struct bytes){ name->data + size + 1, name->size - size - 1 };
		return JSON_BESIDE;
	default:
		return JSON_FREE;
	}
}

static enum json_presence worse(enum json_presence a, enum json_presence b)
{
	return a > b ? a : b;
}

/* Looks among members: those of an object, and of the objects in it that are on the way. */
static enum json_presence presence_in(struct json_edit *e, struct bytes members, struct bytes name)
{
	enum json_presence presence = JSON_FREE;

	while (members.size > 0) {
		struct json_walk w = json_walk_of(e->scan, members);
		struct bytes inside = { NULL, 0 };
		if (!may_look(e, members.size))
			return JSON_CROSSED;
		if (*members.data == '{')
			json_walk_next(&w);
		for (enum json_token t; inside.size == 0 && (t = json_walk_next(&w)) != TOKEN_END;) {
			struct bytes member = w.text, value;
			if (t != TOKEN_NAME || !json_walk_value(&w))
				continue;
			value = (struct bytes){ w.at, (size_t)(w.p - w.at) };
			presence = worse(presence, presence_by(member, value, &name, &inside));
		}
		members = inside;
	}
	return presence;
}

enum json_presence json_edit_presence(struct json_edit *e, struct bytes name, int except)
{
	enum json_presence presence = presence_in(e, e->rest, name);

	for (size_t i = 0; i < e->count; i++) {
		struct bytes inside = { NULL, 0 }, left = name;
		if (json_edit_gone(e, i) || (int)i == except)
			continue;
		presence = worse(presence, presence_by(json_edit_name(e, i), json_edit_value(e, i), &left, &inside));
		if (inside.size > 0)
			presence = worse(presence, presence_in(e, inside, left));
	}
	return presence;
}

static void set_bit(struct json_edit *e, uint64_t *bits, size_t i)
{
	OXP_ASSERT(i < e->count);
	bits[i / 64] |= UINT64_C(1) << i % 64;
	e->changed = true;
}

void json_edit_drop(struct json_edit *e, size_t i)
{
	set_bit(e, e->gone, i);
}

void json_edit_replace(struct json_edit *e, size_t i, struct bytes value)
{
	set_bit(e, e->replaced, i);
	e->values[i] = value;
}

void json_edit_rename(struct json_edit *e, size_t i, struct bytes name)
{
	set_bit(e, e->renamed, i);
	e->names[i] = name;
}

void json_edit_rest(struct json_edit *e, struct bytes rest)
{
	e->rest = rest;
	e->changed = true;
}

int json_edit_append(struct json_edit *e, struct bytes name, struct bytes value)
{
	if (e->count == JSON_VIEW_MAX || e->count - e->line.count == JSON_APPENDED_MAX)
		return -ENOSPC;
	e->count++;
	json_edit_rename(e, e->count - 1, name);
	json_edit_replace(e, e->count - 1, value);
	return 0;
}

/* Writing. Without a buffer to write to, it counts. */

struct pen {
	char *to;
	size_t size;
	bool any; /* a member was written */
};

static void put(struct pen *p, const char *data, size_t size)
{
	if (p->to && size)
		memcpy(p->to + p->size, data, size);
	p->size += size;
}

static void put_comma(struct pen *p)
{
	if (p->any)
		put(p, ",", 1);
	p->any = true;
}

static bool is_edited(const struct json_edit *e, size_t i)
{
	return json_edit_bit(e->renamed, i) || json_edit_bit(e->replaced, i);
}

/* Writes the members up to the next one that was edited, and returns that one. */
static size_t put_untouched(struct pen *p, const struct json_edit *e, size_t i, size_t to)
{
	const struct json_member *first = &e->line.members[i], *last = first;

	while (++i < to && !is_edited(e, i) && !json_edit_gone(e, i))
		last++;
	put_comma(p);
	put(p, e->text.data + first->name - 1, last->value + last->value_size - first->name + 1);
	return i;
}

static void put_edited(struct pen *p, const struct json_edit *e, size_t i)
{
	struct bytes name = json_edit_name(e, i), value = json_edit_value(e, i);

	put_comma(p);
	put(p, "\"", 1);
	put(p, name.data, name.size);
	put(p, "\":", 2);
	put(p, value.data, value.size);
}

static void put_members(struct pen *p, const struct json_edit *e, size_t from, size_t to)
{
	for (size_t i = from; i < to;)
		if (json_edit_gone(e, i))
			i++;
		else if (is_edited(e, i))
			put_edited(p, e, i++);
		else
			i = put_untouched(p, e, i, to);
}

/* Its own first comma is one too many if nothing comes before it. */
static void put_rest(struct pen *p, struct bytes rest)
{
	size_t comma = 0;

	while (comma < rest.size && rest.data[comma] != ',')
		comma++;
	if (comma == rest.size)
		return;
	put_comma(p);
	put(p, rest.data + comma + 1, rest.size - comma - 1);
}

static size_t write_all(const struct json_edit *e, char *to)
{
	struct pen p = { .to = to };

	put(&p, "{", 1);
	put_members(&p, e, 0, e->line.count);
	put_rest(&p, e->rest);
	put_members(&p, e, e->line.count, e->count);
	put(&p, "}", 1);
	return p.size;
}

size_t json_edit_size(const struct json_edit *e)
{
	return e->changed ? write_all(e, NULL) : e->text.size;
}

void json_edit_write(const struct json_edit *e, char *to)
{
	if (e->changed)
		write_all(e, to);
	else
		memcpy(to, e->text.data, e->text.size);
}
