/*
 * Takes out of JSON what must not be shown: members by name at any depth, the same names' values in strings, and
 * matches of the detectors in strings; a number that is a card as a whole becomes a string.
 *
 * What is taken out becomes `***`, a salted hash of itself (XXH3, 128 bits, in hex: two that are the same stay the
 * same; it is for telling apart, not for keeping secret what can be guessed), or nothing. The result is JSON again. A
 * string with an escape is looked at as it reads, and written anew whole when something is found in it. Names of
 * members are looked up, not searched.
 */
#ifndef OXP_REDACT_H
#define OXP_REDACT_H

#include "proto/detect.h"
#include "proto/key_set.h"

enum redact_with { REDACT_MASK, REDACT_HASH, REDACT_REMOVE };

struct redact {
	const struct json_scan *scan;
	struct key_set keys;
	struct detector detector;
	enum redact_with with;
	bool shallow; /* names of the first level only, and as they are: a dot is no level */
	bool in_text; /* names with a value in strings, too: text_pair.h */
	struct bytes salt;
	struct XXH3_state_s *state;
	struct buffer plain, clean; /* an escaped string as it reads; without what was found in it */
};

enum redacted {
	REDACT_NOTHING, /* nothing was found; what was written to the buffer is of no use */
	REDACT_FOUND,
	REDACT_FAILED, /* no room */
};

/* `ceiling` of what one string may become. */
void redact_init(struct redact *, const struct json_scan *, size_t ceiling);
void redact_done(struct redact *);

/* Whether what a member of that name has must not be shown. */
bool redact_is_key(const struct redact *, struct bytes name);
/* Appends the clean twin of a value, or of members that each have a comma before them. */
enum redacted redact_json(struct redact *, struct bytes text, struct buffer *out) MUST_CHECK;
/* Appends what stands for a value that must not be shown; not for REDACT_REMOVE. */
enum redacted redact_whole(struct redact *, struct bytes value, struct buffer *out) MUST_CHECK;

#endif
