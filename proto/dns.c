#include "proto/dns.h"

enum {
	HEAD_SIZE = 12,
	LABEL_MAX = 63,
	POINTER = 0xc0, /* the two bits that make two bytes a pointer to another name */
	CLASS_IN = 1,
	IS_ANSWER = 0x80,
	IS_CUT = 0x02,
	OPERATION = 0x78,
	CODE = 0x0f,
	RECORD_HEAD = 10, /* type, class, time to live, size of the data */
};

static unsigned u16_at(struct bytes b, size_t at)
{
	const unsigned char *p = (const unsigned char *)b.data + at;

	return (unsigned)(p[0] << 8 | p[1]);
}

/* A value that would be negative counts as none (RFC 2181, 8). */
static uint32_t ttl_at(struct bytes b, size_t at)
{
	uint32_t ttl = (uint32_t)u16_at(b, at) << 16 | u16_at(b, at + 2);

	return ttl <= INT32_MAX ? ttl : 0;
}

static char *put_u16(char *to, unsigned value)
{
	to[0] = (char)(value >> 8);
	to[1] = (char)value;
	return to + 2;
}

/* NULL: it is no name. */
static char *put_name(char *to, const char *name)
{
	size_t size = strlen(name);

	if (size > 0 && name[size - 1] == '.')
		size--;
	if (size == 0 || size > DNS_NAME_MAX)
		return NULL;
	for (size_t at = 0, label; at <= size; at += label + 1) {
		label = strcspn(name + at, ".");
		if (at + label > size)
			label = size - at;
		if (label == 0 || label > LABEL_MAX)
			return NULL;
		*to++ = (char)label;
		memcpy(to, name + at, label);
		to += label;
	}
	*to++ = '\0';
	return to;
}

size_t dns_question_write(uint16_t id, const char *name, enum dns_type type, char to[DNS_QUESTION_MAX])
{
	static const char recursion_wanted_one_question[] = { 1, 0, 0, 1, 0, 0, 0, 0, 0, 0 };
	char *end = put_u16(to, id);

	memcpy(end, recursion_wanted_one_question, sizeof recursion_wanted_one_question);
	end = put_name(to + HEAD_SIZE, name);
	if (!end)
		return 0;
	end = put_u16(end, type);
	end = put_u16(end, CLASS_IN);
	return (size_t)(end - to);
}

/* Where the name that stands at `at` ends; 0: it does not end within the bytes. A pointer ends it, and is not followed.
 */
static size_t name_end(struct bytes b, size_t at)
{
	while (at < b.size) {
		unsigned char size = (unsigned char)b.data[at];
		if (size == 0)
			return at + 1;
		if ((size & POINTER) == POINTER)
			return at + 2 <= b.size ? at + 2 : 0;
		if (size > LABEL_MAX)
			return 0;
		at += size + 1u;
	}
	return 0;
}

/* A server may change the case of the letters. */
static bool repeats(struct bytes question, struct bytes answer)
{
	struct bytes asked = { question.data + HEAD_SIZE, question.size - HEAD_SIZE }, said = asked;

	if (answer.size < question.size || u16_at(answer, 0) != u16_at(question, 0) || u16_at(answer, 4) != 1)
		return false;
	said.data = answer.data + HEAD_SIZE;
	for (size_t i = 0; i < asked.size; i++) {
		unsigned char a = (unsigned char)asked.data[i], s = (unsigned char)said.data[i];
		bool letter = (a | 32) >= 'a' && (a | 32) <= 'z';
		if (a != s && !(letter && (a | 32) == (s | 32)))
			return false;
	}
	return true;
}

/* Takes the record at `at`, and returns where the next one stands; 0: it is not whole. */
static size_t take_record(struct bytes b, size_t at, unsigned type, struct dns_answer *ret)
{
	size_t size, address_size = type == DNS_A ? 4 : DNS_ADDRESS_SIZE;
	uint32_t ttl;

	at = name_end(b, at);
	if (at == 0 || b.size - at < RECORD_HEAD)
		return 0;
	size = u16_at(b, at + 8);
	if (b.size - at - RECORD_HEAD < size)
		return 0;
	ttl = ttl_at(b, at + 4);
	ret->ttl = ttl < ret->ttl ? ttl : ret->ttl;
	if (u16_at(b, at) == type && u16_at(b, at + 2) == CLASS_IN && size == address_size &&
		ret->count < DNS_ADDRESSES_MAX)
		memcpy(ret->addresses[ret->count++], b.data + at + RECORD_HEAD, size);
	return at + RECORD_HEAD + size;
}

static void take_records(struct bytes question, struct bytes answer, struct dns_answer *ret)
{
	unsigned records = u16_at(answer, 6), type = u16_at(question, question.size - 4);
	size_t at = question.size;

	ret->ttl = INT32_MAX;
	for (unsigned i = 0; i < records && i < DNS_RECORDS_MAX && at > 0; i++)
		at = take_record(answer, at, type, ret);
	if (ret->count == 0 && answer.data[2] & IS_CUT)
		ret->code = DNS_CUT;
	else if (ret->count == 0 && at == 0)
		ret->code = DNS_FAILED;
}

bool dns_answer_read(struct bytes question, struct bytes answer, struct dns_answer *ret)
{
	unsigned code;

	if (!repeats(question, answer))
		return false;
	if (!((unsigned char)answer.data[2] & IS_ANSWER) || (answer.data[2] & OPERATION))
		return false;
	code = answer.data[3] & CODE;
	*ret = (struct dns_answer){ .code = code == DNS_FINE || code == DNS_NO_NAME ? code : DNS_FAILED };
	if (code == DNS_FINE)
		take_records(question, answer, ret);
	return true;
}
