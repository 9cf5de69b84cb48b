#include "pipeline/sender.h"

#include <stdio.h>
#include <stdlib.h>

#include "pipeline/fetch.h"

enum {
	HURRIED_RETRY_MS = 100,
	ASK_PATIENCE_MS = 1500, /* a destination that is slower is not well, so nothing is blamed on what it is sent */
	PIECE_MIN = 16 << 10, /* a send up to this size goes out whole, however little the window allows */
};

static void pump(void *context);
static const struct scout_hooks scout_hooks;

const char *sender_state_name(enum sender_state state)
{
	static const char *const names[] = { "fine", "waiting", "probing", "halted" };

	return names[state];
}

/* Only a probe that was answered leads back to FINE. A halted sender stays halted. */
static const bool moves[SENDER_STATES][SENDER_STATES] = {
	[SENDER_FINE] = { [SENDER_WAITING] = true, [SENDER_HALTED] = true },
	[SENDER_WAITING] = { [SENDER_WAITING] = true, [SENDER_PROBING] = true, [SENDER_HALTED] = true },
	[SENDER_PROBING] = { [SENDER_FINE] = true, [SENDER_WAITING] = true, [SENDER_HALTED] = true },
	[SENDER_HALTED] = { [SENDER_HALTED] = true },
};

static void move(struct sender *s, enum sender_state to)
{
	OXP_ASSERT(moves[s->state][to]);
	s->state = to;
}

static void on_wait_over(void *context)
{
	struct sender *s = context;

	move(s, SENDER_PROBING);
	scout_hurry(&s->scout);
	pump(s);
}

/* Somebody was told to wait: asks again. */
static void tell_paced(void *context)
{
	struct sender *s = context;

	loop_soon_run(s->world->room);
}

struct sender *sender_new(const struct sender_world *world, const char *name, const struct exporter_type *type,
	const struct sender_limits *limits)
{
	struct sender *s = oxp_new(sizeof *s);

	*s = (struct sender){ .world = world, .name = name, .type = type, .limits = *limits, .send_max = UINT64_MAX };
	TAILQ_INIT(&s->queue);
	TAILQ_INIT(&s->asking);
	window_init(&s->window, type->in_order ? 1 : limits->concurrency);
	suspects_init(&s->suspects, type->empty_sends);
	back_off_init(&s->back_off, limits->retry_first, limits->retry_last);
	scout_init(&s->scout, world->loop, world->random, &scout_hooks, s);
	loop_timer_init(&s->wait, world->loop, on_wait_over, s);
	loop_timer_init(&s->paced, world->loop, tell_paced, s);
	loop_soon_init(&s->pump, world->loop, pump, s);
	return s;
}

void sender_exporter(struct sender *s, struct exporter *exporter)
{
	s->exporter = exporter;
}

void sender_send_max(struct sender *s, size_t bytes)
{
	s->send_max = bytes;
}

void sender_free(struct sender *s)
{
	struct send *send;

	if (!s)
		return;
	while ((send = TAILQ_FIRST(&s->asking)) || (send = TAILQ_FIRST(&s->queue)))
		send_free(send);
	scout_free(&s->scout);
	if (s->exporter)
		s->type->destroy(s->exporter);
	loop_timer_done(&s->wait);
	loop_timer_done(&s->paced);
	loop_soon_done(&s->pump);
	free(s);
}

/* It ends with RETRY, and stays in its queue. */
static void cancel(struct sender *s, struct send *send)
{
	if (!send->fetch) {
		s->type->cancel(s->exporter, send);
		return;
	}
	fetch_abandon(send->fetch);
	send->fetch = NULL;
	send_done(send, RETRY, "what stands on disk could not be read in time");
}

static void on_patience_over(void *context)
{
	struct send *send = context;
	struct sender *s = send->sender;

	if (send->fetch) { /* the destination has not been asked yet */
		loop_timer_set(&send->patience, s->limits.timeout);
		return;
	}
	send->impatient = true;
	cancel(s, send);
}

void sender_push(struct sender *s, struct delivery *delivery, size_t route)
{
	if (TAILQ_EMPTY(&s->queue))
		standing_waits(&s->standing, loop_now(s->world->loop));
	send_new(s, &s->queue, delivery, route, on_patience_over);
	s->queued_records += delivery->batch->records;
	s->queued_bytes += delivery->batch->size;
	loop_soon_run(&s->pump);
}

