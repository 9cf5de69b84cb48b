/*
 * Health: the checks of what the host app needs and of the app itself. What probes answer is made of them in probes.h.
 *
 * Checks run on their own schedule and a probe only reads their results, so it answers at once however slow a peer is.
 * A check that has not run yet is not fine. It turns fine after `success_threshold` looks in a row that succeed, and
 * not fine after `failure_threshold` in a row that fail. The agent's own destinations are not checks: the readiness of
 * a sidecar is part of its pod's, and a log store that is down is no reason to take the app out of service.
 */
#ifndef OXP_HEALTH_H
#define OXP_HEALTH_H

#include "component.h"
#include "loop/loop.h"

struct option_list;

/* The probes that a check can be part of. */
enum health_probe { PROBE_READINESS, PROBE_APP, HEALTH_PROBES };
extern const char *const health_probe_names[]; /* ends with NULL */

enum { HEALTH_TIMEOUT_MAX_S = 600 };

/* What is configured for a check of any kind. */
struct health_limits {
	struct duration interval, timeout; /* the timeout: up to HEALTH_TIMEOUT_MAX_S */
	uint64_t success_threshold, failure_threshold; /* looks in a row, from 1 */
	const struct option_list *probes; /* of health_probe_names */
};

/*
 * Invariant: `streak` < the threshold that it is on its way to; it is 0 if the last look said what `fine` says.
 */
struct health_check {
	struct health_check *next;
	struct health *health;
	const char *name;
	const struct check_type *type;
	struct check *check;
	const struct health_limits *limits;
	bool of[HEALTH_PROBES];
	struct loop_timer timer, patience;
	struct mono_time began; /* the last look */
	bool looking, known, fine; /* a look is under way; one has ended; what all of them say */
	uint64_t streak; /* looks in a row that said the contrary of `fine` */
	uint64_t successes, failures; /* looks in this run */
	struct duration latency, all_latency; /* of the last look that ended, and of all together */
	struct wall_time succeeded; /* the last look that did; 0: none */
	char why[200]; /* the last look failed */
};

struct health {
	struct loop *loop;
	const struct log *log;
	struct health_check *checks;
	bool started, started_up;
	bool (*began)(void *context); /* whether the agent follows its files; NULL: always */
	void *context;
};

void health_init(struct health *, struct loop *, const struct log *);
/* Not ready before began() says so. */
void health_wait_for(struct health *, bool (*began)(void *context), void *context);
void health_done(struct health *);
/* `name` and the limits outlive it. The check itself comes with health_check_set(). */
struct health_check *health_add(
	struct health *, const char *name, const struct check_type *, const struct health_limits *);
void health_check_set(struct health_check *, struct check *);
void health_start(struct health *);
/* How a look ended; host_checked() calls this. */
void health_checked(void *health_check, bool fine, const char *why);

bool health_has_begun(const struct health *); /* the agent's part of readiness */
bool health_fine(const struct health *, enum health_probe); /* all checks of the probe are */
bool health_ready(const struct health *); /* both */
/* The agent has begun, and each check has looked once, whatever it saw. Once true it stays so. */
bool health_started_up(struct health *);
/* Its name as people wrote it: "database" of "health.checks.database". */
const char *health_short_name(const struct health_check *);

extern const struct check_type check_exec, check_expression, check_file, check_grpc, check_http, check_mysql,
	check_postgres, check_process, check_redis, check_tcp, check_unix;

#endif
