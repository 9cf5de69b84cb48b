#include "pipeline/scout.h"

enum {
	PATIENCE_MS = 1000,
	SLACK = 2, /* answers that take this many times as long as usual are no silence */
	FORGET = 32, /* each faster answer brings the usual down by this part */
	STAY = 2, /* how many times the patience a scout has: a destination that is back may be busy */
	MOMENT = 4, /* the part of the patience that what is under way has left when a scout was taken */
};

/* Only a scout that is out is taken. */
static const bool moves[SCOUT_PHASES][SCOUT_PHASES] = {
	[SCOUT_RESTS] = { [SCOUT_LISTENS] = true },
	[SCOUT_LISTENS] = { [SCOUT_RESTS] = true, [SCOUT_OUT] = true },
	[SCOUT_OUT] = { [SCOUT_LISTENS] = true, [SCOUT_TAKEN] = true },
	[SCOUT_TAKEN] = { [SCOUT_RESTS] = true, [SCOUT_LISTENS] = true },
};

static void move(struct scout *s, enum scout_phase to)
{
	OXP_ASSERT(moves[s->phase][to]);
	s->phase = to;
}

static struct duration patience(const struct scout *s)
{
	int64_t ns = DURATION_MS(PATIENCE_MS).ns;

	if (ns < SLACK * s->usual.ns)
		ns = SLACK * s->usual.ns;
	return (struct duration){ ns > s->least.ns ? ns : s->least.ns };
}

/* A little less than the patience, so that agents whose destination fell silent at the same moment spread out; not so
 * little that more than SCOUTS_MAX are out. */
static struct duration pause_between(const struct scout *s)
{
	int64_t ns = patience(s).ns;

	return (struct duration){ ns - (int64_t)random_below(s->random, (uint64_t)ns / 4 + 1) };
}

static void listen_anew(struct scout *s)
{
	loop_timer_set(&s->timer, patience(s));
}

static void send_one(struct scout *s)
{
	const struct send *elder = s->hooks->elder(s->context);
	struct send *scout;

	loop_timer_set(&s->timer, pause_between(s));
	if (!elder || s->count == SCOUTS_MAX)
		return;
	if (s->phase == SCOUT_LISTENS)
		move(s, SCOUT_OUT);
	scout = send_beside(elder, 1, &s->out);
	s->count++;
	s->sent++;
	loop_timer_set(&scout->patience, (struct duration){ STAY * patience(s).ns });
	s->hooks->go(s->context, scout);
}

static void on_silence(void *context)
{
	struct scout *s = context;

	if (s->phase == SCOUT_TAKEN) {
		move(s, SCOUT_LISTENS);
		listen_anew(s);
		s->hooks->call_back(s->context, s->begun);
		return;
	}
	send_one(s);
}

void scout_init(
	struct scout *s, struct loop *loop, struct random *random, const struct scout_hooks *hooks, void *context)
{
	*s = (struct scout){ .loop = loop, .random = random, .hooks = hooks, .context = context };
	TAILQ_INIT(&s->out);
	loop_timer_init(&s->timer, loop, on_silence, s);
}

void scout_free(struct scout *s)
{
	struct send *scout;

	while ((scout = TAILQ_FIRST(&s->out)))
		send_free(scout);
	loop_timer_done(&s->timer);
}

bool scout_is(const struct scout *s, const struct send *send)
{
	return send->queue == &s->out;
}

void scout_began(struct scout *s, struct duration least)
{
	s->least = least;
	if (s->phase != SCOUT_RESTS)
		return;
	move(s, SCOUT_LISTENS);
	listen_anew(s);
}

void scout_withdraw(struct scout *s)
{
	struct send *scout;

	while ((scout = TAILQ_FIRST(&s->out)))
		s->hooks->cancel(s->context, scout);
}

/* One answer that took very long says little: a process that was stopped may have gone on. Several in a row do. */
static void learn(struct scout *s, struct duration took)
{
	int64_t most = SLACK * patience(s).ns, seen = took.ns < most ? took.ns : most;

	s->missed = 0;
	s->usual.ns -= s->usual.ns / FORGET;
	if (s->usual.ns < seen)
		s->usual.ns = seen;
}

void scout_ended(struct scout *s, size_t under_way, const struct duration *took)
{
	OXP_ASSERT(s->count == 0);
	if (took)
		learn(s, *took);
	if (under_way == 0) {
		loop_timer_clear(&s->timer);
		move(s, SCOUT_RESTS);
	} else if (s->phase == SCOUT_LISTENS && took) {
		listen_anew(s);
	}
}

void scout_hurry(struct scout *s)
{
	if (s->phase == SCOUT_LISTENS)
		loop_timer_set(&s->timer, DURATION_MS(0));
}

unsigned scout_done(struct scout *s, struct send *scout, bool taken)
{
	unsigned missed = s->missed;

	if (taken && s->phase == SCOUT_OUT) {
		move(s, SCOUT_TAKEN);
		s->begun = scout->begun;
		loop_timer_set(&s->timer, (struct duration){ patience(s).ns / MOMENT });
	}
	send_free(scout);
	s->count--;
	if (taken)
		scout_withdraw(s);
	else if (s->phase == SCOUT_OUT && s->count == 0)
		move(s, SCOUT_LISTENS);
	s->missed = taken ? 0 : missed + 1;
	return missed;
}

void scout_check(const struct scout *s, size_t under_way)
{
	OXP_ASSERT((s->phase == SCOUT_RESTS) == (under_way == 0));
	OXP_ASSERT(loop_timer_pending(&s->timer) == (under_way > 0));
	OXP_ASSERT((s->phase == SCOUT_OUT) == (s->count > 0) && s->count <= SCOUTS_MAX);
	OXP_ASSERT((s->count > 0) == !TAILQ_EMPTY(&s->out));
	for (enum scout_phase from = 0; from < SCOUT_PHASES; from++)
		OXP_ASSERT(moves[from][SCOUT_TAKEN] == (from == SCOUT_OUT));
}
