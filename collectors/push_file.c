#include "collectors/push_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json_writer.h"
#include "base/path.h"
#include "component.h"

enum {
	LOOK_MS = 2000,
	SWEPT_AT_ONCE = 200, /* records */
	PART_OVERHEAD = SUMS_RECORD_MAX - PUSH_PART_MAX, /* at least what a record has beside its bytes */
	PART_LEAST = 512, /* of a record, unless it is the last of its page */
};

static const char *why_of(int failed)
{
	return failed == -ENOSPC  ? "no room on the disk, or in the 64 MiB that it may have"
	       : failed == -E2BIG ? "a series whose name and labels take more than 63 KiB"
				  : path_why(failed);
}

static bool is_open(const struct push_file *f)
{
	return f && f->file;
}

static void look_later(struct push_file *f)
{
	if (!loop_timer_pending(&f->look))
		loop_timer_set(&f->look, DURATION_MS(LOOK_MS));
}

/* What became of a write. */
static void note(struct push_file *f, int failed)
{
	*f->bytes = sums_file_size(f->file);
	if (!failed)
		return;
	++*f->failures;
	f->failed_since = true;
	if (failed == f->failed)
		return;
	f->failed = failed;
	host_log(f->host, LOG_LEVEL_ERROR,
		"not all that is pushed can be saved, and it would be missing after a restart or a kill: %s/%s: %s",
		host_state_path(f->host), f->name, why_of(failed));
}

void push_file_left_out(struct push_file *f, int failed)
{
	if (is_open(f))
		note(f, failed);
}

uint64_t push_file_number(struct push_file *f)
{
	return f ? ++f->last : 0;
}

void push_file_number_seen(struct push_file *f, uint64_t number)
{
	f->last = number > f->last ? number : f->last;
}

/* Records. */

static struct bytes bytes_of_value(const struct push_part_value *v)
{
	return (struct bytes){ (const char *)v, sizeof *v };
}

/* What is made is the key, and `rest` behind it. */
static int make_key(struct push_file *f, const struct push_part_key *k, struct bytes rest)
{
	buffer_clear(&f->key);
	if (buffer_append(&f->key, k, sizeof *k) < 0 || buffer_append(&f->key, rest.data, rest.size) < 0)
		return -ENOMEM;
	return 0;
}

static bool is_there(const struct push_file *f, const struct sums_place *place)
{
	return place->file == sums_file_number(f->file);
}

static void remove_record(struct push_file *f, struct sums_place *place)
{
	if (is_there(f, place))
		sums_file_remove(f->file, place, sizeof(struct push_part_value));
	loop_soon_run(&f->more);
}

/* Owners. */

static int write_owner(struct push_file *f, struct push_owner *o)
{
	const struct push_part_key k = { .kind = (uint8_t)o->kind, .owner = o->id };
	const struct push_part_value v = { .pushed = o->pushed.ns, .failed = o->failed.ns };
	int failed;

	if (is_there(f, &o->place))
		return sums_file_change(f->file, &o->place, bytes_of_value(&v));
	failed = make_key(f, &k, o->identity);
	if (!failed)
		failed = sums_file_add(f->file, buffer_bytes(&f->key), bytes_of_value(&v), &o->place);
	return failed;
}

static void list_owner(struct push_file *f, struct push_owner *o)
{
	if (!o->listed)
		LIST_INSERT_HEAD(&f->owners, o, entry);
	o->listed = true;
}

void push_file_own(struct push_file *f, struct push_owner *o)
{
	if (!is_open(f))
		return;
	list_owner(f, o);
	note(f, write_owner(f, o));
	look_later(f);
}

/* It leaves the file at once, and before any page of it can. If it has never been there, nothing else goes for it. */
void push_file_disown(struct push_file *f, struct push_owner *o)
{
	bool there;

	if (!o->listed)
		return;
	LIST_REMOVE(o, entry);
	o->listed = false;
	if (!is_open(f))
		return;
	there = is_there(f, &o->place);
	remove_record(f, &o->place);
	if (there)
		(void)sums_file_sweep(f->file, 1);
}

