/** The Postgres wire protocol, version 3: parsing and building messages. */

/** The type of a client's first messages, which have none on the wire. */
export const UNTYPED = '\0';

/** Codes of the untyped messages. */
export const START = 196608;
export const CANCEL = 80877102;

const TYPE = 1;
const LENGTH = 4;
const BODY = TYPE + LENGTH;

/** @returns {Buffer} one message; a part is a string or bytes */
export function message(type, ...parts) {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const head = Buffer.alloc(BODY);
  head.write(type, 'latin1');
  head.writeInt32BE(LENGTH + body.length, TYPE);
  return Buffer.concat([head, body]);
}

export const int32 = (number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(number);
  return bytes;
};

export const SYNC = message('S');
export const READY = message('Z', 'I');

export const typeOf = (message) => String.fromCharCode(message[0]);
export const bodyOf = (message) => message.subarray(BODY);

/** `count` zero-terminated strings of a message, from an offset in its body. */
export function stringsOf(message, count, offset = 0) {
  const body = bodyOf(message);
  const strings = [];
  for (let at = offset, end; strings.length < count; at = end + 1) {
    end = body.indexOf(0, at);
    strings.push(body.toString('utf8', at, end));
  }
  return strings;
}

/** An ErrorResponse that this server sends itself. */
export const error = (severity, code, text) => message('E', `S${severity}\0V${severity}\0C${code}\0M${text}\0\0`);

/** Splits the output of a backend into messages. */
export function framesOf(bytes) {
  const frames = [];
  for (let at = 0, end; at < bytes.length; at = end) {
    end = at + TYPE + bytes.readInt32BE(at + TYPE);
    frames.push(bytes.subarray(at, end));
  }
  return frames;
}

/** Yields a client's messages until it disconnects; those without a type as UNTYPED. */
export async function* messagesOf(socket) {
  let bytes = Buffer.alloc(0);
  let type = 0;
  try {
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      bytes = Buffer.concat([bytes, chunk]);
      for (;;) {
        const size = bytes.length < type + LENGTH ? Infinity : type + bytes.readInt32BE(type);
        if (bytes.length < size) break;
        const raw = bytes.subarray(0, size);
        bytes = bytes.subarray(size);
        if (type) yield raw;
        else {
          if (raw.readInt32BE(LENGTH) === START) type = TYPE;
          yield Buffer.concat([Buffer.from(UNTYPED), raw]);
        }
      }
    }
  } catch (failure) {
    if (!failure.syscall && failure.code !== 'ERR_STREAM_PREMATURE_CLOSE') throw failure; // otherwise the client disconnected
  }
}
