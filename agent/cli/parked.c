#include "cli/parked.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"
#include "base/writer.h"
#include "cli/ask.h"
#include "parked_text.h"

enum { DONE, NOT_ALL, NOBODY };
enum { PATH_MAX_BYTES = 1900, REASON_SHOWN = 160, SAID_MAX = 300 };

/* Paths of requests. */

static void put_escaped(struct writer *path, const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";

	for (; *text; text++)
		writer_printf(path, strchr(plain, *text) ? "%c" : "%%%02X", (unsigned char)*text);
}

/* The words of one OLD=NEW. */
static void put_rename(struct writer *path, const char *rename)
{
	const char *equal = strchr(rename, '=');
	char *from = oxp_strdup(rename);

	from[equal - rename] = '\0';
	writer_text(path, "&from=");
	put_escaped(path, from);
	writer_text(path, "&to=");
	put_escaped(path, equal + 1);
	free(from);
}

/* The path of a request, with what the command line says and a zero at its end. 0 or -errno. */
static int make_path(const struct cli_parked *c, const char *start, struct buffer *path)
{
	struct writer w;

	buffer_init(path, PATH_MAX_BYTES);
	writer_init(&w, path);
	writer_text(&w, start);
	if (c->destination) {
		writer_text(&w, "&destination=");
		put_escaped(&w, c->destination);
	}
	if (c->rename)
		put_rename(&w, c->rename);
	writer_bytes(&w, (struct bytes){ "", 1 });
	return writer_done(&w);
}

/* How a request ended. */
struct ending {
	unsigned status; /* 0: nobody answered */
	char error[256]; /* and why */
};

/* Where a list or a change has come to, or a record: what answers there may be another program. NULL: it is none. */
static json_t *read_answer(const struct buffer *body)
{
	json_t *json = json_loadb(body->data, body->size, JSON_ALLOW_NUL, NULL);

	if (json_is_integer(json_object_get(json, "after")) || json_is_integer(json_object_get(json, "id")))
		return json;
	json_decref(json);
	return NULL;
}

/* One line of what is wrong, which may quote a record. */
static void complain(struct bytes what)
{
	fputs("oxpecker: ", stderr);
	text_put(stderr, what);
	fputc('\n', stderr);
}

/* What the agent says, or another program. */
static void tell_refusal(const struct cli_parked *c, const struct cli_answer *a)
{
	char said[SAID_MAX];

	if (a->status == 200)
		snprintf(said, sizeof said, "what answers at %s is no agent: see `control` in its configuration",
			c->control);
	else
		snprintf(said, sizeof said, "%s: HTTP %u: %.*s", c->control, a->status,
			(int)(a->body.size < SAID_MAX ? a->body.size : SAID_MAX), a->body.size ? a->body.data : "");
	said[strcspn(said, "\n")] = '\0';
	complain(bytes_of(said));
}

