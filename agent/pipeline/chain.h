/*
 * The steps of a signal, run over a batch before it is gathered with others.
 *
 * Each line is indexed once, shown to the steps in their order, and, if it has edits, written once, into memory of the
 * batch's budget. A line without edits is not copied. The places of items do not change, so their ids stay. What a step
 * drops is summed up in the batch and counted when the batch is sealed, so a position moves past it as it does past
 * what is delivered. A line that is not a JSON object is dropped, because no step can read it. A run of lines that a
 * step folds into one ends with the batch, so nothing waits for it.
 *
 * An item of spans is a request of several. Its spans are shown to the steps one by one (proto/otlp_edit.h), and those
 * that a step drops are cut out of it; an item that has none left ends here. A request that no step edits is not
 * copied. What is edited is written as it is shown, so that a pass can stop behind any span.
 */
#ifndef OXP_CHAIN_H
#define OXP_CHAIN_H

#include "pipeline/batch.h"
#include "pipeline/chain_spans.h"
#include "pipeline/step.h"

enum {
	STEPS_MAX = 32,
	STEP_SCRATCH_MAX = 48 << 20, /* what the edits of one line or span may take: a long line, hashes in it */
};

struct chain {
	struct chain_row rows[STEPS_MAX];
	size_t count;
	size_t scratch; /* the sum of what the steps may need for each byte of a line */
	struct json_edit *edit, *closing; /* of the line that is looked at, and of one that others were folded into */
	struct otlp_edit *request; /* of the request of spans that is looked at */
	struct otlp_edit *aside; /* of what sampling left out of it; NULL: nobody asks */
	struct chain_sampled sampled;
	uint64_t *missed; /* spans that would be aside, had there been room */
	bool busy, wanted; /* a pass is under way; somebody was turned away because of it */
};

struct chain *chain_new(void) __attribute__((returns_nonnull));
void chain_free(struct chain *); /* destroys the steps; NULL is fine */
/* 0; -ENOSPC: there are STEPS_MAX; -EEXIST: another step folds, too, or only looks. The chain owns the step only if
 * this returns 0. */
int chain_add(struct chain *, const struct step_type *, struct step *, uint64_t *dropped) MUST_CHECK;
/* For a chain of spans: from now on what its sampling leaves out is beside the batch (batch->aside), as the other steps
 * made it. If there is no room for that, it is counted in *missed, and the batch goes on without. */
void chain_set_aside(struct chain *, uint64_t *missed);
/* 0, and *batch is as it will be sent; or as chain_go_on() fails, and nothing has happened. `stream` makes all of the
 * batch one stream, such as the run of a door whose clients name each record; 0: records of one generation are a
 * stream. */
int chain_run(struct chain *, struct batch **batch, uint64_t stream, struct mono_time now) MUST_CHECK;

/* Bytes that one callback shows to the steps. */
size_t chain_slice(const struct chain *);

/* The same a slice at a time, for a batch that takes longer: begin, go on while there is more, end. A chain has one
 * pass at a time, and is busy with it. The batch is neither freed nor changed until then. */
struct chain_pass;
/* Whether a pass can begin. False is remembered until chain_was_wanted(). */
bool chain_is_free(struct chain *);
bool chain_was_wanted(struct chain *);
struct chain_pass *chain_begin(struct chain *, const struct batch *, uint64_t stream, struct mono_time now)
	__attribute__((returns_nonnull));
/* How far it has come, if it has not failed. */
enum chain_pace {
	CHAIN_ALL, /* the steps have seen all */
	CHAIN_MORE,
	CHAIN_WORK, /* what comes next takes long: chain_work(), and then it can go on */
};
/* Shows about that many bytes, at least one line, span or resource. An enum chain_pace; -ENOMEM: no room; -EMSGSIZE:
 * there is hardly ever room for what steps need for a line or a span as long as that. */
int chain_go_on(struct chain_pass *, size_t bytes) MUST_CHECK;
/* Shows a long line, span, resource or scope to the steps, or writes much at once. It touches nothing but the pass and
 * its chain, so it can be done in a lane. */
void chain_work(struct chain_pass *);
/* `taken`: chain_go_on() returned 0, and *batch is as it will be sent. If not, nothing has happened. */
void chain_end(struct chain_pass *, bool taken, struct batch **batch);

#endif
