#include "collectors/refusals.h"

#include "base/json_writer.h"
#include "component.h"
#include "loop/loop.h"

enum { AGAIN_S = 60 }; /* what comes and goes is told so often at most */

/* Why, and what helps. */
static const char *const reasons[SERIES_DROPS] = {
	[SERIES_DROP_TYPE_CLASH] = "its family has another type already, here or at another target",
	[SERIES_DROP_SERIES_CEILING] = "all targets have more than metrics.limits.series",
	[SERIES_DROP_FAMILY_CEILING] = "its family has more series than metrics.limits.family",
	[SERIES_DROP_BYTES] = "metrics.limits.bytes or memory has no room",
	[SERIES_DROP_DUPLICATE] = "another series has its name and labels; give targets labels that tell them apart",
	[SERIES_DROP_LABELS] = "two of its labels have one name, once those of the target are there",
	[SERIES_DROP_RESERVED] = "names that begin like this are the agent's own",
	[SERIES_DROP_NATIVE] =
		"Prometheus would refuse it as a native histogram, or a step merges it: it is shown as a classic one",
	[SERIES_DROP_TIMESTAMP] = "Prometheus would refuse the page for its time, before 1970 or with too many digits",
	[SERIES_DROP_SAMPLE_SIZE] = "it has over 128 labels, or a name, number or line that is too long",
};

static void tell(struct refusals *r, struct host *host, const char *target, enum series_drop why)
{
	struct mono_time now = loop_now(host_loop(host));
	uint64_t samples = r->counts.dropped[why];

	if (samples == 0 && r->told[why])
		host_log(host, LOG_LEVEL_INFO, "all samples of %s are shown again that were not (%s)", target,
			series_drop_name(why));
	r->told[why] = r->told[why] && samples > 0;
	if (samples == 0 || r->told[why] || (r->at[why].ns && mono_since(now, r->at[why]).ns < DURATION_S(AGAIN_S).ns))
		return;
	host_log(host, LOG_LEVEL_WARN, "%llu samples of %s are not shown, the first of %s: %s",
		(unsigned long long)samples, target, r->counts.first[why], reasons[why]);
	r->told[why] = true;
	r->at[why] = now;
}

void refusals_tell(struct refusals *r, struct host *host, const char *target, const struct series_counts *counts)
{
	r->counts = *counts;
	for (unsigned why = 0; why < SERIES_DROPS; why++)
		tell(r, host, target, why);
}

void refusals_report(const struct refusals *r, struct json_writer *w)
{
	json_put_array(w, "dropped");
	for (unsigned why = 0; why < SERIES_DROPS; why++) {
		if (r->counts.dropped[why] == 0)
			continue;
		json_put_object(w, NULL);
		json_put_string(w, "reason", series_drop_name(why));
		json_put_u64(w, "samples", r->counts.dropped[why]);
		json_put_string(w, "first", r->counts.first[why]);
		json_put_string(w, "why", reasons[why]);
		json_put_end(w);
	}
	json_put_end(w);
}
