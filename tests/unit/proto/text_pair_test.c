/*
 * Values behind names in text: what is taken out of every way to write one that loggers and people have, and what is
 * left alone. Each text says with ^…$ what is to be found.
 */
#include "unit/unit.h"

#include <stdio.h>

#include "proto/text_pair.h"

static void finds(const char *marked)
{
	struct key_set keys = { .fold = true };
	char text[512], wanted[512];
	size_t size = 0, at = 0, to = 0;
	struct text_pairs pairs;
	struct detected d;

	assert_int_equal(key_set_add(&keys, "password") | key_set_add(&keys, "authorization") |
				 key_set_add(&keys, "cookie") | key_set_add(&keys, "credit card"),
		0);
	for (const char *p = marked; *p; p++)
		if (*p != '^' && *p != '$')
			text[size++] = *p;
	memset(text + size, 0, DETECT_PADDING);
	text_pairs_begin(&pairs, &keys, (struct bytes){ text, size });
	while (text_pairs_next(&pairs, at, &d)) {
		assert_true(d.from >= at && d.from < d.to && d.to <= size);
		to += (size_t)snprintf(wanted + to, sizeof wanted - to, "%.*s^%.*s$", (int)(d.from - at), text + at,
			(int)(d.to - d.from), text + d.from);
		at = d.to;
	}
	snprintf(wanted + to, sizeof wanted - to, "%.*s", (int)(size - at), text + at);
	assert_string_equal(wanted, marked);
}

static void test_what_is_found(void **state)
{
	static const char *const texts[] = {
		"password=^hunter2$",
		"Password: ^hunter2$, then",
		"user.password=^x$ other=1",
		"PASSWORD = ^x$",
		"a=b&password=^hunter2$&c=d",
		"(password=^x$)",
		"{\"password\":\"^hunter2$\",\"n\":1}",
		"{\"password\" : \"^a \\\" b$\"}",
		"{\"password\":\"^cut here",
		"{'password': '^x, y$'}",
		"{\\\"password\\\":\\\"^x$\\\",\\\"n\\\":1}",
		"'password' => '^x$'",
		"password:=^x$",
		"{\"password\":^12345678$}",
		"{\"password\":^{\"a\":\"x\"},\"n\":1}$",
		"{\"password\":^[\"x\",\"y\"]$",
		"Authorization: ^Bearer abc.def$ next",
		"authorization=^Basic dXNlcjpwYXNz$; x",
		"password=^a$ password=^b$",
		"password=\"^a$\" password=^b$",
		"run --password=^x$ -v",
		"user[password]=^x$&user[name]=y",
		"d['password'] = '^x$'",
		"name          : bob\npassword      : ^x$",
		"password:        ^x$",
		"Authorization: ^Token x$",
		"authorization: ^MyOwn x$, then",
		"authorization=^x$ level=info",
		"Authorization: ^Digest username=\"bob\", response=\"x\"$\r\nHost: y",
		"Authorization: ^AWS4-HMAC-SHA256 Credential=AK/x, Signature=y$",
		"Cookie: ^a=x; session=y$\r\nHost: z",
		"cookie=^a$ b",
		"{\"Credit Card\":\"^x$\"}",
		"{\\\"credit card\\\":^12$}",
		"a[\"password\"]=^x$",
		"it's password': ^x$",
	};
	char marked[512];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		size_t size = strlen(texts[i]);
		bool open = !strchr(texts[i], '$');
		snprintf(marked, sizeof marked, "%.*s%s", (int)size, texts[i], open ? "$" : "");
		finds(marked);
	}
}

static void test_what_is_left_alone(void **state)
{
	static const char *const texts[] = { "", "=", ":", "password", "password=", "password: ", "passwords=x",
		"mypassword=x", "password::new", "password == x", "the password is x", "a=password", "=password",
		"{\"password\":\"\"}", "--passwords=x", "x-password=x", "password[0]=x", "12:34:56", "credit cards: x",
		"at password.js:12", "http://password/x" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		finds(texts[i]);
}

/* What the search begins with, at each place of a text of each size, and no other character for one of them. */
static void a_mark_is_seen_wherever_it_stands(void **unused)
{
	char text[40];

	(void)unused;
	for (size_t size = 0; size <= sizeof text; size++) {
		memset(text, 'x', sizeof text);
		assert_false(text_has_pair_mark((struct bytes){ text, size }));
		for (size_t at = 0; at < sizeof text; at++)
			for (unsigned c = 0; c < 256; c++) {
				bool mark = (c == '=' || c == ':') && at < size;
				text[at] = (char)c;
				assert_int_equal(text_has_pair_mark((struct bytes){ text, size }), mark);
				text[at] = 'x';
			}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_found),
		cmocka_unit_test(test_what_is_left_alone),
		cmocka_unit_test(a_mark_is_seen_wherever_it_stands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
