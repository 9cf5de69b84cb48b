/*
 * What proves to a peer who we are, so that it can be taken out of what the peer says.
 *
 * Servers and proxies quote a request that they refuse, its Authorization among it, and what they say is logged, stands
 * on /status and with what is parked. A secret is looked for as it is in the request and in JSON, whole or cut.
 */
#ifndef OXP_HIDDEN_H
#define OXP_HIDDEN_H

#include "base/bytes.h"

enum { HIDDEN_MIN = 4 }; /* less is in too many words */

struct hidden {
	struct buffer texts; /* each with a zero behind it */
};

void hidden_init(struct hidden *);
void hidden_done(struct hidden *);
/* Does nothing with less than HIDDEN_MIN bytes. 0, -ENOSPC or -ENOMEM. */
int hidden_add(struct hidden *, struct bytes secret) MUST_CHECK;
/* As in basic authentication: the password by itself, and both as they are sent. */
int hidden_add_user(struct hidden *, const char *user_password) MUST_CHECK;
/* The password in a URL, as written there and as sent, and the values in its query. */
int hidden_add_url(struct hidden *, const char *url) MUST_CHECK;
/* *** in place of each, and of its beginning where the text was cut within it. The text gets no longer. */
void hidden_take_out(const struct hidden *, char *text);

#endif
