#include "proto/relabel.h"

#include <errno.h>
#include <locale.h>
#include <nettle/md5.h>
#include <stdlib.h>
#include <wctype.h>

#include "base/text.h"

struct relabel {
	struct relabel_step *steps;
	size_t count;
	struct relabel_set set;
	uint64_t overruns;
	locale_t letters; /* of Unicode; none: those of ASCII */
	struct relabel_item before[RELABEL_LABELS_MAX + 1]; /* labelmap: what it goes through */
};

void relabel_free(struct relabel *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->count; i++)
		relabel_step_done(&r->steps[i]);
	relabel_set_done(&r->set);
	if (r->letters)
		freelocale(r->letters);
	free(r->steps);
	free(r);
}

int relabel_new(const struct relabel_rule *rules, size_t count, struct relabel **ret)
{
	struct relabel *r = oxp_new(sizeof *r);
	int failed = 0;

	OXP_ASSERT(count <= RELABEL_RULES_MAX);
	r->steps = oxp_new((count + 1) * sizeof *r->steps);
	for (; r->count < count && !failed; r->count++)
		failed = relabel_step_init(&r->steps[r->count], &rules[r->count]);
	if (failed) {
		relabel_free(r);
		return failed;
	}
	relabel_set_init(&r->set);
	r->letters = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
	*ret = r;
	return 0;
}

void relabel_begin_page(struct relabel *r)
{
	for (size_t i = 0; i < r->count; i++)
		r->steps[i].overruns = 0;
}

uint64_t relabel_overruns(const struct relabel *r)
{
	return r->overruns;
}

/* Matches. */

static enum regex_answer match(struct relabel *r, struct relabel_step *s, struct bytes text, struct bytes *groups)
{
	enum regex_answer answer;

	if (!s->regex) {
		groups[0] = groups[1] = text;
		return REGEX_YES;
	}
	answer = s->overruns < RELABEL_OVERRUNS_MAX ? regex_find(s->regex, text, groups) : REGEX_LIMIT;
	if (answer == REGEX_LIMIT) {
		s->overruns += s->overruns < RELABEL_OVERRUNS_MAX;
		r->overruns++;
	}
	return answer;
}

static char *put(char *to, struct bytes b)
{
	if (b.size > 0)
		memcpy(to, b.data, b.size);
	return to + b.size;
}

static struct bytes piece_text(const struct relabel_piece *p, const struct bytes *groups)
{
	if (p->group < 0)
		return p->text;
	return p->group < REGEX_GROUPS_MAX ? groups[p->group] : (struct bytes){ NULL, 0 };
}

/* The template with what the groups have, between `before` and `after`. Without data: it does not fit. */
static struct bytes expand(struct relabel *r, const struct relabel_template *t, const struct bytes *groups,
	struct bytes before, struct bytes after)
{
	size_t size = before.size + after.size;
	char *to, *p;

	if (size == 0 && t->count == 1)
		return piece_text(&t->pieces[0], groups);
	for (size_t i = 0; i < t->count; i++)
		size += piece_text(&t->pieces[i], groups).size;
	to = p = relabel_set_room(&r->set, size);
	if (!to)
		return (struct bytes){ NULL, 0 };
	p = put(p, before);
	for (size_t i = 0; i < t->count; i++)
		p = put(p, piece_text(&t->pieces[i], groups));
	put(p, after);
	return relabel_set_keep(&r->set, to, size);
}

/* The values of the source labels, joined. */
static struct bytes join(struct relabel *r, const struct relabel_rule *rule)
{
	size_t size = 0, between = strlen(rule->separator);
	char *to, *p;

	if (rule->source_count == 1)
		return relabel_set_get(&r->set, bytes_of(rule->source[0]));
	for (size_t i = 0; i < rule->source_count; i++)
		size += relabel_set_get(&r->set, bytes_of(rule->source[i])).size + (i ? between : 0);
	to = p = relabel_set_room(&r->set, size);
	if (!to)
		return (struct bytes){ "", 0 };
	for (size_t i = 0; i < rule->source_count; i++) {
		p = put(p, (struct bytes){ rule->separator, i ? between : 0 });
		p = put(p, relabel_set_get(&r->set, bytes_of(rule->source[i])));
	}
	return relabel_set_keep(&r->set, to, size);
}

/* Letters. */

/* The character at p, which begins valid UTF-8, and its size. */
static wint_t utf8_read(const unsigned char *p, size_t *ret)
{
	size_t size = *p < 0x80 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
	wint_t c = size == 1 ? *p : *p & (0x7fu >> size);

	for (size_t i = 1; i < size; i++)
		c = c << 6 | (p[i] & 0x3f);
	*ret = size;
	return c;
}

static char *utf8_put(char *to, wint_t c)
{
	static const unsigned char heads[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = size - 1; i > 0; i--, c >>= 6)
		to[i] = (char)(0x80 | (c & 0x3f));
	to[0] = (char)(heads[size == 1 ? 0 : size] | c);
	return to + size;
}

