/** One client: it owns the backend from its first message until it is outside a transaction. */

import { randomInt } from 'node:crypto';

import { StatementError } from './backend.mjs';
import { DATABASE, USER } from './engine.mjs';
import { CANCEL, READY, START, SYNC, UNTYPED } from './protocol.mjs';
import { bodyOf, error, int32, message, messagesOf, stringsOf, typeOf } from './protocol.mjs';
import { Statements } from './statements.mjs';
import { Cancelled } from './turns.mjs';

const NO_TRANSACTION = 'I';
const AUTHENTICATED = message('R', int32(0));
const SEND_COPY_DATA = message('G', [0, 0, 0]);
const COPY_FROM_CLIENT = /^\s*copy\b.*\bfrom\s+stdin\b/is;
const CHANGES_SETTINGS = /^(SET|RESET|DISCARD ALL)$/;
let made = 0;

/** The client is disconnected with this frame. */
class Refused extends Error {
  constructor(frame) {
    super();
    this.frame = frame;
  }
}

export class Connection {
  id = ++made;
  secret = randomInt(2 ** 31);

  #socket;
  #backend;
  #turns;
  #peers;
  #settings;
  #statements = new Statements(`${this.id}.`);
  #copy = null; // COPY and its data so far: the backend needs them in one message
  #hasTurn = false;
  #status = NO_TRANSACTION;
  #failed = false; // the backend ignores everything until Sync
  #skipping = false; // this connection does the same after a cancellation
  #setSomething = false;

  /** @param {Map<number, Connection>} peers  every open connection, by id */
  constructor(socket, backend, turns, peers) {
    this.#socket = socket.setNoDelay(true).on('error', () => {}); // reading reports it
    this.#backend = backend;
    this.#turns = turns;
    this.#peers = peers;
  }

  /** Serves the client until it disconnects; rolls back an open transaction. */
  async serve() {
    try {
      for await (const request of messagesOf(this.#socket)) {
        const type = typeOf(request);
        if (type === 'X') break;
        if (type === UNTYPED) this.#begin(request);
        else if (this.#copy) await this.#collect(request);
        else if (type === 'Q' && COPY_FROM_CLIENT.test(stringsOf(request, 1)[0])) {
          this.#copy = [request];
          this.#write(SEND_COPY_DATA);
        } else await this.#pass(request);
      }
    } catch (failure) {
      if (!(failure instanceof Refused)) throw failure;
      this.#write(failure.frame);
    }
    await this.#leave();
  }

  cancelWaiting() {
    this.#turns.cancel(this);
  }

  notify(frames) {
    this.#write(...frames);
  }

  #begin(request) {
    const code = bodyOf(request).readInt32BE();
    if (code === CANCEL) {
      const [id, secret] = [bodyOf(request).readInt32BE(4), bodyOf(request).readInt32BE(8)];
      const peer = this.#peers.get(id);
      if (peer?.secret === secret) peer.cancelWaiting();
      this.#socket.end();
    } else if (code === START) {
      this.#start(bodyOf(request).toString('utf8', 4).split('\0'));
    } else {
      this.#write('N'); // no encryption
    }
  }

  #start(strings) {
    const asked = new Map();
    for (let i = 0; strings[i]; i += 2) asked.set(strings[i], strings[i + 1]);
    const { user, database = user, options, ...settings } = Object.fromEntries(asked);
    if (user !== USER) throw refusal('28000', `role "${user}" does not exist`);
    if (database !== DATABASE) throw refusal('3D000', `database "${database}" does not exist`);
    if (options) throw refusal('0A000', 'options are not supported: send settings by name');
    // activated with the first turn: connecting does not wait for another connection
    this.#settings = this.#backend.newSettings(Object.entries(settings));
    const reported = new Map([
      ...this.#backend.reported,
      ...this.#settings.start.filter(([name]) => this.#backend.reported.has(name)),
    ]);
    this.#peers.set(this.id, this);
    this.#write(
      AUTHENTICATED,
      ...[...reported].map(([name, value]) => message('S', `${name}\0${value}\0`)),
      message('K', int32(this.id), int32(this.secret)),
      READY,
    );
  }

  async #collect(piece) {
    this.#copy.push(piece);
    if (!'cf'.includes(typeOf(piece))) return;
    const whole = Buffer.concat(this.#copy);
    this.#copy = null;
    await this.#pass(whole, (frame) => typeOf(frame) !== 'G');
  }

  /** Passes a message to the backend, and the answer to the client. */
  async #pass(request, isWanted = () => true) {
    if (!(await this.#takeTurn(request))) return;
    const translated = this.#statements.translate(request);
    if (translated.first) await this.#backend.send(translated.first);
    const { frames, tags } = await this.#backend.send(translated.request);
    this.#setSomething ||= translated.callsSetConfig || tags.some((tag) => CHANGES_SETTINGS.test(tag));
    let done = false;
    for (const frame of frames) {
      if (typeOf(frame) === 'E') this.#failed = true;
      if (typeOf(frame) === 'Z') {
        this.#failed = false;
        this.#status = bodyOf(frame).toString('latin1');
        done = this.#status === NO_TRANSACTION;
      }
    }
    // Flush without Sync (how asyncpg prepares): the implicit transaction must not block the others
    if (typeOf(request) === 'H' && this.#status === NO_TRANSACTION && !this.#failed) {
      await this.#backend.send(SYNC);
      done = true;
    }
    const notifications = frames.filter((frame) => typeOf(frame) === 'A');
    if (done) await this.#endTurn();
    this.#write(Buffer.concat(frames.filter((frame) => typeOf(frame) !== 'A' && isWanted(frame))));
    // to every connection: clients ignore channels that they don't listen to
    for (const peer of notifications.length ? this.#peers.values() : []) peer.notify(notifications);
  }

  /** @returns whether the request may be passed to the backend */
  async #takeTurn(request) {
    if (this.#skipping) {
      this.#skipping = typeOf(request) !== 'S';
      if (!this.#skipping) this.#write(READY);
      return false;
    }
    if (this.#hasTurn) return true;
    try {
      await this.#turns.take(this);
    } catch (cancelled) {
      if (!(cancelled instanceof Cancelled)) throw cancelled;
      this.#write(error('ERROR', '57014', 'canceling statement due to user request'));
      this.#skipping = typeOf(request) !== 'Q';
      if (!this.#skipping) this.#write(READY);
      return false;
    }
    this.#hasTurn = true;
    try {
      await this.#backend.adopt(this.#settings);
    } catch (failure) {
      throw failure instanceof StatementError ? new Refused(failure.frame) : failure;
    }
    return true;
  }

  async #endTurn() {
    if (this.#setSomething) await this.#backend.note(this.#settings);
    this.#setSomething = false;
    this.#hasTurn = false;
    this.#turns.release();
  }

  async #leave() {
    this.#peers.delete(this.id);
    this.#socket.end().resume();
    if (!this.#settings) return;
    if (!this.#hasTurn) await this.#turns.take(this);
    await this.#backend.send(SYNC);
    await this.#backend.query('rollback');
    for (const close of [...this.#statements.closeAll(), SYNC]) await this.#backend.send(close);
    await this.#endTurn();
  }

  #write(...frames) {
    if (this.#socket.destroyed) return;
    for (const frame of frames) this.#socket.write(frame);
  }
}

const refusal = (code, text) => new Refused(error('FATAL', code, text));
