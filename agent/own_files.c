#include "own_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "component.h"

/* Names in the state folder. A dash or a dot with more text may follow them. */
static const char *const state_names[] = { "state.db", "store.db", "ledger", "lock" };
static const char *const state_tails[] = { "", "-wal", "-shm" };
static const char *const saved_endings[] = { ".sums", ".pages" }; /* behind the name of the component that saves it */

static const enum part readers[] = { PART_LOGS, PART_METRICS, PART_RECEIVE };
static const enum part savers[] = { PART_METRICS, PART_RECEIVE };
static const enum part writers[] = { PART_METRICS_OUT, PART_LOGS_OUT, PART_TRACES_OUT };

/* The configuration. */

static const char *without_links(struct agent_config *c, const char *path)
{
	char real[PATH_MAX];

	return path_without_links(path, real) < 0 ? path : config_copy(c->file->arena, real, strlen(real));
}

static const char *main_option(const struct config_component *k)
{
	const struct option *row = k->type->options;

	while (row->name && !row->main)
		row++;
	return row->name ? row->name : k->name;
}

static void complain(struct agent_config *c, const struct config_component *k, enum part part, const char *what)
{
	agent_config_complain(c, k, part, config_printf(c->file->arena, "%s: %s", main_option(k), what));
}

/* Returns the file of an exporter with links resolved, or NULL if it writes none. */
static const char *written_by(struct agent_config *c, const struct config_component *k)
{
	const struct exporter_type *type = k->type->type;
	const char *path = type->writes ? type->writes(k->options) : NULL;

	return path ? without_links(c, path) : NULL;
}

typedef bool fits_fn(const void *context, const char *path);

/* Returns the file of that component with that ending, if `fits` is true, or NULL. */
static const char *saved_file(
	struct agent_config *c, const char *component, const char *ending, fits_fn *fits, const void *context)
{
	const char *path = config_printf(c->file->arena, "%s/%s%s", c->state.path, component, ending);

	return fits(context, path) || fits(context, without_links(c, path)) ? path : NULL;
}

/* Of any component of metrics, whether it saves something or not. */
static const char *saved_files(struct agent_config *c, fits_fn *fits, const void *context)
{
	const char *found = NULL;

	for (size_t i = 0; i < COUNT_OF(savers); i++)
		for (const struct config_component *k = c->components[savers[i]]; k && !found; k = k->next) {
			const char *name = config_printf(c->file->arena, "%s.%s", part_path(savers[i]), k->name);
			for (size_t j = 0; j < COUNT_OF(saved_endings) && !found; j++)
				found = saved_file(c, name, saved_endings[j], fits, context);
		}
	return found;
}

/* Returns a file of the state for which `fits` is true, or NULL. */
static const char *state_file(struct agent_config *c, fits_fn *fits, const void *context)
{
	for (size_t i = 0; i < COUNT_OF(state_names) * COUNT_OF(state_tails); i++) {
		const char *path = config_printf(c->file->arena, "%s/%s%s", c->state.path,
			state_names[i / COUNT_OF(state_tails)], state_tails[i % COUNT_OF(state_tails)]);
		if (fits(context, path) || fits(context, without_links(c, path)))
			return path;
	}
	return saved_files(c, fits, context);
}

static bool is_same(const void *context, const char *path)
{
	return strcmp(context, path) == 0;
}

static void check_kind(struct agent_config *c, const struct config_component *k, enum part part, const char *path)
{
	struct stat info;

	if (stat(path, &info) == 0 && path_takes_lines(&info) < 0)
		complain(c, k, part, config_printf(c->file->arena, "%s: %s", path, path_why(-ENOTBLK)));
	if (state_file(c, is_same, path))
		complain(c, k, part,
			config_printf(c->file->arena, "%s is a file of the agent's state: give another path", path));
}

/* Compares each pair once: `k` comes after the components of its part that it is compared with. */
static void check_writers(struct agent_config *c, enum part part, const struct config_component *k, const char *path)
{
	for (size_t i = 0; i < COUNT_OF(writers) && writers[i] <= part; i++)
		for (const struct config_component *o = c->components[writers[i]]; o && o != k; o = o->next) {
			const char *other = written_by(c, o);
			if (other && strcmp(other, path) == 0)
				complain(c, k, part,
					config_printf(c->file->arena,
						"%s is written by %s.%s, too: give one of them another path", path,
						part_path(writers[i]), o->name));
		}
}

