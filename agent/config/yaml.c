/*
 * tree_load() and tree_set(): make nodes of the events of libfyaml.
 *
 * Events, not documents: libfyaml's document builder recurses and resolves, and its event parser does neither. Also, it
 * leaves duplicate keys to us, and we can name both lines.
 *
 * libfyaml 0.7.12 leaks 4 KiB for a quoted text that it splits into many pieces: several '' in a line, lines that end
 * in CR LF or U+2028. So line ends become LF before it sees them, texts in single quotes are read here, and those that
 * span several lines are refused. Long runs of blank lines and masses of brackets are refused, too.
 */
#include <errno.h>
#include <libfyaml.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "config/tree.h"

enum { INPUT_PADDING = 64, BLANK_LINES_MAX = 100, BRACKETS_MAX = 16384 };

struct loader {
	struct tree *tree;
	struct config_source *source;
	size_t base; /* where in the source the YAML begins: a --set has its path before it */
	struct fy_diag *diag;
	struct fy_parser *parser;
	struct node *root, *current; /* current: the list or mapping that is open */
	struct node *entry; /* a child of the open mapping that has a key but no value yet */
	size_t depth, last; /* last: where the last event ended, for events without a mark */
	bool over; /* no sense in going on */
};

static struct config_span span_at(const struct loader *l, size_t at)
{
	return (struct config_span){ l->source, at, at };
}

/* What libfyaml must not see. */

/* A control character (C0 without tab and line end, DEL, C1), or a line end of another kind: U+0085, U+2028, U+2029. */
static bool is_refused(const unsigned char *p)
{
	if (*p < ' ')
		return *p != '\t' && *p != '\n';
	return *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0) ||
	       (*p == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9));
}

static bool check_characters(struct loader *l)
{
	const char *text = l->source->text;

	for (size_t i = l->base; i < l->source->size; i++)
		if (is_refused((const unsigned char *)text + i)) {
			config_complain(
				l->tree->errors, span_at(l, i), "", "a control character; expected plain UTF-8 text");
			return false;
		}
	return true;
}

static bool check_line(struct loader *l, size_t start)
{
	const char *line = l->source->text + start;
	size_t blank = strspn(line, " \t");

	if (memchr(line, '\t', blank) && !strchr("\r\n#", line[blank])) {
		config_complain(l->tree->errors, span_at(l, start + strcspn(line, "\t")), "",
			"a tab in the indentation; YAML allows only spaces");
		return false;
	}
	if (*line == '%') {
		config_complain(l->tree->errors, span_at(l, start), "", "a %%directive; directives are not supported");
		return false;
	}
	return true;
}

/* libfyaml's time grows with the square of the number of blank lines in a text, and it crashes beyond some hundred
 * thousand. */
static bool check_blanks(struct loader *l, const char *line, size_t *blanks)
{
	*blanks = line[strspn(line, " \t")] == '\n' ? *blanks + 1 : 0;
	if (*blanks <= BLANK_LINES_MAX)
		return true;
	config_complain(l->tree->errors, span_at(l, (size_t)(line - l->source->text)), "",
		"more than 100 blank lines in a row");
	return false;
}

static bool check_lines(struct loader *l)
{
	const char *text = l->source->text, *p = text + l->base;
	size_t blanks = 0;

	for (; p; p = strchr(p, '\n'), p = p ? p + 1 : NULL)
		if (!check_line(l, (size_t)(p - text)) || !check_blanks(l, p, &blanks))
			return false;
	return true;
}

/* libfyaml reads on from each open bracket before it reports the first, and takes 350 bytes for each. */
static bool check_brackets(struct loader *l)
{
	size_t brackets = 0;

	for (size_t i = l->base; i < l->source->size; i++) {
		brackets += l->source->text[i] == '[' || l->source->text[i] == '{';
		if (brackets <= BRACKETS_MAX)
			continue;
		config_complain(l->tree->errors, span_at(l, i), "", "more than 16384 opening brackets");
		return false;
	}
	return true;
}

