#include "pipeline/chain.h"

#include <errno.h>
#include <stdlib.h>

enum {
	SLICE = 32 << 10, /* steps take 0.1 to 0.4 ms for that many bytes */
	READ_SLICE = 128 << 10, /* one that only reads takes 0.03 ms for usual spans, 0.4 for the smallest there are */
};

struct chain *chain_new(void)
{
	struct chain *c = oxp_new(sizeof *c);

	c->edit = json_edit_new(json_scan_best(), STEP_SCRATCH_MAX);
	c->closing = json_edit_new(json_scan_best(), STEP_SCRATCH_MAX);
	c->request = otlp_edit_new(STEP_SCRATCH_MAX);
	return c;
}

void chain_free(struct chain *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->count; i++)
		c->rows[i].type->destroy(c->rows[i].step);
	json_edit_free(c->edit);
	json_edit_free(c->closing);
	otlp_edit_free(c->request);
	otlp_edit_free(c->aside);
	free(c->sampled.bits);
	free(c);
}

int chain_add(struct chain *c, const struct step_type *type, struct step *step, uint64_t *dropped)
{
	if (c->count == STEPS_MAX)
		return -ENOSPC;
	for (size_t i = 0; i < c->count; i++) {
		const struct step_type *other = c->rows[i].type;
		if ((type->folds && other->folds) || (type->read && other->read))
			return -EEXIST;
	}
	c->scratch += type->scratch;
	c->rows[c->count++] = (struct chain_row){ .type = type, .step = step, .dropped = dropped };
	return 0;
}

void chain_set_aside(struct chain *c, uint64_t *missed)
{
	OXP_ASSERT(!c->aside && !c->busy);
	c->aside = otlp_edit_new(STEP_SCRATCH_MAX);
	c->missed = missed;
}

/* How far the item at hand has come. */
enum chain_stage {
	STAGE_NEW, /* no step has seen it */
	STAGE_STEPS, /* the steps see it */
	STAGE_ASIDE, /* all but sampling see what that left out of it */
	STAGE_PUT, /* it goes to `out`, behind those before it, if there is such a batch */
};

/* How far a run that ends has come. */
enum chain_run_stage { RUN_OPEN, RUN_EDITED, RUN_WRITTEN };

/*
 * One batch on its way through the chain. `out` is created at the first line that changes. From then on it holds every
 * line that stays, in its own blocks: copying a few unchanged lines costs less than keeping both memories.
 */
struct chain_pass {
	struct chain *chain;
	const struct batch *in;
	struct chain_out out;
	uint64_t stream;
	struct mono_time now;
	size_t at; /* the item of `in` that is at hand */
	enum chain_stage stage;
	enum step_answer answer; /* what came of it, once the steps have seen it */
	size_t row; /* the step that sees the line next */
	bool asked_to_fold, begins_run; /* the step that folds: about this line; it kept it */
	bool run_must_end; /* before the line goes on */
	bool changed;
	size_t scratch; /* taken for the steps, until the line is in `out` */
	void (*work)(struct chain_pass *); /* what chain_work() is to do */
	int failed; /* there is no room for what the steps need */
	char *to; /* where a long line is written, of that size; NULL: it was not begun */
	size_t size;
	struct chain_look look; /* at the request at hand */
	const char *edited; /* what became of that, in `out` */
	size_t copied; /* items of `in` that `out` has, or that were left out of it */
	size_t ahead; /* bytes of `in` behind these */
	const struct chain_row *folding; /* the step whose run is open (its record is the last of `out`), or NULL */
	enum chain_run_stage run_stage;
	bool run_is_fine; /* its record could be edited */
	char *run; /* where that is written, of that size */
	size_t run_size;
	struct chain_out aside; /* what sampling left out */
	uint64_t missed; /* spans that it had no room for */
	bool stands; /* the last record that lines could be folded into was kept */
};

static int copy_to(struct chain_out *out, const struct batch_item *item, size_t ahead)
{
	struct batch_item copy = *item;
	char *to = chain_out_begin(out) ? chain_out_room(out, item->size, ahead) : NULL;

	if (!to)
		return -ENOMEM;
	memcpy(to, item->data, item->size);
	copy.data = to;
	return batch_add(out->batch, &copy);
}

/* Writes the edited line to memory of `out`. Returns NULL if there is no room. */
static char *write_line(struct chain_pass *p, const struct json_edit *edit, size_t *ret_size)
{
	char *to;

	*ret_size = json_edit_size(edit);
	to = *ret_size <= UINT32_MAX ? chain_out_room(&p->out, *ret_size, p->ahead) : NULL;
	if (to)
		json_edit_write(edit, to);
	return to;
}

