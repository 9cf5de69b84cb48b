#include "pipeline/standing.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum { REFUSALS_EVERY_S = 60 };

void standing_waits(struct standing *s, struct mono_time now)
{
	s->waits_since = now;
}

void standing_took(struct standing *s, struct mono_time now, struct wall_time at)
{
	s->waits_since = s->last_delivered = now;
	s->last_delivered_at = at;
	s->refused_first = s->refused_last = (struct mono_time){ 0 };
}

void standing_refused(struct standing *s, struct mono_time now)
{
	s->waits_since = s->refused_last = now;
	if (!s->refused_first.ns)
		s->refused_first = now;
}

enum sender_verdict standing_verdict(const struct standing *s, bool waits, struct mono_time now, struct duration bound)
{
	if (waits && mono_since(now, s->waits_since).ns > bound.ns)
		return SENDER_STALLED;
	if (s->refused_first.ns && mono_since(s->refused_last, s->refused_first).ns > bound.ns)
		return SENDER_REFUSES;
	return SENDER_DELIVERS;
}

void standing_reason(struct standing *s, const char *reason)
{
	if (!reason || !*reason)
		return;
	snprintf(s->reason, sizeof s->reason, "%s", reason);
	text_one_line(s->reason);
}

/* Keeps the part before the colon. What follows may quote a record or a proxy's error page. */
void standing_failure(struct standing *s, const char *reason)
{
	int size = reason ? (int)strcspn(reason, ":") : 0;

	snprintf(s->failure, sizeof s->failure, "%.*s", size, reason ? reason : "");
	text_one_line(s->failure);
}

void standing_recovered(struct standing *s, bool keep_reason)
{
	s->failure[0] = '\0';
	if (!keep_reason)
		s->reason[0] = '\0';
}

/* A wrong mapping refuses every line, so refusals are logged once in a while. They are always counted. */
bool standing_tells_refused(struct standing *s, struct mono_time now)
{
	if (s->told_refused.ns && mono_since(now, s->told_refused).ns < DURATION_S(REFUSALS_EVERY_S).ns)
		return false;
	s->told_refused = now;
	return true;
}
