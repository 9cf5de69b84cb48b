/*
 * A `_bulk` request, as clients of Elasticsearch send it: lines of an action, each but `delete` followed by the line of
 * its document (Elasticsearch "Bulk API", request body). The lines are checked as JSON and nothing is decoded: what a
 * client wrote comes back in the answer as it stands, between its quotes.
 *
 * An action line that is not an action ends the request with a reason, as the server refuses such a request as a whole.
 * An operation that cannot be done gets an answer of its own, and the next one is read.
 */
#ifndef OXP_BULK_REQUEST_H
#define OXP_BULK_REQUEST_H

#include "proto/json_line.h"

enum bulk_action { BULK_INDEX, BULK_CREATE, BULK_UPDATE, BULK_DELETE };

struct bulk_operation {
	enum bulk_action action;
	struct bytes index, id; /* JSON strings with their quotes (an id may be a number), or empty */
	struct bytes document; /* one JSON object without its line end; empty if there is none to take */
	const char *fault; /* why it is not taken, for people; NULL if it is */
};

enum { BULK_ITEM_FIXED = 192 };

/* The rest of the body. JSON_LINE_PADDING readable bytes follow its end. */
struct bulk_request {
	const struct json_scan *scan;
	const char *at, *end;
	size_t lines; /* read so far */
	const char *fault; /* why the rest is not a bulk; NULL if it is */
};

void bulk_request_init(struct bulk_request *, const struct json_scan *, struct bytes body);
/* False at the end, or if the rest is not a bulk. */
bool bulk_request_next(struct bulk_request *, struct bulk_operation *ret);

/* The most bytes that one item of the answer takes. */
static inline size_t bulk_item_max(const struct bulk_operation *op, size_t index)
{
	return BULK_ITEM_FIXED + (op->index.size ? op->index.size : index) + op->id.size +
	       (op->fault ? strlen(op->fault) : 0);
}

/* Appends one item of the answer. `index` is what the path names, for operations that name none; `number` makes an id
 * for those without. 0, -ENOSPC or -ENOMEM. */
int bulk_item_write(struct buffer *, const struct bulk_operation *, struct bytes index, uint64_t number) MUST_CHECK;

#endif
