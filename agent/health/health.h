/*
 * Health: what the probes answer.
 *
 *   /health/liveness, /health   200 while the loop turns; nothing else can make it fail. "starting" in it: the state is
 *                               still being opened, and no door is open
 *   /health/readiness, /ready   200 if every configured check was fine when it last ran, and the agent follows the
 *                               files that it has to follow; otherwise 503
 *   /health/delivery            503 while a destination of the agent does not take what it is given (destinations.h)
 *
 * Checks run on their own schedule and a probe only reads their results, so it answers at once however slow a backend
 * is. A check that has not run yet is not fine. The agent's own destinations are not checks: the readiness of a sidecar
 * is part of its pod's, and a log store that is down is no reason to take the app out of service.
 */
#ifndef OXP_HEALTH_H
#define OXP_HEALTH_H

#include "component.h"
#include "http/server.h"
#include "loop/loop.h"

struct health_limits {
	struct duration interval, timeout;
};

struct health_check {
	struct health_check *next;
	struct health *health;
	const char *name;
	const struct check_type *type;
	struct check *check;
	struct health_limits limits;
	struct loop_timer timer, patience;
	bool looking, known, fine;
	char why[200]; /* it failed last */
};

struct health {
	struct loop *loop;
	const struct log *log;
	struct health_check *checks;
	bool started;
	bool (*began)(void *context); /* whether the agent follows its files; NULL: always */
	void *context;
};

void health_init(struct health *, struct loop *, const struct log *);
/* Not ready before began() says so. */
void health_wait_for(struct health *, bool (*began)(void *context), void *context);
void health_done(struct health *);
/* `name` outlives it. The check itself comes with health_check_set(). */
struct health_check *health_add(
	struct health *, const char *name, const struct check_type *, const struct health_limits *);
void health_check_set(struct health_check *, struct check *);
void health_start(struct health *);
/* How a check ended; host_checked() calls this. */
void health_checked(void *health_check, bool fine, const char *why);
bool health_ready(const struct health *);

/* Handlers for the routes; the context is the struct health. */
void health_liveness(void *context, struct http_request *);
void health_readiness(void *context, struct http_request *);
/* A section of the report (status/report.h): the checks, each with how it fared last. Likewise. */
void health_report(void *context, const char *name, struct json_writer *);

extern const struct check_type check_http, check_tcp, check_unix;

#endif