/* If all sends are suspects, none can be compared with another send. If they also kept other sends out, nothing would
 * ever be delivered again. */
static bool lacks_comparison(const struct sender *s)
{
	const struct send *send;

	TAILQ_FOREACH(send, &s->queue, entry)
		if (!suspects_has(send))
			return false;
	return true;
}

bool sender_is_backed_up(struct sender *s, uint64_t soon, uint64_t batch_bytes, bool spare)
{
	uint64_t most = (window_size(&s->window) + 1) * batch_bytes;
	bool full = s->queued_bytes + soon >= most && (soon >= most || !spare || !lacks_comparison(s));

	s->starved = s->starved || full;
	return full;
}

/* Tells the sources that wait: a send has ended, or has become a suspect. */
static void tell_starved(struct sender *s)
{
	if (!s->starved)
		return;
	s->starved = false;
	loop_soon_run(s->world->room);
}

static bool has_suspect(const struct sender *s)
{
	const struct send *send;

	TAILQ_FOREACH(send, &s->queue, entry)
		if (suspects_has(send))
			return true;
	return false;
}

enum pacing_verdict sender_pace(struct sender *s)
{
	struct mono_time now = loop_now(s->world->loop);
	enum pacing_verdict verdict;

	if (s->state != SENDER_FINE || window_part(&s->window) < 1)
		return PACING_NOT;
	verdict = pacing_ask(&s->pacing, now, s->queued_bytes);
	if (verdict == PACING_ENOUGH && has_suspect(s))
		return PACING_NOT;
	if (verdict == PACING_ENOUGH && !loop_timer_pending(&s->paced))
		loop_timer_set(&s->paced, pacing_patience(&s->pacing, now));
	return verdict;
}

/* A try has ended. */
static void pace(struct sender *s, const struct send *send, enum outcome rest)
{
	if (rest == DELIVERED && send->left == 0 && !send->refused_some && !send->failed_some)
		pacing_took(&s->pacing, loop_now(s->world->loop));
	else
		pacing_failed(&s->pacing);
	if (!loop_timer_pending(&s->paced))
		return;
	loop_timer_clear(&s->paced);
	tell_paced(s);
}

static bool may_start(const struct sender *s)
{
	if (s->state == SENDER_WAITING || s->state == SENDER_HALTED || !TAILQ_EMPTY(&s->asking))
		return false;
	return s->under_way < (s->state == SENDER_PROBING ? 1 : window_size(&s->window));
}

/* The most bytes that this send may have if it goes out now. */
static uint64_t bytes_at_most(const struct sender *s, const struct send *send)
{
	double part = window_part(&s->window);
	uint64_t most = (uint64_t)((double)send->delivery->batch->size * part);

	return part < 1 ? most > PIECE_MIN ? most : PIECE_MIN : UINT64_MAX;
}

/* A long outage must not leave thousands of pieces. */
static bool must_stay_whole(const struct sender *s, const struct send *send)
{
	return suspects_keep_whole(&s->suspects) && send_is_cut_by(send, bytes_at_most(s, send));
}

/* Chooses the oldest waiting send that is not a suspect, unless a suspect before it can be compared. If there is none,
 * a suspect by suspects_goes_before(). If there is none either, the oldest send that is too large to go out now. */
static struct send *choose(const struct sender *s)
{
	struct send *send, *least = NULL, *large = NULL;

	TAILQ_FOREACH(send, &s->queue, entry) {
		if (send->under_way)
			continue;
		if (must_stay_whole(s, send))
			large = large ? large : send;
		else if (!suspects_has(send))
			return least && suspects_is_compared(&s->suspects, least) ? least : send;
		else if (!least || suspects_goes_before(&s->suspects, send, least))
			least = send;
	}
	return least ? least : large;
}

/* Its time begins anew: the destination is not to be blamed for the disk. */
static void fetched(void *context)
{
	struct send *send = context;
	struct sender *s = send->sender;

	send->fetch = NULL;
	if (send->queue == &s->queue) {
		send->begun = loop_now(s->world->loop);
		loop_timer_set(&send->patience, s->limits.timeout);
	}
	s->type->send(s->exporter, send->delivery->batch, send);
}

static void hand_out(struct sender *s, struct send *send)
{
	const struct fetch_items items = { send->delivery->batch, send->first, send->end };

	send_read_begin(send);
	if (s->world->disk && fetch_is_due(&items))
		send->fetch = fetch_new(s->world->disk, &items, fetched, send);
	if (!send->fetch)
		s->type->send(s->exporter, items.batch, send);
}

