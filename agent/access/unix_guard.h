/*
 * The options of who may connect to the Unix sockets of a listener (http/unix_peers.h), the same for each listener.
 */
#ifndef OXP_UNIX_GUARD_H
#define OXP_UNIX_GUARD_H

#include "component.h"
#include "config/option.h"
#include "http/unix_peers.h"

struct unix_guard_config {
	const char *mode, *group;
	const struct option_list *users;
};

/* The rows, for a config struct of `type` that has one of the above as `field`. `usual` is the mode by default. */
#define UNIX_GUARD_ROWS(type, field, usual)                                                                \
	{ OPT_TEXT(type, field.mode), .name = "mode", .text = usual,                                       \
		.help = "Permissions of a Unix socket's file, in octal." },                                \
		{ OPT_TEXT(type, field.group), .name = "group", .example = "app",                          \
			.help = "Group of a Unix socket's file, by name or number; if it is missing, the " \
				"agent's." },                                                              \
	{                                                                                                  \
		OPT_TEXTS(type, field.users),                                                              \
			.name = "uids", .example = "[1000, 1001]",                                         \
			.help = "Users that may connect to a Unix socket, by number, besides the agent's " \
				"own; if there are none, all that its mode lets in."                       \
	}

/* Whether they are right; if not, the reason is written into `why`. */
bool unix_guard_check(const struct unix_guard_config *, char *why, size_t room);

/* The same where datagrams are received. They come without a connection, so nobody knows whose they are: `uids` and the
 * address of a Unix socket exclude each other. */
bool unix_guard_check_datagrams(
	const struct unix_guard_config *, const struct option_list *addresses, char *why, size_t room);

/* Who is told of those that are refused. It outlives the peers. */
struct unix_guard {
	uint64_t *refused;
	void (*tell)(void *context, enum log_level, const char *text);
	void *context;
};

#define UNIX_GUARD_REFUSED "refused_users_total"
#define UNIX_GUARD_REFUSED_HELP "Connections to Unix sockets that were closed at once: `uids` lacks their user."

/* Looks the group up. 0; or -EINVAL, told: there is no such group. */
int unix_guard_init(struct unix_guard *, const struct unix_guard_config *, struct unix_peers *ret) MUST_CHECK;
/* The same with a component's log and counter. */
int unix_guard_init_host(
	struct unix_guard *, const struct unix_guard_config *, struct host *, struct unix_peers *ret) MUST_CHECK;

#endif
