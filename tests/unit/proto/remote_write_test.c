/*
 * Remote write: what a request says is what the page said, whatever the series are and however the page is cut.
 */
#include "unit/unit.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/library.h"
#include "base/random.h"
#include "proto/exposition_number.h"
#include "proto/exposition_write.h"
#include "proto/remote_write.h"
#include "proto/samples_item.h"
#include "proto/snappy.h"
#include "unit/proto/remote_write_reader.h"

enum { LINES_MAX = 4096, ROUNDS = 60 };

#define AT 1732977600123

static void wrong(const char *what)
{
	fail_msg("%s", what);
}

struct lines {
	char *all[LINES_MAX];
	size_t count;
};

static void add_line(void *context, const char *line)
{
	struct lines *l = context;

	assert_true(l->count < LINES_MAX);
	l->all[l->count] = strdup(line);
	assert_non_null(l->all[l->count++]);
}

static void lines_done(struct lines *l)
{
	while (l->count > 0)
		free(l->all[--l->count]);
}

static void assert_same(const struct lines *got, const struct lines *wanted)
{
	for (size_t i = 0; i < got->count && i < wanted->count; i++)
		assert_string_equal(got->all[i], wanted->all[i]);
	assert_int_equal(got->count, wanted->count);
}

/* What one item becomes. */
static struct rw_reader *read_item(const struct remote_write *how, const char *item, size_t size, struct lines *to)
{
	struct rw_reader *r = calloc(1, sizeof *r);
	struct remote_write_counts counts;
	struct buffer message;

	assert_non_null(r);
	buffer_init(&message, SIZE_MAX);
	assert_int_equal(remote_write_build(how, (struct bytes){ item, size }, &message, &counts), 0);
	r->is_2 = how->version == REMOTE_WRITE_2;
	r->series_line = add_line;
	r->context = to;
	r->wrong = wrong;
	rw_read(r, buffer_bytes(&message));
	assert_int_equal(r->samples, counts.samples);
	assert_int_equal(r->exemplars, counts.exemplars);
	assert_int_equal(r->histograms, counts.histograms);
	buffer_done(&message);
	return r;
}

static void assert_item(const struct remote_write *how, const char *item, const char *const *wanted)
{
	struct lines got = { .count = 0 };
	size_t i;

	free(read_item(how, item, strlen(item), &got));
	for (i = 0; wanted[i]; i++) {
		assert_true(i < got.count);
		assert_string_equal(got.all[i], wanted[i]);
	}
	assert_int_equal(got.count, i);
	lines_done(&got);
}

static const struct remote_write one = { .version = REMOTE_WRITE_1 }, two = { .version = REMOTE_WRITE_2 };

static void labels_stand_in_their_order(void **state)
{
	static const char item[] = "5 values\n# TYPE x gauge\nx{A=\"1\",_=\"u\",a=\"q\\\"\\\\\\n\",e=\"\"} 1\n";
	static const char *const wanted[] = { "A=1,_=u,__name__=x,a=q\"\\\n  3ff0000000000000@5", NULL };

	(void)state;
	assert_item(&one, item, wanted);
}

static void external_labels_yield_to_those_of_a_series(void **state)
{
	static const struct remote_write_label labels[] = { { { "B", 1 }, { "b", 1 } }, { { "z", 1 }, { "out", 3 } } };
	static const struct remote_write how = { .external = labels, .external_count = 2 };
	static const char item[] = "5 values\n# TYPE x gauge\nx{z=\"in\"} 1\nx 2\n";
	static const char *const wanted[] = { "B=b,__name__=x,z=in  3ff0000000000000@5",
		"B=b,__name__=x,z=out  4000000000000000@5", NULL };

	(void)state;
	assert_item(&how, item, wanted);
}

static void what_has_ended_is_stale(void **state)
{
	static const char item[] = "7 gone\nx{a=\"1\"} NaN\ny NaN\n";
	static const char *const wanted[] = { "__name__=x,a=1  7ff0000000000002@7", "__name__=y  7ff0000000000002@7",
		NULL };

	(void)state;
	assert_item(&one, item, wanted);
}

