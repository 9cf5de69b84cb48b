#include "collectors/line_join.h"

#include "proto/cri.h"
#include "proto/docker_log.h"

void line_join_init(struct line_join *j, size_t longest)
{
	j->longest = longest;
	buffer_init(&j->decoded, longest + JSON_LINE_PADDING);
	buffer_init(&j->extra, longest + JSON_LINE_PADDING);
	for (size_t i = 0; i < LOG_STREAMS; i++) {
		buffer_init(&j->lanes[i].pieces, longest + JSON_LINE_PADDING);
		buffer_init(&j->lanes[i].message, longest + JSON_LINE_PADDING);
		buffer_init(&j->lanes[i].pieces_extra, longest + JSON_LINE_PADDING);
		buffer_init(&j->lanes[i].message_extra, longest + JSON_LINE_PADDING);
	}
}

void line_join_done(struct line_join *j)
{
	buffer_done(&j->decoded);
	buffer_done(&j->extra);
	for (size_t i = 0; i < LOG_STREAMS; i++) {
		buffer_done(&j->lanes[i].pieces);
		buffer_done(&j->lanes[i].message);
		buffer_done(&j->lanes[i].pieces_extra);
		buffer_done(&j->lanes[i].message_extra);
	}
}

/* Appends and keeps padding behind it. False: there is no room for it. */
static bool append(struct buffer *b, struct bytes text)
{
	char *to = buffer_reserve(b, text.size + JSON_LINE_PADDING);

	if (!to)
		return false;
	if (text.size > 0)
		memcpy(to, text.data, text.size);
	memset(to + text.size, 0, JSON_LINE_PADDING);
	b->size += text.size;
	return true;
}

static uint8_t copy_time(struct bytes time, char to[LINE_TIME_MAX])
{
	size_t size = time.size < LINE_TIME_MAX ? time.size : 0;

	if (size > 0)
		memcpy(to, time.data, size);
	return (uint8_t)size;
}

/* A member that finds no room is left out. */
static void copy_extra(struct bytes extra, struct buffer *to)
{
	buffer_clear(to);
	if (extra.size > 0 && !append(to, extra))
		buffer_clear(to);
}

static enum log_stream stream_of(const struct line_join *j, const struct join_lane *lane)
{
	return (enum log_stream)(lane - j->lanes);
}

/* Messages. */

static void end_message(struct line_join *j, struct join_lane *lane)
{
	const struct line_message m = { .text = { lane->message.data, lane->sure },
		.time = { lane->message_time, lane->message_time_size },
		.extra = buffer_bytes(&lane->message_extra),
		.stream = stream_of(j, lane),
		.at = lane->message_at,
		.last = lane->message_last };

	if (!lane->in_message)
		return;
	lane->in_message = false;
	buffer_clear(&lane->message);
	j->take(j->context, &m);
}

static void begin_message(struct line_join *j, struct join_lane *lane, const struct line_message *line)
{
	end_message(j, lane);
	if (!append(&lane->message, line->text)) {
		j->take(j->context, line);
		return;
	}
	lane->in_message = true;
	lane->message_at = line->at;
	lane->message_last = line->last;
	lane->message_time_size = copy_time(line->time, lane->message_time);
	copy_extra(line->extra, &lane->message_extra);
	lane->sure = line->text.size;
	lane->lines = 1;
}

/* A trace that is too long goes on as another message. */
static void add_to_message(struct line_join *j, struct join_lane *lane, const struct line_message *line, bool sure)
{
	size_t size = lane->message.size + 1 + line->text.size;

	if (!lane->in_message || size > j->longest || lane->lines == JOIN_LINES_MAX ||
		!append(&lane->message, bytes_of("\n")) || !append(&lane->message, line->text)) {
		begin_message(j, lane, line);
		return;
	}
	lane->lines++;
	if (!sure)
		return;
	lane->sure = lane->message.size;
	lane->message_last = line->last;
}

static bool is_object(const struct line_join *j, struct bytes text, struct json_line *ret)
{
	return json_line_index(j->scan, text.data, text.size, ret) == JSON_FINE;
}

/* A line of the app may end with CR LF; the runtime has taken the LF. */
static struct bytes without_return(struct bytes text)
{
	text.size -= text.size > 0 && text.data[text.size - 1] == '\r';
	return text;
}

