/*
 * The sender: one exporter's queue and all that is common to sending.
 *
 * Retries, back-off with jitter, the time a destination asked for, timeouts, concurrency, splitting, one probe
 * at a time to a destination that does not take anything: here and nowhere else. An exporter does one try.
 *
 *   SENDER_FINE      up to `concurrency` sends under way, as many and as large as the destination takes well (window.h)
 *   SENDER_WAITING   the last send failed; nothing goes out for about a second, or before `not_before`
 *   SENDER_PROBING   one small send under way to see whether it is better now
 *   SENDER_HALTED    the process ends: nothing goes out any more
 *
 * Whose fault it is. A send that gets no answer, or one that says it failed, collects strikes; with enough of them it
 * is suspect, and others are let by. If one of those is taken it was not the destination: the suspect is put on trial,
 * one more try as it is. A single item that fails then is refused with that reason; of several the halves are suspects.
 * Each time that others are taken is good for one refusal: an outage that pauses must not refuse all that waits.
 * If nothing is taken at all it is the destination, and all wait as in an outage; but where there is nothing else to
 * compare with, halves of the suspect are tried (some, see LONE_SPLITS_MAX) and compared with each other.
 */
#ifndef OXP_SENDER_H
#define OXP_SENDER_H

#include "base/random.h"
#include "pipeline/send.h"
#include "pipeline/window.h"

enum sender_state { SENDER_FINE, SENDER_WAITING, SENDER_PROBING, SENDER_HALTED, SENDER_STATES };
/*
 * Whether the destination takes what it is given, looked at over a while, so that one try that failed is no answer:
 *
 *   SENDER_DELIVERS  it does, or nothing waits for it
 *   SENDER_STALLED   something waits for it, and for so long it has settled nothing
 *   SENDER_REFUSES   it answers, and for so long it has refused for good whatever it was given; until it takes a record
 */
enum sender_verdict { SENDER_DELIVERS, SENDER_STALLED, SENDER_REFUSES };
enum { SEND_REASON_MAX = 256 };

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
	struct loop_soon *room; /* run when there is room again for somebody who was told of none */
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
	enum sender_state state;
	struct send_list queue; /* waiting and under way, oldest first */
	size_t under_way;
	struct window window;
	struct mono_time failing_since; /* the first failure in a row; 0: none */
	struct duration ceiling; /* of the latest wait; 0: none since then */
	struct mono_time not_before; /* the latest that the destination has asked for */
	struct loop_timer wait;
	struct loop_soon pump;
	struct mono_time last_delivered; /* 0: never in this run */
	struct wall_time last_delivered_at; /* the same moment */
	struct mono_time waits_since; /* while the queue is not empty: it was, or something settled */
	struct mono_time refused_first, refused_last; /* with nothing taken between or since; 0: none */
	uint64_t sends, retries, resent, queued_records, queued_bytes;
	uint64_t takings; /* tries in which something was taken */
	uint64_t takings_used; /* as many there were when a suspect was refused last */
	unsigned lone_splits; /* with nothing taken between */
	bool starved; /* somebody was told that it is backed up */
	struct mono_time told_refused; /* when the log last said it; 0: never */
	char reason[SEND_REASON_MAX]; /* of the last failure or refusal; "" when none */
	char failure[SEND_REASON_MAX]; /* of the last failure alone: no record is quoted in it; "" when none */
};

struct sender *sender_new(
	const struct sender_world *, const char *name, const struct exporter_type *, const struct sender_limits *);
/* The exporter may need its host, which needs the sender: it comes second. */
void sender_exporter(struct sender *, struct exporter *);
void sender_free(struct sender *);
/* Queues the delivery's batch for this destination. */
void sender_push(struct sender *, struct delivery *, size_t route);
/* Whether what is queued, and so many bytes that will be, are more than the batches of that size that could be under
 * way and one more. Where all that is queued is suspect, and there is memory to spare, only `soon` counts: something
 * else has to come to compare it with. If so, the collectors are told when a send has ended, or there are only
 * suspects. */
bool sender_is_backed_up(struct sender *, uint64_t soon, uint64_t batch_bytes, bool spare);
/* Forgets back-off: called when the process drains. */
void sender_hurry(struct sender *);
/* Ends what is under way, and begins nothing any more. */
void sender_halt(struct sender *);
/* Of a halted one: the oldest send that was not settled, NULL when there is none; and lets it go as it is. */
const struct send *sender_left(const struct sender *);
void sender_forget(struct sender *);
/* Each send that is queued or under way, oldest first. `visit` changes nothing. */
void sender_visit(const struct sender *, void (*visit)(void *context, const struct send *), void *context);
void sender_check(const struct sender *);
const char *sender_state_name(enum sender_state);
enum sender_verdict sender_verdict(const struct sender *, struct duration bound);

#endif
