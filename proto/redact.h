/*
 * Removes from JSON what must not be shown: members by name at any depth, values of the same names in strings, and
 * matches of the detectors in strings. A number that as a whole is a card becomes a string.
 *
 * It becomes `***`, or a salted hash (XXH3, 128 bits, in hex: equal values stay equal; it tells values apart, and does
 * not protect one that can be guessed), or nothing. The result is JSON again. A string with an escape is searched in
 * its decoded form, and written again as a whole if something is found. Names of members are looked up, not searched.
 */
#ifndef OXP_REDACT_H
#define OXP_REDACT_H

#include "proto/detect.h"
#include "proto/text_pair.h"

enum redact_with { REDACT_MASK, REDACT_HASH, REDACT_REMOVE };

struct redact {
	const struct json_scan *scan;
	struct key_set keys;
	struct detector detector;
	enum redact_with with;
	bool shallow; /* names of the first level only, as they are: a dot is not a level */
	bool in_text; /* names with a value in strings, too: text_pair.h */
	struct bytes salt;
	struct XXH3_state_s *state;
	struct buffer plain, clean; /* an escaped string as it reads; without what was found in it */
};

enum redacted {
	REDACT_NOTHING, /* nothing was found; ignore what was written to the buffer */
	REDACT_FOUND,
	REDACT_FAILED, /* no room */
};

/* `ceiling`: the most bytes that one string may become. */
void redact_init(struct redact *, const struct json_scan *, size_t ceiling);
void redact_done(struct redact *);
/* Gives back the memory of long strings: of a buffer that has more than `kept`. */
void redact_give_back(struct redact *, size_t kept);

/* Whether the value of a member with that name must not be shown; that of an attribute of OTLP. */
bool redact_is_key(const struct redact *, struct bytes name);
bool redact_is_plain_key(const struct redact *, struct bytes name);
/* Appends the clean form of a value, or of members with a comma before each. */
enum redacted redact_json(struct redact *, struct bytes text, struct buffer *out) MUST_CHECK;
/* Whether it is plain at a glance that nothing can be found in that text. */
static inline bool redact_finds_nothing(const struct redact *r, struct bytes text)
{
	return r->detector.what == 0 && (!r->in_text || !text_has_pair_mark(text));
}

/* The same for text as it reads, with DETECT_PADDING readable bytes behind it: appends all of it, or nothing if nothing
 * is found. */
enum redacted redact_text(struct redact *, struct bytes text, struct buffer *out) MUST_CHECK;
/* Whether the number, without a fraction of zeros, is a card as a whole, and cards are looked for. */
bool redact_is_card(const struct redact *, struct bytes number);
/* Appends what stands in place of that text; not for REDACT_REMOVE. 0, -ENOSPC or -ENOMEM. */
int redact_stand_in(const struct redact *, struct bytes text, struct buffer *out) MUST_CHECK;
/* Appends the replacement of a value that must not be shown; not for REDACT_REMOVE. */
enum redacted redact_whole(struct redact *, struct bytes value, struct buffer *out) MUST_CHECK;

#endif
