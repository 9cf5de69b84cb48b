/*
 * The `elasticsearch` exporter: log lines into Elasticsearch or OpenSearch with `_bulk`.
 *
 * Each line is a `create` with an _id made of its place: state id (11 characters), generation (6) and byte offset (8),
 * in 64 characters whose order is ASCII order, so ids ascend as lines do. A line that is sent twice is answered 409 the
 * second time, and that counts as delivered: effectively once, within one index. The answer is read item by item: 2xx
 * and 409 are delivered, 429 and 5xx are tried again alone, any other 4xx is refused for good. The exception is a
 * refusal by the index rather than of the line (it is blocked, closed, missing, not ours): that is waited for. An
 * answer that does not name every item counts as no answer. (Elasticsearch reference, "Bulk API" and "Optimistic
 * concurrency control".)
 *
 * A bulk is read line by line, so an item of several lines could bring actions of its own. batch_add() makes sure that
 * the batch has no such item, and this is asserted where the body is put together.
 *
 * With one fixed index a line is sent as it is, behind an action of fixed size. The line is only looked into, for its
 * @timestamp or another time (proto/log_time.h), for an index with a date in its name, to find the day, and for a data
 * stream or `timestamp`, to add a missing @timestamp or to fill one that is null or empty.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "component.h"
#include "config/option.h"
#include "access/access.h"
#include "exporters/endpoint.h"
#include "exporters/hosts.h"
#include "exporters/post.h"
#include "exporters/template.h"
#include "proto/bulk_answer.h"
#include "proto/bulk_line.h"
#include "proto/index_name.h"
#include "proto/log_time.h"
#include "proto/mapping_conflict.h"

enum {
	ID_STATE = 11,
	ID_GENERATION = 6,
	ID_OFFSET = 8,
	ID_SIZE = ID_STATE + ID_GENERATION + ID_OFFSET,
	ANSWER_MAX = 32 << 20,
	REASON_MAX = 256,
	CAUSE_MAX = 128, /* how much of that is shown of a cause */
	HOUR = 3600,
	DAY = 24 * HOUR,
	TELL_S = 60,
	TEMPLATE_TIMEOUT_S = 10,
	SHARD_WAIT_PERCENT = 60, /* of our own timeout */
};

struct elasticsearch_config {
	const struct option_list *url;
	const char *index, *data_stream;
	uint64_t days;
	bool ids, timestamp, template, gzip;
	struct access_config access;
	struct duration timeout;
};

static const char *const http_schemes[] = { "http", "https", NULL };

static const struct option elasticsearch_options[] = {
	{ OPT_URLS(struct elasticsearch_config, url), .choices = http_schemes, .name = "url", .main = true,
		.required = true, .example = "[http://elasticsearch:9200]",
		.help = "Addresses of Elasticsearch or OpenSearch. They are used in turn; one that fails is left "
			"out for a while." },
	{ OPT_TEXT(struct elasticsearch_config, index), .name = "index", .text = "logs",
		.help = "Index that the lines go to. logs-%{+yyyy.MM.dd} takes the UTC day of the line's time, or, "
			"if it has none, of its arrival." },
	{ OPT_COUNT(struct elasticsearch_config, days), .name = "days", .zero = "off", .text = "30", .max = 36500,
		.help = "With a date in the index: a line whose time is more than so many days old, or more than a day "
			"ahead, goes to today's index, so that an app cannot make an index for every day there is." },
	{ OPT_TEXT(struct elasticsearch_config, data_stream), .name = "data_stream", .example = "logs-app-default",
		.help = "Data stream, instead of an index. A line without @timestamp gets one from its own time, "
			"or, if it has none, from its arrival." },
	{ OPT_BOOL(struct elasticsearch_config, ids), .name = "ids", .text = "true",
		.help = "Whether to give each line an id, so that a line sent twice is stored once." },
	{ OPT_BOOL(struct elasticsearch_config, timestamp), .name = "timestamp", .text = "false",
		.help = "Whether to add @timestamp in an index, too, as for a data stream." },
	{ OPT_BOOL(struct elasticsearch_config, template), .name = "template", .text = "false",
		.help = "Whether to create the index template oxpecker-INDEX at the start, unless it exists." },
	ACCESS_ROWS(struct elasticsearch_config, access),
	{ OPT_BOOL(struct elasticsearch_config, gzip), .name = "gzip", .text = "true",
		.help = "Whether to compress requests." },
	{ OPT_DURATION(struct elasticsearch_config, timeout), .name = "timeout", .text = "30s", .min = 10,
		.help = "Longest time for one bulk, its answer included." },
	{ .name = NULL },
};

