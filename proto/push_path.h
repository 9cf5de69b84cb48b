/*
 * The grouping key in a path of the Pushgateway's API: /metrics/job/NAME{/LABEL/VALUE}. Where a label's name ends in
 * @base64 its value is in RFC 4648's alphabet for URLs, with or without padding, so that it can have slashes or be
 * empty. (Pushgateway 1.11, README, "URL")
 */
#ifndef OXP_PUSH_PATH_H
#define OXP_PUSH_PATH_H

#include "base/bytes.h"

enum { PUSH_LABELS_MAX = 16, PUSH_KEY_MAX = 2048 };

/* In the order of their names; no name is there twice, `job` is always. Strings stand in `text`. */
struct push_key {
	size_t count;
	struct {
		const char *name, *value;
	} labels[PUSH_LABELS_MAX];
	size_t size;
	char text[PUSH_KEY_MAX];
};

/* `path` has been decoded (RFC 3986). NULL; or why it is not one, for people. */
const char *push_path_read(struct bytes path, struct push_key *ret) MUST_CHECK;
/* Whether they are the same labels with the same values. */
bool push_key_equal(const struct push_key *, const struct push_key *);

/* Names and values, each with a zero behind it; no more than PUSH_KEY_MAX bytes. Returns how many. */
size_t push_key_write(const struct push_key *, char to[PUSH_KEY_MAX]);
/* The same read back. False: it is none. */
bool push_key_read(struct bytes, struct push_key *ret) MUST_CHECK;

#endif
