#include "proto/multiline.h"

/* How far into a line the name of an error is looked for. */
enum { NAME_REACH = 1024 };

/* What a line looks like. */

static bool starts(struct bytes line, const char *text)
{
	size_t size = strlen(text);

	return line.size >= size && memcmp(line.data, text, size) == 0;
}

static bool ends(struct bytes line, const char *text)
{
	size_t size = strlen(text);

	return line.size >= size && memcmp(line.data + line.size - size, text, size) == 0;
}

static bool holds(struct bytes line, const char *text)
{
	return line.size > 0 && memmem(line.data, line.size, text, strlen(text)) != NULL;
}

static struct bytes unindented(struct bytes line)
{
	while (line.size > 0 && byte_is_blank(*line.data)) {
		line.data++;
		line.size--;
	}
	return line;
}

static bool is_blank(struct bytes line)
{
	return unindented(line).size == 0;
}

static bool is_indented(struct bytes line)
{
	return line.size > 0 && byte_is_blank(*line.data) && !is_blank(line);
}

static bool is_any(struct bytes line)
{
	return line.size > 0;
}

static bool ends_as_error(struct bytes name)
{
	return ends(name, "Exception") || ends(name, "Error") || ends(name, "Throwable");
}

/* java.lang.IllegalStateException: …, TypeError: …, also behind what a logger puts before it; or the name alone. */
static bool names_error(struct bytes line)
{
	const char *end = line.data + line.size, *from = line.data, *colon;

	if (ends_as_error(line))
		return true;
	if (line.size > NAME_REACH)
		end = line.data + NAME_REACH;
	while (from < end && (colon = memchr(from, ':', (size_t)(end - from)))) {
		if (ends_as_error((struct bytes){ line.data, (size_t)(colon - line.data) }))
			return true;
		from = colon + 1;
	}
	return starts(line, "Exception in thread ");
}

/* "	at com.example.App.main(App.java:10)", "    at async main (/app/a.js:1:2)" */
static bool is_frame(struct bytes line)
{
	struct bytes inner = unindented(line);

	return inner.size < line.size && starts(inner, "at ") && (holds(inner, "(") || holds(inner, ":"));
}

static bool is_cause(struct bytes line)
{
	return starts(line, "Caused by: ") || starts(line, "Suppressed: ") || starts(line, "Wrapped by: ");
}

static bool is_traceback(struct bytes line)
{
	return ends(line, "Traceback (most recent call last):");
}

static bool is_chain(struct bytes line)
{
	return starts(line, "During handling of the above exception, another exception occurred:") ||
	       starts(line, "The above exception was the direct cause of the following exception:");
}

static bool is_panic(struct bytes line)
{
	return starts(line, "panic: ") || starts(line, "fatal error: ") || holds(line, "http: panic serving ");
}

static bool is_goroutine(struct bytes line)
{
	return (starts(line, "goroutine ") && ends(line, "]:")) || starts(line, "runtime stack:");
}

static bool is_signal(struct bytes line)
{
	return starts(line, "[signal ");
}

/* "main.(*server).handle(0xc000012345, {0x1, 0x2})", "created by main.main in goroutine 1", "...12 frames elided..." */
static bool is_go_call(struct bytes line)
{
	const char *bracket = line.size ? memchr(line.data, '(', line.size) : NULL;

	if (starts(line, "created by ") || starts(line, "..."))
		return true;
	return bracket && ends(line, ")") && !memchr(line.data, ' ', (size_t)(bracket - line.data));
}

/* "/app/server.js:12", "node:internal/fs:5", "file:///app/a.mjs:3": where Node stood, above the source line. */
static bool is_location(struct bytes line)
{
	size_t digits = 0;

	if (!starts(line, "/") && !starts(line, "node:") && !starts(line, "file://"))
		return false;
	while (digits < line.size && line.data[line.size - 1 - digits] >= '0' &&
		line.data[line.size - 1 - digits] <= '9')
		digits++;
	return digits > 0 && digits < line.size && line.data[line.size - 1 - digits] == ':';
}

static bool is_caret(struct bytes line)
{
	struct bytes inner = unindented(line);

	for (size_t i = 0; i < inner.size; i++)
		if (inner.data[i] != '^')
			return false;
	return inner.size > 0;
}

static bool is_closing(struct bytes line)
{
	return starts(line, "}") || starts(line, "]");
}

static bool is_node_version(struct bytes line)
{
	return starts(line, "Node.js v");
}

/* The machines: the first row that is for the state and fits the line says what the line is. If there is none, the line
 * is alone. */

enum { NOTHING };
#define AT(state) (1u << (state))
#define ANYWHERE 0xffu

struct row {
	unsigned from; /* AT() of each state that it is for */
	bool (*fits)(struct bytes line);
	enum line_role role;
	uint8_t to;
};

enum { JAVA_TRACE = 1 };
static const struct row java[] = {
	{ AT(JAVA_TRACE), is_indented, LINE_MORE, JAVA_TRACE },
	{ AT(JAVA_TRACE), is_cause, LINE_MORE, JAVA_TRACE },
	{ ANYWHERE, names_error, LINE_FIRST, JAVA_TRACE },
	{ AT(NOTHING), is_frame, LINE_FIRST, JAVA_TRACE },
	{ .fits = NULL },
};

