#include "collectors/tail/search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

char *tail_search_path(char *path, char *target)
{
	struct stat info;

	if (lstat(path, &info) < 0 || !S_ISLNK(info.st_mode))
		return path;
	return realpath(path, target);
}

static int by_folder(const struct tail_sought *a, const struct tail_sought *b)
{
	size_t x = (size_t)(a->name - a->at), y = (size_t)(b->name - b->at);
	int order = memcmp(a->at, b->at, smaller(x, y));

	return order ? order : (x > y) - (x < y);
}

/* By folder, by name, and then as the lost stand. */
static int by_folder_and_name(const void *a, const void *b)
{
	const struct tail_sought *x = a, *y = b;
	int order = by_folder(x, y);

	order = order ? order : strcmp(x->name, y->name);
	if (order || !x->lost)
		return order ? order : (x->cut > y->cut) - (x->cut < y->cut);
	return (x->lost > y->lost) - (x->lost < y->lost);
}

const struct tail_sought *tail_search_before(const struct tail_search *q, const char *name)
{
	size_t low = 0, high = q->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(q->names[middle].name, name) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? &q->names[low - 1] : NULL;
}

void tail_search_path_of(const struct tail_search *q, const char *name, char *path, size_t room)
{
	snprintf(path, room, "%.*s%s", (int)(q->names->name - q->names->at), q->names->at, name);
}

static bool begins_with(const struct tail_sought *longer, const struct tail_sought *s)
{
	return strncmp(longer->name, s->name, strlen(s->name)) == 0;
}

static void link_shorter(struct tail_search *q)
{
	for (size_t i = 0; i < q->count; i++) {
		const struct tail_sought *shorter = i ? &q->names[i - 1] : NULL;
		while (shorter && !begins_with(&q->names[i], shorter))
			shorter = shorter->shorter;
		q->names[i].shorter = shorter;
	}
}

DIR *tail_search_open(const struct tail_search *q)
{
	char folder[PATH_MAX];

	tail_search_path_of(q, "", folder, sizeof folder);
	return opendir(folder[0] ? folder : ".");
}

static void free_sought(struct tail_sought *sought, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(sought[i].made);
	free(sought);
}

void tail_search_folders(
	struct tail_sought *sought, size_t count, void (*search)(struct tail_search *in_folder), void *context)
{
	struct tail_search q = { .context = context };

	if (count > 1)
		qsort(sought, count, sizeof *sought, by_folder_and_name);
	for (size_t i = 0; i < count; i += q.count) {
		q.names = &sought[i];
		q.count = 1;
		while (i + q.count < count && by_folder(q.names, &sought[i + q.count]) == 0)
			q.count++;
		link_shorter(&q);
		search(&q);
	}
	free_sought(sought, count);
}
