/*
 * The sender: one exporter's queue and all that is common to sending.
 *
 * Retries, back-off with jitter, the time that a destination asked for (Retry-After), timeouts, concurrency, splitting,
 * one probe at a time to a destination that takes nothing: here and nowhere else. An exporter does one try.
 *
 *   SENDER_FINE      up to `concurrency` sends under way, their number and size as the destination can take (window.h)
 *   SENDER_WAITING   the last send failed; nothing goes out for about a second, or before `not_before`
 *   SENDER_PROBING   one small send is under way, to see whether the destination takes anything by now
 *   SENDER_HALTED    the process ends: nothing goes out any more
 *
 * Whose fault it is that sends fail is found out by suspects.h, with the answers to sends of no items among others. If
 * what is under way gets no answer, a scout (scout.h) finds out whether the destination takes anything by now.
 */
#ifndef OXP_SENDER_H
#define OXP_SENDER_H

#include "base/random.h"
#include "pipeline/back_off.h"
#include "pipeline/pacing.h"
#include "pipeline/scout.h"
#include "pipeline/send.h"
#include "pipeline/standing.h"
#include "pipeline/suspects.h"
#include "pipeline/window.h"

enum sender_state { SENDER_FINE, SENDER_WAITING, SENDER_PROBING, SENDER_HALTED, SENDER_STATES };

struct sender_limits {
	uint64_t concurrency; /* the most at a time */
	struct duration timeout; /* of one try */
	/* Ceilings of waits: the first, and the highest, which is reached after ten minutes of failures. */
	struct duration retry_first, retry_last;
};

/* What a sender is lent. */
struct sender_world {
	struct loop *loop;
	struct random *random;
	const struct log *log;
	struct lane *disk; /* reads back what stands on disk; NULL: there is none, or not any more */
	struct loop_soon *room; /* run when there is room again for somebody who found none */
	bool draining; /* the process ends: nothing waits for better times */
};

/* Only sender.c writes it. */
struct sender {
	TAILQ_ENTRY(sender) entry; /* the pipeline's */
	const struct sender_world *world;
	const char *name;
	const struct exporter_type *type;
	struct exporter *exporter;
	struct sender_limits limits;
	uint64_t send_max; /* bytes */
	enum sender_state state;
	struct send_list queue; /* waiting and under way, oldest first */
	size_t under_way;
	struct window window;
	struct pacing pacing;
	struct loop_timer paced; /* somebody waits for it to settle something, no longer than until then */
	struct scout scout;
	struct suspects suspects;
	struct standing standing;
	struct send_list asking; /* a send of no items that is under way, alone */
	struct back_off back_off;
	struct mono_time failing_since; /* the first failure in a row; 0: none */
	struct loop_timer wait;
	struct loop_soon pump;
	uint64_t sends, retries, resent, queued_records, queued_bytes;
	bool starved; /* somebody found it backed up, and waits */
};

struct sender *sender_new(
	const struct sender_world *, const char *name, const struct exporter_type *, const struct sender_limits *);
/* The exporter may need its host, which needs the sender: it comes second. */
void sender_exporter(struct sender *, struct exporter *);
/* The most bytes of a send of several items; otherwise, what a batch has. */
void sender_send_max(struct sender *, size_t bytes);
void sender_free(struct sender *);
/* Queues the delivery's batch for this destination. */
void sender_push(struct sender *, struct delivery *, size_t route);
/* Whether what is queued, and `soon` bytes that will be, are more than one batch beyond what can be under way. If all
 * that is queued is suspect, and there is memory to `spare`, only `soon` counts: something else has to come to compare
 * it with. If it is backed up, the collectors are told when a send has ended, or there are only suspects. */
bool sender_is_backed_up(struct sender *, uint64_t soon, uint64_t batch_bytes, bool spare);
/* Whether what is queued is enough for a destination that takes all it is given. After PACING_ENOUGH the collectors are
 * told when it is worth asking again. */
enum pacing_verdict sender_pace(struct sender *);
/* Forgets back-off: called when the process drains. */
void sender_hurry(struct sender *);
/* Ends what is under way. No send begins after that. */
void sender_halt(struct sender *);
/* Of a halted sender: the oldest send that has not settled, NULL if there is none; and drops it. */
const struct send *sender_left(const struct sender *);
void sender_forget(struct sender *);
/* The oldest send that waits, and is not under way; NULL if there is none. And drops it: its records end as that term
 * of the ledger, and are lost. */
const struct send *sender_oldest_waiting(const struct sender *);
void sender_shed(struct sender *, enum ledger_term);
/* Each send that is queued or under way, oldest first. `visit` changes nothing. */
void sender_visit(const struct sender *, void (*visit)(void *context, const struct send *), void *context);
void sender_check(const struct sender *);
const char *sender_state_name(enum sender_state);
enum sender_verdict sender_verdict(const struct sender *, struct duration bound);

#endif
