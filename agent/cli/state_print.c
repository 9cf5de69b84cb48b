#include "cli/state_print.h"

#include <stdio.h>

#include "base/json_writer.h"
#include "base/text.h"
#include "cli/screen.h"

enum { NAME_WIDTH = 34, JSON_MAX = 1 << 20, ID_TEXT = 17 };

static void id_text(uint64_t id, char to[ID_TEXT])
{
	snprintf(to, ID_TEXT, "%016llx", (unsigned long long)id);
}

static void print_json(struct json_writer *w, struct buffer *out)
{
	json_put_end(w);
	json_put_line_end(w);
	if (json_writer_done(w) == 0)
		fwrite(out->data, 1, out->size, stdout);
	buffer_done(out);
}

static void put_manifest(struct json_writer *w, const struct backup_manifest *m)
{
	char id[ID_TEXT];

	id_text(m->state, id);
	json_put_string(w, "state", id);
	json_put_string(w, "made", m->made);
	json_put_string(w, "program", m->program);
}

/* Done. */

static uint64_t bytes_in(const struct backup_manifest *m)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < m->count; i++)
		sum += m->files[i].size;
	return sum;
}

void cli_state_print_done(const char *did, const char *path, const struct backup_manifest *m, bool as_json)
{
	char size[SCREEN_WORDS];
	struct json_writer w;
	struct buffer out;

	if (!as_json) {
		screen_size((long long)bytes_in(m), size);
		printf("%s ", did);
		text_put(stdout, bytes_of(path));
		printf(": %zu files, %s, of state %016llx as of %s\n", m->count, size, (unsigned long long)m->state,
			m->made);
		return;
	}
	buffer_init(&out, JSON_MAX);
	json_writer_init(&w, &out);
	json_put_object(&w, NULL);
	json_put_string(&w, "path", path);
	put_manifest(&w, m);
	json_put_u64(&w, "files", m->count);
	json_put_u64(&w, "bytes", bytes_in(m));
	print_json(&w, &out);
}

/* The report. */

struct count {
	const char *name, *words;
	uint64_t number;
	bool is_size;
};
enum { COUNTS = 8 };

static void list_counts(const struct verify_contents *h, struct count to[COUNTS])
{
	const struct count all[COUNTS] = {
		{ "positions", "positions of files", h->positions, false },
		{ "spooled", "requests in the spool", h->spooled, false },
		{ "spool_bytes", "bytes of them", h->spool_bytes, true },
		{ "parked", "parked records", h->parked, false },
		{ "parked_bytes", "bytes of them", h->parked_bytes, true },
		{ "logs", "lines in the store", h->logs, false },
		{ "spans", "spans in the store", h->spans, false },
		{ "samples", "samples in the store", h->samples, false },
	};

	memcpy(to, all, sizeof all);
}

static void put_files(struct json_writer *w, const struct verify_report *r)
{
	json_put_array(w, "files");
	for (size_t i = 0; i < r->count; i++) {
		json_put_object(w, NULL);
		json_put_string(w, "name", r->files[i].name);
		json_put_u64(w, "bytes", r->files[i].size);
		json_put_string(w, "wrong", r->files[i].wrong);
		json_put_end(w);
	}
	json_put_end(w);
}

static void print_report_json(const char *path, const struct verify_report *r)
{
	struct count counts[COUNTS];
	struct backup_manifest m = { .state = r->has.state };
	struct json_writer w;
	struct buffer out;

	list_counts(&r->has, counts);
	buffer_init(&out, JSON_MAX);
	json_writer_init(&w, &out);
	json_put_object(&w, NULL);
	json_put_string(&w, "path", path);
	json_put_string(&w, "kind", r->backup ? "backup" : "state");
	json_put_bool(&w, "whole", r->whole);
	json_put_bool(&w, "restoring", r->restoring);
	put_manifest(&w, r->backup ? &r->manifest : &m);
	for (size_t i = 0; i < COUNTS; i++)
		json_put_u64(&w, counts[i].name, counts[i].number);
	put_files(&w, r);
	print_json(&w, &out);
}

static void print_files(const struct screen *s, const struct verify_report *r)
{
	char size[SCREEN_WORDS];
	bool first = true;

	for (size_t i = 0; i < r->count; i++) {
		const struct verify_file *f = &r->files[i];
		screen_head(s, &first, "FILE                                  SIZE  IT IS");
		screen_name(f->name, NAME_WIDTH);
		screen_size((long long)f->size, size);
		printf("%8s  ", size);
		if (f->wrong[0])
			screen_bad(s, "not whole");
		else
			screen_good(s, "whole");
		putchar('\n');
		if (f->wrong[0])
			screen_wrapped(2, f->wrong);
	}
}

static void print_counts(const struct verify_contents *h)
{
	struct count counts[COUNTS];
	char size[SCREEN_WORDS];

	list_counts(h, counts);
	putchar('\n');
	for (size_t i = 0; i < COUNTS; i++) {
		snprintf(size, sizeof size, "%llu", (unsigned long long)counts[i].number);
		if (counts[i].is_size)
			screen_size((long long)counts[i].number, size);
		printf("%12s  %s\n", size, counts[i].words);
	}
}

void cli_state_print_report(const char *path, const struct verify_report *r, bool as_json)
{
	struct screen s = screen_of_stdout();

	if (as_json) {
		print_report_json(path, r);
		return;
	}
	text_put(stdout, bytes_of(path));
	printf("\n%s, ", r->backup ? "a backup" : "a state folder");
	if (r->whole)
		screen_good(&s, "whole");
	else
		screen_bad(&s, "not whole");
	printf("; state %016llx\n", (unsigned long long)r->has.state);
	if (r->backup)
		printf("made %s by oxpecker %s\n", r->manifest.made, r->manifest.program);
	if (r->restoring)
		puts("a restore into it has not ended; the next start of the agent ends it");
	print_files(&s, r);
	print_counts(&r->has);
}
