/*
 * SHA-256 against the examples of FIPS 180-2, appendix B.
 */
#include "proto/sha256.h"

#include "base/text.h"
#include "unit/unit.h"

static void check(struct bytes text, size_t piece, const char *wanted)
{
	unsigned char sum[SHA256_SIZE];
	char said[SHA256_TEXT] = "";
	struct sha256 s;

	sha256_begin(&s);
	for (size_t at = 0; at < text.size; at += piece)
		sha256_add(&s, (struct bytes){ text.data + at, smaller(piece, text.size - at) });
	sha256_end(&s, sum);
	hex_format(sum, sizeof sum, said);
	assert_string_equal(said, wanted);
}

static void test_the_examples_of_the_standard(void **state)
{
	static char million[1000000];

	(void)state;
	memset(million, 'a', sizeof million);
	for (size_t piece = 1; piece < 60; piece++) {
		check(bytes_of("abc"), piece, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
		check(bytes_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), piece,
			"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	}
	check((struct bytes){ NULL, 0 }, 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	check((struct bytes){ million, sizeof million }, 1000,
		"cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_the_examples_of_the_standard) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