/* What the agent answered as JSON, to be given back; or NULL. */
static json_t *ask(const struct cli_parked *c, const char *method, const char *start, struct ending *ret)
{
	struct cli_answer a = { .status = 0 };
	struct buffer path;
	json_t *json = NULL;

	*ret = (struct ending){ .error = "these words are too long" };
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

static int no_agent(const struct cli_parked *c, const struct ending *e)
{
	fprintf(stderr,
		"oxpecker: no agent at %s (%s)\n  Start it first, since replay and drop change its books; or is "
		"`control` another in its configuration?\n",
		c->control, e->error);
	return NOBODY;
}

/* Printing. */

/* What others wrote, on one line that does nothing to a terminal. The tree is ours, and so are its texts. */
static const char *text(const json_t *object, const char *key)
{
	char *value = (char *)json_string_value(json_object_get(object, key));

	if (value)
		text_one_line(value);
	return value ? value : "";
}

static long long number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void print_head(const struct cli_parked *c)
{
	if (!c->json)
		printf("%-8s %-24s %-32s %5s %9s  %s\n", "ID", "WHEN", "DESTINATION", "TRIES", "BYTES", "REASON");
}

static void print_json(const json_t *json, size_t form)
{
	char *line = json_dumps(json, form);

	if (line)
		text_put_json(stdout, bytes_of(line), true);
	putchar('\n');
	free(line);
}

static void print_row(const struct cli_parked *c, const json_t *row)
{
	const char *reason = text(row, "reason");

	if (c->json) {
		print_json(row, JSON_COMPACT);
		return;
	}
	printf("%-8lld %-24s %-32s %5lld %9lld  ", number(row, "id"), text(row, "at"), text(row, "destination"),
		number(row, "tries"), number(row, "bytes"));
	text_put(stdout, (struct bytes){ reason, strnlen(reason, REASON_SHOWN) });
	puts(json_is_true(json_object_get(row, "ready")) ? "" : "  (its file's position is not saved yet)");
}

static void print_line(struct bytes text)
{
	text_put(stdout, text);
	putchar('\n');
}

static void print_member(const char *name, const char *value)
{
	printf("%-12s ", name);
	print_line(bytes_of(value));
}

static void print_whole(const struct cli_parked *c, const json_t *row)
{
	static const char *const names[] = { "at", "signal", "source", "destination", "reason" };
	json_t *payload = json_object_get(row, "payload");

	if (c->json) {
		print_row(c, row);
		return;
	}
	printf("id           %lld\n", number(row, "id"));
	for (size_t i = 0; i < COUNT_OF(names); i++)
		print_member(names[i], text(row, names[i]));
	printf("tries        %lld\ngeneration   %lld\noffset       %lld\nbytes        %lld%s\n\n", number(row, "tries"),
		number(row, "generation"), number(row, "offset"), number(row, "bytes"),
		json_is_true(json_object_get(row, "damaged")) ? ", damaged" : "");
	if (json_is_string(payload))
		print_line((struct bytes){ json_string_value(payload), json_string_length(payload) });
	else if (payload)
		print_json(payload, JSON_INDENT(2));
}

/* Without an agent. */

struct reading {
	const struct cli_parked *c;
	uint64_t id; /* 0: all, as a list */
	size_t seen;
};

static void on_record(void *context, const struct state_parked *record)
{
	struct reading *r = context;
	struct buffer out;
	json_t *json = NULL;

	if ((r->id && record->id != r->id) ||
		(r->c->destination && strcmp(r->c->destination, record->destination) != 0))
		return;
	buffer_init(&out, PARKED_TEXT_MAX);
	if (parked_write(record, r->id != 0, &out) == 0)
		json = json_loadb(out.data, out.size, JSON_ALLOW_NUL, NULL);
	if (r->id)
		print_whole(r->c, json);
	else
		print_row(r->c, json);
	r->seen++;
	json_decref(json);
	buffer_done(&out);
}

static int read_folder(struct reading *r, const struct ending *e)
{
	int failed = state_parked_each(r->c->state, on_record, r);

	if (!failed)
		return DONE;
	fprintf(stderr, "oxpecker: no agent at %s (%s), and %s/state.db cannot be read: %s\n", r->c->control, e->error,
		r->c->state, strerror(-failed));
	return NOBODY;
}

/* Commands. */

static int list(const struct cli_parked *c)
{
	char start[64] = "/parked?after=0";
	struct ending e;
	json_t *page, *row;
	size_t i;

	print_head(c);
	while ((page = ask(c, "GET", start, &e))) {
		bool more = json_is_true(json_object_get(page, "more"));
		json_array_foreach(json_object_get(page, "records"), i, row)
			print_row(c, row);
		snprintf(start, sizeof start, "/parked?after=%lld", number(page, "after"));
		json_decref(page);
		if (!more)
			return DONE;
	}
	return e.status ? NOT_ALL : read_folder(&(struct reading){ .c = c }, &e);
}

static int show(const struct cli_parked *c, uint64_t id)
{
	struct reading r = { .c = c, .id = id };
	char start[64];
	struct ending e;
	json_t *record;
	int result;

	snprintf(start, sizeof start, "/parked/show?id=%llu", (unsigned long long)id);
	record = ask(c, "GET", start, &e);
	if (record) {
		print_whole(c, record);
		json_decref(record);
		return DONE;
	}
	if (e.status)
		return NOT_ALL;
	result = read_folder(&r, &e);
	if (result == DONE && r.seen == 0)
		fprintf(stderr, "oxpecker: no record of id %llu is parked\n", (unsigned long long)id);
	return r.seen ? DONE : result == DONE ? NOT_ALL : result;
}

/* What one or more slices came to. */
struct tally {
	long long done, refused, waiting;
	char error[320];
};

static void add_answer(struct tally *t, const json_t *answer)
{
	t->done += number(answer, "replayed") + number(answer, "dropped");
	t->refused += number(answer, "refused");
	t->waiting += number(answer, "waiting");
	if (!t->error[0])
		snprintf(t->error, sizeof t->error, "%s", text(answer, "error"));
}

/* Slice after slice, up to what was parked when the first was asked for. */
static int change_from(const struct cli_parked *c, const char *start, struct tally *t)
{
	char next[160];
	struct ending e;
	json_t *answer;
	bool more = true;

	snprintf(next, sizeof next, "%s", start);
	while (more) {
		answer = ask(c, "POST", next, &e);
		if (!answer)
			return e.status ? NOT_ALL : no_agent(c, &e);
		add_answer(t, answer);
		more = json_is_true(json_object_get(answer, "more"));
		snprintf(next, sizeof next, "/parked/%s?after=%lld&until=%lld", c->words[0], number(answer, "after"),
			number(answer, "until"));
		json_decref(answer);
	}
	return DONE;
}

static int change_one(const struct cli_parked *c, uint64_t id, struct tally *t)
{
	long long before = t->done + t->refused + t->waiting;
	char start[64];
	int result;

	snprintf(start, sizeof start, "/parked/%s?id=%llu", c->words[0], (unsigned long long)id);
	result = change_from(c, start, t);
	if (result != DONE || t->done + t->refused + t->waiting > before || t->error[0])
		return result;
	fprintf(stderr, "oxpecker: %llu: no such record is parked, or its file's position is not saved yet\n",
		(unsigned long long)id);
	return NOT_ALL;
}

static int print_tally(const struct cli_parked *c, const struct tally *t, int result)
{
	json_t *json = json_pack("{s:I,s:I,s:I,s:s}", strcmp(c->words[0], "drop") == 0 ? "dropped" : "replayed",
		(json_int_t)t->done, "refused", (json_int_t)t->refused, "waiting", (json_int_t)t->waiting, "error",
		t->error);

	if (c->json) {
		json_dumpf(json, stdout, JSON_COMPACT);
		putchar('\n');
	} else if (strcmp(c->words[0], "drop") == 0) {
		printf("%lld dropped\n", t->done);
	} else {
		printf("%lld delivered, %lld refused again, %lld on their way\n", t->done, t->refused, t->waiting);
	}
	json_decref(json);
	if (t->error[0])
		complain(bytes_of(t->error));
	return result == DONE && (t->refused || t->waiting || t->error[0]) ? NOT_ALL : result;
}

static int change(const struct cli_parked *c, const uint64_t *ids, size_t count)
{
	struct tally t = { .done = 0 };
	char start[64];
	int result = DONE;

	if (c->all) {
		snprintf(start, sizeof start, "/parked/%s?after=0", c->words[0]);
		result = change_from(c, start, &t);
	}
	for (size_t i = 0; i < count && result != NOBODY; i++) {
		int one = change_one(c, ids[i], &t);
		result = one ? one : result;
	}
	return result == NOBODY ? result : print_tally(c, &t, result);
}

static int wrong(const char *why)
{
	fprintf(stderr, "oxpecker: parked: %s; see oxpecker parked --help\n", why);
	return NOBODY;
}

static const char *complaint(const struct cli_parked *c, bool changes)
{
	const char *equal = c->rename ? strchr(c->rename, '=') : NULL;

	if (c->rename && (strcmp(c->words[0], "replay") != 0 || !equal || equal == c->rename || !equal[1]))
		return "--rename OLD=NEW belongs to replay";
	if (c->all && !changes)
		return "--all belongs to replay and drop";
	if (c->all && c->count > 1)
		return "ids, or --all, not both";
	if (!c->all && c->count == 1)
		return changes ? "which? Ids as `parked ls` shows them, or --all"
			       : "which? Ids as `parked ls` shows them";
	return NULL;
}

static int run(const struct cli_parked *c, bool changes, const uint64_t *ids)
{
	int result = DONE;

	if (changes)
		return change(c, ids, c->count - 1);
	for (size_t i = 0; i + 1 < c->count && result != NOBODY; i++) {
		int one = show(c, ids[i]);
		result = one ? one : result;
	}
	return result;
}

int cli_parked(const struct cli_parked *c)
{
	const char *word = c->count ? c->words[0] : "";
	bool shows = strcmp(word, "show") == 0, changes = strcmp(word, "replay") == 0 || strcmp(word, "drop") == 0;
	const char *why = NULL;
	uint64_t *ids;
	int result;

	if (strcmp(word, "ls") == 0 && c->count == 1 && !c->all && !c->rename)
		return list(c);
	if (!shows && !changes)
		return wrong("ls, show, replay or drop?");
	why = complaint(c, changes);
	ids = oxp_new(c->count * sizeof *ids);
	for (size_t i = 1; i < c->count && !why; i++)
		if (!u64_parse(bytes_of(c->words[i]), &ids[i - 1]) || ids[i - 1] == 0)
			why = "an id is a number, as `parked ls` shows it";
	result = why ? wrong(why) : run(c, changes, ids);
	free(ids);
	return result;
}