void push_file_adopt(struct push_file *f, struct push_owner *to, const struct push_owner *found, struct bytes identity)
{
	*to = *found;
	to->identity = identity;
	to->listed = false;
	list_owner(f, to);
}

/* Pages. */

static void set_state(struct push_file *f, struct push_saved *s, enum push_saved_state state)
{
	f->unsaved += (size_t)(state == PUSH_UNSAVED) - (size_t)(s->state == PUSH_UNSAVED);
	s->state = state;
}

static struct push_saved *new_saved(struct push_file *f)
{
	struct push_saved *s = oxp_new(sizeof *s);

	s->number = push_file_number(f);
	s->state = PUSH_SAVED;
	TAILQ_INSERT_TAIL(&f->pages, s, entry);
	++*f->pages_shown;
	return s;
}

struct push_saved *push_file_page(
	struct push_file *f, uint64_t owner, struct bytes text, enum exposition_format format, bool replaces)
{
	struct push_saved *s;

	if (!is_open(f))
		return NULL;
	s = new_saved(f);
	s->owner = owner;
	s->text = text.size > 0 ? text : bytes_of("");
	s->format = format;
	s->replaces = replaces;
	set_state(f, s, PUSH_UNSAVED);
	look_later(f);
	return s;
}

/* Records of few sizes, since what one leaves is for others of its size. */
static size_t part_size(size_t left)
{
	size_t record = SUMS_RECORD_MAX;

	while (record > PART_LEAST && record - PART_OVERHEAD > left)
		record /= 2;
	return smaller(left, record - PART_OVERHEAD);
}

static int add_part(struct push_file *f, struct push_saved *s, const struct push_part_key *k, struct bytes part)
{
	struct sums_place *parts = oxp_grow(s->parts, &s->room, s->count + 1, sizeof *parts);
	const struct push_part_value none = { 0 };
	int failed;

	if (!parts)
		return -ENOMEM;
	s->parts = parts;
	failed = make_key(f, k, part);
	if (!failed)
		failed = sums_file_add(f->file, buffer_bytes(&f->key), bytes_of_value(&none), &parts[s->count]);
	if (failed)
		return failed;
	s->count++;
	s->at += part.size;
	return 0;
}

static int save_part(struct push_file *f, struct push_saved *s)
{
	size_t left = s->text.size - s->at, size = part_size(left);
	const struct push_part_key k = { .kind = PUSH_PART_PAGE,
		.format = (uint8_t)s->format,
		.replaces = s->replaces,
		.owner = s->owner,
		.number = s->number,
		.at = s->at,
		.total = s->text.size };

	return add_part(f, s, &k, (struct bytes){ s->text.data + s->at, size });
}

/* Half of it is of no use. */
static void clear_parts(struct push_file *f, struct push_saved *s)
{
	for (size_t i = 0; i < s->count; i++)
		remove_record(f, &s->parts[i]);
	s->count = s->at = 0;
}

bool push_file_some(struct push_file *f, struct push_saved *s, size_t bytes)
{
	size_t end;

	if (!s || !is_open(f) || s->state != PUSH_UNSAVED)
		return false;
	end = s->at + bytes;
	do {
		int failed = save_part(f, s);
		note(f, failed);
		if (failed) {
			clear_parts(f, s);
			set_state(f, s, PUSH_NOT_SAVED);
			return false;
		}
	} while (s->at < smaller(end, s->text.size));
	if (s->at < s->text.size)
		return true;
	set_state(f, s, PUSH_SAVED);
	return false;
}

void push_file_mark(struct push_file *f, struct push_saved *s)
{
	struct push_part_value v = { 0 };

	if (!s || !is_open(f))
		return;
	s->text = (struct bytes){ NULL, 0 };
	if (s->state == PUSH_UNSAVED) {
		clear_parts(f, s);
		set_state(f, s, PUSH_NOT_SAVED);
	}
	s->marked = v.marked = push_file_number(f);
	if (s->count > 0 && is_there(f, &s->parts[0]))
		note(f, sums_file_change(f->file, &s->parts[0], bytes_of_value(&v)));
}

