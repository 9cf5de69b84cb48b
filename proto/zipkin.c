#include "proto/zipkin.h"

#include <stdlib.h>

#include "base/text.h"
#include "proto/json_walk.h"
#include "proto/otlp_build.h"

enum { TAGS_AT_ONCE = 64, NS_IN_US = 1000 };

#define TEXT(literal)                        \
	{                                    \
		literal, sizeof(literal) - 1 \
	}

/* Tags that say where the app runs: OpenTelemetry's conventions for resources, 1.15. Sorted. */
static const struct bytes resource_names[] = { TEXT("aws.ecs.cluster.arn"), TEXT("aws.ecs.container.arn"),
	TEXT("aws.ecs.launchtype"), TEXT("aws.ecs.task.arn"), TEXT("aws.ecs.task.family"),
	TEXT("aws.ecs.task.revision"), TEXT("aws.eks.cluster.arn"), TEXT("aws.log.group.arns"),
	TEXT("aws.log.group.names"), TEXT("aws.log.stream.arns"), TEXT("aws.log.stream.names"),
	TEXT("cloud.account.id"), TEXT("cloud.availability_zone"), TEXT("cloud.platform"), TEXT("cloud.provider"),
	TEXT("cloud.region"), TEXT("container.id"), TEXT("container.image.name"), TEXT("container.image.tag"),
	TEXT("container.name"), TEXT("container.runtime"), TEXT("deployment.environment"), TEXT("device.id"),
	TEXT("device.manufacturer"), TEXT("device.model.identifier"), TEXT("device.model.name"), TEXT("faas.id"),
	TEXT("faas.instance"), TEXT("faas.max_memory"), TEXT("faas.name"), TEXT("faas.version"), TEXT("host.arch"),
	TEXT("host.id"), TEXT("host.image.id"), TEXT("host.image.name"), TEXT("host.image.version"), TEXT("host.name"),
	TEXT("host.type"), TEXT("k8s.cluster.name"), TEXT("k8s.container.name"), TEXT("k8s.container.restart_count"),
	TEXT("k8s.cronjob.name"), TEXT("k8s.cronjob.uid"), TEXT("k8s.daemonset.name"), TEXT("k8s.daemonset.uid"),
	TEXT("k8s.deployment.name"), TEXT("k8s.deployment.uid"), TEXT("k8s.job.name"), TEXT("k8s.job.uid"),
	TEXT("k8s.namespace.name"), TEXT("k8s.node.name"), TEXT("k8s.node.uid"), TEXT("k8s.pod.name"),
	TEXT("k8s.pod.uid"), TEXT("k8s.replicaset.name"), TEXT("k8s.replicaset.uid"), TEXT("k8s.statefulset.name"),
	TEXT("k8s.statefulset.uid"), TEXT("opencensus.exporterversion"), TEXT("opencensus.resourcetype"),
	TEXT("opencensus.starttime"), TEXT("os.description"), TEXT("os.name"), TEXT("os.type"), TEXT("os.version"),
	TEXT("process.command"), TEXT("process.command_args"), TEXT("process.command_line"),
	TEXT("process.executable.name"), TEXT("process.executable.path"), TEXT("process.owner"), TEXT("process.pid"),
	TEXT("process.runtime.description"), TEXT("process.runtime.name"), TEXT("process.runtime.version"),
	TEXT("service.instance.id"), TEXT("service.name"), TEXT("service.namespace"), TEXT("service.version"),
	TEXT("telemetry.auto.version"), TEXT("telemetry.sdk.language"), TEXT("telemetry.sdk.name"),
	TEXT("telemetry.sdk.version"), TEXT("webengine.description"), TEXT("webengine.name"),
	TEXT("webengine.version") };

/* A tag: texts without their quotes, escapes and all. A value that is no text is taken as it is written. */
struct tag {
	struct bytes key, value;
	int special; /* which one it is; -1: none */
	bool of_resource;
};

