#include "proto/push_path.h"

#include "base/text.h"
#include "proto/exposition_parse.h"

static const char too_long[] = "the path has more than 2,048 bytes of labels";

/* The text up to the next slash, which is cut off with it. */
static struct bytes next_part(struct bytes *rest)
{
	const char *slash = memchr(rest->data, '/', rest->size);
	struct bytes part = { rest->data, slash ? (size_t)(slash - rest->data) : rest->size };
	size_t cut = part.size + (slash ? 1 : 0);

	*rest = (struct bytes){ rest->data + cut, rest->size - cut };
	return part;
}

static bool cut_end(struct bytes *text, const char *end)
{
	size_t size = strlen(end);

	if (text->size < size || memcmp(text->data + text->size - size, end, size) != 0)
		return false;
	text->size -= size;
	return true;
}

/* The copy is a string. NULL: no room. */
static const char *put(struct push_key *k, struct bytes text)
{
	char *to = k->text + k->size;

	if (text.size >= sizeof k->text - k->size)
		return NULL;
	memcpy(to, text.data, text.size);
	to[text.size] = '\0';
	k->size += text.size + 1;
	return to;
}

/* The same for what is written in base64. *ret is NULL when there is no room for it. */
static const char *put_base64(struct push_key *k, struct bytes text, const char **ret)
{
	char *to = k->text + k->size;
	size_t room = sizeof k->text - k->size, size = 0, read;

	*ret = NULL;
	if (room < text.size + 1)
		return too_long;
	while (cut_end(&text, "="))
		;
	read = base64_parse(text, to, room - 1, &size);
	if (read != text.size || text.size % 4 == 1)
		return "what follows a name with @base64 must be in the alphabet of base64 for URLs (RFC 4648)";
	if (memchr(to, '\0', size))
		return "the value of a label has a zero byte";
	to[size] = '\0';
	k->size += size + 1;
	*ret = to;
	return NULL;
}

/* Of two labels with one name the last one counts, but nothing replaces the job. */
static const char *add(struct push_key *k, const char *name, const char *value)
{
	size_t at = k->count;
	int order = 1;

	while (at > 0 && (order = strcmp(name, k->labels[at - 1].name)) < 0)
		at--;
	if (order == 0) {
		if (strcmp(name, "job") != 0)
			k->labels[at - 1].value = value;
		return NULL;
	}
	if (k->count == PUSH_LABELS_MAX)
		return "the path has more than 16 labels";
	memmove(k->labels + at + 1, k->labels + at, (k->count - at) * sizeof *k->labels);
	k->labels[at].name = name;
	k->labels[at].value = value;
	k->count++;
	return NULL;
}

static bool is_name(struct bytes name)
{
	return exposition_name_valid(name, true) && (name.size < 2 || memcmp(name.data, "__", 2) != 0);
}

static const char *read_label(struct push_key *k, struct bytes name, struct bytes text)
{
	bool coded = cut_end(&name, "@base64");
	const char *copy, *value = NULL, *why;

	if (!is_name(name))
		return "the path has a name that no label can have: letters, digits and _ are expected, not beginning "
		       "with a digit or __";
	copy = put(k, name);
	if (!copy)
		return too_long;
	why = coded ? put_base64(k, text, &value) : NULL;
	if (why)
		return why;
	if (!coded)
		value = put(k, text);
	if (!value)
		return too_long;
	return utf8_valid(value, strlen(value)) ? add(k, copy, value) : "the value of a label is not UTF-8";
}

const char *push_path_read(struct bytes path, struct push_key *k)
{
	static const char start[] = "/metrics/job";
	struct bytes rest = path, name, value;
	const char *why;

	k->count = k->size = 0;
	if (path.size < sizeof start - 1 || memcmp(path.data, start, sizeof start - 1) != 0)
		return "expected /metrics/job/NAME, with or without /LABEL/VALUE behind it";
	(void)next_part(&rest);
	(void)next_part(&rest);
	do {
		name = next_part(&rest);
		if (rest.data == path.data + path.size && rest.data[-1] != '/')
			return "the path ends with a label that has no value";
		value = next_part(&rest);
		why = read_label(k, name, value);
		if (why)
			return why;
		if (k->count == 1 && (strcmp(k->labels[0].name, "job") != 0 || !k->labels[0].value[0]))
			return "expected /metrics/job/NAME, with or without /LABEL/VALUE behind it";
	} while (rest.size > 0);
	return NULL;
}

bool push_key_equal(const struct push_key *a, const struct push_key *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->labels[i].name, b->labels[i].name) != 0 ||
			strcmp(a->labels[i].value, b->labels[i].value) != 0)
			return false;
	return true;
}

static char *put_string(char *to, const char *text)
{
	size_t size = strlen(text) + 1;

	memcpy(to, text, size);
	return to + size;
}

size_t push_key_write(const struct push_key *k, char to[PUSH_KEY_MAX])
{
	char *at = to;

	for (size_t i = 0; i < k->count; i++)
		at = put_string(put_string(at, k->labels[i].name), k->labels[i].value);
	return (size_t)(at - to);
}

static bool take_string(struct bytes *from, struct bytes *ret)
{
	const char *end = from->size > 0 ? memchr(from->data, '\0', from->size) : NULL;

	if (!end)
		return false;
	*ret = (struct bytes){ from->data, (size_t)(end - from->data) };
	*from = (struct bytes){ end + 1, from->size - ret->size - 1 };
	return true;
}

bool push_key_read(struct bytes from, struct push_key *k)
{
	struct bytes name, text;
	bool job = false;

	k->count = k->size = 0;
	while (from.size > 0) {
		const char *copy, *value;
		if (k->count == PUSH_LABELS_MAX || !take_string(&from, &name) || !take_string(&from, &text) ||
			!is_name(name) || !utf8_valid(text.data, text.size))
			return false;
		copy = put(k, name);
		value = copy ? put(k, text) : NULL;
		if (!value || (k->count > 0 && strcmp(k->labels[k->count - 1].name, copy) >= 0))
			return false;
		k->labels[k->count].name = copy;
		k->labels[k->count++].value = value;
		job |= bytes_are(name, "job") && text.size > 0;
	}
	return job;
}