static const char action_start[] = "{\"create\":{\"_id\":\"", action_end[] = "\"}}\n";
static const char time_start[] = "\"@timestamp\":";
enum {
	ACTION_SIZE = sizeof action_start - 1 + ID_SIZE + sizeof action_end - 1,
	/* `{"create":{"_index":"…","_id":"…"}}`, line end, `"@timestamp":"…",` */
	VARIED_MAX = ACTION_SIZE + INDEX_NAME_MAX + 12 + sizeof time_start + RFC3339_SIZE + 2,
};

struct exporter {
	struct host *host;
	struct poster *poster;
	struct hosts *hosts;
	struct index_template *template; /* NULL: not configured */
	struct access access;
	const struct json_scan *scan;
	const char *dated; /* pattern of the index; NULL where the URL names it */
	bool ids, stream;
	bool stamps; /* a missing @timestamp is added */
	char state_id[ID_STATE];
	int64_t oldest; /* age in seconds of a line that has the index of its own day; 0: at any age */
	struct mono_time told; /* when it was logged that lines were of other days; 0: never */
	uint64_t *again, *elsewhere, *failure_store, *strayed;
};

/* What belongs to one bulk. While its answer is read, it walks the items that the send wanted, in order. While the body
 * is framed, only the thread that does so may touch it. */
struct bulk {
	struct bulk_answer answer;
	struct send *send;
	struct host *host;
	const struct access *access;
	uint64_t *again, *failure_store;
	size_t next, wanted;
	bool too_many, dated; /* dated: not all lines go to one index */
	size_t chosen; /* which of the hosts it goes to */
	struct wall_time sealed; /* the time for a line that has none: each try goes to the same index */
	uint64_t strayed; /* lines of days that have no index of their own */
	int64_t hour; /* that index[] is of */
	char index[INDEX_NAME_MAX + 1];
	size_t index_size;
};

/* `digits` characters of 6 bits each, highest first. */
static void put_sortable(char *to, uint64_t value, int digits)
{
	static const char alphabet[] = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";

	for (int i = digits; i-- > 0; value >>= 6)
		to[i] = alphabet[value & 63];
}

static void put_id(const struct exporter *e, const struct batch_item *item, char to[ID_SIZE])
{
	memcpy(to, e->state_id, ID_STATE);
	put_sortable(to + ID_STATE, item->generation, ID_GENERATION);
	put_sortable(to + ID_STATE + ID_GENERATION, item->offset, ID_OFFSET);
}

static void put_action(void *exporter, const struct batch_item *item, char *to)
{
	memcpy(to, action_start, sizeof action_start - 1);
	put_id(exporter, item, to + sizeof action_start - 1);
	memcpy(to + sizeof action_start - 1 + ID_SIZE, action_end, sizeof action_end - 1);
}

static char *put_text(char *to, const char *text, size_t size)
{
	memcpy(to, text, size);
	return to + size;
}

/* The name of the index for that moment; most lines of a bulk are of the same hour. */
static void set_index(const struct exporter *e, struct bulk *b, int64_t seconds)
{
	int64_t hour = (seconds >= 0 ? seconds : seconds - HOUR + 1) / HOUR;

	if (b->index_size > 0 && b->hour == hour)
		return;
	b->hour = hour;
	b->index_size = index_pattern_at(e->dated, seconds, b->index);
}

/* Of which moment its index is: its own, unless that is so far from ours that an app could fill the cluster with
 * indices of days. Each try has the same answer. */
static int64_t moment_of_index(const struct exporter *e, struct bulk *b, const struct bulk_line *l)
{
	int64_t now = b->sealed.ns / 1000000000, at = l->when.seconds;

	if (e->oldest == 0 || (at >= now - e->oldest && at <= now + DAY))
		return at;
	b->strayed++;
	return now;
}

static char *put_varied_action(const struct exporter *e, const struct bulk *b, const struct batch_item *item, char *to)
{
	to = put_text(to, "{\"create\":{", 11);
	if (e->dated) {
		to = put_text(to, "\"_index\":\"", 10);
		to = put_text(to, b->index, b->index_size);
		to = put_text(to, "\",", e->ids ? 2 : 1);
	}
	if (e->ids) {
		to = put_text(to, "\"_id\":\"", 7);
		put_id(e, item, to);
		to = put_text(to + ID_SIZE, "\"", 1);
	}
	return put_text(to, "}}\n", 3);
}