static bool check_encoding(struct loader *l, struct bytes given)
{
	if (given.size > TREE_INPUT_MAX)
		config_complain(l->tree->errors, span_at(l, 0), "", "larger than 1 MiB");
	else if (!utf8_valid(given.data, given.size))
		config_complain(l->tree->errors, span_at(l, 0), "", "not UTF-8 text");
	else
		return true;
	return false;
}

static struct bytes without_bom(struct bytes text)
{
	if (text.size >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0)
		return (struct bytes){ text.data + 3, text.size - 3 };
	return text;
}

/* With line ends of one byte. Returns the size. */
static size_t copy_lines(char *to, struct bytes text)
{
	char *start = to;

	for (size_t i = 0; i < text.size; i++)
		if (text.data[i] != '\r' || i + 1 == text.size || text.data[i + 1] != '\n')
			*to++ = text.data[i];
	return (size_t)(to - start);
}

static bool take_text(struct loader *l, const char *name, struct bytes text)
{
	text = without_bom(text);
	l->source = config_alloc(l->tree->arena, sizeof *l->source);
	l->source->name = config_copy(l->tree->arena, name, strlen(name));
	l->source->text = config_alloc(l->tree->arena, 1);
	if (!check_encoding(l, text))
		return false;
	l->source->text = config_alloc(l->tree->arena, text.size + INPUT_PADDING);
	l->source->size = copy_lines(l->source->text, text);
	return true;
}

/* Events into nodes. */

static size_t mark_offset(const struct loader *l, const struct fy_mark *mark)
{
	size_t at = mark ? l->base + mark->input_pos : l->last;

	return at < l->source->size ? at : l->source->size;
}

static bool is_quoted(enum fy_scalar_style style)
{
	return style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED;
}

static struct config_span span_of(struct loader *l, struct fy_event *event)
{
	struct config_span span = { l->source, mark_offset(l, fy_event_start_mark(event)),
		mark_offset(l, fy_event_end_mark(event)) };

	/* The marks of a quoted scalar leave its quotes out. */
	if (event->type == FYET_SCALAR && event->scalar.value &&
		is_quoted(fy_token_scalar_style(event->scalar.value)) && span.start > 0)
		span.start--;
	l->last = span.end;
	return span;
}

static void refuse(struct loader *l, struct config_span span, const char *what)
{
	const struct node *n = l->entry ? l->entry : l->current;

	config_complain(l->tree->errors, span, n ? node_path(l->tree->arena, n) : "", "%s", what);
}

static struct node *attach(struct node *parent, struct node *n)
{
	n->parent = parent;
	if (parent->last)
		parent->last->next = n;
	else
		parent->first = n;
	parent->last = n;
	parent->count++;
	return n;
}

static struct node *node_new(struct loader *l)
{
	if (l->tree->nodes++ < TREE_NODES_MAX)
		return config_alloc(l->tree->arena, sizeof(struct node));
	refuse(l, span_at(l, l->last), "more than 65536 values");
	l->over = true;
	return NULL;
}

/* The node that a value becomes: the entry that waits for one, a new item of the open list, or the root. */
static struct node *node_for_value(struct loader *l)
{
	struct node *n = l->entry;

	l->entry = NULL;
	if (n)
		return n;
	n = node_new(l);
	if (n && l->current)
		attach(l->current, n);
	if (!l->current)
		l->root = n;
	return n;
}

/* The text between single quotes on one line, where '' is the only escape. */
static const char *unquote(struct config_arena *arena, struct bytes raw)
{
	char *text = config_alloc(arena, raw.size + 1), *to = text;

	for (size_t i = 0; i < raw.size; i++) {
		i += raw.data[i] == '\'' && i + 1 < raw.size && raw.data[i + 1] == '\'';
		*to++ = raw.data[i];
	}
	return text;
}