/* A send that settles nothing: a scout, or one of no items. */
static void go_beside(void *context, struct send *send)
{
	struct sender *s = context;

	s->sends++;
	s->resent += send_left(send).records;
	hand_out(s, send);
}

/* Asks with a send of no items whether the destination answers. */
static void ask(struct sender *s, const struct send *suspect)
{
	struct send *empty = send_beside(suspect, 0, &s->asking);
	struct duration patience = DURATION_MS(ASK_PATIENCE_MS);

	loop_timer_set(&empty->patience, s->limits.timeout.ns < patience.ns ? s->limits.timeout : patience);
	go_beside(s, empty);
}

static void begin(struct sender *s, struct send *send)
{
	send_keep_within(send, s->send_max);
	if (send_cut(send, bytes_at_most(s, send)))
		suspects_cut(&s->suspects);
	suspects_begin(&s->suspects, send);
	send->under_way = true;
	send->elsewhere = send->impatient = send->called_back = send->named = false;
	send->took_some = send->refused_some = send->failed_some = false;
	send->begun = loop_now(s->world->loop);
	send->not_before_ms = send->refused = 0;
	send->context = NULL;
	s->under_way++;
	s->sends++;
	if (send->tries++ > 0)
		s->resent += send->left;
	loop_timer_set(&send->patience, s->limits.timeout);
	scout_began(&s->scout, s->back_off.ceiling);
	hand_out(s, send);
}

/* Starts one send, and runs again in case more may start. */
static void pump(void *context)
{
	struct sender *s = context;
	struct send *send;

	if (!may_start(s))
		return;
	send = choose(s);
	if (!send)
		return;
	if (suspects_must_ask(&s->suspects, send, s->under_way == 0)) {
		if (s->under_way == 0) /* whose answer may say more; its end leads here again */
			ask(s, send);
		return;
	}
	loop_soon_run(&s->pump);
	suspects_halve_alone(&s->suspects, send);
	begin(s, send);
}

/* A send and its items. */

static void tell_refused(struct sender *s)
{
	if (standing_tells_refused(&s->standing, loop_now(s->world->loop)))
		log_warn(s->world->log, s->name, "records are refused for good: %s", s->standing.reason);
}

void send_partial(struct send *send, uint64_t records, const char *reason)
{
	send->refused = records;
	standing_reason(&send->sender->standing, reason);
}

/* An item that failed often enough is refused once other items fared better: items of the same request, or sends that
 * were let past it. */
static enum outcome outcome_of_failed(struct send *send)
{
	send->failed_some = true;
	if (send->sender->type->in_order)
		return RETRY;
	return suspects_refuse_item(send) ? REJECTED : RETRY;
}

void send_item(struct send *send, size_t item, enum outcome outcome, const char *reason)
{
	const struct batch_item *it = batch_item(send->delivery->batch, item);

	OXP_ASSERT(send->under_way && send_wants(send, item));
	if (scout_is(&send->sender->scout, send)) {
		send->failed_some = outcome == RETRY || outcome == FAILED;
		return;
	}
	send_need_marks(send);
	OXP_ASSERT(send->marks[item - send->first] == MARK_OPEN);
	if (outcome == SPLIT) /* one item cannot be split */
		outcome = REJECTED;
	send->named = true;
	if (outcome != DELIVERED)
		standing_reason(&send->sender->standing, reason);
	if (outcome == FAILED)
		outcome = outcome_of_failed(send);
	if (outcome == RETRY)
		standing_failure(&send->sender->standing, "some records are to be sent again");
	send->took_some = send->took_some || outcome == DELIVERED;
	if (outcome == REJECTED)
		outcome = delivery_refuse(
			&(struct refusal){ send->delivery, send->route, item, send->tries, reason ? reason : "" });
	if (outcome == RETRY) {
		send->marks[item - send->first] = MARK_RETRY;
		return;
	}
	send->refused_some = send->refused_some || outcome == REJECTED;
	if (outcome == REJECTED)
		tell_refused(send->sender);
	send->marks[item - send->first] = MARK_SETTLED;
	send->left--;
	send->sender->queued_records -= it->records;
	send->sender->queued_bytes -= it->size;
	if (outcome == DELIVERED)
		delivery_count(send->delivery, send->route, LEDGER_DELIVERED, it->records, it->size);
}

