#include "pipeline/budget.h"

enum { GUARANTEED_PART = 8 /* an eighth of the limit for each signal */ };

static size_t index_of(enum signal signal)
{
	return signal == SIGNAL_METRICS ? 0 : signal == SIGNAL_LOGS ? 1 : 2;
}

void budget_init(struct budget *b, size_t limit)
{
	*b = (struct budget){ .limit = limit };
	for (size_t i = 0; i < BUDGET_SIGNALS; i++)
		b->guaranteed[i] = limit / GUARANTEED_PART;
}

/* Bytes that are used, plus bytes that are guaranteed to a signal and not used yet. */
static size_t spoken_for(const struct budget *b)
{
	size_t sum = 0;

	for (size_t i = 0; i < BUDGET_SIGNALS; i++)
		sum += b->used[i] > b->guaranteed[i] ? b->used[i] : b->guaranteed[i];
	return sum;
}

/* Takes the bytes for the signal. Changes nothing if they do not fit. */
static bool try_take(struct budget *b, size_t at, size_t bytes)
{
	b->used[at] += bytes;
	if (spoken_for(b) <= b->limit)
		return true;
	b->used[at] -= bytes;
	return false;
}

bool budget_take(struct budget *b, enum signal signal, size_t bytes)
{
	size_t at = index_of(signal);

	if (try_take(b, at, bytes)) {
		b->taken += bytes;
		return true;
	}
	if (!b->refused[at] || bytes < b->refused[at])
		b->refused[at] = bytes;
	return false;
}

/* Whether a request that was refused would fit now. The bytes given back may be fewer than it needs. */
static bool would_fit_now(struct budget *b)
{
	for (size_t i = 0; i < BUDGET_SIGNALS; i++)
		if (b->refused[i] && try_take(b, i, b->refused[i])) {
			b->used[i] -= b->refused[i];
			return true;
		}
	return false;
}

void budget_give(struct budget *b, enum signal signal, size_t bytes)
{
	size_t *used = &b->used[index_of(signal)];

	OXP_ASSERT(*used >= bytes);
	*used -= bytes;
	if (!b->freed || !would_fit_now(b))
		return;
	memset(b->refused, 0, sizeof b->refused);
	b->freed(b->context);
}

size_t budget_used(const struct budget *b)
{
	size_t sum = 0;

	for (size_t i = 0; i < BUDGET_SIGNALS; i++)
		sum += b->used[i];
	return sum;
}

size_t budget_most(const struct budget *b, enum signal signal)
{
	size_t most = b->limit;

	for (size_t i = 0; i < BUDGET_SIGNALS; i++)
		if (i != index_of(signal))
			most -= b->guaranteed[i];
	return most;
}

bool budget_is_shared(const struct budget *b)
{
	return b->used[index_of(SIGNAL_LOGS)] + b->used[index_of(SIGNAL_TRACES)] > b->limit / GUARANTEED_PART;
}

void budget_check(const struct budget *b)
{
	OXP_ASSERT(spoken_for(b) <= b->limit);
}
