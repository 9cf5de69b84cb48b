/*
 * tree_expand(): puts in what ${…} and $$ stand for.
 *
 * It runs after parsing and only on values, so that nothing from outside can become a key or a list. Inserted text is
 * copied and never expanded again. A lone dollar sign is an error: a password that contains one would otherwise be
 * changed silently.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/tree.h"

struct expansion {
	struct tree *tree;
	const struct config_world *world;
	struct node *node;
	struct buffer out;
	bool failed, from_file;
};

static void fail(struct expansion *x, const char *what, struct bytes about)
{
	if (!x->failed)
		node_complain(x->tree->errors, x->node, "%s %s",
			config_quote(x->tree->arena, config_copy(x->tree->arena, about.data, about.size)), what);
	x->failed = true;
}

static void put(struct expansion *x, const char *data, size_t size)
{
	if (!x->failed && size > 0 && buffer_append(&x->out, data, size) < 0) {
		node_complain(x->tree->errors, x->node, "is longer than 64 KiB after expansion");
		x->failed = true;
	}
}

static size_t name_size(struct bytes text)
{
	size_t n = 0;

	for (; n < text.size; n++) {
		char c = text.data[n];
		bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
		if (!letter && !(n > 0 && c >= '0' && c <= '9'))
			break;
	}
	return n;
}

static void put_variable(struct expansion *x, struct bytes inside)
{
	size_t size = name_size(inside);
	bool has_default = inside.size >= size + 2 && memcmp(inside.data + size, ":-", 2) == 0;
	const char *value;

	if (size == 0 || (size < inside.size && !has_default)) {
		if (x->node->key && config_sounds_secret(x->node->key, strlen(x->node->key)))
			inside = bytes_of("what stands in ${}"); /* which may be the secret itself */
		fail(x, "is not ${NAME}, ${NAME:-default} or ${file:/path}", inside);
		return;
	}
	value = x->world->variable(x->world->context, config_copy(x->tree->arena, inside.data, size));
	if (has_default && (!value || !*value))
		put(x, inside.data + size + 2, inside.size - size - 2);
	else if (value)
		put(x, value, strlen(value));
	else
		fail(x, "is not set in the environment; write ${NAME:-default} if it may be missing",
			(struct bytes){ inside.data, size });
}

static const char *file_fault(int failed)
{
	switch (failed) {
	case -ENOENT:
	case -ENOTDIR:
		return "is not there";
	case -EACCES:
	case -EPERM:
		return "may not be read by this user";
	case -ENOSPC:
		return "is larger than 64 KiB";
	case -EINVAL:
		return "is not a regular file";
	default:
		return "cannot be read";
	}
}

static void put_content(struct expansion *x, struct bytes path, struct bytes content)
{
	if (content.size > 0 && content.data[content.size - 1] == '\n')
		content.size--;
	if (content.size > 0 && memchr(content.data, '\0', content.size))
		fail(x, "contains a zero byte", path);
	else
		put(x, content.data, content.size);
}

static void remember_source(struct tree *t, const char *written, const char *text)
{
	struct tree_source *s = config_alloc(t->arena, sizeof *s);

	*s = (struct tree_source){ .next = t->sources, .written = written, .text = text };
	t->sources = s;
}

/* A name without a folder is that of a credential, as systemd hands them over. */
static const char *file_name(struct expansion *x, struct bytes path)
{
	const char *name = config_copy(x->tree->arena, path.data, path.size);
	const char *folder = x->world->variable(x->world->context, "CREDENTIALS_DIRECTORY");

	return folder && *folder && !strchr(name, '/') ? config_printf(x->tree->arena, "%s/%s", folder, name) : name;
}

static void put_file(struct expansion *x, struct bytes path)
{
	const char *name = file_name(x, path);
	struct buffer content;
	int failed;

	path = bytes_of(name);
	x->node->secret = true;
	buffer_init(&content, TREE_VALUE_MAX);
	failed = x->world->file(x->world->context, name, &content);
	if (failed)
		fail(x, file_fault(failed), path);
	else
		put_content(x, path, buffer_bytes(&content));
	x->from_file = true;
	if (content.data)
		explicit_bzero(content.data, content.room);
	buffer_done(&content);
}

