import assert from "node:assert/strict";
import { test } from "node:test";
import { Model } from "../src/model.ts";
import { events } from "./events.ts";

class FakeSocket {
  onmessage: ((message: { data: string }) => void) | null = null;
  onclose = null;
  readonly sent: string[] = [];
  readonly address: string;

  constructor(address: string) {
    this.address = address;
  }

  send(message: string): void {
    this.sent.push(message);
  }

  close(): void {}

  receive(...frames: object[]): void {
    for (const frame of frames) this.onmessage?.({ data: JSON.stringify(frame) });
  }
}

function makeModel(search: string): { model: Model; socket: () => FakeSocket } {
  const sockets: FakeSocket[] = [];
  const model = new Model({
    href: `http://host/${search}`,
    fetch: async () => new Response("{}", { status: 404 }),
    openSocket(address) {
      const socket = new FakeSocket(address);
      sockets.push(socket);
      return socket as unknown as WebSocket;
    },
    nextFrame: (draw) => draw(),
  });
  return { model, socket: () => sockets.at(-1) as FakeSocket };
}

const hello = { kind: "hello", epoch: "e", first: "e:1:00", last: "e:3:00", cursor: "e:0:" };

test("models share no state", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
  const [one, other] = [makeModel("?type=click"), makeModel("?at=e:0:&speed=10")];
  one.model.stream.start();
  other.model.stream.start();
  assert.match(one.socket().address, /from=-60s&event_type=click/);
  assert.match(other.socket().address, /from=e%3A0%3A&speed=10/);
  one
    .socket()
    .receive(
      hello,
      { kind: "events", cursor: "e:3:00", events: events(1, 3) },
      { kind: "caught_up", cursor: "e:3:00" },
    );
  context.mock.timers.tick(200);
  assert.equal(one.model.stream.tail.value.rows.length, 3);
  assert.equal(one.model.stream.headline.value.text, "Live");
  assert.equal(other.model.stream.tail.value.rows.length, 0);
  assert.equal(other.model.stream.headline.value.text, "Connecting");
  one.model.stream.togglePause();
  assert.deepEqual(one.socket().sent, ['{"kind":"pause"}']);
  other.socket().receive(hello);
  assert.deepEqual(other.socket().sent, []);
});