/* Tags that are looked at together. */
struct window {
	size_t count;
	struct tag tags[TAGS_AT_ONCE];
};

/* Tags that mean something. */
enum special {
	TAG_TRACE_STATE,
	TAG_KIND,
	TAG_CODE,
	TAG_DESCRIPTION,
	TAG_ERROR,
	TAG_LIBRARY,
	TAG_LIBRARY_VERSION,
	TAG_SCOPE,
	TAG_SCOPE_VERSION,
	TAG_SOURCE,
	TAG_SERVICE,
	TAG_HOST_IP,
	TAG_HOST_PORT,
	TAG_PEER,
	TAG_PEER_IP,
	TAG_PEER_PORT,
	TAG_ABSENT,
	TAGS
};
static const struct bytes special_names[TAGS] = {
	[TAG_TRACE_STATE] = TEXT("w3c.tracestate"),
	[TAG_KIND] = TEXT("span.kind"),
	[TAG_CODE] = TEXT("otel.status_code"),
	[TAG_DESCRIPTION] = TEXT("otel.status_description"),
	[TAG_ERROR] = TEXT("error"),
	[TAG_LIBRARY] = TEXT("otel.library.name"),
	[TAG_LIBRARY_VERSION] = TEXT("otel.library.version"),
	[TAG_SCOPE] = TEXT("otel.scope.name"),
	[TAG_SCOPE_VERSION] = TEXT("otel.scope.version"),
	[TAG_SOURCE] = TEXT("otlp.service.name.source"),
	[TAG_SERVICE] = TEXT("service.name"),
	[TAG_HOST_IP] = TEXT("net.host.ip"),
	[TAG_HOST_PORT] = TEXT("net.host.port"),
	[TAG_PEER] = TEXT("peer.service"),
	[TAG_PEER_IP] = TEXT("net.peer.ip"),
	[TAG_PEER_PORT] = TEXT("net.peer.port"),
	[TAG_ABSENT] = TEXT("otel.zipkin.absentField.startTime"),
};

/* Texts without their quotes; empty if they are not there, or are no text. */
struct endpoint {
	struct bytes service, ipv4, ipv6;
	uint64_t port;
};

struct span {
	struct bytes trace_id, id, parent_id, name, kind;
	unsigned char trace[16], own[8], parent[8]; /* what the ids say, once read_ids() has been called */
	bool has_parent; /* another than itself */
	uint64_t timestamp, duration; /* us */
	struct bytes tags, annotations; /* JSON, or empty */
	struct endpoint local, remote;
	bool fits; /* all tags are in the window */
	unsigned gone; /* a bit for each special tag that is no attribute */
	struct bytes special[TAGS]; /* their values; data is NULL if it is not there */
};

/*
 * What is written. Invariant: `scope` is begun within `resource`, and both are what they were begun with.
 */
struct writer {
	const struct json_scan *scan;
	struct otlp_build out;
	struct otlp_made made;
	bool begun;
	size_t resource, scope;
	struct bytes service, source; /* of the span whose resource it is */
	struct window own; /* its tags, if they fit */
	bool own_fits;
	struct bytes scope_name, scope_version;
};

/* Reading. */

static bool next_member(struct json_walk *w, struct bytes *name, struct bytes *value)
{
	enum json_token t;

	while ((t = json_walk_next(w)) != TOKEN_NAME)
		if (t == TOKEN_END)
			return false;
	*name = w->text;
	if (!json_walk_value(w))
		return false;
	*value = (struct bytes){ w->at, (size_t)(w->p - w->at) };
	return true;
}

/* The next element of an array, whose bracket was passed. */
static bool next_element(struct json_walk *w, struct bytes *value)
{
	struct json_walk before = *w;
	enum json_token t = json_walk_next(w);

	if (t == TOKEN_COMMA) {
		before = *w;
		t = json_walk_next(w);
	}
	if (t == TOKEN_CLOSE || t == TOKEN_END)
		return false;
	*w = before;
	if (!json_walk_value(w))
		return false;
	*value = (struct bytes){ w->at, (size_t)(w->p - w->at) };
	return true;
}

