#include "exporters/remote_write_answer.h"

#include <stdio.h>

#include "base/text.h"
#include "exporters/post.h"
#include "proto/exposition_number.h"

static const char written[] = "X-Prometheus-Remote-Write-",
		  samples_written[] = "X-Prometheus-Remote-Write-Samples-Written:",
		  histograms_written[] = "X-Prometheus-Remote-Write-Histograms-Written:";

static bool begins_with(struct bytes line, const char *name)
{
	size_t n = strlen(name);

	return line.size >= n && strncasecmp(line.data, name, n) == 0;
}

/* What the line says, if it is that header. */
static void read_count(struct bytes line, const char *name, uint64_t *ret)
{
	size_t size = strlen(name);
	int64_t count;

	if (begins_with(line, name) &&
		exposition_integer_parse(bytes_trimmed((struct bytes){ line.data + size, line.size - size }), &count) &&
		count > 0)
		*ret = (uint64_t)count;
}

void remote_written_line(struct remote_written *w, struct bytes line)
{
	while (line.size > 0 && (line.data[line.size - 1] == '\n' || line.data[line.size - 1] == '\r'))
		line.size--;
	if (begins_with(line, "HTTP/")) /* of the answer behind one of 1xx */
		*w = (struct remote_written){ .said = false };
	if (!begins_with(line, written) || !memmem(line.data, line.size, "ritten:", 7))
		return;
	w->said = true;
	read_count(line, samples_written, &w->samples);
	read_count(line, histograms_written, &w->histograms);
}

/* The body of an answer is not looked at, but for what to tell people. */
static bool has_status(const struct http_reply *reply)
{
	return reply->end == HTTP_END_ANSWER || reply->end == HTTP_END_TOO_LARGE || reply->end == HTTP_END_CODING;
}

static enum outcome outcome_of(const struct http_reply *reply, bool retry_429)
{
	if (!has_status(reply))
		return RETRY;
	if (reply->status / 100 == 2)
		return DELIVERED;
	if (reply->status == 429)
		return retry_429 ? RETRY : REJECTED;
	return reply->status / 100 == 4 ? REJECTED : RETRY;
}

/* By what the receiver says that it has written. */
static void judge_written(
	struct remote_verdict *v, const struct remote_write_counts *sent, const struct remote_written *headers)
{
	uint64_t has = (headers->samples < sent->samples ? headers->samples : sent->samples) +
		       (headers->histograms < sent->histograms ? headers->histograms : sent->histograms);

	if (v->outcome == DELIVERED && !headers->said) {
		v->outcome = REJECTED;
		snprintf(v->reason, sizeof v->reason,
			"it does not say how many samples were written, so it does not read version 2.0: set version: "
			"1.0");
	} else if (v->outcome == DELIVERED || (v->outcome == REJECTED && has > 0)) {
		v->outcome = DELIVERED;
		v->refused = sent->samples + sent->histograms - has;
		if (v->refused > 0 && !*v->reason)
			snprintf(v->reason, sizeof v->reason, "it says that it has written fewer samples");
	}
}

void remote_judge(const struct http_reply *reply, const struct remote_write_counts *sent,
	const struct remote_written *headers, bool retry_429, struct remote_verdict *ret)
{
	*ret = (struct remote_verdict){ .outcome = outcome_of(reply, retry_429), .not_before_ms = -1 };
	if (ret->outcome == RETRY)
		ret->not_before_ms = reply->retry_after_ms;
	if (has_status(reply) && (reply->status == 401 || reply->status == 403))
		ret->refusal = reply->status;
	if (has_status(reply) && reply->status / 100 == 3)
		snprintf(ret->reason, sizeof ret->reason, "HTTP %u: redirects are not followed; is the url right?",
			reply->status);
	else if (ret->outcome != DELIVERED)
		post_reason(reply, ret->reason, sizeof ret->reason);
	if (headers)
		judge_written(ret, sent, headers);
}
