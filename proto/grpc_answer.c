#include "proto/grpc_answer.h"

#include <errno.h>
#include <strings.h>

#include "base/text.h"
#include "proto/gzip.h"
#include "proto/otlp_wire.h"

enum { SECONDS_MAX = 365 * 86400, NANOS_PER_MS = 1000000 };

static const char *const names[GRPC_STATUSES] = { "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED",
	"NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED",
	"OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED" };

const char *grpc_status_name(int status)
{
	return status >= 0 && status < GRPC_STATUSES ? names[status] : "a status that gRPC does not have";
}

void grpc_answer_init(struct grpc_answer *a)
{
	*a = (struct grpc_answer){ .status = GRPC_STATUS_NONE, .retry_ms = -1 };
}

/* The value of the line if it has that name. */
static bool value_of(struct bytes line, const char *name, struct bytes *ret)
{
	size_t n = strlen(name);

	if (line.size <= n || line.data[n] != ':' || strncasecmp(line.data, name, n) != 0)
		return false;
	line.data += n + 1;
	line.size -= n + 1;
	while (line.size > 0 && (unsigned char)line.data[line.size - 1] <= ' ')
		line.size--;
	*ret = bytes_trimmed(line);
	return true;
}

/* Percent-encoding; what is not one stands for itself ("gRPC over HTTP2", Status-Message). */
static void read_said(struct grpc_answer *a, struct bytes value)
{
	size_t size = 0;

	for (size_t i = 0; i < value.size && size < GRPC_SAID_MAX - 1; i++) {
		int byte = percent_byte(value.data + i, value.size - i);
		char c = byte >= 0 ? (char)byte : value.data[i];
		a->said[size++] = c ? c : ' ';
		i += byte >= 0 ? 2 : 0;
	}
	a->said[size] = '\0';
	text_one_line(a->said);
}

static int64_t last_number(struct bytes message, uint32_t number)
{
	struct wire w = wire_of(message);
	struct wire_field field;
	int64_t found = 0;

	while (wire_next(&w, &field) > 0)
		if (field.number == number && field.type == WIRE_VARINT)
			found = (int64_t)field.value;
	return found;
}

/* RetryInfo { Duration retry_delay = 1; }, Duration { int64 seconds = 1; int32 nanos = 2; } */
static int64_t ms_of(struct bytes retry_info)
{
	struct bytes delay = wire_last(retry_info, 1, NULL);
	int64_t seconds = last_number(delay, 1), nanos = last_number(delay, 2);

	if (seconds < 0 || nanos < 0)
		return 0;
	if (seconds > SECONDS_MAX)
		return (int64_t)SECONDS_MAX * 1000;
	return seconds * 1000 + (nanos < 1000 * (int64_t)NANOS_PER_MS ? nanos / NANOS_PER_MS : 999);
}

/* Status { repeated Any details = 3; }, Any { string type_url = 1; bytes value = 2; } */
static void read_details(struct grpc_answer *a, struct bytes value)
{
	static const char type[] = "/google.rpc.RetryInfo";
	char status[GRPC_DETAILS_READ];
	struct bytes url;
	struct wire_field field;
	struct wire w;
	size_t size;

	base64_parse(value, status, sizeof status, &size);
	w = wire_of((struct bytes){ status, size });
	while (wire_next(&w, &field) > 0) {
		if (field.number != 3 || field.type != WIRE_LENGTH)
			continue;
		url = wire_last(field.bytes, 1, NULL);
		if (url.size >= sizeof type - 1 &&
			memcmp(url.data + url.size - (sizeof type - 1), type, sizeof type - 1) == 0)
			a->retry_ms = ms_of(wire_last(field.bytes, 2, NULL));
	}
}

void grpc_answer_line(struct grpc_answer *a, struct bytes line)
{
	struct bytes value;
	uint64_t number;

	if (value_of(line, "grpc-status", &value))
		a->status = u64_parse(value, &number) && number <= INT32_MAX ? (int)number : GRPC_STATUS_UNKNOWN;
	else if (value_of(line, "grpc-message", &value))
		read_said(a, value);
	else if (value_of(line, "grpc-status-details-bin", &value))
		read_details(a, value);
	else if (value_of(line, "grpc-encoding", &value))
		a->gzip = bytes_same_word(value, bytes_of("gzip"));
}

static int unpack(struct bytes packed, struct buffer *room)
{
	struct gunzip *z = gunzip_new();
	int failed = z ? gunzip_begin(z, room, GRPC_MESSAGE_MAX) : -ENOMEM;

	if (!failed)
		failed = gunzip_feed(z, packed.data, packed.size);
	if (!failed)
		failed = gunzip_end(z);
	gunzip_free(z);
	return failed == -ENOSPC ? -EFBIG : failed;
}

int grpc_answer_message(const struct grpc_answer *a, struct bytes body, struct buffer *room, struct bytes *ret)
{
	const unsigned char *head = (const unsigned char *)body.data;
	uint32_t size;
	int failed;

	if (body.size == 0) {
		*ret = (struct bytes){ "", 0 };
		return 0;
	}
	if (body.size < GRPC_HEAD_SIZE || head[0] > 1 || (head[0] && !a->gzip))
		return -EBADMSG;
	size = (uint32_t)head[1] << 24 | (uint32_t)head[2] << 16 | (uint32_t)head[3] << 8 | head[4];
	if (body.size - GRPC_HEAD_SIZE != size)
		return -EBADMSG;
	*ret = (struct bytes){ body.data + GRPC_HEAD_SIZE, size };
	if (!head[0])
		return 0;
	failed = unpack(*ret, room);
	if (!failed)
		*ret = buffer_bytes(room);
	return failed;
}

void grpc_head_write(bool compressed, uint32_t size, char to[GRPC_HEAD_SIZE])
{
	to[0] = (char)compressed;
	for (unsigned i = 1; i < GRPC_HEAD_SIZE; i++)
		to[i] = (char)(size >> 8 * (GRPC_HEAD_SIZE - 1 - i));
}
