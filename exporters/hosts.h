/*
 * Several hosts of one destination: requests go round those that answer; one that failed is left for a while.
 *
 * The while begins at a second and doubles with each failure in a row up to a minute, half of it random, so that many
 * agents do not come back together. When it is over one request goes there to see, and no other until that ended.
 * With every host left they are asked in turn, so that one that is back is found within a round: how often that happens
 * is the sender's back-off.
 */
#ifndef OXP_HOSTS_H
#define OXP_HOSTS_H

#include "base/json_writer.h"
#include "base/clock.h"
#include "base/random.h"
#include "config/option.h"

enum { HOSTS_MAX = 64 };

struct hosts;

/* `path` is added to each URL, whose own path may end in a slash. 1 to HOSTS_MAX of them. */
int hosts_new(const struct option_list *urls, const char *path, struct random *, struct hosts **ret) MUST_CHECK;
void hosts_free(struct hosts *);
/* The number of the host to ask next. */
size_t hosts_pick(struct hosts *, struct mono_time now);
const char *hosts_url(const struct hosts *, size_t); /* with the path */
const char *hosts_base(const struct hosts *, size_t); /* as configured, without a slash at its end */
void hosts_answered(struct hosts *, size_t);
/* No answer worth the name; `why` is kept for hosts_report(). True when another host is to be tried at once. */
bool hosts_failed(struct hosts *, size_t, struct mono_time now, const char *why);
/* The member "hosts" of the object that is open: each without the password that may stand in its URL. */
void hosts_report(const struct hosts *, struct mono_time now, struct json_writer *);

#endif
