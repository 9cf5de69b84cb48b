/*
 * A log line as it is written from OTLP: one JSON object, in memory of the caller's. Nothing is allocated, and nothing
 * recurses.
 *
 * Without memory (`to` is NULL) the same calls count. Numbers with a fraction and text that is not UTF-8 are counted
 * with the most bytes that they may take, everything else exactly, so `size` is enough for what is written afterwards.
 *
 * Text is escaped and mended (utf8_mend()). Values follow the JSON mapping of Protocol Buffers, except that a line is
 * made to be searched, so integers are numbers. Bytes are base64; a number that JSON lacks is its name in quotes.
 *
 * Elasticsearch refuses a document that has a name twice. So names are noted: up to LINE_NAMES_MAX of the line, those
 * of the maps being written included. Further ones are written without being compared.
 *
 * Invariant: the first `size` of `room` bytes are written, or `to` is NULL. taken[0 … count) are the names of the
 * objects that are open.
 */
#ifndef OXP_OTLP_LINE_H
#define OXP_OTLP_LINE_H

#include "proto/json_line.h"
#include "proto/otlp_fault.h"

struct wire_field;

enum { LINE_NAMES_MAX = 256 };

struct otlp_line {
	const struct json_scan *scan;
	char *to;
	size_t room, size;
	char last; /* byte that was written; 0: none */
	bool broken; /* something was not a message, and is not written */
	uint64_t texts, values, repeated; /* mended; emptied, since they were nested too deep; left out */
	struct bytes taken[LINE_NAMES_MAX];
	uint64_t moved[LINE_NAMES_MAX / 64]; /* bits: another one of this name was written elsewhere */
	unsigned count;
};

/* What becomes of a name. */
enum line_name { LINE_NAME_FREE, LINE_NAME_TAKEN /* and may be written elsewhere */, LINE_NAME_REPEATED };

void otlp_line_init(struct otlp_line *, const struct json_scan *, char *to, size_t room);
/* Notes the name of a member. The first `own` names are those of others. */
enum line_name otlp_line_take(struct otlp_line *, unsigned own, struct bytes name);
/* Whether a name is noted. */
bool otlp_line_has(const struct otlp_line *, struct bytes name);
/* Forgets all but the first `count` names, and where others of their name went. */
void otlp_line_forget(struct otlp_line *, unsigned count);

/* A piece of JSON, as it is. */
void otlp_line_raw(struct otlp_line *, struct bytes);
/* The comma before a member or an element, if there has to be one. */
void otlp_line_comma(struct otlp_line *);
void otlp_line_open(struct otlp_line *, char bracket);
void otlp_line_close(struct otlp_line *, char bracket);
/* A member's name, in two parts, with what stands before and behind it. */
void otlp_line_name(struct otlp_line *, const char *prefix, struct bytes name);

void otlp_line_text(struct otlp_line *, struct bytes);
void otlp_line_number(struct otlp_line *, uint64_t);
void otlp_line_hex(struct otlp_line *, struct bytes);
/* A moment, in RFC 3339. */
void otlp_line_time(struct otlp_line *, uint64_t unix_ns);
/* An AnyValue. Its maps have each name once: the first one counts. */
void otlp_line_value(struct otlp_line *, struct bytes any);

/* The key and the value of a KeyValue, empty if it lacks them. 0 or -EBADMSG. */
int otlp_pair_read(struct bytes pair, struct bytes *ret_key, struct bytes *ret_value) MUST_CHECK;

#endif