/* Returns NULL if libfyaml has to give the text. */
static const char *single_quoted(struct loader *l, struct config_span span)
{
	struct bytes raw = { l->source->text + span.start + 1, span.end - span.start - 1 };

	if (!memchr(raw.data, '\n', raw.size))
		return unquote(l->tree->arena, raw);
	refuse(l, span, "a text in single quotes over several lines; write it in double quotes");
	return "";
}

static const char *library_text(struct loader *l, struct fy_token *token, struct config_span span)
{
	size_t size = 0;
	const char *text = token ? fy_token_get_text(token, &size) : "";

	if (!text || memchr(text, '\0', size)) {
		refuse(l, span, text ? "a zero byte; text cannot hold it" : "a value that cannot be read");
		return "";
	}
	return config_copy(l->tree->arena, text, size);
}

static const char *text_of(struct loader *l, struct fy_token *token, struct config_span span)
{
	const char *text = NULL;

	if (token && fy_token_scalar_style(token) == FYSS_SINGLE_QUOTED && span.end > span.start)
		text = single_quoted(l, span);
	return text ? text : library_text(l, token, span);
}

static void on_key(struct loader *l, const char *key, struct config_span span)
{
	const struct node *twin = node_get(l->current, key);
	struct node *n;

	if (l->current->count >= TREE_KEYS_MAX) {
		refuse(l, span, "more than 1024 keys in one mapping");
		l->over = true;
		return;
	}
	n = node_new(l);
	if (!n)
		return;
	n->key = key;
	n->key_span = span;
	l->entry = attach(l->current, n);
	if (twin) {
		struct config_mark first = config_mark(twin->key_span);
		key_complain(l->tree->errors, n, "written twice; the first is at %u:%u", first.line, first.column);
	}
}

static void on_scalar(struct loader *l, struct fy_event *event)
{
	struct fy_token *token = event->type == FYET_SCALAR ? event->scalar.value : NULL;
	struct config_span span = span_of(l, event);
	const char *text = text_of(l, token, span);
	struct node *n;

	if (l->current && l->current->kind == NODE_MAP && !l->entry) {
		on_key(l, text, span);
		return;
	}
	if (!token && l->entry)
		span = l->entry->key_span; /* the value is missing, so point at the key */
	n = node_for_value(l);
	if (!n)
		return;
	n->quoted = token && fy_token_scalar_style(token) != FYSS_PLAIN;
	n->empty = !*text && !n->quoted;
	n->text = text;
	n->span = span;
}

static void on_open(struct loader *l, struct fy_event *event, enum node_kind kind)
{
	struct config_span span = span_of(l, event);
	struct node *n;

	if (l->current && l->current->kind == NODE_MAP && !l->entry) {
		refuse(l, span, "a key must be text, not a list or a mapping");
		l->over = true;
		return;
	}
	if (++l->depth > TREE_DEPTH_MAX) {
		refuse(l, span, "nested deeper than 32");
		l->over = true;
		return;
	}
	n = node_for_value(l);
	if (!n)
		return;
	n->kind = kind;
	n->span = span;
	l->current = n;
}

static void on_close(struct loader *l, struct fy_event *event)
{
	span_of(l, event);
	l->depth--;
	l->current = l->current->parent;
}

static void on_document(struct loader *l, struct fy_event *event)
{
	struct config_span span = span_of(l, event);

	if (!l->root)
		return;
	refuse(l, span, "a second document; expected only one");
	l->over = true;
}

/* The marks of names leave the & and * before them out. */
static struct config_span sigil_of(const struct loader *l, struct fy_token *name)
{
	size_t at = mark_offset(l, name ? fy_token_start_mark(name) : NULL);

	return span_at(l, at > 0 ? at - 1 : 0);
}

static void refuse_extras(struct loader *l, struct fy_event *event)
{
	struct fy_token *anchor = fy_event_get_anchor_token(event), *tag = fy_event_get_tag_token(event);

	if (event->type == FYET_ALIAS)
		refuse(l, sigil_of(l, event->alias.anchor),
			"an alias (*name); aliases are not supported: write the value out, or put the text in quotes");
	else if (anchor)
		refuse(l, sigil_of(l, anchor), "an anchor (&name); anchors are not supported");
	if (tag)
		refuse(l, span_at(l, mark_offset(l, fy_token_start_mark(tag))),
			"a tag (!name); tags are not supported: a value has the type of its option");
}

