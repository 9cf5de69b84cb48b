#include "pipeline/send.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

enum {
	HURRIED_RETRY_MS = 100,
	STEADY_RETRY_MS = 1000, /* the ceiling of waits in the first minutes of an outage, unless retry_first is more */
	STEADY_S = 600,
	REFUSALS_EVERY_S = 60,
	STRIKES_MAX = 8, /* of a suspect: tries that were answered with a failure */
	STRIKES_UNANSWERED = 3, /* as many as a try without an answer counts for */
	LONE_SPLITS_MAX = 30, /* a batch comes down to one item in fewer */
	PIECE_MIN = 16 << 10, /* what is not larger goes out whole, however little the window allows */
};

static void pump(void *context);

const char *sender_state_name(enum sender_state state)
{
	static const char *const names[] = { "fine", "waiting", "probing", "halted" };

	return names[state];
}

/* Who is where may go where; a halted sender goes nowhere any more. */
static void move(struct sender *s, enum sender_state to)
{
	static const bool allowed[SENDER_STATES][SENDER_STATES] = {
		[SENDER_FINE] = { [SENDER_WAITING] = true, [SENDER_HALTED] = true },
		[SENDER_WAITING] = { [SENDER_WAITING] = true, [SENDER_PROBING] = true, [SENDER_HALTED] = true },
		[SENDER_PROBING] = { [SENDER_FINE] = true, [SENDER_WAITING] = true, [SENDER_HALTED] = true },
		[SENDER_HALTED] = { [SENDER_HALTED] = true },
	};

	OXP_ASSERT(allowed[s->state][to]);
	s->state = to;
}

static void on_wait_over(void *context)
{
	struct sender *s = context;

	move(s, SENDER_PROBING);
	pump(s);
}

struct sender *sender_new(
	struct pipeline *p, const char *name, const struct exporter_type *type, const struct sender_limits *limits)
{
	struct sender *s = oxp_new(sizeof *s);

	*s = (struct sender){ .pipeline = p, .name = name, .type = type, .limits = *limits };
	TAILQ_INIT(&s->queue);
	window_init(&s->window, limits->concurrency);
	loop_timer_init(&s->wait, p->loop, on_wait_over, s);
	loop_soon_init(&s->pump, p->loop, pump, s);
	TAILQ_INSERT_TAIL(&p->senders, s, entry);
	return s;
}

void sender_exporter(struct sender *s, struct exporter *exporter)
{
	s->exporter = exporter;
}

void sender_free(struct sender *s)
{
	struct send *d;

	if (!s)
		return;
	while ((d = TAILQ_FIRST(&s->queue)))
		send_free(d);
	if (s->exporter)
		s->type->destroy(s->exporter);
	loop_timer_done(&s->wait);
	loop_soon_done(&s->pump);
	TAILQ_REMOVE(&s->pipeline->senders, s, entry);
	free(s);
}

static void on_patience_over(void *context)
{
	struct send *d = context;
	struct sender *s = d->sender;

	d->impatient = true;
	s->type->cancel(s->exporter, d);
}

void sender_push(struct sender *s, struct delivery *d, size_t route)
{
	struct send *n = send_new(s, d, route, on_patience_over);

	if (TAILQ_EMPTY(&s->queue))
		s->waits_since = loop_now(s->pipeline->loop);
	TAILQ_INSERT_TAIL(&s->queue, n, entry);
	s->queued_records += d->batch->records;
	s->queued_bytes += d->batch->size;
	loop_soon_run(&s->pump);
}

bool sender_is_backed_up(struct sender *s, uint64_t soon, uint64_t batch_bytes)
{
	bool full = s->queued_bytes + soon >= (window_size(&s->window) + 1) * batch_bytes;

	s->starved = s->starved || full;
	return full;
}

/* A send has ended. */
static void tell_starved(struct sender *s)
{
	if (!s->starved)
		return;
	s->starved = false;
	loop_soon_run(&s->pipeline->room);
}

static bool may_start(const struct sender *s)
{
	if (s->state == SENDER_WAITING || s->state == SENDER_HALTED)
		return false;
	return s->under_way < (s->state == SENDER_PROBING ? 1 : window_size(&s->window));
}

static bool is_suspect(const struct send *d)
{
	return d->strikes >= STRIKES_MAX;
}

/* Others were taken since it failed, and nobody was refused for the last of these yet: else a destination that takes
 * one and is away again would have all that waits refused in a row. */
