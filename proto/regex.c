#include "proto/regex.h"

#include <errno.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

enum { HEAP_KIB_MAX = 256, NAME_MAX_SIZE = 33 };

struct regex {
	pcre2_code *code;
	pcre2_match_data *match;
	pcre2_match_context *limits;
	uint32_t groups; /* the whole match not counted */
};

void regex_free(struct regex *r)
{
	if (!r)
		return;
	pcre2_match_data_free(r->match);
	pcre2_match_context_free(r->limits);
	pcre2_code_free(r->code);
	free(r);
}

/* What stands around the user's part of a pattern. */
struct wrapping {
	size_t before, after;
};

static int compile(struct regex *r, const char *pattern, struct wrapping around, char *why, size_t room)
{
	PCRE2_UCHAR said[128];
	PCRE2_SIZE at;
	int error;

	r->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
		PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C, &error, &at, NULL);
	if (!r->code) {
		pcre2_get_error_message(error, said, sizeof said);
		at = at > around.before ? at - around.before : 0;
		at = smaller(at, strlen(pattern) - around.before - around.after);
		snprintf(why, room, "%s at character %zu", (const char *)said, at + 1);
		return -EINVAL;
	}
	(void)pcre2_pattern_info(r->code, PCRE2_INFO_CAPTURECOUNT, &r->groups);
	if (r->groups < REGEX_GROUPS_MAX)
		return 0;
	snprintf(why, room, "it has %u groups, and %d are the most", r->groups, REGEX_GROUPS_MAX - 1);
	return -EINVAL;
}

static int make(const char *pattern, struct wrapping around, char *why, size_t room, struct regex **ret)
{
	struct regex *r = calloc(1, sizeof *r);
	int failed = r ? compile(r, pattern, around, why, room) : -ENOMEM;

	if (!failed) {
		r->match = pcre2_match_data_create(REGEX_GROUPS_MAX, NULL);
		r->limits = pcre2_match_context_create(NULL);
		failed = r->match && r->limits ? 0 : -ENOMEM;
	}
	if (failed) {
		regex_free(r);
		return failed;
	}
	(void)pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE); /* or it is interpreted, if that is not allowed here */
	(void)pcre2_set_match_limit(r->limits, REGEX_STEPS_MAX);
	(void)pcre2_set_depth_limit(r->limits, REGEX_STEPS_MAX);
	(void)pcre2_set_heap_limit(r->limits, HEAP_KIB_MAX);
	*ret = r;
	return 0;
}

int regex_new(const char *pattern, char *why, size_t room, struct regex **ret)
{
	return make(pattern, (struct wrapping){ 0, 0 }, why, room, ret);
}

/* ^ and $ stand beside the group, so that a pattern that closes it itself means what it means to Prometheus. */
int regex_new_anchored(const char *pattern, char *why, size_t room, struct regex **ret)
{
	static const char before[] = "^(?s:", after[] = ")$";
	size_t size = strlen(pattern) + sizeof before + sizeof after;
	char *anchored = oxp_new(size);
	int failed;

	snprintf(anchored, size, "%s%s%s", before, pattern, after);
	failed = make(anchored, (struct wrapping){ sizeof before - 1, sizeof after - 1 }, why, room, ret);
	free(anchored);
	return failed;
}

enum regex_answer regex_find(const struct regex *r, struct bytes text, struct bytes groups[REGEX_GROUPS_MAX])
{
	int count = pcre2_match(r->code, (PCRE2_SPTR)text.data, text.size, 0, PCRE2_NO_UTF_CHECK, r->match, r->limits);
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(r->match);

	if (count == PCRE2_ERROR_NOMATCH)
		return REGEX_NO;
	if (count <= 0)
		return REGEX_LIMIT;
	for (int i = 0; i < REGEX_GROUPS_MAX; i++)
		groups[i] = i < count && at[2 * i] != PCRE2_UNSET
				    ? (struct bytes){ text.data + at[2 * i], at[2 * i + 1] - at[2 * i] }
				    : (struct bytes){ NULL, 0 };
	return REGEX_YES;
}

int regex_group(const struct regex *r, struct bytes name)
{
	char text[NAME_MAX_SIZE];
	uint64_t number;
	int found;

	if (u64_parse(name, &number))
		return number <= r->groups ? (int)number : -1;
	if (name.size >= sizeof text)
		return -1;
	snprintf(text, sizeof text, "%.*s", (int)name.size, name.data);
	found = pcre2_substring_number_from_name(r->code, (PCRE2_SPTR)text);
	return found > 0 ? found : -1;
}
