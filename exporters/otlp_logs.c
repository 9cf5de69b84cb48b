#include "exporters/otlp_logs.h"

#include <errno.h>
#include <stdlib.h>

#include "proto/otlp_log.h"

/* Fields of ExportLogsServiceRequest, ResourceLogs and ScopeLogs; the two around the records, with their lengths. */
enum { RESOURCE_LOGS = 1, RESOURCE = 1, SCOPE_LOGS = 2, AROUND_MAX = 32, GROWTH = 4, RECORD_ROOM = 1024 };

struct otlp_logs {
	struct otlp_log *log;
	char *resource; /* the field of ResourceLogs */
	size_t resource_size;
};

static void build_resource(struct otlp_build *b, const struct resource *r)
{
	size_t resource = otlp_build_begin(b, RESOURCE);

	for (; r && r->name; r++) {
		struct otlp_value value = otlp_text(bytes_of(r->value));
		otlp_build_attribute(b, 1, bytes_of(r->otel), &value);
	}
	otlp_build_end(b, resource);
}

int otlp_logs_new(const struct resource *r, struct otlp_logs **ret)
{
	struct otlp_logs *l = oxp_new(sizeof *l);
	struct otlp_build b = { NULL, 0, 0 };

	l->log = otlp_log_new();
	build_resource(&b, r);
	l->resource_size = b.size;
	l->resource = malloc(b.size);
	if (!l->resource) {
		otlp_logs_free(l);
		return -ENOMEM;
	}
	b = (struct otlp_build){ l->resource, b.size, 0 };
	build_resource(&b, r);
	*ret = l;
	return 0;
}

void otlp_logs_free(struct otlp_logs *l)
{
	if (!l)
		return;
	otlp_log_free(l->log);
	free(l->resource);
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
	struct otlp_build b = { to, l->resource_size + AROUND_MAX, 0 };
	size_t scope = 1 + wire_varint_size(records) + records;
	char *at;

	otlp_build_tag(&b, RESOURCE_LOGS, WIRE_LENGTH);
	otlp_build_varint(&b, l->resource_size + scope);
	at = otlp_build_claim(&b, l->resource_size);
	OXP_ASSERT(at);
	memcpy(at, l->resource, l->resource_size);
	otlp_build_tag(&b, SCOPE_LOGS, WIRE_LENGTH);
	otlp_build_varint(&b, records);
	return b.size;
}

int otlp_logs_body(
	struct otlp_logs *l, const struct post_items *items, uint64_t observed, struct buffer *to, size_t *ret_start)
{
	size_t most = l->resource_size + AROUND_MAX, begin, before;
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
