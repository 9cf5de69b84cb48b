/*
 * The `elasticsearch` exporter: log lines into Elasticsearch or OpenSearch with `_bulk`.
 *
 * Each line is a `create` with an _id made of where it came from: state id (11 characters), generation (6), byte offset
 * (8), in 64 characters whose order is ASCII order, so that ids ascend as lines do. A line sent twice is answered
 * 409 the second time, and that counts as delivered: effectively once. The answer is read item by item: 2xx and 409
 * delivered,
 * 429 and 5xx tried again alone, any other 4xx refused for good. An answer that does not name every item is no answer.
 * (Elasticsearch reference, "Bulk API" and "Optimistic concurrency control".)
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "component.h"
#include "config/option.h"
#include "exporters/post.h"
#include "proto/bulk_answer.h"
#include "proto/mapping_conflict.h"

enum {
	ID_STATE = 11,
	ID_GENERATION = 6,
	ID_OFFSET = 8,
	ID_SIZE = ID_STATE + ID_GENERATION + ID_OFFSET,
	INDEX_MAX = 255,
	ANSWER_MAX = 32 << 20,
	REASON_MAX = 256,
};

struct elasticsearch_config {
	const char *url;
	const char *index;
	const char *user, *password, *api_key;
	bool gzip;
	struct duration timeout;
};

static const char *const http_schemes[] = { "http", "https", NULL };

static const struct option elasticsearch_options[] = {
	{ OPT_URL(struct elasticsearch_config, url), .choices = http_schemes, .name = "url", .main = true,
		.required = true,
		.help = "Address of Elasticsearch or OpenSearch, such as http://elasticsearch:9200." },
	{ OPT_TEXT(struct elasticsearch_config, index), .name = "index", .text = "logs",
		.help = "Index that the lines go to." },
	{ OPT_TEXT(struct elasticsearch_config, user), .name = "user", .help = "User name for basic authentication." },
	{ OPT_TEXT(struct elasticsearch_config, password), .name = "password", .secret = true,
		.help = "Password for basic authentication." },
	{ OPT_TEXT(struct elasticsearch_config, api_key), .name = "api_key", .secret = true,
		.help = "API key in its encoded form, sent as Authorization: ApiKey." },
	{ OPT_BOOL(struct elasticsearch_config, gzip), .name = "gzip", .text = "true",
		.help = "Compress what is sent." },
	{ OPT_DURATION(struct elasticsearch_config, timeout), .name = "timeout", .text = "30s",
		.help = "How long one bulk may take, answer included." },
	{ .name = NULL },
};

static const char action_start[] = "{\"create\":{\"_id\":\"", action_end[] = "\"}}\n";
enum { ACTION_SIZE = sizeof action_start - 1 + ID_SIZE + sizeof action_end - 1 };

struct exporter {
	struct host *host;
	struct poster *poster;
	char state_id[ID_STATE];
	char *url, *authorization, *user_password;
	uint64_t *again;
};

/* What reads one bulk's answer: it walks the items that the send wanted, in order. */
struct bulk_reader {
	struct bulk_answer answer;
	struct send *send;
	struct host *host;
	uint64_t *again;
	size_t next, wanted;
	bool too_many;
};

/* `digits` characters of 6 bits each, highest first. */
static void put_sortable(char *to, uint64_t value, int digits)
{
	static const char alphabet[] = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";

	for (int i = digits; i-- > 0; value >>= 6)
		to[i] = alphabet[value & 63];
}

static void put_action(void *exporter, const struct batch_item *item, char *to)
{
	const struct exporter *e = exporter;

	memcpy(to, action_start, sizeof action_start - 1);
	to += sizeof action_start - 1;
	memcpy(to, e->state_id, ID_STATE);
	put_sortable(to + ID_STATE, item->generation, ID_GENERATION);
	put_sortable(to + ID_STATE + ID_GENERATION, item->offset, ID_OFFSET);
	memcpy(to + ID_SIZE, action_end, sizeof action_end - 1);
}

/* The next item that this send is about; its end when there is none. */
static size_t next_wanted(const struct send *send, size_t from)
{
	while (from < send_end(send) && !send_wants(send, from))
		from++;
	return from;
}

/* A refusal that is the mapping's is named by its field. */
static void tell_conflict(const struct bulk_reader *r, const struct bulk_item_answer *a)
{
	struct mapping_conflict conflict;

	if (mapping_conflict_parse(bytes_of(a->type), bytes_of(a->reason), &conflict))
		host_mapping_conflict(r->host, &conflict);
}

static void on_item(void *context, const struct bulk_item_answer *a)
{
	struct bulk_reader *r = context;
	char reason[REASON_MAX];

	if (r->next >= send_end(r->send)) {
		r->too_many = true;
		return;
	}
	if ((a->status >= 200 && a->status < 300) || a->status == 409) {
		if (a->status == 409)
			(*r->again)++;
	} else {
		bool later = a->status == 429 || a->status >= 500 || a->status < 400;
		snprintf(reason, sizeof reason, "%u %s: %s", a->status, a->type, a->reason);
		if (!later)
			tell_conflict(r, a);
		send_item(r->send, r->next, later ? RETRY : REJECTED, reason);
	}
	r->next = next_wanted(r->send, r->next + 1);
}

