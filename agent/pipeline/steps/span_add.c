/*
 * The step `add` of spans: adds attributes that are not there yet. `resource.X` is the attribute X of the resource, and
 * everything else is of the span.
 *
 * `service` adds to the resource what the agent knows about the host app and where it runs, under the names of the
 * OpenTelemetry semantic conventions. An SDK that does not know the name of its service says unknown_service (Resource
 * conventions 1.x, "Service"); that counts as absent.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "pipeline/span_where.h"
#include "pipeline/step.h"
#include "proto/otlp_build.h"

enum { FIELDS_MAX = 64, FIELD_SIZE_MAX = 64 << 10 };

struct add_config {
	const struct option_map *fields;
	bool service;
};

/* UTF-8, whatever the environment has in it. */
struct field {
	enum otlp_level level;
	struct bytes name, value; /* the field's own; the value is an AnyValue */
};

struct step {
	struct field fields[FIELDS_MAX];
	size_t count;
};

static const struct option rows[] = {
	{ OPT_MAP(struct add_config, fields), .name = "fields", .example = "{ resource.team: payments }",
		.help = "Names of attributes and their texts. An attribute that is there already is left as it is." },
	{ OPT_BOOL(struct add_config, service), .name = "service", .text = "false",
		.help = "Adds to the resource what is known of the app: service.name, service.version, "
			"deployment.environment.name, host.name, what OTEL_RESOURCE_ATTRIBUTES says, and those of "
			"k8s.pod.name, .uid and .ip, k8s.namespace.name, k8s.node.name and k8s.container.name that "
			"variables give." },
	{ .name = NULL },
};

static bool check(const void *config, char *why, size_t room)
{
	const struct add_config *c = config;
	bool fits = c->fields->count <= FIELDS_MAX / 2;

	for (size_t i = 0; i < c->fields->count && fits; i++)
		fits = *span_name_of(c->fields->pairs[i].key).name &&
		       strlen(c->fields->pairs[i].value) <= FIELD_SIZE_MAX;
	snprintf(why, room, "fields: at most %d, each with a name and at most 64KiB", FIELDS_MAX / 2);
	return fits;
}

static struct bytes mended(const char *text)
{
	size_t size = strlen(text), room = utf8_mend(text, size, NULL);
	char *to = oxp_new(room + 1);

	return (struct bytes){ to, utf8_mend(text, size, to) };
}

static struct bytes value_of(const char *text)
{
	struct otlp_build b = { NULL, 0, 0 };

	otlp_build_text(&b, OTLP_VALUE_TEXT, bytes_of(text));
	b = (struct otlp_build){ oxp_new(b.size), b.size, 0 };
	otlp_build_text(&b, OTLP_VALUE_TEXT, bytes_of(text));
	OXP_ASSERT(b.size == b.room);
	return (struct bytes){ b.to, b.size };
}

static void add_field(struct step *s, enum otlp_level level, const char *name, const char *value)
{
	OXP_ASSERT(s->count < FIELDS_MAX);
	s->fields[s->count++] = (struct field){ level, mended(name), value_of(value) };
}

static int create(const void *config, struct host *host, struct step **ret)
{
	const struct add_config *c = config;
	struct step *s = oxp_new(sizeof *s);

	for (size_t i = 0; i < c->fields->count; i++) {
		struct span_name name = span_name_of(c->fields->pairs[i].key);
		add_field(s, name.level, name.name, c->fields->pairs[i].value);
	}
	for (const struct resource *r = c->service ? host_resource(host) : NULL; r && r->name; r++)
		add_field(s, OTLP_RESOURCE, r->otel, r->value);
	*ret = s;
	return 0;
}

static bool is_unknown_service(const struct otlp_view *v, const struct field *f)
{
	static const char unknown[] = "unknown_service";
	struct bytes name = { "", 0 };

	if (v->level == OTLP_RESOURCE && bytes_are(f->name, "service.name"))
		name = otlp_view_attribute(v, "service.name");
	return name.size >= sizeof unknown - 1 && memcmp(name.data, unknown, sizeof unknown - 1) == 0;
}

static enum step_answer apply(struct step *s, struct record *record)
{
	struct otlp_view *v = record->view;
	bool fine = true;

	for (const struct field *f = s->fields; f < s->fields + s->count && fine; f++) {
		struct otlp_part *part = f->level == v->level ? otlp_view_find(v, f->name) : NULL;
		if (f->level != v->level)
			continue;
		if (!part)
			fine = otlp_view_add(v, f->name, f->value);
		else if (is_unknown_service(v, f))
			otlp_part_value(v, part, f->value);
	}
	return fine ? STEP_KEEP : STEP_DROP;
}

static void destroy(struct step *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->count; i++) {
		free((char *)s->fields[i].name.data);
		free((char *)s->fields[i].value.data);
	}
	free(s);
}

const struct step_type step_span_add = {
	.name = "add",
	.summary = "Adds attributes that spans or their resource do not have.",
	.signals = SIGNAL_TRACES,
	.options = rows,
	.config_size = sizeof(struct add_config),
	.check = check,
	.create = create,
	.apply = apply,
	.destroy = destroy,
};