/* The time as the value of the line's @timestamp, or with that name behind the opening brace. */
static void put_time(const struct bulk_line *l, struct bytes line, struct frame_splice *ret)
{
	bool absent = l->time == BULK_TIME_ABSENT, empty = true;
	char *to = ret->text;

	ret->at = absent ? bulk_line_opening(line, &empty) : l->blank;
	ret->skip = absent ? 0 : l->blank_size;
	if (absent)
		to = put_text(to, time_start, sizeof time_start - 1);
	to = put_text(to, "\"", 1);
	to += rfc3339_write(l->when.seconds, l->when.nanos, to);
	to = put_text(to, "\",", empty ? 1 : 2);
	ret->size = (size_t)(to - ret->text);
}

/* When the line was written, if it says so in any way; otherwise when its batch was sealed. */
static void tell_time(const struct exporter *e, const struct bulk *b, struct bytes line, struct bulk_line *ret)
{
	int64_t ms = b->sealed.ns / 1000000;

	bulk_line_read(e->scan, line, ret);
	if (!ret->known)
		ret->when = (struct rfc3339){ .seconds = ms / 1000, .nanos = (uint32_t)(ms % 1000) * 1000000 };
}

static size_t put_varied(
	void *exporter, void *bulk, const struct batch_item *item, char *to, struct frame_splice *splice)
{
	const struct exporter *e = exporter;
	struct bulk *b = bulk;
	struct bytes line = { item->data, item->size };
	struct bulk_line l;

	if (e->dated || e->stamps)
		tell_time(e, b, line, &l);
	if (e->dated)
		set_index(e, b, moment_of_index(e, b, &l));
	if (e->stamps && l.time != BULK_TIME_THERE)
		put_time(&l, line, splice);
	return (size_t)(put_varied_action(e, b, item, to) - to);
}

/* The next item that this send is about; its end if there is none. */
static size_t next_wanted(const struct send *send, size_t from)
{
	while (from < send_end(send) && !send_wants(send, from))
		from++;
	return from;
}

/* If the mapping refuses it, the field is named. */
static void tell_conflict(const struct bulk *r, const struct bulk_item_answer *a)
{
	struct mapping_conflict conflict;
	char said[BULK_TEXT_MAX + 1];

	snprintf(said, sizeof said, "%s", a->reason);
	access_hide(r->access, said);
	if (mapping_conflict_parse(bytes_of(a->type), bytes_of(said), &conflict))
		host_mapping_conflict(r->host, &conflict);
}

/* The index refuses, whatever the line: the next line would fare no better, so all wait until somebody has mended it.
 * If each day has an index, it may be that of an old day, which must not hold up the others. */
static bool is_of_index(const struct bulk *r, const struct bulk_item_answer *a)
{
	static const char *const types[] = { "cluster_block_exception", "index_closed_exception",
		"index_not_found_exception", "security_exception" };

	for (size_t i = 0; i < COUNT_OF(types) && !r->dated; i++)
		if (strcmp(a->type, types[i]) == 0)
			return true;
	return false;
}

/* A line that breaks the server each time, as with a pipeline that throws, is found by the sender. */
static enum outcome outcome_of_item(const struct bulk *r, const struct bulk_item_answer *a)
{
	if (a->status < 400 || a->status == 429 || a->status == 503 || is_of_index(r, a))
		return RETRY;
	return a->status >= 500 ? FAILED : REJECTED;
}

/* The words of the server, as one line. There is room for the cause at the bottom, however long the text before it
 * is. */
static void item_reason(const struct bulk *r, const struct bulk_item_answer *a, char to[REASON_MAX])
{
	char cause[CAUSE_MAX] = "";
	size_t size;

	if (*a->cause_type || *a->cause)
		snprintf(cause, sizeof cause, "; caused by %s%s%s", a->cause_type,
			*a->cause_type && *a->cause ? ": " : "", a->cause);
	size = (size_t)snprintf(to, REASON_MAX, "%u %.48s: ", a->status, a->type);
	snprintf(
		to + size, REASON_MAX - size, "%.*s%s", (int)(REASON_MAX - 1 - size - strlen(cause)), a->reason, cause);
	text_one_line(to);
	access_hide(r->access, to);
}

