#include "parked/parked_text.h"

#include <errno.h>

#include "base/text.h"
#include "proto/otlp_text.h"

static int write_text(struct buffer *out, const char *name, const char *text)
{
	int failed = buffer_printf(out, ",\"%s\":", name);

	return failed ? failed : json_string_append(out, text, strlen(text));
}

static int write_payload(const struct state_parked *r, struct buffer *out)
{
	int failed = buffer_text(out, ",\"payload\":");

	if (!failed && strcmp(r->signal, "traces") == 0) {
		failed = otlp_traces_to_json(r->payload.data, r->payload.size, out);
		if (failed != -EBADMSG)
			return failed;
		failed = 0;
	}
	return failed ? failed : json_string_append(out, r->payload.data, r->payload.size);
}

int parked_write(const struct state_parked *r, bool payload, struct buffer *out)
{
	char at[WALL_TEXT_SIZE];
	int failed;

	wall_format(r->at, at);
	failed = buffer_printf(out,
		"{\"id\":%llu,\"at\":\"%s\",\"tries\":%u,\"records\":%u,\"bytes\":%zu,\"generation\":%llu,"
		"\"offset\":%llu,\"ready\":%s,\"damaged\":%s",
		(unsigned long long)r->id, at, r->tries, r->records, r->size, (unsigned long long)r->generation,
		(unsigned long long)r->offset, r->ready ? "true" : "false", r->damaged ? "true" : "false");
	failed = failed ? failed : write_text(out, "signal", r->signal);
	failed = failed ? failed : write_text(out, "source", r->source);
	failed = failed ? failed : write_text(out, "destination", r->destination);
	failed = failed ? failed : write_text(out, "reason", r->reason);
	failed = failed || !payload ? failed : write_payload(r, out);
	return failed ? failed : buffer_text(out, "}");
}
