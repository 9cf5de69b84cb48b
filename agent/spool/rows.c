#include "spool/rows.h"

#include <stdlib.h>

enum { ROW_BYTES = 1 << 20 };

size_t rows_cost(size_t items)
{
	return sizeof(struct rows) + items * (sizeof(struct row_item) + 2 * sizeof(struct iovec));
}

static struct rows *rows_new(size_t items)
{
	struct rows *r = oxp_new(rows_cost(items));

	r->pieces = (struct iovec *)(r->heads + items);
	return r;
}

static void add(struct rows *r, const struct batch_item *item)
{
	struct row_item *head = &r->heads[r->items];
	struct iovec *piece = &r->pieces[2 * r->items++];

	*head = (struct row_item){ item->generation, item->offset, item->size, item->records };
	piece[0] = (struct iovec){ head, sizeof *head };
	piece[1] = (struct iovec){ (char *)item->data, item->size };
}

struct rows *rows_of_batch(const struct batch *batch)
{
	struct rows *r = rows_new(batch_items(batch));

	for (size_t i = 0; i < batch_items(batch); i++)
		add(r, batch_item(batch, i));
	return r;
}

struct rows *rows_of_send(const struct send *send, const struct lasting *lasting, size_t items)
{
	struct rows *r = rows_new(items);

	for (size_t i = send_first(send); i < send_end(send); i++)
		if (lasting_is_ours(lasting, send, i))
			add(r, batch_item(send->delivery->batch, i));
	return r;
}

void rows_free(struct rows *first)
{
	for (struct rows *r; (r = first);) {
		first = r->next;
		free(r);
	}
}

/* Returns the end of the row that begins with item `first`. */
static size_t row_end(const struct rows *r, size_t first, struct ledger_amount *ret_amount)
{
	struct ledger_amount amount = { 0, 0 };
	size_t i = first, size = 0;

	for (; i < r->items && (i == first || size + r->heads[i].size <= ROW_BYTES); i++) {
		size += sizeof r->heads[i] + r->heads[i].size;
		amount.records += r->heads[i].records;
		amount.bytes += r->heads[i].size;
	}
	*ret_amount = amount;
	return i;
}

size_t rows_count(const struct rows *r)
{
	struct ledger_amount amount;
	size_t count = 0;

	for (size_t i = 0; i < r->items; i = row_end(r, i, &amount))
		count++;
	return count;
}

void rows_each(const struct rows *first,
	void (*visit)(void *context, uint64_t generation, const struct ledger_amount *), void *context)
{
	for (const struct rows *r = first; r; r = r->next) {
		struct ledger_amount sum = { 0, 0 };
		for (size_t i = 0; i < r->items; i++) {
			sum.records += r->heads[i].records;
			sum.bytes += r->heads[i].size;
			if (i + 1 < r->items && r->heads[i + 1].generation == r->heads[i].generation)
				continue;
			visit(context, r->heads[i].generation, &sum);
			sum = (struct ledger_amount){ 0, 0 };
		}
	}
}

void rows_put(const struct rows *r, struct state_change *change, const char *key, struct batch_row *ret)
{
	for (size_t i = 0, end; i < r->items; i = end) {
		struct state_payload row = { .pieces = &r->pieces[2 * i], .ret_id = ret ? &ret++->id : NULL };
		end = row_end(r, i, &row.amount);
		row.count = 2 * (end - i);
		state_change_spool(change, key, &row);
	}
}

/* Adds one item. In a row of an older version, a log line may have line ends in it. */
static bool unpack_item(struct batch *batch, char *data, const struct row_item *head)
{
	const struct batch_item item = { .data = data,
		.size = head->size,
		.records = head->records,
		.generation = head->generation,
		.offset = head->offset };

	if (batch_signal(batch) == SIGNAL_LOGS)
		bytes_make_one_line(data, head->size);
	return batch_add(batch, &item) == 0;
}

bool rows_fit(struct bytes payload, const struct ledger_amount *amount)
{
	struct ledger_amount sum = { 0, 0 };
	struct row_item head;

	for (size_t at = 0; at < payload.size; at += head.size) {
		if (payload.size - at < sizeof head)
			return false;
		memcpy(&head, payload.data + at, sizeof head);
		at += sizeof head;
		if (head.size > payload.size - at)
			return false;
		sum.records += head.records;
		sum.bytes += head.size;
	}
	return payload.size > 0 && sum.records == amount->records && sum.bytes == amount->bytes;
}

struct batch *rows_unpack(struct source *source, struct bytes payload)
{
	struct batch *batch = source_batch_new(source);
	char *block = batch ? batch_block(batch, payload.size) : NULL;
	struct row_item head;
	bool fine = block;

	if (fine)
		memcpy(block, payload.data, payload.size);
	for (size_t at = 0; fine && at < payload.size; at += head.size) {
		memcpy(&head, block + at, sizeof head);
		at += sizeof head;
		fine = unpack_item(batch, block + at, &head);
	}
	if (fine)
		return batch;
	batch_free(batch);
	return NULL;
}
