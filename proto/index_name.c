#include "proto/index_name.h"

#include <stdio.h>

#include "proto/rfc3339.h"

enum { PART_SIZE_MAX = 8 };

struct part {
	const char *text;
	unsigned digits;
};

static const struct part parts[] = { { "yyyy", 4 }, { "MM", 2 }, { "dd", 2 }, { "HH", 2 } };
static const char date_start[] = "%{+";

/* The part of a date that the text begins with, or NULL. */
static const struct part *part_at(const char *text)
{
	for (size_t i = 0; i < COUNT_OF(parts); i++)
		if (strncmp(text, parts[i].text, strlen(parts[i].text)) == 0)
			return &parts[i];
	return NULL;
}

const char *index_name_wrong(const char *name)
{
	static const char refused[] = "\\/*?\"<>| ,#:%&{}ABCDEFGHIJKLMNOPQRSTUVWXYZ";

	if (!*name)
		return "is empty";
	if (strlen(name) > INDEX_NAME_MAX)
		return "is longer than 255 bytes";
	if (strchr("-_+.", *name))
		return "begins with - _ + or .";
	if (strpbrk(name, refused))
		return "has an upper-case letter or one of \\ / * ? \" < > | , # : % & { } or a space";
	for (; *name; name++)
		if ((unsigned char)*name < ' ' || *name == 0x7f)
			return "has a control character";
	return NULL;
}

static const char *date_wrong(const char **at)
{
	const char *p = *at;
	const struct part *part;
	size_t found = 0;

	for (; *p && *p != '}'; found += part != NULL) {
		part = part_at(p);
		if (!part && !strchr(".-_", *p))
			return "has a date that is not made of yyyy, MM, dd and HH with . - _ between them";
		p += part ? strlen(part->text) : 1;
	}
	if (!*p || !found)
		return "has a date that does not end, or is empty; %{+yyyy.MM.dd} is one";
	*at = p + 1;
	return NULL;
}

const char *index_pattern_wrong(const char *pattern)
{
	char name[INDEX_NAME_MAX + 1];
	const char *wrong = NULL;

	if (strlen(pattern) > INDEX_NAME_MAX) /* a date is shorter than what stands for it */
		return index_name_wrong(pattern);
	for (const char *p = pattern; !wrong && (p = strstr(p, date_start));) {
		p += strlen(date_start);
		wrong = date_wrong(&p);
	}
	if (wrong)
		return wrong;
	index_pattern_at(pattern, 0, name);
	if (strpbrk(name, "%{}"))
		return "has a % or a brace in it; a date in a name is written as in logs-%{+yyyy.MM.dd}";
	return index_name_wrong(name);
}

bool index_pattern_dated(const char *pattern)
{
	return strstr(pattern, date_start);
}

typedef size_t put_part(const struct part *, const struct civil_time *, char to[PART_SIZE_MAX]);

static size_t put_number(const struct part *part, const struct civil_time *t, char to[PART_SIZE_MAX])
{
	uint64_t value = part == &parts[0]   ? (uint64_t)t->year
			 : part == &parts[1] ? t->month
			 : part == &parts[2] ? t->day
					     : t->hour;

	for (unsigned i = part->digits; i-- > 0; value /= 10)
		to[i] = (char)('0' + value % 10);
	return part->digits;
}

static size_t put_star(const struct part *part, const struct civil_time *t, char to[PART_SIZE_MAX])
{
	(void)part, (void)t;
	*to = '*';
	return 1;
}

/* Parts of dates are replaced, the rest is copied. What it writes is never longer than what it reads. */
static size_t replace(const char *pattern, const struct civil_time *t, put_part *put, char *to)
{
	bool in_date = false;
	char *start = to;

	while (*pattern) {
		const struct part *part = in_date ? part_at(pattern) : NULL;
		if (!in_date && strncmp(pattern, date_start, strlen(date_start)) == 0) {
			in_date = true;
			pattern += strlen(date_start);
		} else if (part) {
			to += put(part, t, to);
			pattern += strlen(part->text);
		} else if (in_date && *pattern == '}') {
			in_date = false;
			pattern++;
		} else {
			*to++ = *pattern++;
		}
	}
	*to = '\0';
	return (size_t)(to - start);
}

size_t index_pattern_at(const char *pattern, int64_t unix_seconds, char to[INDEX_NAME_MAX + 1])
{
	struct civil_time t = civil_from_seconds(unix_seconds);

	return replace(pattern, &t, put_number, to);
}

size_t index_pattern_any(const char *pattern, char to[INDEX_NAME_MAX + 1])
{
	return replace(pattern, NULL, put_star, to);
}
