#include "admin/page_format.h"

#include <stdio.h>

#include "http/accept.h"

static const char proto_name[] = "io.prometheus.client.MetricFamily";

/* Those that are written, the best first. */
static const struct page_row {
	const char *type, *version;
	enum exposition_format format;
	const char *unversioned; /* the version that is meant if none is given */
} rows[] = {
	{ "application/vnd.google.protobuf", NULL, EXPOSITION_PROTOBUF, NULL },
	{ "application/openmetrics-text", "1.0.0", EXPOSITION_OPENMETRICS, "0.0.1" },
	{ "application/openmetrics-text", "0.0.1", EXPOSITION_OPENMETRICS, "0.0.1" },
	{ "text/plain", "1.0.0", EXPOSITION_TEXT, "0.0.4" },
	{ "text/plain", "0.0.4", EXPOSITION_TEXT, "0.0.4" },
};

enum { ROWS = COUNT_OF(rows) };

static bool is_row(const struct page_row *row, const struct http_accepted *a)
{
	struct bytes version = http_accept_parameter(a->parameters, "version");

	if (!bytes_same_word(a->what, bytes_of(row->type)))
		return false;
	if (row->format == EXPOSITION_PROTOBUF)
		return bytes_are(http_accept_parameter(a->parameters, "proto"), proto_name) &&
		       bytes_are(http_accept_parameter(a->parameters, "encoding"), "delimited");
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

const char *page_escaping_name(enum exposition_escaping escaping)
{
	static const char *const names[EXPOSITION_ESCAPINGS] = {
		[EXPOSITION_UNDERSCORES] = "underscores",
		[EXPOSITION_DOTS] = "dots",
		[EXPOSITION_VALUES] = "values",
		[EXPOSITION_UTF8] = "allow-utf-8",
	};

	return names[escaping];
}

static enum exposition_escaping escaping_of(const struct http_accepted *a)
{
	struct bytes asked = http_accept_parameter(a->parameters, "escaping");
	unsigned i = 0;

	while (i < EXPOSITION_ESCAPINGS && !bytes_are(asked, page_escaping_name((enum exposition_escaping)i)))
		i++;
	return i < EXPOSITION_ESCAPINGS ? (enum exposition_escaping)i : EXPOSITION_UNDERSCORES;
}

struct page_format page_format(const char *accept)
{
	struct bytes rest = bytes_of(accept ? accept : "");
	struct page_format best = { .row = &rows[ROWS - 1], .format = rows[ROWS - 1].format };
	int weight = 0;

	for (struct http_accepted a; http_accept_next(&rest, &a);) {
		size_t i = row_of(&a);
		if (i == ROWS || a.weight == 0 || a.weight < weight || (a.weight == weight && &rows[i] >= best.row))
			continue;
		best = (struct page_format){ &rows[i], rows[i].format, escaping_of(&a) };
		weight = a.weight;
	}
	return best;
}

void page_format_type(const struct page_format *f, char to[PAGE_TYPE_SIZE])
{
	if (f->format == EXPOSITION_PROTOBUF)
		snprintf(to, PAGE_TYPE_SIZE, "%s; proto=%s; encoding=delimited; escaping=%s", f->row->type, proto_name,
			page_escaping_name(f->escaping));
	else
		snprintf(to, PAGE_TYPE_SIZE, "%s; version=%s; charset=utf-8; escaping=%s", f->row->type,
			f->row->version, page_escaping_name(f->escaping));
}
