#include "status/report.h"

#include <unistd.h>

#include "base/json_writer.h"
#include "loop/loop.h"

void report_add(struct report *r, const char *name, report_section *write, void *context)
{
	OXP_ASSERT(r->count < REPORT_SECTIONS_MAX);
	r->sections[r->count].name = name;
	r->sections[r->count].write = write;
	r->sections[r->count++].context = context;
}

static void put_amount(struct json_writer *w, const char *name, const struct ledger_amount *a)
{
	json_put_object(w, name);
	json_put_u64(w, "records", a->records);
	json_put_u64(w, "bytes", a->bytes);
	json_put_end(w);
}

/* "dropped" is an object by reason, the other terms are amounts. */
static void put_dropped(struct json_writer *w, const struct ledger_row *row)
{
	json_put_object(w, "dropped");
	for (int t = 0; t < LEDGER_TERMS; t++) {
		const char *reason = ledger_term_reason(t);
		if (*reason && (row->live->term[t].records > 0 || row->live->term[t].bytes > 0))
			put_amount(w, reason, &row->live->term[t]);
	}
	json_put_end(w);
}

static void put_row(struct json_writer *w, const struct ledger_row *row)
{
	json_put_object(w, NULL);
	json_put_string(w, "signal", row->signal);
	json_put_string(w, "source", row->source);
	json_put_string(w, "destination", row->destination);
	for (int t = 0; t < LEDGER_TERMS; t++)
		if (!*ledger_term_reason(t))
			put_amount(w, ledger_term_name(t), &row->live->term[t]);
	put_dropped(w, row);
	json_put_i64(w, "balance", ledger_imbalance(row));
	json_put_end(w);
}

static void put_ledger(struct json_writer *w, const struct ledger *l)
{
	json_put_array(w, "ledger");
	for (const struct ledger_row *row = l->rows; row; row = row->next)
		put_row(w, row);
	json_put_end(w);
}

static void put_counters(struct json_writer *w, const struct counters *all)
{
	json_put_array(w, "counters");
	for (const struct counter *c = all->first; c; c = c->next) {
		json_put_object(w, NULL);
		json_put_string(w, "name", c->name);
		json_put_string(w, "labels", c->labels);
		if (c->read)
			json_put_double(w, "value", c->read(c->context));
		else
			json_put_u64(w, "value", c->value);
		json_put_end(w);
	}
	json_put_end(w);
}

int report_write(const struct report *r, struct wall_time now, struct buffer *out)
{
	char started[WALL_TEXT_SIZE];
	struct json_writer w;

	wall_format(r->started, started);
	json_writer_init(&w, out);
	json_put_object(&w, NULL);
	json_put_string(&w, "version", r->version);
	json_put_i64(&w, "pid", getpid());
	json_put_string(&w, "started", started);
	json_put_fixed(&w, "uptime_seconds", (double)(now.ns - r->started.ns) * 1e-9, 3);
	put_ledger(&w, r->ledger);
	for (size_t i = 0; i < r->count; i++)
		r->sections[i].write(r->sections[i].context, r->sections[i].name, &w);
	put_counters(&w, r->counters);
	json_put_end(&w);
	json_put_line_end(&w);
	return json_writer_done(&w);
}

/* A page has many of them, so they are not printed by a format. `head` is what the terms of a row have in common. */
static void put_term(
	struct writer *w, struct bytes head, enum ledger_term term, const struct ledger_row *row, bool bytes)
{
	const struct ledger_amount *a = &row->live->term[term];

	writer_bytes(w, head);
	writer_text(w, ledger_term_name(term));
	writer_text(w, "\",reason=\"");
	writer_text(w, ledger_term_reason(term));
	writer_text(w, "\"} ");
	writer_u64(w, bytes ? a->bytes : a->records);
	writer_text(w, "\n");
}

static void put_terms(struct writer *w, struct buffer *head, const struct ledger_row *row, const char *unit)
{
	bool bytes = strcmp(unit, "bytes") == 0;

	buffer_clear(head);
	writer_fail(w, buffer_printf(head, "oxpecker_ledger_%s{signal=\"%s\",source=\"%s\",destination=\"%s\",term=\"",
			       unit, row->signal, row->source, row->destination));
	for (int t = 0; t < LEDGER_TERMS; t++)
		put_term(w, buffer_bytes(head), (enum ledger_term)t, row, bytes);
}

static void put_family(struct writer *w, const struct ledger *l, const char *unit)
{
	struct buffer head;

	buffer_init(&head, w->to->ceiling);
	writer_printf(w,
		"# HELP oxpecker_ledger_%s The ledger in %s: received equals the sum of all other terms.\n"
		"# TYPE oxpecker_ledger_%s gauge\n",
		unit, unit, unit);
	for (const struct ledger_row *row = l->rows; row; row = row->next)
		put_terms(w, &head, row, unit);
	buffer_done(&head);
}

int report_ledger_metrics(const struct ledger *l, struct buffer *out)
{
	struct writer w;

	writer_init(&w, out);
	if (l->rows) {
		put_family(&w, l, "bytes");
		put_family(&w, l, "records");
	}
	return writer_done(&w);
}

/* `le` is the text of the bound. */
static void put_bucket(struct writer *w, const char *le, uint64_t count)
{
	writer_text(w, "oxpecker_loop_slice_seconds_bucket{le=\"");
	writer_text(w, le);
	writer_text(w, "\"} ");
	writer_u64(w, count);
	writer_text(w, "\n");
}

int report_slices(const struct loop_slices *slices, struct buffer *out)
{
	static const char name[] = "oxpecker_loop_slice_seconds";
	struct writer w;
	uint64_t sum = 0;

	writer_init(&w, out);
	writer_printf(&w, "# HELP %s CPU time of one callback of the loop.\n# TYPE %s histogram\n", name, name);
	for (int i = 0; i < LOOP_SLICE_BUCKETS; i++) {
		sum += slices->counts[i];
		put_bucket(&w, loop_slice_names[i], sum);
	}
	sum += slices->counts[LOOP_SLICE_BUCKETS];
	put_bucket(&w, "+Inf", sum);
	writer_printf(
		&w, "%s_sum %.9f\n%s_count %llu\n", name, (double)slices->sum_ns * 1e-9, name, (unsigned long long)sum);
	return writer_done(&w);
}
