/*
 * Takes out of an OTLP message what must not be shown: attributes by name at any depth, values of the same names in
 * texts, and what the detectors find in texts, in bytes and in numbers. A number that as a whole is a card becomes a
 * text.
 *
 * Looked at are the attributes of resources, scopes and spans, the names of spans, the messages of their status, and
 * the names and attributes of events and links. What is put in its place is said in redact.h.
 */
#ifndef OXP_OTLP_REDACT_H
#define OXP_OTLP_REDACT_H

#include "proto/otlp_edit.h"
#include "proto/redact.h"

struct otlp_redact {
	struct redact redact;
	struct buffer text, message; /* what is being made */
};

/* `ceiling`: the most bytes that one text, and one value with others in it, may become. */
void otlp_redact_init(struct otlp_redact *, size_t ceiling);
void otlp_redact_done(struct otlp_redact *);
/* Gives back memory that a large value took. */
void otlp_redact_forget(struct otlp_redact *, size_t kept);
/* False: no room. */
bool otlp_redact_view(struct otlp_redact *, struct otlp_edit *, struct otlp_view *) MUST_CHECK;

#endif
