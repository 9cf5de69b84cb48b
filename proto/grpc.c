#include "proto/grpc.h"

#include <errno.h>
#include <stdlib.h>

#include "base/text.h"
#include "otlp.pb-c.h"

enum { TIMEOUT_DIGITS_MAX = 8, BASE64_BYTES = 3 };

bool grpc_frame_read(struct grpc_frame *f, struct bytes *in)
{
	size_t n = smaller(in->size, GRPC_HEAD_SIZE - f->got);

	if (n > 0)
		memcpy(f->head + f->got, in->data, n);
	f->got += (unsigned)n;
	*in = (struct bytes){ n > 0 ? in->data + n : in->data, in->size - n };
	return grpc_frame_is_whole(f);
}

size_t grpc_frame_size(const struct grpc_frame *f)
{
	return (size_t)f->head[1] << 24 | (size_t)f->head[2] << 16 | (size_t)f->head[3] << 8 | f->head[4];
}

static int64_t unit_ns(char unit)
{
	switch (unit) {
	case 'H':
		return 3600 * INT64_C(1000000000);
	case 'M':
		return 60 * INT64_C(1000000000);
	case 'S':
		return 1000000000;
	case 'm':
		return 1000000;
	case 'u':
		return 1000;
	case 'n':
		return 1;
	default:
		return 0;
	}
}

/* The largest, 99,999,999 hours, does not fit. */
int grpc_timeout_parse(const char *text, struct duration *ret)
{
	size_t digits = strspn(text, "0123456789");
	int64_t unit = digits > 0 ? unit_ns(text[digits]) : 0;
	uint64_t number = 0;

	if (digits == 0 || digits > TIMEOUT_DIGITS_MAX || !unit || text[digits + 1] != '\0')
		return -EINVAL;
	if (!u64_parse((struct bytes){ text, digits }, &number))
		return -EINVAL;
	ret->ns = (int64_t)number > INT64_MAX / unit ? INT64_MAX : (int64_t)number * unit;
	return 0;
}

int grpc_message_write(const char *message, struct buffer *to)
{
	int failed = 0;

	for (const char *p = message; *p && !failed; p++) {
		bool plain = *p >= ' ' && *p <= '~' && *p != '%';
		failed = plain ? buffer_append(to, p, 1) : buffer_printf(to, "%%%02X", (unsigned char)*p);
	}
	return failed;
}

static int base64(const unsigned char *data, size_t size, struct buffer *to)
{
	char group[BASE64_GROUP + 1];
	int failed = 0;

	for (size_t i = 0; i < size && !failed; i += BASE64_BYTES) {
		base64_group(data + i, size - i, group);
		failed = buffer_append(to, group, smaller(size - i, BASE64_BYTES) + 1);
	}
	return failed;
}

/* Small by nature, and a cold path: generated code writes it. */
static int pack(const ProtobufCMessage *message, struct buffer *to)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	char *at = buffer_reserve(to, size);

	if (!at)
		return -ENOSPC;
	protobuf_c_message_pack(message, (uint8_t *)at);
	to->size += size;
	return 0;
}

static int pack_status(enum grpc_status code, const char *message, const struct buffer *info, struct buffer *to)
{
	Otlp__Any any = OTLP__ANY__INIT, *all[] = { &any };
	Otlp__DetailedStatus status = OTLP__DETAILED_STATUS__INIT;

	any.type_url = (char *)"type.googleapis.com/google.rpc.RetryInfo";
	any.value = (ProtobufCBinaryData){ info->size, (uint8_t *)info->data };
	status.code = (int)code;
	status.message = (char *)message;
	status.details = all;
	status.n_details = COUNT_OF(all);
	return pack(&status.base, to);
}

static int pack_retry(int64_t seconds, struct buffer *to)
{
	Otlp__Duration delay = OTLP__DURATION__INIT;
	Otlp__RetryInfo retry = OTLP__RETRY_INFO__INIT;

	delay.seconds = seconds;
	retry.retry_delay = &delay;
	return pack(&retry.base, to);
}

int grpc_details_write(enum grpc_status code, const char *message, int64_t retry_s, struct buffer *to)
{
	struct buffer info, status;
	int failed;

	buffer_init(&info, GRPC_DETAILS_MAX);
	buffer_init(&status, GRPC_DETAILS_MAX);
	failed = pack_retry(retry_s, &info);
	if (!failed)
		failed = pack_status(code, message, &info, &status);
	if (!failed)
		failed = base64((const unsigned char *)status.data, status.size, to);
	buffer_done(&info);
	buffer_done(&status);
	return failed;
}
