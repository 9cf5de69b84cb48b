/*
 * The file of sums: what is read back is what was written last, after kills between any two bytes, and in files that
 * others cut, filled with rubbish, replaced or took away. What is broken costs its record at most.
 */
#include "series/sums_file.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/random.h"
#include "unit/scratch.h"
#include "unit/series/knife.h"

enum { KEYS = 12, VALUE_MAX = 300, SEED = 77 };

/* From there on nothing can be read; 0: all can. */
static off_t unreadable;

ssize_t __real_pread(int fd, void *data, size_t size, off_t at);
ssize_t __wrap_pread(int fd, void *data, size_t size, off_t at);

ssize_t __wrap_pread(int fd, void *data, size_t size, off_t at)
{
	if (unreadable == 0 || at < unreadable)
		return __real_pread(fd, data, size, at);
	errno = EIO;
	return -1;
}

/* What a record should have: its key is its number and some text, its value counts up. */
struct model {
	bool there;
	size_t key, value; /* sizes */
	unsigned version, before;
	struct sums_place place;
};

struct world {
	struct scratch scratch;
	struct sums_file *file;
	enum sums_found found;
	struct model models[KEYS];
	size_t seen, damaged, older;
	bool may_be_before; /* a value may be that before the last */
};

static struct bytes key_of(const struct model *m, size_t number, char *to)
{
	memset(to, 'k', m->key);
	to[0] = (char)('a' + number);
	return (struct bytes){ to, m->key };
}

static struct bytes value_of(const struct model *m, unsigned version, char *to)
{
	for (size_t i = 0; i < m->value; i += sizeof version)
		memcpy(to + i, &version, smaller(sizeof version, m->value - i));
	return (struct bytes){ to, m->value };
}

static bool is_version(const struct model *m, struct bytes value, unsigned version)
{
	char text[VALUE_MAX];

	return bytes_equal(value, value_of(m, version, text));
}

static bool on_record(void *context, const struct sums_record *r)
{
	struct world *w = context;
	size_t number = (size_t)(r->key.data[0] - 'a');
	struct model *m = &w->models[number];
	char text[SUMS_RECORD_MAX];

	assert_true(number < KEYS && m->there);
	assert_true(bytes_equal(r->key, key_of(m, number, text)));
	if (!is_version(m, r->value, m->version)) {
		assert_true(w->may_be_before && is_version(m, r->value, m->before));
		m->version = m->before;
	}
	m->place = r->place;
	w->seen++;
	w->older += r->older;
	return true;
}

static int open_file(struct world *w, const char *name, uint64_t most)
{
	sums_file_close(w->file);
	w->file = NULL;
	return sums_file_open(&(struct sums_options){ w->scratch.path, name, SEED, most }, &w->file, &w->found);
}

static void load(struct world *w)
{
	memset(&knife, 0, sizeof knife);
	w->seen = w->damaged = w->older = 0;
	assert_int_equal(open_file(w, "x.sums", 0), 0);
	assert_int_equal(sums_file_load(w->file, &(struct sums_visit){ on_record, w }, &w->damaged), 0);
	assert_int_equal(sums_file_records(w->file), w->seen);
}

static size_t there(const struct world *w)
{
	size_t count = 0;

	for (size_t i = 0; i < KEYS; i++)
		count += w->models[i].there;
	return count;
}

static int add(struct world *w, size_t number, size_t key, size_t value)
{
	struct model *m = &w->models[number];
	char keys[SUMS_RECORD_MAX], values[VALUE_MAX];

	*m = (struct model){ .there = true, .key = key, .value = value, .version = 1, .before = 1 };
	return sums_file_add(w->file, key_of(m, number, keys), value_of(m, 1, values), &m->place);
}

static int change(struct world *w, size_t number)
{
	struct model *m = &w->models[number];
	char values[VALUE_MAX];

	m->before = m->version++;
	return sums_file_change(w->file, &m->place, value_of(m, m->version, values));
}