static int write_item(struct chain_pass *p, const struct batch_item *item)
{
	struct batch_item edited = *item;
	size_t size;

	edited.data = write_line(p, p->chain->edit, &size);
	edited.size = (uint32_t)size;
	return edited.data ? batch_add(p->out.batch, &edited) : -ENOMEM;
}

static struct record record_of(const struct chain_pass *p, struct json_edit *edit, const struct batch_item *item)
{
	return (struct record){ .edit = edit,
		.generation = p->stream ? p->stream : item->generation,
		.offset = item->offset,
		.now = p->now };
}

/* The step adds its count to the record of the run. */
static void edit_run(struct chain_pass *p)
{
	struct json_edit *edit = p->chain->closing;
	const struct batch_item *item = &p->out.batch->items[p->out.batch->count - 1];
	struct record record = record_of(p, edit, item);

	p->run_is_fine = json_edit_begin(edit, (struct bytes){ item->data, item->size }) == JSON_FINE;
	if (p->run_is_fine)
		p->folding->type->folded(p->folding->step, &record);
}

static void write_run(struct chain_pass *p)
{
	json_edit_write(p->chain->closing, p->run);
}

/* What comes next of a run that ends, in the lane if its record is long. */
static int work_at_run(struct chain_pass *p, void (*work)(struct chain_pass *), enum chain_run_stage next)
{
	const struct batch_item *item = &p->out.batch->items[p->out.batch->count - 1];

	p->run_stage = next;
	if (item->size > STEP_LANE_LONG) {
		p->work = work;
		return CHAIN_WORK;
	}
	work(p);
	return 0;
}

static int write_run_anew(struct chain_pass *p)
{
	p->run_size = json_edit_size(p->chain->closing);
	p->run = p->run_size <= UINT32_MAX ? chain_out_room(&p->out, p->run_size, p->ahead) : NULL;
	return p->run ? work_at_run(p, write_run, RUN_WRITTEN) : -ENOMEM;
}

static int replace_run(struct chain_pass *p)
{
	json_edit_end(p->chain->closing);
	p->folding = NULL;
	p->run_stage = RUN_OPEN;
	return p->run_is_fine ? batch_replace_last(p->out.batch, p->run, p->run_size) : 0;
}

/* Ends the run of a step that folds, if there is one: its record is the last one in `out`. 0, -errno, or CHAIN_WORK:
 * call it again behind that. */
static int end_run(struct chain_pass *p)
{
	int more = 0;

	if (!p->folding)
		return 0;
	if (p->run_stage == RUN_OPEN) {
		chain_out_end_block(&p->out); /* the line being read must not move under the one being written */
		more = work_at_run(p, edit_run, RUN_EDITED);
	}
	if (more == 0 && p->run_stage == RUN_EDITED && p->run_is_fine)
		more = write_run_anew(p);
	return more != 0 ? more : replace_run(p);
}

/* A step that folds is asked before it applies. False: the run before must be written before the step forgets it. */
static bool ask_to_fold(struct chain_pass *p, const struct chain_row *row, struct record *record)
{
	if (!row->type->folds || p->asked_to_fold)
		return true;
	p->asked_to_fold = true;
	if (row->type->folds(row->step, record))
		p->answer = p->stands ? STEP_FOLD : STEP_DROP;
	if (p->answer == STEP_FOLD)
		p->folding = row;
	return p->answer != STEP_KEEP || !p->folding;
}

/* Asks each step in turn, until one drops or folds the record, or a run has to end first: then it goes on where it
 * was. */
static void ask_steps(struct chain_pass *p)
{
	const struct batch_item *item = &p->in->items[p->at];
	struct record record = record_of(p, p->chain->edit, item);
	struct chain *c = p->chain;
	bool kept = true;

	for (; p->row < c->count && p->answer == STEP_KEEP; p->row++) {
		struct chain_row *row = &c->rows[p->row];
		p->run_must_end = !ask_to_fold(p, row, &record);
		if (p->run_must_end)
			return;
		if (p->answer == STEP_KEEP)
			p->answer = row->type->apply(row->step, &record);
		if (p->answer == STEP_DROP)
			row->pending++;
		kept = p->answer == STEP_KEEP;
		p->begins_run = p->begins_run || (row->type->folds && kept);
	}
	if (p->begins_run)
		p->stands = kept;
}

static void show_line(struct chain_pass *p)
{
	const struct batch_item *item = &p->in->items[p->at];

	p->row = 0;
	p->asked_to_fold = p->begins_run = false;
	p->answer = STEP_KEEP;
	if (json_edit_begin(p->chain->edit, (struct bytes){ item->data, item->size }) == JSON_FINE)
		ask_steps(p);
	else
		p->answer = STEP_DROP;
}

