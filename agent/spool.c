#include "spool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent.h"
#include "books.h"
#include "loop/loop.h"
#include "state/state.h"

enum {
	ROW_BYTES = 1 << 20,
	LEAVE_AGAIN_MS = 1000, /* then what could not be deleted is tried again */
	CHANGE_BYTES = 2048, /* what a change takes besides its payload */
	SPOOLING_MIN = 1 << 20,
	SPOOLING_PART = 8, /* of `memory`, in what is on its way to the disk; a commit each, so not too small a part */
};

/* With the place of the item: what was on its way when the process ended may have arrived, and comes again under the
 * same id. */
struct item_head {
	uint64_t generation, offset;
	uint32_t size, records;
};

/*
 * Items as rows are made of them: a head and its bytes, one behind the other. They stay where they are until the change
 * is written, so that nothing is copied on the loop.
 */
struct staged {
	struct staged *next;
	size_t count;
	struct iovec *pieces; /* twice as many */
	struct item_head heads[];
};

static size_t staged_size(size_t items)
{
	return sizeof(struct staged) + items * (sizeof(struct item_head) + 2 * sizeof(struct iovec));
}

static struct staged *staged_new(size_t items)
{
	struct staged *g = oxp_new(staged_size(items));

	g->pieces = (struct iovec *)(g->heads + items);
	return g;
}

static void stage(struct staged *g, const struct batch_item *item)
{
	struct item_head *head = &g->heads[g->count];
	struct iovec *piece = &g->pieces[2 * g->count++];

	*head = (struct item_head){ item->generation, item->offset, item->size, item->records };
	piece[0] = (struct iovec){ head, sizeof *head };
	piece[1] = (struct iovec){ (char *)item->data, item->size };
}

/* What is left of a send. */
static struct staged *staged_of(const struct send *d)
{
	struct staged *g = staged_new(d->left);

	for (size_t i = send_first(d); i < send_end(d); i++)
		if (send_wants(d, i))
			stage(g, batch_item(d->delivery->batch, i));
	return g;
}

/* Where the row ends that begins with item `first`. */
static size_t row_end(const struct staged *g, size_t first, struct ledger_amount *ret_amount)
{
	struct ledger_amount amount = { 0, 0 };
	size_t i = first, size = 0;

	for (; i < g->count && (i == first || size + g->heads[i].size <= ROW_BYTES); i++) {
		size += sizeof g->heads[i] + g->heads[i].size;
		amount.records += g->heads[i].records;
		amount.bytes += g->heads[i].size;
	}
	*ret_amount = amount;
	return i;
}

static size_t rows_of(const struct staged *g)
{
	struct ledger_amount amount;
	size_t rows = 0;

	for (size_t i = 0; i < g->count; i = row_end(g, i, &amount))
		rows++;
	return rows;
}

/* The rows for one route. Where their ids are told, when `ret` is not NULL. */
static void add_rows(struct state_change *change, const char *key, const struct staged *g, struct batch_row *ret)
{
	for (size_t i = 0, end; i < g->count; i = end) {
		struct state_payload row = { .pieces = &g->pieces[2 * i], .ret_id = ret ? &ret++->id : NULL };
		end = row_end(g, i, &row.amount);
		row.count = 2 * (end - i);
		state_change_spool(change, key, &row);
	}
}

/* While the agent runs: what a door answers for. */

struct kept_offer {
	struct agent *agent;
	struct source *source;
	struct batch *batch;
	struct staged *staged;
	size_t charged;
	struct batch_row *rows; /* for each route as many as there are */
	size_t row_count;
	void (*done)(void *, int failed); /* NULL: nobody is answered, see spool_offer_anyway() */
	void *context;
};

/* For the books of the next start: what is in rows before that is received, or is about to be. */
static void know_rows(struct ledger_row *row, uint64_t up_to)
{
	uint64_t *known = &row->live->term[LEDGER_SPOOLED_TO].records;

	*known = *known < up_to ? up_to : *known;
}