/* NaN of a target is not the stale marker. */
static void times_values_and_exemplars_are_kept(void **state)
{
	static const char item[] = "7 values\n# TYPE x counter\nx_total{a=\"1\"} 3 1.5 # {t=\"\\\"\"} 0.5 2.25\n"
				   "x_total{a=\"2\"} 4 # {} 1\n# TYPE g gauge\ng NaN\ng{b=\"1\"} -Inf\n";
	static const char *const wanted[] = {
		"__name__=x_total,a=1  4008000000000000@1500  {t=\"} 3fe0000000000000@2250",
		"__name__=x_total,a=2  4010000000000000@7  {} 3ff0000000000000@7", "__name__=g  7ff8000000000000@7",
		"__name__=g,b=1  fff0000000000000@7", NULL
	};

	(void)state;
	assert_item(&one, item, wanted);
}

static void a_series_of_2_has_its_metadata(void **state)
{
	static const char item[] = "7 values\n# HELP x_s How\\nlong\n# TYPE x_s counter\n# UNIT x_s s\n"
				   "x_s_total{a=\"1\"} 3\nx_s_created{a=\"1\"} 1.5\nx_s_total{a=\"2\"} 3\n"
				   "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_count 1\nh_created 2\n"
				   "# TYPE g_created gauge\ng_created 4\n";
	static const char *const wanted[] = {
		"__name__=x_s_total,a=1  4008000000000000@7  type=1 help=How\nlong unit=s created=1500",
		"__name__=x_s_total,a=2  4008000000000000@7  type=1 help=How\nlong unit=s created=0",
		"__name__=h_bucket,le=+Inf  3ff0000000000000@7  type=3 help= unit= created=2000",
		"__name__=h_count  3ff0000000000000@7  type=3 help= unit= created=2000",
		"__name__=g_created  4010000000000000@7  type=2 help= unit= created=0", NULL
	};

	(void)state;
	assert_item(&two, item, wanted);
}

/* Schema 1, threshold 0.5, two zeros, buckets 0 (one) and 1 (two), created at 1.5 s, an exemplar. */
#define NATIVE                                                                                     \
	"\x08\x05\x28\x02\x31\0\0\0\0\0\0\xe0\x3f\x38\x02\x62\x04\x08\x00\x10\x02\x6a\x02\x02\x02" \
	"\x7a\x08\x08\x01\x10\x80\xca\xb5\xee\x01"                                                 \
	"\x82\x01\x15\x0a\x06\x0a\x01t\x12\x01x\x11\0\0\0\0\0\0\xf8\x3f\x1a\x02\x08\x07"
#define NATIVE_FIELDS "1=5 3=4002000000000000 4=2 5=3fe0000000000000 6=2 11:08001002 12:0202 15=7 "

static void native_histograms_are_histograms(void **state)
{
	static const char native[] = NATIVE;
	const struct exposition_line line = {
		.head = bytes_of("h{a=\"1\"}"), .value = 2.25, .native = { native, sizeof native - 1 }
	};
	static const char *const of_1[] = { "__name__=h,a=1  " NATIVE_FIELDS "  {t=x} 3ff8000000000000@7000",
		"__name__=h_count,a=2  3ff0000000000000@7", NULL };
	static const char *const of_2[] = { "__name__=h,a=1  " NATIVE_FIELDS
					    "17=5dc   {t=x} 3ff8000000000000@7000  type=3 help= unit=",
		"__name__=h_count,a=2  3ff0000000000000@7  type=3 help= unit= created=0", NULL };
	struct buffer item;

	(void)state;
	buffer_init(&item, 4096);
	assert_int_equal(buffer_text(&item, "7 values\n# TYPE h histogram\n"), 0);
	assert_int_equal(exposition_write_native(&item, &line), 0);
	assert_int_equal(buffer_text(&item, "h_count{a=\"2\"} 1\n"), 0);
	assert_int_equal(buffer_append(&item, "", 1), 0);
	assert_item(&one, item.data, of_1);
	assert_item(&two, item.data, of_2);
	buffer_done(&item);
}

