#include "proto/backup_manifest.h"

#include <errno.h>

#include "base/text.h"
#include "base/writer.h"

static const char first_words[] = "# oxpecker backup ";
static const char first_line[] = "# oxpecker backup 1";
enum { ID_SIZE = 8 };

/* Names. */

static bool ends_with(struct bytes b, const char *end)
{
	size_t n = strlen(end);

	return b.size > n && memcmp(b.data + b.size - n, end, n) == 0;
}

/* sha256sum writes a backslash in another way. */
static bool is_plain(struct bytes name)
{
	for (size_t i = 0; i < name.size; i++)
		if ((unsigned char)name.data[i] < ' ' || strchr("/\\\x7f", name.data[i]))
			return false;
	return name.size > 0 && name.size < BACKUP_NAME_MAX && name.data[0] != '.';
}

bool backup_name_fits(struct bytes name)
{
	static const char *const names[] = { "state.db", "store.db", "ledger" };

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (bytes_are(name, names[i]))
			return true;
	return is_plain(name) && (ends_with(name, ".sums") || ends_with(name, ".pages"));
}

const struct backup_file *backup_manifest_find(const struct backup_manifest *m, const char *name)
{
	for (size_t i = 0; i < m->count; i++)
		if (strcmp(m->files[i].name, name) == 0)
			return &m->files[i];
	return NULL;
}

/* Writing. */

static void sum_of(struct bytes b, unsigned char to[SHA256_SIZE])
{
	struct sha256 s;

	sha256_begin(&s);
	sha256_add(&s, b);
	sha256_end(&s, to);
}

static void write_file(struct writer *w, const struct backup_file *f)
{
	char sum[SHA256_TEXT] = "";

	hex_format(f->sum, sizeof f->sum, sum);
	writer_printf(w, "# bytes %llu\n%s  %s\n", (unsigned long long)f->size, sum, f->name);
}

int backup_manifest_write(const struct backup_manifest *m, struct buffer *to)
{
	unsigned char sum[SHA256_SIZE];
	char text[SHA256_TEXT] = "";
	struct writer w;
	size_t start = to->size;
	int failed;

	writer_init(&w, to);
	writer_printf(&w, "%s\n# program %s\n# made %s\n# state %016llx\n", first_line, m->program, m->made,
		(unsigned long long)m->state);
	for (size_t i = 0; i < m->count; i++)
		write_file(&w, &m->files[i]);
	failed = writer_done(&w);
	if (failed)
		return failed;
	sum_of((struct bytes){ to->data + start, to->size - start }, sum);
	hex_format(sum, sizeof sum, text);
	return buffer_printf(to, "# end %s\n", text);
}

/* Reading. */

struct reading {
	struct bytes left;
	const char *start;
};

/* The line without its end; false: there is none. */
static bool next_line(struct reading *r, struct bytes *ret)
{
	const char *end = r->left.size ? memchr(r->left.data, '\n', r->left.size) : NULL;

	if (!end)
		return false;
	*ret = (struct bytes){ r->left.data, (size_t)(end - r->left.data) };
	r->left = (struct bytes){ end + 1, r->left.size - ret->size - 1 };
	return true;
}

static bool has_prefix(struct bytes line, const char *prefix, struct bytes *ret_rest)
{
	size_t n = strlen(prefix);

	if (line.size < n || memcmp(line.data, prefix, n) != 0)
		return false;
	*ret_rest = (struct bytes){ line.data + n, line.size - n };
	return true;
}

static bool read_word(struct reading *r, const char *prefix, char to[BACKUP_WORD_MAX])
{
	struct bytes line, word;

	if (!next_line(r, &line) || !has_prefix(line, prefix, &word) || word.size >= BACKUP_WORD_MAX)
		return false;
	for (size_t i = 0; i < word.size; i++)
		if (word.data[i] <= ' ' || word.data[i] > '~')
			return false;
	if (word.size > 0)
		memcpy(to, word.data, word.size);
	to[word.size] = '\0';
	return word.size > 0;
}

/* Lower case only, as it is written. */
static bool read_hex(struct bytes text, void *to, size_t size)
{
	for (size_t i = 0; i < text.size; i++)
		if (text.data[i] >= 'A' && text.data[i] <= 'F')
			return false;
	return text.size == 2 * size && hex_parse(text, to, size);
}

static bool read_state(struct reading *r, uint64_t *ret)
{
	unsigned char id[ID_SIZE];
	struct bytes line, text;
	uint64_t value = 0;

	if (!next_line(r, &line) || !has_prefix(line, "# state ", &text) || !read_hex(text, id, sizeof id))
		return false;
	for (size_t i = 0; i < sizeof id; i++)
		value = value << 8 | id[i];
	*ret = value;
	return true;
}

/* As it is written: without zeros before it. */
static bool read_size(struct bytes text, uint64_t *ret)
{
	return u64_parse(text, ret) && *ret <= BACKUP_SIZE_MAX && (text.data[0] != '0' || text.size == 1);
}

static bool read_name(struct backup_manifest *m, struct bytes name)
{
	struct backup_file *f = &m->files[m->count];

	if (!backup_name_fits(name) || (m->count == 0) != bytes_are(name, "state.db"))
		return false;
	memcpy(f->name, name.data, name.size);
	f->name[name.size] = '\0';
	return !backup_manifest_find(m, f->name);
}

/* Behind the line that says its size. */
static bool read_file(struct reading *r, struct bytes size, struct backup_manifest *m)
{
	const size_t hex = SHA256_TEXT - 1;
	struct backup_file *f = &m->files[m->count];
	struct bytes line;

	if (m->count == BACKUP_FILES_MAX || !read_size(size, &f->size) || !next_line(r, &line))
		return false;
	if (line.size < hex + 2 || line.data[hex] != ' ' || line.data[hex + 1] != ' ' ||
		!read_hex((struct bytes){ line.data, hex }, f->sum, sizeof f->sum) ||
		!read_name(m, (struct bytes){ line.data + hex + 2, line.size - hex - 2 }))
		return false;
	m->count++;
	return true;
}

/* Whether the last line is the sum of those before it, and nothing follows. */
static bool is_end(const struct reading *r, struct bytes line, struct bytes said)
{
	unsigned char sum[SHA256_SIZE], is[SHA256_SIZE];

	sum_of((struct bytes){ r->start, (size_t)(line.data - r->start) }, is);
	return r->left.size == 0 && read_hex(said, sum, sizeof sum) && memcmp(sum, is, sizeof sum) == 0;
}

static bool read_files(struct reading *r, struct backup_manifest *m)
{
	struct bytes line, rest;

	while (next_line(r, &line)) {
		if (has_prefix(line, "# end ", &rest))
			return m->count > 0 && is_end(r, line, rest);
		if (!has_prefix(line, "# bytes ", &rest) || !read_file(r, rest, m))
			return false;
	}
	return false;
}

int backup_manifest_read(struct bytes text, struct backup_manifest *ret)
{
	struct reading r = { text, text.data };
	struct bytes line, rest;

	memset(ret, 0, sizeof *ret);
	if (text.size > BACKUP_MANIFEST_MAX || !next_line(&r, &line) || !has_prefix(line, first_words, &rest))
		return -EBADMSG;
	if (!bytes_are(line, first_line))
		return -EPROTO;
	return read_word(&r, "# program ", ret->program) && read_word(&r, "# made ", ret->made) &&
			       read_state(&r, &ret->state) && read_files(&r, ret)
		       ? 0
		       : -EBADMSG;
}
