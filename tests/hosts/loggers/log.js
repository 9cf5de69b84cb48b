/*
 * Logs the records of a file through a logging library, as its users set it up:
 *
 *   node log.js pino|winston RECORDS LOG
 */
'use strict';

const fs = require('fs');

const [, , library, from, to] = process.argv;
const records = fs.readFileSync(from, 'utf8').split('\n').filter(Boolean).map(JSON.parse);

function withPino() {
  const pino = require('pino');
  return pino({ level: 'debug' }, pino.destination({ dest: to, sync: false }));
}

function withWinston() {
  const { createLogger, format, transports } = require('winston');
  const layout = format.combine(format.errors({ stack: true }), format.timestamp(), format.json());
  return createLogger({ level: 'debug', format: layout, transports: [new transports.File({ filename: to })] });
}

function error(record) {
  try {
    throw new TypeError(`failed: ${record.message}`);
  } catch (caught) {
    return caught;
  }
}

const write = {
  pino(log, { n, level, message, nested, fail }) {
    log[level]({ n, nested, ...(fail ? { err: error({ message }) } : {}) }, message);
  },
  winston(log, { n, level, message, nested, fail }) {
    log[level](message, { n, nested, ...(fail ? { error: error({ message }).stack } : {}) });
  },
};

const log = library === 'pino' ? withPino() : withWinston();
for (const record of records) write[library](log, record);
