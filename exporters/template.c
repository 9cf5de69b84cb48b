#include "exporters/template.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/json_writer.h"
#include "base/text.h"
#include "exporters/post.h"
#include "proto/index_name.h"

enum { BODY_MAX = 4096, ANSWER_MAX = 64 << 10, SHOWN_MAX = 240, AGAIN_FIRST_S = 60, AGAIN_LAST_S = 3600 };

enum template_state {
	TEMPLATE_OPEN, /* neither accepted nor refused yet */
	TEMPLATE_THERE,
	TEMPLATE_REFUSED, /* the timer `again` is set, or a try is under way */
};

struct waiting {
	TAILQ_ENTRY(waiting) entry;
	const struct batch *batch;
	struct send *send;
};

struct index_template {
	struct template_options o;
	enum template_state state;
	struct http_call *call; /* the try under way */
	size_t chosen; /* which of the hosts it asks */
	char *path;
	struct buffer body;
	size_t sent;
	struct loop_timer again;
	unsigned refusals;
	bool complained;
	TAILQ_HEAD(, waiting) waiting;
};

int template_body(const char *pattern, bool stream, struct buffer *to)
{
	static const char rest[] =
		"\"priority\":200,\"_meta\":{\"description\":\"put by oxpecker\"},"
		"\"template\":{\"mappings\":{\"date_detection\":false,\"dynamic_templates\":["
		"{\"texts\":{\"match_mapping_type\":\"string\",\"match_pattern\":\"regex\","
		"\"match\":\"^(message|stack_trace)$\",\"mapping\":{\"type\":\"text\"}}},"
		"{\"words\":{\"match_mapping_type\":\"string\","
		"\"mapping\":{\"type\":\"keyword\",\"ignore_above\":1024}}}],"
		"\"properties\":{\"@timestamp\":{\"type\":\"date\"},\"message\":{\"type\":\"text\"}}}}";
	char any[INDEX_NAME_MAX + 1];
	struct json_writer w;

	index_pattern_any(pattern, any);
	json_writer_init(&w, to);
	json_put_object(&w, NULL);
	json_put_array(&w, "index_patterns");
	json_put_string(&w, NULL, any);
	json_put_end(&w);
	if (stream)
		json_put_members(&w, bytes_of("\"data_stream\":{}"));
	json_put_members(&w, bytes_of(rest));
	json_put_end(&w);
	return json_writer_done(&w);
}

/* oxpecker-PATTERN, without the characters that a name of a template may not have. */
static char *path_of(const char *pattern)
{
	char name[INDEX_NAME_MAX + 1], *to = name, *path;

	for (; *pattern && to < name + INDEX_NAME_MAX; pattern++)
		if (!strchr("%{+}", *pattern))
			*to++ = (char)tolower((unsigned char)*pattern);
	*to = '\0';
	return asprintf(&path, "/_index_template/oxpecker-%s?create=true", name) < 0 ? NULL : path;
}

static size_t on_read(void *context, char *to, size_t room)
{
	struct index_template *t = context;
	size_t n = t->body.size - t->sent;

	if (n > room)
		n = room;
	memcpy(to, t->body.data + t->sent, n);
	t->sent += n;
	return n;
}

static void on_rewind(void *context)
{
	((struct index_template *)context)->sent = 0;
}

static bool says(const struct http_reply *reply, const char *words)
{
	return reply->body.size > 0 && memmem(reply->body.data, reply->body.size, words, strlen(words));
}

/* "Create or update index template API": `{"acknowledged":true}`. A page with a 200 comes from something else. */
static bool says_there(const struct http_reply *reply)
{
	if (reply->status / 100 == 2)
		return says(reply, "\"acknowledged\"") && says(reply, "true") && *reply->body.data == '{';
	return reply->status == 400 && says(reply, "already exists");
}

/* Whether the server itself has refused. Something that redirects, or answers 2xx with something else, is not the
 * server. Bulks fare no better there, and the first one that gets through comes after the template. */
static bool is_refusal(const struct http_reply *reply)
{
	return reply->end == HTTP_END_ANSWER && reply->status >= 400 && reply->status < 500 && reply->status != 429;
}

static void complain(struct index_template *t, const struct http_reply *reply)
{
	char said[SHOWN_MAX + 1];

	post_reason(reply, said, sizeof said);
	access_hide(t->o.access, said);
	if (!t->complained)
		host_log(t->o.host, LOG_LEVEL_WARN, "the index template is not there yet: %s; asking again, logs go on",
			said);
	t->complained = true;
}

