#include "collectors/spans_tally.h"

#include "loop/loop.h"

enum { TELL_S = 60 };

void spans_tally_init(struct spans_tally *t, struct host *host)
{
	*t = (struct spans_tally){ .host = host };
	t->spans = host_counter(host, "spans_total", "Spans accepted.");
	t->refused = host_counter(host, "spans_refused_total",
		"Spans refused because their ids are not valid; the rest of the request was taken.");
}

void spans_tally_taken(struct spans_tally *t, const struct otlp_made *made, const char *why)
{
	struct mono_time now = loop_now(host_loop(t->host));

	*t->spans += made->spans;
	if (made->refused == 0)
		return;
	*t->refused += made->refused;
	host_refused(t->host, SIGNAL_TRACES, made->refused, made->refused_bytes);
	if (t->told.ns && mono_since(now, t->told).ns < DURATION_S(TELL_S).ns)
		return;
	t->told = now;
	host_log(t->host, LOG_LEVEL_WARN, "a request was %s: %s",
		made->spans > 0 ? "taken without some of its spans" : "refused", why);
}
