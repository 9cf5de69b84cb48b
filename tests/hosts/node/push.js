// A batch job that pushes its metrics with prom-client: node push.js URL push|pushAdd|delete JOB VALUE
'use strict';

const prom = require('prom-client');

const [url, what, jobName, value] = process.argv.slice(2);
const registry = new prom.Registry();
const registers = [registry];
const done = new prom.Gauge({ name: 'job_done', help: 'How much the job did.', labelNames: ['part'], registers });
const took = new prom.Histogram({ name: 'job_seconds', help: 'How long parts took.', buckets: [1, 2], registers });
const gateway = new prom.Pushgateway(url, { timeout: 20000 }, registry);

done.set({ part: 'all' }, Number(value));
took.observe(1.5);
gateway[what]({ jobName, groupings: { instance: 'db 1' } })
	.then(({ resp }) => console.log(resp.statusCode))
	.catch((error) => {
		console.error(error);
		process.exitCode = 1;
	});