void push_file_remove(struct push_file *f, struct push_saved *s)
{
	if (!s)
		return;
	if (is_open(f))
		clear_parts(f, s);
	set_state(f, s, PUSH_SAVED);
	TAILQ_REMOVE(&f->pages, s, entry);
	--*f->pages_shown;
	free(s->parts);
	free(s);
}

void push_file_adopt_page(struct push_file *f, struct push_saved *s, struct bytes text)
{
	s->text = text;
	s->at = text.size;
	s->state = PUSH_SAVED;
	TAILQ_INSERT_TAIL(&f->pages, s, entry);
	++*f->pages_shown;
}

/* Sums. */

struct push_saved *push_file_sum(struct push_file *f)
{
	struct push_saved *s;

	if (!is_open(f))
		return NULL;
	s = new_saved(f);
	s->format = EXPOSITION_TEXT;
	set_state(f, s, PUSH_UNSAVED);
	return s;
}

void push_file_owe_sum(struct push_file *f, bool owed)
{
	if (!is_open(f))
		return;
	f->owes_sum = owed;
	look_later(f);
}

int push_file_sum_put(struct push_file *f, struct push_saved *s, struct bytes part, bool last)
{
	const struct push_part_key k = { .kind = PUSH_PART_SUM,
		.format = (uint8_t)s->format,
		.number = s->number,
		.at = s->at,
		.total = last ? s->at + part.size : 0 };
	int failed = add_part(f, s, &k, part);

	note(f, failed);
	if (!failed && last)
		set_state(f, s, PUSH_SAVED);
	return failed;
}

/* From time to time. */

/* All of it is written anew; sums, and pages that are marked, by whoever has the sum. */
static void lose(struct push_file *f)
{
	struct push_saved *s;

	host_log(f->host, LOG_LEVEL_ERROR, "%s/%s was removed, replaced or cut while it was open; it is written anew",
		host_state_path(f->host), f->name);
	f->losses++;
	TAILQ_FOREACH(s, &f->pages, entry) {
		s->count = s->at = 0;
		if (s->state == PUSH_SAVED)
			set_state(f, s, PUSH_NOT_SAVED);
	}
}

/* Whether all is there, or is on its way. */
static bool retry(struct push_file *f)
{
	struct push_owner *o;
	struct push_saved *s;

	TAILQ_FOREACH(s, &f->pages, entry)
		if (s->state == PUSH_NOT_SAVED && s->text.data)
			set_state(f, s, PUSH_UNSAVED);
	LIST_FOREACH(o, &f->owners, entry)
	if (!is_there(f, &o->place))
		note(f, write_owner(f, o));
	return !f->failed_since && !f->owes_sum;
}

static void on_look(void *context)
{
	struct push_file *f = context;

	if (!is_open(f))
		return;
	if (!sums_file_look(f->file))
		lose(f);
	if (retry(f) && f->failed) {
		f->failed = 0;
		host_log(f->host, LOG_LEVEL_INFO, "what is pushed is saved again");
	}
	f->failed_since = false;
	loop_soon_run(&f->more);
	if (f->looked)
		f->looked(f->context);
	if (!TAILQ_EMPTY(&f->pages) || !LIST_EMPTY(&f->owners) || f->failed || f->owes_sum)
		look_later(f);
}

/* The next one that is not saved, and that nobody saves otherwise. */
static void save_some(struct push_file *f)
{
	size_t left = PUSH_SAVED_AT_ONCE;
	struct push_saved *s;

	TAILQ_FOREACH(s, &f->pages, entry) {
		size_t at = s->at;
		if (s->state != PUSH_UNSAVED || !s->text.data)
			continue;
		(void)push_file_some(f, s, left);
		left -= smaller(left, s->at > at ? s->at - at : left);
		if (left == 0)
			return;
	}
}

