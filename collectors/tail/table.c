#include "collectors/tail/table.h"

#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>

void tail_table_init(struct tail_table *t, struct tail_closer *closer)
{
	t->closer = closer;
	TAILQ_INIT(&t->named);
	TAILQ_INIT(&t->gone);
}

static size_t path_bucket(const char *path)
{
	return XXH3_64bits(path, strlen(path)) % TAIL_CHAINS;
}

static size_t inode_bucket(uint64_t dev, uint64_t inode)
{
	return (inode ^ dev) % TAIL_CHAINS;
}

static struct tail_file_list *list_of(struct tail_table *t, const struct tail_file *f)
{
	return tail_file_trait(f)->gone ? &t->gone : &t->named;
}

static struct tail_file **inode_chain(struct tail_table *t, const struct tail_file *f)
{
	return &t->by_inode[inode_bucket(f->identity.dev, f->identity.inode)];
}

static void put_path(struct tail_table *t, struct tail_file *f)
{
	struct tail_file **chain = &t->by_path[path_bucket(f->path)];

	f->by_path = *chain;
	*chain = f;
}

static void take_path(struct tail_table *t, struct tail_file *f)
{
	struct tail_file **at = &t->by_path[path_bucket(f->path)];

	while (*at != f)
		at = &(*at)->by_path;
	*at = f->by_path;
}

struct tail_file *tail_table_named(const struct tail_table *t, const char *path)
{
	struct tail_file *f = t->by_path[path_bucket(path)];

	while (f && (tail_file_trait(f)->gone || strcmp(f->path, path) != 0))
		f = f->by_path;
	return f;
}

struct tail_file *tail_table_last_owner(const struct tail_table *t, const char *path)
{
	struct tail_file *f, *last = NULL;

	for (f = t->by_path[path_bucket(path)]; f; f = f->by_path)
		if (tail_file_trait(f)->gone && !f->outlived && strcmp(f->path, path) == 0 &&
			(!last || f->identity.birth_ns > last->identity.birth_ns))
			last = f;
	return last;
}

/* This file had the name after these, so they no longer tell which file had it last. */
static void outlive(struct tail_table *t, const struct tail_file *dropped)
{
	struct tail_file *f;

	for (f = t->by_path[path_bucket(dropped->path)]; f; f = f->by_path)
		f->outlived = f->outlived ||
			      (tail_file_trait(f)->gone && f->identity.birth_ns <= dropped->identity.birth_ns &&
				      strcmp(f->path, dropped->path) == 0);
}

struct tail_file *tail_table_find(const struct tail_table *t, const struct tail_identity *identity)
{
	struct tail_file *f = t->by_inode[inode_bucket(identity->dev, identity->inode)];

	while (f && (f->state == TAIL_GONE_CUT || !tail_same(&f->identity, identity)))
		f = f->by_inode;
	return f;
}

static void count_gone(struct tail_table *t, const struct tail_file *f, bool more)
{
	t->gone_count += more ? 1 : SIZE_MAX;
	t->gone_cost += more ? tail_cost(f->path) : -tail_cost(f->path);
}

static void put_inode(struct tail_table *t, struct tail_file *f)
{
	struct tail_file **chain = inode_chain(t, f);

	f->by_inode = *chain;
	*chain = f;
}

static void take_inode(struct tail_table *t, struct tail_file *f)
{
	struct tail_file **at = inode_chain(t, f);

	while (*at != f)
		at = &(*at)->by_inode;
	*at = f->by_inode;
}

struct tail_file *tail_table_add(struct tail_table *t, const struct tail_found *found, bool gone)
{
	struct tail_file *f = oxp_new(sizeof *f);

	f->path = oxp_strdup(found->name ? found->name : found->path);
	f->identity = found->identity;
	tail_file_init(f);
	f->state = gone ? TAIL_GONE_CLOSED : TAIL_CLOSED;
	put_inode(t, f);
	put_path(t, f);
	TAILQ_INSERT_TAIL(list_of(t, f), f, entry);
	t->count++;
	t->cost += tail_cost(f->path);
	if (gone)
		count_gone(t, f, true);
	return f;
}

void tail_table_close(const struct tail_table *t, struct tail_file *f)
{
	tail_closer_take(t->closer, tail_file_let_go(f));
}

void tail_table_drop(struct tail_table *t, struct tail_file *f)
{
	take_inode(t, f);
	take_path(t, f);
	if (f->fd >= 0)
		outlive(t, f);
	TAILQ_REMOVE(list_of(t, f), f, entry);
	t->count--;
	t->cost -= tail_cost(f->path);
	if (tail_file_trait(f)->gone)
		count_gone(t, f, false);
	tail_table_close(t, f);
	free(f->path);
	free(f);
}

