#include "parked/parked_text.h"

#include <errno.h>

#include "base/text.h"
#include "proto/otlp_text.h"

/* Spans that cannot be decoded are shown as raw bytes. */
static void put_payload(struct json_writer *w, const struct state_parked *r)
{
	struct buffer *to = json_raw_begin(w, "payload");
	int failed = -EBADMSG;

	if (strcmp(r->signal, "traces") == 0)
		failed = otlp_traces_to_json(r->payload.data, r->payload.size, to);
	if (failed == -EBADMSG)
		failed = json_string_append(to, r->payload.data, r->payload.size);
	json_raw_end(w, failed);
}

/* Readers know numbers of up to 63 bits, and no place of ours is larger. */
static void put_place(struct json_writer *w, const char *name, uint64_t value)
{
	json_put_u64(w, name, value <= INT64_MAX ? value : 0);
}

void parked_text_put(const struct state_parked *r, bool payload, struct json_writer *w)
{
	char at[WALL_TEXT_SIZE];

	wall_format(r->at, at);
	json_put_object(w, NULL);
	json_put_u64(w, "id", r->id);
	json_put_string(w, "at", at);
	json_put_u64(w, "tries", r->tries);
	json_put_u64(w, "records", r->records);
	json_put_u64(w, "bytes", r->size);
	put_place(w, "generation", r->generation);
	put_place(w, "offset", r->offset);
	json_put_bool(w, "ready", r->ready);
	json_put_bool(w, "damaged", r->damaged);
	json_put_string(w, "signal", r->signal);
	json_put_string(w, "source", r->source);
	json_put_string(w, "destination", r->destination);
	json_put_string(w, "reason", r->reason);
	if (payload)
		put_payload(w, r);
	json_put_end(w);
}

int parked_write(const struct state_parked *r, bool payload, struct buffer *out)
{
	struct json_writer w;

	json_writer_init(&w, out);
	parked_text_put(r, payload, &w);
	return json_writer_done(&w);
}