static bool is_named(struct bytes name, struct bytes plain)
{
	if (name.size <= plain.size) /* an escape would make it longer */
		return bytes_equal(name, plain);
	return json_is_escaped(name) && json_name_is(name, plain, false);
}

static bool is(struct bytes name, const char *plain)
{
	return is_named(name, bytes_of(plain));
}

static struct bytes text_of(struct bytes value)
{
	return json_kind(value) == MEMBER_STRING ? json_inner(value) : (struct bytes){ "", 0 };
}

/* A whole number, in quotes or not; 0 if it is null. False if it is anything else. */
static bool number_of(struct bytes value, uint64_t *ret)
{
	if (json_kind(value) == MEMBER_NULL)
		return true;
	return u64_parse(json_kind(value) == MEMBER_STRING ? json_inner(value) : value, ret);
}

/* Whether they stay as nanoseconds what they are. */
static bool microseconds_of(struct bytes value, uint64_t *ret)
{
	return number_of(value, ret) && *ret <= UINT64_MAX / NS_IN_US / 2;
}

static void read_endpoint(const struct json_scan *scan, struct bytes object, struct endpoint *e)
{
	struct json_walk w = json_walk_of(scan, object);
	struct bytes name, value;
	uint64_t port;

	if (json_kind(object) != MEMBER_OBJECT)
		return;
	while (next_member(&w, &name, &value))
		if (is(name, "serviceName"))
			e->service = text_of(value);
		else if (is(name, "ipv4"))
			e->ipv4 = text_of(value);
		else if (is(name, "ipv6"))
			e->ipv6 = text_of(value);
		else if (is(name, "port") && number_of(value, &port) && port <= UINT16_MAX)
			e->port = port;
}

/* NULL, or why the span is refused. */
static const char *read_member(const struct json_scan *scan, struct span *s, struct bytes name, struct bytes value)
{
	if (is(name, "traceId"))
		s->trace_id = text_of(value);
	else if (is(name, "id"))
		s->id = text_of(value);
	else if (is(name, "parentId"))
		s->parent_id = text_of(value);
	else if (is(name, "name"))
		s->name = text_of(value);
	else if (is(name, "kind"))
		s->kind = text_of(value);
	else if (is(name, "localEndpoint"))
		read_endpoint(scan, value, &s->local);
	else if (is(name, "remoteEndpoint"))
		read_endpoint(scan, value, &s->remote);
	else if (is(name, "tags") && json_kind(value) == MEMBER_OBJECT)
		s->tags = value;
	else if (is(name, "annotations") && json_kind(value) == MEMBER_ARRAY)
		s->annotations = value;
	else if (is(name, "timestamp") && !microseconds_of(value, &s->timestamp))
		return "its timestamp is not a whole number of microseconds";
	else if (is(name, "duration") && !microseconds_of(value, &s->duration))
		return "its duration is not a whole number of microseconds";
	return NULL;
}

/* An id of `size` bytes. Clients that print it as a number leave out the zeros at its front, which Zipkin's server puts
 * there again. False if it is empty, longer, has another character, or is zero. */
static bool read_id(struct bytes text, unsigned char *to, size_t size)
{
	size_t digits = 2 * size;
	int any = 0;

	if (text.size == 0 || text.size > digits)
		return false;
	memset(to, 0, size);
	for (size_t i = 0, at = digits - text.size; i < text.size; i++, at++) {
		int digit = hex_digit(text.data[i]);
		if (digit < 0)
			return false;
		to[at / 2] |= (unsigned char)(at % 2 ? digit : digit << 4);
		any |= digit;
	}
	return any;
}

