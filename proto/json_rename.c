#include "proto/json_rename.h"

#include <errno.h>
#include <stdlib.h>

#include "base/text.h"
#include "proto/json_walk.h"

enum { NOWHERE = -1 };

/*
 * Invariant: path[depth] is how many bytes of `from` the names on the way to the open object or array make up, each
 * with a dot behind it; NOWHERE if it is not on the way. `ahead` is the same for what may open next.
 */
struct renaming {
	const char *from, *to;
	struct buffer *ret;
	const char *copied; /* how far the line is in `ret` */
	size_t depth, found;
	bool taken, elsewhere;
	ssize_t path[JSON_DEPTH_MAX + 1], ahead;
};

/* The new name within the object that stands for `done` bytes of the old one; NULL: it would be in another object. */
static const char *new_name(const struct renaming *r, size_t done)
{
	return strncmp(r->to, r->from, done) == 0 && r->to[done] ? r->to + done : NULL;
}

static int put_name(struct renaming *r, struct bytes old, const char *name)
{
	int failed = buffer_append(r->ret, r->copied, (size_t)(old.data - 1 - r->copied));

	r->found++;
	r->copied = old.data + old.size + 1;
	if (failed)
		return failed;
	return json_string_append(r->ret, name, strlen(name));
}

static int at_name(struct renaming *r, struct bytes name)
{
	ssize_t done = r->path[r->depth];
	const char *rest, *fresh;

	r->ahead = NOWHERE;
	if (done == NOWHERE)
		return 0;
	rest = r->from + done;
	fresh = new_name(r, (size_t)done);
	if (bytes_are(name, rest)) {
		r->elsewhere = r->elsewhere || !fresh;
		return fresh ? put_name(r, name, fresh) : 0;
	}
	r->taken = r->taken || (fresh && bytes_are(name, fresh));
	if (strncmp(rest, name.data, name.size) == 0 && rest[name.size] == '.')
		r->ahead = done + (ssize_t)name.size + 1;
	return 0;
}

static int at_token(struct renaming *r, enum json_token token, struct bytes name)
{
	if (token == TOKEN_NAME)
		return at_name(r, name);
	if (token == TOKEN_OBJECT || token == TOKEN_ARRAY)
		r->path[++r->depth] = r->ahead;
	else if (token == TOKEN_CLOSE)
		r->depth--;
	if (token != TOKEN_STRING && token != TOKEN_SCALAR)
		r->ahead = r->path[r->depth];
	return 0;
}

static int rename_in(const struct json_scan *scan, struct bytes line, struct renaming *r)
{
	struct json_walk walk = json_walk_of(scan, line);
	enum json_token token;
	int failed = 0;

	r->copied = line.data;
	while (!failed && (token = json_walk_next(&walk)) != TOKEN_END)
		failed = at_token(r, token, walk.text);
	if (failed)
		return failed;
	if (r->elsewhere)
		return -EXDEV;
	if (!r->found)
		return 0;
	failed = buffer_append(r->ret, r->copied, (size_t)(line.data + line.size - r->copied));
	if (failed)
		return failed;
	return r->taken ? -EEXIST : 1;
}

int json_rename(struct bytes line, const char *from, const char *to, struct buffer *ret)
{
	const struct json_scan *scan = json_scan_best();
	struct renaming r = { .from = from, .to = to, .ret = ret };
	struct json_line *index = malloc(sizeof *index);
	char *padded = calloc(1, line.size + JSON_LINE_PADDING);
	size_t before = ret->size;
	int result = -ENOMEM;

	if (index && padded) {
		memcpy(padded, line.data, line.size);
		result = json_line_index(scan, padded, line.size, index) == JSON_FINE
				 ? rename_in(scan, (struct bytes){ padded, line.size }, &r)
				 : -EBADMSG;
	}
	if (result <= 0)
		ret->size = before;
	free(index);
	free(padded);
	return result;
}
