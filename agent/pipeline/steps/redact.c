/*
 * The step `redact`: takes out what must not be shown, before anything else sees the line or the span.
 *
 * It looks for members and attributes by name at any depth, for values behind such a name in text, and for what the
 * detectors find in strings. The rules are in proto/redact.h and proto/otlp_redact.h. If a clean copy of a line or a
 * span cannot be made, it is dropped.
 */
#include <stdio.h>
#include <stdlib.h>

#include "pipeline/key_list.h"
#include "pipeline/step.h"
#include "proto/otlp_redact.h"

enum {
	REDACTED_MAX = 40 << 20, /* one member; a line has at most 16 MiB */
	BUFFER_KEPT = 32 << 10,
	SCRATCH = 2, /* of a string: two of how it reads, how it is clean, how that is written, and the edit's copy */
	SPAN_SCRATCH = 3, /* of a text: how it is clean, and the message around it or the edit's copy, both longer */
};

struct redact_config {
	const struct option_list *keys, *detect;
	unsigned with;
	const char *salt;
};

struct step {
	struct otlp_redact spans;
	struct redact *redact; /* of `spans` */
	struct buffer out; /* for lines */
};

static const char *const with_words[] = {
	[REDACT_MASK] = "mask", [REDACT_HASH] = "hash", [REDACT_REMOVE] = "remove", NULL
};

static const char *const detect_words[] = { "card", "bearer", "email", "ip", NULL };

static const struct option rows[] = {
	{ OPT_TEXTS(struct redact_config, keys), .name = "keys", .main = true, .example = "[password, authorization]",
		.help = "Names whose values are taken out, in upper or lower case: of members and attributes at any "
			"depth, "
			"also behind dots, and in text such as password=x or \"password\": \"x\"." },
	{ OPT_TEXTS(struct redact_config, detect), .name = "detect", .choices = detect_words,
		.example = "[card, bearer, email, ip]",
		.help = "What to look for in every string: card numbers, bearer tokens, e-mail and IP addresses." },
	{ OPT_CHOICE(struct redact_config, with, with_words), .name = "with", .text = "mask",
		.help = "What replaces them: ***; a salted XXH3 hash to correlate by, which does not protect values "
			"that can be guessed; or nothing." },
	{ OPT_TEXT(struct redact_config, salt), .name = "salt", .secret = true, .example = "${file:/run/secrets/salt}",
		.help = "Salt of every hash; required if with is hash." },
	{ .name = NULL },
};

/* In the order of detect_words. */
static const unsigned detectors[] = { DETECT_CARD, DETECT_BEARER, DETECT_EMAIL, DETECT_IP };

static unsigned read_detectors(const struct option_list *words)
{
	unsigned what = 0;

	for (size_t i = 0; i < words->count; i++)
		for (size_t k = 0; detect_words[k]; k++)
			if (strcmp(words->items[i], detect_words[k]) == 0)
				what |= detectors[k];
	return what;
}

static bool check(const void *config, char *why, size_t room)
{
	const struct redact_config *c = config;
	const char *wrong = NULL;

	if (c->keys->count == 0 && c->detect->count == 0)
		wrong = "neither keys nor detect are given: nothing would be taken out";
	else if (!key_list_fits(c->keys))
		wrong = key_list_limits;
	else if (c->with == REDACT_HASH && (!c->salt || !*c->salt))
		wrong = "with: hash needs a salt";
	snprintf(why, room, "%s", wrong ? wrong : "");
	return !wrong;
}

static void destroy(struct step *s)
{
	if (!s)
		return;
	otlp_redact_done(&s->spans);
	buffer_done(&s->out);
	free(s);
}

static int create(const void *config, struct host *host, struct step **ret)
{
	const struct redact_config *c = config;
	struct step *s = oxp_new(sizeof *s);

	(void)host;
	otlp_redact_init(&s->spans, REDACTED_MAX);
	s->redact = &s->spans.redact;
	buffer_init(&s->out, REDACTED_MAX);
	s->redact->keys.fold = true;
	s->redact->in_text = c->keys->count > 0;
	key_list_add(c->keys, &s->redact->keys);
	detector_init(&s->redact->detector, read_detectors(c->detect));
	s->redact->with = (enum redact_with)c->with;
	s->redact->salt = bytes_of(c->salt ? c->salt : "");
	*ret = s;
	return 0;
}