/* A whole line of one stream. */
static void whole_line(struct line_join *j, enum lines_format format, struct line_message *line)
{
	struct join_lane *lane = &j->lanes[line->stream];
	enum line_role role = LINE_ALONE;
	struct json_line index;

	if (format != LINES_TEXT && is_object(j, line->text, &index))
		line->object = &index;
	if (line->object)
		multiline_end(&lane->state);
	else if (multiline_wanted(j->multiline))
		role = multiline_next(j->multiline, &lane->state, line->text);
	if (role == LINE_MORE || role == LINE_MAYBE) {
		add_to_message(j, lane, line, role == LINE_MORE);
	} else if (role == LINE_FIRST) {
		begin_message(j, lane, line);
	} else {
		end_message(j, lane);
		j->take(j->context, line);
	}
}

/* Pieces. */

static void end_pieces(struct line_join *j, struct join_lane *lane, bool cut)
{
	struct line_message line = { .text = { lane->pieces.data, lane->pieces.size },
		.time = { lane->pieces_time, lane->pieces_time_size },
		.extra = buffer_bytes(&lane->pieces_extra),
		.stream = stream_of(j, lane),
		.at = lane->pieces_at,
		.last = lane->pieces_last,
		.cut = cut };

	if (!lane->in_pieces)
		return;
	lane->in_pieces = false;
	if (line.text.size == 0 && cut)
		return;
	if (cut) {
		multiline_end(&lane->state);
		end_message(j, lane);
		j->take(j->context, &line);
	} else {
		line.text = without_return(line.text);
		whole_line(j, LINES_JSON, &line);
	}
	buffer_clear(&lane->pieces);
}

static void begin_pieces(struct join_lane *lane, const struct container_line *l, uint64_t at)
{
	lane->in_pieces = true;
	lane->pieces_at = at;
	lane->pieces_time_size = copy_time(l->time, lane->pieces_time);
	copy_extra(l->extra, &lane->pieces_extra);
	buffer_clear(&lane->pieces);
}

/* One of several pieces of a line. If they are too long together, what is there is shipped, and the rest goes on as
 * another line: cut, but not lost. */
static void add_piece(struct line_join *j, struct join_lane *lane, const struct container_line *l, uint64_t at)
{
	if (lane->in_pieces && lane->pieces.size + l->text.size > j->longest)
		end_pieces(j, lane, true);
	if (!lane->in_pieces)
		begin_pieces(lane, l, at);
	if (append(&lane->pieces, l->text)) {
		lane->pieces_last = at;
	} else {
		end_pieces(j, lane, true);
		j->take(j->context, &(struct line_message){ .text = l->text,
					    .time = l->time,
					    .extra = l->extra,
					    .stream = l->stream,
					    .at = at,
					    .last = at,
					    .cut = true });
		return;
	}
	if (!l->partial)
		end_pieces(j, lane, false);
}

/* Lines. */

/* Called before each line: it may leave an offset to read again from, or there may be too many already. */
static void stay_within(struct line_join *j, const struct container_line *l, uint64_t at)
{
	if (at - j->restart > j->longest)
		line_join_end(j);
	if (at - j->restart <= JOIN_SPAN_CALM)
		return;
	for (size_t i = 0; i < LOG_STREAMS; i++)
		if ((i != l->stream || l->partial) && !j->lanes[i].in_pieces) {
			multiline_end(&j->lanes[i].state);
			end_message(j, &j->lanes[i]);
		}
}

static bool read_docker(struct line_join *j, struct bytes line, struct container_line *ret)
{
	struct json_line index;

	if (!is_object(j, line, &index) || docker_log_read(line, &index, &j->decoded, &j->extra, ret) != 0)
		return false;
	j->decoded.size = ret->text.size;
	if (!append(&j->decoded, (struct bytes){ NULL, 0 }) || !append(&j->extra, (struct bytes){ NULL, 0 }))
		return false;
	ret->text.data = j->decoded.data;
	ret->extra = buffer_bytes(&j->extra);
	return true;
}

static bool read_envelope(struct line_join *j, enum lines_format format, struct bytes line, struct container_line *ret)
{
	*ret = (struct container_line){ .text = line };
	if (format == LINES_CRI)
		return cri_read(line, ret);
	return format != LINES_DOCKER || read_docker(j, line, ret);
}

