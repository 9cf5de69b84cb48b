/*
 * Answers of a receiver of remote write: whatever its head and its body say, the verdict is one of three, counts no
 * more samples than were sent, and follows from the status as the specification has it.
 *
 * Input: how the call ended, the status, how many samples were sent, and flags; lines of the head; an empty one; the
 * body.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "exporters/remote_write_answer.h"

enum { HEAD = 5, RETRY_429 = 1, VERSION_2 = 2, LATER = 4, JSON = 8 };

static void check(bool fine, const char *what)
{
	if (fine)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static struct bytes take_line(struct bytes *text)
{
	const char *end = memchr(text->data, '\n', text->size);
	struct bytes line = { text->data, end ? (size_t)(end - text->data) + 1 : text->size };

	*text = (struct bytes){ text->data + line.size, text->size - line.size };
	return line;
}

/* Of its own memory, so that the sanitizer sees a byte beyond it. */
static void read_line(struct remote_written *w, struct bytes line)
{
	char *copy = malloc(line.size + 1);

	check(copy != NULL, "no memory");
	memcpy(copy, line.data, line.size);
	copy = realloc(copy, line.size ? line.size : 1);
	check(copy != NULL, "no memory");
	remote_written_line(w, (struct bytes){ copy, line.size });
	free(copy);
}

static bool has_answer(enum http_end end)
{
	return end == HTTP_END_ANSWER || end == HTTP_END_TOO_LARGE || end == HTTP_END_CODING;
}

/* Without what the head says. */
static enum outcome by_status(const struct http_reply *reply, bool retry_429)
{
	if (!has_answer(reply->end) || (reply->status == 429 && retry_429))
		return RETRY;
	if (reply->status >= 200 && reply->status < 300)
		return DELIVERED;
	return reply->status >= 400 && reply->status < 500 ? REJECTED : RETRY;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void check_verdict(const struct remote_verdict *v, const struct http_reply *reply,
	const struct remote_write_counts *sent, const struct remote_written *w, enum outcome plain)
{
	uint64_t all = sent->samples + sent->histograms;
	uint64_t has = w ? least(w->samples, sent->samples) + least(w->histograms, sent->histograms) : all;

	check(memchr(v->reason, '\0', sizeof v->reason) != NULL, "the reason has no end");
	check(utf8_valid(v->reason, strlen(v->reason)), "the reason is no text");
	check((v->outcome == RETRY) == (plain == RETRY), "what is tried again follows from the status alone");
	check(v->outcome == RETRY || v->not_before_ms == -1, "a time to wait for what is not tried again");
	check(v->outcome != RETRY || v->not_before_ms == reply->retry_after_ms, "Retry-After is not obeyed");
	check(v->refused <= all && (v->outcome == DELIVERED || v->refused == 0), "more is refused than was sent");
	check(v->outcome == DELIVERED || *v->reason, "no reason");
	check(v->refused == 0 || *v->reason, "no reason for a part");
	check(!v->refusal || v->refusal == 401 || v->refusal == 403, "a refusal of no credentials");
	if (!w)
		check(v->outcome == plain && v->refused == 0, "1.0 says nothing in its head");
	else if (plain == DELIVERED && !w->said)
		check(v->outcome == REJECTED, "it does not read 2.0");
	else if (plain == DELIVERED || (plain == REJECTED && has > 0))
		check(v->outcome == DELIVERED && v->refused == all - has, "not what it says that it has written");
	else
		check(v->outcome == plain, "nothing was written");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes text = { (const char *)data + HEAD, size - HEAD };
	struct remote_written written = { .said = false }, last = written;
	struct remote_verdict v;
	struct http_reply reply;
	struct remote_write_counts sent;
	unsigned flags;

	if (size < HEAD)
		return 0;
	flags = data[0];
	sent.samples = data[4] % 16 ? data[4] : UINT64_MAX >> (1 + data[4] % 63);
	sent.histograms = data[4] / 16;
	reply = (struct http_reply){ .end = data[1] % (HTTP_END_NO_ROOM + 1),
		.status = (unsigned)(data[2] | data[3] << 8) % 600,
		.error = "the connection broke",
		.content_type = flags & JSON ? "application/json" : "text/plain",
		.retry_after_ms = flags & LATER ? 5000 : -1 };
	while (text.size > 0) {
		struct bytes line = take_line(&text);
		if (line.size == 1)
			break;
		read_line(&written, line);
		if (line.size >= 5 && strncasecmp(line.data, "HTTP/", 5) == 0)
			last = (struct remote_written){ .said = false };
		read_line(&last, line);
	}
	check(written.said == last.said && written.samples == last.samples && written.histograms == last.histograms,
		"what another head says counts");
	reply.body = text;
	remote_judge(&reply, &sent, flags & VERSION_2 ? &written : NULL, flags & RETRY_429, &v);
	check_verdict(&v, &reply, &sent, flags & VERSION_2 ? &written : NULL, by_status(&reply, flags & RETRY_429));
	return 0;
}