/* Moves the buffer's text to memory that lasts as long as the record. The data is NULL if there is no room. */
static struct bytes moved(struct step *s, struct json_edit *e)
{
	size_t size = s->out.size;
	char *to = json_edit_room(e, size);

	if (to && size > 0) /* else all of it was removed, and the buffer may have no memory */
		memcpy(to, s->out.data, size);
	buffer_give_back(&s->out, BUFFER_KEPT);
	return (struct bytes){ to, size };
}

/* Redacts a member whose name is a key. Returns false if that failed. */
static bool take_out(struct step *s, struct json_edit *e, size_t i)
{
	struct bytes clean;

	if (s->redact->with == REDACT_REMOVE) {
		json_edit_drop(e, i);
		return true;
	}
	if (redact_whole(s->redact, json_edit_value(e, i), &s->out) == REDACT_FAILED)
		return false;
	clean = moved(s, e);
	if (clean.data)
		json_edit_replace(e, i, clean);
	return clean.data != NULL;
}

static bool may_hide(enum member_kind kind)
{
	return kind != MEMBER_TRUE && kind != MEMBER_FALSE && kind != MEMBER_NULL;
}

static bool clean_member(struct step *s, struct json_edit *e, size_t i)
{
	struct bytes value = json_edit_value(e, i), clean;
	enum redacted found;

	buffer_clear(&s->out);
	if (redact_is_key(s->redact, json_edit_name(e, i)))
		return take_out(s, e, i);
	if (!may_hide(json_kind(value)))
		return true;
	found = redact_json(s->redact, value, &s->out);
	if (found != REDACT_FOUND)
		return found == REDACT_NOTHING;
	clean = moved(s, e);
	if (clean.data)
		json_edit_replace(e, i, clean);
	return clean.data != NULL;
}

static bool clean_rest(struct step *s, struct json_edit *e)
{
	enum redacted found;
	struct bytes clean;

	buffer_clear(&s->out);
	found = redact_json(s->redact, e->rest, &s->out);
	if (found != REDACT_FOUND)
		return found == REDACT_NOTHING;
	clean = moved(s, e);
	if (clean.data)
		json_edit_rest(e, clean);
	return clean.data != NULL;
}

static enum step_answer apply(struct step *s, struct record *record)
{
	struct json_edit *e = record->edit;
	bool clean = true;

	for (size_t i = 0; i < e->count && clean; i++)
		clean = json_edit_gone(e, i) || clean_member(s, e, i);
	clean = clean && (e->rest.size == 0 || clean_rest(s, e));
	buffer_give_back(&s->out, BUFFER_KEPT);
	redact_give_back(s->redact, BUFFER_KEPT);
	return clean ? STEP_KEEP : STEP_DROP;
}

static enum step_answer apply_to_span(struct step *s, struct record *record)
{
	bool clean = otlp_redact_view(&s->spans, record->request, record->view);

	if (UNLIKELY(record->view->message.size > BUFFER_KEPT / 4)) /* it may have grown */
		otlp_redact_forget(&s->spans, BUFFER_KEPT);
	return clean ? STEP_KEEP : STEP_DROP;
}

const struct step_type step_redact = {
	.name = "redact",
	.summary = "Takes secrets and personal data out of log lines, by name and by pattern.",
	.signals = SIGNAL_LOGS,
	.options = rows,
	.config_size = sizeof(struct redact_config),
	.check = check,
	.create = create,
	.scratch = SCRATCH,
	.apply = apply,
	.destroy = destroy,
};

const struct step_type step_span_redact = {
	.name = "redact",
	.summary = "Takes secrets and personal data out of spans, by name and by pattern.",
	.signals = SIGNAL_TRACES,
	.options = rows,
	.config_size = sizeof(struct redact_config),
	.check = check,
	.create = create,
	.scratch = SPAN_SCRATCH,
	.apply = apply_to_span,
	.destroy = destroy,
};
