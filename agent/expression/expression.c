#include "expression/expression.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "expression/lex.h"
#include "expression/signatures.h"
#include "proto/regex.h"

/*
 * Invariant: once `failed` is set, `why` says the reason, and every function returns NULL or false without reading on.
 */
struct parser {
	struct lexer lexer;
	struct expression *e;
	unsigned depth;
	int failed;
	char *why;
};

static bool fail(struct parser *p, size_t at, const char *expected, struct bytes found)
{
	if (!p->failed)
		snprintf(p->why, EXPRESSION_WHY_MAX, "at character %zu: expected %s, found %s%.*s%s", at + 1, expected,
			found.size ? "\"" : "the end", (int)smaller(found.size, 40), found.size ? found.data : "",
			found.size ? "\"" : "");
	p->failed = -EINVAL;
	return false;
}

static bool fail_here(struct parser *p, const char *expected)
{
	return fail(p, p->lexer.token.at, expected, p->lexer.token.text);
}

/* Of something that can be read, and yet is wrong. */
static bool refuse(struct parser *p, size_t at, const char *what)
{
	if (!p->failed)
		snprintf(p->why, EXPRESSION_WHY_MAX, "at character %zu: %s", at + 1, what);
	p->failed = -EINVAL;
	return false;
}

/* Reading tokens. */

static bool is_sign(const struct parser *p, const char *sign)
{
	return p->lexer.token.kind == TOKEN_SIGN && bytes_are(p->lexer.token.text, sign);
}

static bool is_word(const struct parser *p, const char *word)
{
	return p->lexer.token.kind == TOKEN_WORD && bytes_same_word(p->lexer.token.text, bytes_of(word));
}

static bool take_sign(struct parser *p, const char *sign)
{
	if (p->failed || !is_sign(p, sign))
		return false;
	lexer_next(&p->lexer);
	return true;
}

static bool take_word(struct parser *p, const char *word)
{
	if (p->failed || !is_word(p, word))
		return false;
	lexer_next(&p->lexer);
	return true;
}

static bool need_sign(struct parser *p, const char *sign)
{
	return take_sign(p, sign) || fail_here(p, sign);
}

/* The text in quotes at hand, without them. */
static bool take_text(struct parser *p, struct bytes *ret)
{
	char *to = p->e->strings + p->e->strings_size;

	if (p->failed || p->lexer.token.kind != TOKEN_TEXT)
		return fail_here(p, "a text in quotes");
	if (!token_unquote(&p->lexer.token, to, &ret->size))
		return refuse(p, p->lexer.token.at, "there is a wrong escape in this text, or it is not UTF-8");
	ret->data = to;
	p->e->strings_size += ret->size;
	lexer_next(&p->lexer);
	return true;
}

static struct term *add_term(struct parser *p, enum term_what what, enum value_kind kind, size_t at)
{
	struct term *n = &p->e->terms[p->e->term_count];

	if (p->failed)
		return NULL;
	if (p->e->term_count == EXPRESSION_TERMS_MAX) {
		refuse(p, at, "the expression has too many parts");
		return NULL;
	}
	p->e->term_count++;
	*n = (struct term){ .what = what, .kind = kind, .at = at };
	return n;
}

/* (a, b, "c.d") behind by, without, on and ignoring. */
static bool parse_names(struct parser *p, struct label_list *ret)
{
	struct expression *e = p->e;

	ret->names = e->names + e->name_count;
	if (!need_sign(p, "("))
		return false;
	while (!is_sign(p, ")")) {
		struct bytes *name = &e->names[e->name_count];
		if (e->name_count == EXPRESSION_NAMES_MAX)
			return refuse(p, p->lexer.token.at, "the expression names too many labels");
		if (p->lexer.token.kind == TOKEN_WORD)
			*name = p->lexer.token.text, lexer_next(&p->lexer);
		else if (!take_text(p, name))
			return fail_here(p, "the name of a label");
		e->name_count++;
		ret->count++;
		if (!take_sign(p, ",") && !is_sign(p, ")"))
			return fail_here(p, ", or )");
	}
	return need_sign(p, ")");
}

/* Selectors. */

static bool compile(struct parser *p, struct matcher *m, size_t at)
{
	char pattern[EXPRESSION_TEXT_MAX + 1], said[160] = "out of memory";
	int failed;

	if (memchr(m->value.data, '\0', m->value.size))
		return refuse(p, at, "a regular expression has no zero byte");
	snprintf(pattern, sizeof pattern, "%.*s", (int)m->value.size, m->value.data);
	failed = regex_new_anchored(pattern, said, sizeof said, &m->regex);
	if (failed)
		snprintf(p->why, EXPRESSION_WHY_MAX, "at character %zu: the regular expression is wrong: %s", at + 1,
			said);
	p->failed = failed;
	return !failed;
}