static bool is_compared(const struct send *d)
{
	return d->takings_seen != d->sender->takings && d->sender->takings_used != d->sender->takings;
}

/* How large a send may be that goes out now. */
static uint64_t bytes_at_most(const struct sender *s, const struct send *d)
{
	double part = window_part(&s->window);
	uint64_t most = (uint64_t)((double)d->delivery->batch->size * part);

	return part < 1 ? most > PIECE_MIN ? most : PIECE_MIN : UINT64_MAX;
}

/* A long outage must not leave thousands of pieces: with some there, the others stay whole while nothing is taken. */
static bool must_stay_whole(const struct sender *s, const struct send *d)
{
	return s->lone_splits >= LONE_SPLITS_MAX && send_is_cut_by(d, bytes_at_most(s, d));
}

/* The oldest that waits, but for suspects with which nothing was compared yet. With nothing else, that one of them
 * which failed least; and of the large ones any. */
static struct send *choose(const struct sender *s)
{
	struct send *d, *least = NULL, *large = NULL;

	TAILQ_FOREACH(d, &s->queue, entry)
	{
		if (d->under_way)
			continue;
		if (must_stay_whole(s, d))
			large = large ? large : d;
		else if (!is_suspect(d) || is_compared(d))
			return d;
		else if (!least || d->strikes < least->strikes)
			least = d;
	}
	return least ? least : large;
}

/* Halves of a suspect are suspects: each has to be compared. */
static void halve_suspect(struct send *d)
{
	d->strikes = STRIKES_MAX;
	d->tried = false;
	d->takings_seen = d->sender->takings;
	send_halve(d);
}

/* There is nothing to compare a suspect with, but its halves. */
static void halve_alone(struct sender *s, struct send *d)
{
	if (!is_suspect(d) || is_compared(d) || !d->tried || d->left < 2 || s->lone_splits >= LONE_SPLITS_MAX)
		return;
	s->lone_splits++;
	halve_suspect(d);
}

static void begin(struct sender *s, struct send *d)
{
	if (send_cut(d, bytes_at_most(s, d)))
		s->lone_splits++;
	d->on_trial = is_suspect(d) && is_compared(d);
	d->under_way = d->tried = true;
	d->elsewhere = d->impatient = d->named = false;
	d->took_some = d->refused_some = d->failed_some = false;
	d->begun = loop_now(s->pipeline->loop);
	d->not_before_ms = d->refused = 0;
	d->context = NULL;
	s->under_way++;
	s->sends++;
	if (d->tries++ > 0)
		s->resent += d->left;
	loop_timer_set(&d->patience, s->limits.timeout);
	s->type->send(s->exporter, d->delivery->batch, d);
}

/* Starts one send; comes again if more may go. */
static void pump(void *context)
{
	struct sender *s = context;
	struct send *d;

	if (!may_start(s))
		return;
	d = choose(s);
	if (!d)
		return;
	loop_soon_run(&s->pump);
	halve_alone(s, d);
	begin(s, d);
}

/* How a send stands to its items. */

static bool is_failure(enum outcome outcome)
{
	return outcome == UNANSWERED || outcome == FAILED;
}

static void keep_reason(struct sender *s, const char *reason)
{
	if (!reason || !*reason)
		return;
	snprintf(s->reason, sizeof s->reason, "%s", reason);
	text_one_line(s->reason);
}

/* Of all that was sent; what is said of one record may quote it, and so may the page of a proxy behind the colon. */
static void keep_failure(struct sender *s, const char *reason)
{
	int size = reason ? (int)strcspn(reason, ":") : 0;

	snprintf(s->failure, sizeof s->failure, "%.*s", size, reason ? reason : "");
	text_one_line(s->failure);
}

/* A wrong mapping refuses every line: said once in a while, counted always. */
static void tell_refused(struct sender *s)
{
	struct mono_time now = loop_now(s->pipeline->loop);

	if (s->told_refused.ns && mono_since(now, s->told_refused).ns < DURATION_S(REFUSALS_EVERY_S).ns)
		return;
	s->told_refused = now;
	log_warn(s->pipeline->log, s->name, "records are refused for good: %s", s->reason);
}

void send_partial(struct send *d, uint64_t records, const char *reason)
{
	d->refused = records;
	keep_reason(d->sender, reason);
}