void tail_table_move(struct tail_table *t, struct tail_file *f, enum tail_state to)
{
	bool gone = tail_traits[to].gone;

	OXP_ASSERT(tail_state_may_become((enum tail_state)f->state, to));
	if (tail_file_trait(f)->gone != gone) {
		TAILQ_REMOVE(gone ? &t->named : &t->gone, f, entry);
		TAILQ_INSERT_TAIL(gone ? &t->gone : &t->named, f, entry);
		count_gone(t, f, gone);
		f->outlived = false;
	}
	f->state = (uint8_t)to;
}

void tail_table_rename(struct tail_table *t, struct tail_file *f, const char *path)
{
	if (tail_file_trait(f)->gone)
		tail_table_move(t, f, tail_file_trait(f)->twin);
	take_path(t, f);
	t->cost += tail_cost(path) - tail_cost(f->path);
	free(f->path);
	f->path = oxp_strdup(path);
	put_path(t, f);
}

void tail_table_become(struct tail_table *t, struct tail_file *f, const struct tail_identity *identity)
{
	take_inode(t, f);
	f->identity = *identity;
	put_inode(t, f);
}

struct tail_file *tail_table_cut(struct tail_table *t, struct tail_file *f)
{
	const struct tail_found same = { .path = f->path, .identity = f->identity };
	bool gone = tail_file_trait(f)->gone;
	struct tail_file *n = tail_table_add(t, &same, gone);

	tail_file_hand_over(f, n);
	tail_table_move(t, f, TAIL_GONE_CUT);
	tail_table_move(t, n, gone ? TAIL_GONE_FOLLOWED : TAIL_FOLLOWED);
	return n;
}

struct tail_file *tail_table_find_cut(const struct tail_table *t, uint64_t generation)
{
	struct tail_file *f;

	TAILQ_FOREACH(f, &t->gone, entry)
		if (f->state == TAIL_GONE_CUT && f->generation == generation)
			return f;
	return NULL;
}

void tail_table_visit(
	const struct tail_table *t, const char *path, bool (*visit)(void *context, struct tail_file *), void *context)
{
	struct tail_file *f = t->by_path[path_bucket(path)];

	while (f && (strcmp(f->path, path) != 0 || visit(context, f)))
		f = f->by_path;
}

void tail_table_pass(struct tail_table *t, struct tail_file *f)
{
	TAILQ_REMOVE(list_of(t, f), f, entry);
	TAILQ_INSERT_TAIL(list_of(t, f), f, entry);
}

/* The bytes that were cut down are no longer in a file of that identity. */
bool tail_table_mark(const struct tail_table *t, size_t *at, struct tail_marks *marks)
{
	size_t before = marks->count;

	if (*at == 0)
		tail_marks_reserve(marks, t->count);
	for (; *at < TAIL_CHAINS && marks->count - before < TAIL_MARKED_AT_ONCE; ++*at)
		for (const struct tail_file *f = t->by_inode[*at]; f; f = f->by_inode)
			if (f->state != TAIL_GONE_CUT)
				tail_marks_know(marks, &f->identity);
	return *at < TAIL_CHAINS;
}

/* Saved positions. */

static size_t saved_bucket(uint64_t inode)
{
	return inode % TAIL_CHAINS;
}

void tail_table_give_back(struct tail_table *t, struct tail_saved *s)
{
	struct tail_saved **chain = &t->saved[saved_bucket(s->at.inode)];

	s->next = *chain;
	*chain = s;
	t->saved_count++;
	t->saved_cost += tail_cost(s->path);
}

void tail_table_remember(struct tail_table *t, const struct position *at)
{
	size_t size = strlen(at->path) + 1;
	struct tail_saved *s = oxp_new(sizeof *s + size);

	memcpy(s->path, at->path, size);
	s->at = *at;
	s->at.path = s->path;
	tail_table_give_back(t, s);
}

static bool has_saved(const struct tail_table *t, const struct tail_identity *identity, bool begun)
{
	for (const struct tail_saved *s = t->saved[saved_bucket(identity->inode)]; s; s = s->next) {
		const struct tail_identity then = { s->at.dev, s->at.inode, s->at.birth_ns };
		if (tail_same_later(&then, identity) && (!begun || s->at.head_size > 0))
			return true;
	}
	return false;
}

bool tail_table_knows(const struct tail_table *t, const struct tail_identity *identity)
{
	return has_saved(t, identity, false);
}

bool tail_table_has_begun(const struct tail_table *t, const struct tail_identity *identity)
{
	return has_saved(t, identity, true);
}

void tail_table_visit_saved(const struct tail_table *t, const struct tail_identity *identity,
	void (*visit)(void *context, const struct tail_saved *), void *context)
{
	for (const struct tail_saved *s = t->saved[saved_bucket(identity->inode)]; s; s = s->next) {
		const struct tail_identity then = { s->at.dev, s->at.inode, s->at.birth_ns };
		if (tail_same_later(&then, identity))
			visit(context, s);
	}
}