static bool parse_how(struct parser *p, enum matching *ret)
{
	static const char *const signs[] = { "=", "!=", "=~", "!~" };

	for (size_t i = 0; i < COUNT_OF(signs); i++)
		if (take_sign(p, signs[i])) {
			*ret = (enum matching)i;
			return true;
		}
	return fail_here(p, "=, !=, =~ or !~");
}

static bool set_name(struct parser *p, struct selector *s, struct bytes name, size_t at)
{
	if (s->name.size > 0)
		return refuse(p, at, "the metric has a name already");
	s->name = name;
	return name.size > 0 || refuse(p, at, "the name of the metric is empty");
}

/* label="value", or the metric's name in quotes. */
static bool parse_matcher(struct parser *p, struct selector *s)
{
	struct expression *e = p->e;
	struct matcher *m = &e->matchers[e->matcher_count];
	bool quoted = p->lexer.token.kind == TOKEN_TEXT;
	size_t at = p->lexer.token.at;

	if (e->matcher_count == EXPRESSION_MATCHERS_MAX)
		return refuse(p, at, "the expression has too many matchers");
	*m = (struct matcher){ .label = p->lexer.token.text };
	if (quoted && !take_text(p, &m->label))
		return false;
	if (quoted && (is_sign(p, ",") || is_sign(p, "}")))
		return set_name(p, s, m->label, at);
	if (!quoted && p->lexer.token.kind != TOKEN_WORD)
		return fail_here(p, "the name of a label");
	if (!quoted)
		lexer_next(&p->lexer);
	at = p->lexer.token.at;
	if (!parse_how(p, &m->how) || !take_text(p, &m->value))
		return false;
	if (bytes_are(m->label, "__name__")) {
		if (m->how != MATCHER_IS)
			return refuse(p, at, "the name of the metric can only be given with =");
		return set_name(p, s, m->value, at);
	}
	e->matcher_count++;
	s->matcher_count++;
	return m->how < MATCHER_LIKE || compile(p, m, at);
}

static bool parse_matchers(struct parser *p, struct selector *s)
{
	while (!p->failed && !is_sign(p, "}")) {
		if (!parse_matcher(p, s))
			return false;
		if (!take_sign(p, ",") && !is_sign(p, "}"))
			return fail_here(p, ", or }");
	}
	return need_sign(p, "}");
}

static bool parse_range(struct parser *p, struct selector *s)
{
	size_t at = p->lexer.token.at;

	if (!lexer_duration(&p->lexer, &s->range))
		return fail_here(p, "a duration, such as 5m");
	if (p->lexer.token.text.size > 0 && p->lexer.token.text.data[0] == ':')
		return refuse(p, at, "subqueries are not part of what is understood here");
	if (s->range.ns > DURATION_S(EXPRESSION_RANGE_MAX_S).ns)
		return refuse(p, at, "the range is longer than a day");
	return need_sign(p, "]");
}

static struct term *parse_selector(struct parser *p, struct bytes name, size_t at)
{
	struct expression *e = p->e;
	struct term *n = add_term(p, TERM_SELECTOR, VALUE_VECTOR, at);
	struct selector *s = &e->selectors[e->selector_count];

	if (!n)
		return NULL;
	if (e->selector_count == EXPRESSION_SELECTORS_MAX) {
		refuse(p, at, "the expression has too many selectors");
		return NULL;
	}
	n->selector = e->selector_count++;
	*s = (struct selector){ .name = name, .matchers = e->matchers + e->matcher_count };
	if (take_sign(p, "{") && !parse_matchers(p, s))
		return NULL;
	if (!p->failed && s->name.size == 0)
		refuse(p, at, "the name of the metric is missing: name{label=\"value\"}");
	if (take_sign(p, "[") && parse_range(p, s))
		n->kind = VALUE_RANGE;
	if (is_word(p, "offset") || is_sign(p, "@"))
		refuse(p, p->lexer.token.at, "offset and @ are not part of what is understood here");
	return p->failed ? NULL : n;
}

/* Calls and aggregates. */

static const struct term *parse_expression(struct parser *, unsigned least);

static bool take_argument(struct parser *p, const struct signature *s, size_t i, const struct term **ret)
{
	static const char *const kinds[] = { "a number", "a vector", "a range, such as name[5m]" };
	size_t at = p->lexer.token.at;

	*ret = parse_expression(p, 0);
	if (!*ret)
		return false;
	return (*ret)->kind == s->arguments[i] || fail(p, at, kinds[s->arguments[i]], p->lexer.token.text);
}

static struct term *parse_call(struct parser *p, const struct signature *s, size_t at)
{
	struct term *n = add_term(p, TERM_CALL, s->result, at);
	const struct term *arguments[SIGNATURE_ARGUMENTS] = { NULL };

