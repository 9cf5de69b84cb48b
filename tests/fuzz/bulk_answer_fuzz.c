/*
 * The answer to a bulk: whole and byte by byte, where no item is known from the one before, it says the same.
 */
#include <stdint.h>
#include <stdlib.h>

#include "proto/bulk_answer.h"

struct sum {
	size_t items;
	uint64_t statuses;
};

static void on_item(void *context, const struct bulk_item_answer *a)
{
	struct sum *s = context;

	s->items++;
	s->statuses = s->statuses * 31 + a->status + strlen(a->type) + strlen(a->reason);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct bulk_answer whole, pieces;
	struct sum a = { 0 }, b = { 0 };
	bool fine;

	bulk_answer_init(&whole, on_item, &a);
	bulk_answer_init(&pieces, on_item, &b);
	fine = bulk_answer_feed(&whole, text, size);
	for (size_t i = 0; i < size; i++)
		if (!bulk_answer_feed(&pieces, text + i, 1))
			break;
	if (a.items != b.items || a.statuses != b.statuses || bulk_answer_end(&whole) != bulk_answer_end(&pieces) ||
		fine == whole.failed)
		abort();
	return 0;
}
