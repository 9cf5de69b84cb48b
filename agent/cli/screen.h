/*
 * Writing tables and words for people, within SCREEN_COLUMNS, on stdout. What others wrote does nothing to a terminal.
 */
#ifndef OXP_CLI_SCREEN_H
#define OXP_CLI_SCREEN_H

#include "base/bytes.h"

enum { SCREEN_COLUMNS = 80, SCREEN_WORDS = 48 /* room for a time or a size in words */ };

struct screen {
	bool colour;
};

/* With colour on a terminal, unless $NO_COLOR is set. */
struct screen screen_of_stdout(void);
void screen_good(const struct screen *, const char *words);
void screen_bad(const struct screen *, const char *words);
/* The head of a table, once, before its first row. */
void screen_head(const struct screen *, bool *first, const char *head);
/* Pads the name to `width`. A longer name has a line to itself. */
void screen_name(const char *name, int width);
/* Breaks the words into lines, each indented. A word longer than a line is cut. */
void screen_wrapped(int indent, const char *words);

size_t screen_columns(struct bytes); /* that the text takes */
/* "12 s", "5 min", "3 h" or "4 days", followed by `behind`. */
void screen_age(double seconds, const char *behind, char to[SCREEN_WORDS]);
/* "1.5M" */
void screen_size(long long bytes, char to[SCREEN_WORDS]);

#endif
