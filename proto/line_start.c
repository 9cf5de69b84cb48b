#include "proto/line_start.h"

/* A part of the pattern: where it begins and ends, and which symbols belong to it. */
struct part {
	bool set, empty; /* there is one; it may match nothing */
	uint64_t first, last;
	unsigned from, to; /* its symbols: from … to - 1 */
};

/* An open bracket, and what was read in it. `atom` is joined to `run` once it is known how often it is repeated. */
struct level {
	struct part choice, run, atom;
};

struct compiler {
	const char *p;
	struct line_start *to;
	const char *wrong;
	unsigned depth;
	struct level levels[LINE_START_DEPTH];
};

enum { REPEAT_MAX = LINE_START_SYMBOLS, NO_END };

static bool fail(struct compiler *c, const char *why)
{
	c->wrong = c->wrong ? c->wrong : why;
	return false;
}

static void link(struct line_start *s, uint64_t from, uint64_t to)
{
	for (; from; from &= from - 1)
		s->follow[__builtin_ctzll(from)] |= to;
}

/* Sets of bytes. */

struct set {
	uint64_t bits[4];
};

static void set_add(struct set *s, unsigned from, unsigned to)
{
	for (unsigned c = from; c <= to; c++)
		s->bits[c / 64] |= 1ull << c % 64;
}

static void set_invert(struct set *s)
{
	for (size_t i = 0; i < COUNT_OF(s->bits); i++)
		s->bits[i] = ~s->bits[i];
}

static void set_join(struct set *s, const struct set *more)
{
	for (size_t i = 0; i < COUNT_OF(s->bits); i++)
		s->bits[i] |= more->bits[i];
}

