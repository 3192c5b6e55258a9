/** The backend that all connections share, and the settings that are active in it. */

import { DATABASE, openEngine } from './engine.mjs';
import { framesOf, message, typeOf } from './protocol.mjs';

/** Settings with which PGlite starts differently from Postgres. */
const DEFAULTS = Object.entries({
  search_path: '"$user", public',
  client_min_messages: 'notice',
  log_min_messages: 'warning',
  enable_seqscan: 'on',
  allow_system_table_mods: 'off',
});

/** What a server reports to every client that connects. */
const REPORTED = [
  'server_version', 'server_encoding', 'client_encoding', 'DateStyle', 'IntervalStyle', 'TimeZone',
  'integer_datetimes', 'standard_conforming_strings',
];

/** The backend refused a statement; `frame` is its ErrorResponse. */
export class StatementError extends Error {
  constructor(frame) {
    super(frame.toString('utf8', 5).replaceAll('\0', ' '));
    this.frame = frame;
  }
}

export class Backend {
  #engine;
  #names; // lower case -> the case in pg_settings
  #inForce = new Map();

  static async open(modules, dataDir) {
    const backend = new Backend();
    backend.#engine = await openEngine(modules, dataDir, DATABASE);
    await backend.query("load 'timescaledb'");
    const all = await backend.query('select name, setting from pg_settings');
    backend.#names = new Map(all.map(([name]) => [name.toLowerCase(), name]));
    backend.reported = new Map(all.filter(([name]) => REPORTED.includes(name)));
    backend.#inForce = await backend.#read();
    return backend;
  }

  close() {
    return this.#engine.close();
  }

  /** Sends one message; returns the frames of the answer and the tags of the completed commands. */
  async send(request) {
    const { data, messages } = await this.#engine.execProtocol(request, { syncToFs: false, throwOnError: false });
    const tags = messages.filter(({ name }) => name === 'commandComplete').map(({ text }) => text);
    return { frames: framesOf(Buffer.from(data)), tags, messages };
  }

  /**
   * Runs the server's own statements; returns the rows as text.
   * @throws {StatementError}
   */
  async query(sql) {
    const { frames, messages } = await this.send(message('Q', sql, '\0'));
    const failed = frames.find((frame) => typeOf(frame) === 'E');
    if (failed) throw new StatementError(failed);
    return messages.filter(({ name }) => name === 'dataRow').map(({ fields }) => fields);
  }

  /** A connection's settings: the initial ones, to which RESET returns, and those that were SET since. */
  newSettings(start) {
    return { start: start.map(([name, value]) => [this.nameOf(name), value]), set: [] };
  }

  /** A setting's name in its usual case. */
  nameOf(name) {
    return this.#names.get(name.toLowerCase()) ?? name;
  }

  /**
   * Activates a connection's settings, with at most one statement; without any if they are active.
   * @throws {StatementError} the start-up packet contains an invalid setting
   */
  async adopt(settings) {
    const wanted = new Map([...DEFAULTS, ...settings.start, ...settings.set]);
    const changes = [
      ...[...this.#inForce.keys()].filter((name) => !wanted.has(name)).map((name) => `reset ${quoted(name, '"')}`),
      ...[...wanted]
        .filter(([name, value]) => this.#inForce.get(name) !== value)
        .map(([name, value]) => `select pg_catalog.set_config(${quoted(name, "'")}, ${quoted(value, "'")}, false)`),
    ];
    if (changes.length) await this.query(changes.join(';'));
    this.#inForce = wanted;
  }

  /** Records what a connection has SET, and restores the initial value after a RESET. */
  async note(settings) {
    this.#inForce = await this.#read();
    settings.set = [...this.#inForce];
    await this.adopt(settings);
  }

  async #read() {
    return new Map(await this.query("select name, setting from pg_catalog.pg_settings where source = 'session'"));
  }
}

const quoted = (text, quote) => quote + text.replaceAll(quote, quote + quote) + quote;
