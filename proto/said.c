#include "proto/said.h"

#include <jansson.h>
#include <stdio.h>
#include <strings.h>

#include "base/text.h"
#include "proto/otlp_response.h"

enum { CAUSES_MAX = 16, ENTITY_MAX = 8, MESSAGE_MAX = 1024 };

/* Text and pages. */

struct words {
	char *to;
	size_t size, room;
	bool space; /* a space is due before the next byte */
};

static void put_byte(struct words *w, char c)
{
	if ((unsigned char)c <= ' ') {
		w->space = w->size > 0;
		return;
	}
	if (w->size + 1 + w->space >= w->room)
		return;
	if (w->space)
		w->to[w->size++] = ' ';
	w->space = false;
	w->to[w->size++] = c;
}

/* Whether it is neither text nor a page in a coding that has one byte for ASCII. */
static bool is_binary(struct bytes body)
{
	for (size_t i = 0; i < body.size; i++)
		if ((unsigned char)body.data[i] < ' ' && !memchr("\t\n\v\f\r\x1b", body.data[i], 6))
			return true;
	return false;
}

static bool begins(struct bytes text, const char *word)
{
	size_t size = strlen(word);

	return text.size >= size && strncasecmp(text.data, word, size) == 0;
}

/* Up to and with `end`, or all that is left. */
static size_t behind(struct bytes text, const char *end)
{
	for (size_t i = 0; i < text.size; i++)
		if (begins((struct bytes){ text.data + i, text.size - i }, end))
			return i + strlen(end);
	return text.size;
}

/* At a <. Elements that nobody reads are skipped with their content. */
static size_t tag_size(struct bytes text)
{
	if (begins(text, "<!--"))
		return behind(text, "-->");
	if (begins(text, "<script"))
		return behind(text, "</script>");
	return begins(text, "<style") ? behind(text, "</style>") : behind(text, ">");
}

/* At an &. */
static size_t put_entity(struct words *w, struct bytes text)
{
	static const struct {
		const char name[ENTITY_MAX];
		char c;
	} entities[] = { { "&amp;", '&' }, { "&lt;", '<' }, { "&gt;", '>' }, { "&quot;", '"' }, { "&#39;", '\'' },
		{ "&#x27;", '\'' }, { "&nbsp;", ' ' } };

	for (size_t i = 0; i < COUNT_OF(entities); i++)
		if (begins(text, entities[i].name)) {
			put_byte(w, entities[i].c);
			return strlen(entities[i].name);
		}
	put_byte(w, '&');
	return 1;
}

static void read_text(struct bytes text, bool page, struct words *w)
{
	size_t size;

	for (; text.size > 0; text = (struct bytes){ text.data + size, text.size - size }) {
		size = 1;
		if (page && *text.data == '<') {
			size = tag_size(text);
			put_byte(w, ' ');
		} else if (page && *text.data == '&') {
			size = put_entity(w, text);
		} else {
			put_byte(w, *text.data);
		}
	}
}

/* JSON. */

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

static const char *message_of(const json_t *object)
{
	static const char *const names[] = { "reason", "message", "detail", "error_description", "error", "title" };
	const char *text = "";

	for (size_t i = 0; i < COUNT_OF(names) && !*text; i++)
		text = text_of(object, names[i]);
	return text;
}

static void put_text(struct words *w, const char *text)
{
	while (*text)
		put_byte(w, *text++);
}

/* "type: reason", or whichever of them there is. */
static void put_error(struct words *w, const char *before, const json_t *error)
{
	const char *type = text_of(error, "type"), *message = message_of(error);

	if (!*type && !*message)
		return;
	w->space = w->space && !*before; /* that the text before it ended with */
	put_text(w, before);
	put_text(w, type);
	put_text(w, *type && *message ? ": " : "");
	put_text(w, message);
}

static const json_t *last_cause(const json_t *error)
{
	const json_t *cause = json_object_get(error, "caused_by"), *last = NULL;

	for (int i = 0; i < CAUSES_MAX && json_is_object(cause); i++) {
		last = cause;
		cause = json_object_get(cause, "caused_by");
	}
	return last;
}

static bool says_the_same(const json_t *a, const json_t *b)
{
	return strcmp(text_of(a, "type"), text_of(b, "type")) == 0 && strcmp(message_of(a), message_of(b)) == 0;
}

static void read_object(const json_t *answer, struct words *w)
{
	const json_t *error = json_object_get(answer, "error"), *root;

	error = json_is_object(error) ? error : answer;
	put_error(w, "", error);
	put_error(w, "; caused by ", last_cause(error));
	root = json_array_get(json_object_get(error, "root_cause"), 0);
	if (!last_cause(error) && root && !says_the_same(root, error))
		put_error(w, "; root cause ", root);
}

static void read_json(struct bytes body, struct words *w)
{
	json_t *answer = json_loadb(body.data, body.size, 0, NULL);

	if (json_is_object(answer))
		read_object(answer, w);
	else if (json_is_object(json_array_get(answer, 0)))
		read_object(json_array_get(answer, 0), w);
	json_decref(answer);
}

/* All of them. */

static bool is_type(const char *content_type, const char *const *these)
{
	for (; *these; these++)
		if (media_type_is(bytes_of(content_type), *these))
			return true;
	return false;
}

/* The type says what may be meant, the first byte whether it is: proxies and receivers mix them up. */
static bool may_be_status(const char *content_type, struct bytes body)
{
	static const char *const types[] = { "application/x-protobuf", "application/protobuf",
		"application/octet-stream", NULL };

	return (!*content_type || is_type(content_type, types)) && memchr("\x08\x12\x1a", *body.data, 3);
}

static bool is_page(const char *content_type, struct bytes body)
{
	static const char *const types[] = { "text/html", "application/xhtml+xml", NULL };

	return *body.data == '<' || is_type(content_type, types);
}

bool said_read(const char *content_type, struct bytes body, char *to, size_t room)
{
	struct words w = { .to = to, .room = room };
	char message[MESSAGE_MAX];

	*to = '\0';
	while (body.size > 0 && (unsigned char)*body.data <= ' ' && strchr(" \t\r\n", *body.data))
		body = (struct bytes){ body.data + 1, body.size - 1 };
	if (body.size > SAID_LOOKED_AT)
		body.size = SAID_LOOKED_AT;
	if (body.size == 0)
		return false;
	if (may_be_status(content_type, body) && otlp_status_parse(body, message, sizeof message) == 0)
		put_text(&w, message);
	else if (*body.data == '{' || *body.data == '[')
		read_json(body, &w);
	if (w.size == 0 && !is_binary(body))
		read_text(body, is_page(content_type, body), &w);
	to[w.size] = '\0';
	text_one_line(to);
	return *to;
}
