#include "pipeline/suspects.h"

enum {
	STRIKES_MAX = 8, /* failed tries after which a send is a suspect */
	STRIKES_UNANSWERED = 3, /* a try without an answer counts for this many */
	STRIKES_ASKED = 2 * STRIKES_UNANSWERED, /* from here on an empty send tells whether any gets an answer */
	LONE_SPLITS_MAX = 30, /* fewer splits take a batch down to one item */
};

void suspects_init(struct suspects *s, bool empties)
{
	*s = (struct suspects){ .empties = empties };
}

bool suspects_has(const struct send *send)
{
	return send->suspicion.strikes >= STRIKES_MAX;
}

/* That others were taken has not been used to refuse a send yet. Otherwise a destination that takes one send and goes
 * away again would have all waiting sends refused in a row. */
bool suspects_is_compared(const struct suspects *s, const struct send *send)
{
	return send->suspicion.takings_seen != s->takings && s->takings_used != s->takings;
}

/* Whether a send of no items can tell if this one is to blame. */
static bool can_be_vouched(const struct suspects *s, const struct send *send)
{
	return s->empties && send->suspicion.unanswered && send->suspicion.strikes >= STRIKES_ASKED && !s->unheard;
}

bool suspects_keep_whole(const struct suspects *s)
{
	return s->lone_splits >= LONE_SPLITS_MAX;
}

void suspects_cut(struct suspects *s)
{
	s->lone_splits++;
}

/* Whether the next try of this suspect shows nothing new. */
static bool is_tried_out(const struct suspects *s, const struct send *send)
{
	return send->suspicion.tried && (send->left < 2 || suspects_keep_whole(s)) && !can_be_vouched(s, send);
}

/* One that can be compared goes first; then the smaller one, so that single items are reached in a few tries, and few
 * pieces wait at a time. */
bool suspects_goes_before(const struct suspects *s, const struct send *a, const struct send *b)
{
	bool compared = suspects_is_compared(s, a), out = !compared && is_tried_out(s, a);

	if (compared != suspects_is_compared(s, b))
		return compared;
	if (!compared && out != is_tried_out(s, b))
		return !out;
	return out ? a->suspicion.strikes < b->suspicion.strikes : a->left < b->left;
}

/* While others are under way, one that can be compared does without. */
bool suspects_must_ask(const struct suspects *s, const struct send *send, bool alone)
{
	if (!can_be_vouched(s, send) || s->vouched)
		return false;
	return alone || !suspects_has(send) || !suspects_is_compared(s, send);
}

void suspects_heard(struct suspects *s, bool answered)
{
	s->vouched = answered;
	s->unheard = !answered;
	if (answered)
		s->lone_splits = 0;
}

/* Halves of a suspect are suspects too, and each has to be compared. */
static void halve(const struct suspects *s, struct send *send)
{
	send->suspicion.strikes = STRIKES_MAX;
	send->suspicion.tried = false;
	send->suspicion.takings_seen = s->takings;
	send_halve(send);
}

/* A suspect without other sends beside it is halved, so that its halves can be compared. */
void suspects_halve_alone(struct suspects *s, struct send *send)
{
	if (!suspects_has(send) || suspects_is_compared(s, send) || !send->suspicion.tried || send->left < 2)
		return;
	if (suspects_keep_whole(s))
		return;
	s->lone_splits++;
	halve(s, send);
}

void suspects_begin(struct suspects *s, struct send *send)
{
	struct suspicion *of = &send->suspicion;

	of->on_trial = suspects_has(send) && suspects_is_compared(s, send);
	of->vouched = s->vouched && can_be_vouched(s, send);
	of->again = of->tried;
	of->tried = true;
	s->vouched = s->unheard = false; /* they are about the destination as it was a moment ago */
}

/* Whether this try shows that the send is to blame: it got no answer twice, beside an empty one that got one. */
static bool fails_vouched(const struct send *send, enum outcome rest)
{
	const struct suspicion *of = &send->suspicion;

	return of->vouched && of->again && suspects_has(send) && rest == UNANSWERED && !send->elsewhere;
}

/* A single item cannot be split, and is refused if it fails on trial. */
enum outcome suspects_settle_as(const struct send *send, enum outcome rest)
{
	bool alone = send->left == 1 && !send->named;

	if (alone && (rest == SPLIT || (send->suspicion.on_trial && send_failed(rest)) || fails_vouched(send, rest)))
		return REJECTED;
	return rest == DELIVERED || rest == REJECTED ? rest : RETRY;
}

/* That others were taken is used up with that. */
const char *suspects_convict(struct suspects *s, const struct send *send)
{
	if (!send->suspicion.on_trial)
		return "empty requests were answered";
	s->takings_used = s->takings;
	return "others were taken";
}

bool suspects_refuse_item(const struct send *send)
{
	const struct suspicion *of = &send->suspicion;

	return of->on_trial || (of->company && of->strikes + 1 >= STRIKES_MAX);
}

void suspects_ended(struct suspects *s, struct send *send, enum outcome rest)
{
	struct suspicion *of = &send->suspicion;

	if (send->took_some) {
		s->takings++;
		s->lone_splits = 0;
		of->company = true;
	}
	if (!send->called_back)
		of->unanswered = rest == UNANSWERED;
	if (!send_failed(rest) && !send->failed_some)
		return;
	of->strikes += rest == UNANSWERED ? STRIKES_UNANSWERED : 1;
	of->takings_seen = s->takings;
}

bool suspects_blame(const struct send *send, enum outcome rest)
{
	bool unparked = fails_vouched(send, rest) && send->left == 1; /* the disk does not keep up: that takes time */

	return send->suspicion.vouched && rest == UNANSWERED && !unparked;
}

void suspects_split(struct suspects *s, struct send *send, enum outcome rest)
{
	if (send->left < 2)
		return;
	if (rest == SPLIT)
		send_halve(send);
	else if (send->suspicion.on_trial && send_failed(rest))
		halve(s, send);
}

void suspects_check(const struct suspects *s)
{
	OXP_ASSERT(!s->vouched || !s->unheard);
	OXP_ASSERT(s->takings_used <= s->takings);
}
