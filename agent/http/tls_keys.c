#include "http/tls_keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/small_file.h"

enum { FILES = 3 };

/* The job's own: what it looks at, and what it finds. */
struct look {
	struct job job;
	struct tls_keys *keys;
	const struct tls_options *options;
	struct file_identity seen[FILES]; /* as of the last look; then of this one */
	bool changed;
	struct tls_pair *fresh; /* NULL: nothing has changed, or it could not be loaded: `why` */
	char why[TLS_WHY_MAX];
};

/* Invariant: `look` belongs to the lane while `looking`; `asks` is empty unless `looking`. */
struct tls_keys {
	struct tls_keys_options options;
	struct tls_pair *pair;
	struct look look;
	bool looking, slow; /* slow: the disk does not answer, and nobody waits for it */
	struct loop_timer limit;
	TAILQ_HEAD(, tls_ask) asks;
	char wrong[TLS_WHY_MAX];
};

static void identify(const struct tls_options *o, struct file_identity to[FILES])
{
	const char *const names[FILES] = { o->cert, o->key, o->client_ca };

	memset(to, 0, FILES * sizeof *to);
	for (size_t i = 0; i < FILES; i++)
		if (names[i])
			file_identify(names[i], &to[i]);
}

/* In the disk lane. What changes while it is read has another identity at the next look. */
static void look_at_files(struct job *job)
{
	struct look *l = CONTAINER_OF(job, struct look, job);
	struct file_identity now[FILES];

	identify(l->options, now);
	l->changed = false;
	for (size_t i = 0; i < FILES; i++)
		l->changed |= !file_is_same(&now[i], &l->seen[i]);
	memcpy(l->seen, now, sizeof now);
	if (l->changed && tls_pair_load(l->options, l->why, &l->fresh) != 0)
		l->fresh = NULL;
}

static void answer_all(struct tls_keys *k)
{
	struct tls_ask *ask;

	while ((ask = TAILQ_FIRST(&k->asks))) {
		TAILQ_REMOVE(&k->asks, ask, entry);
		ask->keys = NULL;
		ask->ready(ask, k->pair);
	}
}

static void take_fresh(struct tls_keys *k)
{
	struct look *l = &k->look;
	char text[TLS_WHY_MAX + 128];

	if (l->fresh) {
		tls_pair_unref(k->pair);
		k->pair = l->fresh;
		l->fresh = NULL;
		k->wrong[0] = '\0';
		k->options.tell(
			k->options.context, LOG_LEVEL_INFO, "the files have another certificate, which is used now");
		return;
	}
	snprintf(text, sizeof text, "the certificate that was there before stays in use: %s", l->why);
	memcpy(k->wrong, l->why, sizeof k->wrong);
	k->options.tell(k->options.context, LOG_LEVEL_WARN, text);
}

static void looked(struct job *job)
{
	struct tls_keys *k = CONTAINER_OF(job, struct look, job)->keys;

	k->looking = k->slow = false;
	loop_timer_clear(&k->limit);
	if (k->look.changed)
		take_fresh(k);
	answer_all(k);
}

static void on_limit(void *context)
{
	struct tls_keys *k = context;

	k->slow = true;
	answer_all(k);
}

int tls_keys_new(struct loop *loop, const struct tls_keys_options *options, struct tls_keys **ret)
{
	struct tls_keys *k = oxp_new(sizeof *k);
	int failed;

	k->options = *options;
	TAILQ_INIT(&k->asks);
	loop_timer_init(&k->limit, loop, on_limit, k);
	k->look = (struct look){
		.job = { .work = look_at_files, .done = looked }, .keys = k, .options = &k->options.files
	};
	identify(k->look.options, k->look.seen);
	failed = tls_pair_load(k->look.options, k->look.why, &k->pair);
	if (failed) {
		options->tell(options->context, LOG_LEVEL_ERROR, k->look.why);
		tls_keys_free(k);
		return failed;
	}
	*ret = k;
	return 0;
}

void tls_keys_free(struct tls_keys *k)
{
	if (!k)
		return;
	OXP_ASSERT(TAILQ_EMPTY(&k->asks));
	if (k->looking)
		lane_take_back(k->options.disk, &k->look.job);
	loop_timer_done(&k->limit);
	tls_pair_unref(k->look.fresh);
	tls_pair_unref(k->pair);
	free(k);
}

void tls_keys_ask(struct tls_keys *k, struct tls_ask *ask, void (*ready)(struct tls_ask *, struct tls_pair *))
{
	if (!k->looking && lane_run(k->options.disk, &k->look.job) == 0) {
		k->looking = true;
		loop_timer_set(&k->limit, DURATION_MS(TLS_LOOK_MS));
	}
	if (!k->looking || k->slow) {
		ask->keys = NULL;
		ready(ask, k->pair);
		return;
	}
	ask->keys = k;
	ask->ready = ready;
	TAILQ_INSERT_TAIL(&k->asks, ask, entry);
}

void tls_ask_cancel(struct tls_ask *ask)
{
	if (ask->keys)
		TAILQ_REMOVE(&ask->keys->asks, ask, entry);
	ask->keys = NULL;
}

struct wall_time tls_keys_end(const struct tls_keys *k)
{
	return tls_pair_ends(k->pair);
}

const char *tls_keys_wrong(const struct tls_keys *k)
{
	return k->wrong[0] ? k->wrong : NULL;
}