/* `p` is behind a dollar sign. Returns where to continue. */
static const char *put_one(struct expansion *x, const char *p)
{
	const char *end;

	if (*p == '$') {
		put(x, "$", 1);
		return p + 1;
	}
	if (*p != '{') {
		fail(x, "is a lone dollar sign; write ${NAME} for a variable, $$ for a dollar sign", bytes_of("$"));
		return p;
	}
	end = strchr(p, '}');
	if (!end) {
		fail(x, "has no }", bytes_of("${"));
		return p;
	}
	if (strncmp(p, "{file:", 6) == 0)
		put_file(x, (struct bytes){ p + 6, (size_t)(end - p) - 6 });
	else
		put_variable(x, (struct bytes){ p + 1, (size_t)(end - p) - 1 });
	return end + 1;
}

static void expand_node(struct expansion *x)
{
	const char *written = x->node->text, *p = written, *dollar;

	for (; !x->failed && (dollar = strchr(p, '$')); p = put_one(x, dollar + 1))
		put(x, p, (size_t)(dollar - p));
	put(x, p, strlen(p));
	x->tree->expanded += x->out.size;
	if (!x->failed && x->tree->expanded > TREE_EXPANSION_MAX)
		node_complain(x->tree->errors, x->node, "all ${…} together are longer than 4 MiB after expansion");
	x->node->written = written;
	x->node->text = config_copy(x->tree->arena, x->out.data, x->out.size);
	x->node->empty = x->out.size == 0 && !x->node->quoted;
	if (x->from_file)
		remember_source(x->tree, written, x->node->text);
}

int tree_expand(struct tree *t, const struct config_world *world)
{
	size_t before = t->errors->count;

	for (struct node *n = t->root; n && t->expanded <= TREE_EXPANSION_MAX && t->errors->count < CONFIG_ERRORS_MAX;
		n = node_after(t->root, n)) {
		struct expansion x = { .tree = t, .world = world, .node = n };
		if (n->kind != NODE_TEXT || n->verbatim || !strchr(n->text, '$'))
			continue;
		buffer_init(&x.out, TREE_VALUE_MAX);
		expand_node(&x);
		if (x.out.data)
			explicit_bzero(x.out.data, x.out.room);
		buffer_done(&x.out);
	}
	return t->errors->count == before ? 0 : -EINVAL;
}

int tree_text_now(const struct tree *t, const char *text, const struct config_world *world, struct buffer *to)
{
	const struct tree_source *s = t->sources;
	struct config_arena *arena;
	struct config_errors errors;
	struct node value;
	struct tree again;
	int failed;

	while (s && s->text != text)
		s = s->next;
	if (!s)
		return buffer_text(to, text);
	arena = config_arena_new();
	errors = (struct config_errors){ .arena = arena };
	value = (struct node){ .kind = NODE_TEXT, .text = s->written };
	tree_init(&again, arena, &errors);
	again.root = &value;
	failed = tree_expand(&again, world);
	if (!failed)
		failed = buffer_text(to, value.text);
	config_arena_free(arena);
	return failed;
}

/* The world as it is. */

static const char *system_variable(void *context, const char *name)
{
	(void)context;
	return getenv(name);
}

static int read_all(int fd, struct buffer *to)
{
	char piece[4096];
	ssize_t n;
	int failed = 0;

	while (!failed && (n = read(fd, piece, sizeof piece)) != 0)
		failed = n < 0 ? -errno : buffer_append(to, piece, (size_t)n);
	explicit_bzero(piece, sizeof piece);
	return failed;
}

static int system_file(void *context, const char *path, struct buffer *to)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), failed;
	struct stat stat;

	(void)context;
	if (fd < 0)
		return -errno;
	if (fstat(fd, &stat) < 0)
		failed = -errno;
	else
		failed = S_ISREG(stat.st_mode) ? read_all(fd, to) : -EINVAL;
	close(fd);
	return failed;
}

const struct config_world config_world_system = { .variable = system_variable, .file = system_file };
