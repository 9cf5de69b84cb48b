/*
 * The step `limit`: lets through no more lines than a rate, by a bucket of tokens that is full at the start. Each
 * stream (a file, a door) has its own bucket, so that a noisy one does not silence the others. With `by: all`, one
 * bucket serves them all.
 *
 * A full bucket holds nothing worth keeping, and is forgotten when room is needed. Beyond STREAMS_MAX busy buckets, the
 * other streams share one. Looking for room takes as long as hundreds of lines, so the largest table does it at most
 * once in REST_MS. The clock is the loop's, so lines that were read late count when they are read. If the pipeline has
 * no room for a batch, the batch gives its tokens back.
 */
#include <stdlib.h>
#include <xxhash.h>

#include "config/option.h"
#include "pipeline/step.h"

enum { STREAMS_FIRST = 64, STREAMS_MAX = 16384, REST_MS = 100 };

struct limit_config {
	uint64_t rate, burst;
	unsigned by;
};

/* Tokens are counted in billionths, so that at a line a second each nanosecond adds one billionth. */
struct bucket {
	uint64_t stream;
	unsigned __int128 tokens;
	struct mono_time filled;
	uint32_t taken; /* since the last ended() */
	bool used;
};

struct step {
	uint64_t rate;
	unsigned __int128 room;
	bool all;
	struct bucket *buckets; /* open addressing; at most half of it is used */
	size_t size, count;
	struct mono_time rebuilt;
	struct bucket shared; /* for `by: all`, and for streams beyond STREAMS_MAX */
	struct bucket **touched;
	size_t touched_count;
};

enum { TOKEN = 1000000000 };

static const char *const by_words[] = { "stream", "all", NULL };

static const struct option rows[] = {
	{ OPT_COUNT(struct limit_config, rate), .name = "rate", .main = true, .required = true, .min = 1,
		.max = 1000000000, .example = "1000", .help = "Lines a second." },
	{ OPT_COUNT(struct limit_config, burst), .name = "burst", .text = "rate", .zero = "rate", .min = 1,
		.max = 1000000000,
		.help = "Lines that may come at once after a quiet time; rate: as many as in a second." },
	{ OPT_CHOICE(struct limit_config, by, by_words), .name = "by", .text = "stream",
		.help = "stream: each file or door has the rate for itself; all: they share it." },
	{ .name = NULL },
};

static void make_table(struct step *s, size_t size)
{
	s->size = size;
	s->count = 0;
	s->buckets = oxp_new(size * sizeof *s->buckets);
	free(s->touched);
	s->touched = oxp_new((size + 1) * sizeof(struct bucket *));
	s->touched_count = 0;
}

static int create(const void *config, struct host *host, struct step **ret)
{
	const struct limit_config *c = config;
	struct step *s = oxp_new(sizeof *s);

	(void)host;
	s->rate = c->rate;
	s->room = (unsigned __int128)(c->burst ? c->burst : c->rate) * TOKEN;
	s->all = c->by == 1;
	make_table(s, STREAMS_FIRST);
	*ret = s;
	return 0;
}

static void fill(const struct step *s, struct bucket *b, struct mono_time now)
{
	int64_t passed = b->used ? mono_since(now, b->filled).ns : 0;

	b->tokens = b->used ? b->tokens + (unsigned __int128)(passed > 0 ? passed : 0) * s->rate : s->room;
	if (b->tokens > s->room)
		b->tokens = s->room;
	b->filled = now;
	b->used = true;
}

/* Returns the stream's bucket, or the free place where it would be. */
static struct bucket *find(const struct step *s, uint64_t stream)
{
	size_t at = XXH3_64bits(&stream, sizeof stream) & (s->size - 1);

	while (s->buckets[at].used && s->buckets[at].stream != stream)
		at = (at + 1) & (s->size - 1);
	return &s->buckets[at];
}

static void touch(struct step *s, struct bucket *b)
{
	if (b->taken == 0)
		s->touched[s->touched_count++] = b;
}

/* Leaves behind the buckets that are full by now and took nothing since the last settle(). Doubles the room if that is
 * not enough. */
static void rebuild(struct step *s, struct mono_time now)
{
	struct bucket *old = s->buckets;
	size_t size = s->size, busy = 0;

	for (size_t i = 0; i < size; i++) {
		if (old[i].used)
			fill(s, &old[i], now);
		busy += old[i].used && (old[i].tokens < s->room || old[i].taken > 0);
	}
	make_table(s, busy > size / 4 && size < 2 * STREAMS_MAX ? 2 * size : size);
	for (size_t i = 0; i < size; i++)
		if (old[i].used && (old[i].tokens < s->room || old[i].taken > 0)) {
			struct bucket *b = find(s, old[i].stream);
			*b = old[i];
			s->count++;
			if (b->taken > 0)
				s->touched[s->touched_count++] = b;
		}
	if (s->shared.taken > 0)
		s->touched[s->touched_count++] = &s->shared;
	s->rebuilt = now;
	free(old);
}

static bool may_rebuild(const struct step *s, struct mono_time now)
{
	return s->size < 2 * STREAMS_MAX || mono_since(now, s->rebuilt).ns >= DURATION_MS(REST_MS).ns;
}

static struct bucket *bucket_of(struct step *s, const struct record *record)
{
	struct bucket *b;

	if (s->all)
		return &s->shared;
	b = find(s, record->generation);
	if (b->used)
		return b;
	if (2 * (s->count + 1) > s->size && may_rebuild(s, record->now)) {
		rebuild(s, record->now);
		b = find(s, record->generation);
	}
	if (2 * (s->count + 1) > s->size)
		return &s->shared;
	b->stream = record->generation;
	s->count++;
	return b;
}

static enum step_answer apply(struct step *s, struct record *record)
{
	struct bucket *b = bucket_of(s, record);

	fill(s, b, record->now);
	if (b->tokens < TOKEN)
		return STEP_DROP;
	touch(s, b);
	b->tokens -= TOKEN;
	b->taken++;
	return STEP_KEEP;
}

static void ended(struct step *s, bool taken)
{
	for (size_t i = 0; i < s->touched_count; i++) {
		struct bucket *b = s->touched[i];
		if (!taken)
			b->tokens += (unsigned __int128)b->taken * TOKEN;
		b->taken = 0;
	}
	s->touched_count = 0;
}

static void destroy(struct step *s)
{
	if (!s)
		return;
	free(s->buckets);
	free(s->touched);
	free(s);
}

const struct step_type step_limit = {
	.name = "limit",
	.summary = "Leaves out log lines above a rate.",
	.signals = SIGNAL_LOGS,
	.options = rows,
	.config_size = sizeof(struct limit_config),
	.create = create,
	.apply = apply,
	.ended = ended,
	.destroy = destroy,
};