static wint_t change_letter(const struct relabel *r, wint_t c, bool upper)
{
	if (c < 0x80)
		return upper && c >= 'a' && c <= 'z' ? c - 32 : !upper && c >= 'A' && c <= 'Z' ? c + 32 : c;
	if (!r->letters)
		return c;
	return upper ? towupper_l(c, r->letters) : towlower_l(c, r->letters);
}

/* A letter of two bytes may become one of three. */
static struct bytes change_case(struct relabel *r, struct bytes text, bool upper)
{
	char *to = relabel_set_room(&r->set, 2 * text.size), *p = to;

	for (size_t i = 0, size; to && i < text.size; i += size)
		p = utf8_put(p, change_letter(r, utf8_read((const unsigned char *)text.data + i, &size), upper));
	return relabel_set_keep(&r->set, to, (size_t)(p - to));
}

/* Actions. */

static void replace(struct relabel *r, struct relabel_step *s, struct bytes value)
{
	static const struct bytes nothing = { NULL, 0 };
	struct bytes groups[REGEX_GROUPS_MAX], target;

	if (match(r, s, value, groups) != REGEX_YES)
		return;
	target = expand(r, &s->target, groups, nothing, nothing);
	if (target.size > 0)
		relabel_set_put(&r->set, target, expand(r, &s->replacement, groups, nothing, nothing));
}

/* The last eight bytes of MD5, as a number. */
static void hash(struct relabel *r, const struct relabel_step *s, struct bytes value)
{
	struct md5_ctx md5;
	uint8_t digest[MD5_DIGEST_SIZE];
	uint64_t number = 0;
	char *to = relabel_set_room(&r->set, U64_DIGITS_MAX);

	md5_init(&md5);
	md5_update(&md5, value.size, (const uint8_t *)value.data);
	md5_digest(&md5, sizeof digest, digest);
	for (size_t i = MD5_DIGEST_SIZE / 2; i < MD5_DIGEST_SIZE; i++)
		number = number << 8 | digest[i];
	if (to)
		relabel_set_put(&r->set, bytes_of(s->rule.target),
			relabel_set_keep(&r->set, to, u64_format(number % s->rule.modulus, to)));
}

/* Of names that match. */
static void map_labels(struct relabel *r, struct relabel_step *s)
{
	struct bytes groups[REGEX_GROUPS_MAX];
	size_t count = r->set.count;

	memcpy(r->before, r->set.items, count * sizeof *r->before);
	for (size_t i = 0; i < count && !r->set.excess; i++) {
		struct bytes name = r->before[i].name, head, tail;
		if (match(r, s, name, groups) != REGEX_YES)
			continue;
		head = (struct bytes){ name.data, (size_t)(groups[0].data - name.data) };
		tail = (struct bytes){ groups[0].data + groups[0].size, name.size - head.size - groups[0].size };
		relabel_set_put(&r->set, expand(r, &s->replacement, groups, head, tail), r->before[i].value);
	}
}

static void thin_labels(struct relabel *r, struct relabel_step *s, enum regex_answer goes)
{
	struct bytes groups[REGEX_GROUPS_MAX];

	for (size_t i = 0; i < r->set.count;)
		if (match(r, s, r->set.items[i].name, groups) == goes)
			relabel_set_remove(&r->set, i);
		else
			i++;
}

/* False: the sample is dropped. */
static bool apply(struct relabel *r, struct relabel_step *s)
{
	const struct relabel_rule *rule = &s->rule;
	struct bytes groups[REGEX_GROUPS_MAX], value = join(r, rule);

	switch (rule->action) {
	case RELABEL_KEEP:
		return match(r, s, value, groups) != REGEX_NO;
	case RELABEL_DROP:
		return match(r, s, value, groups) != REGEX_YES;
	case RELABEL_KEEPEQUAL:
		return bytes_equal(relabel_set_get(&r->set, bytes_of(rule->target)), value);
	case RELABEL_DROPEQUAL:
		return !bytes_equal(relabel_set_get(&r->set, bytes_of(rule->target)), value);
	case RELABEL_REPLACE:
		replace(r, s, value);
		break;
	case RELABEL_HASHMOD:
		hash(r, s, value);
		break;
	case RELABEL_LABELMAP:
		map_labels(r, s);
		break;
	case RELABEL_LABELDROP:
		thin_labels(r, s, REGEX_YES);
		break;
	case RELABEL_LABELKEEP:
		thin_labels(r, s, REGEX_NO);
		break;
	default: /* RELABEL_LOWERCASE, RELABEL_UPPERCASE */
		relabel_set_put(
			&r->set, bytes_of(rule->target), change_case(r, value, rule->action == RELABEL_UPPERCASE));
	}
	return true;
}

enum relabel_answer relabel_apply(struct relabel *r, const struct exposition_sample *sample,
	const struct relabel_label *target, size_t count, struct exposition_sample *ret)
{
	relabel_set_take(&r->set, sample, target, count);
	for (size_t i = 0; i < r->count && !r->set.excess; i++)
		if (!apply(r, &r->steps[i]))
			return RELABEL_DROPPED;
	return relabel_set_write(&r->set, ret) ? RELABEL_KEPT : RELABEL_NAMELESS;
}
