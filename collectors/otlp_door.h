/*
 * What the `otlp` door does with each of its signals: one row of otlp_services for each service of OTLP, whichever way
 * its requests come. Only files of this door include it.
 *
 * The rows are the types of requests that the door (door.h) knows. In all of them `content` counts the encodings, and
 * answers are in the encoding of the request (OTLP specification 1.11.0, "OTLP/HTTP Response").
 */
#ifndef OXP_OTLP_DOOR_H
#define OXP_OTLP_DOOR_H

#include "collectors/door.h"
#include "collectors/otlp_meters.h"
#include "collectors/spans_parts.h"
#include "proto/otlp_json.h"
#include "proto/otlp_logs.h"
#include "proto/otlp_mend.h"

struct otlp_door {
	struct door door;
	enum otlp_log_form form; /* of log lines */
	size_t lines_max; /* bytes of them that a request may become */
	struct mono_time told; /* when it was logged that a request was mended; 0: never */
	uint64_t *spans, *refused, *texts, *values, *links;
	uint64_t *records, *records_refused, *names;
	struct otlp_meters *meters; /* NULL: metrics are not taken */
};

struct otlp_metrics_request {
	struct otlp_points points; /* where it was read to */
	bool begun;
	uint64_t taken, refused;
	enum otlp_point_fault fault; /* of the first that is refused, */
	uint64_t number; /* its number in the request, from 1 on, */
	char name[SERIES_NAME_SHOWN]; /* and its metric */
};

struct otlp_request {
	struct door_request base;
	bool read; /* the body was JSON, and is protobuf now */
	bool mended; /* and of spans, what was wrong in it */
	struct spans_parts parts; /* of spans */
	union {
		struct otlp_mend mend; /* `room` is 0 when all was fine; `span` is never set */
		struct otlp_logs logs;
		struct otlp_metrics_request metrics;
	};
};

struct otlp_service {
	const char *path, *rpc; /* of HTTP, and of gRPC */
	struct door_type type;
};
enum { OTLP_SERVICES = 3 };
extern const struct otlp_service otlp_service_traces, otlp_service_logs, otlp_service_metrics;

static inline struct otlp_request *otlp_of(struct door_request *r)
{
	return CONTAINER_OF(r, struct otlp_request, base);
}

static inline struct otlp_door *otlp_door_of(const struct door_request *r)
{
	return CONTAINER_OF(r->door, struct otlp_door, door);
}

void otlp_door_count(struct otlp_door *, struct host *); /* makes the counters */

/* The encodings. JSON is written as protobuf before anything looks at it: what follows is the same. */
enum otlp_encoding { OTLP_PROTOBUF, OTLP_JSON };
extern const char *const otlp_content[];
/* In look(): whether the body is JSON, and mend() will be asked to write it with otlp_read_json(). */
bool otlp_is_json(struct door_request *, enum otlp_json_request) MUST_CHECK;
/* In mend(), if `again` is set. */
size_t otlp_read_json(struct door_request *, enum otlp_json_request) MUST_CHECK;

/* Answers of all rows. */
void otlp_answer(struct http_request *, unsigned status, const char *message);
/* The request is taken, but for `refused` of its records, which JSON has under the name `rejected`. r->reason says what
 * was done about it, "" if nothing. */
void otlp_answer_taken(struct door_request *, const char *rejected, uint64_t refused);

#endif
