#include "state_tell.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const char who[] = "agent";

static const struct {
	const char *name; /* as /status shows it */
	const char *what;
} losses[] = {
	[STATE_NO_LOSS] = { "", "" },
	[STATE_EMPTY] = { "state.db is empty",
		"state.db is empty or was removed, though there was a state: positions, spool and parked records are "
		"gone; files are read from where `start` says, and what was sent before may be sent twice" },
	[STATE_OLDER] = { "state.db is older",
		"state.db lacks what was saved last: it is an older copy, or its WAL was removed; the positions since "
		"then are gone: files are read from the older ones, and what was sent since may be sent twice" },
	[STATE_OTHER] = { "state.db is another",
		"state.db and ledger belong to different states: one of them was replaced; files are read from the "
		"positions in state.db, right or wrong, and the ledger goes on counting for doors on sockets" },
	[STATE_NO_LEDGER] = { "ledger is empty",
		"ledger is empty or was removed, though there was a state: what socket doors took, and what became of "
		"it, is counted from nothing; positions are as they were" },
};

const char *state_loss_name(enum state_loss loss)
{
	return losses[loss].name;
}

static void count_loss(struct counters *counters)
{
	++counter_row(counters, COUNTER_GROWS, "state_losses_total", "",
		"Files of `state` found missing, older than expected, or belonging to another state.")
		  ->value;
}

void state_tell_unusable(const struct log *log, const char *why, int failed)
{
	bool ours =
		failed == -EACCES || failed == -EROFS || failed == -EPERM || failed == -ENOENT || failed == -ENOTDIR;

	if (ours)
		log_error(log, who,
			"state.path: %s; give `state` in the configuration (or --set state=/FOLDER, or "
			"$STATE_DIRECTORY) a folder that user %u may write to, in a container on a volume",
			why, geteuid());
	else
		log_error(log, who, "state.path: %s", why);
}

void state_tell_found(
	const struct log *log, struct counters *counters, const struct state *state, const struct state_folder *folder)
{
	if (folder->temporary)
		log_warn(log, who,
			"state is in %s because no better folder can be written to; it is lost when the container "
			"goes: set `state` to a folder on a volume",
			folder->path);
	if (state_loss(state)) {
		count_loss(counters);
		log_error(log, who, "in %s, %s", folder->path, losses[state_loss(state)].what);
	}
	if (state_is_copy(state))
		log_warn(log, who,
			"%s is a copy of another state: its lines have new ids from now on; those that were under "
			"way when it was copied may be sent twice",
			folder->path);
	if (state_set_aside(state))
		log_error(log, who,
			"%s held damaged files, which were set aside as *.corrupt-*; positions, spool or ledger start "
			"from nothing",
			folder->path);
	if (state_spool_damaged(state))
		log_error(log, who,
			"%s/state.db held %llu rows under numbers that no run gives: set aside in its table `damaged`, "
			"and not sent",
			folder->path, (unsigned long long)state_spool_damaged(state));
}

void state_tell_store(const struct log *log, struct counters *counters, const char *path, uint64_t known, uint64_t id)
{
	if (!known || known == id)
		return;
	count_loss(counters);
	log_error(log, "store",
		"in %s, store.db was emptied, removed or replaced: what the embedded store held is gone", path);
}

void state_tell_trouble(const struct log *log, const char *path, const struct state *state)
{
	const char *holder = state_trouble_holder(state);
	int failed = state_trouble(state);

	if (!failed)
		log_info(log, "state", "%s can be written to again", path);
	else if (failed == -ENOSPC)
		log_error(log, "state",
			"no room in %s: nothing more can be spooled or parked; positions are still saved", path);
	else if (*holder)
		log_error(log, "state", "cannot write to %s: %s; nobody else should lock the files of this folder",
			path, holder);
	else
		log_error(log, "state", "cannot write to %s: %s", path, strerror(-failed));
}

void state_tell_disturbance(
	const struct log *log, const char *path, const struct state *state, enum state_disturbance what)
{
	if (what == STATE_LEDGER_CUT)
		log_error(log, "state",
			"in %s, ledger was cut down while this run had it open; it has been written anew: nobody else "
			"should write to this folder",
			path);
	else if (what == STATE_GONE)
		log_error(log, "state",
			"in %s, %s was removed, renamed or replaced while this run has it open: the next start will "
			"not "
			"find what is saved from now on, and `ack: disk` is answered with 503; put it back, or restart "
			"the agent",
			path, state_missing(state));
	else
		log_info(log, "state", "the files of %s are in their places again", path);
}