static bool is_zero_id(struct bytes text)
{
	for (size_t i = 0; i < text.size; i++)
		if (text.data[i] != '0')
			return false;
	return text.size <= 16;
}

/* NULL, or why the span is refused. */
static const char *read_ids(struct span *s)
{
	if (!read_id(s->trace_id, s->trace, sizeof s->trace))
		return "its traceId is missing, zero, or not up to 32 hex digits";
	if (!read_id(s->id, s->own, sizeof s->own))
		return "its id is missing, zero, or not up to 16 hex digits";
	s->has_parent = !is_zero_id(s->parent_id);
	if (s->has_parent && !read_id(s->parent_id, s->parent, sizeof s->parent))
		return "its parentId is not up to 16 hex digits";
	s->has_parent &= memcmp(s->parent, s->own, sizeof s->own) != 0;
	return NULL;
}

/* Tags. */

static bool next_tag(struct json_walk *w, struct tag *tag)
{
	struct bytes value = { "", 0 };

	do
		if (!next_member(w, &tag->key, &value))
			return false;
	while (json_kind(value) == MEMBER_NULL);
	tag->value = json_kind(value) == MEMBER_STRING ? json_inner(value) : value;
	return true;
}

static int special_of(struct bytes key)
{
	bool escaped = json_is_escaped(key);

	for (int i = 0; i < TAGS; i++)
		if (escaped ? is_named(key, special_names[i]) : bytes_equal(key, special_names[i]))
			return i;
	return -1;
}

static int compare_names(const void *key, const void *name)
{
	const struct bytes *a = key, *b = name;
	int order = memcmp(a->data, b->data, smaller(a->size, b->size));

	return order ? order : (a->size > b->size) - (a->size < b->size);
}

static bool is_of_resource(struct bytes key)
{
	return key.size > 0 &&
	       bsearch(&key, resource_names, COUNT_OF(resource_names), sizeof *resource_names, compare_names);
}

/* The next tags. False: there are no more, and the window stays as it is. */
static bool fill(struct window *w, struct json_walk *walk)
{
	struct tag tag;
	size_t count = 0;

	while (count < TAGS_AT_ONCE && next_tag(walk, &tag)) {
		tag.special = special_of(tag.key);
		tag.of_resource = is_of_resource(tag.key);
		w->tags[count++] = tag;
	}
	if (count > 0)
		w->count = count;
	return count > 0;
}

/* Returns whether all tags fit into the window: then they stay in it. */
static bool find_specials(struct window *w, const struct json_scan *scan, struct span *s)
{
	struct json_walk walk = json_walk_of(scan, s->tags);
	size_t windows = 0;

	for (w->count = 0; fill(w, &walk); windows++)
		for (const struct tag *tag = w->tags; tag < w->tags + w->count; tag++)
			if (tag->special >= 0)
				s->special[tag->special] = tag->value;
	return windows <= 1;
}

static bool is_there(const struct span *s, enum special i)
{
	return s->special[i].data != NULL;
}

/* The value of a tag that is no attribute any more. */
static struct bytes take(struct span *s, enum special i)
{
	s->gone |= 1u << i;
	return is_there(s, i) ? s->special[i] : (struct bytes){ "", 0 };
}

/* Text with its escapes resolved. It is valid UTF-8. */
static void put_text(struct otlp_build *b, unsigned field, struct bytes inner)
{
	const char *p = inner.data, *end = p + inner.size;
	size_t begun;

	if (!json_is_escaped(inner)) {
		otlp_build_bytes(b, field, inner);
		return;
	}
	begun = otlp_build_begin(b, field);
	while (p < end) {
		const char *stop = memchr(p, '\\', (size_t)(end - p));
		char bytes[4];
		otlp_build_raw(b, (struct bytes){ p, (size_t)((stop ? stop : end) - p) });
		p = stop ? stop + 1 : end;
		if (stop && p < end)
			otlp_build_raw(b, (struct bytes){ bytes, json_unescape(&p, end, bytes) });
	}
	otlp_build_end(b, begun);
}