/* What a refused item comes to: settled, or to be tried again. */
static enum outcome refuse(struct send *d, size_t item, const char *reason)
{
	const struct source *s = d->delivery->source;
	const struct batch_item *it = batch_item(d->delivery->batch, item);
	const struct refusal refusal = { d->delivery, d->route, item, d->tries, reason ? reason : "" };
	enum keep keep = s->keep ? s->keep(s->keep_context, &refusal) : KEEP_NOT;

	if (keep == KEEP_NOT)
		delivery_reject(d->delivery, d->route, it->records, it->size);
	if (keep == KEEP_AS_IT_IS)
		delivery_count(d->delivery, d->route, LEDGER_REJECTED, it->records, it->size);
	if (keep == KEEP_TAKEN)
		delivery_split(d->delivery, d->route);
	return keep == KEEP_LATER ? RETRY : REJECTED;
}

/* What failed often enough is refused, once others fared better: those of the same request, or those that were let
 * by. */
static enum outcome outcome_of_failed(struct send *d)
{
	d->failed_some = true;
	return d->on_trial || (d->company && d->strikes + 1 >= STRIKES_MAX) ? REJECTED : RETRY;
}

void send_item(struct send *d, size_t item, enum outcome outcome, const char *reason)
{
	const struct batch_item *it = batch_item(d->delivery->batch, item);

	OXP_ASSERT(d->under_way && send_wants(d, item));
	send_need_marks(d);
	OXP_ASSERT(d->marks[item - d->first] == MARK_OPEN);
	if (outcome == SPLIT) /* there are no halves of one */
		outcome = REJECTED;
	d->named = true;
	if (outcome != DELIVERED)
		keep_reason(d->sender, reason);
	if (outcome == FAILED)
		outcome = outcome_of_failed(d);
	if (outcome == RETRY)
		keep_failure(d->sender, "some records are to be sent again");
	d->took_some = d->took_some || outcome == DELIVERED;
	if (outcome == REJECTED)
		outcome = refuse(d, item, reason);
	if (outcome == RETRY) {
		d->marks[item - d->first] = MARK_RETRY;
		return;
	}
	d->refused_some = d->refused_some || outcome == REJECTED;
	if (outcome == REJECTED)
		tell_refused(d->sender);
	d->marks[item - d->first] = MARK_SETTLED;
	d->left--;
	d->sender->queued_records -= it->records;
	d->sender->queued_bytes -= it->size;
	if (outcome == DELIVERED)
		delivery_count(d->delivery, d->route, LEDGER_DELIVERED, it->records, it->size);
}

/* All items are delivered, but for those records that send_partial() told of. */
static void settle_whole(struct send *d)
{
	struct ledger_amount left = send_left(d),
			     refused = { d->refused < left.records ? d->refused : left.records, 0 };

	if (refused.records > 0)
		tell_refused(d->sender);
	if (refused.records > 0) {
		refused.bytes = (uint64_t)((unsigned __int128)left.bytes * refused.records / left.records);
		delivery_reject(d->delivery, d->route, refused.records, refused.bytes);
	}
	delivery_count(
		d->delivery, d->route, LEDGER_DELIVERED, left.records - refused.records, left.bytes - refused.bytes);
	d->sender->queued_records -= left.records;
	d->sender->queued_bytes -= left.bytes;
	d->left = 0;
	d->took_some = left.records > refused.records;
	d->refused_some = refused.records > 0;
}

/* The unnamed items end as `outcome`; those named RETRY stay. */
static void settle_rest(struct send *d, enum outcome outcome, const char *reason)
{
	if (!d->named && outcome == DELIVERED) {
		settle_whole(d);
		return;
	}
	if (outcome == REJECTED)
		send_need_marks(d);
	for (size_t i = d->first; d->marks && i < d->end; i++) {
		unsigned char *mark = &d->marks[i - d->first];
		if (*mark == MARK_OPEN && outcome != RETRY)
			send_item(d, i, outcome, reason);
		if (*mark == MARK_RETRY)
			*mark = MARK_OPEN;
	}
}

/* How long it has been failing. */
static struct duration outage(const struct sender *s)
{
	return mono_since(loop_now(s->pipeline->loop), s->failing_since);
}

/*
 * The ceiling of a wait doubles with each failure in a row, and rests at a second for the first ten minutes: one small
 * request a second costs a destination nothing, and it is back to work a second after it is back.
 */
