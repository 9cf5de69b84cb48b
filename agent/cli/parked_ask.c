#include "cli/parked_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/writer.h"
#include "cli/ask.h"
#include "cli/member.h"

enum { PATH_MAX_BYTES = 1900, SAID_MAX = 300 };

/* Paths of requests. */

static void put_escaped(struct writer *w, struct bytes text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";

	for (size_t i = 0; i < text.size; i++)
		if (strchr(plain, text.data[i]))
			writer_bytes(w, (struct bytes){ text.data + i, 1 });
		else
			writer_printf(w, "%%%02X", (unsigned char)text.data[i]);
}

/* OLD=NEW as parameters of the request. */
static void put_rename(struct writer *w, const char *rename)
{
	const char *equal = strchr(rename, '=');

	writer_text(w, "&from=");
	put_escaped(w, (struct bytes){ rename, (size_t)(equal - rename) });
	writer_text(w, "&to=");
	put_escaped(w, bytes_of(equal + 1));
}

/* Makes a terminated path from `start` and the options of the command line. 0 or -errno. */
static int make_path(const struct cli_parked_call *c, const char *start, struct buffer *path)
{
	struct writer w;

	buffer_init(path, PATH_MAX_BYTES);
	writer_init(&w, path);
	writer_text(&w, start);
	if (c->destination) {
		writer_text(&w, "&destination=");
		put_escaped(&w, bytes_of(c->destination));
	}
	if (c->rename)
		put_rename(&w, c->rename);
	writer_bytes(&w, (struct bytes){ "", 1 });
	return writer_done(&w);
}

/* Returns the answer if it is a record, or says how far a list or a change has come. Returns NULL if it is neither,
 * since another program may answer at that address. */
static json_t *read_answer(const struct buffer *body)
{
	json_t *json = json_loadb(body->data, body->size, JSON_ALLOW_NUL, NULL);

	if (json_is_integer(json_object_get(json, "after")) || json_is_integer(json_object_get(json, "id")))
		return json;
	json_decref(json);
	return NULL;
}

void cli_parked_complain(struct bytes what)
{
	fputs("oxpecker: ", stderr);
	text_put(stderr, what);
	fputc('\n', stderr);
}

/* Prints the refusal of the agent, or of another program that answered. */
static void tell_refusal(const struct cli_parked_call *c, const struct cli_answer *a)
{
	char said[SAID_MAX];

	if (a->status == 200)
		snprintf(said, sizeof said, "what answers at %s is not an agent; check `control` in the configuration",
			c->control);
	else
		snprintf(said, sizeof said, "%s: HTTP %u: %.*s", c->control, a->status,
			(int)(a->body.size < SAID_MAX ? a->body.size : SAID_MAX), a->body.size ? a->body.data : "");
	said[strcspn(said, "\n")] = '\0';
	cli_parked_complain(bytes_of(said));
}

json_t *cli_parked_ask(
	const struct cli_parked_call *c, const char *method, const char *start, struct cli_parked_ending *ret)
{
	struct cli_answer a = { .status = 0 };
	struct buffer path;
	json_t *json = NULL;

	*ret = (struct cli_parked_ending){ .error = "the command line is too long" };
	if (!make_path(c, start, &path)) {
		cli_ask(method, c->control, path.data, &a);
		ret->status = a.status;
		snprintf(ret->error, sizeof ret->error, "%s", a.error);
		json = a.status == 200 ? read_answer(&a.body) : NULL;
		if (a.status && !json)
			tell_refusal(c, &a);
		buffer_done(&a.body);
	}
	buffer_done(&path);
	return json;
}

enum cli_parked_next cli_parked_next(const struct cli_parked_call *c, const json_t *page, long long *after)
{
	bool more = json_is_true(json_object_get(page, "more")), further = member_number(page, "after") > *after;

	*after = member_number(page, "after");
	if (more && !further)
		fprintf(stderr,
			"oxpecker: the answer from %s has no end: it says that there is more, and repeats itself\n",
			c->control);
	return !more ? CLI_PARKED_LAST : further ? CLI_PARKED_MORE : CLI_PARKED_STUCK;
}