static void check_readers(struct agent_config *c, enum part part, const struct config_component *k, const char *path)
{
	for (size_t i = 0; i < COUNT_OF(readers); i++)
		for (const struct config_component *r = c->components[readers[i]]; r; r = r->next) {
			const struct collector_type *type = r->type->type;
			if (type->reads && type->reads(r->options, path))
				complain(c, r, readers[i],
					config_printf(c->file->arena,
						"%s is what %s.%s writes, and not the app: write it "
						"elsewhere, or leave it out (`exclude` of a tail)",
						path, part_path(part), k->name));
		}
}

static void check_state(struct agent_config *c)
{
	for (size_t i = 0; i < COUNT_OF(readers); i++)
		for (const struct config_component *r = c->components[readers[i]]; r; r = r->next) {
			const struct collector_type *type = r->type->type;
			const char *path = type->reads ? state_file(c, type->reads, r->options) : NULL;
			if (path)
				complain(c, r, readers[i],
					config_printf(c->file->arena,
						"%s is a file of the agent's state: leave it out (`exclude` of a tail)",
						path));
		}
}

int own_files_check(struct agent_config *c)
{
	for (size_t i = 0; i < COUNT_OF(writers); i++)
		for (const struct config_component *k = c->components[writers[i]]; k; k = k->next) {
			const char *path = written_by(c, k);
			if (!path)
				continue;
			check_kind(c, k, writers[i], path);
			check_writers(c, writers[i], k, path);
			check_readers(c, writers[i], k, path);
		}
	check_state(c);
	return c->file->errors.count > 0 ? -EINVAL : 0;
}

/* While we run. */

static bool is_in(const struct own_files *o, const struct stat *info)
{
	for (size_t i = 0; i < o->count; i++)
		if (o->files[i].device == info->st_dev && o->files[i].inode == info->st_ino)
			return true;
	return false;
}

static bool is_kept(int fd, struct stat *info)
{
	return fstat(fd, info) == 0 && (S_ISREG(info->st_mode) || S_ISFIFO(info->st_mode));
}

static bool has_ending(const char *name, const char *ending)
{
	const size_t n = strlen(ending);

	for (const char *at = strstr(name, ending); at; at = strstr(at + n, ending))
		if (strchr("-.", at[n]))
			return true;
	return false;
}

static bool is_state_name(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(state_names); i++) {
		size_t n = strlen(state_names[i]);
		if (strncmp(name, state_names[i], n) == 0 && strchr("-.", name[n]))
			return true;
	}
	for (size_t i = 0; i < COUNT_OF(saved_endings); i++)
		if (has_ending(name, saved_endings[i]))
			return true;
	return false;
}

/* Whether a file belongs to the state. Its folder is compared by inode, whatever its path. */
static bool is_of_state(const struct own_files *o, int fd)
{
	struct stat folder, state;
	char path[PATH_MAX], *slash;

	if (path_of(fd, path) < 0 || !(slash = strrchr(path, '/')) || !is_state_name(slash + 1))
		return false;
	slash[slash == path] = '\0';
	return stat(path, &folder) == 0 && stat(o->state_path, &state) == 0 && folder.st_dev == state.st_dev &&
	       folder.st_ino == state.st_ino;
}

void own_files_init(struct own_files *o, const char *state_path)
{
	*o = (struct own_files){ .state_path = state_path };
	if (!own_files_add(o, STDOUT_FILENO) || !own_files_add(o, STDERR_FILENO))
		return; /* both are the same file */
}

void own_files_done(struct own_files *o)
{
	free(o->files);
	*o = (struct own_files){ .count = 0 };
}

bool own_files_add(struct own_files *o, int fd)
{
	struct stat info;
	struct own_file *grown;

	if (!is_kept(fd, &info))
		return true;
	if (is_in(o, &info) || is_of_state(o, fd))
		return false;
	grown = realloc(o->files, (o->count + 1) * sizeof *grown);
	OXP_ASSERT(grown && "out of memory");
	o->files = grown;
	o->files[o->count++] = (struct own_file){ info.st_dev, info.st_ino };
	return true;
}

bool own_files_have(const struct own_files *o, int fd)
{
	struct stat info;

	return is_kept(fd, &info) && (is_in(o, &info) || is_of_state(o, fd));
}