static void refuse_item(struct bulk *r, const struct bulk_item_answer *a)
{
	enum outcome outcome = outcome_of_item(r, a);
	char reason[REASON_MAX];

	item_reason(r, a, reason);
	if (outcome == REJECTED)
		tell_conflict(r, a);
	send_item(r->send, r->next, outcome, reason);
}

static void on_item(void *context, const struct bulk_item_answer *a)
{
	struct bulk *r = context;

	if (r->next >= send_end(r->send)) {
		r->too_many = true;
		return;
	}
	if ((a->status >= 200 && a->status < 300) || a->status == 409) {
		*r->again += a->status == 409;
		*r->failure_store += a->failure_store;
	} else {
		refuse_item(r, a);
	}
	r->next = next_wanted(r->send, r->next + 1);
}

static void *elasticsearch_begin(void *exporter, const struct batch *batch, struct send *send)
{
	struct exporter *e = exporter;
	struct bulk *r = oxp_new(sizeof *r);

	(void)batch;
	r->send = send;
	r->host = e->host;
	r->access = &e->access;
	r->again = e->again;
	r->failure_store = e->failure_store;
	r->dated = e->dated;
	r->next = next_wanted(send, send_first(send));
	r->sealed = send_sealed(send);
	bulk_answer_init(&r->answer, on_item, r);
	return r;
}

static bool elasticsearch_piece(void *reader, struct bytes piece)
{
	struct bulk *r = reader;

	return bulk_answer_feed(&r->answer, piece.data, piece.size) && !r->too_many;
}

/* Whether the server itself says what is wrong, as JSON, and not a proxy before it. */
static bool is_servers(struct bytes body)
{
	static const char error[] = "\"error\"";

	return body.size > 0 && *body.data == '{' && memmem(body.data, body.size, error, sizeof error - 1);
}

/* What an answer for the whole request means. 400 and 413 may be the fault of one line: the halves will tell. An answer
 * from something in front of the server (a firewall's 403, a proxy's 400) may be about a line or, for example, about
 * plain HTTP on a port for TLS: the sender finds out. */
static enum outcome whole_outcome(const struct http_reply *reply)
{
	if (reply->end == HTTP_END_CONNECT || reply->end == HTTP_END_NO_ROOM)
		return RETRY;
	if (reply->end == HTTP_END_TOO_LARGE || reply->end == HTTP_END_STOPPED)
		return FAILED;
	if (reply->end == HTTP_END_CODING && reply->status / 100 == 2)
		return RETRY; /* no item can be to blame for how the answer is packed */
	if (reply->end != HTTP_END_ANSWER && reply->end != HTTP_END_CODING)
		return UNANSWERED;
	if (reply->status == 502 || reply->status == 504)
		return UNANSWERED;
	if (reply->status == 413 || (reply->status == 400 && is_servers(reply->body)))
		return SPLIT;
	if (reply->status == 429 || reply->status == 503 || reply->status == 401)
		return RETRY;
	return reply->status == 403 && is_servers(reply->body) ? RETRY : FAILED; /* it knows our credentials */
}

static const char *elasticsearch_target(void *exporter, void *reader)
{
	struct exporter *e = exporter;
	struct bulk *r = reader;

	r->chosen = hosts_pick(e->hosts, loop_now(host_loop(e->host)));
	return hosts_url(e->hosts, r->chosen);
}

/* Whether the fault is this host's: a node that is gone, or one without its cluster. */
static bool host_is_out(const struct http_reply *reply)
{
	if (reply->end == HTTP_END_ANSWER)
		return reply->status >= 502 && reply->status <= 504;
	return reply->end != HTTP_END_TOO_LARGE && reply->end != HTTP_END_STOPPED && reply->end != HTTP_END_NO_ROOM;
}

static void note_host(struct exporter *e, const struct bulk *r, const struct http_reply *reply, const char *reason)
{
	if (!host_is_out(reply)) {
		hosts_answered(e->hosts, r->chosen);
		return;
	}
	if (!hosts_failed(e->hosts, r->chosen, loop_now(host_loop(e->host)), reason))
		return;
	++*e->elsewhere;
	send_elsewhere(r->send);
}

