/*
 * The answer to a `_bulk` request, read as it arrives.
 *
 * What is looked at: items[i].ACTION.status, items[i].ACTION.error.type and .reason when there is an error, those of
 * the last caused_by in it, and whether items[i].ACTION.failure_store says "used" (Elasticsearch "Failure store"); all
 * else is skipped. Items come back in request order (Elasticsearch "Bulk API", response body). The parser keeps no more
 * than a few hundred bytes however long the answer is, and refuses what is no JSON of that shape.
 */
#ifndef OXP_BULK_ANSWER_H
#define OXP_BULK_ANSWER_H

#include "base/bytes.h"

enum { BULK_TEXT_MAX = 240, BULK_DEPTH_MAX = 24, BULK_USUAL_MAX = 64 };

struct bulk_item_answer {
	unsigned status; /* 0 when the item had none */
	const char *type, *reason; /* of the error, cut at BULK_TEXT_MAX; "" when there is none */
	const char *cause_type, *cause; /* likewise, of what is at the bottom of it */
	bool failure_store; /* it was taken, but not by the stream itself, whose mapping it does not fit */
};

/* Nearly all items of an answer are the same bytes: an item that is what the last good one was is not read again. */
struct usual_item {
	size_t size; /* 0: none was seen */
	unsigned status;
	char text[BULK_USUAL_MAX];
};

/* Invariant: depth is how many brackets are open. */
struct bulk_answer {
	void (*item)(void *context, const struct bulk_item_answer *);
	void *context;
	size_t items;
	unsigned char state; /* enum of bulk_answer.c */
	bool failed, in_items, seen_items, failure_store;
	unsigned depth;
	unsigned char arrays[BULK_DEPTH_MAX]; /* whether the bracket at that depth is an array */
	unsigned in_error; /* the depth in the error at hand, or in what has caused it; 0: in none */
	unsigned deepest; /* that it has come to */
	unsigned where; /* what the value that comes next is */
	unsigned status;
	size_t size; /* of text */
	struct usual_item usual,
		reading; /* the latter so far; its size is beyond BULK_USUAL_MAX when it does not fit */
	char text[BULK_TEXT_MAX + 1], type[BULK_TEXT_MAX + 1], reason[BULK_TEXT_MAX + 1];
	char cause_type[BULK_TEXT_MAX + 1], cause[BULK_TEXT_MAX + 1];
};

void bulk_answer_init(struct bulk_answer *, void (*item)(void *, const struct bulk_item_answer *), void *context);
/* False from the first byte on that does not fit. */
bool bulk_answer_feed(struct bulk_answer *, const char *data, size_t size);
/* True when a whole answer was read: one object, closed, with an `items` array. */
bool bulk_answer_end(const struct bulk_answer *);

#endif