/* It is nowhere but here. Once the pipeline has ended nobody comes for it. */
static void take_without_rows(struct source *s, struct batch **batch)
{
	if (!s->pipeline->abandoned) {
		source_take(s, batch);
		return;
	}
	source_lost(s, batch_records(*batch), batch_size(*batch));
	batch_free(*batch);
	*batch = NULL;
}

static void on_offer_kept(void *context, int failed)
{
	struct kept_offer *o = context;
	struct source *s = o->source;

	s->waiting--;
	for (size_t i = 0; i < o->row_count && !failed; i++) {
		batch_row_add(o->batch, o->rows[i].route, o->rows[i].id);
		know_rows(s->routes[o->rows[i].route].row, o->rows[i].id + 1);
	}
	if (failed && o->done)
		batch_free(o->batch);
	else if (failed)
		take_without_rows(s, &o->batch);
	else
		source_take(s, &o->batch);
	free(o->staged);
	budget_give(&s->pipeline->budget, s->signal, o->charged);
	if (o->done)
		o->done(o->context, failed);
	free(o->rows);
	free(o);
}

static void commit_offer(struct kept_offer *o)
{
	struct state_change *change = state_change_new();
	const struct batch *b = o->batch;
	char key[STATE_KEY_MAX];
	size_t rows;

	o->staged = staged_new(b->count);
	for (size_t i = 0; i < b->count; i++)
		stage(o->staged, batch_item(b, i));
	rows = rows_of(o->staged);
	o->row_count = rows * o->source->route_count;
	o->rows = oxp_new(o->row_count * sizeof *o->rows);
	for (size_t i = 0; i < o->row_count; i++)
		o->rows[i].route = i / rows;
	for (size_t i = 0; i < o->source->route_count; i++) {
		ledger_key(o->source->routes[i].row, key, sizeof key);
		add_rows(change, key, o->staged, o->rows + i * rows);
	}
	o->source->waiting++;
	state_commit(o->agent->core.state, &change, on_offer_kept, o);
}

enum admit spool_offer(
	struct agent *a, struct source *s, struct batch **batch, void (*done)(void *, int failed), void *context)
{
	size_t cost = staged_size(batch_items(*batch)); /* steps make no more of them */
	struct kept_offer *o;
	enum admit admit;

	if (!budget_take(&s->pipeline->budget, s->signal, cost))
		return ADMIT_FULL;
	admit = source_prepare(s, batch);
	if (admit != ADMIT_TAKEN || batch_items(*batch) == 0)
		budget_give(&s->pipeline->budget, s->signal, cost);
	if (admit != ADMIT_TAKEN)
		return admit;
	if (batch_items(*batch) == 0) {
		source_take(s, batch);
		if (done)
			done(context, 0);
		return ADMIT_TAKEN;
	}
	o = oxp_new(sizeof *o);
	*o = (struct kept_offer){
		.agent = a, .source = s, .batch = *batch, .charged = cost, .done = done, .context = context
	};
	*batch = NULL;
	commit_offer(o);
	return ADMIT_TAKEN;
}

enum admit spool_offer_anyway(struct agent *a, struct source *s, struct batch **batch)
{
	return spool_offer(a, s, batch, NULL, NULL);
}

static bool has_rows(const struct delivery *d, size_t route)
{
	for (size_t i = 0; i < d->row_count; i++)
		if (d->rows[i].route == route)
			return true;
	return false;
}

/* What may be on its way to the disk at a time. */
static size_t spooling_most(const struct agent *a)
{
	size_t part = a->pipeline.budget.limit / SPOOLING_PART;

	return part > SPOOLING_MIN ? part : SPOOLING_MIN;
}

/* At the end. */
static void lose(struct agent *a, int failed, uint64_t records)
{
	if (records && a->unkept == 0)
		log_error(a->core.log, "spool", "not everything could be kept: %s", strerror(-failed));
	a->unkept += records;
}

static void free_staged(struct staged *first)
{
	for (struct staged *g; (g = first);) {
		first = g->next;
		free(g);
	}
}

/* While the process ends. */

/*
 * What is left of one delivery for one route, on its way to the disk while destinations are still asked. The delivery
 * is held until it is there (`pending`), and then is in the spool as what a door put there is.
 */