/* 160 buckets of each sign, every other one of them empty, and eight exemplars with the id of a trace. */
static void put_large_native(struct buffer *to)
{
	static const char head[] = "\x08\x82\x7d\x28\x02\x31\0\0\0\0\0\0\xe0\x3f\x38\x02";
	static const char sides[2][12] = { "\x4a\x05\x08\x00\x10\xa0\x01\x52\xc0\x02",
		"\x62\x05\x08\x00\x10\xa0\x01\x6a\xc0\x02" };
	static const char exemplar[] = "\x82\x01\x3b\x0a\x2c\x0a\x08trace_id\x12\x20"
				       "0123456789abcdef0123456789abcdef\x11\0\0\0\0\0\0\xf8\x3f\x1a\x02\x08\x07";

	assert_int_equal(buffer_append(to, head, sizeof head - 1), 0);
	for (size_t side = 0; side < 2; side++) {
		assert_int_equal(buffer_append(to, sides[side], 10), 0);
		for (int i = 0; i < 160; i++)
			assert_int_equal(buffer_append(to, i % 2 ? "\xc7\x01" : "\xc8\x01", 2), 0);
	}
	for (int i = 0; i < 8; i++)
		assert_int_equal(buffer_append(to, exemplar, sizeof exemplar - 1), 0);
}

/* Though its line is longer than any other value may be, and another sample of the piece is left out. */
static void a_large_native_histogram_is_sent(void **state)
{
	struct exposition_line line = { .head = bytes_of("h{a=\"1\"}"), .value = 2.25 };
	struct lines got = { .count = 0 };
	struct buffer native, page, item;
	struct samples_piece piece;
	struct samples_cut cut;
	struct rw_reader *r;

	(void)state;
	buffer_init(&native, 8192);
	buffer_init(&page, 8192);
	buffer_init(&item, 8192);
	put_large_native(&native);
	line.native = buffer_bytes(&native);
	assert_int_equal(buffer_text(&page, "# TYPE h histogram\n"), 0);
	assert_int_equal(exposition_write_native(&page, &line), 0);
	assert_true(page.size > 1400);
	assert_int_equal(buffer_text(&page, "# TYPE g gauge\ng{"), 0);
	for (int i = 0; i <= EXPOSITION_LABELS_MAX; i++) /* which is too many */
		assert_int_equal(buffer_printf(&page, "%sl%d=\"v\"", i ? "," : "", i), 0);
	assert_int_equal(buffer_text(&page, "} 1\n# EOF\n"), 0);
	samples_cut_init(&cut, buffer_bytes(&page));
	assert_true(samples_cut_next(&cut, 100, page.size, &piece));
	assert_int_equal(piece.samples, 1);
	assert_int_equal(piece.excess, 1);
	assert_int_equal(buffer_text(&item, "7 values\n"), 0);
	assert_non_null(buffer_reserve(&item, samples_piece_size(&piece)));
	item.size = (size_t)(samples_piece_put(&piece, item.data + item.size) - item.data);
	r = read_item(&two, item.data, item.size, &got);
	assert_int_equal(r->histograms, 1);
	assert_int_equal(r->exemplars, 8);
	free(r);
	lines_done(&got);
	buffer_done(&native);
	buffer_done(&page);
	buffer_done(&item);
}

static void a_line_that_is_no_native_histogram_is_refused(void **state)
{
	static const char *const values[] = { "{}", "{sum:1}", "{sum:1,native:}", "{sum:x,native:AAAA}",
		"{native:AAAA}", "{sum:1,native:A*AA}", "{sum:1,native:AAAA" };
	struct remote_write_counts counts;
	struct buffer to;
	char item[128];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(values); i++) {
		snprintf(item, sizeof item, "7 values\n# TYPE h histogram\nh %s\n", values[i]);
		buffer_init(&to, SIZE_MAX);
		assert_int_equal(remote_write_build(&two, bytes_of(item), &to, &counts), -EBADMSG);
		buffer_done(&to);
	}
}

static void families_of_1_are_told_once(void **state)
{
	static const char item[] =
		"7 values\n# HELP a A\n# TYPE a gauge\na{x=\"1\"} 1\na 2\n# TYPE b counter\nb_total 1\n";
	struct lines got = { .count = 0 };
	struct rw_reader *r = read_item(&one, item, sizeof item - 1, &got);

	(void)state;
	assert_int_equal(r->metadata, 2);
	free(r);
	lines_done(&got);
}

