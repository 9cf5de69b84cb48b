/*
 * Questions and answers of the domain name system, byte by byte.
 */
#include "proto/dns.h"

#include "unit/unit.h"

#define ID "\x12\x34"
#define HEAD(flags, answers) ID flags "\0\1\0" answers "\0\0\0\0"
#define ASKED "\1a\4test\0\0\1\0\1"
#define RECORD(type, data) "\xc0\x0c\0" type "\0\1\0\0\0\x3c\0" data
#define V4 RECORD("\1", "\4\xc0\0\2\7")
#define ALIAS RECORD("\5", "\2\xc0\x0c") /* of itself */

struct question {
	char bytes[DNS_QUESTION_MAX];
	size_t size;
};

static struct question ask(const char *name, enum dns_type type)
{
	struct question q;

	q.size = dns_question_write(0x1234, name, type, q.bytes);
	return q;
}

static bool read_answer(const void *bytes, size_t size, struct dns_answer *ret)
{
	struct question q = ask("a.test", DNS_A);

	return dns_answer_read((struct bytes){ q.bytes, q.size }, (struct bytes){ bytes, size }, ret);
}

#define READ(text, ret) read_answer(text, sizeof(text) - 1, ret)

static void a_question_is_one_of_rfc_1035(void **state)
{
	static const char expected[] = ID "\1\0\0\1\0\0\0\0\0\0" ASKED;
	struct question q = ask("a.test", DNS_A);

	(void)state;
	assert_int_equal(q.size, sizeof expected - 1);
	assert_memory_equal(q.bytes, expected, q.size);
	assert_int_equal(ask("a.test.", DNS_A).size, q.size);
}

static void what_is_no_name_is_not_asked_for(void **state)
{
	char name[400];

	(void)state;
	memset(name, 'a', sizeof name);
	for (size_t i = 63; i < sizeof name; i += 64)
		name[i] = '.';
	name[253] = '\0';
	assert_int_equal(ask(name, DNS_A).size, DNS_QUESTION_MAX);
	name[253] = 'a';
	name[254] = '\0';
	assert_int_equal(ask(name, DNS_A).size, 0);
	memset(name, 'a', 64);
	name[64] = '\0';
	assert_int_equal(ask(name, DNS_A).size, 0);
	assert_int_equal(ask("", DNS_A).size, 0);
	assert_int_equal(ask(".", DNS_A).size, 0);
	assert_int_equal(ask("a..b", DNS_A).size, 0);
	assert_int_equal(ask(".a", DNS_A).size, 0);
}

static void addresses_are_taken_whoever_they_belong_to(void **state)
{
	struct dns_answer a;

	(void)state;
	assert_true(READ(HEAD("\x81\x80", "\2") ASKED ALIAS V4, &a));
	assert_int_equal(a.code, DNS_FINE);
	assert_int_equal(a.count, 1);
	assert_memory_equal(a.addresses[0], "\xc0\0\2\7", 4);
}

static void the_shortest_time_to_live_counts(void **state)
{
	struct dns_answer a;

	(void)state;
	assert_true(READ(HEAD("\x81\x80", "\2") ASKED ALIAS V4, &a));
	assert_int_equal(a.ttl, 60);
	assert_true(READ(HEAD("\x81\x80", "\2") ASKED "\xc0\x0c\0\5\0\1\0\0\0\7\0\2\xc0\x0c" V4, &a));
	assert_int_equal(a.ttl, 7);
	assert_true(READ(HEAD("\x81\x80", "\1") ASKED "\xc0\x0c\0\1\0\1\xff\xff\xff\xff\0\4\xc0\0\2\7", &a));
	assert_int_equal(a.ttl, 0);
}

static void other_types_and_sizes_are_no_addresses(void **state)
{
	struct dns_answer a;

	(void)state;
	assert_true(READ(HEAD("\x81\x80", "\2") ASKED RECORD("\x1c", "\4\xc0\0\2\7") RECORD("\1", "\3\xc0\0\2"), &a));
	assert_int_equal(a.code, DNS_FINE);
	assert_int_equal(a.count, 0);
}