static void *elasticsearch_begin(void *exporter, struct send *send)
{
	struct exporter *e = exporter;
	struct bulk_reader *r = oxp_new(sizeof *r);

	r->send = send;
	r->host = e->host;
	r->again = e->again;
	r->next = next_wanted(send, send_first(send));
	bulk_answer_init(&r->answer, on_item, r);
	return r;
}

static bool elasticsearch_piece(void *reader, struct bytes piece)
{
	struct bulk_reader *r = reader;

	return bulk_answer_feed(&r->answer, piece.data, piece.size) && !r->too_many;
}

/* What an answer for the whole request means. 400 and 413 may be the fault of one line: the halves will tell. */
static enum outcome whole_outcome(const struct http_reply *reply)
{
	if (reply->end == HTTP_END_ANSWER && (reply->status == 400 || reply->status == 413))
		return SPLIT;
	return RETRY;
}

static void elasticsearch_ended(void *exporter, struct send *send, void *reader, const struct http_reply *reply)
{
	struct bulk_reader *r = reader;
	char reason[REASON_MAX];
	int shown = (int)(reply->body.size < 160 ? reply->body.size : 160);

	(void)exporter;
	if (reply->retry_after_ms >= 0)
		send_not_before(send, (uint64_t)reply->retry_after_ms);
	if (reply->end == HTTP_END_ANSWER && reply->status / 100 == 2) {
		bool all = bulk_answer_end(&r->answer) && r->next >= send_end(send);
		send_done(send, all ? DELIVERED : RETRY, "the answer to the bulk does not name every item");
		return;
	}
	if (reply->end == HTTP_END_STOPPED)
		snprintf(reason, sizeof reason, "the answer is not that of a bulk");
	else if (shown > 0)
		snprintf(reason, sizeof reason, "HTTP %u: %.*s", reply->status, shown, reply->body.data);
	else
		post_reason(reply, reason, sizeof reason);
	send_done(send, whole_outcome(reply), reason);
}

static void elasticsearch_send(struct exporter *e, const struct batch *batch, struct send *send)
{
	poster_send(e->poster, batch, send);
}

static void elasticsearch_cancel(struct exporter *e, struct send *send)
{
	poster_cancel(e->poster, send);
}

static void elasticsearch_destroy(struct exporter *e)
{
	if (!e)
		return;
	poster_free(e->poster);
	free(e->url);
	free(e->authorization);
	free(e->user_password);
	free(e);
}

/* Index names are lower case and free of what a path or a URL would read otherwise ("Create index API", path
 * parameters). */
static bool index_fits(const char *index)
{
	static const char refused[] = "\\/*?\"<>| ,#:%&ABCDEFGHIJKLMNOPQRSTUVWXYZ";

	return *index && strlen(index) <= INDEX_MAX && !strpbrk(index, refused) && !strchr("-_+.", *index);
}

static char *bulk_url(const struct elasticsearch_config *c)
{
	size_t n = strlen(c->url);
	char *url;

	while (n > 0 && c->url[n - 1] == '/')
		n--;
	if (asprintf(&url, "%.*s/%s/_bulk?filter_path=items.*.status,items.*.error.type,items.*.error.reason", (int)n,
		    c->url, c->index) < 0)
		return NULL;
	return url;
}

static int set_credentials(struct exporter *e, const struct elasticsearch_config *c)
{
	if (c->api_key && asprintf(&e->authorization, "Authorization: ApiKey %s", c->api_key) < 0)
		return -ENOMEM;
	if (c->user && asprintf(&e->user_password, "%s:%s", c->user, c->password ? c->password : "") < 0)
		return -ENOMEM;
	return 0;
}

static int new_poster(struct exporter *e, const struct elasticsearch_config *c)
{
	return poster_new(
		&(struct poster_options){
			.host = e->host,
			.url = e->url,
			.content_type = "application/x-ndjson",
			.headers = { e->authorization },
			.user_password = e->user_password,
			.gzip = c->gzip,
			.timeout = c->timeout,
			.answer_max = ANSWER_MAX,
			.prefix_size = ACTION_SIZE,
			.prefix = put_action,
			.suffix = "\n",
			.begin = elasticsearch_begin,
			.piece = elasticsearch_piece,
			.ended = elasticsearch_ended,
			.discard = free,
			.exporter = e,
		},
		&e->poster);
}

static int elasticsearch_create(const void *config, struct host *host, struct exporter **ret)
{
	const struct elasticsearch_config *c = config;
	struct exporter *e;
	int failed;

	if (!index_fits(c->index)) {
		host_log(host, LOG_LEVEL_ERROR,
			"index: \"%s\" is no index name: lower case, not one of \\/*?\"<>| ,#: and not "
			"beginning with - _ + or .",
			c->index);
		return -EINVAL;
	}
	e = oxp_new(sizeof *e);
	e->host = host;
	put_sortable(e->state_id, host_state_id(host), ID_STATE);
	e->again = host_counter(host, "already_there_total", "Lines the destination answered it has already (409).");
	e->url = bulk_url(c);
	failed = e->url ? set_credentials(e, c) : -ENOMEM;
	if (!failed)
		failed = new_poster(e, c);
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
	.create = elasticsearch_create,
	.send = elasticsearch_send,
	.cancel = elasticsearch_cancel,
	.destroy = elasticsearch_destroy,
};
