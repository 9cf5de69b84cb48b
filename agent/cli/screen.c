#include "cli/screen.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"

#define BOLD "\033[1m"
#define RED "\033[31m"
#define GREEN "\033[32m"
#define PLAIN "\033[0m"

static void paint(const struct screen *s, const char *colour)
{
	if (s->colour)
		fputs(colour, stdout);
}

static void print_painted(const struct screen *s, const char *colour, const char *words)
{
	paint(s, colour);
	text_put(stdout, bytes_of(words));
	paint(s, PLAIN);
}

struct screen screen_of_stdout(void)
{
	return (struct screen){ .colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR") };
}

void screen_good(const struct screen *s, const char *words)
{
	print_painted(s, GREEN, words);
}

void screen_bad(const struct screen *s, const char *words)
{
	print_painted(s, RED, words);
}

void screen_head(const struct screen *s, bool *first, const char *head)
{
	if (!*first)
		return;
	*first = false;
	paint(s, BOLD);
	printf("\n%s", head);
	paint(s, PLAIN);
	putchar('\n');
}

size_t screen_columns(struct bytes t)
{
	size_t count = 0;

	for (size_t i = 0; i < t.size; i++)
		count += (t.data[i] & 0xc0) != 0x80;
	return count;
}

/* Returns the bytes of the first `room` characters. */
static size_t fitting(struct bytes t, size_t room)
{
	size_t i = 0;

	for (; i < t.size; i++)
		if ((t.data[i] & 0xc0) != 0x80 && room-- == 0)
			break;
	return i;
}

void screen_wrapped(int indent, const char *words)
{
	size_t at = (size_t)indent, space = 0;

	printf("%*s", indent, "");
	while (*words) {
		struct bytes word = { words, strcspn(words, " ") };
		size_t width = screen_columns(word), left = SCREEN_COLUMNS - at;
		if (at > (size_t)indent && width + space > left) {
			printf("\n%*s", indent, "");
			at = (size_t)indent;
			continue;
		}
		word.size = fitting(word, left - space);
		printf("%*s", (int)space, "");
		at += space + text_put(stdout, word);
		words += word.size + (words[word.size] == ' ');
		space = words[-1] == ' ';
	}
	putchar('\n');
}

void screen_name(const char *name, int width)
{
	int count = (int)text_put(stdout, bytes_of(name));

	printf(count > width ? "\n%*s" : "%*s", count > width ? width : width - count, "");
}

void screen_age(double seconds, const char *behind, char to[SCREEN_WORDS])
{
	static const struct {
		double from, unit;
		const char *name;
	} units[] = { { 2 * 86400.0, 86400, "days" }, { 2 * 3600.0, 3600, "h" }, { 120, 60, "min" }, { 0, 1, "s" } };
	size_t i = 0;

	while (seconds < units[i].from && i + 1 < COUNT_OF(units))
		i++;
	snprintf(to, SCREEN_WORDS, "%.0f %s%s", seconds / units[i].unit, units[i].name, behind);
}

void screen_size(long long bytes, char to[SCREEN_WORDS])
{
	static const char units[] = "KMGT";
	double value = (double)bytes / 1024;
	size_t i = 0;

	for (; value >= 1024 && units[i + 1]; i++)
		value /= 1024;
	snprintf(to, SCREEN_WORDS, "%.1f%c", value, units[i]);
}
