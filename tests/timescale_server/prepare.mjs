/** Makes a data folder with one database and the extension in it:  node prepare.mjs MODULES DATA_DIR */

import { DATABASE, openEngine } from './engine.mjs';

const [modules, dataDir] = process.argv.slice(2);

const template = await openEngine(modules, dataDir);
await template.exec(`create database ${DATABASE}`);
await template.close();

const database = await openEngine(modules, dataDir, DATABASE);
await database.exec("load 'timescaledb'; create extension timescaledb");
// each test copies the folder file by file; three quarters of the files belong to template databases
await database.exec("update pg_database set datistemplate = false");
for (const other of ['postgres', 'template0', 'template1']) await database.exec(`drop database ${other}`);
await database.exec('checkpoint');
await database.close();
