/*
 * The step `add`: adds members that a line does not have yet.
 *
 * `fields` are texts of the configuration. `service` adds what the agent knows about the host app and where it runs. A
 * name with dots is added only if the line has no member named by its first words, and no member whose name begins with
 * it. A line with "service": "api" beside "service.name" would be refused by readers that take dots as levels:
 * "service" would be a text and an object at once.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/text.h"
#include "config/option.h"
#include "pipeline/step.h"

enum { FIELDS_MAX = JSON_APPENDED_MAX, FIELD_SIZE_MAX = 64 << 10 };

struct add_config {
	const struct option_map *fields;
	bool service;
};

struct field {
	struct bytes plain; /* the name */
	struct bytes name, value; /* as JSON */
};

struct step {
	struct buffer texts[2 * FIELDS_MAX]; /* owns what the fields point to */
	struct field fields[FIELDS_MAX];
	size_t count;
};

static const struct option rows[] = {
	{ OPT_MAP(struct add_config, fields), .name = "fields", .example = "{ team: payments }",
		.help = "Names and their texts. A member that a line already has is left as it is." },
	{ OPT_BOOL(struct add_config, service), .name = "service", .text = "false",
		.help = "Adds what is known of the app: service.name, service.version, service.environment, host.name, "
			"what OTEL_RESOURCE_ATTRIBUTES says, and those of kubernetes.pod.name, .uid and .ip, "
			"kubernetes.namespace, kubernetes.node.name and kubernetes.container.name that variables "
			"give." },
	{ .name = NULL },
};

/* Returns the text as JSON, with padding behind it for scanners. */
static int quote(struct buffer *b, const char *text, struct bytes *ret)
{
	static const char padding[JSON_LINE_PADDING];
	int failed;

	buffer_init(b, FIELD_SIZE_MAX);
	failed = json_string_append(b, text, strlen(text));
	*ret = buffer_bytes(b);
	if (!failed)
		failed = buffer_append(b, padding, sizeof padding);
	ret->data = b->data;
	return failed;
}

static int add_field(struct step *s, const char *name, const char *value)
{
	struct field *f = &s->fields[s->count];
	int failed;

	if (s->count == FIELDS_MAX)
		return -ENOSPC;
	f->plain = bytes_of(name);
	failed = quote(&s->texts[2 * s->count], name, &f->name) || quote(&s->texts[2 * s->count + 1], value, &f->value);
	s->count++;
	if (!failed)
		f->name = json_inner(f->name);
	return failed ? -ENOSPC : 0;
}

/* Part of it comes from variables of the app's, so too much of it is no reason not to start. */
static int add_service(struct step *s, struct host *host)
{
	int failed = 0;

	for (const struct resource *r = host_resource(host); r->name && !failed; r++) {
		if (s->count == FIELDS_MAX) {
			host_log(host, LOG_LEVEL_WARN,
				"service: beside so many fields, %s and what is behind it have no room", r->name);
			break;
		}
		failed = add_field(s, r->name, r->value);
	}
	return failed;
}

static int read_config(struct step *s, const struct add_config *c, struct host *host)
{
	int failed = 0;

	for (size_t i = 0; i < c->fields->count && !failed; i++)
		failed = add_field(s, c->fields->pairs[i].key, c->fields->pairs[i].value);
	return c->service && !failed ? add_service(s, host) : failed;
}

static void destroy(struct step *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < COUNT_OF(s->texts); i++)
		buffer_done(&s->texts[i]);
	free(s);
}

static int create(const void *config, struct host *host, struct step **ret)
{
	struct step *s = oxp_new(sizeof *s);
	int failed = read_config(s, config, host);

	if (failed) {
		host_log(host, LOG_LEVEL_ERROR, "fields: at most %d, each shorter than 64KiB", FIELDS_MAX);
		destroy(s);
		return failed;
	}
	*ret = s;
	return 0;
}

static enum step_answer apply(struct step *s, struct record *record)
{
	for (size_t i = 0; i < s->count; i++)
		if (json_edit_presence(record->edit, s->fields[i].plain, -1) == JSON_FREE &&
			json_edit_append(record->edit, s->fields[i].name, s->fields[i].value) < 0)
			break; /* the line has no room for more members */
	return STEP_KEEP;
}

const struct step_type step_add = {
	.name = "add",
	.summary = "Adds members that a log line does not have.",
	.signals = SIGNAL_LOGS,
	.options = rows,
	.config_size = sizeof(struct add_config),
	.create = create,
	.apply = apply,
	.destroy = destroy,
};
