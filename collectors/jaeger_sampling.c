#include "collectors/jaeger_sampling.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json_writer.h"

enum { CONNECTIONS = 16 }; /* a client asks once a minute */

/* sampling.thrift, SamplingStrategyType: the words, and their numbers. */
static const char *const types[] = { "PROBABILISTIC", "RATE_LIMITING" };

/* Options. */

static bool read_rate(const char *text, double *ret)
{
	char *end;
	double rate = text ? strtod(text, &end) : 1;

	if (text && (end == text || *end || !isfinite(rate) || rate < 0 || rate > 1))
		return false;
	*ret = rate;
	return true;
}

bool jaeger_sampling_check(const struct jaeger_sampling_config *c, char *why, size_t room)
{
	bool given = c->rate || c->per_second > 0;
	double rate;

	if (!read_rate(c->rate, &rate))
		snprintf(why, room, "sampling_rate: \"%.100s\"; expected a number from 0 to 1", c->rate);
	else if (c->rate && c->per_second > 0)
		snprintf(why, room, "sampling_rate and sampling_per_second are both given; leave one of them out");
	else if (given && c->addresses->count == 0)
		snprintf(why, room, "%s is given, but nobody can ask for it: name an address in `sampling`",
			c->rate ? "sampling_rate" : "sampling_per_second");
	else
		return true;
	return false;
}

/* Answers. */

static void write_strategy(const struct jaeger_sampling_config *c, bool named, char to[JAEGER_SAMPLING_TEXT_MAX])
{
	bool limits = c->per_second > 0;
	double rate = 1;
	struct buffer out;
	struct json_writer w;

	OXP_ASSERT(read_rate(c->rate, &rate) && "check() has seen it");
	buffer_init(&out, JAEGER_SAMPLING_TEXT_MAX - 1);
	json_writer_init(&w, &out);
	json_put_object(&w, NULL);
	if (named)
		json_put_string(&w, "strategyType", types[limits]);
	else
		json_put_u64(&w, "strategyType", limits);
	json_put_object(&w, limits ? "rateLimitingSampling" : "probabilisticSampling");
	if (limits)
		json_put_u64(&w, "maxTracesPerSecond", c->per_second);
	else
		json_put_double(&w, "samplingRate", rate);
	json_put_end(&w);
	json_put_end(&w);
	OXP_ASSERT(json_writer_done(&w) == 0 && "it is short");
	snprintf(to, JAEGER_SAMPLING_TEXT_MAX, "%.*s", (int)out.size, out.data);
	buffer_done(&out);
}

static bool names_service(struct jaeger_sampling *s, struct http_request *request)
{
	if (http_request_query(request, "service"))
		return true;
	++*s->refused;
	http_respond_text(request, 400, "text/plain; charset=utf-8",
		"the parameter 'service' is missing; expected ?service=NAME\n");
	return false;
}

static void tell(struct jaeger_sampling *s, struct http_request *request, const char *strategy)
{
	if (!names_service(s, request))
		return;
	++*s->told;
	http_respond(
		request, &(struct http_answer){
				 .status = 200, .content_type = "application/json", .constant = bytes_of(strategy) });
}

static void tell_named(void *context, struct http_request *request)
{
	struct jaeger_sampling *s = context;

	tell(s, request, s->named);
}

static void tell_numbered(void *context, struct http_request *request)
{
	struct jaeger_sampling *s = context;

	tell(s, request, s->numbered);
}

static void tell_no_baggage(void *context, struct http_request *request)
{
	if (names_service(context, request))
		http_respond_text(
			request, 500, "text/plain; charset=utf-8", "collector error: baggage not implemented\n");
}

int jaeger_sampling_start(struct jaeger_sampling *s, const struct jaeger_sampling_config *config, struct door *door)
{
	const struct http_route routes[] = {
		{ .path = "/sampling", .complete = tell_named, .context = s },
		{ .path = "/", .complete = tell_numbered, .context = s },
		{ .path = "/baggageRestrictions", .complete = tell_no_baggage, .context = s },
	};

	if (config->addresses->count == 0)
		return 0;
	memcpy(s->routes, routes, sizeof routes);
	write_strategy(config, true, s->named);
	write_strategy(config, false, s->numbered);
	s->told = host_counter(
		door->host, "sampling_told_total", "Requests of clients that were told how much to sample.");
	s->refused = door->refused_bad;
	return door_open_way(
		door, &(struct door_way){ "sampling", HTTP_DIRECT, config->addresses, CONNECTIONS, s->routes });
}
