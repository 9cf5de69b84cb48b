#include "config/document.h"

#include <errno.h>
#include <stdio.h>

#include "config/load.h"

enum { WHY_MAX = CONFIG_ERRORS_MAX * (CONFIG_WHAT_MAX + 256) };

bool document_read(struct document *d, const char *path)
{
	struct buffer text;
	int failed;

	*d = (struct document){ .arena = config_arena_new() };
	d->errors.arena = d->arena;
	tree_init(&d->tree, d->arena, &d->errors);
	buffer_init(&text, TREE_INPUT_MAX);
	failed = config_file(path, &text);
	if (failed)
		config_complain(&d->errors, (struct config_span){ .source = NULL }, path, "%s",
			failed == -EINVAL ? "is not a regular file" : strerror(-failed));
	else
		(void)!tree_load(&d->tree, path, buffer_bytes(&text)); /* which tells the errors */
	buffer_done(&text);
	return d->errors.count == 0;
}

void document_done(struct document *d)
{
	config_arena_free(d->arena);
	d->arena = NULL;
}

void document_why(const struct document *d, char *why, size_t room)
{
	struct buffer text;

	why[0] = '\0';
	buffer_init(&text, WHY_MAX);
	if (d->errors.count > 0 && config_errors_print(&d->errors, false, &text) == 0)
		snprintf(why, room, "%.*s", (int)strcspn(text.data, "\n"), text.data);
	buffer_done(&text);
}
