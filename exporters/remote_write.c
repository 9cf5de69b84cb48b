/*
 * The `remote_write` exporter: samples to Prometheus, or any other receiver of Prometheus remote write 1.0 or 2.0.
 *
 * An item is a request (proto/samples_item.h). Its message is made and packed in the CPU lane (proto/remote_write.h).
 * Requests go out one at a time and in their order, since a receiver refuses samples that are older than the last of
 * their series. What an answer means is told by remote_write_answer.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "access/access.h"
#include "component.h"
#include "config/option.h"
#include "exporters/post.h"
#include "exporters/remote_write_answer.h"
#include "proto/exposition_parse.h"
#include "proto/remote_write.h"
#include "proto/snappy.h"

enum {
	ANSWER_MAX = 64 << 10,
	EXTERNAL_BYTES_MAX = 2 << 10, /* of the external labels */
	BUILD_ROOM = 64 << 20, /* that a request may take, unpacked: each of 20,000 samples has the external labels */
};

struct remote_config {
	const char *url;
	unsigned version;
	const struct option_map *external_labels;
	bool retry_429;
	struct access_config access;
	struct duration timeout;
};

static const char *const versions[] = { "1.0", "2.0", NULL };
static const char *const schemes[] = { "http", "https", NULL };

static const struct option remote_options[] = {
	{ OPT_URL(struct remote_config, url), .choices = schemes, .name = "url", .main = true, .required = true,
		.example = "http://prometheus:9090/api/v1/write",
		.help = "Address of the receiver, with its path. Prometheus has to be started with "
			"--web.enable-remote-write-receiver." },
	{ OPT_CHOICE(struct remote_config, version, versions), .name = "version", .text = "1.0",
		.help = "Version of the protocol. Prometheus takes 2.0 from version 3 on; with 2.0 each series has its "
			"type, help and time of creation, and requests are smaller." },
	{ OPT_MAP(struct remote_config, external_labels), .name = "external_labels", .example = "{ cluster: eu-1 }",
		.help = "Labels that each series gets, unless it has one of the name." },
	{ OPT_BOOL(struct remote_config, retry_429), .name = "retry_429", .text = "true",
		.help = "Whether a request that is answered 429 is sent again; if not, its samples are dropped." },
	ACCESS_ROWS(struct remote_config, access),
	ACCESS_HEADERS_ROW(struct remote_config, access),
	{ OPT_DURATION(struct remote_config, timeout), .name = "timeout", .text = "30s", .min = 10,
		.help = "Longest time for one request, its answer included." },
	{ .name = NULL },
};

struct exporter {
	struct host *host;
	struct poster *poster;
	struct remote_write how;
	struct snappy snappy;
	struct remote_write_label external[REMOTE_WRITE_EXTERNAL_MAX];
	struct access access;
	bool retry_429;
	uint64_t *partial;
};

/* What belongs to one request. The counts are the lane's while it is made. */
struct ask {
	struct remote_write_counts counts;
	struct remote_written written;
	bool unreadable;
};

static void *remote_begin(void *exporter, const struct batch *batch, struct send *send)
{
	(void)exporter, (void)batch, (void)send;
	return oxp_new(sizeof(struct ask));
}

static void remote_line(void *reader, struct bytes line)
{
	remote_written_line(&((struct ask *)reader)->written, line);
}

/* In the CPU lane. What cannot be read is not sent for ever. */
static int remote_build(
	void *exporter, void *reader, const struct post_items *items, struct buffer *to, size_t *ret_start)
{
	const struct exporter *e = exporter;
	const struct batch_item *item = post_items_at(items, 0);
	struct ask *ask = reader;
	struct buffer plain;
	int failed;

	OXP_ASSERT(items->count == 1);
	*ret_start = to->size;
	buffer_init(&plain, BUILD_ROOM);
	failed = remote_write_build(&e->how, (struct bytes){ item->data, item->size }, &plain, &ask->counts);
	ask->unreadable = failed == -EBADMSG;
	if (!failed || ask->unreadable)
		failed = snappy_pack(&e->snappy, buffer_bytes(&plain), to);
	buffer_done(&plain);
	return failed;
}