static void leave_out(struct chain_pass *p, const struct batch_item *item, enum step_answer answer)
{
	batch_leave_out(p->out.batch, item, answer == STEP_FOLD);
}

static bool sampling_left_out(const struct chain *c)
{
	return c->aside && c->sampled.left_out > 0;
}

static struct chain_look new_look(struct chain_pass *p, struct otlp_edit *e, struct chain_out *out)
{
	struct chain *c = p->chain;
	struct record record = record_of(p, NULL, &p->in->items[p->at]);

	record.request = e;
	return (struct chain_look){
		.rows = c->rows, .count = c->count, .out = out, .scratch = c->scratch, .record = record
	};
}

static void work_at_request(struct chain_pass *p)
{
	otlp_edit_work(p->look.record.request);
}

/* As chain_spans_go_on(), and an enum chain_pace. */
static int go_on_with(struct chain_pass *p, size_t *bytes)
{
	int more = chain_spans_go_on(&p->look, bytes);

	if (more != OTLP_EDIT_LONG)
		return more;
	p->work = work_at_request;
	return CHAIN_WORK;
}

/* CHAIN_MORE: there is more of the request. */
static int look_at_request(struct chain_pass *p, size_t *bytes)
{
	const struct batch_item *item = &p->in->items[p->at];
	struct chain *c = p->chain;
	int more;

	if (p->stage == STAGE_NEW) {
		p->look = new_look(p, c->request, &p->out);
		chain_spans_begin(&p->look, item, c->aside ? &c->sampled : NULL);
		p->stage = STAGE_STEPS; /* whatever comes of it, forget_item() ends the look */
	}
	more = go_on_with(p, bytes);
	if (more != 0 && more != -EBADMSG)
		return more;
	chain_spans_end(&p->look);
	p->missed += c->sampled.unknown;
	p->answer = more == 0 && (c->request->kept > 0 || c->request->dropped == 0) ? STEP_KEEP : STEP_DROP;
	p->changed = p->answer == STEP_DROP || otlp_edit_changed(c->request);
	if (p->changed && p->answer == STEP_KEEP)
		p->edited = chain_out_close(&p->out, c->request->size);
	return 0;
}

/* As the other steps made it: one more item aside. */
static int add_aside(struct chain_pass *p)
{
	struct batch_item made = p->in->items[p->at];
	struct otlp_edit *e = p->chain->aside;

	if (e->kept == 0)
		return 0;
	if (!otlp_edit_changed(e))
		return copy_to(&p->aside, &made, 0);
	made.data = chain_out_close(&p->aside, e->size);
	made.size = (uint32_t)e->size;
	made.records = (uint32_t)e->kept;
	return batch_add(p->aside.batch, &made);
}

/* Goes on with what sampling left out. It never holds up what goes on. 1: there is more of it. */
static int put_aside(struct chain_pass *p, size_t *bytes)
{
	struct chain *c = p->chain;
	size_t left_out = c->sampled.left_out;
	int more = go_on_with(p, bytes);

	if (more > 0)
		return more;
	chain_spans_end(&p->look);
	if (more < 0)
		p->missed += left_out;
	else if (add_aside(p) < 0)
		p->missed += c->aside->kept;
	p->stage = STAGE_PUT;
	return 0;
}

/* What is left of the request at hand. */
static int put_request(struct chain_pass *p, const struct batch_item *item)
{
	struct otlp_edit *e = p->chain->request;
	struct batch_item gone = *item, left = *item;
	int failed = 0;

	if (p->answer == STEP_KEEP) {
		gone.records = (uint32_t)e->dropped;
		gone.size = (uint32_t)e->dropped_bytes;
		left.records = (uint32_t)e->kept;
		left.data = p->edited;
		left.size = (uint32_t)e->size;
		failed = batch_add(p->out.batch, &left);
	}
	if (gone.records > 0)
		leave_out(p, &gone, STEP_DROP);
	return failed;
}

static int put_line(struct chain_pass *p, const struct batch_item *item)
{
	if (p->answer == STEP_KEEP)
		return write_item(p, item);
	leave_out(p, item, p->answer);
	return 0;
}

static void spend(size_t *bytes, size_t size)
{
	*bytes -= size < *bytes ? size : *bytes;
}

static bool is_long(const struct chain_pass *p, const struct batch_item *item)
{
	return item->size > STEP_LANE_LONG && p->in->signal == SIGNAL_LOGS;
}

