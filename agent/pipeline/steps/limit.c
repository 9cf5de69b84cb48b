/*
 * The step `limit`: no more lines than a rate, by a bucket of tokens that is full at the start.
 *
 * The clock is the loop's, so lines that were read late count when they are read. A batch that the pipeline has no room
 * for gives its tokens back.
 */
#include <stdlib.h>

#include "config/option.h"
#include "pipeline/step.h"

struct limit_config {
	uint64_t rate, burst;
};

/* Tokens in billionths, so that a nanosecond at a line a second is one of them. */
struct bucket {
	unsigned __int128 tokens;
	struct mono_time filled;
	bool begun;
};

struct step {
	uint64_t rate;
	unsigned __int128 room;
	struct bucket now, settled;
};

enum { TOKEN = 1000000000 };

static const struct option rows[] = {
	{ OPT_COUNT(struct limit_config, rate), .name = "rate", .main = true, .required = true, .min = 1,
		.max = 1000000000, .example = "1000", .help = "Lines a second." },
	{ OPT_COUNT(struct limit_config, burst), .name = "burst", .text = "rate", .zero = "rate", .min = 1,
		.max = 1000000000, .help = "Lines at once after a quiet time; rate: those of one second." },
	{ .name = NULL },
};

static int create(const void *config, struct host *host, struct step **ret)
{
	const struct limit_config *c = config;
	struct step *s = oxp_new(sizeof *s);

	(void)host;
	s->rate = c->rate;
	s->room = (unsigned __int128)(c->burst ? c->burst : c->rate) * TOKEN;
	s->now.tokens = s->settled.tokens = s->room;
	*ret = s;
	return 0;
}

static void fill(struct step *s, struct mono_time now)
{
	struct bucket *b = &s->now;
	int64_t passed = b->begun ? mono_since(now, b->filled).ns : 0;

	b->tokens += (unsigned __int128)(passed > 0 ? passed : 0) * s->rate;
	if (b->tokens > s->room)
		b->tokens = s->room;
	b->filled = now;
	b->begun = true;
}

static enum step_answer apply(struct step *s, struct record *record)
{
	fill(s, record->now);
	if (s->now.tokens < TOKEN)
		return STEP_DROP;
	s->now.tokens -= TOKEN;
	return STEP_KEEP;
}

static void settle(struct step *s, bool taken)
{
	if (taken)
		s->settled = s->now;
	else
		s->now = s->settled;
}

static void destroy(struct step *s)
{
	free(s);
}

const struct step_type step_limit = {
	.name = "limit",
	.summary = "Leaves out log lines beyond a rate.",
	.signals = SIGNAL_LOGS,
	.options = rows,
	.config_size = sizeof(struct limit_config),
	.create = create,
	.apply = apply,
	.settle = settle,
	.destroy = destroy,
};
