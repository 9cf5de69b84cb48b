#include "access/allowed.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { LOOK_S = 1 };

/* NULL, or what is wrong with the file. */
static const char *read_list(const char *path, struct credentials *ret)
{
	const char *wrong;
	struct buffer text;
	int failed;

	buffer_init(&text, CREDENTIALS_FILE_MAX);
	failed = small_file_read(path, &text);
	wrong = failed ? small_file_why(failed) : credentials_read(buffer_bytes(&text), ret);
	if (text.data)
		explicit_bzero(text.data, text.room);
	buffer_done(&text);
	return wrong;
}

/* In the disk lane. */
static void look(struct job *job)
{
	struct allowed *a = CONTAINER_OF(job, struct allowed, job);
	struct file_identity now;

	file_identify(a->path, &now);
	a->changed = !file_is_same(&now, &a->seen);
	a->seen = now;
	if (a->changed)
		a->wrong = read_list(a->path, &a->fresh);
}

static void tell(const struct allowed *a, enum log_level level, const char *what)
{
	char text[ALLOWED_WHY_MAX];

	snprintf(text, sizeof text, "auth: %s: %s%s", a->path, a->wrong ? a->wrong : "", what);
	a->tell(a->context, level, text);
}

static void looked(struct job *job)
{
	struct allowed *a = CONTAINER_OF(job, struct allowed, job);

	a->looking = false;
	loop_timer_set(&a->again, DURATION_S(LOOK_S));
	if (a->changed && a->wrong)
		tell(a, LOG_LEVEL_WARN, "; the credentials that were there before stay in force");
	if (!a->changed || a->wrong)
		return;
	a->in_force = a->fresh;
	tell(a, LOG_LEVEL_INFO, "it has other credentials, which are in force now");
}

static void on_again(void *context)
{
	struct allowed *a = context;

	a->looking = lane_run(a->disk, &a->job) == 0;
	if (!a->looking)
		loop_timer_set(&a->again, DURATION_S(LOOK_S));
}

int allowed_init(struct allowed *a, struct loop *loop)
{
	a->job = (struct job){ .work = look, .done = looked };
	loop_timer_init(&a->again, loop, on_again, a);
	file_identify(a->path, &a->seen);
	a->wrong = read_list(a->path, &a->in_force);
	if (a->wrong) {
		tell(a, LOG_LEVEL_ERROR, "");
		return -EINVAL;
	}
	loop_timer_set(&a->again, DURATION_S(LOOK_S));
	return 0;
}

void allowed_done(struct allowed *a)
{
	if (a->looking)
		lane_take_back(a->disk, &a->job);
	a->looking = false;
	loop_timer_done(&a->again);
}