/* \d and the like; false: it is not one of them. */
static bool class_of(char letter, struct set *ret)
{
	struct set s = { { 0 } };

	switch (letter | 0x20) {
	case 'w':
		set_add(&s, 'a', 'z'), set_add(&s, 'A', 'Z'), set_add(&s, '_', '_'), set_add(&s, '0', '9');
		break;
	case 'd':
		set_add(&s, '0', '9');
		break;
	case 's':
		set_add(&s, '\t', '\r'), set_add(&s, ' ', ' ');
		break;
	default:
		return false;
	}
	if (!(letter & 0x20))
		set_invert(&s);
	*ret = s;
	return true;
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Behind a backslash. *ret_one: a single byte, which may begin a range. */
static bool escaped(struct compiler *c, struct set *ret, int *ret_one)
{
	char letter = *c->p;

	*ret_one = -1;
	if (!letter)
		return fail(c, "it ends with a backslash");
	c->p++;
	if (class_of(letter, ret))
		return true;
	if (is_letter(letter) && letter != 't')
		return fail(c, "only \\d \\w \\s \\D \\W \\S \\t and punctuation stand behind a backslash");
	*ret_one = letter == 't' ? '\t' : (unsigned char)letter;
	*ret = (struct set){ { 0 } };
	set_add(ret, (unsigned)*ret_one, (unsigned)*ret_one);
	return true;
}

/* One byte or class between square brackets. */
static bool bracket_item(struct compiler *c, struct set *ret, int *ret_one)
{
	if (!*c->p)
		return fail(c, "a [ is not closed");
	if (*c->p == '[' && c->p[1] == ':')
		return fail(c, "[: :] is not understood");
	if (*c->p == '\\') {
		c->p++;
		return escaped(c, ret, ret_one);
	}
	*ret_one = (unsigned char)*c->p++;
	*ret = (struct set){ { 0 } };
	set_add(ret, (unsigned)*ret_one, (unsigned)*ret_one);
	return true;
}

/* Behind `first` stands a minus sign. */
static bool bracket_range(struct compiler *c, int first, struct set *s)
{
	struct set spare;
	int last;

	c->p++;
	if (!bracket_item(c, &spare, &last))
		return false;
	if (first < 0 || last < first)
		return fail(c, "a range between [ and ] runs backwards");
	set_add(s, (unsigned)first, (unsigned)last);
	return true;
}

static bool bracket(struct compiler *c, struct set *ret)
{
	bool invert = *c->p == '^', begun = false;
	struct set all = { { 0 } }, one;
	int single;

	c->p += invert;
	for (; *c->p != ']' || !begun; begun = true) {
		if (!bracket_item(c, &one, &single))
			return false;
		set_join(&all, &one);
		if (*c->p == '-' && c->p[1] != ']' && !bracket_range(c, single, &all))
			return false;
	}
	c->p++;
	if (invert)
		set_invert(&all);
	*ret = all;
	return true;
}

/* Parts. */

static bool new_symbol(struct compiler *c, const struct set *s, struct part *ret)
{
	struct line_start *to = c->to;
	unsigned symbol = to->count;

	if (symbol == LINE_START_SYMBOLS)
		return fail(
			c, "it is too long: at most 64 characters and classes, repeats counted as often as they come");
	to->count++;
	for (unsigned b = 0; b < 256; b++)
		if (s->bits[b / 64] >> b % 64 & 1)
			to->takes[b] |= 1ull << symbol;
	*ret = (struct part){
		.set = true, .first = 1ull << symbol, .last = 1ull << symbol, .from = symbol, .to = symbol + 1
	};
	return true;
}

/* b behind a. */
static struct part in_sequence(struct line_start *s, const struct part *a, const struct part *b)
{
	if (!a->set || !b->set)
		return a->set ? *a : *b;
	link(s, a->last, b->first);
	return (struct part){ .set = true,
		.empty = a->empty && b->empty,
		.first = a->first | (a->empty ? b->first : 0),
		.last = b->last | (b->empty ? a->last : 0),
		.from = a->from,
		.to = b->to };
}

static struct part either(const struct part *a, const struct part *b)
{
	if (!a->set)
		return *b;
	return (struct part){ .set = true,
		.empty = a->empty || b->empty,
		.first = a->first | b->first,
		.last = a->last | b->last,
		.from = a->from,
		.to = b->to };
}

/* The same part once more, in symbols of its own. Nothing is linked from its symbols to others yet. */
static bool copy_part(struct compiler *c, const struct part *a, struct part *ret)
{
	struct line_start *s = c->to;
	unsigned size = a->to - a->from, by = s->count - a->from;

	if (s->count + size > LINE_START_SYMBOLS)
		return fail(
			c, "it is too long: at most 64 characters and classes, repeats counted as often as they come");
	for (unsigned i = a->from; i < a->to; i++) {
		s->follow[i + by] = s->follow[i] << by;
		for (unsigned b = 0; b < 256; b++)
			s->takes[b] |= (s->takes[b] >> i & 1) << (i + by);
	}
	s->count += size;
	*ret = *a;
	ret->first <<= by;
	ret->last <<= by;
	ret->from += by;
	ret->to += by;
	return true;
}

/* A number up to REPEAT_MAX; -1: there are no digits, or it is larger. */
static int small_number(struct compiler *c)
{
	const char *from = c->p;
	int value = 0;

	for (; *c->p >= '0' && *c->p <= '9' && value <= REPEAT_MAX; c->p++)
		value = value * 10 + (*c->p - '0');
	return c->p > from && value <= REPEAT_MAX ? value : -1;
}

/* Behind a {. */
static bool braces(struct compiler *c, int *least, int *most)
{
	bool range;

	*least = small_number(c);
	range = *c->p == ',';
	c->p += range;
	*most = !range ? *least : *c->p == '}' ? NO_END : small_number(c);
	if (*c->p != '}' || *least < 0 || *most < *least || *most == 0)
		return fail(c, "between { and } stand one or two numbers, the second not less, 1 to 64");
	c->p++;
	return true;
}

/* A sign of repetition at p. False without anything wrong: there is none. */
static bool repetition(struct compiler *c, int *least, int *most)
{
	switch (*c->p) {
	case '*':
	case '+':
		*least = *c->p == '+';
		*most = NO_END;
		break;
	case '?':
		*least = 0;
		*most = 1;
		break;
	case '{':
		c->p++;
		return braces(c, least, most);
	default:
		return false;
	}
	c->p++;
	return true;
}

/* Repeats the atom as often as it says: copies one after another, of which those beyond `least` are optional. */
static bool repeat(struct compiler *c, struct part *atom, int least, int most)
{
	int copies = most == NO_END ? (least > 1 ? least : 1) : most;
	struct part whole = { .set = false }, one = *atom, next = one;

	for (int i = 1; i <= copies; i++) {
		if (i < copies && !copy_part(c, &one, &next))
			return false;
		if (i == copies && most == NO_END)
			link(c->to, one.last, one.first);
		one.empty = one.empty || i > least;
		whole = in_sequence(c->to, &whole, &one);
		one = next;
		one.empty = atom->empty;
	}
	*atom = whole;
	return true;
}

static void end_atom(struct compiler *c, struct level *l)
{
	l->run = in_sequence(c->to, &l->run, &l->atom);
	l->atom = (struct part){ .set = false };
}

/* An alternative ends. An empty one matches the empty text. */
static void end_run(struct compiler *c, struct level *l)
{
	end_atom(c, l);
	if (!l->run.set)
		l->run = (struct part){ .set = true, .empty = true, .from = c->to->count, .to = c->to->count };
	l->choice = either(&l->choice, &l->run);
	l->run = (struct part){ .set = false };
}

static bool open_bracket(struct compiler *c)
{
	if (c->p[0] == '?' && c->p[1] == ':')
		c->p += 2;
	if (*c->p == '?')
		return fail(c, "(? begins what needs an engine that goes back: only (?: is understood");
	if (c->depth + 1 == LINE_START_DEPTH)
		return fail(c, "its brackets nest too deep");
	end_atom(c, &c->levels[c->depth]);
	c->levels[++c->depth] = (struct level){ .atom = { .set = false } };
	return true;
}

static bool close_bracket(struct compiler *c)
{
	if (c->depth == 0)
		return fail(c, "a ) has no (");
	end_run(c, &c->levels[c->depth]);
	c->levels[c->depth - 1].atom = c->levels[c->depth].choice;
	c->depth--;
	return true;
}

static bool put_set(struct compiler *c, const struct set *s)
{
	struct level *l = &c->levels[c->depth];

	end_atom(c, l);
	return new_symbol(c, s, &l->atom);
}

/* One byte, or an escape or class that stands for one. */
static bool single(struct compiler *c, char letter)
{
	struct set s = { { 0 } };
	int spare;

	switch (letter) {
	case '.':
		set_add(&s, 0, 255);
		break;
	case '[':
		if (!bracket(c, &s))
			return false;
		break;
	case '\\':
		if (!escaped(c, &s, &spare))
			return false;
		break;
	case '^':
	case '$':
		return fail(c, "it holds at the beginning of a line, ^ and $ stand nowhere else");
	case '*':
	case '+':
	case '?':
	case '{':
		return fail(c, "a sign of repetition has nothing before it");
	default:
		set_add(&s, (unsigned char)letter, (unsigned char)letter);
	}
	return put_set(c, &s);
}

static bool element(struct compiler *c)
{
	char letter = *c->p++;

	switch (letter) {
	case '(':
		return open_bracket(c);
	case ')':
		return close_bracket(c);
	case '|':
		end_run(c, &c->levels[c->depth]);
		return true;
	default:
		return single(c, letter);
	}
}

/* What may follow an element: how often it comes. */
static bool repetitions(struct compiler *c)
{
	struct level *l = &c->levels[c->depth];
	int least, most;

	if (!l->atom.set || !repetition(c, &least, &most))
		return !c->wrong;
	if (*c->p && strchr("*+?{", *c->p))
		return fail(c, "a sign of repetition stands behind another");
	return repeat(c, &l->atom, least, most);
}

const char *line_start_compile(const char *pattern, struct line_start *ret)
{
	struct compiler c = { .p = pattern + (*pattern == '^'), .to = ret };
	struct level *l = c.levels;

	memset(ret, 0, sizeof *ret);
	while (*c.p && !c.wrong)
		if (element(&c))
			repetitions(&c);
	if (!c.wrong && c.depth > 0)
		fail(&c, "a ( is not closed");
	if (c.wrong)
		return c.wrong;
	end_run(&c, l);
	ret->empty = l->choice.empty;
	ret->first = l->choice.first;
	ret->last = l->choice.last;
	return ret->empty ? "it matches nothing at all, and so every line" : NULL;
}

bool line_start_is(const struct line_start *s, struct bytes line)
{
	const char *p = line.data, *end = p + (line.size < LINE_START_REACH ? line.size : LINE_START_REACH);
	uint64_t may = s->first;

	for (; p < end && may; p++) {
		uint64_t here = may & s->takes[(unsigned char)*p];
		if (here & s->last)
			return true;
		for (may = 0; here; here &= here - 1)
			may |= s->follow[__builtin_ctzll(here)];
	}
	return false;
}