/* Settles all items as delivered, except for the records that send_partial() reported. */
static void settle_whole(struct send *send)
{
	struct ledger_amount left = send_left(send),
			     refused = { send->refused < left.records ? send->refused : left.records, 0 };

	if (refused.records > 0)
		tell_refused(send->sender);
	if (refused.records > 0) {
		refused.bytes = (uint64_t)((unsigned __int128)left.bytes * refused.records / left.records);
		delivery_reject(send->delivery, send->route, refused.records, refused.bytes);
	}
	delivery_count(send->delivery, send->route, LEDGER_DELIVERED, left.records - refused.records,
		left.bytes - refused.bytes);
	send->sender->queued_records -= left.records;
	send->sender->queued_bytes -= left.bytes;
	send->left = 0;
	send->took_some = left.records > refused.records;
	send->refused_some = refused.records > 0;
}

/* Items that were not named end as `outcome`. Items named RETRY stay. */
static void settle_rest(struct send *send, enum outcome outcome, const char *reason)
{
	if (!send->named && outcome == DELIVERED) {
		settle_whole(send);
		return;
	}
	if (outcome == REJECTED)
		send_need_marks(send);
	for (size_t i = send->first; send->marks && i < send->end; i++) {
		unsigned char *mark = &send->marks[i - send->first];
		if (*mark == MARK_OPEN && outcome != RETRY)
			send_item(send, i, outcome, reason);
		if (*mark == MARK_RETRY)
			*mark = MARK_OPEN;
	}
}

/* How long the destination has been failing. */
static struct duration outage(const struct sender *s)
{
	return mono_since(loop_now(s->world->loop), s->failing_since);
}

static struct duration next_wait(struct sender *s)
{
	struct duration wait = back_off_wait(&s->back_off, s->world->random, loop_now(s->world->loop), outage(s));

	return s->world->draining ? DURATION_MS(HURRIED_RETRY_MS) : wait;
}

static void failed(struct sender *s, const struct send *send)
{
	if (!s->failing_since.ns) {
		log_warn(s->world->log, s->name, "not delivering: %s; trying again until it does", s->standing.reason);
		s->failing_since = loop_now(s->world->loop);
	}
	s->retries++;
	if (s->state == SENDER_FINE) /* other sends under way will report the same failure again */
		window_refused(&s->window, false);
	else if (s->state == SENDER_PROBING && !send->took_some && outage(s).ns >= DURATION_MS(BACK_OFF_STEADY_MS).ns)
		window_refused(&s->window, true);
	move(s, SENDER_WAITING);
	back_off_asked(&s->back_off, loop_now(s->world->loop), send->not_before_ms);
	loop_timer_set(&s->wait, next_wait(s));
}

/* If this try was refused in part, the refusal stays the last error. */
static void recovered(struct sender *s, bool keep_reason, const char *how)
{
	if (s->failing_since.ns)
		log_info(s->world->log, s->name, "%s", how);
	s->failing_since = (struct mono_time){ 0 };
	back_off_over(&s->back_off);
	move(s, SENDER_FINE);
	standing_recovered(&s->standing, keep_reason);
}

/* Notes whether the destination takes what it is given, by what this try settled. */
static void note_settled(struct sender *s, const struct send *send)
{
	struct mono_time now = loop_now(s->world->loop);

	if (send->took_some)
		standing_took(&s->standing, now, loop_wall(s->world->loop));
	else if (send->refused_some)
		standing_refused(&s->standing, now);
}

enum sender_verdict sender_verdict(const struct sender *s, struct duration bound)
{
	return standing_verdict(&s->standing, !TAILQ_EMPTY(&s->queue), loop_now(s->world->loop), bound);
}

static void took_it(struct sender *s, const struct send *send)
{
	struct mono_time now = loop_now(s->world->loop);

	if (send->left == 0 || (send->took_some && window_part(&s->window) < 1))
		window_took(&s->window, mono_since(now, send->begun), s->under_way + 1 >= window_size(&s->window));
}

/* Draws conclusions about the destination from the end of this try. */
static void judge(struct sender *s, const struct send *send, enum outcome rest)
{
	bool later = rest == RETRY || send_failed(rest);

	note_settled(s, send);
	if (!later)
		took_it(s, send);
	if (later && (send->elsewhere || send->called_back))
		s->retries++;
	else if (s->state == SENDER_HALTED)
		return;
	else if (s->state == SENDER_FINE && suspects_blame(send, rest))
		s->retries++;
	else if (send_failed(rest) || (send->left > 0 && (rest != SPLIT || send->left < 2)))
		failed(s, send);
	else if (s->state == SENDER_PROBING)
		recovered(s, send->refused_some, "delivering again");
}