static void put_tag(struct otlp_build *b, unsigned field, const struct tag *tag)
{
	size_t pair = otlp_build_begin(b, field), value;

	put_text(b, 1, tag->key);
	value = otlp_build_begin(b, 2);
	put_text(b, OTLP_VALUE_TEXT, tag->value);
	otlp_build_end(b, value);
	otlp_build_end(b, pair);
}

static void put_special(struct otlp_build *b, unsigned field, enum special i, struct bytes text)
{
	const struct tag tag = { .key = special_names[i], .value = text };

	put_tag(b, field, &tag);
}

static bool has_later(const struct window *w, size_t i)
{
	for (size_t j = i + 1; j < w->count; j++)
		if (bytes_equal(w->tags[i].key, w->tags[j].key))
			return true;
	return false;
}

static void put_some(struct otlp_build *b, const struct window *w, const struct span *s, bool of_resource)
{
	for (size_t i = 0; i < w->count; i++) {
		const struct tag *tag = &w->tags[i];
		bool gone = tag->special >= 0 && s->gone >> tag->special & 1;
		if (tag->of_resource == of_resource && !gone && !has_later(w, i))
			put_tag(b, of_resource ? 1 : 9, tag);
	}
}

/* Those that find_specials() has seen, and left in the window if they fit. */
static void put_tags(struct writer *w, struct window *window, const struct span *s, bool of_resource)
{
	struct json_walk walk = json_walk_of(w->scan, s->tags);

	if (s->fits)
		put_some(&w->out, window, s, of_resource);
	else
		while (fill(window, &walk))
			put_some(&w->out, window, s, of_resource);
}

/* Resource and scope. */

static const struct tag *next_of_resource(const struct window *w, size_t *at)
{
	while (*at < w->count && !w->tags[*at].of_resource)
		++*at;
	return *at < w->count ? &w->tags[(*at)++] : NULL;
}

/* In the same order, too. */
static bool same_resource_tags(const struct window *a, const struct window *b)
{
	size_t i = 0, j = 0;

	for (;;) {
		const struct tag *one = next_of_resource(a, &i), *other = next_of_resource(b, &j);
		if (!one || !other)
			return one == other;
		if (!bytes_equal(one->key, other->key) || !bytes_equal(one->value, other->value))
			return false;
	}
}

static bool same_resource(const struct writer *w, const struct window *window, const struct span *s)
{
	if (!w->begun || !w->own_fits || !s->fits || !bytes_equal(w->service, s->local.service))
		return false;
	return bytes_equal(w->source, s->special[TAG_SOURCE]) && same_resource_tags(&w->own, window);
}

static void end_resource(struct writer *w)
{
	if (!w->begun)
		return;
	otlp_build_end(&w->out, w->scope);
	otlp_build_end(&w->out, w->resource);
}

static void keep_own(struct writer *w, const struct window *window, bool fits)
{
	w->own.count = 0;
	w->own_fits = fits;
	for (size_t i = 0; fits && i < window->count; i++)
		if (window->tags[i].of_resource)
			w->own.tags[w->own.count++] = window->tags[i];
}

static void begin_resource(struct writer *w, struct window *window, struct span *s)
{
	struct bytes source = s->special[TAG_SOURCE];
	struct tag service = { .key = source.size > 0 ? source : special_names[TAG_SERVICE],
		.value = s->local.service };
	size_t resource;

	end_resource(w);
	w->begun = true;
	w->service = s->local.service;
	w->source = source;
	keep_own(w, window, s->fits);
	w->resource = otlp_build_begin(&w->out, 1);
	resource = otlp_build_begin(&w->out, 1);
	if (service.value.size > 0 && (source.size > 0 || !is_there(s, TAG_SERVICE)))
		put_tag(&w->out, 1, &service);
	put_tags(w, window, s, true);
	otlp_build_end(&w->out, resource);
}

