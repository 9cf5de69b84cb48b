/*
 * A door for spans in another form than OTLP: what came is counted and written again as an OTLP request, in the CPU
 * lane if it is large, so that everything behind the door knows one form. 202 says that it was taken; if some of the
 * spans were refused, the answer has a line that says which and why. (Jaeger's collector and Zipkin's server answer 202
 * without a body, and their clients read none.)
 *
 * It is a part of a collector, as a door is.
 */
#ifndef OXP_SPANS_DOOR_H
#define OXP_SPANS_DOOR_H

#include "collectors/door.h"
#include "collectors/spans_tally.h"

/* The options of such a door. */
struct spans_door_config {
	const struct option_list *http;
	uint64_t body_max, connections;
	enum door_ack ack;
	const struct option_list *origins;
	struct guard_config guard;
};

#define SPANS_DOOR_OPTIONS(type, field)                                                                             \
	DOOR_BODY_MAX_OPTION(type, field.body_max, "a quarter", ""),                                                \
		{ OPT_COUNT(type, field.connections), .name = "connections", .text = "128", .min = 1, .max = 4096,  \
			.help = DOOR_CONNECTIONS_HELP },                                                            \
		{ OPT_CHOICE(type, field.ack, door_acks), .name = "ack", .text = "memory", .help = DOOR_ACK_HELP }, \
		{ OPT_TEXTS(type, field.origins), .name = "origins", .example = "[\"https://app.example.com\"]",    \
			.help = DOOR_ORIGINS_HELP },                                                                \
		GUARD_ROWS(type, field.guard)

struct spans_door {
	struct door door;
	const struct spans_form *form;
	const struct spans_door_config *config;
	struct spans_tally *tally;
	struct http_route routes[2];
};

/* 0 or -errno. */
int spans_door_init(struct spans_door *, const struct spans_form *, struct host *, const struct spans_door_config *,
	struct spans_tally *) MUST_CHECK;
/* Whether the options go together; if not, the reason is written into `why`. */
bool spans_door_check(const struct spans_door_config *, char *why, size_t room);
/* Listens for what is posted to `path`; `begin` calls door_begin() with the media type of the form. 0; or -errno,
 * logged with the address. */
int spans_door_start(
	struct spans_door *, const char *path, enum http_take (*begin)(void *door, struct http_request *)) MUST_CHECK;

#endif