static void on_more(void *context)
{
	struct push_file *f = context;

	if (!is_open(f))
		return;
	if (f->unsaved > 0)
		save_some(f);
	if (f->unsaved > 0 || sums_file_sweep(f->file, SWEPT_AT_ONCE))
		loop_soon_run(&f->more);
	note(f, 0);
}

/* Life. */

static void count_in(struct push_file *f)
{
	f->pages_shown =
		host_gauge(f->host, "saved_pages", "Pages and sums of what was pushed that outlive the process.");
	f->bytes = host_gauge(f->host, "saved_pages_bytes", "What their file takes of the disk.");
	f->failures = host_counter(
		f->host, "saved_pages_failures_total", "Times that something that was pushed could not be saved.");
	f->lost = host_counter(
		f->host, "saved_pages_damaged_total", "Pieces of what the last run had saved that could not be read.");
}

void push_file_init(struct push_file *f, struct host *host)
{
	struct sums_options o = { .folder = host_state_path(host), .seed = host_state_id(host) };
	enum sums_found found;
	int failed;

	*f = (struct push_file){ .host = host };
	TAILQ_INIT(&f->pages);
	LIST_INIT(&f->owners);
	buffer_init(&f->key, SUMS_RECORD_MAX);
	snprintf(f->name, sizeof f->name, "%s.pages", host_name(host));
	o.name = f->name;
	loop_timer_init(&f->look, host_loop(host), on_look, f);
	loop_soon_init(&f->more, host_loop(host), on_more, f);
	count_in(f);
	failed = sums_file_open(&o, &f->file, &found);
	if (found == SUMS_SET_ASIDE)
		host_log(host, LOG_LEVEL_WARN,
			"%s was not a file of pages of this state folder and this version; it was renamed to "
			"%s.corrupt-N, and nothing of it is shown",
			f->name, f->name);
	note(f, failed);
	if (failed)
		look_later(f);
}

void push_file_watch(struct push_file *f, void (*looked)(void *context), void *context)
{
	if (!f)
		return;
	f->looked = looked;
	f->context = context;
}

/* Numbers are beyond those of what could not be read. */
void push_file_found(struct push_file *f, size_t pages, size_t damaged, int failed)
{
	f->last += failed ? UINT64_C(1) << 32 : 0;
	note(f, failed);
	f->restored = pages;
	f->damaged = damaged;
	*f->lost += damaged;
	if (damaged > 0)
		host_log(f->host, LOG_LEVEL_WARN,
			"%zu pieces of %s cannot be read and are gone: the disk, another program, or no room", damaged,
			f->name);
	if (pages > 0)
		host_log(f->host, LOG_LEVEL_INFO, "goes on with %zu pages and sums of the last run", pages);
	loop_soon_run(&f->more);
	look_later(f);
}

void push_file_end(struct push_file *f)
{
	struct push_saved *s;

	if (!is_open(f))
		return;
	TAILQ_FOREACH(s, &f->pages, entry)
		while (s->text.data && push_file_some(f, s, SIZE_MAX / 2))
			;
}

void push_file_close(struct push_file *f)
{
	sums_file_close(f->file);
	f->file = NULL;
}

void push_file_done(struct push_file *f)
{
	if (!f->host)
		return;
	push_file_close(f);
	OXP_ASSERT(TAILQ_EMPTY(&f->pages) && LIST_EMPTY(&f->owners));
	buffer_done(&f->key);
	loop_timer_done(&f->look);
	loop_soon_done(&f->more);
}

void push_file_report(const struct push_file *f, struct json_writer *w)
{
	if (!is_open(f))
		return;
	json_put_object(w, "saved");
	json_put_u64(w, "pages", *f->pages_shown);
	json_put_u64(w, "bytes", *f->bytes);
	json_put_u64(w, "restored", f->restored);
	json_put_u64(w, "damaged", f->damaged);
	json_put_string(w, "error", f->failed ? why_of(f->failed) : "");
	json_put_end(w);
}
