/*
 * The report: /status on the control socket, as JSON. It has the version and start of the process, the ledger, the
 * agent's counters, and sections that other parts add (destinations, checks).
 */
#ifndef OXP_REPORT_H
#define OXP_REPORT_H

#include "base/clock.h"
#include "base/json_writer.h"
#include "status/counters.h"
#include "status/ledger.h"

enum { REPORT_SECTIONS_MAX = 12, REPORT_MAX = 4 << 20 };

/* Writes one value, the member `name` of the report. */
typedef void report_section(void *context, const char *name, struct json_writer *);

struct report {
	const struct ledger *ledger;
	const struct counters *counters;
	const char *version;
	struct wall_time started;
	struct {
		const char *name;
		report_section *write;
		void *context;
	} sections[REPORT_SECTIONS_MAX];
	size_t count;
};

void report_add(struct report *, const char *name, report_section *, void *context);
/* Appends the report, a line of JSON. 0, -ENOSPC or -ENOMEM, and then the report is not whole. */
int report_write(const struct report *, struct wall_time now, struct buffer *) MUST_CHECK;
/* The ledger's rows and the balance as metric families, in text 0.0.4. 0; or -ENOSPC or -ENOMEM, and nothing was
 * appended. */
int report_ledger_metrics(const struct ledger *, struct buffer *) MUST_CHECK;

struct loop_slices;
/* The loop's slices as the histogram oxpecker_loop_slice_seconds. 0 or -errno, as above. */
int report_slices(const struct loop_slices *, struct buffer *) MUST_CHECK;

#endif
