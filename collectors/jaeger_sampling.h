/*
 * The sampling strategy that Jaeger's clients ask their agent for (port 5778), so that an app that samples `remote`, as
 * jaeger-client does by default, is told how much to send. If nobody answers, a client goes on with the sampler that it
 * began with, by default one trace in a thousand, and asks again every minute.
 *
 * There is one strategy for all services and operations: a part of all traces, or a number of them a second. /sampling
 * names it by a word; `/`, for the oldest clients, by a number. `service` must be given, and its value does not matter.
 * /baggageRestrictions is answered 500, as Jaeger's last agents did: clients then restrict nothing, and an empty list
 * would forbid all baggage. (Jaeger, "APIs": Remote Sampling Configuration; sampling.thrift; clientcfghttp in 1.x.)
 *
 * It is a part of the collector `jaeger`, served beside its door.
 */
#ifndef OXP_JAEGER_SAMPLING_H
#define OXP_JAEGER_SAMPLING_H

#include "collectors/door.h"

enum { JAEGER_SAMPLING_TEXT_MAX = 128 };

struct jaeger_sampling_config {
	const struct option_list *addresses;
	const char *rate; /* NULL: every trace */
	uint64_t per_second; /* 0: by `rate` */
};

#define JAEGER_SAMPLING_OPTIONS(type, field)                                                                         \
	{ OPT_ADDRESSES(type, field.addresses), .name = "sampling", .example = "127.0.0.1:5778",                     \
		.help = "Addresses to listen on for clients that ask how much to sample, as jaeger-client does by "  \
			"default: host:port, :port or unix:/path." },                                                \
		{ OPT_TEXT(type, field.rate), .name = "sampling_rate", .example = "0.1",                             \
			.help = "What they are told: the part of all traces that they send, from 0 to 1; if it is "  \
				"missing, all." },                                                                   \
	{                                                                                                            \
		OPT_COUNT(type, field.per_second), .name = "sampling_per_second", .text = "off", .zero = "off",      \
						   .min = 1, .max = INT16_MAX,                                       \
						   .help = "What they are told in place of a part: the most traces " \
							   "a second that each process sends."                       \
	}

struct jaeger_sampling {
	struct http_route routes[4];
	char named[JAEGER_SAMPLING_TEXT_MAX], numbered[JAEGER_SAMPLING_TEXT_MAX]; /* the answers */
	uint64_t *told, *refused;
};

/* Whether the options go together; if not, the reason is written into `why`. */
bool jaeger_sampling_check(const struct jaeger_sampling_config *, char *why, size_t room);
/* Listens, if there are addresses, as a way into that door. `config` outlives it. 0; or -errno, logged with the
 * address. */
int jaeger_sampling_start(struct jaeger_sampling *, const struct jaeger_sampling_config *, struct door *) MUST_CHECK;

#endif
