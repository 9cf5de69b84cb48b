/* The options that collectors of lines have in common, and their words. */
#ifndef OXP_COLLECTORS_LINES_OPTIONS_H
#define OXP_COLLECTORS_LINES_OPTIONS_H

#include "proto/multiline.h"

struct option_list;

/* Words for an option row, in the order of the enum: of lines that an app writes, and of lines in a file. */
extern const char *const lines_formats[], *const lines_file_formats[];
#define LINES_FORMAT_HELP \
	"What a line is. auto, json: a JSON object; anything else becomes {\"message\": …}. text: always that."
#define LINES_FILE_FORMAT_HELP                                                                                    \
	"What a line is. json: a JSON object; anything else becomes {\"message\": …}. text: always that. cri, " \
	"docker: a container runtime's envelope, which is taken off; lines that it split are joined. auto: the "  \
	"first line of a file decides."
extern const char *const lines_shapes[]; /* bits of MULTILINE_… */
/* The two options that say which lines are one message. */
struct lines_multiline {
	const struct option_list *shapes;
	const char *start;
};
#define LINES_MULTILINE_OPTIONS(type, member)                                                                        \
	{ OPT_TEXTS(type, member.shapes), .name = "multiline", .choices = lines_shapes,                              \
		.example = "[java, python, go, node]", .help = "Languages whose stack traces become one message." }, \
	{                                                                                                            \
		OPT_TEXT(type, member.start), .name = "multiline_start", .example = "\\d{4}-\\d{2}-\\d{2}",          \
					      .help = "Pattern that the first line of a message begins with, used "  \
						      "instead of `multiline`. Other "                               \
						      "lines continue the message."                                  \
	}
#define LINES_FLUSH_HELP \
	"A line without its end, or a message that could go on, is shipped if nothing more comes for this long."
#define LINES_MAX_HELP                                                                                               \
	"Longest line; a longer one is cut, marked and counted. At most 1 MiB, or a sixteenth of memory if that is " \
	"more."

/* Whether the options are valid and go together; if not, the reason is written into `why`. */
bool lines_multiline_check(const struct lines_multiline *, char *why, size_t room);
/* What the options say. Returns `start` compiled, which is to be freed, or NULL if there is none. */
struct line_start *lines_multiline_set(const struct lines_multiline *, struct multiline *ret);

#endif
