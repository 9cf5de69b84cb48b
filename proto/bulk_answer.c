#include "proto/bulk_answer.h"

#include "base/text.h"
#include "proto/json_line.h"

/* What is expected next. */
enum {
	AT_VALUE, /* a value, or the end of an empty array */
	AT_KEY, /* a member's name, or the end of an empty object */
	AT_COLON,
	AT_NEXT, /* a comma or a closing bracket */
	IN_KEY,
	IN_KEY_ESCAPE,
	IN_STRING,
	IN_STRING_ESCAPE,
	IN_SCALAR, /* number or literal */
	AT_END,
};

/* What the current value is, by the names on the way to it. */
enum { NOWHERE, ITEMS, STATUS, ERROR, ERROR_TYPE, ERROR_REASON, CAUSED_BY, CAUSE_TYPE, CAUSE_REASON, FAILURE_STORE };

enum { STATUS_MAX = 999 };

/* Depths, in open brackets, of what is looked at: { items [ { create { error { */
enum { IN_ANSWER = 1, IN_ITEMS, IN_ITEM, IN_ACTION, IN_ERROR };

void bulk_answer_init(struct bulk_answer *a, void (*item)(void *, const struct bulk_item_answer *), void *context)
{
	memset(a, 0, sizeof *a);
	a->item = item;
	a->context = context;
}

static bool text_is(const struct bulk_answer *a, const char *word)
{
	return bytes_are((struct bytes){ a->text, a->size }, word);
}

static unsigned where_in_error(const struct bulk_answer *a)
{
	bool cause = a->in_error > IN_ERROR;

	if (cause && a->in_error < a->deepest)
		return NOWHERE;
	if (text_is(a, "type"))
		return cause ? CAUSE_TYPE : ERROR_TYPE;
	if (text_is(a, "reason"))
		return cause ? CAUSE_REASON : ERROR_REASON;
	return text_is(a, "caused_by") ? CAUSED_BY : NOWHERE;
}

/* Names the value behind the key that was just read. */
static unsigned where_of_key(const struct bulk_answer *a)
{
	if (a->depth == IN_ANSWER && text_is(a, "items"))
		return ITEMS;
	if (!a->in_items)
		return NOWHERE;
	if (a->depth == IN_ACTION && text_is(a, "status"))
		return STATUS;
	if (a->depth == IN_ACTION && text_is(a, "error"))
		return ERROR;
	if (a->depth == IN_ACTION && text_is(a, "failure_store"))
		return FAILURE_STORE;
	return a->in_error && a->depth == a->in_error ? where_in_error(a) : NOWHERE;
}

static void add_byte(struct bulk_answer *a, char c)
{
	if (a->size < BULK_TEXT_MAX)
		a->text[a->size++] = c;
}

/* Where the current text is stored, or NULL. */
static char *kept_of(struct bulk_answer *a)
{
	switch (a->where) {
	case ERROR:
	case ERROR_TYPE:
		return a->type;
	case ERROR_REASON:
		return a->reason;
	case CAUSE_TYPE:
		return a->cause_type;
	case CAUSE_REASON:
		return a->cause;
	default:
		return NULL;
	}
}

/* A string or scalar has ended. */
static void value_ended(struct bulk_answer *a)
{
	uint64_t number;
	char *to = kept_of(a);

	if (a->where == STATUS && u64_parse((struct bytes){ a->text, a->size }, &number))
		a->status = number <= STATUS_MAX ? (unsigned)number : 0; /* as if there were none */
	if (a->where == FAILURE_STORE)
		a->failure_store = text_is(a, "used");
	if (to) {
		memcpy(to, a->text, a->size);
		to[a->size] = '\0';
	}
	a->where = NOWHERE;
	a->state = AT_NEXT;
}

/* An object is open whose type and reason are looked for. */
static void open_error(struct bulk_answer *a)
{
	if (a->where != CAUSED_BY && a->where != ERROR)
		return;
	a->in_error = a->depth;
	if (a->depth > a->deepest) {
		a->deepest = a->depth;
		a->cause_type[0] = a->cause[0] = '\0';
	}
}

static bool open_bracket(struct bulk_answer *a, bool array)
{
	if (a->depth == BULK_DEPTH_MAX)
		return false;
	a->arrays[a->depth++] = array;
	if (a->depth == IN_ITEMS && array && a->where == ITEMS)
		a->in_items = true;
	if (a->in_items && a->depth == IN_ITEM) {
		a->status = 0;
		a->failure_store = false;
		a->deepest = 0;
		a->type[0] = a->reason[0] = a->cause_type[0] = a->cause[0] = '\0';
	}
	if (!array)
		open_error(a);
	a->where = NOWHERE;
	a->state = array ? AT_VALUE : AT_KEY;
	return a->depth > 1 || !array;
}

