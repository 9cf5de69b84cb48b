/*
 * The answer to a `_bulk` request, read as it arrives.
 *
 * What is looked at: items[i].ACTION.status, items[i].ACTION.error.type and .reason when there is an error, those of
 * the last caused_by in it, and whether items[i].ACTION.failure_store says "used" (Elasticsearch "Failure store");
 * everything else is skipped. Items come back in request order (Elasticsearch "Bulk API", response body). The parser
 * stores a few hundred bytes, however long the answer is, and refuses anything that is not JSON of that shape.
 */
#ifndef OXP_BULK_ANSWER_H
#define OXP_BULK_ANSWER_H

#include "base/bytes.h"

enum { BULK_TEXT_MAX = 240, BULK_DEPTH_MAX = 24, BULK_USUAL_MAX = 64 };

struct bulk_item_answer {
	unsigned status; /* 0 if the item had none */
	const char *type, *reason; /* of the error, cut at BULK_TEXT_MAX; "" if there is none */
	const char *cause_type, *cause; /* the same of the innermost cause */
	bool failure_store; /* the failure store took it, because it does not fit the stream's mapping */
};

/* Nearly all items of an answer are the same bytes: an item equal to the last good one is not parsed again. */
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
		reading; /* `reading`: the item so far; its size is beyond BULK_USUAL_MAX if it does not fit */
	char text[BULK_TEXT_MAX + 1], type[BULK_TEXT_MAX + 1], reason[BULK_TEXT_MAX + 1];
	char cause_type[BULK_TEXT_MAX + 1], cause[BULK_TEXT_MAX + 1];
};

void bulk_answer_init(struct bulk_answer *, void (*item)(void *, const struct bulk_item_answer *), void *context);
/* False from the first byte that does not fit the shape. */
bool bulk_answer_feed(struct bulk_answer *, const char *data, size_t size);
/* Whether a whole answer was read: one closed object with an `items` array. */
bool bulk_answer_end(const struct bulk_answer *);

#endif
