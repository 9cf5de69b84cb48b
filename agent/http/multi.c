#include "http/multi.h"

#include <errno.h>
#include <stdlib.h>

enum { WAKES_IN_VAIN = 3, PAUSE_DOUBLINGS = 6 };

/*
 * A socket of libcurl's. While the window of an HTTP/2 stream is closed, libcurl 7.88 waits for its socket to be
 * writable, which it is. So after some wakes in a row in which it could write, did not, and had nothing to read, it is
 * not woken for that until something can be read, which is how a window opens, or until a pause is over: a millisecond,
 * then two, up to 64.
 *
 * Invariant: `watch` waits for `wanted`, but not for WATCH_WRITE while `pause` is pending.
 */
struct multi_socket {
	struct multi *m;
	CURL *easy; /* whose it is; libcurl takes the socket back before it is freed */
	struct loop_watch watch;
	struct loop_timer pause;
	unsigned wanted;
	bool http2;
	curl_off_t sent; /* bytes of the body, when it woke last */
	unsigned in_vain; /* wakes in a row */
};

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
	stall_end(&m->stall);
	m->inside = false;
	m->options.returned(m->options.context);
	finish_one(m);
}

static void socket_watch(struct multi_socket *s)
{
	loop_watch_set(&s->watch, loop_timer_pending(&s->pause) ? s->wanted & ~(unsigned)WATCH_WRITE : s->wanted);
}

static void pause_over(void *context)
{
	socket_watch(context);
}

static struct duration pause_length(const struct multi_socket *s)
{
	unsigned doublings = s->in_vain - WAKES_IN_VAIN;

	return DURATION_MS(1 << (doublings < PAUSE_DOUBLINGS ? doublings : PAUSE_DOUBLINGS));
}

/* Before libcurl is called, which may take the socket back. What that call sends is seen at the next wake. */
static void note_wake(struct multi_socket *s, unsigned what)
{
	curl_off_t before = s->sent;

	curl_easy_getinfo(s->easy, CURLINFO_SIZE_UPLOAD_T, &s->sent);
	s->in_vain = what & WATCH_READ || s->sent != before ? 0 : s->in_vain + 1;
	if (s->in_vain < WAKES_IN_VAIN)
		loop_timer_clear(&s->pause);
	else
		loop_timer_set(&s->pause, pause_length(s));
	socket_watch(s);
}

/* Not while TLS begins, which may take long. */
static bool may_stall(const struct multi_socket *s)
{
	curl_off_t ready = 0;

	return curl_easy_getinfo(s->easy, CURLINFO_PRETRANSFER_TIME_T, &ready) == CURLE_OK && ready > 0;
}

static void socket_ready(void *context, int fd, unsigned what)
{
	struct multi_socket *s = context;

	if (s->http2) {
		note_wake(s, what);
		if (may_stall(s))
			stall_begin(&s->m->stall, fd);
	}
	act(s->m, fd, (what & WATCH_READ ? CURL_CSELECT_IN : 0) | (what & WATCH_WRITE ? CURL_CSELECT_OUT : 0));
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

static struct multi_socket *socket_new(struct multi *m, curl_socket_t fd)
{
	struct multi_socket *s = oxp_new(sizeof *s);

	s->m = m;
	loop_watch_init(&s->watch, m->options.loop, fd, socket_ready, s);
	loop_timer_init(&s->pause, m->options.loop, pause_over, s);
	curl_multi_assign(m->curl, fd, s);
	return s;
}

static void socket_free(struct multi_socket *s)
{
	if (!s)
		return;
	loop_watch_done(&s->watch);
	loop_timer_done(&s->pause);
	free(s);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *socket_context)
{
	struct multi *m = context;
	struct multi_socket *s = socket_context;
	unsigned wanted = (what & CURL_POLL_IN ? WATCH_READ : 0) | (what & CURL_POLL_OUT ? WATCH_WRITE : 0);

	if (what == CURL_POLL_REMOVE) {
		socket_free(s);
		return 0;
	}
	if (!s)
		s = socket_new(m, fd);
	if (!(s->wanted & WATCH_WRITE)) {
		s->in_vain = 0;
		loop_timer_clear(&s->pause);
	}
	s->easy = easy;
	s->http2 = m->options.is_http2(easy);
	s->wanted = wanted;
	socket_watch(s);
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
	stall_init(&m->stall);
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
	stall_done(&m->stall);
	loop_timer_done(&m->timer);
	loop_soon_done(&m->soon);
}
