/*
 * What a container runtime has written around a line (its time, its stream, and other members), as members of the item.
 * If the line is an object, only the members that it does not have itself, however it spells them.
 */
#ifndef OXP_LINE_ENVELOPE_H
#define OXP_LINE_ENVELOPE_H

#include "base/writer.h"
#include "collectors/line_join.h"

/* What is added to an object: members behind its brace, and a time in place of its @timestamp that says nothing. */
struct line_envelope {
	struct bytes around; /* with a comma behind each */
	struct bytes blank; /* the value in the object */
	struct bytes time;
};

/* Everything around a line that is not an object: members, each with a comma behind it. */
void line_envelope_put(struct writer *, const struct line_message *);
/* What is to be added to an object. The members stand in `room`. */
void line_envelope_of(
	const struct json_scan *, const struct line_message *, struct buffer *room, struct line_envelope *ret);
/* The object without the white space behind its brace, such as the first half of a line's end. */
struct bytes line_envelope_bare(const struct line_message *);
/* The most bytes of the object with its envelope and its origin. */
size_t line_envelope_room(const struct line_message *, const struct line_envelope *, struct bytes origin);
/* Writes it: the origin and the number of its offset stand behind the last member. Returns its size. */
size_t line_envelope_write(const struct line_message *, const struct line_envelope *, struct bytes origin, char *to);

#endif