/* Nothing but what has a name is a scope; a version alone stays an attribute. */
static void take_scope(struct span *s, struct bytes *ret_name, struct bytes *ret_version)
{
	enum special name = is_there(s, TAG_LIBRARY) ? TAG_LIBRARY : TAG_SCOPE, version = name + 1;

	*ret_name = *ret_version = (struct bytes){ "", 0 };
	if (s->special[name].size == 0)
		return;
	*ret_name = take(s, name);
	*ret_version = take(s, version);
}

static void begin_scope(struct writer *w, struct bytes name, struct bytes version)
{
	size_t scope;

	w->scope_name = name;
	w->scope_version = version;
	w->scope = otlp_build_begin(&w->out, 2);
	if (name.size == 0)
		return;
	scope = otlp_build_begin(&w->out, 1);
	put_text(&w->out, 1, name);
	put_text(&w->out, 2, version);
	otlp_build_end(&w->out, scope);
}

/* Makes the span's resource and scope the current ones. */
static void enter(struct writer *w, struct window *window, struct span *s)
{
	struct bytes name, version;
	bool same = same_resource(w, window, s);

	take_scope(s, &name, &version);
	(void)take(s, TAG_SOURCE);
	if (same && bytes_equal(w->scope_name, name) && bytes_equal(w->scope_version, version))
		return;
	if (same)
		otlp_build_end(&w->out, w->scope);
	else
		begin_resource(w, window, s);
	begin_scope(w, name, version);
}

/* A span. */

static unsigned kind_of(struct span *s)
{
	static const char *const kinds[] = { "", "", "SERVER", "CLIENT", "PRODUCER", "CONSUMER" };

	for (unsigned i = 2; i < COUNT_OF(kinds); i++)
		if (is(s->kind, kinds[i]))
			return i;
	return is_there(s, TAG_KIND) && is(take(s, TAG_KIND), "internal");
}

struct status {
	unsigned code; /* 0: unset, 1: fine, 2: an error */
	struct bytes message;
};

/* As exporters of OpenTelemetry have written it over the years. */
static unsigned code_of(struct bytes word)
{
	if (json_name_is(word, bytes_of("OK"), true) || is(word, "STATUS_CODE_OK"))
		return 1;
	return json_name_is(word, bytes_of("ERROR"), true) || is(word, "STATUS_CODE_ERROR") ? 2 : 0;
}

static struct status status_of(struct span *s)
{
	struct status status = { .message = { "", 0 } };

	if (is_there(s, TAG_CODE)) {
		status.code = code_of(take(s, TAG_CODE));
		status.message = take(s, TAG_DESCRIPTION);
	}
	if (is_there(s, TAG_ERROR)) {
		status.code = 2;
		if (is(s->special[TAG_ERROR], "true"))
			(void)take(s, TAG_ERROR);
	}
	return status;
}

static void put_port(struct otlp_build *b, enum special i, uint64_t port)
{
	struct otlp_value value = otlp_int((int64_t)port);

	otlp_build_attribute(b, 9, special_names[i], &value);
}

/* What an endpoint says replaces tags of the same names. Of two addresses the longer one counts. */
static void take_endpoints(struct span *s)
{
	s->gone |= (unsigned)(s->local.ipv4.size + s->local.ipv6.size > 0) << TAG_HOST_IP;
	s->gone |= (unsigned)(s->local.port > 0) << TAG_HOST_PORT;
	s->gone |= (unsigned)(s->remote.service.size > 0) << TAG_PEER;
	s->gone |= (unsigned)(s->remote.ipv4.size + s->remote.ipv6.size > 0) << TAG_PEER_IP;
	s->gone |= (unsigned)(s->remote.port > 0) << TAG_PEER_PORT;
	s->gone |= (unsigned)(s->timestamp == 0) << TAG_ABSENT;
}

