/*
 * What a name server may send: the bytes behind a NUL are the answer to a question for the name before it. No byte
 * beyond the answer is read, and there are no more addresses than fit.
 */
#include <stdint.h>
#include <stdlib.h>

#include "proto/dns.h"

static void read_as(const char *name, enum dns_type type, const uint8_t *data, size_t size)
{
	char question[DNS_QUESTION_MAX];
	size_t asked = dns_question_write(0x1234, name, type, question);
	char *copy = malloc(size ? size : 1);
	struct dns_answer answer = { 0 };

	if (!copy || asked > sizeof question)
		abort();
	memcpy(copy, data, size);
	if (asked > 0 && dns_answer_read((struct bytes){ question, asked }, (struct bytes){ copy, size }, &answer) &&
		(answer.count > DNS_ADDRESSES_MAX || (answer.count > 0 && answer.code != DNS_FINE)))
		abort();
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, 0, size);
	char name[512];

	if (!end || (size_t)(end - data) >= sizeof name)
		return 0;
	memcpy(name, data, (size_t)(end - data) + 1);
	size -= (size_t)(end - data) + 1;
	read_as(name, DNS_A, end + 1, size);
	read_as(name, DNS_AAAA, end + 1, size);
	return 0;
}
