/*
 * The `expression` check: fine if a condition over the metrics that the agent shows holds (expression/expression.h).
 * Each look reads them anew.
 */
#include "expression/evaluate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/option.h"
#include "expression/sampler.h"
#include "health/health.h"
#include "loop/loop.h"

enum no_data { NO_DATA_FINE, NO_DATA_FAILED };
static const char *const no_datas[] = { "fine", "failed", NULL };

struct expression_config {
	const char *expression;
	enum no_data no_data;
};

static const struct option expression_options[] = {
	{ OPT_TEXT(struct expression_config, expression), .name = "expression", .main = true, .required = true,
		.example =
			"sum(rate(http_requests_total{code=~\"5..\"}[1m])) / sum(rate(http_requests_total[1m])) < 0.05",
		.help = "What has to hold, in a subset of PromQL; conf/health.md lists it." },
	{ OPT_CHOICE(struct expression_config, no_data, no_datas), .name = "no_data", .text = "fine",
		.help = "What it is while there is nothing to compare, as before the app's first request." },
	{ .name = NULL },
};

struct check {
	struct host *host;
	struct expression *expression;
	struct sampled sampled;
	enum no_data no_data;
};

static void on_page(void *context, const char *failed)
{
	struct check *c = context;
	char why[VERDICT_WHY_MAX];
	enum verdict verdict;

	if (failed) {
		host_checked(c->host, false, failed);
		return;
	}
	verdict = evaluate_condition(c->expression, c->sampled.windows, loop_wall(host_loop(c->host)), why);
	if (verdict == VERDICT_NO_DATA && c->no_data == NO_DATA_FAILED)
		host_checked(c->host, false, "there is nothing to compare: no such series, or too few samples of it");
	else
		host_checked(c->host, verdict == VERDICT_YES || verdict == VERDICT_NO_DATA, why);
}

static void expression_start(struct check *c)
{
	sampler_want(host_sampler(c->host), &c->sampled);
}

static void expression_cancel(struct check *c)
{
	sampler_cancel(&c->sampled);
}

static void expression_destroy(struct check *c)
{
	if (!c)
		return;
	sampler_remove(host_sampler(c->host), &c->sampled);
	windows_free(c->sampled.windows);
	expression_free(c->expression);
	free(c);
}

static bool expression_check(const void *config, char *why, size_t room)
{
	const struct expression_config *k = config;
	char said[EXPRESSION_WHY_MAX];
	struct expression *e = NULL;
	int failed = expression_new(k->expression, &e, said);
	bool condition = !failed && expression_is_condition(e);

	expression_free(e);
	if (failed)
		snprintf(why, room, "expression: %s", failed == -ENOMEM ? "out of memory" : said);
	else if (!condition)
		snprintf(why, room,
			"expression: it has no answer; it has to be a comparison, such as … < 0.05, or "
			"absent(…)");
	return condition;
}

static int expression_create(const void *config, struct host *host, struct check **ret)
{
	const struct expression_config *k = config;
	struct sampler *sampler = host_sampler(host);
	char why[EXPRESSION_WHY_MAX];
	struct check *c = oxp_new(sizeof *c);
	int failed = expression_new(k->expression, &c->expression, why);

	if (failed) {
		host_log(host, LOG_LEVEL_ERROR, "expression: %s", failed == -ENOMEM ? "out of memory" : why);
		free(c);
		return failed;
	}
	c->host = host;
	c->no_data = k->no_data;
	c->sampled = (struct sampled){
		.windows = windows_new(c->expression, &sampler->room, sampler->seed), .done = on_page, .context = c
	};
	sampler_add(sampler, &c->sampled);
	*ret = c;
	return 0;
}

const struct check_type check_expression = {
	.name = "expression",
	.summary = "Fine if a condition over the collected metrics holds.",
	.options = expression_options,
	.config_size = sizeof(struct expression_config),
	.check = expression_check,
	.create = expression_create,
	.start = expression_start,
	.cancel = expression_cancel,
	.destroy = expression_destroy,
};