/* Taken: all of it, or all but some samples. */
static void note_partial(struct exporter *e, struct send *send, const struct remote_verdict *v)
{
	if (v->refused == 0)
		return;
	++*e->partial;
	send_partial(send, v->refused, v->reason);
	if (*e->partial == 1)
		host_log(e->host, LOG_LEVEL_WARN, "the destination refused %llu samples of a request: %s",
			(unsigned long long)v->refused, v->reason);
}

static void remote_ended(void *exporter, struct send *send, void *reader, const struct http_reply *reply)
{
	struct exporter *e = exporter;
	const struct ask *ask = reader;
	bool says = e->how.version == REMOTE_WRITE_2;
	struct remote_verdict v;

	remote_judge(reply, &ask->counts, says ? &ask->written : NULL, e->retry_429, &v);
	if (ask->unreadable && v.outcome == DELIVERED) {
		v.outcome = REJECTED;
		snprintf(v.reason, sizeof v.reason, "samples that were kept on disk cannot be read any more");
	}
	access_answered(&e->access, v.refusal);
	access_hide(&e->access, v.reason);
	if (v.not_before_ms >= 0)
		send_not_before(send, (uint64_t)v.not_before_ms);
	if (v.outcome == DELIVERED)
		note_partial(e, send, &v);
	send_done(send, v.outcome, v.outcome == DELIVERED ? "" : v.reason);
}

static void remote_send(struct exporter *e, const struct batch *batch, struct send *send)
{
	poster_send(e->poster, batch, send);
}

static void remote_cancel(struct exporter *e, struct send *send)
{
	poster_cancel(e->poster, send);
}

static void remote_destroy(struct exporter *e)
{
	if (!e)
		return;
	poster_free(e->poster);
	access_done(&e->access);
	free(e);
}

/* The options. */

static const char *label_wrong(const struct option_pair *pair)
{
	if (!exposition_name_valid(bytes_of(pair->key), true))
		return "is not the name of a label: letters, digits and underscores are, beginning with no digit";
	if (strcmp(pair->key, "__name__") == 0)
		return "is the name of the metric, which stays as it is";
	return NULL;
}

static bool labels_check(const struct option_map *labels, char *why, size_t room)
{
	size_t bytes = 0;

	for (size_t i = 0; i < labels->count; i++) {
		const char *wrong = label_wrong(&labels->pairs[i]);
		bytes += strlen(labels->pairs[i].key) + strlen(labels->pairs[i].value);
		if (wrong) {
			snprintf(why, room, "external_labels: \"%.60s\" %s", labels->pairs[i].key, wrong);
			return false;
		}
	}
	if (labels->count <= REMOTE_WRITE_EXTERNAL_MAX && bytes <= EXTERNAL_BYTES_MAX)
		return true;
	snprintf(why, room, "external_labels: expected up to %d labels with %d bytes in all", REMOTE_WRITE_EXTERNAL_MAX,
		EXTERNAL_BYTES_MAX);
	return false;
}

/* Host and port end at the first slash behind "://". */
static const char *path_of(const char *url)
{
	const char *host = strstr(url, "://");

	host = host ? host + 3 : url;
	return host + strcspn(host, "/?#");
}

static const char *url_wrong(const char *url)
{
	const char *path = path_of(url);

	if (*path != '/')
		return "has no path; expected that of the receiver, which is /api/v1/write for Prometheus and "
		       "/api/v1/push for Mimir";
	if (strcmp(path, "/v1/metrics") == 0 || strcmp(path, "/api/v1/otlp/v1/metrics") == 0)
		return "is where OTLP goes: use metrics.export.otlp, or the path of remote write, such as "
		       "/api/v1/write";
	if (strcmp(path, "/metrics") == 0)
		return "is a page to be scraped; expected the path of remote write, such as /api/v1/write";
	if (strchr(path, '#'))
		return "has a # in it, which is never sent";
	return NULL;
}

