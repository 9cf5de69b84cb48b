#include "http/multi.h"

#include <errno.h>
#include <stdlib.h>

static void finish_one(struct multi *m)
{
	CURLMsg *message;
	int left = 0;

	message = curl_multi_info_read(m->curl, &left);
	if (!message || message->msg != CURLMSG_DONE)
		return;
	if (left > 0)
		loop_soon_run(&m->soon);
	m->options.finished(m->options.context, message->easy_handle, message->data.result);
}

/* Messages that were left by finish_one(). */
static void more_finished(void *context)
{
	finish_one(context);
}

static void enter(struct multi *m)
{
	m->inside = true;
	turn_begin(&m->turn);
}

static void act(struct multi *m, curl_socket_t fd, int what)
{
	int running;

	enter(m);
	curl_multi_socket_action(m->curl, fd, what, &running);
	m->inside = false;
	m->options.returned(m->options.context);
	finish_one(m);
}

static void socket_ready(void *context, int fd, unsigned what)
{
	act(context, fd, (what & WATCH_READ ? CURL_CSELECT_IN : 0) | (what & WATCH_WRITE ? CURL_CSELECT_OUT : 0));
}

static void timer_due(void *context)
{
	act(context, CURL_SOCKET_TIMEOUT, 0);
}

/* curl_easy_pause() hands out what was put off. If it fails, libcurl does not report the failure a second time. */
void multi_resume(struct multi *m, CURL *easy)
{
	CURLcode code;

	enter(m);
	code = curl_easy_pause(easy, CURLPAUSE_CONT);
	m->inside = false;
	if (code != CURLE_OK)
		m->options.finished(m->options.context, easy, code);
	m->options.returned(m->options.context);
	finish_one(m);
}

static int on_timer(CURLM *curl, long ms, void *context)
{
	struct multi *m = context;

	(void)curl;
	if (ms < 0)
		loop_timer_clear(&m->timer);
	else
		loop_timer_set(&m->timer, DURATION_MS(ms));
	return 0;
}

static struct loop_watch *watch_new(struct multi *m, curl_socket_t fd)
{
	struct loop_watch *watch = oxp_new(sizeof *watch);

	loop_watch_init(watch, m->options.loop, fd, socket_ready, m);
	curl_multi_assign(m->curl, fd, watch);
	return watch;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *socket_context)
{
	struct loop_watch *watch = socket_context;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (watch)
			loop_watch_done(watch);
		free(watch);
		return 0;
	}
	if (!watch)
		watch = watch_new(context, fd);
	loop_watch_set(watch, (what & CURL_POLL_IN ? WATCH_READ : 0) | (what & CURL_POLL_OUT ? WATCH_WRITE : 0));
	return 0;
}

bool multi_add(struct multi *m, CURL *easy)
{
	return curl_multi_add_handle(m->curl, easy) == CURLM_OK;
}

void multi_remove(struct multi *m, CURL *easy)
{
	curl_multi_remove_handle(m->curl, easy);
}

int multi_init(struct multi *m, const struct multi_options *options)
{
	*m = (struct multi){ .options = *options, .turn = { .clock = loop_clock(options->loop) } };
	loop_timer_init(&m->timer, options->loop, timer_due, m);
	loop_soon_init(&m->soon, options->loop, more_finished, m);
	m->curl = curl_multi_init();
	if (!m->curl)
		return -ENOMEM;
	curl_multi_setopt(m->curl, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(m->curl, CURLMOPT_SOCKETDATA, m);
	curl_multi_setopt(m->curl, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(m->curl, CURLMOPT_TIMERDATA, m);
	curl_multi_setopt(m->curl, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	curl_multi_setopt(m->curl, CURLMOPT_MAXCONNECTS, (long)options->connections_max);
	return 0;
}

void multi_done(struct multi *m)
{
	if (m->curl)
		curl_multi_cleanup(m->curl);
	m->curl = NULL;
	loop_timer_done(&m->timer);
	loop_soon_done(&m->soon);
}