static void write_edited(struct chain_pass *p)
{
	json_edit_write(p->chain->edit, p->to);
}

static void write_unchanged(struct chain_pass *p)
{
	memcpy(p->to, p->in->items[p->copied].data, p->size);
}

/* Steps find their memory taken before they begin. */
static bool take_scratch(struct chain_pass *p, size_t size)
{
	size_t scratch = size > STEP_LINE_LONG ? size * p->chain->scratch : 0;

	if (scratch > 0 && !budget_take(p->in->budget, p->in->signal, scratch)) {
		p->failed = chain_out_no_room(&p->out, scratch);
		return false;
	}
	p->scratch = scratch;
	return true;
}

/* In the lane, if it is a long line. */
static int work_at_line(struct chain_pass *p, void (*work)(struct chain_pass *))
{
	if (is_long(p, &p->in->items[p->at])) {
		p->work = work;
		return CHAIN_WORK;
	}
	work(p);
	return 0;
}

/* Again behind each CHAIN_WORK. */
static int look_at_line(struct chain_pass *p, size_t *bytes)
{
	const struct batch_item *item = &p->in->items[p->at];
	int more = 0;

	if (p->stage == STAGE_NEW) {
		if (!take_scratch(p, item->size))
			return p->failed;
		spend(bytes, item->size);
		more = work_at_line(p, show_line);
	}
	while (more == 0 && p->run_must_end) {
		more = end_run(p);
		if (more == 0) {
			p->run_must_end = false;
			more = work_at_line(p, ask_steps);
		}
	}
	p->changed = p->answer != STEP_KEEP || p->chain->edit->changed;
	return more;
}

/* CHAIN_MORE: there is more to look at. */
static int look(struct chain_pass *p, size_t *bytes)
{
	bool spans = p->in->signal == SIGNAL_TRACES;
	int more = spans ? look_at_request(p, bytes) : look_at_line(p, bytes);

	if (more > 0)
		p->stage = STAGE_STEPS;
	if (more != 0)
		return more;
	p->stage = STAGE_PUT;
	if (spans && sampling_left_out(p->chain)) {
		p->stage = STAGE_ASIDE;
		p->look = new_look(p, p->chain->aside, &p->aside);
		chain_spans_begin_aside(&p->look, &p->in->items[p->at], &p->chain->sampled);
	}
	return p->changed && !chain_out_begin(&p->out) ? -ENOMEM : 0;
}

/* Twice: before it is written, and after. */
static int put_long(struct chain_pass *p, const struct batch_item *item, bool changed)
{
	struct batch_item made = *item;

	if (!p->to) {
		p->size = changed ? json_edit_size(p->chain->edit) : item->size;
		p->to = p->size <= UINT32_MAX ? chain_out_room(&p->out, p->size, p->ahead) : NULL;
		p->work = changed ? write_edited : write_unchanged;
		return p->to ? CHAIN_WORK : -ENOMEM;
	}
	made.data = p->to;
	made.size = (uint32_t)p->size;
	p->to = NULL;
	return batch_add(p->out.batch, &made);
}

/* The item after those that `out` has. */
static int put(struct chain_pass *p, size_t *bytes)
{
	const struct batch_item *item = &p->in->items[p->copied];
	bool changed = p->copied == p->at && p->changed;
	int failed = 0;

	spend(bytes, item->size);
	if (is_long(p, item) && (!changed || p->answer == STEP_KEEP))
		failed = put_long(p, item, changed);
	else if (!changed)
		failed = copy_to(&p->out, item, p->ahead);
	else
		failed = p->in->signal == SIGNAL_TRACES ? put_request(p, item) : put_line(p, item);
	if (failed == CHAIN_WORK)
		return failed;
	p->ahead -= item->size;
	p->copied++;
	return failed;
}

/* What the steps needed for the item at hand goes back. */
static void forget_item(struct chain_pass *p)
{
	json_edit_end(p->chain->edit);
	if (p->scratch > 0)
		budget_give(p->in->budget, p->in->signal, p->scratch);
	p->scratch = 0;
	if (p->in->signal == SIGNAL_TRACES && (p->stage == STAGE_STEPS || p->stage == STAGE_ASIDE))
		chain_spans_end(&p->look);
	p->stage = STAGE_NEW;
}

/* One stage of the item at hand, or a part of it. 0, CHAIN_WORK or -errno. */
static int pass_on(struct chain_pass *p, size_t *bytes)
{
	int more = 0;

	if (p->stage == STAGE_NEW || p->stage == STAGE_STEPS)
		more = look(p, bytes);
	else if (p->stage == STAGE_ASIDE)
		more = put_aside(p, bytes);
	else
		more = put(p, bytes);
	if (more != 0)
		return more == CHAIN_MORE ? 0 : more;
	if (p->stage == STAGE_PUT && (!p->out.batch || p->copied > p->at)) {
		p->at++;
		forget_item(p);
	}
	return 0;
}