static int64_t next_ceiling(const struct sender *s)
{
	int64_t first = s->limits.retry_first.ns, last = s->limits.retry_last.ns, most = last;

	if (outage(s).ns < DURATION_S(STEADY_S).ns)
		most = first > DURATION_MS(STEADY_RETRY_MS).ns ? first : DURATION_MS(STEADY_RETRY_MS).ns;
	most = most < last ? most : last;
	if (s->ceiling.ns == 0)
		return first < most ? first : most;
	return s->ceiling.ns * 2 < most ? s->ceiling.ns * 2 : most;
}

/* Anywhere between nothing and the ceiling, so that those whom one moment failed part; half of it at least once it has
 * come to a second. What a destination asked for is obeyed, and up to a second more: others were told the same. */
static struct duration back_off(struct sender *s)
{
	int64_t asked = mono_since(s->not_before, loop_now(s->pipeline->loop)).ns;
	int64_t least, wait, more;

	s->ceiling.ns = next_ceiling(s);
	least = s->ceiling.ns < DURATION_MS(STEADY_RETRY_MS).ns ? 0 : s->ceiling.ns / 2;
	wait = least + (int64_t)random_below(s->pipeline->random, (uint64_t)(s->ceiling.ns - least) + 1);
	more = wait < DURATION_MS(STEADY_RETRY_MS).ns ? wait : DURATION_MS(STEADY_RETRY_MS).ns;
	if (s->pipeline->draining)
		return DURATION_MS(HURRIED_RETRY_MS);
	return (struct duration){ wait < asked ? asked + more : wait };
}

/* Of several sends under way one may be told to come later, and the next just break: what was asked for stays. */
static void note_asked(struct sender *s, const struct send *d)
{
	struct mono_time asked = mono_after(loop_now(s->pipeline->loop), DURATION_MS((int64_t)d->not_before_ms));

	if (d->not_before_ms > 0 && asked.ns > s->not_before.ns)
		s->not_before = asked;
}

static void failed(struct sender *s, const struct send *d)
{
	if (!s->failing_since.ns) {
		log_warn(s->pipeline->log, s->name, "not delivering: %s; trying again until it does", s->reason);
		s->failing_since = loop_now(s->pipeline->loop);
	}
	s->retries++;
	if (s->state == SENDER_FINE) /* those that were under way then say the same once more */
		window_refused(&s->window, false);
	else if (s->state == SENDER_PROBING && !d->took_some && outage(s).ns >= DURATION_MS(STEADY_RETRY_MS).ns)
		window_refused(&s->window, true);
	move(s, SENDER_WAITING);
	note_asked(s, d);
	loop_timer_set(&s->wait, back_off(s));
}

/* A refusal of this try stays the last error. */
static void recovered(struct sender *s, const struct send *d)
{
	if (s->failing_since.ns)
		log_info(s->pipeline->log, s->name, "delivering again");
	s->failing_since = (struct mono_time){ 0 };
	s->ceiling = (struct duration){ 0 };
	move(s, SENDER_FINE);
	s->failure[0] = '\0';
	if (!d->refused_some)
		s->reason[0] = '\0';
}

/* What this try settled says whether the destination takes what it is given. */
static void note_settled(struct sender *s, const struct send *d)
{
	struct mono_time now = loop_now(s->pipeline->loop);

	if (d->took_some || d->refused_some)
		s->waits_since = now;
	if (d->took_some) {
		s->last_delivered = now;
		s->last_delivered_at = loop_wall(s->pipeline->loop);
		s->refused_first = s->refused_last = (struct mono_time){ 0 };
	} else if (d->refused_some) {
		s->refused_last = now;
		if (!s->refused_first.ns)
			s->refused_first = now;
	}
}

enum sender_verdict sender_verdict(const struct sender *s, struct duration bound)
{
	struct mono_time now = loop_now(s->pipeline->loop);

	if (!TAILQ_EMPTY(&s->queue) && mono_since(now, s->waits_since).ns > bound.ns)
		return SENDER_STALLED;
	if (s->refused_first.ns && mono_since(s->refused_last, s->refused_first).ns > bound.ns)
		return SENDER_REFUSES;
	return SENDER_DELIVERS;
}

static void took_it(struct sender *s, const struct send *d)
{
	struct mono_time now = loop_now(s->pipeline->loop);

	if (d->left == 0 || (d->took_some && window_part(&s->window) < 1))
		window_took(&s->window, mono_since(now, d->begun), s->under_way + 1 >= window_size(&s->window));
}

