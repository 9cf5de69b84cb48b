// A server of several processes, each of which pushes its metrics before it answers: node workers.js WORKERS PUSH_TO
// It listens on PORT, and prints a line when all of them do. A worker that dies is replaced.
'use strict';

const cluster = require('cluster');
const http = require('http');
const path = require('path');

const [workers, pushTo] = process.argv.slice(2);

function master() {
	let listening = 0;

	cluster.schedulingPolicy = cluster.SCHED_NONE; // else what a dead one was given stays unanswered
	cluster.on('listening', () => {
		if (++listening === Number(workers))
			console.log('ready');
	});
	cluster.on('exit', () => cluster.fork());
	for (let i = 0; i < Number(workers); i++)
		cluster.fork();
}

function worker() {
	const prom = require('prom-client');
	const flush = require(path.join(__dirname, '../../../conf/clients/node.js'))(prom.register, pushTo);
	const hits = new prom.Counter({ name: 'hits_total', help: 'Requests.', labelNames: ['path'] });
	const took = new prom.Histogram({ name: 'took_seconds', help: 'How long they took.', buckets: [1, 2] });
	const size = new prom.Summary({ name: 'size_bytes', help: 'How large they were.' });
	const up = new prom.Gauge({ name: 'workers_up', help: 'One for each worker.' });

	up.set(1);
	http.createServer((request, response) => {
		hits.inc({ path: request.url });
		took.observe(1.5);
		size.observe(10);
		flush().then((status) => {
			response.writeHead(status === 200 ? 200 : 500);
			response.end(String(process.pid));
		});
	}).listen(Number(process.env.PORT), '127.0.0.1');
}

(cluster.isMaster ? master : worker)();
