/*
 * Several hosts of one destination: requests take turns among those that answer; one that failed is left alone for a
 * while.
 *
 * That time begins at a second and doubles with each failure in a row, up to a minute; half of it is random, so that
 * many agents do not come back together. When it is over, one request goes there as a trial, and no other until it has
 * ended. If every host is left alone they are tried one after another, so one that is back is found within a round; how
 * often that happens is the sender's back-off.
 */
#ifndef OXP_HOSTS_H
#define OXP_HOSTS_H

#include "base/json_writer.h"
#include "base/clock.h"
#include "base/random.h"
#include "config/option.h"

enum { HOSTS_MAX = 64 };

struct hosts;

/* `path` is added to each URL, whose own path may end in a slash; "": the URLs are whole. 1 to HOSTS_MAX of them. 0 or
 * -errno. */
int hosts_new(const struct option_list *urls, const char *path, struct random *, struct hosts **ret) MUST_CHECK;
void hosts_free(struct hosts *);
/* The number of the host to ask next. */
size_t hosts_pick(struct hosts *, struct mono_time now);
const char *hosts_url(const struct hosts *, size_t); /* with the path */
const char *hosts_base(const struct hosts *, size_t); /* as configured, without a slash at its end */
void hosts_answered(struct hosts *, size_t);
/* The host failed; `why` is for hosts_report(). True if another host is to be tried at once. */
bool hosts_failed(struct hosts *, size_t, struct mono_time now, const char *why);
/* The member "hosts" of the object that is open: each without the password that may stand in its URL. */
void hosts_report(const struct hosts *, struct mono_time now, struct json_writer *);

#endif
