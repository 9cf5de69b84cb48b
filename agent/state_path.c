#include "state_path.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_said(const char *value)
{
	return value && *value;
}

static bool is_writable_folder(const char *path)
{
	struct stat info;

	return stat(path, &info) == 0 && S_ISDIR(info.st_mode) && access(path, W_OK | X_OK) == 0;
}

/* Whether the folder exists and we may write to it, or it can be created. */
static bool can_be_used(struct config_arena *arena, const char *path)
{
	char *part = config_copy(arena, path, strlen(path)), *slash;

	while (access(part, F_OK) < 0 && (slash = strrchr(part, '/')) && slash > part)
		*slash = '\0';
	return is_writable_folder(access(part, F_OK) < 0 ? "/" : part);
}

const char *state_path_default(struct config_arena *arena, const struct state_path_world *w, bool *ret_temporary)
{
	const char *installed = config_printf(arena, "%s/var/lib/oxpecker", w->root), *path;

	*ret_temporary = false;
	if (is_said(w->state_directory))
		return config_copy(arena, w->state_directory, strcspn(w->state_directory, ":"));
	if (is_said(w->xdg_state_home))
		return config_printf(arena, "%s/oxpecker", w->xdg_state_home);
	if (is_writable_folder(installed))
		return installed;
	path = config_printf(arena, "%s/.local/state/oxpecker", is_said(w->home) ? w->home : "");
	if (is_said(w->home) && can_be_used(arena, path))
		return path;
	path = is_said(w->tmpdir) ? config_printf(arena, "%s/oxpecker", w->tmpdir)
				  : config_printf(arena, "%s/tmp/oxpecker", w->root);
	*ret_temporary = w->in_container && can_be_used(arena, path);
	return *ret_temporary ? path : installed;
}