static void take_out(struct world *w, size_t number)
{
	sums_file_remove(w->file, &w->models[number].place, w->models[number].value);
	w->models[number].there = false;
	assert_int_equal(w->models[number].place.file, 0);
}

static int setup(void **state)
{
	struct world *w = oxp_new(sizeof *w);

	scratch_init(&w->scratch, "sums");
	load(w);
	assert_int_equal(w->found, SUMS_NONE);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	sums_file_close(w->file);
	scratch_done(&w->scratch);
	free(w);
	return 0;
}

static void a_file_is_made_with_its_first_record(void **state)
{
	struct world *w = *state;
	struct stat info;

	assert_int_equal(sums_file_size(w->file), 0);
	assert_int_equal(fstatat(w->scratch.fd, "x.sums", &info, 0), -1);
	assert_int_equal(add(w, 0, 20, 48), 0);
	assert_int_equal(fstatat(w->scratch.fd, "x.sums", &info, 0), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	load(w);
	assert_int_equal(w->found, SUMS_THERE);
	assert_int_equal(w->seen, 1);
}

static void random_lives_equal_a_plain_model(void **state)
{
	struct world *w = *state;
	struct random random = { 0 };

	random_seed(&random, 5);
	for (unsigned i = 0; i < 6000; i++) {
		size_t number = random_below(&random, KEYS), way = random_below(&random, 40);
		if (!w->models[number].there)
			assert_int_equal(add(w, number, 1 + random_below(&random, way == 0 ? 60000 : 200),
						 random_below(&random, VALUE_MAX)),
				0);
		else if (way < 4)
			take_out(w, number);
		else
			assert_int_equal(change(w, number), 0);
		while (sums_file_sweep(w->file, 1 + way))
			;
		if (way != 20)
			continue;
		load(w);
		assert_int_equal(w->damaged + w->older, 0);
		assert_int_equal(w->seen, there(w));
	}
	assert_true(sums_file_size(w->file) <= 4 << 20); /* what is free is used again */
}

/* What the kill meets: some records, and one more of which it is the middle. */
static void begin_scenario(struct world *w)
{
	sums_file_close(w->file);
	w->file = NULL;
	(void)!unlinkat(w->scratch.fd, "x.sums", 0);
	memset(w->models, 0, sizeof w->models);
	load(w);
	assert_int_equal(add(w, 0, 30, 48), 0);
	assert_int_equal(add(w, 1, 300, 120), 0);
	assert_int_equal(add(w, 2, 30, 48), 0);
	assert_int_equal(change(w, 0) + change(w, 1) + change(w, 1) + change(w, 2), 0);
}

/* False: nothing was left to be cut. */
static bool kill_change(struct world *w, size_t bytes)
{
	int failed;

	begin_scenario(w);
	knife = (struct knife){ .armed = true, .bytes = bytes };
	failed = change(w, 1);
	assert_int_equal(failed, -EIO);
	w->may_be_before = true;
	load(w);
	w->may_be_before = false;
	assert_int_equal(w->seen, 3);
	assert_int_equal(w->damaged, 0);
	return w->models[1].version == w->models[1].before;
}

static void a_kill_in_a_change_leaves_the_value_before_or_behind(void **state)
{
	size_t bytes = 0;

	while (kill_change(*state, bytes))
		bytes++;
	assert_int_equal(bytes, 16 + 120 - 3); /* the last number is whole without its zeros */
}

static void a_kill_in_an_addition_leaves_the_others(void **state)
{
	struct world *w = *state;

	for (size_t bytes = 0; bytes < 200; bytes++) {
		begin_scenario(w);
		take_out(w, 0);
		assert_false(sums_file_sweep(w->file, 9));
		knife = (struct knife){ .armed = true, .bytes = bytes };
		assert_int_equal(add(w, 3, 30, 48), -EIO); /* where that was */
		load(w);
		assert_true(w->seen == 3 || (w->seen == 2 && bytes < 32 + 30 + 2 * (16 + 48)));
		w->models[3].there = w->seen == 3;
		assert_int_equal(add(w, 4, 31, 48), 0);
		load(w);
		assert_int_equal(w->seen, there(w));
		assert_int_equal(w->damaged, 0); /* it was told, and is free */
	}
}

static void copy_file(const struct world *w, const char *from, const char *to, off_t size)
{
	char data[2048] = { 0 };
	int in = openat(w->scratch.fd, from, O_RDONLY),
	    out = openat(w->scratch.fd, to, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(in >= 0 && out >= 0 && pread(in, data, sizeof data, 0) > 0);
	assert_int_equal(__real_pwrite(out, data, (size_t)smaller((uint64_t)size, sizeof data), 0),
		smaller((uint64_t)size, sizeof data));
	close(in);
	close(out);
}

/* Whether each record is as it was, but for one at most, which is not there, or as it was before. */
static void assert_costs_one(struct world *w, const struct model before[KEYS])
{
	size_t changed = 0;

	for (size_t i = 0; i < KEYS; i++)
		changed += before[i].there && (w->models[i].version != before[i].version || !w->models[i].place.file);
	assert_true(changed <= 1);
	assert_true(changed == 0 || w->damaged + w->older > 0);
}

static void a_flipped_byte_costs_one_record_at_most(void **state)
{
	struct world *w = *state;
	struct model before[KEYS];
	char byte;

	begin_scenario(w);
	memcpy(before, w->models, sizeof before);
	assert_int_equal(renameat(w->scratch.fd, "x.sums", w->scratch.fd, "whole"), 0);
	w->may_be_before = true;
	for (off_t at = 0; at < 1400; at++) {
		int fd;
		copy_file(w, "whole", "x.sums", 2048);
		fd = openat(w->scratch.fd, "x.sums", O_RDWR);
		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= 0x41;
		assert_int_equal(__real_pwrite(fd, &byte, 1, at), 1);
		close(fd);
		for (size_t i = 0; i < KEYS; i++) {
			w->models[i] = before[i];
			w->models[i].place.file = 0;
		}
		load(w);
		if (at >= 32 || w->found != SUMS_SET_ASIDE) /* the header */
			assert_costs_one(w, before);
	}
}

static void a_file_that_was_cut_has_what_is_before_the_cut(void **state)
{
	struct world *w = *state;
	struct model before[KEYS];
	size_t least = 0;

	begin_scenario(w);
	memcpy(before, w->models, sizeof before);
	assert_int_equal(renameat(w->scratch.fd, "x.sums", w->scratch.fd, "whole"), 0);
	for (off_t size = 0; size < 1600; size++) {
		copy_file(w, "whole", "x.sums", size);
		memcpy(w->models, before, sizeof before);
		if (size > 0 && size < 32) {
			assert_int_equal(open_file(w, "x.sums", 0), 0);
			assert_int_equal(w->found, SUMS_SET_ASIDE);
			continue;
		}
		load(w);
		assert_true(w->seen >= least);
		least = w->seen;
		w->models[5] = (struct model){ 0 };
		assert_int_equal(add(w, 5, 20, 48), 0); /* it can be written to */
	}
	assert_int_equal(least, 3);
}

static void assert_set_aside(struct world *w, unsigned number)
{
	char name[32];
	struct stat info;

	assert_int_equal(open_file(w, "x.sums", 0), 0);
	assert_int_equal(w->found, SUMS_SET_ASIDE);
	snprintf(name, sizeof name, "x.sums.corrupt-%u", number);
	assert_int_equal(fstatat(w->scratch.fd, name, &info, 0), 0);
	memset(w->models, 0, sizeof w->models);
	assert_int_equal(add(w, 0, 20, 48), 0);
	load(w);
	assert_int_equal(w->seen, 1);
}

static void put_at(struct world *w, const void *data, size_t size, off_t at)
{
	int fd = openat(w->scratch.fd, "x.sums", O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(__real_pwrite(fd, data, size, at), size);
	close(fd);
}

static void what_is_not_ours_is_set_aside(void **state)
{
	struct world *w = *state;

	assert_int_equal(add(w, 0, 20, 48), 0);
	put_at(w, "something else ", 16, 0);
	assert_set_aside(w, 1);
	put_at(w, "\2", 1, 16); /* another version */
	assert_set_aside(w, 2);
	sums_file_close(w->file);
	w->file = NULL;
	assert_int_equal(
		sums_file_open(&(struct sums_options){ w->scratch.path, "x.sums", SEED + 1, 0 }, &w->file, &w->found),
		0);
	assert_int_equal(w->found, SUMS_SET_ASIDE); /* of another state folder */
}

/* Nothing is read or written, and when it is gone all goes on. */
static void assert_refused(struct world *w, int failed)
{
	memset(w->models, 0, sizeof w->models);
	assert_int_equal(open_file(w, "x.sums", 0), failed);
	assert_int_equal(add(w, 0, 20, 48), failed);
	assert_int_equal(unlinkat(w->scratch.fd, "x.sums", 0), 0);
	assert_int_equal(add(w, 0, 20, 48), 0);
	load(w);
	assert_int_equal(w->seen, 1);
	sums_file_close(w->file);
	w->file = NULL;
	assert_int_equal(unlinkat(w->scratch.fd, "x.sums", 0), 0);
}

static void what_was_planted_is_not_opened(void **state)
{
	struct world *w = *state;
	struct stat info;

	assert_int_equal(mkfifoat(w->scratch.fd, "x.sums", 0600), 0);
	assert_refused(w, -EBADF);
	assert_int_equal(symlinkat("elsewhere", w->scratch.fd, "x.sums"), 0);
	assert_refused(w, -ELOOP);
	assert_int_equal(fstatat(w->scratch.fd, "elsewhere", &info, 0), -1);
	close(openat(w->scratch.fd, "other", O_WRONLY | O_CREAT, 0600));
	assert_int_equal(linkat(w->scratch.fd, "other", w->scratch.fd, "x.sums", 0), 0);
	assert_refused(w, -EMLINK);
	if (geteuid() == 0 && mknodat(w->scratch.fd, "x.sums", S_IFCHR | 0600, makedev(1, 3)) == 0)
		assert_refused(w, -EBADF);
}

static void without_room_the_records_that_are_there_go_on(void **state)
{
	struct world *w = *state;
	char key[SUMS_RECORD_MAX] = { 'a' };
	struct sums_place place;

	assert_int_equal(open_file(w, "x.sums", 1024), 0);
	assert_int_equal(add(w, 0, 20, 48), 0);
	assert_int_equal(add(w, 1, 300, 120), 0);
	assert_int_equal(add(w, 2, 20, 48), -ENOSPC);
	w->models[2].there = false;
	assert_int_equal(change(w, 1), 0);
	take_out(w, 0);
	assert_int_equal(add(w, 2, 20, 48), -ENOSPC);
	assert_false(sums_file_sweep(w->file, 1));
	assert_int_equal(add(w, 2, 20, 48), 0);
	assert_int_equal(
		sums_file_add(w->file, (struct bytes){ key, sizeof key }, (struct bytes){ key, 8 }, &place), -E2BIG);
	load(w);
	assert_int_equal(w->seen, 2);
}

static void a_file_that_is_taken_away_is_made_anew(void **state)
{
	struct world *w = *state;
	uint32_t number;

	for (int way = 0; way < 4; way++) {
		memset(w->models, 0, sizeof w->models);
		assert_int_equal(add(w, 0, 20, 48), 0);
		assert_true(sums_file_look(w->file));
		number = sums_file_number(w->file);
		if (way == 0)
			assert_int_equal(unlinkat(w->scratch.fd, "x.sums", 0), 0);
		else if (way == 1)
			assert_int_equal(renameat(w->scratch.fd, "x.sums", w->scratch.fd, "y"), 0);
		else if (way == 2)
			close(openat(w->scratch.fd, "x.sums", O_WRONLY | O_TRUNC));
		else
			put_at(w, "another file", 12, 0);
		assert_false(sums_file_look(w->file));
		assert_true(sums_file_number(w->file) != number);
		assert_int_equal(sums_file_records(w->file), 0);
		take_out(w, 0); /* its place is void */
		assert_int_equal(add(w, 1, 20, 48), 0);
		load(w);
		assert_int_equal(w->seen, 1);
	}
	assert_int_equal(faccessat(w->scratch.fd, "x.sums.corrupt-1", F_OK, 0), 0);
}

static void what_could_not_be_read_is_there_at_the_next_start(void **state)
{
	struct world *w = *state;
	size_t read = KEYS;

	for (size_t i = 0; i < KEYS - 2; i++)
		assert_int_equal(add(w, i, 60000, 48), 0);
	for (size_t run = 0; run < 2; run++) {
		assert_int_equal(open_file(w, "x.sums", 0), 0);
		w->seen = 0;
		unreadable = 1000; /* but for what one call has read by then */
		assert_int_equal(sums_file_load(w->file, &(struct sums_visit){ on_record, w }, &w->damaged), -EIO);
		unreadable = 0;
		assert_true(w->seen > 0 && w->seen <= read && w->seen < KEYS - 2);
		read = w->seen;
		assert_int_equal(add(w, KEYS - 2 + run, 60000, 48), 0);
	}
	load(w);
	assert_int_equal(w->seen, KEYS);
	assert_int_equal(w->damaged, 0);
	for (size_t i = 0; i + 1 < KEYS; i++)
		assert_true(w->models[i].place.life < w->models[i + 1].place.life);
}

static void a_key_is_read_again_unless_it_is_another(void **state)
{
	struct sums_place place, other;
	struct world w = { 0 };
	struct buffer to;
	struct bytes key;

	(void)state;
	scratch_init(&w.scratch, "sums");
	assert_int_equal(open_file(&w, "x.sums", 0), 0);
	buffer_init(&to, SUMS_RECORD_MAX);
	assert_int_equal(sums_file_add(w.file, bytes_of("key"), bytes_of("value"), &place), 0);
	assert_int_equal(sums_file_key(w.file, &place, &to, &key), 0);
	assert_true(bytes_are(key, "key"));
	other = place;
	sums_file_remove(w.file, &other, 5);
	assert_false(sums_file_sweep(w.file, 1));
	assert_int_equal(sums_file_key(w.file, &place, &to, &key), -EBADMSG);
	assert_int_equal(sums_file_add(w.file, bytes_of("KEY"), bytes_of("value"), &other), 0);
	assert_int_equal(other.cell, place.cell);
	assert_int_equal(sums_file_key(w.file, &place, &to, &key), -EBADMSG);
	assert_int_equal(sums_file_key(w.file, &other, &to, &key), 0);
	assert_true(bytes_are(key, "KEY"));
	buffer_done(&to);
	sums_file_close(w.file);
	scratch_done(&w.scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_is_read_again_unless_it_is_another),
		cmocka_unit_test_setup_teardown(a_file_is_made_with_its_first_record, setup, teardown),
		cmocka_unit_test_setup_teardown(random_lives_equal_a_plain_model, setup, teardown),
		cmocka_unit_test_setup_teardown(a_kill_in_a_change_leaves_the_value_before_or_behind, setup, teardown),
		cmocka_unit_test_setup_teardown(a_kill_in_an_addition_leaves_the_others, setup, teardown),
		cmocka_unit_test_setup_teardown(a_flipped_byte_costs_one_record_at_most, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_that_was_cut_has_what_is_before_the_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_not_ours_is_set_aside, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_planted_is_not_opened, setup, teardown),
		cmocka_unit_test_setup_teardown(without_room_the_records_that_are_there_go_on, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_that_is_taken_away_is_made_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(what_could_not_be_read_is_there_at_the_next_start, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
