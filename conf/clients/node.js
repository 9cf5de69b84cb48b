// Pushes the metrics of this process to oxpecker, every five seconds over one connection. In each worker:
//   const flush = require('./oxpecker_push')(require('prom-client').register, 'unix:/run/app/push.sock');
// flush() pushes at once, for example before process.exit(). One page at a time: an older one must not come last.
'use strict';

const http = require('http');
const os = require('os');

module.exports = function start(register, address = '127.0.0.1:9091', every = 5000) {
	const unix = address.startsWith('unix:'), colon = address.lastIndexOf(':');
	const to = unix ? { socketPath: address.slice(5) } : { host: address.slice(0, colon), port: address.slice(colon + 1) };
	const name = `${os.hostname()}.${process.pid}.${Math.round(Date.now() - 1000 * process.uptime())}`;
	const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
	let last = Promise.resolve();

	const post = (page) => new Promise((done) => {
		const headers = { 'Content-Type': register.contentType, 'X-Oxpecker-Worker': name };
		const options = { ...to, agent, path: '/push', method: 'POST', headers, timeout: 10000 };
		const request = http.request(options, (response) => {
			response.resume().on('end', () => done(response.statusCode)).on('error', () => done(0));
		});
		request.on('timeout', () => request.destroy()).on('error', () => done(0)).end(page); // the next one connects again
	});
	const flush = () => (last = last.then(() => register.metrics()).then(post).catch(() => 0));

	setInterval(flush, every).unref();
	process.once('beforeExit', flush);
	return flush;
};
