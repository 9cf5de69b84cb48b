/*
 * Reads frames.txt: the table of what listeners of HTTP/2 must refuse or bear. Writes frames from words.
 */
#ifndef OXP_HOSTILE_FRAMES_H
#define OXP_HOSTILE_FRAMES_H

#include "hostile/rows.h"

enum { FRAMES_LINE_MAX = 4096, FRAMES_MAX = 2 << 20, FRAME_HEAD = 9 };

struct frames_row {
	char line[FRAMES_LINE_MAX]; /* what the others point into */
	char kind; /* g, r, s (status), b (served: borne) or t */
	unsigned code;
	const char *name;
	char *words;
};

/* POST /take with :authority x, in HPACK; :method is of the static table, so no table changes but by :path. */
static const char frames_post[] = "\x83\x86\x44\x05/take\x41\x01x";
static const char frames_preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/* The next row, skipping what is none. False: there is no more. */
static inline bool frames_next(FILE *file, struct frames_row *row)
{
	char *rest = row->line, *expected;

	do
		if (!fgets(row->line, sizeof row->line, file))
			return false;
	while (row->line[0] == '#' || row->line[0] == '\n');
	OXP_ASSERT(strchr(row->line, '\n') && "a row longer than FRAMES_LINE_MAX");
	row->line[strcspn(row->line, "\n")] = '\0';
	expected = hostile_cut(&rest);
	row->kind = strncmp(expected, "served", 6) == 0 ? 'b' : expected[0];
	row->code = (unsigned)strtoul(expected + strcspn(expected, "0123456789"), NULL, 10);
	row->name = hostile_cut(&rest);
	row->words = rest;
	return true;
}

static inline void frames_number(struct buffer *to, unsigned long number, int bytes)
{
	for (int i = bytes - 1; i >= 0; i--) {
		char byte = (char)(number >> (8 * i));
		OXP_ASSERT(buffer_append(to, &byte, 1) == 0);
	}
}

static inline void frames_head(struct buffer *to, size_t size, unsigned type, unsigned flags, unsigned long stream)
{
	frames_number(to, size, 3);
	frames_number(to, type, 1);
	frames_number(to, flags, 1);
	frames_number(to, stream, 4);
}

static inline unsigned frames_type(const char *word)
{
	static const char *const names[] = { "data", "headers", "priority", "rst", "settings", "push", "ping", "goaway",
		"window", "continuation" };

	for (unsigned i = 0; i < COUNT_OF(names); i++)
		if (strncmp(word, names[i], strlen(names[i])) == 0 && word[strlen(names[i])] == ':')
			return i;
	return (unsigned)strtoul(word, NULL, 10);
}

static inline const char *frames_cell(const char **p)
{
	const char *cell = *p, *end = strchr(cell, ':');

	OXP_ASSERT(end && "a frame has too few cells");
	*p = end + 1;
	return cell;
}

/* TYPE:FLAGS:STREAM:PAYLOAD. `stream` is the last one of + . */
static inline void frames_one(const char *p, const char *end, unsigned long *stream, struct buffer *to)
{
	const struct hostile_targets targets = { .post = frames_post };
	unsigned type = frames_type(frames_cell(&p)), flags = (unsigned)strtoul(frames_cell(&p), NULL, 10);
	const char *on = frames_cell(&p);
	unsigned long length = 0, id = strtoul(on, NULL, 10);
	struct buffer payload;
	bool wrong = *p == '#';

	buffer_init(&payload, HOSTILE_MAX);
	*stream += *on == '+' ? 2 : 0;
	id = *on == '+' || *on == '=' ? *stream : id;
	if (wrong) {
		length = strtoul(p + 1, NULL, 10);
		p = strchr(p + 1, '#') + 1;
	}
	hostile_write(p, end, &targets, &payload);
	frames_head(to, wrong ? length : payload.size, type, flags, id);
	if (payload.size > 0)
		OXP_ASSERT(buffer_append(to, payload.data, payload.size) == 0);
	buffer_done(&payload);
}

/* The end of a frame's word: a comma, unless something escapes or repeats it. */
static inline const char *frames_end(const char *p)
{
	return p + strcspn(p, ",");
}

/* [COUNT*]FRAME[,FRAME …] */
static inline void frames_word(const char *word, unsigned long *stream, struct buffer *to)
{
	char *digits = NULL;
	unsigned long count = strtoul(word, &digits, 10);

	if (*digits == '*')
		word = digits + 1;
	else
		count = 1;
	for (; count > 0; count--)
		for (const char *p = word; *p; p = frames_end(p) + (*frames_end(p) == ','))
			frames_one(p, frames_end(p), stream, to);
}

/* The bytes of words, behind the preface and an empty SETTINGS frame. */
static inline void frames_write(char *words, struct buffer *to)
{
	const struct hostile_targets targets = { .post = frames_post };
	unsigned long stream = (unsigned long)-1; /* before 1 */
	char *rest = words, *word;

	if (strncmp(words, "raw ", 4) == 0) {
		hostile_write(words + 4, words + strlen(words), &targets, to);
		return;
	}
	OXP_ASSERT(buffer_text(to, frames_preface) == 0);
	frames_head(to, 0, 4, 0, 0);
	while ((word = strsep(&rest, " ")))
		if (*word)
			frames_word(word, &stream, to);
}

#endif
