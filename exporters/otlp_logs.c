#include "exporters/otlp_logs.h"

#include <errno.h>
#include <stdlib.h>

#include "exporters/otlp_resource.h"
#include "proto/otlp_log.h"

/* Fields of ExportLogsServiceRequest, ResourceLogs and ScopeLogs; the two around the records, with their lengths. */
enum { RESOURCE_LOGS = 1, SCOPE_LOGS = 2, AROUND_MAX = 32, GROWTH = 4, RECORD_ROOM = 1024 };

struct otlp_logs {
	struct otlp_log *log;
	struct bytes resource; /* the field of ResourceLogs */
};

int otlp_logs_new(const struct resource *r, struct otlp_logs **ret)
{
	struct otlp_logs *l = oxp_new(sizeof *l);
	int failed;

	l->log = otlp_log_new();
	failed = otlp_resource_new(r, &l->resource);
	if (failed) {
		otlp_logs_free(l);
		return failed;
	}
	*ret = l;
	return 0;
}

void otlp_logs_free(struct otlp_logs *l)
{
	if (!l)
		return;
	otlp_log_free(l->log);
	free((char *)l->resource.data);
	free(l);
}

/* If it does not fit what records need as a rule, its size is known at least. */
static int append_record(struct otlp_logs *l, struct bytes line, uint64_t observed, struct buffer *to)
{
	size_t room = GROWTH * line.size + RECORD_ROOM;

	for (;;) {
		struct otlp_build b = { buffer_reserve(to, room), room, 0 };
		if (!b.to)
			return room > to->ceiling - to->size ? -ENOSPC : -ENOMEM;
		otlp_log_build(l->log, &b, line, observed);
		if (b.size <= room) {
			to->size += b.size;
			return 0;
		}
		room = b.size;
	}
}

/* Writes what stands before the records. Returns how many bytes. */
static size_t put_before(const struct otlp_logs *l, size_t records, char *to)
{
	struct otlp_build b = { to, l->resource.size + AROUND_MAX, 0 };
	size_t scope = 1 + wire_varint_size(records) + records;
	char *at;

	otlp_build_tag(&b, RESOURCE_LOGS, WIRE_LENGTH);
	otlp_build_varint(&b, l->resource.size + scope);
	at = otlp_build_claim(&b, l->resource.size);
	OXP_ASSERT(at);
	memcpy(at, l->resource.data, l->resource.size);
	otlp_build_tag(&b, SCOPE_LOGS, WIRE_LENGTH);
	otlp_build_varint(&b, records);
	return b.size;
}

int otlp_logs_body(
	struct otlp_logs *l, const struct post_items *items, uint64_t observed, struct buffer *to, size_t *ret_start)
{
	size_t most = l->resource.size + AROUND_MAX, begin, before;
	char *gap = buffer_reserve(to, most), *head;
	int failed = 0;

	*ret_start = to->size;
	if (items->count == 0)
		return 0;
	if (!gap)
		return -ENOMEM;
	to->size += most;
	begin = to->size;
	for (size_t i = 0; i < items->count && !failed; i++) {
		const struct batch_item *item = post_items_at(items, i);
		failed = append_record(l, (struct bytes){ item->data, item->size }, observed, to);
	}
	if (failed)
		return failed;
	head = oxp_new(most);
	before = put_before(l, to->size - begin, head);
	memcpy(to->data + begin - before, head, before);
	*ret_start = begin - before;
	free(head);
	return 0;
}