enum { PYTHON_TRACE = 1, PYTHON_ERROR, PYTHON_CHAIN };
static const struct row python[] = {
	{ AT(PYTHON_CHAIN), is_traceback, LINE_MORE, PYTHON_TRACE },
	{ AT(PYTHON_CHAIN), is_blank, LINE_MAYBE, PYTHON_CHAIN },
	{ AT(PYTHON_TRACE), is_indented, LINE_MORE, PYTHON_TRACE },
	{ ANYWHERE, is_traceback, LINE_FIRST, PYTHON_TRACE },
	{ AT(PYTHON_TRACE), is_any, LINE_MORE, PYTHON_ERROR },
	{ AT(PYTHON_ERROR), is_blank, LINE_MAYBE, PYTHON_ERROR },
	{ AT(PYTHON_ERROR), is_chain, LINE_MORE, PYTHON_CHAIN },
	{ .fits = NULL },
};

enum { GO_PANIC = 1, GO_STACK, GO_GAP };
static const struct row go[] = {
	{ AT(GO_PANIC) | AT(GO_STACK) | AT(GO_GAP), is_goroutine, LINE_MORE, GO_STACK },
	{ AT(GO_PANIC), is_blank, LINE_MAYBE, GO_PANIC },
	{ AT(GO_STACK) | AT(GO_GAP), is_blank, LINE_MAYBE, GO_GAP },
	{ AT(GO_PANIC), is_signal, LINE_MORE, GO_PANIC },
	{ AT(GO_PANIC), is_indented, LINE_MORE, GO_PANIC },
	{ AT(GO_STACK), is_indented, LINE_MORE, GO_STACK },
	{ AT(GO_STACK), is_go_call, LINE_MORE, GO_STACK },
	{ ANYWHERE, is_panic, LINE_FIRST, GO_PANIC },
	{ AT(NOTHING), is_goroutine, LINE_FIRST, GO_STACK },
	{ .fits = NULL },
};

enum { NODE_TRACE = 1, NODE_LOCATION, NODE_SOURCE, NODE_GAP, NODE_TAIL };
static const struct row node[] = {
	{ AT(NODE_SOURCE), is_caret, LINE_MORE, NODE_GAP },
	{ AT(NODE_GAP), is_blank, LINE_MAYBE, NODE_GAP },
	{ AT(NODE_GAP), names_error, LINE_MORE, NODE_TRACE },
	{ AT(NODE_TRACE), is_indented, LINE_MORE, NODE_TRACE },
	{ AT(NODE_TRACE), is_closing, LINE_MORE, NODE_TRACE },
	{ AT(NODE_TRACE) | AT(NODE_TAIL), is_blank, LINE_MAYBE, NODE_TAIL },
	{ AT(NODE_TAIL), is_node_version, LINE_MORE, NODE_TAIL },
	{ ANYWHERE, is_location, LINE_FIRST, NODE_LOCATION },
	{ AT(NODE_LOCATION), is_any, LINE_MORE, NODE_SOURCE },
	{ ANYWHERE, names_error, LINE_FIRST, NODE_TRACE },
	{ AT(NOTHING), is_frame, LINE_FIRST, NODE_TRACE },
	{ .fits = NULL },
};

static const struct row *const machines[MULTILINE_SHAPES] = { java, python, go, node };

static const struct row *row_for(const struct row *rows, uint8_t at, struct bytes line)
{
	for (; rows->fits; rows++)
		if (rows->from & AT(at) && rows->fits(line))
			return rows;
	return NULL;
}

/* Going on wins over beginning. Among equals every machine moves, and those that do not know the line stop. */
static unsigned rank(enum line_role role)
{
	static const unsigned char ranks[] = { [LINE_ALONE] = 0, [LINE_FIRST] = 1, [LINE_MAYBE] = 2, [LINE_MORE] = 3 };

	return ranks[role];
}

static enum line_role step_machines(const struct multiline *m, struct multiline_state *s, struct bytes line)
{
	const struct row *found[MULTILINE_SHAPES] = { NULL };
	enum line_role best = LINE_ALONE;

	for (size_t i = 0; i < MULTILINE_SHAPES; i++) {
		if (m->shapes >> i & 1)
			found[i] = row_for(machines[i], s->at[i], line);
		if (found[i] && rank(found[i]->role) > rank(best))
			best = found[i]->role;
	}
	for (size_t i = 0; i < MULTILINE_SHAPES; i++)
		s->at[i] = found[i] && found[i]->role == best ? found[i]->to : NOTHING;
	return best;
}

/* A line that does not continue a message is looked at as if none had been open. So what becomes of it, and of the
 * lines behind it, does not depend on what came before, which may not be known after a restart. */
static enum line_role by_shape(const struct multiline *m, struct multiline_state *s, struct bytes line)
{
	enum line_role role = step_machines(m, s, line);

	if (!s->open || role == LINE_MORE || role == LINE_MAYBE)
		return role;
	multiline_end(s);
	return step_machines(m, s, line);
}

/* A pattern knows first lines only. Any other line continues the message, or is part of one whose beginning was not
 * seen. */
static enum line_role by_start(const struct multiline *m, const struct multiline_state *s, struct bytes line)
{
	return s->open && !line_start_is(m->start, line) ? LINE_MORE : LINE_FIRST;
}

enum line_role multiline_next(const struct multiline *m, struct multiline_state *s, struct bytes line)
{
	enum line_role role = m->start ? by_start(m, s, line) : by_shape(m, s, line);

	s->open = role != LINE_ALONE;
	return role;
}

void multiline_end(struct multiline_state *s)
{
	*s = (struct multiline_state){ .open = false };
}
