#include "access/unix_guard.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum { TEXT_MAX = 256, GROUP_ROOM = 16 << 10 };

/* -1 as an id means that there is none. */
static bool read_id(const char *text, unsigned *ret)
{
	uint64_t id;

	if (!u64_parse(bytes_of(text), &id) || id >= UINT32_MAX)
		return false;
	*ret = (unsigned)id;
	return true;
}

bool unix_guard_check(const struct unix_guard_config *c, char *why, size_t room)
{
	unsigned number;

	if (!mode_parse(c->mode, &number)) {
		snprintf(why, room, "mode: \"%s\" is not an octal number up to 0777", c->mode);
		return false;
	}
	if (c->users->count > UNIX_PEERS_MAX) {
		snprintf(why, room, "uids: %zu users, and %d are the most", c->users->count, UNIX_PEERS_MAX);
		return false;
	}
	for (size_t i = 0; i < c->users->count; i++)
		if (!read_id(c->users->items[i], &number)) {
			snprintf(why, room, "uids: \"%.100s\" is not the number of a user", c->users->items[i]);
			return false;
		}
	return true;
}

bool unix_guard_check_datagrams(
	const struct unix_guard_config *c, const struct option_list *addresses, char *why, size_t room)
{
	for (size_t i = 0; i < addresses->count && c->users->count > 0; i++)
		if (strncmp(addresses->items[i], "unix:", 5) == 0) {
			snprintf(why, room, "uids are for streams: datagrams come without a connection");
			return false;
		}
	return unix_guard_check(c, why, room);
}

static void refused(void *context, uid_t user, pid_t process)
{
	const struct unix_guard *g = context;
	char text[TEXT_MAX];

	++*g->refused;
	snprintf(text, sizeof text, "a connection of user %u (process %d) is closed: `uids` lacks that user",
		(unsigned)user, (int)process);
	g->tell(g->context, LOG_LEVEL_WARN, text);
}

static bool find_group(const char *name, gid_t *ret)
{
	char room[GROUP_ROOM];
	struct group entry, *found = NULL;
	unsigned number;

	if (read_id(name, &number)) {
		*ret = number;
		return true;
	}
	if (getgrnam_r(name, &entry, room, sizeof room, &found) != 0 || !found)
		return false;
	*ret = found->gr_gid;
	return true;
}

int unix_guard_init(struct unix_guard *g, const struct unix_guard_config *c, struct unix_peers *ret)
{
	struct unix_peers p = { .has_group = c->group, .refused = refused, .context = g };
	char text[TEXT_MAX];

	(void)mode_parse(c->mode, &p.mode); /* which check() found fine, as the users */
	for (; p.users_count < c->users->count; p.users_count++)
		(void)read_id(c->users->items[p.users_count], &p.users[p.users_count]);
	if (c->group && !find_group(c->group, &p.group)) {
		snprintf(text, sizeof text, "group: there is no group \"%.100s\" here; its number can be given, too",
			c->group);
		g->tell(g->context, LOG_LEVEL_ERROR, text);
		return -EINVAL;
	}
	*ret = p;
	return 0;
}

static void tell_host(void *context, enum log_level level, const char *text)
{
	host_log(context, level, "%s", text);
}

int unix_guard_init_host(
	struct unix_guard *g, const struct unix_guard_config *c, struct host *host, struct unix_peers *ret)
{
	*g = (struct unix_guard){ .tell = tell_host, .context = host };
	if (c->users->count > 0)
		g->refused = host_counter(host, UNIX_GUARD_REFUSED, UNIX_GUARD_REFUSED_HELP);
	return unix_guard_init(g, c, ret);
}
