/*
 * JSON, written in small steps with one check at the end (base/writer.h). The writer sees to commas, colons, quotes and
 * escapes, so what comes out parses.
 *
 *	struct json_writer w;
 *
 *	json_writer_init(&w, &buffer);
 *	json_put_object(&w, NULL);
 *	json_put_string(&w, "name", name);
 *	json_put_u64(&w, "records", records);
 *	json_put_end(&w);
 *	return json_writer_done(&w);
 *
 * Each value has the name of the member it is; NULL if it is an element of an array, or the whole text. Breaking this
 * rule aborts, and so does a second value behind the whole text, or depth beyond JSON_WRITER_DEPTH: these are mistakes
 * of the code, and never follow from input.
 *
 * Code that every log line passes through uses proto/json_edit.h and proto/json_text.h, which use the machine's
 * vectors.
 */
#ifndef OXP_JSON_WRITER_H
#define OXP_JSON_WRITER_H

#include "base/writer.h"

enum { JSON_WRITER_DEPTH = 32 };

/*
 * Invariant: bits of `arrays` and `filled` are of levels 0 … depth; level 0 is outside of everything.
 */
struct json_writer {
	struct writer text;
	unsigned depth;
	uint64_t arrays; /* the levels that are arrays, not objects */
	uint64_t filled; /* the levels that have a value already */
};

/* Appends one value to `to`. */
void json_writer_init(struct json_writer *, struct buffer *to);
/* 0, and one whole value was appended; or -errno of the first failure, and the buffer is as it was before. Aborts if an
 * object or array is still open. */
int json_writer_done(struct json_writer *) MUST_CHECK;

void json_put_object(struct json_writer *, const char *name);
void json_put_array(struct json_writer *, const char *name);
void json_put_end(struct json_writer *); /* of the innermost object or array */

/* The line feed behind the whole text, for texts that are lines. */
void json_put_line_end(struct json_writer *);

/* Invalid UTF-8 becomes U+FFFD. NULL is written as null. */
void json_put_string(struct json_writer *, const char *name, const char *text);
void json_put_bytes(struct json_writer *, const char *name, struct bytes text);
void json_put_u64(struct json_writer *, const char *name, uint64_t value);
void json_put_i64(struct json_writer *, const char *name, int64_t value);
/* In the fewest digits that read back as the same number. A value that is not finite is written as null. */
void json_put_double(struct json_writer *, const char *name, double value);
/* With that many digits behind the point. Not finite: as above. */
void json_put_fixed(struct json_writer *, const char *name, double value, int decimals);
void json_put_bool(struct json_writer *, const char *name, bool value);
void json_put_null(struct json_writer *, const char *name);

/* One or more members that are JSON already, as they stand between the braces of an object. */
void json_put_members(struct json_writer *, struct bytes members);
/* A value that is JSON already. */
void json_put_raw(struct json_writer *, const char *name, struct bytes json);
/* The same, to be appended to the buffer that is returned; json_raw_end() says how that went: 0 or -errno. */
struct buffer *json_raw_begin(struct json_writer *, const char *name);
void json_raw_end(struct json_writer *, int failed);

#endif
