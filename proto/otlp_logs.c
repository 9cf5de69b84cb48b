#include "proto/otlp_logs.h"

#include <stdio.h>

#include "proto/otlp_walk.h"
#include "proto/otlp_wire.h"

/* Invariant: `at` is where the message that is being read begins. */
struct survey {
	struct otlp_logs sum;
	struct otlp_line line;
	struct otlp_log_group group;
	struct otlp_log_common common;
	const char *at;
	size_t most;
	bool broken;
};

static void refuse(struct survey *s, enum otlp_fault fault, struct bytes record)
{
	if (s->sum.refused++ == 0) {
		s->sum.fault = fault;
		s->sum.number = s->sum.records + 1;
	}
	s->sum.refused_bytes += record.size;
}

static void take(struct survey *s, struct bytes message)
{
	struct otlp_record record;
	enum otlp_fault fault = otlp_record_read(message, &record);

	s->at = message.data;
	if (otlp_fault_can_be_mended(fault)) {
		refuse(s, fault, message);
		return;
	}
	s->broken |= fault != OTLP_OK;
	if (s->broken)
		return;
	otlp_record_write(&s->line, s->sum.form, &s->group, &s->common, &record);
	s->broken |= s->line.broken;
	otlp_line_raw(&s->line, (struct bytes){ "\n", 1 });
	s->sum.records++;
}

static bool goes_on(const struct survey *s)
{
	return !s->broken && s->line.size <= s->most;
}

static void each_of_scope(struct survey *s, struct bytes scope_logs)
{
	struct wire w = wire_of(scope_logs);
	struct wire_field f;
	int more = 0;

	s->at = scope_logs.data;
	s->group.scope = wire_last(scope_logs, 1, &s->broken);
	s->group.scope_schema = wire_last(scope_logs, 3, &s->broken);
	s->common = (struct otlp_log_common){ .written = false };
	while (goes_on(s) && (more = wire_next(&w, &f)) > 0)
		if (f.number == 2 && f.type == WIRE_LENGTH)
			take(s, f.bytes);
	s->broken |= more < 0;
}

static void each_of_resource(struct survey *s, struct bytes resource_logs)
{
	struct wire w = wire_of(resource_logs);
	struct wire_field f;
	int more = 0;

	s->at = resource_logs.data;
	s->group.resource = wire_last(resource_logs, 1, &s->broken);
	s->group.resource_schema = wire_last(resource_logs, 3, &s->broken);
	while (goes_on(s) && (more = wire_next(&w, &f)) > 0)
		if (f.number == 2 && f.type == WIRE_LENGTH)
			each_of_scope(s, f.bytes);
	s->broken |= more < 0;
}

static void survey(struct survey *s, struct bytes body)
{
	struct wire w = wire_of(body);
	struct wire_field f;
	int more = 0;

	s->at = body.data;
	while (goes_on(s) && (more = wire_next(&w, &f)) > 0)
		if (f.number == 1 && f.type == WIRE_LENGTH)
			each_of_resource(s, f.bytes);
	s->broken |= more < 0;
	s->sum.texts = s->line.texts;
	s->sum.values = s->line.values;
	s->sum.repeated = s->line.repeated;
	s->sum.room = s->line.size;
}

enum otlp_fault otlp_logs_plan(
	struct bytes body, enum otlp_log_form form, size_t most, struct otlp_logs *ret, size_t *ret_at)
{
	struct survey s = { .sum = { .form = form }, .most = most };

	otlp_line_init(&s.line, json_scan_best(), NULL, 0);
	survey(&s, body);
	*ret = s.sum;
	*ret_at = s.broken ? (size_t)(s.at - body.data) : body.size;
	return s.broken ? OTLP_WIRE : OTLP_OK;
}

size_t otlp_logs_write(struct bytes body, const struct otlp_logs *plan, char *to)
{
	struct survey s = { .sum = { .form = plan->form }, .most = SIZE_MAX };

	otlp_line_init(&s.line, json_scan_best(), to, plan->room);
	survey(&s, body);
	OXP_ASSERT(!s.broken && s.sum.records == plan->records && s.line.size <= plan->room);
	return s.line.size;
}

void otlp_logs_tell(const struct otlp_logs *p, char *to, size_t room)
{
	struct buffer b = { .data = to, .room = room, .ceiling = room };

	to[0] = '\0';
	if (p->refused)
		(void)!buffer_printf(&b, "%llu of %llu log records refused; the first is record %llu: %s",
			(unsigned long long)p->refused, (unsigned long long)(p->refused + p->records),
			(unsigned long long)p->number, otlp_fault_name(p->fault));
	if (p->texts)
		(void)!buffer_printf(&b, "%sstrings that were not UTF-8: %llu (each bad byte is now U+FFFD)",
			b.size ? "; " : "", (unsigned long long)p->texts);
	if (p->values)
		(void)!buffer_printf(&b, "%svalues nested deeper than %d levels: %llu (now null)", b.size ? "; " : "",
			OTLP_LEVELS_MAX, (unsigned long long)p->values);
	if (p->repeated)
		(void)!buffer_printf(&b, "%sattributes with the name of another in their list: %llu (left out)",
			b.size ? "; " : "", (unsigned long long)p->repeated);
}