	if (!n || !need_sign(p, "("))
		return NULL;
	for (size_t i = 0; i < s->count; i++)
		if ((i > 0 && !need_sign(p, ",")) || !take_argument(p, s, i, &arguments[i]))
			return NULL;
	n->function = s->id;
	n->left = arguments[0];
	n->right = arguments[1];
	return need_sign(p, ")") ? n : NULL;
}

/* by (…) or without (…), which stands before or behind what is aggregated. */
static bool parse_grouping(struct parser *p, struct label_list *ret)
{
	bool without = is_word(p, "without");

	if (!take_word(p, "by") && !take_word(p, "without"))
		return false;
	ret->others = without;
	return parse_names(p, ret);
}

static struct term *parse_aggregate(struct parser *p, enum aggregate aggregate, size_t at)
{
	static const struct signature of_vector = { .count = 1, .arguments = { VALUE_VECTOR } };
	struct term *n = add_term(p, TERM_AGGREGATE, VALUE_VECTOR, at);
	bool grouped = n && parse_grouping(p, &n->labels);

	if (!n || !need_sign(p, "(") || !take_argument(p, &of_vector, 0, &n->left) || !need_sign(p, ")"))
		return NULL;
	n->aggregate = aggregate;
	if (!grouped)
		parse_grouping(p, &n->labels);
	return p->failed ? NULL : n;
}

/* What begins with a name: a call, an aggregate, or a selector. */
static struct term *parse_named(struct parser *p)
{
	struct token name = p->lexer.token;
	const struct signature *function = signature_find(name.text);
	int aggregate = aggregate_find(name.text);

	lexer_next(&p->lexer);
	if (aggregate >= 0 && (is_sign(p, "(") || is_word(p, "by") || is_word(p, "without")))
		return parse_aggregate(p, (enum aggregate)aggregate, name.at);
	if (!is_sign(p, "("))
		return parse_selector(p, name.text, name.at);
	if (function)
		return parse_call(p, function, name.at);
	fail(p, name.at, "a function that is known here", name.text);
	return NULL;
}

static struct term *parse_number(struct parser *p)
{
	struct term *n = add_term(p, TERM_NUMBER, VALUE_NUMBER, p->lexer.token.at);

	if (n)
		n->number = p->lexer.token.number;
	lexer_next(&p->lexer);
	return n;
}

static const struct term *parse_primary(struct parser *p)
{
	const struct term *n;

	if (take_sign(p, "(")) {
		n = parse_expression(p, 0);
		return n && need_sign(p, ")") ? n : NULL;
	}
	if (p->lexer.token.kind == TOKEN_NUMBER)
		return parse_number(p);
	if (p->lexer.token.kind == TOKEN_WORD)
		return parse_named(p);
	if (is_sign(p, "{"))
		return parse_selector(p, (struct bytes){ NULL, 0 }, p->lexer.token.at);
	fail_here(p, "a number, a metric, a function or (");
	return NULL;
}

/* Operators. */

static const struct operator_row {
	const char *sign;
	unsigned strength; /* a stronger one binds first; ^ from the right */
} operators[OPERATORS] = {
	[OP_OR] = { "or", 1 },
	[OP_AND] = { "and", 2 },
	[OP_UNLESS] = { "unless", 2 },
	[OP_EQUAL] = { "==", 3 },
	[OP_UNEQUAL] = { "!=", 3 },
	[OP_ABOVE] = { ">", 3 },
	[OP_BELOW] = { "<", 3 },
	[OP_AT_LEAST] = { ">=", 3 },
	[OP_AT_MOST] = { "<=", 3 },
	[OP_ADD] = { "+", 4 },
	[OP_SUBTRACT] = { "-", 4 },
	[OP_MULTIPLY] = { "*", 5 },
	[OP_DIVIDE] = { "/", 5 },
	[OP_MODULO] = { "%", 5 },
	[OP_POWER] = { "^", 7 },
};
enum { STRENGTH_OF_MINUS = 6 };

static enum operator peek_operator(const struct parser *p)
{
	enum operator op = OP_OR;

	while (op < OPERATORS && !is_sign(p, operators[op].sign) && !is_word(p, operators[op].sign))
		op++;
	return op;
}

static bool parse_matching(struct parser *p, struct term *n)
{
	bool on = is_word(p, "on");

	n->labels.others = !on; /* all labels, unless it says otherwise */
	if ((take_word(p, "on") || take_word(p, "ignoring")) && !parse_names(p, &n->labels))
		return false;
	if (is_word(p, "group_left") || is_word(p, "group_right"))
		return refuse(p, p->lexer.token.at,
			"group_left and group_right are not part of what is understood "
			"here");
	return true;
}