/* A send of no items has ended. If it just got no answer in time, the next try follows at once, as if nothing had been
 * asked: a scout goes beside that one, and sees whether the destination is back. */
static void asked(struct send *empty, enum outcome rest, const char *reason)
{
	struct sender *s = empty->sender;
	bool answered = rest == DELIVERED || rest == REJECTED || rest == SPLIT;

	loop_timer_clear(&empty->patience);
	if (answered && s->state == SENDER_PROBING)
		recovered(s, true, "answers again: looking for what it does not answer");
	if (answered || !empty->elsewhere)
		suspects_heard(&s->suspects, answered);
	if (!answered && (empty->elsewhere || empty->impatient || s->state == SENDER_HALTED)) {
		s->retries++;
	} else if (!answered) {
		standing_reason(&s->standing, reason);
		standing_failure(&s->standing, reason);
		failed(s, empty);
	}
	send_free(empty);
	loop_soon_run(&s->pump);
}

/* The scout. */

static const struct send *elder(void *context)
{
	const struct sender *s = context;
	const struct send *send;

	if (s->state == SENDER_WAITING || s->state == SENDER_HALTED || !s->type->has_peer)
		return NULL;
	if (back_off_forbids(&s->back_off, loop_now(s->world->loop)))
		return NULL;
	TAILQ_FOREACH(send, &s->queue, entry)
		if (send->under_way)
			return send;
	return NULL;
}

static void cancel_scout(void *context, struct send *scout)
{
	struct sender *s = context;

	cancel(s, scout);
}

/* What is still read back from disk has not been asked for yet, so it got no answer to wait for. */
static void call_back(void *context, struct mono_time begun)
{
	struct sender *s = context;
	struct send *send, *next;

	window_refused(&s->window, true); /* they may have been too much for it */
	for (send = TAILQ_FIRST(&s->queue); send; send = next) {
		next = TAILQ_NEXT(send, entry);
		if (!send->under_way || send->fetch || send->begun.ns > begun.ns)
			continue;
		send->called_back = true;
		cancel(s, send);
	}
}

static const struct scout_hooks scout_hooks = {
	.elder = elder, .go = go_beside, .cancel = cancel_scout, .call_back = call_back
};

/* If it was taken, the destination is back. How long that took shows how many agents may come back with this one, so
 * the window opens as after probes that failed. */
static void judge_scout(struct sender *s, struct send *scout, enum outcome rest)
{
	bool taken = rest != RETRY && !send_failed(rest) && !scout->failed_some;
	unsigned missed;

	back_off_asked(&s->back_off, loop_now(s->world->loop), scout->not_before_ms);
	for (missed = scout_done(&s->scout, scout, taken); taken && missed > 0; missed--)
		window_refused(&s->window, true);
	if (taken && s->state == SENDER_PROBING)
		recovered(s, false, "delivering again");
}

/* What came of a try that the sender or the exporter gave up. */
static enum outcome given_up_as(const struct send *send)
{
	if (send->called_back)
		return send->left > 1 ? FAILED : RETRY;
	return send->impatient ? UNANSWERED : RETRY;
}

/* Tells the scout that a try has ended, and whether that was an answer. */
static void tell_scout(struct sender *s, const struct send *send, enum outcome rest)
{
	struct duration took = mono_since(loop_now(s->world->loop), send->begun);

	scout_ended(&s->scout, s->under_way, rest == RETRY || send_failed(rest) ? NULL : &took);
}

