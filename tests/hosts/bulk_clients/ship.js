/*
 * Ships COUNT log records to URL as an app does that knows nothing of the agent: `winston` through the winston
 * Elasticsearch transport, `client` with the official client's bulk helper.
 *
 *   node ship.js winston|client URL COUNT
 */
'use strict';

const [, , how, url, count] = process.argv;

function withWinston() {
  const winston = require('winston');
  const { ElasticsearchTransport } = require('winston-elasticsearch');
  const transport = new ElasticsearchTransport({
    level: 'info',
    clientOpts: { node: url },
    flushInterval: 100,
    indexPrefix: 'app',
  });
  const failed = (error) => {
    console.error(error);
    process.exit(1);
  };
  transport.on('error', failed);
  transport.on('warning', failed);
  const logger = winston.createLogger({ transports: [transport] });
  for (let n = 0; n < Number(count); n++) logger.info(`line ${n}`, { n });
  logger.on('finish', async () => {
    await transport.flush();
    process.exit(0);
  });
  logger.end();
}

async function withClient() {
  const { Client } = require('@elastic/elasticsearch');
  const client = new Client({ node: url });
  const { version } = await client.info();
  const now = new Date().toISOString();
  const records = Array.from({ length: Number(count) }, (_, n) => ({ '@timestamp': now, n, version }));
  const done = await client.helpers.bulk({
    datasource: records,
    onDocument: () => ({ create: { _index: 'app' } }),
    onDrop: (dropped) => {
      console.error(JSON.stringify(dropped));
      process.exitCode = 1;
    },
  });
  console.log(JSON.stringify(done));
  await client.close();
}

if (how === 'winston') withWinston();
else withClient();
