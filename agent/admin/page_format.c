#include "admin/page_format.h"

#include "http/accept.h"

/* Those that are written, the best first. */
static const struct page_row {
	const char *type, *version;
	enum exposition_format format;
	const char *unversioned; /* the version that is meant if none is given */
	const char *content_type;
} rows[] = {
	{ "application/openmetrics-text", "1.0.0", EXPOSITION_OPENMETRICS, "0.0.1",
		"application/openmetrics-text; version=1.0.0; charset=utf-8" },
	{ "application/openmetrics-text", "0.0.1", EXPOSITION_OPENMETRICS, "0.0.1",
		"application/openmetrics-text; version=0.0.1; charset=utf-8" },
	{ "text/plain", "1.0.0", EXPOSITION_TEXT, "0.0.4", "text/plain; version=1.0.0; charset=utf-8" },
	{ "text/plain", "0.0.4", EXPOSITION_TEXT, "0.0.4", "text/plain; version=0.0.4; charset=utf-8" },
};

enum { ROWS = COUNT_OF(rows) };

static bool is_row(const struct page_row *row, const struct http_accepted *a)
{
	struct bytes version = http_accept_parameter(a->parameters, "version");

	if (!bytes_same_word(a->what, bytes_of(row->type)))
		return false;
	return bytes_are(version.data ? version : bytes_of(row->unversioned), row->version);
}

/* ROWS if it is none of them. */
static size_t row_of(const struct http_accepted *a)
{
	size_t i = 0;

	while (i < ROWS && !is_row(&rows[i], a))
		i++;
	return i;
}

struct page_format page_format(const char *accept)
{
	struct bytes rest = bytes_of(accept ? accept : "");
	size_t best = ROWS - 1;
	int weight = 0;

	for (struct http_accepted a; http_accept_next(&rest, &a);) {
		size_t i = row_of(&a);
		if (i == ROWS || a.weight == 0 || a.weight < weight || (a.weight == weight && i >= best))
			continue;
		best = i;
		weight = a.weight;
	}
	return (struct page_format){ .row = &rows[best], .format = rows[best].format };
}

const char *page_format_type(const struct page_format *f)
{
	return f->row->content_type;
}
