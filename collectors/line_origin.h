/*
 * Where a line came from, as members of the line: oxpecker.path and oxpecker.offset, unless the line has a member
 * `oxpecker` itself. A name that apps use, such as `log` of the Elastic Common Schema, would become an object in the
 * index, and an app's text of that name would be refused, or ours, whichever comes later.
 */
#ifndef OXP_LINE_ORIGIN_H
#define OXP_LINE_ORIGIN_H

#include "base/bytes.h"
#include "base/writer.h"
#include "collectors/line_join.h"

enum { LINE_ORIGIN_MAX = 8 << 10 };

struct line_origin {
	struct buffer members; /* up to the offset, with a comma before each; empty: lines do not name their file */
};

void line_origin_init(struct line_origin *);
void line_origin_done(struct line_origin *); /* fine on zeroed memory */
/* A path that is too long is left out. */
void line_origin_set(struct line_origin *, const char *path);
/* Writes the members of a line that begins there. */
void line_origin_put(const struct line_origin *, struct writer *, uint64_t at);
/* Whether one of the object's members stands where ours would. */
bool line_origin_is_said(const struct json_scan *, const struct line_message *);

#endif
