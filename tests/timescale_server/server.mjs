/**
 * Serves a data folder made by prepare.mjs, on a free port of 127.0.0.1:  node server.mjs MODULES DATA_DIR
 * Prints {"dsn": …} once it accepts connections; SIGINT and SIGTERM end it.
 */

import net from 'node:net';

import { Backend } from './backend.mjs';
import { Connection } from './connection.mjs';
import { DATABASE, USER } from './engine.mjs';
import { Turns } from './turns.mjs';

const [modules, dataDir] = process.argv.slice(2);
const backend = await Backend.open(modules, dataDir);
const turns = new Turns();
const peers = new Map();

// an error that arrives here means that the engine crashed: the process ends, as a crashed server does
const server = net.createServer((socket) => new Connection(socket, backend, turns, peers).serve());

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, async () => {
    await backend.close();
    process.exit(0);
  });
}

server.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ dsn: `postgresql://${USER}@127.0.0.1:${server.address().port}/${DATABASE}` }));
});
