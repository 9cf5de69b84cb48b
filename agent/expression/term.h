/*
 * An expression as a tree: what the parser makes, and what evaluation walks. The terms and their texts belong to the
 * struct expression (expression.h).
 */
#ifndef OXP_EXPRESSION_TERM_H
#define OXP_EXPRESSION_TERM_H

#include "base/bytes.h"
#include "base/clock.h"

enum {
	EXPRESSION_TEXT_MAX = 4096, /* bytes of its text */
	EXPRESSION_TERMS_MAX = 128,
	EXPRESSION_DEPTH_MAX = 32, /* of operands that the parser has open; a tree is as deep as it has terms at most */
	EXPRESSION_SELECTORS_MAX = 16,
	EXPRESSION_MATCHERS_MAX = 64, /* of all selectors */
	EXPRESSION_NAMES_MAX = 64, /* of labels, in all of by, without, on and ignoring */
	EXPRESSION_RANGE_MAX_S = 24 * 3600,
};

struct regex;

enum value_kind { VALUE_NUMBER, VALUE_VECTOR, VALUE_RANGE };

enum term_what { TERM_NUMBER, TERM_SELECTOR, TERM_CALL, TERM_AGGREGATE, TERM_BINARY };

/* Ordered as in the table of precedences. */
enum operator{
	OP_OR,
	OP_AND,
	OP_UNLESS,
	OP_EQUAL,
	OP_UNEQUAL,
	OP_ABOVE,
	OP_BELOW,
	OP_AT_LEAST,
	OP_AT_MOST,
	OP_ADD,
	OP_SUBTRACT,
	OP_MULTIPLY,
	OP_DIVIDE,
	OP_MODULO,
	OP_POWER,
	OPERATORS
};

static inline bool operator_is_set(enum operator op)
{
	return op <= OP_UNLESS;
}

static inline bool operator_compares(enum operator op)
{
	return op >= OP_EQUAL && op <= OP_AT_MOST;
}

/* What becomes of elements that are compared. */
enum comparison {
	COMPARE_FILTER, /* those for which it holds stay as they are */
	COMPARE_BOOL, /* each becomes 0 or 1 */
	COMPARE_FAILING, /* those of two numbers, not NaN, for which it does not hold stay as they are */
};

enum aggregate { AGGREGATE_SUM, AGGREGATE_MIN, AGGREGATE_MAX, AGGREGATE_AVG, AGGREGATE_COUNT, AGGREGATES };

enum function_id {
	FUNCTION_RATE,
	FUNCTION_INCREASE,
	FUNCTION_DELTA,
	FUNCTION_AVG_OVER_TIME,
	FUNCTION_MIN_OVER_TIME,
	FUNCTION_MAX_OVER_TIME,
	FUNCTION_SUM_OVER_TIME,
	FUNCTION_COUNT_OVER_TIME,
	FUNCTION_LAST_OVER_TIME,
	FUNCTION_HISTOGRAM_QUANTILE,
	FUNCTION_ABS,
	FUNCTION_CEIL,
	FUNCTION_FLOOR,
	FUNCTION_CLAMP_MIN,
	FUNCTION_CLAMP_MAX,
	FUNCTION_ABSENT,
	FUNCTION_VECTOR,
	FUNCTION_SCALAR,
	FUNCTION_TIME,
	FUNCTIONS
};

/* Which labels count: those of the list, or all others. */
struct label_list {
	bool others;
	size_t count;
	const struct bytes *names;
};

enum matching { MATCHER_IS, MATCHER_IS_NOT, MATCHER_LIKE, MATCHER_UNLIKE };

struct matcher {
	struct bytes label, value;
	enum matching how;
	struct regex *regex; /* of the last two */
};

struct selector {
	struct bytes name; /* of the metric; never empty */
	const struct matcher *matchers;
	size_t matcher_count;
	struct duration range; /* 0: the latest sample */
};

struct term {
	enum term_what what;
	enum value_kind kind;
	size_t at; /* byte of the text that it begins at */
	double number;
	size_t selector; /* its number */
	enum function_id function;
	enum aggregate aggregate;
	enum operator op;
	enum comparison comparison;
	struct label_list labels; /* of an aggregate: what groups have; of a binary: what two sides match by */
	const struct term *left, *right; /* operands; of a call its arguments */
};

#endif
