/*
 * Reads requests.txt: the table of malformed requests that every listener is held to.
 */
#ifndef OXP_HOSTILE_ROWS_H
#define OXP_HOSTILE_ROWS_H

#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"

enum { HOSTILE_LINE_MAX = 4096, HOSTILE_MAX = 256 << 10 };

struct hostile_row {
	char line[HOSTILE_LINE_MAX]; /* what the others point into */
	char kind; /* h, b or o */
	unsigned status;
	const char *name;
	const char *text; /* as written */
};

/* The targets of a listener. */
struct hostile_targets {
	const char *get, *post;
};

static inline char *hostile_cut(char **rest)
{
	char *cell = *rest, *end = strstr(cell, " |");

	OXP_ASSERT(end && "a row of the table has too few cells");
	*end = '\0';
	*rest = end + 2 + strspn(end + 2, " ");
	return cell;
}

/* The next row, skipping what is none. False: there is no more. */
static inline bool hostile_next(FILE *file, struct hostile_row *row)
{
	char *rest = row->line;

	do
		if (!fgets(row->line, sizeof row->line, file))
			return false;
	while (row->line[0] == '#' || row->line[0] == '\n');
	row->line[strcspn(row->line, "\n")] = '\0';
	row->kind = hostile_cut(&rest)[0];
	row->status = (unsigned)strtoul(hostile_cut(&rest), NULL, 10);
	row->name = hostile_cut(&rest);
	row->text = rest;
	return true;
}

static inline const char *hostile_escape(const char *p, struct buffer *to)
{
	static const char names[] = "rnt0\\", bytes[] = "\r\n\t\0\\";
	const char *at = strchr(names, *p);
	char hex[3] = { 0 }, byte;

	if (*p == 'x') {
		memcpy(hex, p + 1, 2);
		byte = (char)strtol(hex, NULL, 16);
		p += 2;
	} else {
		OXP_ASSERT(at && *p && "an unknown escape");
		byte = bytes[at - names];
	}
	OXP_ASSERT(buffer_append(to, &byte, 1) == 0);
	return p + 1;
}

static inline void hostile_write(const char *p, const char *end, const struct hostile_targets *, struct buffer *to);

/* {x*40000}, {get}, {post}. */
static inline const char *hostile_braces(const char *p, const struct hostile_targets *targets, struct buffer *to)
{
	const char *end = strchr(p, '}'), *star = p;

	OXP_ASSERT(end && "a brace without its end");
	for (const char *q = p; q < end; q++)
		star = *q == '*' ? q : star;
	if (strncmp(p, "get}", 4) == 0)
		OXP_ASSERT(buffer_text(to, targets->get) == 0);
	else if (strncmp(p, "post}", 5) == 0)
		OXP_ASSERT(buffer_text(to, targets->post) == 0);
	else
		for (unsigned long i = strtoul(star + 1, NULL, 10); i > 0; i--)
			hostile_write(p, star, targets, to);
	return end + 1;
}

static inline void hostile_write(
	const char *p, const char *end, const struct hostile_targets *targets, struct buffer *to)
{
	while (p < end)
		if (*p == '\\') {
			p = hostile_escape(p + 1, to);
		} else if (*p == '{') {
			p = hostile_braces(p + 1, targets, to);
		} else {
			OXP_ASSERT(buffer_append(to, p, 1) == 0);
			p++;
		}
}

/* The bytes of the row, into an empty buffer of HOSTILE_MAX. */
static inline void hostile_bytes(
	const struct hostile_row *row, const struct hostile_targets *targets, struct buffer *to)
{
	hostile_write(row->text, row->text + strlen(row->text), targets, to);
}

#endif
