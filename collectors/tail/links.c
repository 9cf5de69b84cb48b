#include "collectors/tail/links.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"

static const char any[] = "any";

/* Where the kubelet puts its links, and where they lead. */
static const char *const kubelet[] = { "/var/log/containers", "/var/log/pods" };
static const char *const runtimes[] = { "/var/log/pods", "/var/lib/docker/containers", "/var/lib/containerd",
	"/var/lib/containers", "/var/lib/kubelet/pods" };

static bool is_any(const struct option_list *links)
{
	for (size_t i = 0; links && i < links->count; i++)
		if (strcmp(links->items[i], any) == 0)
			return true;
	return false;
}

/* The folder that a glob begins with, as it is written. */
static void fixed_folder(const char *glob, char to[PATH_MAX])
{
	size_t size = strcspn(glob, "*?[\\");

	while (size > 0 && glob[size - 1] != '/')
		size--;
	snprintf(to, PATH_MAX, "%.*s", (int)size, size ? glob : "");
	if (!size)
		snprintf(to, PATH_MAX, ".");
}

/* A folder that is only reached through a link of another user is not trusted. */
static bool is_below(const char *name, const char *folder)
{
	struct path_folder at;
	bool below = path_folder_open(folder, false, &at) == 0 && path_is_below(name, at.name);

	path_folder_close(&at);
	return below;
}

static bool is_of_kubelet(const char *folder)
{
	size_t n = strlen(folder);

	for (size_t i = 0; i < COUNT_OF(kubelet); i++)
		if (path_is_below(folder, kubelet[i]) ||
			(n && strncmp(folder, kubelet[i], n - 1) == 0 && strlen(kubelet[i]) == n - 1))
			return true;
	return false;
}

static bool is_below_runtimes(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(runtimes); i++)
		if (path_is_below(name, runtimes[i]))
			return true;
	return false;
}

static bool is_below_paths(const struct option_list *paths, const char *name)
{
	char folder[PATH_MAX];

	for (size_t i = 0; i < paths->count; i++) {
		fixed_folder(paths->items[i], folder);
		if (is_of_kubelet(folder) && is_below_runtimes(name))
			return true;
		if (strcmp(folder, "/") != 0 && is_below(name, folder))
			return true;
	}
	return false;
}

static bool is_allowed(const struct tail_links *l, const char *name)
{
	for (size_t i = 0; l->links && i < l->links->count; i++)
		if (is_below(name, l->links->items[i]))
			return true;
	return is_below_paths(l->paths, name);
}

/* A rotated file is beside the file that has, or had, its name, even if that is behind a trusted link. */
static bool is_beside(const char *real, const char *name)
{
	struct path_entry at;
	struct path_folder folder;
	size_t n;
	bool beside;

	if (path_entry_open(name, &at) < 0)
		return false;
	beside = path_entry_folder(&at, folder.name) == 0;
	path_entry_close(&at);
	n = beside ? strlen(folder.name) : 0;
	return beside && strncmp(real, folder.name, n) == 0 && real[n] == '/' && !strchr(real + n + 1, '/');
}

int tail_links_open(const struct tail_links *l, const char *path, const char *name)
{
	struct path_found found;
	int fd = path_read_open(path, &found), failed = 0;

	if (fd < 0)
		return fd;
	if (host_is_written(l->host, fd))
		failed = -TAIL_OWN_OUTPUT;
	else if (is_any(l->links))
		return fd;
	else if ((found.strange || (name && !is_beside(found.name, name))) && !is_allowed(l, found.name))
		failed = -TAIL_LEADS_OUT;
	else if (found.planted)
		failed = -TAIL_OTHER_NAMES;
	if (!failed)
		return fd;
	close(fd);
	return failed;
}

const char *tail_links_why(int error)
{
	switch (error) {
	case TAIL_LEADS_OUT:
		return "a link that others may have made leads out of the folders of `paths`; expected it within: if "
		       "it is to be followed, name the folder that it leads to in `links`";
	case TAIL_OTHER_NAMES:
		return "it has another name (a hard link) and another owner than its folder, so others may have put it "
		       "there; expected a file of its own: if it is to be read, say `links: [any]`";
	case TAIL_OWN_OUTPUT:
		return "it is the agent's own: an exporter writes it, or its log goes there, or it is a file of its "
		       "state, and would feed itself; expected files of the app: leave it out with `exclude`";
	default:
		return strerror(error);
	}
}

/* Through the links before the first wildcard of this glob. */
static bool leads_to(const char *glob, const struct option_list *exclude, const char *path)
{
	const struct option_list one = { 1, &glob };
	char folder[PATH_MAX], seen[2 * PATH_MAX];
	struct path_folder at;
	bool leads;

	fixed_folder(glob, folder);
	leads = path_folder_open(folder, false, &at) == 0 && path_is_below(path, at.name);
	if (leads) {
		const char *rest = path + strlen(at.name);
		snprintf(seen, sizeof seen, "%s%s", strcmp(folder, ".") == 0 ? "" : folder, rest + strspn(rest, "/"));
		leads = tail_matches(&(struct tail_globs){ &one, exclude }, seen);
	}
	path_folder_close(&at);
	return leads;
}

bool tail_links_lead_to(const struct tail_globs *globs, const char *path)
{
	bool leads = tail_matches(globs, path);

	for (size_t i = 0; i < globs->paths->count && !leads; i++)
		leads = leads_to(globs->paths->items[i], globs->exclude, path);
	return leads;
}

bool tail_links_check(const struct option_list *links)
{
	for (size_t i = 0; links && i < links->count; i++)
		if (links->items[i][0] != '/' && strcmp(links->items[i], any) != 0)
			return false;
	return true;
}
