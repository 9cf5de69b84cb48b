/*
 * Any bytes as a configuration file: read or refused with a line and a reason, never a secret in what is said; what
 * was read prints. Bytes behind a zero are a --set.
 */
#include <stdlib.h>

#include "unit/config/sample.h"

static void check_nodes(const struct tree *t)
{
	for (const struct node *n = t->root; n; n = node_after(t->root, n)) {
		size_t count = 0;
		for (const struct node *child = n->first; child; child = child->next, count++)
			if (child->parent != n || (n->kind == NODE_MAP) != (child->key != NULL))
				abort();
		if (count != n->count || (n->kind == NODE_TEXT && (count || !n->text)))
			abort();
	}
}

static void check_said(const struct config *c, struct buffer *out)
{
	if (config_errors_print(&c->errors, true, out) < 0)
		abort();
	if (out->size && memmem(out->data, out->size, "hunter2", 7))
		abort();
}

static void load(struct bytes text, const char *set)
{
	struct sample sample = { .memory = 0 };
	struct config *c = config_new(sample_sections, &sample);
	struct buffer out;
	int failed;

	c->errors.hints = sample_hints;
	failed = config_load(c, &(struct config_input){ "f", text, (const char *[]){ set, NULL }, &sample_world });
	buffer_init(&out, 16 << 20);
	if (!failed != !c->errors.count)
		abort();
	check_said(c, &out);
	if (!failed)
		check_nodes(&c->tree);
	if (!failed && config_effective(c, &out) < 0)
		abort();
	buffer_done(&out);
	config_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
	size_t text = zero ? (size_t)(zero - data) : size;
	char *set = zero ? strndup((const char *)zero + 1, size - text - 1) : NULL;

	/* A file that has the secret's own bytes in it may show them. */
	if (!size || !memmem(data, size, "unter2", 6))
		load((struct bytes){ (const char *)data, text }, set);
	free(set);
	return 0;
}