/* What the end of this try says about the destination. */
static void judge(struct sender *s, const struct send *d, enum outcome rest)
{
	bool later = rest == RETRY || is_failure(rest);

	note_settled(s, d);
	if (!later)
		took_it(s, d);
	if (later && d->elsewhere)
		s->retries++;
	else if (s->state == SENDER_HALTED)
		return;
	else if (is_failure(rest) || (d->left > 0 && (rest != SPLIT || d->left < 2)))
		failed(s, d);
	else if (s->state == SENDER_PROBING)
		recovered(s, d);
}

/* What becomes of the items that were not named: one alone has no halves, and is refused if it fails on trial. */
static enum outcome settles_as(const struct send *d, enum outcome rest)
{
	bool alone = d->left == 1 && !d->named;

	if (alone && (rest == SPLIT || (d->on_trial && is_failure(rest))))
		return REJECTED;
	return rest == DELIVERED || rest == REJECTED ? rest : RETRY;
}

/* What speaks for it that something in this send is why. */
static void note_strikes(struct send *d, enum outcome rest)
{
	struct sender *s = d->sender;

	if (d->took_some) {
		s->takings++;
		s->lone_splits = 0;
		d->company = true;
	}
	if (rest != UNANSWERED && rest != FAILED && !d->failed_some)
		return;
	d->strikes += rest == UNANSWERED ? STRIKES_UNANSWERED : 1;
	d->takings_seen = s->takings;
}

/* What is left of a send comes apart, if this try says so. */
static void come_apart(struct send *d, enum outcome rest)
{
	if (d->left < 2)
		return;
	if (rest == SPLIT)
		send_halve(d);
	else if (d->on_trial && is_failure(rest))
		halve_suspect(d);
}

void send_done(struct send *d, enum outcome rest, const char *reason)
{
	struct sender *s = d->sender;
	struct delivery *delivery = d->delivery;
	size_t route = d->route;
	char why[SEND_REASON_MAX];
	enum outcome to;

	OXP_ASSERT(d->under_way);
	if (rest == RETRY && d->impatient)
		rest = UNANSWERED;
	to = settles_as(d, rest);
	if (to == REJECTED && is_failure(rest)) {
		s->takings_used = s->takings;
		snprintf(why, sizeof why, "again and alone, while others are taken: %s", reason ? reason : "");
		reason = why;
	}
	if (rest != DELIVERED)
		keep_reason(s, reason);
	if (to == RETRY && rest != SPLIT)
		keep_failure(s, reason);
	loop_timer_clear(&d->patience);
	settle_rest(d, to, reason);
	d->under_way = false;
	d->context = NULL;
	s->under_way--;
	note_strikes(d, rest);
	judge(s, d, rest);
	loop_soon_run(&s->pump);
	if (d->left > 0) {
		come_apart(d, rest);
		return;
	}
	send_free(d);
	tell_starved(s);
	delivery_settled(delivery, route);
}

void sender_hurry(struct sender *s)
{
	if (s->state != SENDER_WAITING)
		return;
	loop_timer_clear(&s->wait);
	move(s, SENDER_PROBING);
	loop_soon_run(&s->pump);
}

void sender_halt(struct sender *s)
{
	struct send *d, *next;

	move(s, SENDER_HALTED);
	for (d = TAILQ_FIRST(&s->queue); d; d = next) {
		next = TAILQ_NEXT(d, entry);
		if (d->under_way)
			s->type->cancel(s->exporter, d); /* ends it with RETRY: it stays in the queue */
	}
	loop_timer_clear(&s->wait);
}

void sender_abandon(struct sender *s, void (*left)(void *context, const struct send *), void *context)
{
	struct send *d;

	OXP_ASSERT(s->under_way == 0);
	while ((d = TAILQ_FIRST(&s->queue))) {
		left(context, d);
		send_free(d);
	}
	s->queued_records = s->queued_bytes = 0;
}

void sender_visit(const struct sender *s, void (*visit)(void *context, const struct send *), void *context)
{
	const struct send *d;

	TAILQ_FOREACH(d, &s->queue, entry)
	visit(context, d);
}

void sender_check(const struct sender *s)
{
	const struct send *d;
	uint64_t records = 0;
	size_t under_way = 0;

	TAILQ_FOREACH(d, &s->queue, entry)
	{
		size_t left = 0;
		records += send_left(d).records;
		for (size_t i = d->first; i < d->end; i++)
			left += send_wants(d, i);
		OXP_ASSERT(left == d->left && left > 0);
		under_way += d->under_way;
	}
	OXP_ASSERT(under_way == s->under_way);
	OXP_ASSERT(records == s->queued_records);
}