static bool check_operands(struct parser *p, const struct term *n)
{
	bool numbers = n->left->kind == VALUE_NUMBER && n->right->kind == VALUE_NUMBER;
	bool vectors = n->left->kind == VALUE_VECTOR && n->right->kind == VALUE_VECTOR;

	if (n->left->kind == VALUE_RANGE || n->right->kind == VALUE_RANGE)
		return refuse(p, n->at, "a range has no value of its own: use it in a function, such as rate(…)");
	if (operator_is_set(n->op) && !vectors)
		return refuse(p, n->at, "or, and, unless need vectors on both sides; vector(…) makes one of a number");
	if (operator_compares(n->op) && numbers && n->comparison != COMPARE_BOOL)
		return refuse(p, n->at, "two numbers are compared with bool, as in 1 < bool 2");
	return true;
}

static const struct term *parse_binary(struct parser *p, const struct term *left, enum operator op)
{
	struct term *n = add_term(p, TERM_BINARY, VALUE_VECTOR, p->lexer.token.at);

	if (!n)
		return NULL;
	n->op = op;
	n->left = left;
	lexer_next(&p->lexer);
	if (operator_compares(op) && take_word(p, "bool"))
		n->comparison = COMPARE_BOOL;
	if (!parse_matching(p, n))
		return NULL;
	n->right = parse_expression(p, operators[op].strength + (op != OP_POWER));
	if (!n->right || !check_operands(p, n))
		return NULL;
	if (left->kind == VALUE_NUMBER && n->right->kind == VALUE_NUMBER)
		n->kind = VALUE_NUMBER;
	return n;
}

/* -x is -1 * x. */
static const struct term *parse_minus(struct parser *p)
{
	size_t at = p->lexer.token.at;
	bool minus = take_sign(p, "-");
	struct term *one, *n;

	if (!minus && !take_sign(p, "+"))
		return parse_primary(p);
	if (!minus)
		return parse_expression(p, STRENGTH_OF_MINUS);
	one = add_term(p, TERM_NUMBER, VALUE_NUMBER, at);
	n = add_term(p, TERM_BINARY, VALUE_VECTOR, at);
	if (!n)
		return NULL;
	one->number = -1;
	n->op = OP_MULTIPLY;
	n->labels.others = true;
	n->left = one;
	n->right = parse_expression(p, STRENGTH_OF_MINUS);
	if (!n->right || !check_operands(p, n))
		return NULL;
	n->kind = n->right->kind;
	return n;
}

/* As much as operators of at least that strength hold together. */
static const struct term *parse_expression(struct parser *p, unsigned least)
{
	const struct term *n;
	enum operator op;

	if (p->failed)
		return NULL;
	if (++p->depth > EXPRESSION_DEPTH_MAX) {
		refuse(p, p->lexer.token.at, "too many parts stand in each other");
		return NULL;
	}
	n = parse_minus(p);
	while (n && (op = peek_operator(p)) < OPERATORS && operators[op].strength >= least)
		n = parse_binary(p, n, op);
	p->depth--;
	return p->failed ? NULL : n;
}

static int parse(struct expression *e, char *why)
{
	struct parser p = { .e = e, .why = why };

	lexer_init(&p.lexer, bytes_of(e->text));
	e->root = parse_expression(&p, 0);
	if (!p.failed && p.lexer.token.kind != TOKEN_END)
		fail_here(&p, "an operator or the end");
	if (!p.failed && e->root->kind == VALUE_RANGE)
		refuse(&p, e->root->at, "a range has no value of its own: use it in a function, such as rate(…)");
	return p.failed;
}

int expression_new(const char *text, struct expression **ret, char why[EXPRESSION_WHY_MAX])
{
	struct expression *e;
	int failed;

	if (strlen(text) > EXPRESSION_TEXT_MAX) {
		snprintf(why, EXPRESSION_WHY_MAX, "it is longer than %d bytes", EXPRESSION_TEXT_MAX);
		return -EINVAL;
	}
	e = oxp_new(sizeof *e);
	e->text = oxp_strdup(text);
	e->strings = oxp_new(strlen(text) + 1);
	failed = parse(e, why);
	if (failed)
		expression_free(e);
	else
		*ret = e;
	return failed;
}

void expression_free(struct expression *e)
{
	if (!e)
		return;
	for (size_t i = 0; i < e->matcher_count; i++)
		regex_free(e->matchers[i].regex);
	free(e->text);
	free(e->strings);
	free(e);
}

bool expression_is_condition(const struct expression *e)
{
	const struct term *n = e->root;

	return (n->what == TERM_BINARY && operator_compares(n->op)) ||
	       (n->what == TERM_CALL && n->function == FUNCTION_ABSENT);
}
