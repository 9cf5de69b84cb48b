#include "status/report.h"

#include <unistd.h>

#include "base/text.h"
#include "loop/loop.h"

void report_add(struct report *r, const char *name, report_section *write, void *context)
{
	OXP_ASSERT(r->count < REPORT_SECTIONS_MAX);
	r->sections[r->count].name = name;
	r->sections[r->count].write = write;
	r->sections[r->count++].context = context;
}

/* "dropped" is an object by reason, the other terms are amounts. */
static int write_term(const struct ledger_amount *a, const char *name, struct buffer *out)
{
	return buffer_printf(out, "\"%s\":{\"records\":%llu,\"bytes\":%llu}", name, (unsigned long long)a->records,
		(unsigned long long)a->bytes);
}

static int write_dropped(const struct ledger_row *row, struct buffer *out)
{
	int failed = buffer_text(out, ",\"dropped\":{");
	const char *comma = "";

	for (int t = 0; t < LEDGER_TERMS && !failed; t++) {
		const char *reason = ledger_term_reason(t);
		if (!*reason || row->live->term[t].records == 0)
			continue;
		failed = buffer_text(out, comma) || write_term(&row->live->term[t], reason, out);
		comma = ",";
	}
	return failed ? failed : buffer_text(out, "}");
}

static int write_row(const struct ledger_row *row, struct buffer *out)
{
	int failed = buffer_printf(out, "{\"signal\":\"%s\",\"source\":", row->signal) ||
		     json_string_append(out, row->source, strlen(row->source)) ||
		     buffer_text(out, ",\"destination\":") ||
		     json_string_append(out, row->destination, strlen(row->destination));

	for (int t = 0; t < LEDGER_TERMS && !failed; t++)
		if (!*ledger_term_reason(t))
			failed = buffer_text(out, ",") || write_term(&row->live->term[t], ledger_term_name(t), out);
	return failed || write_dropped(row, out) ||
	       buffer_printf(out, ",\"balance\":%lld}", (long long)ledger_imbalance(row));
}

static int write_ledger(const struct ledger *l, struct buffer *out)
{
	int failed = buffer_text(out, "[");

	for (const struct ledger_row *row = l->rows; row && !failed; row = row->next)
		failed = buffer_text(out, row == l->rows ? "" : ",") || write_row(row, out);
	return failed ? failed : buffer_text(out, "]");
}

static int write_counter(const struct counter *c, struct buffer *out)
{
	int failed = buffer_printf(out, "{\"name\":\"%s\",\"labels\":", c->name) ||
		     json_string_append(out, c->labels, strlen(c->labels));

	if (failed)
		return failed;
	if (c->read)
		return buffer_printf(out, ",\"value\":%.17g}", c->read(c->context));
	return buffer_printf(out, ",\"value\":%llu}", (unsigned long long)c->value);
}

static int write_counters(const struct counters *all, struct buffer *out)
{
	int failed = buffer_text(out, "[");

	for (const struct counter *c = all->first; c && !failed; c = c->next)
		failed = buffer_text(out, c == all->first ? "" : ",") || write_counter(c, out);
	return failed ? failed : buffer_text(out, "]");
}

int report_write(const struct report *r, struct wall_time now, struct buffer *out)
{
	char started[WALL_TEXT_SIZE];
	int failed;

	wall_format(r->started, started);
	failed = buffer_printf(out,
			 "{\"version\":\"%s\",\"pid\":%d,\"started\":\"%s\",\"uptime_seconds\":%.3f,\"ledger\":",
			 r->version, getpid(), started, (double)(now.ns - r->started.ns) * 1e-9) ||
		 write_ledger(r->ledger, out);
	for (size_t i = 0; i < r->count && !failed; i++)
		failed = buffer_printf(out, ",\"%s\":", r->sections[i].name) ||
			 r->sections[i].write(r->sections[i].context, out);
	return failed || buffer_text(out, ",\"counters\":") || write_counters(r->counters, out) ||
	       buffer_text(out, "}\n");
}

static int write_family(const struct ledger *l, bool bytes, struct buffer *out)
{
	const char *unit = bytes ? "bytes" : "records";
	int failed = buffer_printf(out,
		"# HELP oxpecker_ledger_%s The ledger in %s: received equals the sum of all other terms.\n"
		"# TYPE oxpecker_ledger_%s gauge\n",
		unit, unit, unit);

	for (const struct ledger_row *row = l->rows; row; row = row->next)
		for (int t = 0; t < LEDGER_TERMS && !failed; t++) {
			const struct ledger_amount *a = &row->live->term[t];
			failed = buffer_printf(out,
				"oxpecker_ledger_%s{signal=\"%s\",source=\"%s\",destination=\"%s\",term=\"%s\",reason="
				"\"%s\"}"
				" %llu\n",
				unit, row->signal, row->source, row->destination, ledger_term_name(t),
				ledger_term_reason(t), (unsigned long long)(bytes ? a->bytes : a->records));
		}
	return failed;
}

int report_ledger_metrics(const struct ledger *l, struct buffer *out)
{
	if (!l->rows)
		return 0;
	return write_family(l, false, out) || write_family(l, true, out);
}

int report_slices(const struct loop_slices *slices, struct buffer *out)
{
	static const char name[] = "oxpecker_loop_slice_seconds";
	uint64_t sum = 0;
	int failed = buffer_printf(
		out, "# HELP %s CPU time of one callback of the loop.\n# TYPE %s histogram\n", name, name);

	for (int i = 0; i < LOOP_SLICE_BUCKETS && !failed; i++) {
		sum += slices->counts[i];
		failed = buffer_printf(
			out, "%s_bucket{le=\"%g\"} %llu\n", name, loop_slice_bounds[i], (unsigned long long)sum);
	}
	sum += slices->counts[LOOP_SLICE_BUCKETS];
	return failed ? failed
		      : buffer_printf(out, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %.9f\n%s_count %llu\n", name,
				(unsigned long long)sum, name, (double)slices->sum_ns * 1e-9, name,
				(unsigned long long)sum);
}