static void what_is_no_item_is_refused(void **state)
{
	static const char *const items[] = { "", "7 values", "x values\nx 1\n", "7 more\nx 1\n", "7 values\nx\n" };
	struct remote_write_counts counts;
	struct buffer to;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(items); i++) {
		buffer_init(&to, SIZE_MAX);
		assert_int_equal(remote_write_build(&two, bytes_of(items[i]), &to, &counts), -EBADMSG);
		buffer_done(&to);
	}
}

static void there_is_a_ceiling(void **state)
{
	static const char item[] = "7 values\n# TYPE x gauge\nx{a=\"11111111111111111111111111111111111111111\"} 1\n";
	const struct remote_write *hows[] = { &one, &two };
	struct remote_write_counts counts;
	struct buffer to;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(hows); i++)
		for (size_t most = 0; most < 60; most++) {
			buffer_init(&to, most);
			assert_int_equal(remote_write_build(hows[i], bytes_of(item), &to, &counts), -ENOSPC);
			buffer_done(&to);
		}
}

/* Random pages. */

struct page {
	struct random random;
	struct buffer text;
	struct lines wanted; /* of 1.0; those with a time of their own at the end, */
	struct lines timed; /* once the page is made */
	size_t series;
};

static uint64_t below(struct page *p, uint64_t n)
{
	return random_below(&p->random, n);
}

static void add_series(struct page *p, unsigned family, unsigned set)
{
	static const double values[] = { 0, 1, -1, 1e300, 5e-324, 0.1, INFINITY, -INFINITY };
	double value = below(p, 2) ? values[below(p, COUNT_OF(values))] : (double)(int64_t)random_next(&p->random);
	char number[EXPOSITION_NUMBER_SIZE], wanted[512], time[64] = "";
	size_t size = exposition_number_format(value, number);
	int64_t at = below(p, 4) ? AT : (int64_t)below(p, 1000000) * 1000;
	uint64_t bits;

	memcpy(&bits, &value, sizeof bits);
	if (at != AT)
		snprintf(time, sizeof time, " %" PRId64, at / 1000);
	assert_int_equal(
		buffer_printf(&p->text, "f%u{set=\"%u\",t=\"a\\\\b\"} %.*s%s\n", family, set, (int)size, number, time),
		0);
	snprintf(wanted, sizeof wanted, "__name__=f%u,cluster=eu,set=%u,t=a\\b  %016" PRIx64 "@%" PRId64, family, set,
		bits, at);
	add_line(at == AT ? &p->wanted : &p->timed, wanted);
	p->series++;
}

static void make_page(struct page *p, uint64_t seed)
{
	*p = (struct page){ .series = 0 };
	random_seed(&p->random, seed);
	buffer_init(&p->text, SIZE_MAX);
	for (unsigned family = 0; family < 1 + below(p, 30); family++) {
		assert_int_equal(buffer_printf(&p->text, "# HELP f%u What\n# TYPE f%u gauge\n", family, family), 0);
		for (unsigned set = 0; set <= below(p, 40); set++)
			add_series(p, family, set);
	}
	assert_int_equal(buffer_text(&p->text, "# EOF\n"), 0);
	for (size_t i = 0; i < p->timed.count; i++)
		add_line(&p->wanted, p->timed.all[i]);
	lines_done(&p->timed);
}

/* The pieces of a pass over a page, each as an item: no piece is too large. Returns how many samples they have. */
static size_t read_pass(struct page *p, const struct remote_write *how, struct samples_cut *cut, struct lines *got)
{
	size_t samples = 1 + below(p, 50), bytes = 1 + below(p, 4000), sum = 0;
	struct samples_piece piece;
	struct buffer item;

	buffer_init(&item, SIZE_MAX);
	while (samples_cut_next(cut, samples, bytes, &piece)) {
		char head[SAMPLES_HEAD_MAX];
		size_t before = got->count, size = samples_piece_size(&piece);
		assert_true(piece.samples <= samples && size - piece.family.size < bytes + 200);
		sum += piece.samples;
		if (piece.samples == 0)
			continue;
		buffer_clear(&item);
		assert_int_equal(buffer_append(&item, head, samples_head_write(AT, false, head)), 0);
		assert_non_null(buffer_reserve(&item, size));
		assert_ptr_equal(samples_piece_put(&piece, item.data + item.size), item.data + item.size + size);
		item.size += size;
		assert_int_equal(samples_when(buffer_bytes(&item)), AT);
		free(read_item(how, item.data, item.size, got));
		assert_int_equal(got->count - before, piece.samples);
	}
	buffer_done(&item);
	return sum;
}