static void the_codes_are_told_apart(void **state)
{
	struct dns_answer a;

	(void)state;
	assert_true(READ(HEAD("\x81\x83", "\0") ASKED, &a));
	assert_int_equal(a.code, DNS_NO_NAME);
	assert_true(READ(HEAD("\x81\x85", "\0") ASKED, &a));
	assert_int_equal(a.code, DNS_FAILED);
	assert_true(READ(HEAD("\x81\x80", "\0") ASKED, &a));
	assert_int_equal(a.code, DNS_FINE);
	assert_int_equal(a.count, 0);
}

static void what_was_cut_off_counts_as_what_is_left(void **state)
{
	struct dns_answer a;

	(void)state;
	assert_true(READ(HEAD("\x83\x80", "\2") ASKED V4, &a));
	assert_int_equal(a.code, DNS_FINE);
	assert_int_equal(a.count, 1);
	assert_true(READ(HEAD("\x83\x80", "\0") ASKED, &a));
	assert_int_equal(a.code, DNS_CUT);
	assert_true(READ(HEAD("\x81\x80", "\1") ASKED "\xc0\x0c\0\1\0\1", &a));
	assert_int_equal(a.code, DNS_FAILED);
}

static void only_an_answer_to_the_question_is_one(void **state)
{
	struct dns_answer a = { .count = 7 };

	(void)state;
	assert_false(READ("", &a));
	assert_false(READ(ID, &a));
	assert_false(READ("\x12\x35\x81\x80\0\1\0\1\0\0\0\0" ASKED V4, &a)); /* another id */
	assert_false(READ(HEAD("\1\0", "\0") ASKED, &a)); /* a question */
	assert_false(READ(HEAD("\x89\x80", "\1") ASKED V4, &a)); /* another operation */
	assert_false(READ(HEAD("\x81\x80", "\1") "\1b\4test\0\0\1\0\1" V4, &a));
	assert_false(READ(HEAD("\x81\x80", "\1") "\1a\4test\0\0\x1c\0\1" V4, &a));
	assert_int_equal(a.count, 7);
	assert_true(READ(HEAD("\x81\x80", "\1") "\1A\4TesT\0\0\1\0\1" V4, &a));
	assert_int_equal(a.count, 1);
}

/* 5,000 aliases of themselves, then an address: nothing of it is followed, and not all of it is looked at. */
static void a_huge_answer_is_not_read_to_its_end(void **state)
{
	static const char head[] = HEAD("\x81\x80", "\0") ASKED, alias[] = ALIAS, v4[] = V4;
	char answer[65536];
	size_t size = sizeof head - 1;
	struct dns_answer a;

	(void)state;
	memcpy(answer, head, size);
	answer[6] = 0x10;
	while (size + sizeof alias + sizeof v4 < sizeof answer) {
		memcpy(answer + size, alias, sizeof alias - 1);
		size += sizeof alias - 1;
	}
	memcpy(answer + size, v4, sizeof v4 - 1);
	assert_true(read_answer(answer, size + sizeof v4 - 1, &a));
	assert_int_equal(a.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_question_is_one_of_rfc_1035),
		cmocka_unit_test(what_is_no_name_is_not_asked_for),
		cmocka_unit_test(addresses_are_taken_whoever_they_belong_to),
		cmocka_unit_test(the_shortest_time_to_live_counts),
		cmocka_unit_test(other_types_and_sizes_are_no_addresses),
		cmocka_unit_test(the_codes_are_told_apart),
		cmocka_unit_test(what_was_cut_off_counts_as_what_is_left),
		cmocka_unit_test(only_an_answer_to_the_question_is_one),
		cmocka_unit_test(a_huge_answer_is_not_read_to_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