struct tail_saved *tail_table_take(struct tail_table *t, const struct tail_identity *identity)
{
	struct tail_saved **at = &t->saved[saved_bucket(identity->inode)], *s;

	for (; (s = *at); at = &s->next)
		if (s->at.inode == identity->inode && s->at.dev == identity->dev && s->at.birth_ns != 0 &&
			s->at.birth_ns == identity->birth_ns)
			break;
	if (!s)
		return NULL;
	*at = s->next;
	t->saved_count--;
	t->saved_cost -= tail_cost(s->path);
	return s;
}

/* How sure it is that the open file is the one of that position: 0, it is not, or -errno. Where device or birth is
 * another, or none is told, its bytes have to: overlay gives a file that it copies up another birth. */
static int sureness(const struct position *p, const struct tail_identity *now, int fd)
{
	const struct tail_identity then = { p->dev, p->inode, p->birth_ns };
	const struct tail_before before = { p->before_hash, p->before_size };
	int same = p->inode == now->inode ? tail_head_is(fd, p) : 0;

	if (same <= 0)
		return same;
	if (tail_same(&then, now))
		return 3;
	if (tail_same_later(&then, now))
		return 2;
	if (p->head_size == 0 || (then.dev != now->dev && (then.birth_ns != 0 || now->birth_ns != 0)))
		return 0;
	return tail_stood_before(fd, p->offset, &before);
}

/* Among several that are equally sure, the newest generation. */
int tail_table_claim(struct tail_table *t, const struct tail_identity *identity, int fd, struct tail_saved **ret)
{
	struct tail_saved **best = NULL;
	int best_sure = 0;

	*ret = NULL;
	for (struct tail_saved **at = &t->saved[saved_bucket(identity->inode)]; *at; at = &(*at)->next) {
		int sure = sureness(&(*at)->at, identity, fd);
		if (sure < 0)
			return sure;
		if (!sure || sure < best_sure || (sure == best_sure && (*at)->at.generation < (*best)->at.generation))
			continue;
		best = at;
		best_sure = sure;
	}
	if (!best)
		return 0;
	*ret = *best;
	*best = (*best)->next;
	t->saved_count--;
	t->saved_cost -= tail_cost((*ret)->path);
	return 0;
}

static void sift_chain(
	struct tail_table *t, struct tail_saved **at, bool (*wanted)(void *, const struct tail_saved *), void *context)
{
	for (struct tail_saved *s; (s = *at);) {
		if (wanted(context, s)) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		t->saved_count--;
		t->saved_cost -= tail_cost(s->path);
		free(s);
	}
}

bool tail_table_sift(
	struct tail_table *t, size_t *at, bool (*wanted)(void *context, const struct tail_saved *), void *context)
{
	for (int i = 0; i < TAIL_SIFTED_AT_ONCE && *at < TAIL_CHAINS && t->saved_count > 0; i++)
		sift_chain(t, &t->saved[(*at)++], wanted, context);
	return *at < TAIL_CHAINS && t->saved_count > 0;
}

static bool want_none(void *context, const struct tail_saved *s)
{
	(void)context, (void)s;
	return false;
}

void tail_table_done(struct tail_table *t)
{
	struct tail_file *f;
	size_t at = 0;

	while ((f = TAILQ_FIRST(&t->named)) || (f = TAILQ_FIRST(&t->gone)))
		tail_table_drop(t, f);
	while (tail_table_sift(t, &at, want_none, NULL))
		continue;
}

static size_t check_list(const struct tail_table *t, const struct tail_file_list *list, bool gone)
{
	const struct tail_file *f;
	size_t count = 0;

	TAILQ_FOREACH(f, list, entry) {
		OXP_ASSERT(tail_file_trait(f)->gone == gone && tail_file_trait(f)->open == (f->fd >= 0));
		OXP_ASSERT(f->saved <= f->offset && (!tail_file_trait(f)->open || f->generation != 0));
		OXP_ASSERT(f->state == TAIL_GONE_CUT || tail_table_find(t, &f->identity) != NULL);
		OXP_ASSERT(gone || tail_table_named(t, f->path) == f);
		count++;
	}
	return count;
}

static size_t cost_of(const struct tail_file_list *list)
{
	const struct tail_file *f;
	size_t cost = 0;

	TAILQ_FOREACH(f, list, entry)
		cost += tail_cost(f->path);
	return cost;
}

void tail_table_check(const struct tail_table *t)
{
	size_t gone = check_list(t, &t->gone, true);

	OXP_ASSERT(gone == t->gone_count && check_list(t, &t->named, false) + gone == t->count);
	OXP_ASSERT(cost_of(&t->gone) == t->gone_cost && cost_of(&t->named) + t->gone_cost == t->cost);
	tail_state_check();
}
