/*
 * The text of an expression, one token after the other (prometheus.io, "Expression language basics"). Blanks and
 * comments (# to the end of the line) stand between tokens.
 */
#ifndef OXP_EXPRESSION_LEX_H
#define OXP_EXPRESSION_LEX_H

#include "base/bytes.h"
#include "base/clock.h"

enum token_kind {
	TOKEN_END,
	TOKEN_WORD, /* a name: of a metric, a label, a function, an operator of letters */
	TOKEN_NUMBER,
	TOKEN_TEXT, /* in quotes, which are part of it */
	TOKEN_SIGN, /* one or two characters */
	TOKEN_BAD, /* nothing that begins so is known; or quotes that do not end */
};

struct token {
	enum token_kind kind;
	struct bytes text;
	size_t at; /* byte that it begins at */
	double number;
};

struct lexer {
	struct bytes text;
	size_t at;
	struct token token; /* the one at hand */
};

void lexer_init(struct lexer *, struct bytes text); /* the first token is at hand */
void lexer_next(struct lexer *);
/* In place of the token at hand, reads a duration: `5m`, `1h30m`, `500ms`; units in that order, each once. False: there
 * is none, or it is 0; then nothing is read. */
bool lexer_duration(struct lexer *, struct duration *ret) MUST_CHECK;
/* Writes what a TOKEN_TEXT says, which is never longer than it is, and returns the size. Escapes as in Go: \n \t \\ \"
 * \' \a \b \f \r \v, \xFF, \u00E9; none in backquotes. False: one of them is wrong. */
bool token_unquote(const struct token *, char *to, size_t *ret_size) MUST_CHECK;

#endif
