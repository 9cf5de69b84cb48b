/*
 * Visitors for the demo: `--traffic N/s` sends N requests a second to the app's own API over the loopback.
 */
'use strict';

const http = require('node:http');

const visitors = [
  { id: 'u-1001', email: 'ada@example.com', agent: 'Mozilla/5.0 (X11; Linux x86_64) Firefox/130.0' },
  { id: 'u-1002', email: 'lin@example.com', agent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X)' },
  { id: 'u-1003', email: 'sam@example.com', agent: 'okhttp/4.12.0' },
];
const visits = [
  ['GET', '/products'],
  ['GET', '/products/1'],
  ['GET', '/products/2'],
  ['POST', '/orders', '{"product":2,"count":1}'],
  ['GET', '/products/99'],
  ['GET', '/products'],
  ['GET', '/fail'],
];

function visit(port, n) {
  const [method, path, body] = visits[n % visits.length];
  const { id, email, agent } = visitors[n % visitors.length];
  const headers = { 'x-user-id': id, 'x-user-email': email, 'user-agent': agent };
  if (body) headers['content-type'] = 'application/json';
  const req = http.request({ host: '127.0.0.1', port, method, path, headers }, (res) => res.resume());
  req.on('error', () => {}); // the app is ending
  req.end(body);
}

/* Returns what stops it. */
function startTraffic(port, args) {
  const at = args.indexOf('--traffic');
  const rate = at < 0 ? 0 : parseFloat(args[at + 1]);
  if (!(rate > 0)) return () => {};
  let n = 0;
  const timer = setInterval(() => visit(port, n++), 1000 / rate);
  return () => clearInterval(timer);
}

module.exports = { startTraffic };