static void tell_strayed(struct exporter *e, uint64_t lines)
{
	struct mono_time now = loop_now(host_loop(e->host));

	*e->strayed += lines;
	if (lines == 0 || (e->told.ns && mono_since(now, e->told).ns < DURATION_S(TELL_S).ns))
		return;
	e->told = now;
	host_log(e->host, LOG_LEVEL_WARN,
		"%llu lines of other days went to today's index: their time is more than %lld days old, or more than a "
		"day "
		"ahead; `days` sets how old",
		(unsigned long long)lines, (long long)(e->oldest / DAY));
}

static void elasticsearch_ended(void *exporter, struct send *send, void *reader, const struct http_reply *reply)
{
	struct exporter *e = exporter;
	struct bulk *r = reader;
	char reason[REASON_MAX] = "";

	access_answered(&e->access, reply->status);
	if (reply->retry_after_ms >= 0)
		send_not_before(send, (uint64_t)reply->retry_after_ms);
	if (reply->end == HTTP_END_ANSWER && reply->status / 100 == 2) {
		bool all = bulk_answer_end(&r->answer) && r->next >= send_end(send);
		note_host(e, r, reply, reason);
		tell_strayed(e, r->strayed);
		send_done(send, all ? DELIVERED : FAILED, "the answer to the bulk does not name every item");
		return;
	}
	if (reply->end == HTTP_END_STOPPED)
		snprintf(reason, sizeof reason, "the answer is not that of a bulk");
	else
		post_reason(reply, reason, sizeof reason);
	access_hide(&e->access, reason);
	note_host(e, r, reply, reason);
	send_done(send, whole_outcome(reply), reason);
}

static void release(void *exporter, const struct batch *batch, struct send *send)
{
	poster_send(((struct exporter *)exporter)->poster, batch, send);
}

static void elasticsearch_send(struct exporter *e, const struct batch *batch, struct send *send)
{
	if (!e->template || !template_hold(e->template, batch, send))
		poster_send(e->poster, batch, send);
}

/* A host that gave no answer in time is left out for a while, as one that was asked to the end. */
static void elasticsearch_cancel(struct exporter *e, struct send *send)
{
	const struct bulk *r;

	if (e->template && template_let_go(e->template, send)) {
		send_done(send, RETRY, "no answer to the index template in time");
		return;
	}
	r = poster_asking(send);
	if (r)
		(void)hosts_failed(e->hosts, r->chosen, loop_now(host_loop(e->host)), "no answer in time");
	poster_cancel(e->poster, send);
}

static void elasticsearch_report(const struct exporter *e, struct json_writer *w)
{
	hosts_report(e->hosts, loop_now(host_loop(e->host)), w);
}

static void elasticsearch_destroy(struct exporter *e)
{
	if (!e)
		return;
	template_free(e->template);
	poster_free(e->poster);
	hosts_free(e->hosts);
	access_done(&e->access);
	free(e);
}

static const char *urls_wrong(const struct option_list *urls)
{
	if (urls->count == 0 || urls->count > HOSTS_MAX)
		return "is to be one URL or up to 64";
	for (size_t i = 0; i < urls->count; i++)
		if (strpbrk(urls->items[i], "?#"))
			return "has a ? or # in it, where a path is added";
		else if (endpoint_ends_with(urls->items[i], "/_bulk"))
			return "ends with /_bulk, which is added, as is the index";
	return NULL;
}

static const char *data_stream_wrong(const struct elasticsearch_config *c)
{
	if (strcmp(c->index, "logs") != 0)
		return "is given beside index: give one of them";
	if (strpbrk(c->data_stream, "%{}"))
		return "has a % or a brace in it; a data stream rolls over by itself and has no date in its name";
	return index_name_wrong(c->data_stream);
}

static bool elasticsearch_check(const void *config, char *why, size_t room)
{
	const struct elasticsearch_config *c = config;
	const char *option = "url", *value = "", *wrong = urls_wrong(c->url);

	if (!wrong && c->data_stream) {
		option = "data_stream";
		value = c->data_stream;
		wrong = data_stream_wrong(c);
	} else if (!wrong) {
		option = "index";
		value = c->index;
		wrong = index_pattern_wrong(value);
	}
	if (!wrong)
		return access_check(&c->access, why, room);
	snprintf(why, room, "%s: %s%s%s%s", option, *value ? "\"" : "", value, *value ? "\" " : "", wrong);
	return false;
}