static void put_endpoint(struct otlp_build *b, const struct endpoint *e, enum special ip, enum special port)
{
	if (e->ipv4.size + e->ipv6.size > 0)
		put_special(b, 9, ip, e->ipv6.size > 0 ? e->ipv6 : e->ipv4);
	if (e->port > 0)
		put_port(b, port, e->port);
}

static void put_attributes(struct writer *w, struct window *window, struct span *s)
{
	struct otlp_build *b = &w->out;
	struct otlp_value absent = otlp_bool(true);

	take_endpoints(s);
	put_tags(w, window, s, false);
	put_endpoint(b, &s->local, TAG_HOST_IP, TAG_HOST_PORT);
	if (s->remote.service.size > 0)
		put_special(b, 9, TAG_PEER, s->remote.service);
	put_endpoint(b, &s->remote, TAG_PEER_IP, TAG_PEER_PORT);
	if (s->timestamp == 0)
		otlp_build_attribute(b, 9, special_names[TAG_ABSENT], &absent);
}

static void put_event(struct writer *w, struct bytes annotation)
{
	struct json_walk walk = json_walk_of(w->scan, annotation);
	struct bytes name, value, text = { "", 0 };
	uint64_t time = 0;
	size_t event;

	if (json_kind(annotation) != MEMBER_OBJECT)
		return;
	while (next_member(&walk, &name, &value))
		if (is(name, "value"))
			text = text_of(value);
		else if (is(name, "timestamp") && !microseconds_of(value, &time))
			time = 0;
	event = otlp_build_begin(&w->out, 11);
	otlp_build_fixed64(&w->out, 1, time * NS_IN_US);
	put_text(&w->out, 2, text);
	otlp_build_end(&w->out, event);
}

static void put_events(struct writer *w, struct bytes annotations)
{
	struct json_walk walk = json_walk_of(w->scan, annotations);
	struct bytes annotation;

	if (annotations.size == 0)
		return;
	(void)json_walk_next(&walk);
	while (next_element(&walk, &annotation))
		put_event(w, annotation);
}

static void put_status(struct otlp_build *b, const struct status *status)
{
	size_t begun;

	if (status->code == 0 && status->message.size == 0)
		return;
	begun = otlp_build_begin(b, 15);
	if (status->message.size > 0)
		put_text(b, 2, status->message);
	otlp_build_number(b, 3, status->code);
	otlp_build_end(b, begun);
}

static void put_ids(struct otlp_build *b, struct span *s)
{
	otlp_build_bytes(b, 1, (struct bytes){ (const char *)s->trace, sizeof s->trace });
	otlp_build_bytes(b, 2, (struct bytes){ (const char *)s->own, sizeof s->own });
	if (is_there(s, TAG_TRACE_STATE))
		put_text(b, 3, take(s, TAG_TRACE_STATE));
	if (s->has_parent)
		otlp_build_bytes(b, 4, (struct bytes){ (const char *)s->parent, sizeof s->parent });
}

static void put_span(struct writer *w, struct window *window, struct span *s)
{
	struct otlp_build *b = &w->out;
	unsigned kind = kind_of(s);
	struct status status = status_of(s);
	size_t span = otlp_build_begin(b, 2);

	put_ids(b, s);
	put_text(b, 5, s->name);
	otlp_build_number(b, 6, kind);
	otlp_build_fixed64(b, 7, s->timestamp * NS_IN_US);
	otlp_build_fixed64(b, 8, (s->timestamp + s->duration) * NS_IN_US);
	put_attributes(w, window, s);
	put_events(w, s->annotations);
	put_status(b, &status);
	otlp_build_end(b, span);
}

/* The whole. */

