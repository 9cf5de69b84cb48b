/*
 * The step `sample` of spans: keeps a part of them, by a ratio or up to a rate, and always those of `errors` and
 * `slower`.
 *
 * The ratio is an equalizing downstream sampler (OpenTelemetry specification, "TraceState: Probability Sampling"):
 * what decides is the trace's randomness, so that all spans of a trace, here and in other agents, are kept or left
 * out together. A span that an earlier sampler kept with less probability stays as it is; every other one that stays
 * says in its tracestate which threshold it has passed. A threshold that contradicts the randomness is taken out.
 *
 * A span that is kept because of an error or its duration was not sampled by this step, so its threshold stays. One
 * that passed a rate was kept with a probability that nobody knows, so it has none.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "pipeline/span_where.h"
#include "pipeline/step.h"
#include "proto/otlp_walk.h"
#include "proto/trace_state.h"

enum { TOKEN = 1000000000, STATE_MAX = 64 << 10 };

struct sample_config {
	const char *ratio;
	uint64_t rate;
	bool errors;
	struct duration slower;
	const struct option_map *where;
};

/* Tokens are counted in billionths, so that at a span a second each nanosecond adds one billionth. */
struct step {
	struct span_where where;
	bool by_ratio, errors;
	uint64_t threshold, rate, slower_ns;
	unsigned __int128 tokens;
	struct mono_time filled;
	uint64_t taken; /* since the last ended() */
};

static const struct option rows[] = {
	{ OPT_TEXT(struct sample_config, ratio), .name = "ratio", .main = true, .example = "0.1",
		.help = "Share of traces that is kept, from 0 to 1, by the same rule as in SDKs and other "
			"collectors." },
	{ OPT_COUNT(struct sample_config, rate), .name = "rate", .text = "off", .zero = "off", .min = 1,
		.max = 1000000000, .help = "Most spans a second of those that the ratio keeps." },
	{ OPT_BOOL(struct sample_config, errors), .name = "errors", .text = "false",
		.help = "Keeps every span whose status is error." },
	{ OPT_DURATION(struct sample_config, slower), .name = "slower", .text = "off", .zero = "off", .min = 1,
		.help = "Keeps every span that took at least this long." },
	{ OPT_MAP(struct sample_config, where), .name = "where", .example = "{ kind: server|client }",
		.help = SPAN_WHERE_HELP },
	{ .name = NULL },
};

static bool read_ratio(const char *text, double *ret)
{
	char *end;
	double ratio = strtod(text, &end);

	*ret = ratio;
	return end > text && !*end && isfinite(ratio) && ratio >= 0 && ratio <= 1;
}

static bool check(const void *config, char *why, size_t room)
{
	const struct sample_config *c = config;
	struct span_where where;
	double ratio;

	if (!span_where_read(&where, c->where, why, room))
		return false;
	if (c->ratio && !read_ratio(c->ratio, &ratio)) {
		snprintf(why, room, "ratio: \"%s\"; expected a number from 0 to 1", c->ratio);
		return false;
	}
	snprintf(why, room, "neither ratio nor rate is given: every span would stay");
	return c->ratio || c->rate > 0;
}

static int create(const void *config, struct host *host, struct step **ret)
{
	const struct sample_config *c = config;
	struct step *s = oxp_new(sizeof *s);
	double ratio = 1;
	char why[256];
	bool fine =
		span_where_read(&s->where, c->where, why, sizeof why) && (!c->ratio || read_ratio(c->ratio, &ratio));

	(void)host;
	OXP_ASSERT(fine && "check() has been asked");
	s->by_ratio = c->ratio;
	s->threshold = sampling_threshold(ratio);
	s->errors = c->errors;
	s->rate = c->rate;
	s->slower_ns = (uint64_t)c->slower.ns;
	s->tokens = (unsigned __int128)c->rate * TOKEN;
	*ret = s;
	return 0;
}

static bool is_always_kept(const struct step *s, const struct otlp_view *span)
{
	return (s->errors && span->status == OTLP_STATUS_ERROR) ||
	       (s->slower_ns > 0 && span_duration_ns(span) >= s->slower_ns);
}

static bool take_token(struct step *s, struct mono_time now)
{
	int64_t passed = s->filled.ns ? mono_since(now, s->filled).ns : 0;
	unsigned __int128 full = (unsigned __int128)s->rate * TOKEN;

	s->tokens += (unsigned __int128)(passed > 0 ? passed : 0) * s->rate;
	s->tokens = s->tokens < full ? s->tokens : full;
	s->filled = now;
	if (s->tokens < TOKEN)
		return false;
	s->tokens -= TOKEN;
	s->taken++;
	return true;
}

/* SAMPLING_END: none. False: no room. */
static bool set_threshold(struct record *record, struct bytes state, uint64_t threshold)
{
	char *to = state.size <= STATE_MAX ? otlp_edit_room(record->request, state.size + TRACE_STATE_MORE) : NULL;
	struct bytes written = { to, 0 };

	if (!to)
		return false;
	written.size = trace_state_write(state, threshold, to);
	return otlp_view_set(record->view, OTLP_SPAN_TRACE_STATE, written);
}

static enum step_answer apply(struct step *s, struct record *record)
{
	struct otlp_view *span = record->view;
	struct sampling now;
	struct bytes state;
	uint64_t wanted;

	if (span->level != OTLP_SPAN || !span_where_fits(&s->where, record) || is_always_kept(s, span))
		return STEP_KEEP;
	state = otlp_view_text(span, OTLP_SPAN_TRACE_STATE);
	now = trace_state_sampling(state, span->trace_id);
	if (s->by_ratio && now.randomness < s->threshold && !(now.has_threshold && now.threshold >= s->threshold))
		return STEP_DROP;
	if (s->rate > 0 && !take_token(s, record->now))
		return STEP_DROP;
	wanted = now.has_threshold && now.threshold > s->threshold ? now.threshold : s->threshold;
	if (s->rate > 0 || (now.has_threshold && now.randomness < now.threshold))
		wanted = SAMPLING_END;
	if (now.has_threshold ? wanted == now.threshold : wanted == SAMPLING_END)
		return STEP_KEEP;
	return set_threshold(record, state, wanted) ? STEP_KEEP : STEP_DROP;
}

static void ended(struct step *s, bool taken)
{
	if (!taken)
		s->tokens += (unsigned __int128)s->taken * TOKEN;
	s->taken = 0;
}

static void destroy(struct step *s)
{
	free(s);
}

const struct step_type step_span_sample = {
	.name = "sample",
	.summary = "Keeps a share of the spans, all spans of a trace alike.",
	.signals = SIGNAL_TRACES,
	.options = rows,
	.config_size = sizeof(struct sample_config),
	.check = check,
	.create = create,
	.samples = true,
	.apply = apply,
	.ended = ended,
	.destroy = destroy,
};
