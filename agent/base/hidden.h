/*
 * The secrets that we send to a peer, so that they can be removed from what the peer says.
 *
 * Servers and proxies quote a request that they refuse, its Authorization included, and what they say is logged, shown
 * on /status and stored with parked records. A secret is looked for as it is in the request and as it is in JSON, whole
 * or cut off.
 */
#ifndef OXP_HIDDEN_H
#define OXP_HIDDEN_H

#include "base/bytes.h"

enum { HIDDEN_MIN = 4 }; /* shorter ones occur in too many words */

struct hidden {
	struct buffer texts; /* each with a zero behind it */
};

void hidden_init(struct hidden *);
void hidden_done(struct hidden *);
/* Ignores secrets of less than HIDDEN_MIN bytes. 0, -ENOSPC or -ENOMEM. */
int hidden_add(struct hidden *, struct bytes secret) MUST_CHECK;
/* For basic authentication: the password alone, and both as they are sent. */
int hidden_add_user(struct hidden *, const char *user_password) MUST_CHECK;
/* The password in a URL, as written and as sent, and the values in its query. */
int hidden_add_url(struct hidden *, const char *url) MUST_CHECK;
/* Puts *** in place of each secret, or of its beginning if the text was cut within it. The text does not get longer. */
void hidden_take_out(const struct hidden *, char *text);

#endif
