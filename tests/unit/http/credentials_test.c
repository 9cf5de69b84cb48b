/*
 * Who may ask: what a file may say, and the table of what a request may say.
 */
#include "http/credentials.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "unit/unit.h"

static const char list[] = "token-1\r\n\nshop:pass:word with spaces\nname:\nA.b~c_d+/==\n";

static struct credentials read_list(void)
{
	struct credentials c;

	assert_null(credentials_read(bytes_of(list), &c));
	assert_int_equal(c.count, 4);
	return c;
}

static void each_of_them_is_taken_and_nothing_else(void **state)
{
	static const struct {
		const char *authorization;
		bool taken;
	} rows[] = {
		{ "Bearer token-1", true },
		{ "bearer   token-1 ", true },
		{ "Bearer A.b~c_d+/==", true },
		{ "Basic c2hvcDpwYXNzOndvcmQgd2l0aCBzcGFjZXM=", true }, /* shop:pass:word with spaces */
		{ "BASIC c2hvcDpwYXNzOndvcmQgd2l0aCBzcGFjZXM", true },
		{ "Basic bmFtZTo=", true }, /* name: */
		{ NULL, false },
		{ "", false },
		{ "Bearer", false },
		{ "Bearer ", false },
		{ "Bearer token-", false },
		{ "Bearer token-11", false },
		{ "Bearer Token-1", false },
		{ "Bearertoken-1", false },
		{ "token-1", false },
		{ "Basic token-1", false },
		{ "Basic dG9rZW4tMQ==", false }, /* token-1, which is no user with a password */
		{ "Bearer shop:pass:word with spaces", false },
		{ "Bearer name:", false },
		{ "Basic bmFtZQ==", false }, /* name */
		{ "Basic !!!!", false },
		{ "Basic ====", false },
		{ "Basic bmFtZTo=\x01", false },
		{ "Digest token-1", false },
	};
	const struct credentials c = read_list();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (credentials_have(&c, rows[i].authorization) != rows[i].taken)
			fail_msg("row %zu: %s", i, rows[i].authorization);
}

/* The longest line that a file may have is one that can be asked with. */
static void a_long_password_is_taken(void **state)
{
	size_t size = CREDENTIAL_SIZE_MAX, at = 0;
	char *line = oxp_new(size + 1), *asked = oxp_new(2 * size + 16);
	struct credentials c;

	(void)state;
	memset(line, 'p', size);
	line[4] = ':';
	assert_null(credentials_read((struct bytes){ line, size }, &c));
	at = (size_t)snprintf(asked, size, "Basic ");
	for (size_t i = 0; i < size; i += 3, at += BASE64_GROUP)
		base64_group((const unsigned char *)line + i, size - i, asked + at);
	assert_true(credentials_have(&c, asked));
	asked[at / 2] ^= 1;
	assert_false(credentials_have(&c, asked));
	free(line);
	free(asked);
}

static void a_file_that_is_no_list_is_refused(void **state)
{
	static const char *const wrong[] = { "", "\n\r\n", "a b\n", ":password\n", "fine\nbad\ttoken\n", "tok\x7f!" };
	struct credentials c = { .count = 7 };
	char many[(CREDENTIALS_MAX + 1) * 8 + 1], *long_one = calloc(1, CREDENTIAL_SIZE_MAX + 2);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(wrong); i++)
		assert_non_null(credentials_read(bytes_of(wrong[i]), &c));
	for (size_t i = 0; i <= CREDENTIALS_MAX; i++)
		snprintf(many + 8 * i, 9, "t%06zu\n", i);
	assert_non_null(credentials_read(bytes_of(many), &c));
	assert_int_equal(c.count, 7);
	many[8 * CREDENTIALS_MAX] = '\0';
	assert_null(credentials_read(bytes_of(many), &c));
	assert_int_equal(c.count, CREDENTIALS_MAX);
	memset(long_one, 'x', CREDENTIAL_SIZE_MAX + 1);
	assert_non_null(credentials_read(bytes_of(long_one), &c));
	free(long_one);
}

/* What is long, or decodes to more than there is room for, is refused and nothing else. */
static void a_header_of_any_size_is_fine(void **state)
{
	const struct credentials c = read_list();
	char *header = calloc(1, 64 << 10);

	(void)state;
	memset(header, 'A', (64 << 10) - 1);
	memcpy(header, "Bearer ", 7);
	assert_false(credentials_have(&c, header));
	memcpy(header, "Basic  ", 7);
	assert_false(credentials_have(&c, header));
	free(header);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_of_them_is_taken_and_nothing_else),
		cmocka_unit_test(a_long_password_is_taken),
		cmocka_unit_test(a_file_that_is_no_list_is_refused),
		cmocka_unit_test(a_header_of_any_size_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