/* NULL, or why it is refused alone. */
static const char *read_span(
	const struct json_scan *scan, struct bytes object, const struct json_line *index, struct span *s)
{
	const struct bytes empty = { "", 0 };
	const char *why = NULL;

	*s = (struct span){ .trace_id = empty,
		.id = empty,
		.parent_id = empty,
		.name = empty,
		.kind = empty,
		.tags = empty,
		.annotations = empty,
		.local = { empty, empty, empty, 0 },
		.remote = { empty, empty, empty, 0 } };
	for (size_t i = 0; i < index->count && !why; i++) {
		const struct json_member *m = &index->members[i];
		why = read_member(scan, s, (struct bytes){ object.data + m->name, m->name_size },
			(struct bytes){ object.data + m->value, m->value_size });
	}
	return why ? why : read_ids(s);
}

/* What is wrong with the characters of an object, whose end was found all the same. NULL: with more than these. */
static const char *why_alone(enum json_fault fault)
{
	switch (fault) {
	case JSON_UTF8:
		return "it has text that is not UTF-8";
	case JSON_CONTROL:
		return "it has a control character in a text";
	case JSON_DEEP:
		return "it is nested deeper than 64 levels";
	default:
		return NULL;
	}
}

/* NULL, or what is wrong with the whole body. */
static const char *put_element(struct writer *w, struct bytes object)
{
	struct json_line index;
	enum json_fault fault = json_line_index(w->scan, object.data, object.size, &index);
	const char *why = why_alone(fault);
	struct window window;
	struct span s;

	if (fault && !why)
		return "an element that is no JSON object";
	if (!why)
		why = read_span(w->scan, object, &index, &s);
	if (why) {
		otlp_made_refuse(&w->made, why, fault ? (struct bytes){ "", 0 } : s.name, object.size);
		return NULL;
	}
	s.fits = find_specials(&window, w->scan, &s);
	enter(w, &window, &s);
	put_span(w, &window, &s);
	w->made.spans++;
	return NULL;
}

/* The list itself is not checked before: every comma and bracket is. */
static const char *put_elements(struct writer *w, struct json_walk *walk)
{
	enum json_token t = json_walk_next(walk);
	const char *why = NULL;
	bool first = true;

	if (t != TOKEN_ARRAY || *walk->at != '[')
		return "expected a list of spans";
	for (;; first = false) {
		struct json_walk before = *walk;
		t = json_walk_next(walk);
		if (t == TOKEN_CLOSE && first)
			break;
		*walk = before;
		if (!json_walk_value(walk))
			return "the list has no end";
		why = put_element(w, (struct bytes){ walk->at, (size_t)(walk->p - walk->at) });
		if (why)
			return why;
		t = json_walk_next(walk);
		if (t == TOKEN_CLOSE)
			break;
		if (t != TOKEN_COMMA)
			return "expected a comma or the end of the list";
	}
	if (*walk->at != ']')
		return "the list ends with a brace";
	return json_walk_next(walk) == TOKEN_END ? NULL : "there is something behind the list";
}

static const char *convert(struct writer *w, struct bytes body, size_t *ret_at)
{
	struct json_walk walk = json_walk_of(w->scan, body.size ? body : (struct bytes){ "", 0 });
	const char *why = put_elements(w, &walk);

	*ret_at = body.size ? (size_t)(walk.at - body.data) : 0;
	if (why)
		return why;
	end_resource(w);
	w->made.size = w->out.size;
	return NULL;
}

const char *zipkin_plan(struct bytes body, struct otlp_made *ret, size_t *ret_at)
{
	struct writer w = { .scan = json_scan_best() };
	const char *why = convert(&w, body, ret_at);

	*ret = w.made;
	return why;
}

void zipkin_write(struct bytes body, const struct otlp_made *plan, char *to)
{
	struct writer w = { .scan = json_scan_best(), .out = { to, plan->size, 0 } };
	size_t at;
	const char *why = convert(&w, body, &at);

	OXP_ASSERT(!why && w.out.size == plan->size);
}
