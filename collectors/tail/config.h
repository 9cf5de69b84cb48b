/* What the options of `tail` say, as the parser fills it in. */
#ifndef OXP_TAIL_CONFIG_H
#define OXP_TAIL_CONFIG_H

#include "base/clock.h"
#include "collectors/lines.h"
#include "config/option.h"

struct tail_config {
	const struct option_list *paths;
	int start, format;
	uint64_t line_max;
	struct duration sweep, tick;
	struct lines_multiline multiline;
	bool origin;
	const struct option_list *exclude;
	int poll;
	struct duration poll_every;
	bool gzip;
	const struct option_list *links;
};

enum { POLL_AUTO, POLL_ALWAYS };
enum { START_BEGINNING, START_END };

#endif