void line_join_line(struct line_join *j, enum lines_format format, struct bytes line, uint64_t at)
{
	struct container_line l;
	struct line_message whole;

	if (!read_envelope(j, format, line, &l)) {
		j->malformed++;
		l = (struct container_line){ .text = line };
	}
	if (line_join_open(j))
		stay_within(j, &l, at);
	if (l.partial || j->lanes[l.stream].in_pieces) {
		add_piece(j, &j->lanes[l.stream], &l, at);
	} else {
		l.text = format > LINES_TEXT ? without_return(l.text) : l.text;
		whole = (struct line_message){
			.text = l.text, .time = l.time, .extra = l.extra, .stream = l.stream, .at = at, .last = at
		};
		whole_line(j, format, &whole);
	}
	if (line_join_oldest(j, at) == at)
		j->restart = at;
}

bool line_join_in_pieces(const struct line_join *j)
{
	for (size_t i = 0; i < LOG_STREAMS; i++)
		if (j->lanes[i].in_pieces)
			return true;
	return false;
}

uint64_t line_join_oldest(const struct line_join *j, uint64_t otherwise)
{
	uint64_t from = otherwise;

	for (size_t i = 0; i < LOG_STREAMS; i++) {
		const struct join_lane *lane = &j->lanes[i];
		if (lane->in_message && lane->message_at < from)
			from = lane->message_at;
		if (lane->in_pieces && lane->pieces_at < from)
			from = lane->pieces_at;
	}
	return from;
}

bool line_join_open(const struct line_join *j)
{
	for (size_t i = 0; i < LOG_STREAMS; i++)
		if (j->lanes[i].in_message)
			return true;
	return line_join_in_pieces(j);
}

void line_join_end(struct line_join *j)
{
	for (size_t i = 0; i < LOG_STREAMS; i++) {
		end_pieces(j, &j->lanes[i], true);
		multiline_end(&j->lanes[i].state);
		end_message(j, &j->lanes[i]);
	}
}

static bool any_parted(const struct join_parted *p)
{
	for (size_t i = 0; i < LOG_STREAMS; i++)
		if (p->pieces[i] || p->state[i].open)
			return true;
	return false;
}

void line_join_parts(const struct line_join *j, struct join_parted *p)
{
	for (size_t i = 0; i < LOG_STREAMS; i++) {
		const struct join_lane *lane = &j->lanes[i];
		p->pieces[i] = p->pieces[i] || lane->in_pieces;
		if (lane->in_message)
			p->state[i] = lane->state;
	}
	p->any = any_parted(p);
}

bool line_join_goes_on(struct line_join *j, struct join_parted *p, enum lines_format format, struct bytes line)
{
	struct multiline_state state;
	struct container_line l;
	struct json_line index;
	enum line_role role;

	if (!read_envelope(j, format, line, &l))
		l = (struct container_line){ .text = line };
	state = p->state[l.stream];
	if (p->pieces[l.stream])
		return true;
	if (!state.open)
		return false;
	role = multiline_next(j->multiline, &state, format > LINES_TEXT ? without_return(l.text) : l.text);
	if ((role == LINE_MORE || role == LINE_MAYBE) && (format == LINES_TEXT || !is_object(j, l.text, &index)))
		return true;
	multiline_end(&p->state[l.stream]);
	p->any = any_parted(p);
	return false;
}

void line_join_drop(struct line_join *j)
{
	buffer_give_back(&j->decoded, LINES_KEPT);
	buffer_give_back(&j->extra, LINES_KEPT);
	for (size_t i = 0; i < LOG_STREAMS; i++) {
		struct join_lane *lane = &j->lanes[i];
		lane->in_pieces = lane->in_message = false;
		multiline_end(&lane->state);
		buffer_give_back(&lane->pieces, LINES_KEPT);
		buffer_give_back(&lane->message, LINES_KEPT);
		buffer_give_back(&lane->pieces_extra, LINES_KEPT);
		buffer_give_back(&lane->message_extra, LINES_KEPT);
	}
}

static bool is_docker(const struct json_scan *scan, struct bytes line)
{
	struct json_line index;

	return json_line_index(scan, line.data, line.size, &index) == JSON_FINE && docker_log_is(line, &index);
}

enum lines_format line_join_detect(const struct json_scan *scan, struct bytes line)
{
	struct container_line l;

	if (cri_read(line, &l))
		return LINES_CRI;
	return is_docker(scan, line) ? LINES_DOCKER : LINES_JSON;
}