static bool only_reads(const struct chain *c)
{
	return c->count == 1 && c->rows[0].type->read;
}

size_t chain_slice(const struct chain *c)
{
	return only_reads(c) ? READ_SLICE : SLICE;
}

/* The only step reads on in the item at hand. */
static void read_on(struct chain_pass *p, size_t *bytes)
{
	const struct batch_item *item = &p->in->items[p->at];
	const struct chain_row *row = p->chain->rows;
	struct record record = record_of(p, NULL, item);

	p->at += !row->type->read(row->step, &record, (struct bytes){ item->data, item->size }, bytes);
}

/* Whether the batch is taken is not known yet. */
static void take_notes(struct chain *c, struct batch *batch)
{
	for (size_t i = 0; i < c->count; i++) {
		struct batch_note *note = c->rows[i].type->note ? c->rows[i].type->note(c->rows[i].step) : NULL;
		if (note)
			batch_note_add(batch, note);
	}
}

static void end_batch(struct chain *c, bool taken)
{
	for (size_t i = 0; i < c->count; i++) {
		struct chain_row *row = &c->rows[i];
		if (taken)
			*row->dropped += row->pending;
		row->pending = 0;
		if (row->type->ended)
			row->type->ended(row->step, taken);
	}
	otlp_edit_forget(c->request);
	if (c->aside)
		otlp_edit_forget(c->aside);
}

static void replace(struct batch **batch, struct chain_pass *p)
{
	chain_out_end_block(&p->out);
	batch_take_tokens(p->out.batch, *batch);
	batch_free(*batch);
	*batch = p->out.batch;
}

bool chain_is_free(struct chain *c)
{
	c->wanted = c->wanted || c->busy;
	return !c->busy;
}

bool chain_was_wanted(struct chain *c)
{
	bool wanted = c->wanted;

	c->wanted = false;
	return wanted;
}

struct chain_pass *chain_begin(struct chain *c, const struct batch *batch, uint64_t stream, struct mono_time now)
{
	struct chain_pass *p = oxp_new(sizeof *p);

	OXP_ASSERT(!c->busy);
	c->busy = true;
	*p = (struct chain_pass){ .chain = c,
		.in = batch,
		.out.in = batch,
		.aside.in = batch,
		.ahead = batch->size,
		.stream = stream,
		.now = now };
	return p;
}

int chain_go_on(struct chain_pass *p, size_t bytes)
{
	int work = 0;

	OXP_ASSERT(!p->work);
	while (p->at < p->in->count && bytes > 0 && work == 0)
		if (only_reads(p->chain))
			read_on(p, &bytes);
		else
			work = pass_on(p, &bytes);
	if (work != 0)
		return work;
	return p->at < p->in->count ? CHAIN_MORE : end_run(p);
}

void chain_work(struct chain_pass *p)
{
	p->work(p);
	p->work = NULL;
}

/* Nothing, if all of it was too much to be made. */
static void hand_aside(struct chain_pass *p, struct batch *batch)
{
	chain_out_end_block(&p->aside);
	if (p->aside.batch && batch_items(p->aside.batch) > 0)
		batch_set_aside(batch, p->aside.batch);
	else
		batch_free(p->aside.batch);
}

static void hand_over(struct chain_pass *p, struct batch **batch)
{
	if (p->out.batch)
		replace(batch, p);
	hand_aside(p, *batch);
	if (p->missed > 0)
		*p->chain->missed += p->missed;
	take_notes(p->chain, *batch);
}

static void throw_away(struct chain_pass *p)
{
	batch_free(p->out.batch);
	batch_free(p->aside.batch);
}

void chain_end(struct chain_pass *p, bool taken, struct batch **batch)
{
	p->chain->busy = false;
	forget_item(p);
	json_edit_end(p->chain->closing);
	if (taken)
		hand_over(p, batch);
	else
		throw_away(p);
	end_batch(p->chain, taken);
	free(p);
}

int chain_run(struct chain *c, struct batch **batch, uint64_t stream, struct mono_time now)
{
	struct chain_pass *p = chain_begin(c, *batch, stream, now);
	int left;

	while ((left = chain_go_on(p, SIZE_MAX)) == CHAIN_WORK)
		chain_work(p);
	chain_end(p, left == 0, batch);
	return left;
}
