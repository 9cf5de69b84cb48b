/*
 * The manifest of a backup: what is written is read back; whatever is cut, changed or forged is refused.
 */
#include "proto/backup_manifest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "unit/unit.h"

enum { TEXT_MAX = 2 * BACKUP_MANIFEST_MAX };

static const struct backup_manifest example = { .program = "0.9.0",
	.made = "2026-11-30T21:00:00.000Z",
	.state = UINT64_C(0x0123456789abcdef),
	.count = 3,
	.files = { { "state.db", 81920, { 1, 2 } }, { "ledger", 0, { 3 } },
		{ "metrics.collect.push.pages", BACKUP_SIZE_MAX, { 4 } } } };

static int read_text(const char *data, size_t size)
{
	struct backup_manifest *m = oxp_new(sizeof *m);
	char *exact = oxp_new(size + 1); /* so that a sanitizer sees what is read beyond it */
	int failed;

	memcpy(exact, data, size);
	failed = backup_manifest_read((struct bytes){ exact, size }, m);
	free(exact);
	free(m);
	return failed;
}

/* With a last line that fits: what is refused then, is refused for what it says. */
static int read_forged(const char *text)
{
	unsigned char sum[SHA256_SIZE];
	char hex[SHA256_TEXT] = "";
	struct sha256 s;
	struct buffer b;
	int failed;

	sha256_begin(&s);
	sha256_add(&s, bytes_of(text));
	sha256_end(&s, sum);
	hex_format(sum, sizeof sum, hex);
	buffer_init(&b, TEXT_MAX);
	assert_int_equal(buffer_printf(&b, "%s# end %s\n", text, hex), 0);
	failed = read_text(b.data, b.size);
	buffer_done(&b);
	return failed;
}

#define HEAD "# oxpecker backup 1\n# program 1\n# made now\n# state 0123456789abcdef\n"
#define SUM "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define FILE_OF(size, name) "# bytes " size "\n" SUM "  " name "\n"
#define STATE_DB FILE_OF("1", "state.db")

static void test_what_is_written_is_read(void **state)
{
	struct backup_manifest *m = oxp_new(sizeof *m);
	struct buffer text;

	(void)state;
	buffer_init(&text, TEXT_MAX);
	assert_int_equal(backup_manifest_write(&example, &text), 0);
	assert_int_equal(backup_manifest_read(buffer_bytes(&text), m), 0);
	assert_string_equal(m->program, example.program);
	assert_string_equal(m->made, example.made);
	assert_int_equal(m->state, example.state);
	assert_int_equal(m->count, 3);
	for (size_t i = 0; i < m->count; i++) {
		const struct backup_file *f = &example.files[i];
		assert_ptr_equal(backup_manifest_find(m, f->name), &m->files[i]);
		assert_int_equal(m->files[i].size, f->size);
		assert_memory_equal(m->files[i].sum, f->sum, sizeof f->sum);
	}
	assert_null(backup_manifest_find(m, "store.db"));
	buffer_done(&text);
	free(m);
}

static void test_what_is_cut_or_changed_is_refused(void **state)
{
	struct buffer text;

	(void)state;
	buffer_init(&text, TEXT_MAX);
	assert_int_equal(backup_manifest_write(&example, &text), 0);
	for (size_t i = 0; i < text.size; i++) {
		assert_int_equal(read_text(text.data, i), -EBADMSG);
		text.data[i] ^= 1;
		assert_int_not_equal(read_text(text.data, text.size), 0);
		text.data[i] ^= 1;
	}
	assert_int_equal(buffer_text(&text, "\n"), 0);
	assert_int_equal(read_text(text.data, text.size), -EBADMSG);
	buffer_done(&text);
}

static void test_a_forged_one_leads_nowhere(void **state)
{
	static const char *const refused[] = {
		HEAD, /* no file */
		HEAD FILE_OF("1", "ledger"), /* no state.db, or not first */
		HEAD FILE_OF("1", "ledger") STATE_DB,
		HEAD STATE_DB STATE_DB,
		HEAD STATE_DB FILE_OF("1", "ledger") FILE_OF("2", "ledger"),
		HEAD STATE_DB FILE_OF("1", "../ledger"),
		HEAD STATE_DB FILE_OF("1", "/etc/x.sums"),
		HEAD STATE_DB FILE_OF("1", "../x.sums"),
		HEAD STATE_DB FILE_OF("1", "a/x.sums"),
		HEAD STATE_DB FILE_OF("1", ".x.sums"),
		HEAD STATE_DB FILE_OF("1", ".sums"),
		HEAD STATE_DB FILE_OF("1", "a\\x.sums"),
		HEAD STATE_DB FILE_OF("1", "a\x1b.sums"),
		HEAD STATE_DB FILE_OF("1", "lock"),
		HEAD STATE_DB FILE_OF("1", "state.db-wal"),
		HEAD STATE_DB FILE_OF("1", "manifest"),
		HEAD STATE_DB FILE_OF("1", ""),
		HEAD FILE_OF("1125899906842625", "state.db"), /* more than BACKUP_SIZE_MAX */
		HEAD FILE_OF("99999999999999999999999", "state.db"),
		HEAD FILE_OF("-1", "state.db"),
		HEAD FILE_OF("01", "state.db"),
		HEAD FILE_OF("", "state.db"),
		HEAD "# bytes 1\n" SUM " state.db\n",
		HEAD "# bytes 1\n00  state.db\n",
		HEAD "# bytes 1\n",
		HEAD STATE_DB "# more\n",
		"# oxpecker backup 1\n# program a b\n# made now\n# state 0123456789abcdef\n" STATE_DB,
		"# oxpecker backup 1\n# program 1\n# made now\n# state 0123456789abcde\n" STATE_DB,
		"# oxpecker backup 1\n# program 1\n# made now\n# state 0123456789ABCDEF\n" STATE_DB,
		"# oxpecker backup 1\n# program 1\n# state 0123456789abcdef\n" STATE_DB,
	};

	(void)state;
	assert_int_equal(read_forged(HEAD STATE_DB), 0); /* so it is not the last line that is refused */
	for (size_t i = 0; i < COUNT_OF(refused); i++)
		if (read_forged(refused[i]) != -EBADMSG)
			fail_msg("taken: %s", refused[i]);
	assert_int_equal(read_forged("# oxpecker backup 2\n"), -EPROTO);
}

static void test_it_has_a_ceiling(void **state)
{
	struct buffer b;

	(void)state;
	buffer_init(&b, TEXT_MAX);
	assert_int_equal(buffer_text(&b, HEAD STATE_DB), 0);
	for (int i = 0; i < BACKUP_FILES_MAX - 1; i++)
		assert_int_equal(buffer_printf(&b, "# bytes 1\n" SUM "  %d.sums\n", i), 0);
	assert_int_equal(buffer_append(&b, "", 1), 0);
	assert_int_equal(read_forged(b.data), 0);
	b.size--;
	assert_int_equal(buffer_printf(&b, "# bytes 1\n" SUM "  more.sums\n"), 0);
	assert_int_equal(buffer_append(&b, "", 1), 0);
	assert_int_equal(read_forged(b.data), -EBADMSG);
	buffer_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_written_is_read),
		cmocka_unit_test(test_what_is_cut_or_changed_is_refused),
		cmocka_unit_test(test_a_forged_one_leads_nowhere),
		cmocka_unit_test(test_it_has_a_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