static bool close_bracket(struct bulk_answer *a, bool array)
{
	if (a->depth == 0 || a->arrays[a->depth - 1] != array)
		return false;
	if (a->in_items && a->depth == IN_ITEM) {
		a->item(a->context, &(struct bulk_item_answer){
					    a->status, a->type, a->reason, a->cause_type, a->cause, a->failure_store });
		a->items++;
	}
	if (a->in_error == a->depth)
		a->in_error = a->depth > IN_ERROR ? a->depth - 1 : 0;
	if (a->in_items && a->depth == IN_ITEMS) {
		a->in_items = false;
		a->seen_items = true;
	}
	a->depth--;
	a->state = a->depth ? AT_NEXT : AT_END;
	return true;
}

static bool at_value(struct bulk_answer *a, char c)
{
	a->size = 0;
	if (c == '{' || c == '[')
		return open_bracket(a, c == '[');
	if (c == ']')
		return close_bracket(a, true);
	if (a->depth == 0)
		return false;
	a->state = c == '"' ? IN_STRING : IN_SCALAR;
	if (c != '"')
		add_byte(a, c);
	return c == '"' || c == '-' || (c >= '0' && c <= '9') || c == 't' || c == 'f' || c == 'n';
}

static bool at_key(struct bulk_answer *a, char c)
{
	a->size = 0;
	if (c == '}')
		return close_bracket(a, false);
	a->state = IN_KEY;
	return c == '"';
}

static bool at_colon(struct bulk_answer *a, char c)
{
	a->where = where_of_key(a);
	a->state = AT_VALUE;
	return c == ':';
}

static bool at_next(struct bulk_answer *a, char c)
{
	if (c == ',') {
		a->state = a->arrays[a->depth - 1] ? AT_VALUE : AT_KEY;
		return true;
	}
	return (c == ']' || c == '}') && close_bracket(a, c == ']');
}

static bool in_text(struct bulk_answer *a, char c, bool key)
{
	if ((unsigned char)c < 0x20)
		return false;
	if (c == '\\')
		a->state = key ? IN_KEY_ESCAPE : IN_STRING_ESCAPE;
	else if (c != '"')
		add_byte(a, c);
	else if (key)
		a->state = AT_COLON;
	else
		value_ended(a);
	return true;
}

/* Escapes are kept as written: the texts are for people. */
static bool in_escape(struct bulk_answer *a, char c, bool key)
{
	add_byte(a, '\\');
	add_byte(a, c);
	a->state = key ? IN_KEY : IN_STRING;
	return (unsigned char)c >= 0x20;
}

static bool in_scalar(struct bulk_answer *a, char c)
{
	if (c == ',' || c == '}' || c == ']' || json_is_space(c)) {
		value_ended(a);
		return json_is_space(c) || at_next(a, c);
	}
	add_byte(a, c);
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '.' || c == '-' || c == '+' || c == 'E';
}

static bool step(struct bulk_answer *a, char c)
{
	switch (a->state) {
	case IN_KEY:
		return in_text(a, c, true);
	case IN_STRING:
		return in_text(a, c, false);
	case IN_KEY_ESCAPE:
		return in_escape(a, c, true);
	case IN_STRING_ESCAPE:
		return in_escape(a, c, false);
	case IN_SCALAR:
		return in_scalar(a, c);
	default:
		break;
	}
	if (json_is_space(c))
		return true;
	switch (a->state) {
	case AT_VALUE:
		return at_value(a, c);
	case AT_KEY:
		return at_key(a, c);
	case AT_COLON:
		return at_colon(a, c);
	case AT_NEXT:
		return at_next(a, c);
	default:
		return false;
	}
}

static bool at_item(const struct bulk_answer *a)
{
	return a->state == AT_VALUE && a->in_items && a->depth == IN_ITEMS;
}

/* How many of the next bytes are an item like the last good one. */
static size_t usual_item(const struct bulk_answer *a, const char *data, size_t size)
{
	const struct usual_item *u = &a->usual;

	return u->size > 0 && size >= u->size && memcmp(data, u->text, u->size) == 0 ? u->size : 0;
}

/* Takes one byte, and remembers it if it belongs to an item. */
static bool read_byte(struct bulk_answer *a, char c)
{
	struct usual_item *r = &a->reading;
	size_t items = a->items;

	if (at_item(a))
		r->size = 0;
	if (r->size < BULK_USUAL_MAX)
		r->text[r->size] = c;
	r->size += r->size <= BULK_USUAL_MAX;
	if (!step(a, c))
		return false;
	if (a->items > items && r->size <= BULK_USUAL_MAX && !a->type[0] && !a->reason[0] && !a->failure_store) {
		r->status = a->status;
		a->usual = *r;
	}
	return true;
}

bool bulk_answer_feed(struct bulk_answer *a, const char *data, size_t size)
{
	for (size_t i = 0, known; i < size && !a->failed; i += known ? known : 1) {
		known = at_item(a) ? usual_item(a, data + i, size - i) : 0;
		if (known) {
			a->item(a->context, &(struct bulk_item_answer){ a->usual.status, "", "", "", "", false });
			a->items++;
			a->state = AT_NEXT;
		} else {
			a->failed = !read_byte(a, data[i]);
		}
	}
	return !a->failed;
}

bool bulk_answer_end(const struct bulk_answer *a)
{
	return !a->failed && a->state == AT_END && a->seen_items;
}