struct saving {
	struct agent *agent;
	struct delivery *delivery;
	size_t route;
	const struct batch *batch;
	struct state_change *change;
	struct staged *staged, **last;
	struct batch_row *rows;
	size_t row_count, bytes;
	uint64_t records;
};

/* The books know of the rows up to there; of all while some are on their way, and when the end has begun to write what
 * is left (spool_keep()). */
static void know_saved(const struct agent *a, struct route *route, uint64_t up_to)
{
	bool all = route->saving > 0 || a->core.phase == AGENT_ENDING;

	route->row->live->term[LEDGER_SPOOLED_TO].records = all ? UINT64_MAX : up_to;
}

static void on_saved(void *context, int failed)
{
	struct saving *v = context;
	struct agent *a = v->agent;
	struct delivery *d = v->delivery;
	struct route *route = &d->source->routes[v->route];

	route->saving--;
	d->parts[v->route].saving = false;
	a->spooling -= v->bytes;
	know_saved(a, route, failed ? UINT64_MAX : v->rows[v->row_count - 1].id + 1);
	if (!failed)
		delivery_rows_add(d, v->rows, v->row_count);
	else if (a->core.phase == AGENT_ENDING)
		lose(a, failed, v->records);
	else if (!a->unsaved)
		log_warn(a->core.log, "spool",
			"what is not delivered yet could not be kept on disk: %s; trying at the end",
			strerror(-failed));
	a->unsaved = a->unsaved || failed;
	batch_unkeep(v->batch);
	free_staged(v->staged);
	delivery_settled(d, v->route);
	free(v->rows);
	free(v);
	spool_save(a);
}

static struct saving *saving_new(struct agent *a, const struct send *d)
{
	struct saving *v = oxp_new(sizeof *v);

	*v = (struct saving){
		.agent = a, .delivery = d->delivery, .route = d->route, .batch = batch_keep(d->delivery->batch)
	};
	v->last = &v->staged;
	v->delivery->parts[v->route].saving = true;
	v->delivery->source->routes[v->route].saving++;
	delivery_split(v->delivery, v->route);
	return v;
}

static void save_end(struct agent *a)
{
	struct saving *v = a->saving;
	struct route *route;
	char key[STATE_KEY_MAX];
	size_t at = 0;

	a->saving = NULL;
	if (!v)
		return;
	route = &v->delivery->source->routes[v->route];
	for (const struct staged *g = v->staged; g; g = g->next)
		v->row_count += rows_of(g);
	v->rows = oxp_new(v->row_count * sizeof *v->rows);
	for (size_t i = 0; i < v->row_count; i++)
		v->rows[i].route = v->route;
	v->change = state_change_new();
	ledger_key(route->row, key, sizeof key);
	for (const struct staged *g = v->staged; g; at += rows_of(g), g = g->next)
		add_rows(v->change, key, g, v->rows + at);
	know_saved(a, route, 0);
	a->spooling += v->bytes;
	state_commit(a->core.state, &v->change, on_saved, v);
}

/* Pieces of a delivery for a route stand one behind the other. */
static void save_send(void *context, const struct send *d)
{
	struct agent *a = context;
	const struct delivery *of = d->delivery;
	bool more = a->saving && a->saving->delivery == of && a->saving->route == d->route;
	struct staged *g;

	if (of->source->rewind != REWIND_NONE || has_rows(of, d->route))
		return;
	if (!more)
		save_end(a);
	if (!more && (of->parts[d->route].saving || a->spooling >= spooling_most(a)))
		return;
	if (!a->saving)
		a->saving = saving_new(a, d);
	g = staged_of(d);
	*a->saving->last = g;
	a->saving->last = &g->next;
	a->saving->bytes += staged_size(d->left) + CHANGE_BYTES;
	a->saving->records += send_left(d).records;
}

void spool_save(struct agent *a)
{
	if (a->core.phase != AGENT_LEAVING || a->unsaved)
		return;
	for (struct outlet *o = a->outlets.first; o; o = o->next)
		sender_visit(o->sender, save_send, a);
	save_end(a);
}

/* At the end. */

