#include "pipeline/window.h"

enum { FIRST = 2, SLOW = 3, SLACK_MS = 20, FORGET = 1000, OPENING_MS = 1000 };
static const double LESS = 0.1, OPENING_SLOWLY = 1.1;

static void stay_within(struct window *w)
{
	if (w->allowed > w->ceiling)
		w->allowed = w->ceiling;
	if (w->allowed < 1.0 / WINDOW_PARTS)
		w->allowed = 1.0 / WINDOW_PARTS;
}

void window_init(struct window *w, uint64_t ceiling)
{
	*w = (struct window){ .allowed = FIRST, .ceiling = ceiling > 0 ? (double)ceiling : 1 };
	stay_within(w);
}

size_t window_size(const struct window *w)
{
	return w->allowed < 1 ? 1 : (size_t)w->allowed;
}

double window_part(const struct window *w)
{
	return w->allowed < 1 ? w->allowed : 1;
}

/* Notes the fastest answer so far. Each slower one moves it closer by a thousandth of the difference. */
static void note_best(struct window *w, double ms)
{
	if (w->best_ms == 0 || ms < w->best_ms)
		w->best_ms = ms;
	else
		w->best_ms += (ms - w->best_ms) / FORGET;
}

/* Opens the window up to one batch. Beyond that, answers are compared with each other. */
static void open_further(struct window *w, double ms)
{
	w->allowed *= ms <= OPENING_MS ? 2 : OPENING_SLOWLY;
	if (w->allowed > 1)
		w->allowed = 1;
}

void window_took(struct window *w, struct duration took, bool brim)
{
	double ms = duration_seconds(took) * 1e3;

	if (!brim)
		return;
	if (w->allowed < 1) {
		open_further(w, ms);
		return;
	}
	note_best(w, ms);
	if (ms <= w->best_ms * SLOW + SLACK_MS)
		w->allowed += 1 / w->allowed;
	else if (w->allowed > FIRST)
		w->allowed = w->allowed > FIRST + LESS ? w->allowed - LESS : FIRST;
	stay_within(w);
}

void window_refused(struct window *w, bool again)
{
	if (again || w->allowed >= 2)
		w->allowed /= 2;
	else if (w->allowed > 1)
		w->allowed = 1;
	stay_within(w);
}