/* The path of bulks, behind the address of a host. A server waits a minute for a shard of the index before it says that
 * there is none, unless it is told how long. It is to say so while we still listen: silence is blamed on the lines. */
static int new_hosts(struct exporter *e, const struct elasticsearch_config *c)
{
	const char *name = e->dated ? NULL : c->data_stream ? c->data_stream : c->index;
	long long wait_ms = c->timeout.ns / 1000000 * SHARD_WAIT_PERCENT / 100;
	char *path;
	int failed;

	if (asprintf(&path, "%s%s/_bulk?filter_path=items.*.status,items.*.error,items.*.failure_store&timeout=%lldms",
		    name ? "/" : "", name ? name : "", wait_ms) < 0)
		return -ENOMEM;
	failed = hosts_new(c->url, path, host_random(e->host), &e->hosts);
	free(path);
	return failed;
}

static int new_poster(struct exporter *e, const struct elasticsearch_config *c)
{
	bool fixed = e->ids && !e->stamps && !e->dated;

	return poster_new(
		&(struct poster_options){
			.host = e->host,
			.target = elasticsearch_target,
			.access = &e->access,
			.content_type = "application/x-ndjson",
			.gzip = c->gzip,
			.timeout = c->timeout,
			.answer_max = ANSWER_MAX,
			.form = { .prefix_size = fixed ? ACTION_SIZE : VARIED_MAX,
				.prefix = fixed ? put_action : NULL,
				.varied = fixed ? NULL : put_varied,
				.suffix = "\n",
				.lines = true,
				.exporter = e },
			.begin = elasticsearch_begin,
			.piece = elasticsearch_piece,
			.ended = elasticsearch_ended,
			.discard = free,
			.exporter = e,
		},
		&e->poster);
}

static int new_template(struct exporter *e, const struct elasticsearch_config *c)
{
	struct duration longest = DURATION_S(TEMPLATE_TIMEOUT_S);

	return template_new(
		&(struct template_options){
			.host = e->host,
			.hosts = e->hosts,
			.access = &e->access,
			.timeout = c->timeout.ns < longest.ns ? c->timeout : longest,
			.pattern = e->stream ? c->data_stream : c->index,
			.stream = e->stream,
			.release = release,
			.exporter = e,
		},
		&e->template);
}

static int elasticsearch_create(const void *config, struct host *host, struct exporter **ret)
{
	const struct elasticsearch_config *c = config;
	struct exporter *e = oxp_new(sizeof *e);
	int failed;

	e->host = host;
	e->scan = json_scan_best();
	e->ids = c->ids;
	e->stream = c->data_stream;
	e->stamps = e->stream || c->timestamp;
	e->dated = !e->stream && index_pattern_dated(c->index) ? c->index : NULL;
	put_sortable(e->state_id, host_state_id(host), ID_STATE);
	e->again = host_counter(host, "already_there_total", "Lines the destination already had (answered 409).");
	e->oldest = e->dated ? (int64_t)c->days * DAY : 0;
	e->strayed = host_counter(host, "other_days_total",
		"Lines whose time is further away than `days`, sent to the index of the day on which they were read.");
	e->failure_store = host_counter(host, "failure_store_total",
		"Lines a data stream put into its failure store because they do not fit its mapping.");
	e->elsewhere = host_counter(host, "failovers_total", "Bulks sent to another host because one failed.");
	failed = access_init(&e->access, &c->access, host);
	for (size_t i = 0; !failed && i < c->url->count; i++)
		failed = access_add_url(&e->access, c->url->items[i]);
	if (!failed)
		failed = new_hosts(e, c);
	if (!failed)
		failed = new_poster(e, c);
	if (!failed && c->template)
		failed = new_template(e, c);
	if (failed) {
		elasticsearch_destroy(e);
		return failed;
	}
	*ret = e;
	return 0;
}

const struct exporter_type exporter_elasticsearch = {
	.name = "elasticsearch",
	.summary = "Ships log lines to Elasticsearch or OpenSearch with _bulk, each line effectively once.",
	.signals = SIGNAL_LOGS,
	.options = elasticsearch_options,
	.config_size = sizeof(struct elasticsearch_config),
	.has_peer = true,
	.empty_sends = true,
	.check = elasticsearch_check,
	.create = elasticsearch_create,
	.send = elasticsearch_send,
	.cancel = elasticsearch_cancel,
	.report = elasticsearch_report,
	.destroy = elasticsearch_destroy,
};