/*
 * What is left of one delivery for one route, on its way to the disk: kept as a whole or not at all, whatever becomes
 * of others. What has rows already and was delivered in part is written anew, and the old rows go in the same change.
 */
struct keeping {
	struct agent *agent;
	const struct delivery *delivery;
	size_t route;
	struct state_change *change;
	struct staged *staged;
	uint64_t records; /* that are nowhere else */
	size_t bytes; /* of memory, about */
};

static void on_kept(void *context, int failed)
{
	struct keeping *k = context;
	struct agent *a = k->agent;

	if (failed)
		lose(a, failed, k->records);
	a->spooling -= k->bytes;
	free_staged(k->staged);
	free(k);
	agent_committed(a);
}

void spool_keep_end(struct agent *a)
{
	struct keeping *k = a->keeping;

	if (!k)
		return;
	a->keeping = NULL;
	a->commits++;
	a->spooling += k->bytes;
	state_commit(a->core.state, &k->change, on_kept, k);
}

static struct keeping *keeping_new(struct agent *a, const struct send *d)
{
	const struct delivery *of = d->delivery;
	struct keeping *k = oxp_new(sizeof *k);

	*k = (struct keeping){ .agent = a, .delivery = of, .route = d->route, .change = state_change_new() };
	for (size_t i = 0; i < of->row_count; i++)
		if (of->rows[i].route == d->route)
			state_change_unspool(k->change, of->rows[i].id);
	return k;
}

/* For so much more: waits until all that is on its way is on disk, or the time for it is over. */
static void make_room(struct agent *a, size_t more)
{
	if (a->spooling > 0 && a->spooling + more > spooling_most(a) && loop_timer_pending(&a->deadline))
		loop_run(a->core.loop);
}

/* What is left of a send, as rows of the change. */
static void keep_part(struct keeping *k, const struct send *d)
{
	struct staged *g = staged_of(d);
	char key[STATE_KEY_MAX];

	g->next = k->staged;
	k->staged = g;
	ledger_key(d->delivery->source->routes[d->route].row, key, sizeof key);
	add_rows(k->change, key, g, NULL);
}

/* Parts of a delivery for a route stand one behind the other in their sender's queue. */
bool spool_keep(void *agent, const struct send *d)
{
	struct agent *a = agent;
	const struct delivery *of = d->delivery;
	bool on_disk = has_rows(of, d->route);
	size_t bytes = staged_size(d->left) + CHANGE_BYTES;

	if (of->parts[d->route].saving)
		return true; /* ahead of the last commit */
	if (a->keeping && (a->keeping->delivery != of || a->keeping->route != d->route))
		spool_keep_end(a);
	if (on_disk && d->left == of->batch->count)
		return true; /* its rows stay as they are */
	make_room(a, bytes);
	if (!a->keeping)
		a->keeping = keeping_new(a, d);
	keep_part(a->keeping, d);
	a->keeping->bytes += bytes;
	a->keeping->records += on_disk ? 0 : send_left(d).records;
	know_rows(of->source->routes[d->route].row, UINT64_MAX);
	return true;
}

/* At the start. */

/* What is being read back: by the start as much as has room, then one row after another. */
struct restore {
	struct source *source;
	size_t route;
	struct ledger_amount amount, unheard;
	uint64_t counted_to;
	uint64_t last; /* row that is in memory, or was; 0: none */
	uint64_t until; /* the last there is */
	struct batch *open; /* rows that will be one batch */
	bool full;
};

struct refill {
	struct refill *next;
	struct agent *agent;
	struct source *source;
	size_t route;
	uint64_t last, until; /* what is behind came in this run */
	struct batch *open;
	bool asking, over;
	char key[STATE_KEY_MAX];
};

/* Adds one; a row of an older version may have a line of several. */
static bool unpack_item(struct batch *batch, char *data, const struct item_head *head)
{
	const struct batch_item item = { .data = data,
		.size = head->size,
		.records = head->records,
		.generation = head->generation,
		.offset = head->offset };

	if (batch_signal(batch) == SIGNAL_LOGS)
		bytes_make_one_line(data, head->size);
	return batch_add(batch, &item) == 0;
}

