/** A connection's prepared statements, under unique names in the shared backend. */

import { bodyOf, message, stringsOf, typeOf } from './protocol.mjs';

const STATEMENT = 'S'.charCodeAt(0); // not a portal

export class Statements {
  #prefix;
  #callsSetConfig = new Map(); // by name in the backend

  constructor(prefix) {
    this.#prefix = prefix;
  }

  /**
   * Translates a client's message for the backend.
   * @returns {{ request: Buffer, first?: Buffer, callsSetConfig: boolean }} `first`: sent before it, its answer is discarded;
   *   `callsSetConfig`: the message runs a statement that may change settings without a SET
   */
  translate(request) {
    switch (typeOf(request)) {
      case 'Q': {
        const [sql] = stringsOf(request, 1);
        const others = withoutUnlisten(sql);
        // a COPY is followed by its data
        return { request: others === sql ? request : message('Q', others, '\0'), callsSetConfig: callsSetConfig(sql) };
      }
      case 'P': {
        const [name, sql] = stringsOf(request, 2);
        const own = this.#prefix + name;
        // the unnamed statement has a name here too, and the backend does not replace named ones
        const first = !name && this.#callsSetConfig.has(own) ? closing(own) : undefined;
        this.#callsSetConfig.set(own, callsSetConfig(sql));
        const types = bodyOf(request).subarray(Buffer.byteLength(name + sql) + 2);
        return { request: message('P', own, '\0', withoutUnlisten(sql), '\0', types), first, callsSetConfig: false };
      }
      case 'B': {
        const [portal, name] = stringsOf(request, 2);
        const callsSetConfig = this.#callsSetConfig.get(this.#prefix + name) ?? false;
        return { request: this.#insertPrefix(request, Buffer.byteLength(portal) + 1), callsSetConfig };
      }
      case 'C':
      case 'D': {
        if (bodyOf(request)[0] !== STATEMENT) break;
        if (typeOf(request) === 'C') this.#callsSetConfig.delete(this.#prefix + stringsOf(request, 1, 1)[0]);
        return { request: this.#insertPrefix(request, 1), callsSetConfig: false };
      }
    }
    return { request, callsSetConfig: false };
  }

  /** Messages that close all of them. */
  closeAll() {
    return [...this.#callsSetConfig.keys()].map(closing);
  }

  #insertPrefix(request, at) {
    const body = bodyOf(request);
    return message(typeOf(request), body.subarray(0, at), this.#prefix, body.subarray(at));
  }
}

const closing = (name) => message('C', 'S', name, '\0');
const callsSetConfig = (sql) => /\bset_config\b/i.test(sql);
// an UNLISTEN of one connection would affect all
const withoutUnlisten = (sql) => sql.replace(/\bunlisten\s*(\*|"[^"]*"|\w+)\s*;?/gi, '');
