#include "collectors/tail/doubts.h"

enum { UNSURE_SCANS = 8 /* doubtful answers doubtful answers in a row; then the answer is taken as it is */ };

void tail_doubts_scan_begins(struct tail_doubts *d)
{
	d->renames = d->put_off = false;
}

void tail_doubts_renamed(struct tail_doubts *d)
{
	d->renames = true;
}

void tail_doubts_answered(struct tail_doubts *d)
{
	d->packed_waiting = 0;
}

void tail_doubts_judge(struct tail_doubts *d, bool unlisted)
{
	d->unsure = (d->renames || unlisted) && d->unsure_scans < UNSURE_SCANS;
	d->unsure_scans = d->unsure ? d->unsure_scans + 1 : 0;
}

void tail_doubts_put_off(struct tail_doubts *d)
{
	d->put_off = true;
}

void tail_doubts_packed_waits(struct tail_doubts *d)
{
	d->packed_waiting++;
}

bool tail_doubts_any(const struct tail_doubts *d)
{
	return d->unsure || d->put_off || d->packed_waiting > 0;
}
