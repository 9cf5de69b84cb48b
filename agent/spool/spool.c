#include "spool/spool.h"

#include "spool/offer.h"
#include "spool/rows.h"

static void move(struct spool *s, enum spool_phase to)
{
	static const bool allowed[SPOOL_PHASES][SPOOL_PHASES] = {
		[SPOOL_OPEN] = { [SPOOL_SAVING] = true, [SPOOL_ENDING] = true },
		[SPOOL_SAVING] = { [SPOOL_ENDING] = true },
	};

	OXP_ASSERT(allowed[s->world.phase][to]);
	s->world.phase = to;
}

/* Deleting rows failed before. The same trouble may have kept others from being read. */
static void on_retried(void *context)
{
	spool_refill(context);
}

static void on_left(void *context)
{
	struct spool *s = context;

	drops_again(&s->drops);
	s->world.options.left(s->world.options.context);
}

void spool_init(struct spool *s, const struct spool_options *o)
{
	*s = (struct spool){ .world = { .options = *o } };
	drops_init(&s->drops, &s->world, on_retried, s);
	restores_init(&s->restores, &s->world);
	leave_init(&s->leave, &s->world, on_left, s);
}

void spool_done(struct spool *s)
{
	leave_done(&s->leave);
	restores_done(&s->restores);
	drops_done(&s->drops);
}

enum admit spool_offer(
	struct spool *s, struct source *source, struct batch **batch, void (*done)(void *, int failed), void *context)
{
	return offer_to_disk(s->world.options.state, source, batch, done, context);
}

enum admit spool_offer_anyway(struct spool *s, struct source *source, struct batch **batch)
{
	return offer_to_disk(s->world.options.state, source, batch, NULL, NULL);
}

enum admit spool_offer_behind(struct spool *s, struct source *source, struct batch **batch)
{
	return offer_behind(s->world.options.state, &s->restores, source, batch);
}

enum admit spool_leave(
	struct spool *s, struct source *source, struct batch **batch, void (*done)(void *, int failed), void *context)
{
	return offer_and_leave(s->world.options.state, source, batch, done, context);
}

void spool_unspool(struct spool *s, const struct batch_row *rows, size_t count)
{
	drops_rows(&s->drops, rows, count);
	spool_refill(s);
}

void spool_refill(struct spool *s)
{
	restores_refill(&s->restores);
}

int spool_restore(struct spool *s, struct source *source, struct books_disk *ret_disk)
{
	return restores_source(&s->restores, source, ret_disk);
}

bool spool_is_reading(const struct spool *s, const struct source *source)
{
	return restores_are_reading(&s->restores, source);
}

static void tell_left(void *context, const char *key, uint64_t bytes)
{
	const struct spool_options *o = context;
	char own[STATE_KEY_MAX];

	for (const struct ledger_row *row = o->ledger->rows; row; row = row->next) {
		ledger_key(row, own, sizeof own);
		if (strcmp(own, key) == 0)
			return;
	}
	if (bytes)
		log_warn(o->log, "spool", "%llu bytes wait for \"%s\", which is not in the configuration any more",
			(unsigned long long)bytes, key);
}

void spool_tell_left(const struct spool *s)
{
	state_spool_keys(s->world.options.state, tell_left, (void *)&s->world.options);
}

bool spool_fits(struct bytes payload, const struct ledger_amount *amount)
{
	return rows_fit(payload, amount);
}

void spool_damaged(void *spool, const char *key, uint64_t id, const struct ledger_amount *amount)
{
	restores_damaged(&((struct spool *)spool)->restores, key, id, amount);
}

void spool_save(struct spool *s)
{
	if (s->world.phase == SPOOL_OPEN)
		move(s, SPOOL_SAVING);
	leave_save(&s->leave);
}

void spool_end(struct spool *s)
{
	move(s, SPOOL_ENDING);
	leave_end(&s->leave);
}

void spool_hurry(struct spool *s)
{
	leave_hurry(&s->leave);
}

bool spool_is_idle(const struct spool *s)
{
	return s->drops.commits == 0 && s->leave.commits == 0;
}

uint64_t spool_lost(const struct spool *s)
{
	return s->leave.lost;
}