/* Both passes have all labels and values. */
static void read_pieces(struct page *p, const struct remote_write *how, struct lines *got)
{
	struct samples_cut cut;
	size_t sum;

	samples_cut_init(&cut, buffer_bytes(&p->text));
	sum = read_pass(p, how, &cut, got);
	samples_cut_timed(&cut, INT64_MAX);
	sum += read_pass(p, how, &cut, got);
	assert_int_equal(sum, p->series);
}

/* What 2.0 says beside it is the same for all. */
static void cut_ends(struct lines *l)
{
	for (size_t i = 0; i < l->count; i++) {
		char *end = strstr(l->all[i], "  type=2 help=What unit= created=0");
		assert_non_null(end);
		*end = '\0';
	}
}

static void a_page_is_sent_whole_however_it_is_cut(void **state)
{
	static const struct remote_write_label labels[] = { { { "cluster", 7 }, { "eu", 2 } } };
	struct page p;

	(void)state;
	for (uint64_t seed = 0; seed < ROUNDS; seed++) {
		const struct remote_write how = { seed % 2 ? REMOTE_WRITE_2 : REMOTE_WRITE_1, labels, 1 };
		struct lines got = { .count = 0 };
		make_page(&p, seed);
		read_pieces(&p, &how, &got);
		if (how.version == REMOTE_WRITE_2)
			cut_ends(&got);
		assert_same(&got, &p.wanted);
		lines_done(&got);
		lines_done(&p.wanted);
		buffer_done(&p.text);
	}
}

static void when_a_series_was_created_is_not_cut_off(void **state)
{
	static const char page[] =
		"# TYPE x counter\nx_total{a=\"1\"} 1\nx_created{a=\"1\"} 1\nx_total{a=\"2\"} 1\n# EOF\n";
	struct samples_cut cut;
	struct samples_piece piece;

	(void)state;
	samples_cut_init(&cut, bytes_of(page));
	assert_true(samples_cut_next(&cut, 1, 1000, &piece));
	assert_int_equal(piece.samples, 2);
	assert_true(samples_cut_next(&cut, 1, 1000, &piece));
	assert_int_equal(piece.samples, 1);
	assert_true(bytes_are(piece.family, "# TYPE x counter\n"));
	assert_false(samples_cut_next(&cut, 1, 1000, &piece));
}

/* What a pass over a page of those makes of it, piece by piece; a piece without samples is "". */
static void assert_pass(struct samples_cut *cut, size_t bytes, const char *const *wanted, size_t count, uint32_t excess)
{
	struct samples_piece piece;
	size_t pieces = 0;

	while (samples_cut_next(cut, 100, bytes, &piece)) {
		char item[512];
		size_t size = samples_piece_size(&piece);
		assert_true(size < sizeof item && pieces < count);
		assert_ptr_equal(samples_piece_put(&piece, item), item + size);
		item[piece.samples > 0 ? size : 0] = '\0';
		assert_string_equal(item, wanted[pieces++]);
		excess -= piece.excess;
	}
	assert_int_equal(pieces, count);
	assert_int_equal(excess, 0);
}

