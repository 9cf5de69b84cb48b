#include "base/log_limit.h"

#include <stdio.h>
#include <string.h>

static void fill(struct log_kind *p, struct mono_time now)
{
	int64_t every = DURATION_S(LOG_EVERY_S).ns, more = mono_since(now, p->filled).ns / every;

	if (p->tokens + more >= LOG_BURST) {
		p->tokens = LOG_BURST;
		p->filled = now;
		return;
	}
	p->tokens += (unsigned)more;
	p->filled.ns += more * every;
}

bool log_kind_take(struct log_kind *p, struct mono_time now)
{
	fill(p, now);
	if (p->tokens == 0)
		return false;
	p->tokens--;
	return true;
}

struct log_kind *log_kind_find(
	struct log_limit *l, struct mono_time now, const char *who, const char *format, struct log_kind *ret_gone)
{
	struct log_kind *oldest = &l->kinds[0];

	ret_gone->held = 0;
	for (size_t i = 0; i < LOG_KINDS; i++) {
		struct log_kind *p = &l->kinds[i];
		if (p->format == format && strncmp(p->who, who, LOG_WHO_MAX - 1) == 0)
			return p;
		if (oldest->format && (!p->format || p->filled.ns < oldest->filled.ns))
			oldest = p;
	}
	if (oldest->held)
		*ret_gone = *oldest;
	*oldest = (struct log_kind){ .format = format, .tokens = LOG_BURST, .filled = now };
	snprintf(oldest->who, sizeof oldest->who, "%s", who);
	return oldest;
}
