/*
 * Which address a call tries next, in libcurl's words, and what the next call makes of how it ended.
 */
#include "http/tries.h"

#include <string.h>

#include "unit/unit.h"

static void add(struct resolved *to, int family, const char *digits)
{
	struct sockaddr_storage *a = &to->addresses[to->count++];

	a->ss_family = (sa_family_t)family;
	assert_int_equal(inet_pton(family, digits,
				 family == AF_INET ? (void *)&((struct sockaddr_in *)a)->sin_addr
						   : (void *)&((struct sockaddr_in6 *)a)->sin6_addr),
		1);
}

static void next_is(struct tries *t, const char *wanted)
{
	char text[TRIES_PIN_MAX];

	assert_true(tries_left(t));
	tries_next(t, text);
	assert_string_equal(text, wanted);
}

static void one_after_another_until_none_is_left(void **state)
{
	struct addresses *addresses = addresses_new();
	struct resolved found = { .count = 0 };
	struct tries t;

	(void)state;
	add(&found, AF_INET, "192.0.2.1");
	add(&found, AF_INET6, "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff");
	tries_init(&t, addresses, "host", 65535);
	assert_false(tries_left(&t));
	tries_found(&t, &found);
	next_is(&t, "::192.0.2.1:65535");
	tries_ended(&t, true);
	next_is(&t, "::[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:65535");
	tries_ended(&t, true);
	assert_false(tries_left(&t));
	addresses_free(addresses);
}

/* Of what is said twice, only the first counts: after it, no address is tried. */
static void the_next_call_begins_with_what_answered(void **state)
{
	struct addresses *addresses = addresses_new();
	struct resolved found = { .count = 0 };
	struct tries first, second;

	(void)state;
	add(&found, AF_INET, "192.0.2.1");
	add(&found, AF_INET, "192.0.2.2");
	tries_init(&first, addresses, "host", 80);
	tries_found(&first, &found);
	next_is(&first, "::192.0.2.1:80");
	tries_ended(&first, true);
	next_is(&first, "::192.0.2.2:80");
	tries_ended(&first, false);
	tries_ended(&first, true);
	tries_init(&second, addresses, "host", 80);
	tries_found(&second, &found);
	next_is(&second, "::192.0.2.2:80");
	addresses_free(addresses);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_after_another_until_none_is_left),
		cmocka_unit_test(the_next_call_begins_with_what_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