static void on_event(struct loader *l, struct fy_event *event)
{
	refuse_extras(l, event);
	switch (event->type) {
	case FYET_DOCUMENT_START:
		on_document(l, event);
		break;
	case FYET_SCALAR:
	case FYET_ALIAS:
		on_scalar(l, event);
		break;
	case FYET_SEQUENCE_START:
		on_open(l, event, NODE_LIST);
		break;
	case FYET_MAPPING_START:
		on_open(l, event, NODE_MAP);
		break;
	case FYET_SEQUENCE_END:
	case FYET_MAPPING_END:
		on_close(l, event);
		break;
	default:
		break;
	}
}

/* Running libfyaml. */

static size_t offset_of_line(const struct loader *l, int line)
{
	const char *p = l->source->text + l->base, *next;

	while (line-- > 1 && (next = strchr(p, '\n')))
		p = next + 1;
	return (size_t)(p - l->source->text);
}

static size_t offset_of(const struct loader *l, int line, int column)
{
	size_t at = offset_of_line(l, line);

	for (; column > 1 && at < l->source->size && l->source->text[at] != '\n'; column--)
		do
			at++;
		while (((unsigned char)l->source->text[at] & 0xc0) == 0x80);
	return at;
}

/* A slip that everyone makes once: YAML ends an unquoted ${…} within brackets at its own brace. */
static const char *hint_at(const struct loader *l, size_t at)
{
	const char *text = l->source->text, *newline = memrchr(text, '\n', at), *line = newline ? newline + 1 : text;
	const char *dollar = strstr(line, "${");

	return dollar && dollar < line + strcspn(line, "\n") ? "; within [ ] and { }, ${…} needs quotes" : "";
}

static void tell_fault(struct loader *l)
{
	void *iterator = NULL;
	struct fy_diag_error *error = fy_diag_errors_iterate(l->diag, &iterator);
	size_t at = error ? offset_of(l, error->line, error->column) : l->last;

	config_complain(l->tree->errors, span_at(l, at), "", "%s%s",
		error && error->msg ? error->msg : "cannot be read as YAML", hint_at(l, at));
}

static void run(struct loader *l)
{
	bool ended = false;

	while (!ended && !l->over && l->tree->errors->count < CONFIG_ERRORS_MAX) {
		struct fy_event *event = fy_parser_parse(l->parser);
		if (!event)
			break;
		ended = event->type == FYET_STREAM_END;
		on_event(l, event);
		fy_parser_event_free(l->parser, event);
	}
	if (!ended && !l->over && l->tree->errors->count < CONFIG_ERRORS_MAX)
		tell_fault(l);
}

static bool parser_open(struct loader *l)
{
	struct fy_diag_cfg diag = { .level = FYET_ERROR, .module_mask = ~0u };
	struct fy_parse_cfg cfg = { .flags = FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE | FYPCF_QUIET |
					     FYPCF_COLLECT_DIAG };

	l->diag = fy_diag_create(&diag);
	if (!l->diag)
		return false;
	fy_diag_set_collect_errors(l->diag, true);
	cfg.diag = l->diag;
	l->parser = fy_parser_create(&cfg);
	return l->parser && fy_parser_set_string(l->parser, l->source->text + l->base, l->source->size - l->base) == 0;
}

/* Parses the source from `base` on. True if there was no new complaint. */
static bool parse(struct loader *l)
{
	size_t before = l->tree->errors->count;

	if (!check_characters(l) || !check_lines(l) || !check_brackets(l))
		return false;
	if (parser_open(l))
		run(l);
	else
		config_complain(l->tree->errors, span_at(l, l->base), "", "out of memory");
	fy_parser_destroy(l->parser);
	fy_diag_destroy(l->diag);
	return l->tree->errors->count == before;
}