/* Items out of a payload, into a batch of their own. */
static struct batch *unpack(struct source *source, struct bytes payload)
{
	struct batch *batch = source_batch_new(source);
	char *block = batch ? batch_block(batch, payload.size) : NULL;
	struct item_head head;
	bool fine = block;

	if (fine)
		memcpy(block, payload.data, payload.size);
	for (size_t at = 0; fine && at + sizeof head <= payload.size; at += head.size) {
		memcpy(&head, block + at, sizeof head);
		at += sizeof head;
		fine = head.size <= payload.size - at && unpack_item(batch, block + at, &head);
	}
	if (fine)
		return batch;
	batch_free(batch);
	return NULL;
}

static void send_open(struct source *s, size_t route, struct batch **open)
{
	if (*open)
		source_restore(s, route, open);
}

/* Rows of small requests are one batch again, as they were before. */
static void gather(struct source *s, size_t route, struct batch **open, struct batch *more)
{
	if (*open && (*open)->size + more->size <= s->limits.bytes &&
		(*open)->records + more->records <= s->limits.records && batch_merge(*open, &more) == 0)
		return;
	send_open(s, route, open);
	*open = more;
}

static bool restore_row(void *context, uint64_t id, const struct ledger_amount *amount, struct bytes payload)
{
	struct restore *r = context;
	struct batch *batch = r->full ? NULL : unpack(r->source, payload);

	r->amount.records += amount->records;
	r->amount.bytes += amount->bytes;
	r->unheard.records += id >= r->counted_to ? amount->records : 0;
	r->unheard.bytes += id >= r->counted_to ? amount->bytes : 0;
	r->full = r->full || !batch;
	r->until = id;
	if (batch) {
		batch_row_add(batch, r->route, id);
		gather(r->source, r->route, &r->open, batch);
		r->last = id;
	}
	return true;
}

static const struct refill *refill_of(const struct agent *a, const char *key)
{
	const struct refill *r = a->refills;

	while (r && strcmp(r->key, key) != 0)
		r = r->next;
	return r;
}

/* The start counted its records as held, as it read no more than had room then; they are where those go that a start
 * finds damaged. */
void spool_damaged(void *agent, const char *key, uint64_t id, const struct ledger_amount *amount)
{
	struct agent *a = agent;
	const struct refill *r = refill_of(a, key);

	log_error(a->core.log, "spool", "a row of %llu records for \"%s\" is damaged: it is set aside and not sent",
		(unsigned long long)amount->records, key);
	if (r && id <= r->until)
		ledger_move(r->source->routes[r->route].row->live, LEDGER_HELD, LEDGER_DROPPED_KILLED, amount);
}

static void ask_for_row(struct refill *r);

static void on_row(void *context, const struct state_spooled *row)
{
	struct refill *r = context;
	struct batch *batch;

	r->asking = false;
	r->over = row->failed == -ENOENT || (!row->failed && row->id > r->until);
	if (r->agent->core.phase == AGENT_ENDING)
		return;
	batch = row->failed || row->id > r->until ? NULL : unpack(r->source, row->payload);
	if (batch) {
		batch_row_add(batch, r->route, row->id);
		gather(r->source, r->route, &r->open, batch);
		r->last = row->id;
		r->over = row->id == r->until;
	}
	if (batch && !r->over)
		ask_for_row(r);
	else
		send_open(r->source, r->route, &r->open); /* asked again when there is room, or the next row goes */
}

static void ask_for_row(struct refill *r)
{
	if (r->asking || r->over || r->agent->core.phase == AGENT_ENDING)
		return;
	r->asking = true;
	state_spool_take(r->agent->core.state, r->key, r->last, on_row, r);
}

static void refill_later(struct agent *a, const struct restore *from, const char *key)
{
	struct refill *r = oxp_new(sizeof *r);

	*r = (struct refill){ .next = a->refills,
		.agent = a,
		.source = from->source,
		.route = from->route,
		.last = from->last,
		.until = from->until };
	snprintf(r->key, sizeof r->key, "%s", key);
	a->refills = r;
	log_info(a->core.log, from->source->name, "not all of the spool fits in memory: the rest comes as it is sent");
}