/* For one of them that is too old, a receiver refuses the whole request. */
static void samples_with_a_time_of_their_own_go_by_themselves(void **state)
{
	static const char page[] = "# TYPE a gauge\na 1\na{x=\"} 2 3\"} 1 # {y=\"z\"} 1 5\na{x=\"1\"} 1 2.000\n"
				   "# TYPE b counter\nb_total 1 2 # {y=\"z\"} 1\nb_total{x=\"1\"} 1 2.001\n"
				   "# TYPE h histogram\nh {sum:1,native:AAAA}\nh{x=\"1\"} {sum:1,native:AAAA} -1\n"
				   "{\"a.b\",x=\"1\"} 1\n{\"a.b\",x=\"2\"} NaN 1\n# EOF\n";
	static const char *const without[] = { "# TYPE a gauge\na 1\na{x=\"} 2 3\"} 1 # {y=\"z\"} 1 5\n"
					       "# TYPE b counter\n# TYPE h histogram\nh {sum:1,native:AAAA}\n"
					       "{\"a.b\",x=\"1\"} 1\n" };
	static const char *const with[] = { "# TYPE a gauge\na{x=\"1\"} 1 2.000\n"
					    "# TYPE b counter\nb_total 1 2 # {y=\"z\"} 1\n"
					    "# TYPE h histogram\nh{x=\"1\"} {sum:1,native:AAAA} -1\n"
					    "{\"a.b\",x=\"2\"} NaN 1\n" };
	static const char alone[] = "# TYPE a gauge\na 1 1\na{x=\"1\"} 1 1\na{x=\"2\"} 1\n# EOF\n";
	static const char *const late[] = { "", "# TYPE a gauge\na{x=\"2\"} 1\n" };
	struct samples_cut cut;

	(void)state;
	samples_cut_init(&cut, bytes_of(page));
	assert_pass(&cut, 1000, without, COUNT_OF(without), 0);
	assert_true(cut.any_others);
	samples_cut_timed(&cut, 2000); /* 2.001 is later */
	assert_pass(&cut, 1000, with, COUNT_OF(with), 1);
	samples_cut_init(&cut, bytes_of(alone)); /* others are passed in pieces, too */
	assert_pass(&cut, 15, late, COUNT_OF(late), 0);
	samples_cut_init(&cut, bytes_of("a 1\n# EOF\n"));
	assert_pass(&cut, 1000, (const char *const[]){ "a 1\n" }, 1, 0);
	assert_false(cut.any_others);
}

static void snappy_packs(void **state)
{
	static __typeof__(snappy_uncompress) *unpack;
	static const struct library_function reader = { "snappy_uncompress", &unpack };
	char text[1000], again[1000], why[256];
	struct buffer packed;
	struct snappy snappy;

	(void)state;
	assert_int_equal(snappy_load(&snappy, why, sizeof why), 0);
	assert_int_equal(library_load("libsnappy.so.1", &reader, 1, why, sizeof why), 0);
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (char)('a' + i % 7);
	for (size_t size = 0; size <= sizeof text; size += 250) {
		size_t got = sizeof again;

		buffer_init(&packed, 4000);
		assert_int_equal(snappy_pack(&snappy, (struct bytes){ text, size }, &packed), 0);
		assert_int_equal(unpack(packed.data, packed.size, again, &got), SNAPPY_OK);
		assert_true(bytes_equal((struct bytes){ again, got }, (struct bytes){ text, size }));
		buffer_done(&packed);
		buffer_init(&packed, size / 2);
		assert_int_equal(snappy_pack(&snappy, (struct bytes){ text, size }, &packed), -ENOSPC);
		buffer_done(&packed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(labels_stand_in_their_order),
		cmocka_unit_test(external_labels_yield_to_those_of_a_series),
		cmocka_unit_test(what_has_ended_is_stale),
		cmocka_unit_test(times_values_and_exemplars_are_kept),
		cmocka_unit_test(a_series_of_2_has_its_metadata),
		cmocka_unit_test(native_histograms_are_histograms),
		cmocka_unit_test(a_large_native_histogram_is_sent),
		cmocka_unit_test(a_line_that_is_no_native_histogram_is_refused),
		cmocka_unit_test(families_of_1_are_told_once),
		cmocka_unit_test(what_is_no_item_is_refused),
		cmocka_unit_test(there_is_a_ceiling),
		cmocka_unit_test(samples_with_a_time_of_their_own_go_by_themselves),
		cmocka_unit_test(a_page_is_sent_whole_however_it_is_cut),
		cmocka_unit_test(when_a_series_was_created_is_not_cut_off),
		cmocka_unit_test(snappy_packs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
