#include "collectors/saving.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json_writer.h"
#include "base/path.h"
#include "component.h"

enum {
	DUE_MS = 100,
	SAVED_AT_ONCE = 200, /* a third of a millisecond */
	SAVED_AT_END = 1000, /* then nothing else waits */
};

static const char *why_of(int failed)
{
	return failed == -ENOSPC  ? "no room on the disk, or in the 64 MiB that it may have"
	       : failed == -E2BIG ? "a series whose name and labels take more than 64 KiB"
				  : path_why(failed);
}

/* What became of it. */

static void tell_failure(struct saving *s, int failed)
{
	if (failed == s->failed)
		return;
	s->failed = failed;
	host_log(s->host, LOG_LEVEL_ERROR,
		"not all sums can be saved, and would begin at 0 after a restart or a kill: %s/%s: %s",
		host_state_path(s->host), s->name, why_of(failed));
}

static void note(struct saving *s)
{
	int failed = meters_save_failure(s->meters);

	if (failed) {
		++*s->failures;
		s->failed_since = true;
		tell_failure(s, failed);
	}
	*s->sums = sums_file_records(s->file);
	*s->bytes = sums_file_size(s->file);
}

static void tell_restored(struct saving *s)
{
	const struct meters_restored *r = &s->restored;

	if (s->set_aside)
		host_log(s->host, LOG_LEVEL_WARN,
			"%s was not a file of sums of this state folder and this version; it was renamed to "
			"%s.corrupt-N, and sums begin at 0",
			s->name, s->name);
	if (r->damaged + r->older > 0)
		host_log(s->host, LOG_LEVEL_WARN,
			"%zu sums in %s cannot be read and begin at 0, and of %zu the latest value: the disk, another "
			"program, or a kill at that moment",
			r->damaged, s->name, r->older);
	if (r->unwanted > 0)
		host_log(s->host, LOG_LEVEL_INFO,
			"%zu sums of the last run have no place in this configuration, and are gone", r->unwanted);
	if (r->restored > 0)
		host_log(s->host, LOG_LEVEL_INFO, "goes on with %zu sums of the last run", r->restored);
	*s->lost += r->damaged;
}

/* When it is time. */

static void on_changed(void *context)
{
	struct saving *s = context;

	if (!loop_timer_pending(&s->due))
		loop_timer_set(&s->due, DURATION_MS(DUE_MS));
}

/* What changes meanwhile is not waited for: it is due a while later. */
static void on_more(void *context)
{
	struct saving *s = context;
	size_t count = smaller(s->left, SAVED_AT_ONCE);
	bool more = meters_save_some(s->meters, SAVED_AT_ONCE);

	s->left -= count;
	note(s);
	if (more && s->left > 0)
		loop_soon_run(&s->more);
	else if (more)
		loop_timer_set(&s->due, DURATION_MS(DUE_MS));
}

static void on_due(void *context)
{
	struct saving *s = context;

	s->left = meters_unsaved(s->meters);
	on_more(s);
}

void saving_now(struct saving *s, size_t count)
{
	if (!s->file || meters_unsaved(s->meters) == 0)
		return;
	(void)!meters_save_some(s->meters, count);
	note(s);
}

void saving_look(struct saving *s)
{
	if (!s->file)
		return;
	if (!sums_file_look(s->file))
		host_log(s->host, LOG_LEVEL_ERROR,
			"%s/%s was removed, replaced or cut while it was open; it is written anew",
			host_state_path(s->host), s->name);
	if (s->failed && !s->failed_since && meters_behind(s->meters) == 0) {
		s->failed = 0;
		host_log(s->host, LOG_LEVEL_INFO, "sums are saved again");
	}
	s->failed_since = false;
	if (sums_file_sweep(s->file, SAVED_AT_ONCE))
		on_changed(s);
	note(s);
}

void saving_end(struct saving *s)
{
	if (!s->file)
		return;
	loop_timer_clear(&s->due);
	while (meters_save_some(s->meters, SAVED_AT_END))
		;
	note(s);
}

/* Life. */

static void count_in(struct saving *s)
{
	s->sums = host_gauge(s->host, "saved_sums", "Series whose sums outlive the process, a histogram as one.");
	s->bytes = host_gauge(s->host, "saved_sums_bytes", "What they take of the disk.");
	s->failures = host_counter(s->host, "saved_sums_failures_total", "Times that sums could not be saved.");
	s->lost = host_counter(
		s->host, "saved_sums_damaged_total", "Sums of the last run that could not be read, and began at 0.");
}

void saving_init(struct saving *s, struct host *host, struct meters *meters, const struct meters_restore *restore)
{
	struct sums_options o = { .folder = host_state_path(host), .seed = host_state_id(host) };
	enum sums_found found;
	int failed;

	*s = (struct saving){ .host = host, .meters = meters };
	snprintf(s->name, sizeof s->name, "%s.sums", host_name(host));
	o.name = s->name;
	loop_timer_init(&s->due, host_loop(host), on_due, s);
	loop_soon_init(&s->more, host_loop(host), on_more, s);
	count_in(s);
	failed = sums_file_open(&o, &s->file, &found);
	s->set_aside = found == SUMS_SET_ASIDE;
	meters_save_to(meters, s->file, on_changed, s);
	if (!failed)
		failed = meters_restore(meters, restore, loop_now(host_loop(host)), &s->restored);
	tell_restored(s);
	if (failed)
		tell_failure(s, failed);
	note(s);
}

void saving_done(struct saving *s)
{
	if (!s->file)
		return;
	loop_timer_done(&s->due);
	loop_soon_done(&s->more);
	sums_file_close(s->file);
	s->file = NULL;
}

void saving_report(const struct saving *s, struct json_writer *w)
{
	if (!s->file)
		return;
	json_put_object(w, "saved");
	json_put_u64(w, "sums", *s->sums);
	json_put_u64(w, "bytes", *s->bytes);
	json_put_u64(w, "restored", s->restored.restored);
	json_put_u64(w, "damaged", s->restored.damaged + s->restored.older);
	json_put_string(w, "error", s->failed ? why_of(s->failed) : "");
	json_put_end(w);
}