/* Rows whose records have settled, on their way out of the spool. */
struct leaving {
	struct leaving *next; /* of those that could not be deleted yet */
	struct agent *agent;
	bool last; /* the process ends: its commit is waited for */
	size_t count;
	uint64_t ids[];
};

void spool_done(struct agent *a)
{
	for (struct refill *r; (r = a->refills);) {
		a->refills = r->next;
		batch_free(r->open);
		free(r);
	}
	for (struct leaving *l; (l = a->leaving);) {
		a->leaving = l->next;
		free(l);
	}
}

static void refill(void *context)
{
	struct agent *a = context;

	for (struct refill *r = a->refills; r; r = r->next)
		ask_for_row(r);
}

static void leave_later(struct leaving *l)
{
	struct agent *a = l->agent;

	l->next = a->leaving;
	a->leaving = l;
	if (!loop_timer_pending(&a->leave_again))
		loop_timer_set(&a->leave_again, DURATION_MS(LEAVE_AGAIN_MS));
}

static void on_left(void *context, int failed)
{
	struct leaving *l = context;
	struct agent *a = l->agent;
	bool last = l->last;

	if (failed)
		log_warn(a->core.log, "spool", "delivered rows could not be deleted: %s; %s", strerror(-failed),
			last ? "they will be sent again" : "trying again");
	if (failed && !last)
		leave_later(l);
	else
		free(l);
	if (last)
		agent_committed(a);
}

static void leave(struct leaving *l)
{
	struct agent *a = l->agent;

	l->last = a->core.phase == AGENT_ENDING;
	a->commits += l->last;
	state_spool_drop(a->core.state, l->ids, l->count, on_left, l);
}

void spool_leave(void *agent)
{
	struct agent *a = agent;
	struct leaving *all = a->leaving;

	a->leaving = NULL;
	for (struct leaving *l; (l = all);) {
		all = l->next;
		leave(l);
	}
	refill(a); /* the same moment may have failed it, too */
}

static void unspool(void *context, const struct batch_row *rows, size_t count)
{
	struct leaving *l = oxp_new(sizeof *l + count * sizeof l->ids[0]);

	l->agent = context;
	l->count = count;
	for (size_t i = 0; i < count; i++)
		l->ids[i] = rows[i].id;
	leave(l);
	refill(context);
}

int spool_restore(struct agent *a, struct source *s, struct books_disk *ret_disk)
{
	char key[STATE_KEY_MAX];
	uint64_t damaged;
	int failed = 0;

	s->unspool = unspool;
	s->refill = refill;
	s->unspool_context = a;
	for (size_t i = 0; i < s->route_count && !failed; i++) {
		struct restore r = { .source = s,
			.route = i,
			.counted_to = books_spooled_to(a->core.state, s->routes[i].row) };
		ledger_key(s->routes[i].row, key, sizeof key);
		failed = state_spool_load(a->core.state, key, restore_row, &r, &damaged);
		ret_disk[i] = (struct books_disk){
			.spooled = r.amount, .unheard = r.unheard, .spooled_to = r.until + 1
		};
		send_open(s, i, &r.open);
		if (r.full)
			refill_later(a, &r, key);
		if (damaged)
			log_error(a->core.log, s->name,
				"%llu rows of the spool are damaged: they are set aside and not sent",
				(unsigned long long)damaged);
	}
	return failed;
}

static void tell_left(void *context, const char *key, uint64_t bytes)
{
	struct agent *a = context;
	char own[STATE_KEY_MAX];

	for (const struct ledger_row *row = a->core.ledger.rows; row; row = row->next) {
		ledger_key(row, own, sizeof own);
		if (strcmp(own, key) == 0)
			return;
	}
	if (bytes)
		log_warn(a->core.log, "spool", "%llu bytes wait for \"%s\", which is not in the configuration any more",
			(unsigned long long)bytes, key);
}

void spool_tell_left(struct agent *a)
{
	state_spool_keys(a->core.state, tell_left, a);
}