static bool remote_check(const void *config, char *why, size_t room)
{
	const struct remote_config *c = config;
	const char *wrong = url_wrong(c->url);

	if (wrong) {
		snprintf(why, room, "url: the address %s", wrong);
		return false;
	}
	return labels_check(c->external_labels, why, room) && access_check(&c->access, why, room);
}

static bool remote_any_names(const void *config)
{
	return ((const struct remote_config *)config)->version == REMOTE_WRITE_2;
}

/* One item goes out at a time. */
static size_t remote_send_max(const void *config)
{
	(void)config;
	return 1;
}

static int compare(const void *a, const void *b)
{
	return bytes_compare(
		((const struct remote_write_label *)a)->name, ((const struct remote_write_label *)b)->name);
}

static void set_external(struct exporter *e, const struct option_map *labels)
{
	for (size_t i = 0; i < labels->count; i++) {
		const struct option_pair *pair = &labels->pairs[i];
		if (*pair->value)
			e->external[e->how.external_count++] =
				(struct remote_write_label){ bytes_of(pair->key), bytes_of(pair->value) };
	}
	qsort(e->external, e->how.external_count, sizeof e->external[0], compare);
	e->how.external = e->external;
}

static const char *const headers_1[] = { "Content-Encoding: snappy", "X-Prometheus-Remote-Write-Version: 0.1.0", NULL };
static const char *const headers_2[] = { "Content-Encoding: snappy", "X-Prometheus-Remote-Write-Version: 2.0.0", NULL };

static int new_poster(struct exporter *e, const struct remote_config *c)
{
	bool is_2 = c->version == REMOTE_WRITE_2;

	return poster_new(&(struct poster_options){ .host = e->host,
				  .url = c->url,
				  .access = &e->access,
				  .content_type = is_2 ? "application/x-protobuf;proto=io.prometheus.write.v2.Request"
						       : "application/x-protobuf",
				  .headers = is_2 ? headers_2 : headers_1,
				  .timeout = c->timeout,
				  .answer_max = ANSWER_MAX,
				  .build = remote_build,
				  .build_room = BUILD_ROOM,
				  .begin = remote_begin,
				  .line = is_2 ? remote_line : NULL,
				  .ended = remote_ended,
				  .discard = free,
				  .exporter = e },
		&e->poster);
}

static int load_snappy(struct exporter *e)
{
	char why[256];
	int failed = snappy_load(&e->snappy, why, sizeof why);

	if (failed)
		host_log(e->host, LOG_LEVEL_ERROR,
			"remote write needs snappy, Debian's package libsnappy1v5, which cannot be loaded: %s", why);
	return failed;
}

static int remote_create(const void *config, struct host *host, struct exporter **ret)
{
	const struct remote_config *c = config;
	struct exporter *e = oxp_new(sizeof *e);
	int failed;

	e->host = host;
	e->retry_429 = c->retry_429;
	e->how.version = (enum remote_write_version)c->version;
	e->partial = host_counter(
		host, "partial_successes_total", "Answers that accepted a request but refused part of it.");
	set_external(e, c->external_labels);
	failed = access_init(&e->access, &c->access, host);
	if (!failed)
		failed = load_snappy(e);
	if (!failed)
		failed = access_add_url(&e->access, c->url);
	if (!failed)
		failed = new_poster(e, c);
	if (failed) {
		remote_destroy(e);
		return failed;
	}
	*ret = e;
	return 0;
}

const struct exporter_type exporter_remote_write = {
	.name = "remote_write",
	.summary = "Sends samples to Prometheus or any other receiver of its remote write, 1.0 or 2.0.",
	.signals = SIGNAL_METRICS,
	.options = remote_options,
	.config_size = sizeof(struct remote_config),
	.in_order = true,
	.tells_ends = true,
	.check = remote_check,
	.send_max = remote_send_max,
	.any_names = remote_any_names,
	.create = remote_create,
	.send = remote_send,
	.cancel = remote_cancel,
	.destroy = remote_destroy,
};