int tree_load(struct tree *t, const char *name, struct bytes text)
{
	struct loader l = { .tree = t };

	if (!take_text(&l, name, text) || !parse(&l))
		return -EINVAL;
	if (l.root && l.root->kind == NODE_MAP)
		t->root = l.root;
	else if (l.root && !l.root->empty)
		config_complain(t->errors, l.root->span, "", "%s at the top; expected a mapping of sections",
			node_kind_name(l.root));
	return t->errors->count ? -EINVAL : 0;
}

/* --set. */

static void replace(struct node *old, const struct node *value)
{
	struct node *parent = old->parent, *next = old->next;
	struct config_span key_span = old->key_span;
	const char *key = old->key;

	*old = *value;
	old->parent = parent;
	old->next = next;
	old->key = key;
	old->key_span = key_span;
	for (struct node *child = old->first; child; child = child->next)
		child->parent = old;
}

/* The child of that name, made if it is missing. NULL if `n` cannot have children. */
static struct node *step_into(struct loader *l, struct node *n, struct bytes word)
{
	const char *key = config_copy(l->tree->arena, word.data, word.size);
	size_t at = (size_t)(word.data - l->source->text);
	struct config_mark mark = config_mark(n->span);
	struct node *child;

	if (n->kind == NODE_TEXT && (n->empty || !n->text)) {
		n->kind = NODE_MAP; /* nothing was written there, or it was made just now */
		n->empty = false;
	}
	if (n->kind != NODE_MAP) {
		config_complain(l->tree->errors, span_at(l, at), node_path(l->tree->arena, n),
			"%s at %s:%u:%u; write a mapping there to set %s in it", node_kind_name(n), mark.file,
			mark.line, mark.column, config_quote(l->tree->arena, key));
		return NULL;
	}
	child = node_get(n, key);
	if (child)
		return child;
	child = node_new(l);
	if (!child)
		return NULL;
	child->key = key;
	child->span = child->key_span = (struct config_span){ l->source, at, at + word.size };
	return attach(n, child);
}

static struct node *walk_path(struct loader *l, const char *end)
{
	struct node *n = l->tree->root;
	const char *p = l->source->text, *dot;

	for (; n && p <= end; p = dot + 1) {
		dot = memchr(p, '.', (size_t)(end - p));
		if (!dot)
			dot = end;
		n = step_into(l, n, (struct bytes){ p, (size_t)(dot - p) });
	}
	return n;
}

/* Words between dots, none empty, not too many; *ret_depth is how many. */
static bool path_is_fine(const char *p, const char *end, size_t *ret_depth)
{
	size_t words = 1;

	for (const char *q = p; q < end; q++) {
		bool dot = *q == '.';
		words += dot;
		if (dot && (q == p || q[1] == '.' || q[1] == '='))
			return false;
	}
	*ret_depth = words;
	return end > p && words < TREE_DEPTH_MAX;
}

int tree_set(struct tree *t, const char *assignment)
{
	struct loader l = { .tree = t };
	const struct node empty = { .text = "", .empty = true };
	struct node *target;
	const char *equals;

	if (!take_text(&l, "--set", bytes_of(assignment)))
		return -EINVAL;
	equals = strchr(l.source->text, '=');
	if (!equals || !path_is_fine(l.source->text, equals, &l.depth)) {
		config_complain(t->errors, span_at(&l, 0), "", "not an assignment; expected section.key=value");
		return -EINVAL;
	}
	l.base = (size_t)(equals - l.source->text) + 1;
	if (!parse(&l))
		return -EINVAL;
	target = walk_path(&l, equals);
	if (!target)
		return -EINVAL;
	replace(target, l.root ? l.root : &empty);
	target->span = l.root ? target->span : target->key_span;
	for (struct node *n = target; n; n = node_after(target, n))
		n->bare = true;
	return 0;
}