static void note_refusal(struct index_template *t)
{
	int64_t wait = AGAIN_FIRST_S;

	for (unsigned i = 0; i < t->refusals && wait < AGAIN_LAST_S; i++)
		wait *= 2;
	t->refusals++;
	t->state = TEMPLATE_REFUSED;
	loop_timer_set(&t->again, DURATION_S(wait < AGAIN_LAST_S ? wait : AGAIN_LAST_S));
}

static void note_answer(struct index_template *t, const struct http_reply *reply)
{
	bool answer = reply->end == HTTP_END_ANSWER;

	if (answer)
		hosts_answered(t->o.hosts, t->chosen);
	else
		hosts_failed(t->o.hosts, t->chosen, loop_now(host_loop(t->o.host)), reply->error);
	if (answer && says_there(reply)) {
		host_log(t->o.host, LOG_LEVEL_INFO, "the index template is there");
		t->state = TEMPLATE_THERE;
		return;
	}
	complain(t, reply);
	if (is_refusal(reply) || t->state == TEMPLATE_REFUSED)
		note_refusal(t);
}

/* Sends that waited go on. One that comes in meanwhile may begin the next try, and wait for that. */
static void release_all(struct index_template *t)
{
	TAILQ_HEAD(, waiting) waited = TAILQ_HEAD_INITIALIZER(waited);
	struct waiting *w;

	TAILQ_CONCAT(&waited, &t->waiting, entry);
	while ((w = TAILQ_FIRST(&waited))) {
		TAILQ_REMOVE(&waited, w, entry);
		t->o.release(t->o.exporter, w->batch, w->send);
		free(w);
	}
}

static void on_done(void *context, const struct http_reply *reply)
{
	struct index_template *t = context;

	t->call = NULL;
	note_answer(t, reply);
	release_all(t);
}

static int start_call(struct index_template *t, const char *url)
{
	const char *const headers[] = { "Content-Type: application/json", t->o.access->authorization, NULL };

	t->sent = 0;
	return http_call_start(host_http(t->o.host),
		&(struct http_call_options){
			.method = "PUT",
			.url = url,
			.headers = headers,
			.body_size = t->body.size,
			.read = on_read,
			.rewind = on_rewind,
			.done = on_done,
			.context = t,
			.answer_max = ANSWER_MAX,
			.timeout = t->o.timeout,
			.tls = access_tls(t->o.access),
			.user_password = t->o.access->user_password,
		},
		&t->call);
}

static int try_now(struct index_template *t)
{
	int failed = -ENOMEM;
	char *url;

	t->chosen = hosts_pick(t->o.hosts, loop_now(host_loop(t->o.host)));
	if (asprintf(&url, "%s%s", hosts_base(t->o.hosts, t->chosen), t->path) >= 0) {
		failed = start_call(t, url);
		free(url);
	}
	return failed;
}

static void on_again(void *context)
{
	struct index_template *t = context;

	if (try_now(t) < 0)
		note_refusal(t);
}

int template_new(const struct template_options *o, struct index_template **ret)
{
	struct index_template *t = oxp_new(sizeof *t);
	int failed;

	t->o = *o;
	TAILQ_INIT(&t->waiting);
	buffer_init(&t->body, BODY_MAX);
	loop_timer_init(&t->again, host_loop(o->host), on_again, t);
	t->path = path_of(o->pattern);
	failed = t->path ? template_body(o->pattern, o->stream, &t->body) : -ENOMEM;
	if (!failed)
		failed = try_now(t);
	if (failed)
		template_free(t);
	else
		*ret = t;
	return failed;
}

void template_free(struct index_template *t)
{
	struct waiting *w;

	if (!t)
		return;
	http_call_cancel(t->call);
	while ((w = TAILQ_FIRST(&t->waiting))) {
		TAILQ_REMOVE(&t->waiting, w, entry);
		free(w);
	}
	loop_timer_done(&t->again);
	buffer_done(&t->body);
	free(t->path);
	free(t);
}

bool template_hold(struct index_template *t, const struct batch *batch, struct send *send)
{
	struct waiting *w;

	if (t->state != TEMPLATE_OPEN || (!t->call && try_now(t) < 0))
		return false;
	w = oxp_new(sizeof *w);
	*w = (struct waiting){ .batch = batch, .send = send };
	TAILQ_INSERT_TAIL(&t->waiting, w, entry);
	return true;
}

bool template_let_go(struct index_template *t, struct send *send)
{
	struct waiting *w;

	TAILQ_FOREACH(w, &t->waiting, entry)
		if (w->send == send) {
			TAILQ_REMOVE(&t->waiting, w, entry);
			free(w);
			return true;
		}
	return false;
}