void send_done(struct send *send, enum outcome rest, const char *reason)
{
	struct sender *s = send->sender;
	struct delivery *delivery = send->delivery;
	size_t route = send->route;
	char why[SEND_REASON_MAX];
	enum outcome to;

	OXP_ASSERT(send->under_way);
	send_read_end(send);
	if (scout_is(&s->scout, send)) {
		judge_scout(s, send, rest);
		return;
	}
	if (send->queue == &s->asking) {
		asked(send, rest, reason);
		return;
	}
	scout_withdraw(&s->scout);
	if (s->type->in_order)
		rest = send_failed(rest) ? RETRY : rest;
	else if (rest == RETRY)
		rest = given_up_as(send);
	to = suspects_settle_as(send, rest);
	if (to == REJECTED && send_failed(rest)) {
		snprintf(why, sizeof why, "failed again when tried alone, while %s: %s",
			suspects_convict(&s->suspects, send), reason ? reason : "");
		reason = why;
	}
	if (rest != DELIVERED && !send->called_back)
		standing_reason(&s->standing, reason);
	if (to == RETRY && rest != SPLIT && !send->called_back)
		standing_failure(&s->standing, reason);
	loop_timer_clear(&send->patience);
	settle_rest(send, to, reason);
	delivery_save_counts(delivery, route);
	send->under_way = false;
	send->context = NULL;
	s->under_way--;
	tell_scout(s, send, rest);
	suspects_ended(&s->suspects, send, rest);
	pace(s, send, rest);
	judge(s, send, rest);
	loop_soon_run(&s->pump);
	if (send->left > 0) {
		suspects_split(&s->suspects, send, rest);
		if (suspects_has(send))
			tell_starved(s);
		return;
	}
	send_free(send);
	tell_starved(s);
	delivery_settled(delivery, route);
}

void sender_hurry(struct sender *s)
{
	if (s->state != SENDER_WAITING)
		return;
	loop_timer_clear(&s->wait);
	move(s, SENDER_PROBING);
	scout_hurry(&s->scout);
	loop_soon_run(&s->pump);
}

void sender_halt(struct sender *s)
{
	struct send *send, *next;

	move(s, SENDER_HALTED);
	for (send = TAILQ_FIRST(&s->queue); send; send = next) {
		next = TAILQ_NEXT(send, entry);
		if (send->under_way)
			cancel(s, send);
	}
	if ((send = TAILQ_FIRST(&s->asking)))
		cancel(s, send);
	loop_timer_clear(&s->wait);
}

const struct send *sender_left(const struct sender *s)
{
	OXP_ASSERT(s->state == SENDER_HALTED && s->under_way == 0);
	return TAILQ_FIRST(&s->queue);
}

void sender_forget(struct sender *s)
{
	struct send *send = TAILQ_FIRST(&s->queue);
	struct ledger_amount left = send_left(send);

	OXP_ASSERT(s->state == SENDER_HALTED);
	s->queued_records -= left.records;
	s->queued_bytes -= left.bytes;
	send_free(send);
}

static struct send *oldest_waiting(const struct sender *s)
{
	struct send *send = TAILQ_FIRST(&s->queue);

	while (send && send->under_way)
		send = TAILQ_NEXT(send, entry);
	return send;
}

const struct send *sender_oldest_waiting(const struct sender *s)
{
	return oldest_waiting(s);
}

void sender_shed(struct sender *s, enum ledger_term term)
{
	struct send *send = oldest_waiting(s);
	struct ledger_amount left = send_left(send);
	struct delivery *delivery = send->delivery;
	size_t route = send->route;

	s->queued_records -= left.records;
	s->queued_bytes -= left.bytes;
	send_free(send);
	delivery_give_up(delivery, route, term, &left);
	delivery_save_counts(delivery, route);
	delivery_settled(delivery, route);
}

void sender_visit(const struct sender *s, void (*visit)(void *context, const struct send *), void *context)
{
	const struct send *send;

	TAILQ_FOREACH(send, &s->queue, entry)
		visit(context, send);
}

static void check_moves(void)
{
	for (enum sender_state from = 0; from < SENDER_STATES; from++) {
		OXP_ASSERT(moves[from][SENDER_HALTED]);
		OXP_ASSERT(moves[from][SENDER_FINE] == (from == SENDER_PROBING));
		OXP_ASSERT(moves[SENDER_HALTED][from] == (from == SENDER_HALTED));
	}
}

void sender_check(const struct sender *s)
{
	const struct send *send;
	uint64_t records = 0;
	size_t under_way = 0;

	TAILQ_FOREACH(send, &s->queue, entry) {
		size_t left = 0;
		records += send_left(send).records;
		for (size_t i = send->first; i < send->end; i++)
			left += send_wants(send, i);
		OXP_ASSERT(left == send->left && left > 0);
		under_way += send->under_way;
	}
	OXP_ASSERT(under_way == s->under_way);
	scout_check(&s->scout, s->under_way);
	OXP_ASSERT(TAILQ_EMPTY(&s->asking) || under_way == 0);
	suspects_check(&s->suspects);
	OXP_ASSERT(records == s->queued_records);
	OXP_ASSERT(s->state == SENDER_HALTED || (s->state == SENDER_FINE) == !s->failing_since.ns);
	check_moves();
}
