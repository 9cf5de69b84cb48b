/*
 * The `file` check: fine if a file is there, and was written to lately enough. A volume that hangs holds up the helper.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/text.h"
#include "config/option.h"
#include "health/health.h"
#include "health/helped.h"
#include "health/look.h"

struct file_config {
	const char *path;
	struct duration max_age;
};

static const struct option file_options[] = {
	{ OPT_PATH(struct file_config, path), .name = "path", .main = true, .required = true,
		.example = "/run/app/ready", .help = "File that has to be there." },
	{ OPT_DURATION(struct file_config, max_age), .name = "max_age", .text = "off", .zero = "off", .min = 1,
		.help = "How long ago it may have been written to, at most." },
	{ .name = NULL },
};

/* The words: path, age in ms or 0. */
bool look_file(const struct look_words *words, char why[LOOK_WHY_MAX])
{
	uint64_t most_ms = 0;
	struct timespec now;
	struct stat found;
	int64_t age_ms;

	if (stat(words->words[0], &found) < 0) {
		snprintf(why, LOOK_WHY_MAX, "%s", strerror(errno));
		return false;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	age_ms = (ns_of(now.tv_sec, now.tv_nsec) - ns_of(found.st_mtim.tv_sec, found.st_mtim.tv_nsec)) / 1000000;
	if (!u64_parse(bytes_of(words->words[1]), &most_ms) || most_ms == 0 || llabs(age_ms) <= (int64_t)most_ms)
		return true;
	if (age_ms < 0)
		snprintf(why, LOOK_WHY_MAX, "last written to %lld s from now", -(long long)age_ms / 1000);
	else
		snprintf(why, LOOK_WHY_MAX, "last written to %lld s ago", (long long)age_ms / 1000);
	return false;
}

static int file_create(const void *config, struct host *host, struct check **ret)
{
	const struct file_config *k = config;
	char age[U64_DIGITS_MAX + 1];
	const char *words[] = { k->path, age };

	snprintf(age, sizeof age, "%lld", (long long)duration_ms(k->max_age));
	return helped_create(&(struct helped_task){ "file", words, COUNT_OF(words) }, host, ret);
}

const struct check_type check_file = {
	.name = "file",
	.summary = "Fine if a file is there, and fresh.",
	.options = file_options,
	.config_size = sizeof(struct file_config),
	.create = file_create,
	.start = helped_start,
	.cancel = helped_cancel,
	.destroy = helped_destroy,
};
